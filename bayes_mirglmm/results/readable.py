"""The readable PyMC model of one miRNA of a fit."""

from typing import TYPE_CHECKING

import numpy as np

from bayes_mirglmm.errors import InputError
from bayes_mirglmm.results.selection import find_mirna

if TYPE_CHECKING:
    import pymc as pm

    from bayes_mirglmm.results.fit_result import Fit


def build_model(fit: "Fit", mirna: str, *, model: str | None = None, prefix: str = "") -> "pm.Model":
    """Return the model of one miRNA of this fit in PyMC: the same counts, offsets, design, family and priors.

    Parameters
    ----------
    mirna : str
        A fitted miRNA.
    model : str, optional
        ``full`` or ``reduced``; the one that the tables show when omitted.
    prefix : str
        As in :func:`bayes_mirglmm.build_model`, which also says what the model has.

    Returns
    -------
    pymc.Model

    Raises
    ------
    InputError
        The fit has no estimates of the miRNA, or no such model.
    """
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
