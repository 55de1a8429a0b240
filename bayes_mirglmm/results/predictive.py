"""Posterior predictive checks: counts made by the model beside those that were seen."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from bayes_mirglmm.errors import InputError

if TYPE_CHECKING:
    from bayes_mirglmm.results.fit_result import Fit


def zeros(counts: np.ndarray, offset: np.ndarray) -> np.ndarray:
    """Return the share of cells that are 0, of counts (..., J, n)."""
    return (counts == 0).mean(axis=(-2, -1))


def dispersion(counts: np.ndarray, offset: np.ndarray) -> np.ndarray:
    """Return the mean over isomiRs of the squared coefficient of variation of their rates over samples."""
    rate = counts / np.exp(offset)
    mean = np.maximum(rate.mean(axis=-1), 1e-12)
    return (rate.var(axis=-1, ddof=1) / mean**2).mean(axis=-1)


def sample_spread(counts: np.ndarray, offset: np.ndarray) -> np.ndarray:
    """Return the SD over samples of the log CPM of the miRNA, its isomiRs summed."""
    return np.log((counts.sum(axis=-2) + 0.5) / np.exp(offset)).std(axis=-1, ddof=1)


STATISTICS: dict[str, Callable[[np.ndarray, np.ndarray], np.ndarray]] = {
    "zeros": zeros,
    "dispersion": dispersion,
    "sample_spread": sample_spread,
}


def predictive_checks(fit: "Fit", mirnas: Sequence[str] | None = None) -> pd.DataFrame:
    """Return posterior predictive checks: counts drawn anew from each posterior draw beside those that were seen.

    The new counts keep the random effects of the draw, so that a check asks whether the likelihood fits, not
    whether the random effects do.

    Parameters
    ----------
    mirnas : sequence of str, optional
        All that have draws when omitted.

    Returns
    -------
    pandas.DataFrame
        mirna, statistic, observed, expected (mean of the new data sets), lower, upper (95 %), p_value (share of new
        data sets with a larger value, ties halved; near 0 or 1 the model misses that feature). Statistics:
        ``zeros`` (share of cells), ``dispersion`` (mean over isomiRs of the squared coefficient of variation over
        samples), ``sample_spread`` (SD over samples of the log CPM of all isomiRs together).

    Raises
    ------
    InputError
        The fit has no draws.

    References
    ----------
    Gelman, Meng & Stern (1996), Statistica Sinica 6, 733-760.
    """
    if not fit.method.has_draws:
        raise InputError(
            "predictive checks need posterior draws, which a fit by maximum likelihood has not: fit with "
            "method='laplace' or 'nuts'."
        )
    offset = fit.data["offset"].values
    rows = []
    for mirna in fit.mirnas if mirnas is None else mirnas:
        tree = fit[mirna]
        observed = np.asarray(tree["observed_data"]["counts"].values, dtype=float).reshape(-1, len(offset))
        replicates = np.asarray(tree["posterior_predictive"]["counts"].values, dtype=float)
        replicates = replicates.reshape(-1, *observed.shape)
        for name, statistic in STATISTICS.items():
            seen, made = float(statistic(observed, offset)), statistic(replicates, offset)
            # The middle of the ties: a statistic that can only be 0 has p = 0.5.
            above = float((made > seen).mean() + 0.5 * (made == seen).mean())
            rows.append(
                {"mirna": mirna, "statistic": name, "observed": seen, "expected": made.mean()}
                | dict(zip(("lower", "upper"), np.quantile(made, [0.025, 0.975]), strict=True))
                | {"p_value": above}
            )
    columns = ["mirna", "statistic", "observed", "expected", "lower", "upper", "p_value"]
    return pd.DataFrame(rows, columns=columns)
