"""What samples share over miRNAs: learned from all of them, used for each.

Belongs here: functions of arrays of profiles, covariances and directions. They know no labels, no tables and no models;
the means that profiles are taken around come from a fit.

For differential isomiR usage: :func:`~bayes_mirglmm.cohort.usage_profiles.mirna_scores` and
:func:`~bayes_mirglmm.cohort.usage_profiles.usage_profiles` make the profiles, and
:func:`~bayes_mirglmm.cohort.usage_test.shared_usage_test` tests them under the covariance that they share.

For effects: :func:`~bayes_mirglmm.cohort.responses.log_scale_responses` turns fitted counts into responses,
:func:`~bayes_mirglmm.cohort.cohort_effects.learn_cohort` learns what the samples share,
:func:`~bayes_mirglmm.cohort.cohort_effects.cohort_effects` estimates a contrast under it, and
:mod:`~bayes_mirglmm.cohort.sample_directions` shows it.
"""
