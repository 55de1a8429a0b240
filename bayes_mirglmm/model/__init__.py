"""The model: what it is (family, random effects, priors) and its readable form in PyMC.

A specification is a TOML file (``models/*.toml``) or a :class:`ModelSpec`; :func:`build_model` turns one,
with counts and a formula, into the definition of record that the faster forms (``marginal/``, ``nested/``,
``nuts/``) are held to. What belongs here: the specification, its files, the scaling that priors refer to, the
readable model. From outside, use the names below. Importing this package does not import PyMC; only
:func:`build_model` does.
"""

from bayes_mirglmm.model.build import build_model
from bayes_mirglmm.model.files import load_model, shipped_models
from bayes_mirglmm.model.priors import LKJ, HalfNormal, LogNormal, Normal, Priors
from bayes_mirglmm.model.scaling import pair_labels, slope_pairs
from bayes_mirglmm.model.spec import FAMILIES, ModelSpec
from bayes_mirglmm.model.term_priors import TermPriors

__all__ = [
    "FAMILIES",
    "LKJ",
    "HalfNormal",
    "LogNormal",
    "ModelSpec",
    "Normal",
    "Priors",
    "TermPriors",
    "build_model",
    "load_model",
    "pair_labels",
    "shipped_models",
    "slope_pairs",
]
