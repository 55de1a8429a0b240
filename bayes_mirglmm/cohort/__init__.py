"""What samples share over miRNAs: learned from all of them, used for each.

Belongs here: functions of arrays of profiles, covariances and directions. They know no labels, no tables and no models;
the means that profiles are taken around come from a fit.

For differential isomiR usage: :func:`~bayes_mirglmm.cohort.usage_profiles.mirna_scores` and
:func:`~bayes_mirglmm.cohort.usage_profiles.usage_profiles` make the profiles, and
:func:`~bayes_mirglmm.cohort.usage_test.shared_usage_test` tests them under the covariance that they share.
"""
