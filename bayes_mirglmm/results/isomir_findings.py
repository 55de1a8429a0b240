"""IsomiRs whose change deviates from that of their miRNA."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from scipy import special

from bayes_mirglmm.counts.on_disk import mean_rate
from bayes_mirglmm.errors import InputError
from bayes_mirglmm.results.draws import draws_of
from bayes_mirglmm.results.hits import FDR, usage_calls, usage_column
from bayes_mirglmm.results.inference import LOG_2
from bayes_mirglmm.results.isomir_kinds import Types, types_in
from bayes_mirglmm.results.posterior_tables import below
from bayes_mirglmm.results.terms import chosen_weights, equal_coefficients, slope_coefficients
from bayes_mirglmm.results.terms import findings as finding_terms
from bayes_mirglmm.results.usage_choice import usage_confounded

if TYPE_CHECKING:
    from bayes_mirglmm.results.fit_result import Fit

LISTED = 5  # isomiRs that are spelled out in one cell
ISOMIR_COLUMNS = (
    "type",
    "mean_cpm",
    "share",
    "log2_fold_change",
    "ln_fold_change",
    "log2_of_mirna",
    "log2_deviation",
    "ln_deviation",
    "lfsr",
    "usage_p_adjusted",
    "outlying_cells",
)


def isomir_findings(
    fit: "Fit",
    terms: str | Sequence[str] | None = None,
    contrasts: Any = None,
    *,
    types: Types = None,
    lfsr: float = FDR,
    usage_fdr: float = FDR,
) -> pd.DataFrame:
    """Return the isomiRs whose change deviates from that of their miRNA, a row per isomiR and coefficient or contrast.

    Only isomiRs of miRNAs whose isomiR usage is called: alone, the isomiRs of a miRNA deviate wherever samples differ
    in anything that isomiRs differ in, such as degradation, also between groups that were drawn at random.

    Parameters
    ----------
    terms, contrasts, types
        As in :meth:`findings`.
    lfsr : float
        Local false sign rate of the deviation up to which an isomiR is listed; 1 lists all of these miRNAs.
    usage_fdr : float
        False discovery rate up to which the usage of a miRNA is called, by the test that calls it in :meth:`usage`; 1
        takes every miRNA, and then an lfsr is no error rate.

    Returns
    -------
    pandas.DataFrame
        mirna, isomir, term (or contrast), type, mean_cpm, share (of the miRNA's fitted reads), log2_fold_change and
        ln_fold_change of the isomiR, log2_of_mirna (what its miRNA does), log2_deviation and ln_deviation (their
        difference) and lfsr: the probability that the deviation has the other sign, from the draws, or by maximum
        likelihood from its conditional mode and standard error (NaN for contrasts of several coefficients there);
        usage_p_adjusted of the miRNA (NaN where usage cannot be told from what samples share: nothing is listed then)
        and outlying_cells (:meth:`outlying_cells` of the isomiR). The smallest lfsr first. Empty without isomiR slopes.

    Raises
    ------
    InputError
        A coefficient or contrast is not one that isomiRs have effects of, or a rate is none.
    """
    check_rate(lfsr, "lfsr")
    check_rate(usage_fdr, "usage_fdr")
    if terms is None and contrasts is None:
        parts = [
            isomir_findings(fit, t, c, types=types, lfsr=lfsr, usage_fdr=usage_fdr).rename(
                columns={"contrast": "term"}
            )
            for t, c in default_findings(fit)
        ]
        return pd.concat(parts, ignore_index=True)
    table = isomir_changes(fit, terms, contrasts, types)
    if table is None:
        label = "term" if contrasts is None else "contrast"
        return pd.DataFrame(columns=["mirna", "isomir", label, *ISOMIR_COLUMNS])
    chosen = table if usage_fdr >= 1.0 else table[table["mirna"].isin(usage_calls(fit, usage_fdr))]
    chosen = chosen if lfsr >= 1.0 else chosen[chosen["lfsr"] <= lfsr]
    return chosen.sort_values("lfsr", kind="stable", ignore_index=True)


def isomir_changes(fit: "Fit", terms: Any, contrasts: Any, types: Types) -> pd.DataFrame | None:
    """Return isomiR effects with their deviations; None where isomiRs have none for what is asked."""
    if not fit.has_isomir_slopes:
        return None
    weights, label = chosen_weights(fit.design, terms, contrasts)
    inside = weights.columns.isin(slope_coefficients(fit.design))
    weights = weights[(weights.loc[:, ~inside] == 0).all(axis=1)]
    if not len(weights):
        return None
    if label == "term":
        table = fit.isomir_effects([str(name) for name in weights.index])
    else:
        specs = {
            str(name): {str(term): float(w) for term, w in row.items() if w != 0}
            for name, row in weights.iterrows()
        }
        table = fit.isomir_effects(contrasts=specs)
    data = fit.data
    position = pd.Index(data["isomir"].values).get_indexer(pd.Index(table["isomir"]))
    cpm = 1e6 * mean_rate(data["counts"], data["total"].values)
    whole = pd.Series(cpm).groupby(data["isomir_mirna"].values.astype(str)).sum()
    kinds = types_in(data, np.arange(data.sizes["isomir"]), types)
    keys = table[["mirna", "isomir", label]].astype(str)
    return keys.assign(
        type=kinds[position],
        mean_cpm=cpm[position],
        share=cpm[position] / keys["mirna"].map(whole).to_numpy(),
        log2_fold_change=table["estimate"] / LOG_2,
        ln_fold_change=table["estimate"],
        log2_of_mirna=(table["estimate"] - table["deviation"]) / LOG_2,
        log2_deviation=table["deviation"] / LOG_2,
        ln_deviation=table["deviation"],
        lfsr=_sign_rate(fit, table, weights, label),
        usage_p_adjusted=keys["mirna"].map(usage_p_adjusted(fit)).astype(float),
        outlying_cells=table["outlying_cells"].to_numpy(),
    )


def usage_p_adjusted(fit: "Fit") -> pd.Series:
    """Return the adjusted p-values that call usage, by miRNA; NaN where usage cannot be told from batch."""
    usage = fit.usage().set_index("mirna")[usage_column(fit)]
    return usage * np.nan if usage_confounded(fit) else usage


def _sign_rate(fit: "Fit", table: pd.DataFrame, weights: pd.DataFrame, label: str) -> np.ndarray:
    """Return the probability that each deviation has the other sign."""
    if fit.method.has_draws:
        return _sign_rate_of_draws(fit, table, weights, label)
    data, slope_terms = fit.data, list(fit.data["slope_term"].values)
    position = pd.Index(data["isomir"].values).get_indexer(pd.Index(table["isomir"]))
    known = table["std_error"].notna().to_numpy()  # else the model did not converge
    error = np.full(len(table), np.nan)
    for name, row in zip(weights.index, weights.to_numpy(dtype=float), strict=True):
        used = np.flatnonzero(row)
        if len(used) == 1:  # conditional modes of several have no joint standard error on record
            rows = (table[label] == name).to_numpy() & known
            k = slope_terms.index(weights.columns[used[0]])
            error[rows] = abs(row[used[0]]) * data["b_se"].values[position[rows], k]
    deviation = table["deviation"].to_numpy(dtype=float)
    with np.errstate(divide="ignore", invalid="ignore"):
        rate = special.ndtr(-np.abs(deviation / error))
    return np.where(deviation == 0.0, 1.0, rate)  # a variance of zero: they do not deviate


def _sign_rate_of_draws(fit: "Fit", table: pd.DataFrame, weights: pd.DataFrame, label: str) -> np.ndarray:
    data = fit.data
    combination = weights.reindex(columns=list(fit.design.slope_terms), fill_value=0.0).to_numpy(dtype=float)
    found: dict[tuple[str, str], float] = {}
    for d, mirna in enumerate(data["drawn"].values):
        rows = np.flatnonzero(data["isomir_mirna"].values == mirna)
        b = draws_of(data, "b").isel(isomir=rows).values.astype(np.float64)
        own = np.einsum("jsk,ck->jcs", b, combination).reshape(-1, b.shape[1])
        if not (np.ptp(own, axis=1) > 0).any():
            rate = np.ones(len(own))  # a model without isomiR slopes
        else:
            down = below(own, data, d)(0.0)
            rate = np.minimum(down, 1.0 - down)
        names = [(str(i), str(t)) for i in data["isomir"].values[rows] for t in weights.index]
        found |= dict(zip(names, rate.tolist(), strict=True))
    return np.array(
        [found[key] for key in zip(table["isomir"].astype(str), table[label].astype(str), strict=True)]
    )


def deviating_in_words(rows: pd.DataFrame) -> str:
    """Return the isomiRs that deviate most surely: ``ID (3' end, log2 +1.20 beside +0.30, lfsr 0.002)``."""
    first = rows.sort_values("lfsr", kind="stable")
    parts = [
        f"{r['isomir']} ({'' if r['type'] == 'unknown' else r['type'] + ', '}log2 {r['log2_fold_change']:+.2f} beside "
        f"{r['log2_of_mirna']:+.2f}, lfsr {r['lfsr']:.1g})"
        for r in first.head(LISTED).to_dict("records")
    ]
    more = len(first) - len(parts)
    return "; ".join(parts) + (f"; {more} more" if more > 0 else "")


def check_rate(rate: float, name: str = "fdr") -> None:
    """Refuse a rate that is none."""
    if not 0 < rate <= 1:
        raise InputError(f"{name}={rate!r}: give a rate between 0 and 1, 0.05 for example.")


def default_findings(fit: "Fit") -> list[tuple[list[str] | None, Any]]:
    """Return what findings are about unless told: contrasts that were asked for first, then coefficients."""
    asked = list(fit.metadata.get("contrasts") or [])
    terms = finding_terms(fit.design)
    if not terms:
        raise InputError("the formula has an intercept only: there is nothing to find.")
    same = set(equal_coefficients(fit.design, asked).values()) if asked else set()
    terms = [name for name in terms if name not in same]  # nothing stands there twice
    return [*([(None, asked)] if asked else []), *([(terms, None)] if terms else [])]
