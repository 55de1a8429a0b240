"""Contrasts of coefficients: differences of levels, all pairs of a factor, any weighted sum."""

from typing import Any

import pandas as pd

from bayes_mirglmm.design.build import Design, contrast_weights
from bayes_mirglmm.errors import InputError
from bayes_mirglmm.results.effects import unit_weights


def chosen_weights(design: Design, terms: Any = None, contrasts: Any = None) -> tuple[pd.DataFrame, str]:
    """Return the weights of coefficients or contrasts, and the name of the column that will name them.

    Parameters
    ----------
    design : Design
        The design of the fit.
    terms : str or sequence of str, optional
        Coefficients; all when neither terms nor contrasts are given.
    contrasts : optional
        What :func:`bayes_mirglmm.design.build.contrast_weights` understands.

    Returns
    -------
    weights : pandas.DataFrame
        A row per coefficient or contrast, a column per term of the design.
    label : str
        ``term`` or ``contrast``.

    Raises
    ------
    InputError
        Both are given, or one of them names what the design does not have.
    """
    if contrasts is None:
        return unit_weights(design.terms, terms), "term"
    if terms is not None:
        raise InputError("give terms or contrasts, not both: they are separate tables.")
    weights = contrast_weights(design, contrasts)[list(design.terms)]
    size = weights.abs().max(axis=1).to_numpy()[:, None]
    # Averages over levels may leave rounding dust where a coefficient cancels.
    return weights.where(weights.abs() > 1e-12 * size, 0.0), "contrast"
