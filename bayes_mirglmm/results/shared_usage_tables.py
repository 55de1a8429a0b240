"""Tables of the usage test under what samples share."""

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from bayes_mirglmm.cohort.global_shift import usable_features
from bayes_mirglmm.cohort.shared_directions import SharedDirections, shared_directions
from bayes_mirglmm.evidence.multiple_testing import benjamini_hochberg
from bayes_mirglmm.results.hits import FDR
from bayes_mirglmm.results.shared_usage import LEVEL, SharedUsage, features_of, shared_usage

if TYPE_CHECKING:
    from bayes_mirglmm.results.fit_result import Fit

COLUMNS = (
    "p_shared",
    "p_shared_adjusted",
    "p_within",
    "p_rotation",
    "score_shared",
    "log_bf10_shared",
    "share",
)
DIRECTION_COLUMNS = ("direction", "share", "unrelated", "about", "name", "correlation")
#: Columns of the sample table with more levels than this tell samples apart, not kinds of samples.
MOST_LEVELS = 0.5  # of the samples
NOTABLE = 0.3  # correlation from which on a profile is said to go along with something


def shared_columns(found: SharedUsage) -> pd.DataFrame:
    """Return the columns of a usage table that come from the test, and ``mirna``."""
    from scipy.special import ndtri

    names = found.group_free.mirnas or pd.Series(dtype=object)  # text, also where there is none
    if found.test is None:
        return pd.DataFrame({"mirna": names} | dict.fromkeys(COLUMNS, np.nan), columns=["mirna", *COLUMNS])
    test = found.test
    return pd.DataFrame(
        {
            "mirna": names,
            "p_shared": test.p_value,
            "p_shared_adjusted": benjamini_hochberg(test.p_value),
            "p_within": test.p_within,
            "p_rotation": test.p_rotation,
            "score_shared": -ndtri(np.clip(test.p_value, 1e-300, 1.0 - 1e-16)),
            "log_bf10_shared": test.log_bayes_factor,
            "share": test.share,
        }
    )


def shared_contrasts_table(fit: "Fit") -> pd.DataFrame:
    """Return a row for the slope variable and, where it has several coefficients, one for each of them."""
    terms: list[str | None] = [None]
    of_slope = [n for n, b in zip(fit.design.slope_terms, fit.design.blocks, strict=True) if b == 0][1:]
    if len(of_slope) > 1:
        terms += of_slope
    return pd.DataFrame([_contrast_row(fit, shared_usage(fit, term)) for term in terms])


def _contrast_row(fit: "Fit", found: SharedUsage) -> dict[str, Any]:
    table = shared_columns(found)
    test = found.test
    row: dict[str, Any] = {
        "contrast": found.interest.name,
        "mirnas": len(table),
        "isomirs": sum(len(rows) for rows in found.group_free.rows),
        "directions": 0 if found.profiles is None else found.profiles.values.shape[1],
        "lambda": np.nan if test is None else test.shift.ratio,
        "lambda_p_value": np.nan if test is None else test.shift.p_value,
        "relabellings": 0 if test is None else test.shift.distinct,
        "share": float(table["share"].median()) if len(table) else np.nan,
        "hits": int((table["p_shared_adjusted"] <= FDR).sum()),
        "hits_within": int((benjamini_hochberg(table["p_within"].to_numpy()) <= FDR).sum()),
        "features": _features_along(fit, found),
        "global_share": np.nan if found.shift is None else found.shift.explained,
        "global_p_value": np.nan if found.shift is None else found.shift.p_value,
        "verdict": found.verdict,
        "reason": verdict_sentence(found),
    }
    if found.interest.name == fit.slope:
        usage = fit.ml.usage(test="lrt")
        row["hits_lrt"] = int((usage["p_adjusted"] <= FDR).sum())
    else:
        row["hits_lrt"] = np.nan
    order = list(row)
    order.insert(order.index("hits"), order.pop())
    return {name: row[name] for name in order}


def verdict_sentence(found: SharedUsage) -> str:
    """Say what the test can tell, and what limits it."""
    parts = []
    if found.test is not None:
        shift = found.test.shift
        name = found.interest.name
        size = f"lambda {shift.ratio:.1f}" + ("" if np.isnan(shift.p_value) else f", p {shift.p_value:.2g}")
        along = f"{name} goes along an isomiR profile that all miRNAs share ({size})"
        if found.verdict == "confounded":
            parts.append(
                f"{along}: usage that changes in most miRNAs and a batch along the groups cannot be told apart here; "
                "p_shared has what goes beyond it, p_within what differs for either reason."
            )
        elif found.verdict == "shift":
            parts.append(
                f"{along}, a batch or usage in many miRNAs: it is not counted as usage, but is in p_within."
            )
        if np.isnan(shift.p_value):
            parts.append(
                f"{shift.distinct} distinct relabellings are too few to test at 5 % whether {name} goes along what "
                f"samples share ({size})."
            )
    if found.shift is not None and found.shift.p_value <= LEVEL:
        parts.append(
            f"One finding for all miRNAs together: where isomiRs begin and end and whether they have a tail goes along "
            f"with {found.interest.name} (p {found.shift.p_value:.2g} by relabelling); usage(beyond_global=True) has "
            "what goes beyond it."
        )
    return " ".join([*parts, *(c[:1].upper() + c[1:] for c in found.cautions)])


def shared_directions_table(fit: "Fit", count: int) -> pd.DataFrame:
    """Return what the leading shared directions are, and what they go along with."""
    found, rows = directions_of(fit, count), []
    if found is None:
        return pd.DataFrame({name: pd.Series(dtype=float) for name in DIRECTION_COLUMNS})
    for d in range(len(found.share)):
        about = {"direction": d + 1, "share": found.share[d], "unrelated": found.unrelated[d]}
        for kind, name, values in associations(fit, found):
            rows.append(about | {"about": kind, "name": name, "correlation": values[d]})
    return pd.DataFrame(rows, columns=list(DIRECTION_COLUMNS))


def directions_of(fit: "Fit", count: int) -> SharedDirections | None:
    """Return the leading shared directions of a fit, kept with it; None where no miRNA was fitted."""
    ml = fit.ml
    known = ml.shared_cache.get(("directions", count))
    if not isinstance(known, SharedDirections):
        profiles = shared_usage(ml).profiles
        if profiles is None:
            return None
        known = shared_directions(profiles, count, seed=int(ml.metadata.get("seed") or 1))
        ml.shared_cache["directions", count] = known
    return known


def associations(fit: "Fit", found: SharedDirections) -> list[tuple[str, str, np.ndarray]]:
    """Return (``sample`` or ``isomir``, name, correlation with each direction (D,)).

    Of a factor of the sample table the multiple correlation with its levels, which has no sign, less what as many
    random groups would have (the root of the adjusted R squared).
    """
    rows: list[tuple[str, str, np.ndarray]] = []
    table = fit.samples
    for name in table.columns:
        values = _sample_correlations(table[name], found.samples)
        if values is not None:
            rows.append(("sample", str(name), values))
    features = _feature_correlations(fit.ml, shared_usage(fit.ml), found.isomirs)
    return rows + [("isomir", name, values) for name, values in features.items()]


def _feature_correlations(fit: "Fit", usage: SharedUsage, along: np.ndarray) -> dict[str, np.ndarray]:
    """Return the correlation of each known feature of the isomiRs with profiles along directions (N, D): (D,)."""
    assert usage.profiles is not None  # there are directions
    features = features_of(fit, usage.group_free.isomirs)
    found = {}
    for name in features.columns:
        if (
            name.endswith("_squared")
            or features[name].notna().mean() <= 0.5
            or not features[name].std() > 0.0
        ):
            continue
        x = usable_features(features[[name]].to_numpy(dtype=float), usage.profiles)[:, 0]
        length = np.linalg.norm(x) * np.linalg.norm(along, axis=0)
        found[str(name)] = x @ along / np.where(length > 0.0, length, np.inf)
    return found


def _features_along(fit: "Fit", found: SharedUsage) -> str:
    """Return the kinds of isomiRs that change along a contrast, the strongest first: ``tail -0.62, offset_3p 0.31``.

    Of a contrast of several columns the profile is that of the last, the last level of a factor against the others.
    """
    if found.profiles is None:
        return ""
    column = found.profiles.basis.T @ found.interest.columns[:, -1:]
    correlations = _feature_correlations(fit.ml, found, found.profiles.values @ column)
    strong = sorted(((abs(r[0]), name, r[0]) for name, r in correlations.items()), reverse=True)
    return ", ".join(f"{name} {r:.2f}" for size, name, r in strong if size >= NOTABLE)


def _sample_correlations(column: pd.Series, scores: np.ndarray) -> np.ndarray | None:
    """Return the correlation with each direction (D,); None for a column that is constant, or names samples."""
    if pd.api.types.is_numeric_dtype(column) and not pd.api.types.is_bool_dtype(column):
        known = np.isfinite(column.to_numpy(dtype=float))
        x = column.to_numpy(dtype=float)[known]
        if known.sum() < 3 or not x.std() > 0.0:
            return None
        y = scores[known] - scores[known].mean(axis=0)
        return (x - x.mean()) @ y / (np.linalg.norm(x - x.mean()) * np.linalg.norm(y, axis=0))
    labels = column.astype(str)
    if not 1 < labels.nunique() <= MOST_LEVELS * len(labels):
        return None
    dummies = pd.get_dummies(labels).to_numpy(dtype=float)
    inside = dummies @ np.linalg.lstsq(dummies, scores, rcond=None)[0]
    y = scores - scores.mean(axis=0)
    between = inside - scores.mean(axis=0)
    n, k = len(labels), dummies.shape[1]
    left = 1.0 - (between**2).sum(axis=0) / (y**2).sum(axis=0)
    return np.sqrt(np.clip(1.0 - left * (n - 1) / (n - k), 0.0, 1.0))
