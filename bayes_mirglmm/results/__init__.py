"""What a fit found: the one place where labels meet arrays again.

From outside call :class:`Fit`, :func:`load`, the assembler (:func:`assemble` with :class:`MirnaRecord`,
:class:`ModelNumbers` and, for a Bayesian fit, :class:`Draws`), :func:`provenance` and :func:`check_target`. Nothing
here fits a model, but for :meth:`Fit.bayes_factor_curve`, which asks :mod:`bayes_mirglmm.methods`; nothing here loads
PyMC.
"""

from bayes_mirglmm.results.fit_result import Fit
from bayes_mirglmm.results.posterior_schema import Draws
from bayes_mirglmm.results.provenance import provenance
from bayes_mirglmm.results.saving import check_target, load
from bayes_mirglmm.results.schema import (
    SCHEMA_VERSION,
    MirnaRecord,
    ModelNumbers,
    assemble,
    validate_fit_data,
)

__all__ = [
    "SCHEMA_VERSION",
    "Draws",
    "Fit",
    "MirnaRecord",
    "ModelNumbers",
    "assemble",
    "check_target",
    "load",
    "provenance",
    "validate_fit_data",
]
