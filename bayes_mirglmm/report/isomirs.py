"""The isomiRs of every fitted miRNA, as flat columns that the page draws from.

One flat list of isomiRs, the miRNAs one after the other; ``start`` has the place of each miRNA's first. A column over
isomiRs and levels lists the levels of the first isomiR, then those of the second.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from bayes_mirglmm.counts.isomir_types import TYPES
from bayes_mirglmm.plots.isomir_lines import IsomirLines, isomir_lines
from bayes_mirglmm.report.compact import compact
from bayes_mirglmm.report.comparisons import Comparison
from bayes_mirglmm.report.samples import pairs_of
from bayes_mirglmm.results.inference import LOG_2
from bayes_mirglmm.results.isomir_kinds import Types, types_in
from bayes_mirglmm.results.selection import isomir_position
from bayes_mirglmm.results.terms import INTERCEPT

if TYPE_CHECKING:
    from bayes_mirglmm.results import Fit

DIGITS = 4  # pixels, not tables: the tables have six
MOST_LEVELS = 12  # distinct values of a continuous variable at which lines are drawn
MOST_EFFECTS = 60_000  # rows of isomiRs times comparisons that keep the page within its size
MOST_SAMPLES = 150_000  # miRNAs times samples, likewise
UNKNOWN = TYPES.index("unknown")
KINDS = ("alike", "smaller", "larger")


def isomir_columns(
    fit: "Fit",
    comparisons: Sequence[Comparison],
    contrasts: Any = None,
    types: Types = None,
) -> dict[str, Any]:
    """Return names, read counts, lines and effects of the isomiRs of all fitted miRNAs.

    Parameters
    ----------
    fit : Fit
        Of any method.
    comparisons : sequence of Comparison
        Those of the page; isomiRs have effects for those of the slope variable.
    contrasts : optional
        The contrasts among them, as the user gave them.
    types : mapping or pandas.Series, optional
        Type by isomiR; told from the ids when omitted.

    Returns
    -------
    dict
        ``start`` (miRNAs + 1), ``name``, ``reads``, ``effects`` (comparison -> estimate, lower, upper as log2 fold
        change, p), ``beyond`` (what of these has no room), ``type`` (a place in :data:`TYPES`; None when no type is
        known), ``lines`` (None without a slope variable), ``samples`` (None when there are too many).
    """
    mirnas = list(fit.mirnas)
    place = isomir_position(fit.data)
    index = fit.data.indexes["mirna"].get_indexer(pd.Index(mirnas))
    members = [np.flatnonzero(place == i) for i in index]
    order = np.concatenate([np.empty(0, dtype=int), *members]).astype(int)
    counts = fit.data["counts"].values[order]
    names = fit.data["isomir"].values[order]
    start = np.concatenate([[0], np.cumsum([len(rows) for rows in members])]).astype(int)
    return {
        "start": start.tolist(),
        "name": [str(name) for name in names],
        "reads": compact(counts.sum(axis=1)),
        "effects": _effects(fit, comparisons, contrasts, names),
        "beyond": _beyond(fit, comparisons, len(names)),
        "type": _types(fit, order, types),
        "type_names": list(TYPES),
        "lines": _lines(fit, mirnas),
        "samples": _samples(fit, counts, start),
    }


def _of_slope(comparisons: Sequence[Comparison]) -> list[str]:
    return [c.name for c in comparisons if c.of_slope]


def _room(isomirs: int) -> int:
    """Return for how many comparisons the page holds the effects of isomiRs: always those of one."""
    return max(1, MOST_EFFECTS // max(isomirs, 1))


def _beyond(fit: "Fit", comparisons: Sequence[Comparison], isomirs: int) -> dict[str, Any] | None:
    """Return what the page has no room for: comparisons, rows of their isomiRs, and where those are."""
    of_slope, room = _of_slope(comparisons), _room(isomirs)
    if len(of_slope) <= room:
        return None
    left = of_slope[room:]
    return {
        "coefficients": [name for name in left if name in fit.design.terms],
        "contrasts": [name for name in left if name not in fit.design.terms],
        "comparisons": len(of_slope),
        "shown": room,
        "rows": len(of_slope) * isomirs,
        "left_out": len(left) * isomirs,
        "most": MOST_EFFECTS,
    }


def _types(fit: "Fit", order: np.ndarray, types: Types) -> list[int] | None:
    """Return the type of each isomiR, its place in :data:`TYPES`; None when none is known."""
    found = [TYPES.index(kind) for kind in types_in(fit.data, order, types)]
    return found if set(found) - {UNKNOWN} else None


def _effects(
    fit: "Fit", comparisons: Sequence[Comparison], contrasts: Any, names: np.ndarray
) -> dict[str, dict[str, list[Any]]]:
    wanted = _of_slope(comparisons)[: _room(len(names))]
    tables = {}
    terms = [name for name in wanted if name in fit.design.slope_terms]
    if terms or not comparisons:
        tables["term"] = fit.isomir_effects(terms or [INTERCEPT])
    specs = _of_isomirs(fit, contrasts) if any(name not in terms for name in wanted) else None
    if specs is not None:
        tables["contrast"] = fit.isomir_effects(contrasts=specs)
    rank = "lfsr" if fit.method.has_draws else "p_value"
    found = {}
    for label, table in tables.items():
        for name, rows in table.groupby(label, sort=False):
            if label == "contrast" and str(name) not in wanted:
                continue
            rows = rows.set_index("isomir").reindex(names)
            ends = ("estimate", "lower", "upper")
            found[str(name)] = {end: compact(rows[end].to_numpy() / LOG_2, DIGITS) for end in ends}
            found[str(name)]["p"] = compact(rows[rank].to_numpy(), 3)
    return found


def _of_isomirs(fit: "Fit", contrasts: Any) -> dict[str, dict[str, float]]:
    """Return the contrasts that isomiRs have effects for, as named weights."""
    from bayes_mirglmm.design.build import contrast_weights

    weights = contrast_weights(fit.design, contrasts)
    inside = weights.columns.isin(fit.design.slope_terms)
    weights = weights[(weights.loc[:, ~inside] == 0).all(axis=1)]
    return {
        str(name): {str(term): float(w) for term, w in row.items() if w != 0}
        for name, row in weights.iterrows()
    }


def _lines(fit: "Fit", mirnas: Sequence[str]) -> dict[str, Any] | None:
    """Return expression along the slope variable: ``isomir`` and ``observed`` (isomiRs x levels), ``mirna``, in CPM."""
    if fit.slope is None:
        return None
    found = [_thinned(isomir_lines(fit, mirna)) for mirna in mirnas]
    if not found:
        return None
    first = found[0]
    return {
        "variable": fit.slope,
        "factor": first.is_factor,
        "levels": [str(v) if first.is_factor else float(str(v)) for v in first.levels],
        "isomir": compact(np.concatenate([lines.isomirs.ravel() for lines in found]), DIGITS),
        "observed": compact(np.concatenate([lines.observed.ravel() for lines in found]), DIGITS),
        "mirna": [compact(lines.mirna, DIGITS) for lines in found],
        "kind": [KINDS.index(str(kind)) for lines in found for kind in lines.kind],
    }


def _thinned(lines: IsomirLines) -> IsomirLines:
    """Draw a continuous variable with many values at a few of them, without the counts that were pooled at each."""
    size = len(lines.levels)
    if lines.is_factor or size <= MOST_LEVELS:
        return lines
    keep = np.unique(np.linspace(0, size - 1, MOST_LEVELS).round().astype(int))
    return IsomirLines(
        levels=tuple(lines.levels[i] for i in keep),
        is_factor=False,
        names=lines.names,
        isomirs=lines.isomirs[:, keep],
        mirna=lines.mirna[keep],
        observed=np.full((len(lines.names), len(keep)), np.nan),
        kind=lines.kind,
    )


def _samples(fit: "Fit", counts: np.ndarray, start: np.ndarray) -> dict[str, Any] | None:
    """Return the CPM of the summed isomiRs in each sample, and where on the slope variable the sample stands."""
    n = fit.data.sizes["sample"]
    if fit.slope is None or (len(start) - 1) * n > MOST_SAMPLES:
        return None
    summed = np.add.reduceat(counts, start[:-1], axis=0) if len(start) > 1 else np.empty((0, n))
    per_million = summed / (fit.data["total"].values / 1e6)
    variable = fit.design.table[fit.slope]
    at = variable.cat.codes.to_numpy() if variable.dtype == "category" else variable.to_numpy(dtype=float)
    return {
        "name": [str(name) for name in fit.data["sample"].values],
        "at": compact(at, DIGITS),
        "pair": pairs_of(fit),
        "cpm": [compact(row, DIGITS) for row in per_million],
    }
