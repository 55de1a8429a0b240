"""The nested Laplace posterior: Bayesian answers without MCMC.

The random effects are integrated out by Laplace (:mod:`bayes_mirglmm.marginal`), the five to ten parameters that are
left by importance sampling, in coordinates in which their prior is N(0, I). The mean importance weight is the evidence
of the model, so that Bayes factors come with the posterior.

This room knows arrays and model specifications: no labels, no tables, no PyMC. From outside call
:func:`nested_posterior` (one miRNA, one model) and read the :class:`NestedPosterior` that comes back;
:class:`PriorCoordinates` is the prior, :func:`pareto_k` the diagnostic of importance weights, and
:func:`compile_posterior` compiles what all this needs.
"""

from bayes_mirglmm.nested.coordinates import PriorCoordinates
from bayes_mirglmm.nested.importance import ImportanceSample, importance_sample
from bayes_mirglmm.nested.nested import NestedPosterior, Start, nested_posterior
from bayes_mirglmm.nested.pareto import pareto_k
from bayes_mirglmm.nested.warmup import compile_posterior

__all__ = [
    "ImportanceSample",
    "NestedPosterior",
    "PriorCoordinates",
    "Start",
    "compile_posterior",
    "importance_sample",
    "nested_posterior",
    "pareto_k",
]
