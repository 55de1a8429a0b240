"""Posterior summaries of whatever a user computes from the draws."""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import xarray as xr

from bayes_mirglmm.errors import InputError
from bayes_mirglmm.methods.registry import methods_with_draws
from bayes_mirglmm.results.draws import drawn_model, draws_of, posterior_of
from bayes_mirglmm.results.selection import interval_level, selected
from bayes_mirglmm.results.summaries import equal_tailed, mean_and_sd, sign_rates

if TYPE_CHECKING:
    from bayes_mirglmm.results.fit_result import Fit

COLUMNS = ("estimate", "std_error", "lower", "upper", "lfsr")


def summarise(fit: "Fit", function: Callable[[xr.Dataset], Any], prob: float | None = None) -> pd.DataFrame:
    """Return the posterior of a quantity of your own, a row for each miRNA with draws.

    Parameters
    ----------
    function : callable
        From the draws of one miRNA to the quantity: one number for each draw. The draws are an ``xarray.Dataset``
        with the names of the posterior of ``fit[mirna]``, all along one dim ``draw``: beta (term), effect and b
        (isomir, slope_term), sd_isomir (slope_term), correlation (slope_pair), sd_sample, u (sample_id), theta (not
        of a Poisson model), in natural logs; and weight. It must not average over draws: those of
        ``method="laplace"`` carry weights, which are applied here. It may return a mapping of names to quantities.
    prob : float, optional
        Level of the intervals; that of the fit by default.

    Returns
    -------
    pandas.DataFrame
        mirna, (quantity, where the function returns a mapping), estimate (posterior mean), std_error (posterior
        SD), lower, upper (equal-tailed interval), lfsr (the smaller of P(>= 0) and P(<= 0)) and what
        :meth:`diagnostics` says of the miRNA. Of a yes or no for each draw, ``draws["sd_sample"] > 1`` say,
        ``estimate`` is the posterior probability.

    Raises
    ------
    InputError
        The fit has no draws, or the function returns anything but a number for each draw.

    Examples
    --------
    The probability that all isomiRs of a miRNA change in the same direction::

        def alike(draws):
            effect = draws["effect"].sel(slope_term="group[T.case]")
            return (effect > 0).all("isomir") | (effect < 0).all("isomir")

        fit.summarise(alike)
    """
    data = fit.data
    if not fit.method.has_draws:
        raise InputError(
            f"a fit by maximum likelihood has no draws to summarise: fit with method={methods_with_draws()}."
        )
    level = interval_level(data, prob)
    rows: list[dict[str, Any]] = []
    for mirna in data["drawn"].values:
        weight = draws_of(data, "weight").sel(drawn=mirna).values
        found = function(mirna_draws(fit, str(mirna)))
        several = found if isinstance(found, Mapping) else {"": found}
        for name, values in several.items():
            draws = _checked(values, len(weight), f"{mirna}{name and f', {name}'}")[None]
            each = weight[None]
            numbers = (
                *mean_and_sd(draws, weight),
                *equal_tailed(draws, each, level),
                sign_rates(draws, each),
            )
            label = {"quantity": str(name)} if isinstance(found, Mapping) else {}
            rows.append({"mirna": mirna} | label | dict(zip(COLUMNS, (n[0] for n in numbers), strict=True)))
    table = pd.DataFrame(rows) if rows else pd.DataFrame(columns=["mirna", *COLUMNS])
    where = data.indexes["mirna"].get_indexer(pd.Index(table["mirna"]))
    return table.assign(**{name: selected(data, name)[where] for name in fit.method.shown})


def mirna_draws(fit: "Fit", mirna: str) -> xr.Dataset:
    """Return the draws of one miRNA, all along one dim ``draw``, with their weights as they are."""
    own = drawn_model(fit.data, mirna, fit.design.blocks, fit.design.random)
    found = posterior_of(own, lambda draws: np.asarray(draws, dtype=np.float64))
    draws = own.labels.group(found, lead=("draw",))
    draws["weight"] = ("draw", draws_of(fit.data, "weight").sel(drawn=mirna).values)
    draws.attrs = {"mirna": mirna, "method": fit.method.name, "formula": fit.formula}
    return draws


def _checked(values: Any, count: int, where: str) -> np.ndarray:
    """Return what the function gave as an array of a number for each draw, or say what it gave instead."""
    if isinstance(values, xr.DataArray) and values.dims != ("draw",):
        raise InputError(
            f"{where}: the function returned dims {values.dims} and should return ('draw',): choose one of what is "
            "left, .sel(term='group[T.B]') say, or reduce it, .mean('isomir')."
        )
    array = np.asarray(values)
    if array.shape != (count,) or array.dtype.kind not in "fiub":
        raise InputError(
            f"{where}: the function returned an array of {array.dtype} of shape {array.shape} and should return one "
            f"number for each of the {count} draws: it must not take means over draws itself."
        )
    return array.astype(np.float64)
