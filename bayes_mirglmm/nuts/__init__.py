"""NUTS: draws from the exact posterior, through nutpie.

The sampler's form of the model (:mod:`bayes_mirglmm.nuts.form`) has a compiled log density and gradient of its own
(``density.py``), which serves every miRNA, design and family: nothing is compiled for a data set. Tests hold it to the
readable model of :func:`bayes_mirglmm.build_model`.

This room knows arrays and model specifications: no labels, no tables, no PyMC. From outside: :func:`prepare` a miRNA
(:class:`Estimate` says where to start), :func:`sample` it (:class:`Settings`), and read the :class:`Sampled` that comes
back; :func:`log_evidence` is the evidence by bridge sampling.
"""

from bayes_mirglmm.nuts.backend import compile_density, is_density_compiled
from bayes_mirglmm.nuts.data import Estimate, Prepared, prepare
from bayes_mirglmm.nuts.diagnostics import Diagnostics
from bayes_mirglmm.nuts.draws import Quantities, quantities
from bayes_mirglmm.nuts.evidence import log_evidence
from bayes_mirglmm.nuts.sampling import Sampled, Settings, sample

__all__ = [
    "Diagnostics",
    "Estimate",
    "Prepared",
    "Quantities",
    "Sampled",
    "Settings",
    "compile_density",
    "is_density_compiled",
    "log_evidence",
    "prepare",
    "quantities",
    "sample",
]
