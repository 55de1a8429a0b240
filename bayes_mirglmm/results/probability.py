"""Posterior probabilities of effects: of their direction, beyond a size that matters, within a range that does not."""

from collections.abc import Callable, Sequence
from numbers import Real
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from bayes_mirglmm.errors import InputError
from bayes_mirglmm.results.draws import draws_of
from bayes_mirglmm.results.inference import long_table
from bayes_mirglmm.results.posterior_draws import check_draws, chosen_mirnas, drawn_weights, isomir_draws
from bayes_mirglmm.results.posterior_tables import below
from bayes_mirglmm.results.selection import selected

if TYPE_CHECKING:
    from bayes_mirglmm.results.fit_result import Fit

Rope = tuple[float, float]


def probability(
    fit: "Fit",
    terms: str | Sequence[str] | None = None,
    contrasts: Any = None,
    *,
    beyond: float | None = None,
    rope: Sequence[float] | None = None,
    of: str = "effects",
    mirnas: str | Sequence[str] | None = None,
) -> pd.DataFrame:
    """Return posterior probabilities of effects: of their direction, beyond a size, within a range.

    Parameters
    ----------
    terms, contrasts
        As in :meth:`effects` and :meth:`isomir_effects`.
    beyond : float, optional
        Size of an effect that matters, natural log, 0 or more: ``np.log(2)`` for a factor of two.
    rope : (float, float), optional
        Region of practical equivalence, natural logs: ``(-0.1, 0.1)`` for changes of less than a tenth.
    of : {"effects", "isomir_effects"}
        Of miRNAs, or of their isomiRs.
    mirnas : str or sequence of str, optional
        Only of these.

    Returns
    -------
    pandas.DataFrame
        mirna, (isomir), term or contrast, p_up and p_down (of an effect above and below 0), p_direction (the larger
        of the two, 1 - lfsr); with ``beyond`` p_beyond (of an effect larger than it, whatever its sign),
        p_up_beyond and p_down_beyond; with ``rope`` p_rope (of an effect within it); and what :meth:`diagnostics`
        says of the miRNA. Draws of ``method="laplace"`` are smoothed as in :meth:`effects`, those of ``"nuts"``
        counted. Each miRNA has the model's own prior: the mean of 1 - p over a list is its expected share of
        false ones where that prior fits the miRNAs as a whole.

    Raises
    ------
    InputError
        The fit has no draws, or a bound is none.
    """
    check_draws(fit, of, ("effects", "isomir_effects"))
    check_beyond(beyond)
    region = checked_rope(rope)
    weights, label = drawn_weights(fit, of, terms, contrasts)
    data, names = fit.data, chosen_mirnas(fit, mirnas)
    drawn = {str(name): d for d, name in enumerate(data["drawn"].values)}
    parts: list[dict[str, np.ndarray]] = []
    keys: dict[str, list[str]] = {"mirna": [], "isomir": []}
    for mirna in names:
        d = drawn[mirna]
        beta = draws_of(data, "beta").values[d].astype(np.float64)
        if of == "effects":
            draws = weights.to_numpy(dtype=float) @ beta.T
            keys["mirna"].append(mirna)
        else:
            rows = np.flatnonzero(data["isomir_mirna"].values == mirna)
            b = draws_of(data, "b").isel(isomir=rows).values.astype(np.float64)
            draws = isomir_draws(fit, beta, b, weights)
            keys["mirna"] += [mirna] * len(rows)
            keys["isomir"] += [str(name) for name in data["isomir"].values[rows]]
            draws = draws.reshape(-1, draws.shape[-1])
        parts.append(_probabilities(below(draws, data, d), beyond, region))
    columns = {
        name: np.concatenate([np.empty(0), *(part[name] for part in parts)])
        for name in _probabilities(lambda value: np.empty(0), beyond, region)
    }
    table = long_table(
        {name: np.array(keys[name], dtype=object) for name in keys if name == "mirna" or of != "effects"},
        label,
        weights,
        columns,
    )
    where = data.indexes["mirna"].get_indexer(pd.Index(table["mirna"]))
    return table.assign(**{name: selected(data, name)[where] for name in fit.method.shown})


def asked_probabilities(
    fit: "Fit", beyond: float | None = None, rope: Sequence[float] | None = None
) -> dict[str, Any]:
    """Return the bounds that are given, else those that the run was made with; empty where there are none."""
    if beyond is None and rope is None:
        return dict(fit.metadata.get("probability") or {}) if fit.method.has_draws else {}
    return {"beyond": beyond, "rope": rope}


def _probabilities(
    cumulative: Callable[[float], np.ndarray], beyond: float | None, rope: Rope | None
) -> dict[str, np.ndarray]:
    down = cumulative(0.0)
    found = {"p_up": 1.0 - down, "p_down": down, "p_direction": np.maximum(down, 1.0 - down)}
    if beyond is not None:
        low, high = cumulative(-beyond), 1.0 - cumulative(beyond)
        found |= {"p_beyond": low + high, "p_up_beyond": high, "p_down_beyond": low}
    if rope is not None:
        found["p_rope"] = cumulative(rope[1]) - cumulative(rope[0])
    return {name: np.clip(values, 0.0, 1.0) for name, values in found.items()}


def check_beyond(beyond: float | None) -> None:
    """Refuse a size of effect that is none."""
    if beyond is None:
        return
    if isinstance(beyond, bool) or not isinstance(beyond, Real) or not 0 <= beyond < np.inf:
        raise InputError(
            f"beyond={beyond!r}: give a size of effect as a natural log, 0 or more: np.log(2) for a factor of two."
        )


def checked_rope(rope: Sequence[float] | None) -> Rope | None:
    """Return the ends of a region of practical equivalence, or refuse what is none."""
    if rope is None:
        return None
    ends = list(rope) if isinstance(rope, Sequence | np.ndarray) else []
    if len(ends) != 2 or not all(isinstance(end, Real) for end in ends) or not ends[0] < ends[1]:
        raise InputError(
            f"rope={rope!r}: give the lower and the upper end of the region of practical equivalence as natural logs, "
            "(-0.1, 0.1) for changes of less than a tenth."
        )
    return float(ends[0]), float(ends[1])
