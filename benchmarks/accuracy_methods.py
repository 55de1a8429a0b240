"""Every method of the accuracy benchmark on one data set. A job is one fit; it can give several results.

A result is a dict of tables: ``mirnas`` (mirna, estimate, std_error, lower, upper, rank, measure; natural log; rank is
the p-value or local false sign rate, measure what is held against 0.05), and where there is one ``isomirs`` (mirna,
isomir, estimate, std_error, lower, upper) and ``usage`` (mirna, p_value, p_value_chi2, log_bf10).
"""

import logging
import time
from collections.abc import Callable

import numpy as np
import pandas as pd
import xarray as xr
from accuracy_data import DataSet
from peers import summed

import bayes_mirglmm as bm
from bayes_mirglmm.counts.aggregate import mirna_counts

Result = dict[str, pd.DataFrame]
MIRNA_COLUMNS = ["mirna", "estimate", "std_error", "lower", "upper", "rank", "measure"]
ISOMIR_COLUMNS = ["mirna", "isomir", "estimate", "std_error", "lower", "upper"]

#: What tables and figures call each result.
LABELS = {
    "ml": "ML, total counts",
    "ml_shrunk": "ML, total counts, shrunken",
    "ml_shared": "ML, shared samples",
    "ml_shared_shrunk": "ML, shared samples, shrunken",
    "ml_median_ratio": "ML, median ratio",
    "ml_median_ratio_shrunk": "ML, median ratio, shrunken",
    "ml_tmm": "ML, TMM",
    "ml_upper_quartile": "ML, upper quartile",
    "laplace": "Laplace posterior, total counts",
    "laplace_shrunk": "Laplace posterior, total counts, shrunken",
    "laplace_median_ratio": "Laplace posterior, median ratio",
    "laplace_median_ratio_shrunk": "Laplace posterior, median ratio, shrunken",
    "nuts": "NUTS",
    "preset": "preset mirglmm",
    "poisson": "ML, Poisson",
    "nb_glm": "NB GLM of sums (statsmodels)",
    "pydeseq2": "PyDESeq2",
    "pydeseq2_isomirs": "PyDESeq2 on isomiRs",
    "deseq2": "DESeq2 (R)",
    "deseq2_isomirs": "DESeq2 (R) on isomiRs",
    "edger": "edgeR quasi-likelihood (R)",
    "limma": "limma-voom (R)",
    "wilcoxon": "Wilcoxon",
}


def own(shrunk: bool = True, **options: object) -> Callable[[DataSet, str], dict[str, Result]]:
    """A fit of this package, and with ``shrunk`` its shrunken effects as a second result."""

    def job(data: DataSet, name: str) -> dict[str, Result]:
        fit = bm.fit(data.counts, data.formula, progress=False, **options)  # type: ignore[arg-type]
        table = fit.shrink(data.term) if shrunk or fit.method.has_draws else fit.effects(data.term)
        effects = fit.effects(data.term).set_index("mirna")
        table = table.set_index("mirna").loc[effects.index]
        # A Bayesian fit's posteriors are called by the s-values of the shrunken effects, as its summary does.
        rank = effects["lfsr"] if fit.method.has_draws else effects["p_value"]
        measure = table["s_value"] if fit.method.has_draws else effects["p_adjusted"]
        numbers = effects[["estimate", "std_error", "lower", "upper"]]
        mirnas = numbers.assign(rank=rank, measure=measure).reset_index()
        results: dict[str, Result] = {name: {"mirnas": mirnas, "usage": _usage(fit)}}
        isomirs = fit.isomir_effects(data.term)
        results[name]["isomirs"] = isomirs[ISOMIR_COLUMNS]
        if shrunk:
            own_names = {
                "shrunk": "estimate",
                "shrunk_sd": "std_error",
                "shrunk_lower": "lower",
                "shrunk_upper": "upper",
            }
            small = table[list(own_names)].rename(columns=own_names)
            small = small.assign(rank=table["lfsr"], measure=table["s_value"])
            results[f"{name}_shrunk"] = {"mirnas": small.reset_index()}
        return results

    return job


def _usage(fit: bm.Fit) -> pd.DataFrame:
    table = fit.usage()
    table["log_bf10"] = table.get("log_bf10", pd.Series(np.nan, index=table.index))
    return table[["mirna", "p_value", "p_value_chi2", "log_bf10"]]


def peer(
    function: Callable[[pd.DataFrame, np.ndarray, np.ndarray], pd.DataFrame], level: str = "mirna"
) -> Callable[[DataSet, str], dict[str, Result]]:
    """A method of :mod:`peers.summed`, on summed counts or on those of isomiRs."""

    def job(data: DataSet, name: str) -> dict[str, Result]:
        second = data.counts["group"].values == "B"
        table = function(frame(data.counts, level), data.counts["total"].values.astype(float), second)
        return {name: as_result(table, data.counts, level)}

    return job


def frame(counts: xr.Dataset, level: str) -> pd.DataFrame:
    values = mirna_counts(counts) if level == "mirna" else counts["counts"]
    return pd.DataFrame(
        values.values, index=values[level].values, columns=[f"s{i}" for i in range(values.shape[1])]
    )


def as_result(table: pd.DataFrame, counts: xr.Dataset, level: str) -> Result:
    """Bring a peer's table, indexed by feature, into the form of a result."""
    if level == "isomir":
        owner = pd.Series(counts["mirna"].values, index=counts["isomir"].values)
        isomirs = table.rename_axis("isomir").reset_index()
        return {"isomirs": isomirs.assign(mirna=owner.loc[isomirs["isomir"]].to_numpy())[ISOMIR_COLUMNS]}
    named = (
        table.rename(columns={"p_value": "rank", "p_adjusted": "measure"}).rename_axis("mirna").reset_index()
    )
    return {"mirnas": named[MIRNA_COLUMNS]}


JOBS: dict[str, Callable[[DataSet, str], dict[str, Result]]] = {
    "ml": own(),
    "ml_median_ratio": own(offset="median_ratio"),
    "ml_shared": own(samples="shared"),
    "ml_tmm": own(shrunk=False, offset="tmm"),
    "ml_upper_quartile": own(shrunk=False, offset="upper_quartile"),
    "laplace": own(method="laplace"),
    "laplace_median_ratio": own(method="laplace", offset="median_ratio"),
    "nuts": own(shrunk=False, method="nuts"),
    "preset": own(shrunk=False, preset="mirglmm"),
    "poisson": own(shrunk=False, model="poisson"),
    "nb_glm": peer(summed.nb_glm),
    "pydeseq2": peer(summed.pydeseq2),
    "pydeseq2_isomirs": peer(summed.pydeseq2, "isomir"),
    "wilcoxon": peer(summed.wilcoxon),
}


def run_job(name: str, data: DataSet) -> tuple[dict[str, Result], float, str]:
    """Return the results of a job, its processor seconds, and an error's text where the whole job failed."""
    logging.getLogger("bayes_mirglmm").setLevel(logging.ERROR)
    started = time.process_time()
    try:
        results, error = JOBS[name](data, name), ""
    except Exception as problem:  # a peer that cannot handle a data set is a finding, not the end
        empty = pd.DataFrame(columns=MIRNA_COLUMNS)
        results, error = {name: {"mirnas": empty}}, f"{type(problem).__name__}: {problem}"
    return results, time.process_time() - started, error
