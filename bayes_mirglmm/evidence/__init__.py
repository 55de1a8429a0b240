"""Evidence from fitted numbers: tests, adjustment for many tests, shrinkage, bridge sampling.

Belongs here: functions of arrays of log-likelihoods, p-values, estimates, standard errors and posterior draws.
They know no labels, no tables and no models; NaN stands for a miRNA that was not fitted and stays NaN.

To call from outside:

* :func:`~bayes_mirglmm.evidence.lrt.likelihood_ratio_test` for differential isomiR usage;
* :func:`~bayes_mirglmm.evidence.bayes_factor.posterior_probability`,
  :func:`~bayes_mirglmm.evidence.bayes_factor.bayesian_fdr` and
  :func:`~bayes_mirglmm.evidence.bayes_factor.rescale_evidence`, from Bayes factors;
* :func:`~bayes_mirglmm.evidence.multiple_testing.benjamini_hochberg`;
* :func:`~bayes_mirglmm.evidence.shrinkage.shrink`, adaptive shrinkage of effects;
* :func:`~bayes_mirglmm.evidence.bridge.bridge_sampling`, the log evidence of a model from posterior draws.
"""
