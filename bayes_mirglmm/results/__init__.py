"""What a fit found: the one place where labels meet arrays again.

From outside call :class:`Fit`, :func:`load`, the assembler (:func:`assemble` with :class:`MirnaRecord` and
:class:`ModelNumbers`), :func:`provenance` and :func:`check_target`. Nothing here fits a model; nothing here
loads PyMC.
"""

from bayes_mirglmm.results.fit_result import Fit
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
    "Fit",
    "MirnaRecord",
    "ModelNumbers",
    "assemble",
    "check_target",
    "load",
    "provenance",
    "validate_fit_data",
]
