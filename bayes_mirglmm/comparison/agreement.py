"""Numbers on how far two sides agree."""

from collections.abc import Sequence
from itertools import combinations

import numpy as np
import pandas as pd

from bayes_mirglmm.comparison.sources import Source
from bayes_mirglmm.results.inference import LOG_2

UP, DOWN, NONE, UNTESTED = "up", "down", "none", "not tested"
CALLED = (UP, DOWN)
#: What a side says of a miRNA where the direction does not matter; ``UNTESTED`` is the third.
CALL, NO_CALL = "called", "not called"


def called(source: Source, fdr: float) -> pd.Series:
    """Return ``up``, ``down``, ``none`` or, where a side has no test, ``not tested`` for each miRNA of a side."""
    table = source.table
    measure = table["measure"].to_numpy(dtype=float)
    direction = np.where(table["estimate"].to_numpy() > 0, UP, DOWN)
    calls = np.select([np.isnan(measure), measure <= fdr], [UNTESTED, direction], NONE)
    return pd.Series(calls, index=table.index, dtype=object)


def agreement_table(sources: Sequence[Source], fdr: float) -> pd.DataFrame:
    """Return a row for each pair of sides; :meth:`Comparison.agreement` explains the columns."""
    return pd.DataFrame([_pair(a, b, fdr) for a, b in combinations(sources, 2)])


def calls_table(sources: Sequence[Source], fdr: float) -> pd.DataFrame:
    """Return a row for each combination of sides that call a miRNA, most frequent first, no side last."""
    names = [s.name for s in sources]
    every = pd.Index(dict.fromkeys(m for s in sources for m in s.table.index), name="mirna")
    calls = pd.DataFrame({s.name: called(s, fdr).reindex(every, fill_value=UNTESTED) for s in sources})
    both_ways = (calls == UP).any(axis=1) & (calls == DOWN).any(axis=1)
    state = calls.replace({UP: CALL, DOWN: CALL, NONE: NO_CALL})
    frame = state.assign(mirnas=1, opposite=both_ways.astype(int))
    counted = frame.groupby(names, sort=False, as_index=False).sum()
    none = ~(counted[names] == CALL).any(axis=1)
    order = np.lexsort((-counted["mirnas"].to_numpy(), none.to_numpy()))
    return counted.iloc[order].reset_index(drop=True)


def remarks(sources: Sequence[Source]) -> list[str]:
    """Return sentences on what two sides have systematically different: direction, unit, level."""
    sentences = []
    for a, b in combinations(sources, 2):
        x, y, _ = _common(a, b)
        if len(x) < 5 or x.std() == 0 or y.std() == 0:
            continue
        r, ratio, shift = float(np.corrcoef(x, y)[0, 1]), float(y.std() / x.std()), float(np.median(y - x))
        if r < -0.5:
            sentences.append(
                f"{a.name} and {b.name} run in opposite directions (correlation {r:.2f}): one of them probably has the "
                "groups the other way round."
            )
        elif r > 0.9 and min(abs(ratio / LOG_2 - 1), abs(ratio * LOG_2 - 1)) < 0.06:
            wide, narrow = (b.name, a.name) if ratio > 1 else (a.name, b.name)
            sentences.append(
                f"Log fold changes of {wide} are {max(ratio, 1 / ratio):.2f} times those of {narrow}, which is about "
                "the factor between log2 and natural log (1.44): check the units."
            )
        elif abs(shift) > 0.1:
            sentences.append(
                f"{b.name} is {'higher' if shift > 0 else 'lower'} than {a.name} by {abs(shift):.2f} (natural log) at "
                "the median miRNA: a shift that all share comes from the normalisation."
            )
    return sentences


def _pair(a: Source, b: Source, fdr: float) -> dict[str, object]:
    x, y, shared = _common(a, b)
    one, two = a.table.loc[shared], b.table.loc[shared]
    difference = y - x
    width_a, width_b = (one["upper"] - one["lower"]).to_numpy(), (two["upper"] - two["lower"]).to_numpy()
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = width_b / width_a
    overlap = (one["lower"].to_numpy() <= two["upper"]) & (two["lower"].to_numpy() <= one["upper"])
    intervals = np.isfinite(width_a) & np.isfinite(width_b)
    calls_a, calls_b = called(a, fdr).loc[shared], called(b, fdr).loc[shared]
    hit_a, hit_b = calls_a.isin(CALLED), calls_b.isin(CALLED)
    either = int((hit_a | hit_b).sum())
    return {
        "a": a.name,
        "b": b.name,
        "mirnas": len(shared),
        "only_a": len(a.table.index.difference(b.table.index)),
        "only_b": len(b.table.index.difference(a.table.index)),
        "pearson": _correlation(x, y),
        "spearman": _correlation(_ranks(x), _ranks(y)),
        "spearman_of_evidence": _correlation(_ranks(one["rank"]), _ranks(two["rank"])),
        "mean_difference": float(difference.mean()) if len(x) else np.nan,
        "rms_difference": float(np.sqrt((difference**2).mean())) if len(x) else np.nan,
        "same_sign": float((np.sign(x) == np.sign(y)).mean()) if len(x) else np.nan,
        "interval_width_ratio": float(np.median(ratio[intervals])) if intervals.any() else np.nan,
        "intervals_overlap": float(overlap[intervals].mean()) if intervals.any() else np.nan,
        "a_inside_b": _inside(x, two),
        "b_inside_a": _inside(y, one),
        "tested_both": int(((calls_a != UNTESTED) & (calls_b != UNTESTED)).sum()),
        "called_a": int(hit_a.sum()),
        "called_b": int(hit_b.sum()),
        "called_both": int((hit_a & hit_b).sum()),
        "called_opposite": int((hit_a & hit_b & (calls_a != calls_b)).sum()),
        "jaccard": float((hit_a & hit_b).sum() / either) if either else np.nan,
    }


def _common(a: Source, b: Source) -> tuple[np.ndarray, np.ndarray, pd.Index]:
    """Return the finite estimates of the miRNAs that both sides have."""
    shared = a.table.index[a.table.index.isin(b.table.index)]
    x, y = (s.table["estimate"].loc[shared].to_numpy(dtype=float) for s in (a, b))
    finite = np.isfinite(x) & np.isfinite(y)
    return x[finite], y[finite], shared[finite]


def _inside(x: np.ndarray, table: pd.DataFrame) -> float:
    lower, upper = table["lower"].to_numpy(), table["upper"].to_numpy()
    known = np.isfinite(lower) & np.isfinite(upper)
    return float(((lower <= x) & (x <= upper))[known].mean()) if known.any() else np.nan


def _ranks(values: np.ndarray | pd.Series) -> np.ndarray:
    return pd.Series(np.asarray(values, dtype=float)).rank().to_numpy()


def _correlation(x: np.ndarray, y: np.ndarray) -> float:
    known = np.isfinite(x) & np.isfinite(y)
    x, y = x[known], y[known]
    if len(x) < 3 or x.std() == 0 or y.std() == 0:
        return np.nan
    return float(np.corrcoef(x, y)[0, 1])
