"""What a fit found: the one place where labels meet arrays again.

From outside call :class:`Fit`, :func:`load`, the assembler (:func:`assemble` with the records of
:mod:`bayes_mirglmm.records`), :func:`provenance` and :func:`check_target`. Nothing here fits a model, but for
:meth:`Fit.bayes_factor_curve`, which asks :mod:`bayes_mirglmm.methods`; nothing here loads PyMC.
"""

from bayes_mirglmm.results.fit_result import Fit
from bayes_mirglmm.results.loading import load
from bayes_mirglmm.results.provenance import provenance
from bayes_mirglmm.results.run_folder import check_target
from bayes_mirglmm.results.schema import (
    SCHEMA_VERSION,
    assemble,
    validate_fit_data,
)

__all__ = [
    "SCHEMA_VERSION",
    "Fit",
    "assemble",
    "check_target",
    "load",
    "provenance",
    "validate_fit_data",
]
