"""The readable PyMC model of one miRNA of a fit, and its source."""

from typing import TYPE_CHECKING, Any

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

    return model_of_design(**_inputs(fit, mirna, model), prefix=prefix)


def model_source(fit: "Fit", mirna: str, *, model: str | None = None) -> str:
    """Return the model of one miRNA of this fit as Python source that runs by itself, to edit.

    Parameters
    ----------
    mirna : str
        A fitted miRNA.
    model : str, optional
        ``full`` or ``reduced``; the one that the tables show when omitted.

    Returns
    -------
    str
        As :func:`bayes_mirglmm.model_source` gives it: ``exec`` of it makes ``model``, a ``pymc.Model``.

    Raises
    ------
    InputError
        The fit has no estimates of the miRNA, or no such model.
    """
    from bayes_mirglmm.model.source import source_of_design

    return source_of_design(**_inputs(fit, mirna, model))


def _inputs(fit: "Fit", mirna: str, model: str | None) -> dict[str, Any]:
    data = fit.data
    i = find_mirna(data, mirna)
    models = [str(name) for name in data["model"].values]
    which = str(data["coefficients_from"].values[i]) if model is None else model
    if which not in models:
        raise InputError(f"this fit has no model {which!r}: choose from {', '.join(models)}.")
    rows = np.flatnonzero(data["isomir_mirna"].values == mirna)
    return {
        "spec": fit.spec.reduced() if which == "reduced" else fit.spec,
        "design": fit.design,
        "counts": data["counts"][rows].values,
        "offset": data["offset"].values,
        "mirna": mirna,
        "isomirs": [str(name) for name in data["isomir"].values[rows]],
        "sample_covariance": data["sample_covariance"].values if "sample_covariance" in data else None,
    }
