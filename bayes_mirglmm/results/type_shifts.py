"""Whether a kind of isomiR changes as a whole: in all miRNAs, and in single ones beyond that."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from bayes_mirglmm.cohort.global_shift import usable_features
from bayes_mirglmm.cohort.type_scores import change, excess, scores
from bayes_mirglmm.counts.isomir_alterations import ALTERATIONS, alterations_of
from bayes_mirglmm.counts.on_disk import mean_rate
from bayes_mirglmm.errors import InputError
from bayes_mirglmm.evidence.multiple_testing import benjamini_hochberg
from bayes_mirglmm.results.inference import LOG_2, quantile, two_sided_p
from bayes_mirglmm.results.selection import interval_level
from bayes_mirglmm.results.shared_usage import shared_usage
from bayes_mirglmm.results.terms import slope_coefficients

if TYPE_CHECKING:
    from bayes_mirglmm.results.fit_result import Fit

FEWEST = 5  # isomiRs that have an alteration, of all miRNAs, for a row of it
NUMBERS = ("estimate", "std_error", "lower", "upper", "log2_change", "df", "p_value", "p_adjusted")


def type_shifts(
    fit: "Fit",
    terms: str | Sequence[str] | None = None,
    *,
    of: str = "all",
    alterations: pd.DataFrame | None = None,
    prob: float | None = None,
) -> pd.DataFrame:
    """Return whether kinds of isomiRs change as a whole: those with a tail, or trimmed at the 3' end, say.

    The usage of a kind is compared with that of the isomiRs without it, within each miRNA and given the other kinds:
    what an enzyme that adds tails, or a degradation that trims, would do. A shift of a kind in all miRNAs is one
    finding (``of="all"``), however many miRNAs follow it; ``of="mirnas"`` says which follow, and which do more than
    that.

    Parameters
    ----------
    terms : str or sequence of str, optional
        Coefficients of the slope variable; all of them when omitted.
    of : {"all", "mirnas"}
        All miRNAs together, or each miRNA.
    alterations : pandas.DataFrame, optional
        What sets each isomiR apart, as :func:`bayes_mirglmm.isomir_alterations` makes it of the counts with their
        annotation, or columns of your own (a row per isomiR, 0 or 1); told from the ids when omitted.
    prob : float, optional
        Level of the intervals; that of the fit by default.

    Returns
    -------
    pandas.DataFrame
        (mirna,) term, alteration, isomirs and mirnas (that have it), estimate (change of log usage, natural log, per
        unit of the coefficient), std_error, lower, upper, log2_change, df, p_value and p_adjusted (Benjamini-Hochberg
        over the rows of a coefficient). Of miRNAs also beyond (estimate less the shift of all miRNAs) and p_beyond.
        Standard errors are the spread of the same
        quantity along all directions among the samples in which nothing was compared (samples are the replicates, and
        what they share is in the error), and by how much more isomiRs of a kind differ along the coefficient.
        p-values are of t with df.

    Raises
    ------
    InputError
        The fit has no slope variable or too few samples, or nothing is known of its isomiRs.
    """
    if of not in ("all", "mirnas"):
        raise InputError(f"of={of!r} is not known: choose 'all' or 'mirnas'.")
    wanted = slope_coefficients(fit.design)
    names = wanted if terms is None else [terms] if isinstance(terms, str) else list(terms)
    absent = [name for name in names if name not in wanted]
    if absent or not wanted:
        raise InputError(
            f"isomiRs have no effects of {absent[0] if absent else 'any variable'}: choose from "
            f"{', '.join(wanted) or 'the coefficients of a slope variable (slope=)'}."
        )
    level = interval_level(fit.data, prob)
    parts = [_of_term(fit, term, of, alterations, level) for term in names]
    return pd.concat(parts, ignore_index=True)


def _of_term(fit: "Fit", term: str, of: str, alterations: pd.DataFrame | None, prob: float) -> pd.DataFrame:
    found = shared_usage(fit, term if len(slope_coefficients(fit.design)) > 1 else None)
    profiles, rows = (
        found.profiles,
        found.group_free.isomirs if found.group_free.rows else np.empty(0, dtype=int),
    )
    if profiles is None:
        raise InputError("no miRNA of this fit has two isomiRs with counts: there is no usage to look at.")
    table = _alterations(fit, rows, alterations)
    owner = profiles.mirna
    known = table.notna().all(axis=1).to_numpy()
    kinds = [
        name for name in table if (table[name][known] > 0).sum() >= FEWEST and (table[name][known] == 0).any()
    ]
    if not kinds and known.any():
        raise InputError(
            f"no alteration stands in at least {FEWEST} isomiRs of this fit and is absent from others: "
            f"{known.sum()} isomiRs with known alterations are too few to test them."
        )
    if not kinds:
        raise InputError(
            "the ids of these isomiRs do not tell what sets them apart: give "
            "alterations=bm.isomir_alterations(counts), of counts with sequences or annotation."
        )
    features = usable_features(table[kinds].to_numpy(dtype=float), profiles)
    inside = profiles.basis.T @ fit.design.z[:, fit.design.slope_terms.index(term)]
    direction = inside / np.sqrt(inside @ inside)
    together = scores(features, profiles.values)
    has = table[kinds].to_numpy(dtype=float) > 0
    if of == "all":
        differ = excess(features, profiles.values, profiles.start[:-1], direction)
        whole = change(together, inside, differ)
        columns = {
            "term": term,
            "alteration": kinds,
            "isomirs": has.sum(axis=0),
            "mirnas": [len(np.unique(owner[has[:, k]])) for k in range(len(kinds))],
        }
        return _tested(pd.DataFrame(columns), whole.estimate, whole.std_error, whole.df, prob)
    lines, numbers = [], []
    for m, mirna in enumerate(found.group_free.mirnas):
        own = profiles.of(m)
        size = own.stop - own.start
        for k, kind in enumerate(kinds):
            feature = features[own, k][:, None]
            if not has[own, k].any() or has[own, k].all() or (feature**2).sum() <= 1e-12:
                continue
            values = profiles.values[own]
            score = scores(feature, values)
            differ = excess(feature, values, np.arange(size), direction)
            one = change(score, inside, differ)
            more = change(score - together[[k]], inside, differ)
            lines.append((mirna, term, kind, int(has[own, k].sum()), 1))
            numbers.append(
                (one.estimate[0], one.std_error[0], one.df[0], more.estimate[0], more.std_error[0])
            )
    result = pd.DataFrame(lines, columns=["mirna", "term", "alteration", "isomirs", "mirnas"])
    estimate, error, df, beyond, beyond_error = np.array(numbers, dtype=float).reshape(-1, 5).T
    with np.errstate(divide="ignore", invalid="ignore"):
        p_beyond = two_sided_p(beyond / beyond_error, df)
    return _tested(result, estimate, error, df, prob).assign(beyond=beyond, p_beyond=p_beyond)


def _alterations(fit: "Fit", rows: np.ndarray, given: pd.DataFrame | None) -> pd.DataFrame:
    data = fit.data
    isomirs = data["isomir"].values[rows].astype(str)
    if given is not None:
        return given.reindex(isomirs).astype(float)
    cpm = mean_rate(data["counts"][rows], np.exp(data["offset"].values))
    return alterations_of(isomirs, data["isomir_mirna"].values[rows].astype(str), cpm)[list(ALTERATIONS)]


def _tested(
    table: pd.DataFrame, estimate: np.ndarray, error: np.ndarray, df: int | np.ndarray, prob: float
) -> pd.DataFrame:
    half = quantile(prob, df) * error
    with np.errstate(divide="ignore", invalid="ignore"):
        p_value = two_sided_p(estimate / error, df)
    numbers = (
        estimate, error, estimate - half, estimate + half, estimate / LOG_2, np.broadcast_to(np.asarray(df,
        dtype=float), estimate.shape), p_value, benjamini_hochberg(p_value),
    )  # fmt: skip
    return table.assign(**dict(zip(NUMBERS, numbers, strict=True)))
