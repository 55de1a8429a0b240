"""The readable PyMC model of one miRNA of a fit."""

from typing import TYPE_CHECKING

import numpy as np

from bayes_mirglmm.errors import InputError
from bayes_mirglmm.results.selection import find_mirna

if TYPE_CHECKING:
    import pymc as pm

    from bayes_mirglmm.results.fit_result import Fit


def readable_model(fit: "Fit", mirna: str, model: str | None, prefix: str) -> "pm.Model":
    """Return :meth:`bayes_mirglmm.results.Fit.build_model`."""
    from bayes_mirglmm.model.build import model_of_design

    data = fit.data
    i = find_mirna(data, mirna)
    models = [str(name) for name in data["model"].values]
    which = str(data["coefficients_from"].values[i]) if model is None else model
    if which not in models:
        raise InputError(f"this fit has no model {which!r}: choose from {', '.join(models)}.")
    rows = np.flatnonzero(data["isomir_mirna"].values == mirna)
    return model_of_design(
        fit.spec.reduced() if which == "reduced" else fit.spec,
        fit.design,
        data["counts"].values[rows],
        data["offset"].values,
        mirna,
        [str(name) for name in data["isomir"].values[rows]],
        sample_covariance=data["sample_covariance"].values if "sample_covariance" in data else None,
        prefix=prefix,
    )
