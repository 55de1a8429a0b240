"""Priors learned over the miRNAs beside the default ones, on real tissue with planted effects and with none.

    python benchmarks/learned_priors.py --rounds 3   # data sets of each scenario; goes on where it was
    python benchmarks/learned_priors.py --report     # the table of docs/explanation/priors.md

Methods: the nested Laplace posterior with the default priors and with learned ones; the same with the covariance that
the samples share in the model (sample_covariance); effects under what samples share after the fit, by maximum
likelihood and from the posterior with learned priors.

All of them see the same 40 miRNAs of each data set, so that there may be more data sets.

Needs the optional data folder (BAYES_MIRGLMM_SHARED, default ../shared). Writes results/learned_priors.tsv (a row for
each data set and method) and results/learned_priors_populations.tsv (what was learned).
"""

import argparse
import logging
import os
import platform
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from importlib.metadata import version
from pathlib import Path

for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(_name, "1")  # before numpy

import numpy as np  # noqa: E402
import pandas as pd  # noqa: E402
from accuracy_data import SEED, DataSet, data_present  # noqa: E402
from accuracy_metrics import mirna_metrics  # noqa: E402
from shared_samples_trials import NULLS, TRUTH, of_number  # noqa: E402

import bayes_mirglmm as bm  # noqa: E402
from bayes_mirglmm.results.learned_priors import drawn_parameters, learn  # noqa: E402
from bayes_mirglmm.results.shared_samples import SharedSamples, shared_effects_table  # noqa: E402

RESULTS = Path(__file__).parent / "results"
TABLE, POPULATIONS = RESULTS / "learned_priors.tsv", RESULTS / "learned_priors_populations.tsv"
PAGE = Path(__file__).parent.parent / "docs" / "explanation" / "priors.md"
NAMES = (
    "samples_3",
    "tcga_normal",
    "samples_7",
    "both_tissues",
    "null_3",
    "null_tcga_normal",
    "null_mirdata_all",
)
ALL = {s.name: s for s, _ in (*TRUTH, *NULLS)}
SCENARIOS = {name: ALL[name].about for name in NAMES}
METHODS = {
    "default": "default priors",
    "learned": "learned priors",
    "default_in_model": "default priors, samples' covariance in the model",
    "learned_in_model": "learned priors, samples' covariance in the model",
    "shared_ml": "shared samples after `ml`",
    "shared_learned": "shared samples after learned priors",
}
MIRNAS = 40
NUMBERS = ("mse_all", "coverage_null", "coverage_changed", "width", "tpr", "fdr", "tpr_matched")


def posterior(fit: bm.Fit, term: str) -> pd.DataFrame:
    """Return posterior means and intervals, ranked and called by the shrunken effects, as the package does."""
    effects = fit.effects(term)[["mirna", "estimate", "lower", "upper"]]
    shrunk = fit.shrink(term)[["mirna", "lfsr", "s_value"]]
    return effects.merge(shrunk.set_axis(["mirna", "rank", "measure"], axis="columns"), on="mirna")


def shared(fit: bm.Fit, term: str) -> pd.DataFrame:
    """Return effects under what samples share, with the means and theta of this very fit."""
    terms = list(fit.data["term"].values)
    weights = pd.DataFrame([[float(name == term) for name in terms]], index=[term], columns=terms)
    table = shared_effects_table(
        fit.data,
        SharedSamples(fit.data),
        weights,
        label="term",
        df=np.inf,
        prob=0.95,
        estimand="isomir_mean",
    )
    names = {"p_value": "rank", "p_adjusted": "measure"}
    return table.rename(columns=names)[["mirna", "estimate", "lower", "upper", "rank", "measure"]]


def some_of(data: DataSet) -> DataSet:
    """Return a data set with MIRNAS of its miRNAs, at random, and the totals of all."""
    rng = np.random.default_rng([SEED, data.number, *data.scenario.encode()])
    chosen = rng.permutation(data.mirnas["mirna"].to_numpy())[:MIRNAS]
    rows = np.flatnonzero(np.isin(data.counts["mirna"].values, chosen))
    mirnas = data.mirnas[data.mirnas["mirna"].isin(chosen)]
    return replace(data, counts=data.counts.isel(isomir=rows), mirnas=mirnas)


def compared(data: DataSet, *, in_model: bool, n_jobs: int) -> Iterator[tuple[str, pd.DataFrame, float, str]]:
    """Give the table of each method, its processor seconds, and what was learned."""

    def fitted(**more: object) -> tuple[bm.Fit, float]:
        started = time.process_time()
        fit = bm.fit(data.counts, data.formula, method="laplace", n_jobs=n_jobs, progress=False, **more)
        return fit, time.process_time() - started

    def learned(fit: bm.Fit) -> tuple[bm.Fit, float, str]:
        """The second pass of priors='learned', from the first one that is there (without sampling any again)."""
        found = learn([drawn_parameters(fit)], fit.spec.priors)
        covariance = fit.data["sample_covariance"].values if "sample_covariance" in fit.data else None
        again, seconds = fitted(priors=found.priors, sample_covariance=covariance)
        p, k = found.priors, found.pareto_k
        about = (p.log_theta, p.sd_sample, p.sd_isomir_slope)
        numbers = " ".join(f"{value:g}" for prior in about for value in (prior.mean, prior.sd))
        slope, r = theta_trend(fit)
        return again, seconds, f"{numbers} {int((k > 0.7).sum())} {len(k)} {slope:.3g} {r:.3g}"

    default, seconds = fitted()
    yield "default", posterior(default, data.term), seconds, ""
    yield "shared_ml", shared(default.ml, data.term), 0.0, ""
    first, seconds, about = learned(default)
    yield "learned", posterior(first, data.term), seconds, about
    yield "shared_learned", shared(first, data.term), 0.0, ""
    if in_model:
        covariance = default.ml.sample_covariance(data.term)
        inside, seconds = fitted(sample_covariance=covariance)
        yield "default_in_model", posterior(inside, data.term), seconds, ""
        again, seconds, about = learned(inside)
        yield "learned_in_model", posterior(again, data.term), seconds, about


def theta_trend(fit: bm.Fit) -> tuple[float, float]:
    """Return slope and correlation of the posterior mean of log theta on the log mean count of a miRNA's isomiRs."""
    drawn = drawn_parameters(fit)
    theta = (drawn.weights * drawn.values[..., drawn.parameters.index("log_theta")]).sum(axis=1)
    counts, owner = fit.data["counts"].values, fit.data["isomir_mirna"].values
    level = np.array([np.log(counts[owner == name].mean()) for name in drawn.mirnas])
    return float(np.polyfit(level, theta, 1)[0]), float(np.corrcoef(level, theta)[0, 1])


def append(path: Path, rows: list[dict[str, object]]) -> None:
    """Add rows to a table, with its origin in the first line."""
    new = not path.exists()
    with path.open("a") as file:
        if new:
            packages = ", ".join(
                f"{name} {version(name)}" for name in ("bayes-mirglmm", "numpy", "scipy", "numba")
            )
            machine = f"{platform.machine()}, {os.cpu_count()} cores; Python {platform.python_version()}"
            file.write(
                f"# {date.today()}; {machine}, {packages}; python benchmarks/{Path(sys.argv[0]).name}\n"
            )
        pd.DataFrame(rows).to_csv(file, sep="\t", index=False, header=new, float_format="%.5g")


def run(rounds: int, n_jobs: int) -> None:
    """Run what is not in the table yet, a data set of every scenario in turn."""
    done = set()
    if TABLE.exists():
        there = pd.read_csv(TABLE, sep="\t", comment="#")
        done = set(zip(there["scenario"], there["number"], strict=True))
    for number in range(rounds):
        for name in SCENARIOS:
            if (name, number) in done:
                continue
            rows, populations = [], []
            for whole in of_number(ALL[name], number):
                data = some_of(whole)
                changed = bool(whole.mirnas["changed"].any())
                for method, table, seconds, about in compared(data, in_model=changed, n_jobs=n_jobs):
                    numbers = mirna_metrics(data.mirnas, table)
                    called = int((table["measure"] <= 0.05).sum())
                    rows.append(
                        {"scenario": name, "number": number, "method": method, "seconds": seconds}
                        | {key: numbers[key] for key in NUMBERS}
                        | {"called": called}
                    )
                    if about:
                        keys = ("log_theta", "log_sd_sample", "log_sd_slope")
                        names = [f"{key}_{what}" for key in keys for what in ("mean", "sd")]
                        values = dict(
                            zip(
                                [*names, "far", "mirnas", "theta_trend", "theta_correlation"],
                                about.split(),
                                strict=True,
                            )
                        )
                        populations.append({"scenario": name, "number": number, "method": method} | values)
            append(TABLE, rows)
            append(POPULATIONS, populations)
            print(name, number, flush=True)


def report() -> None:
    """Write the tables of the page."""
    table = pd.read_csv(TABLE, sep="\t", comment="#")
    lines = [
        "| data (data sets) | " + " | ".join(METHODS.values()) + " |",
        "|---|" + "---:|" * len(METHODS),
    ]
    for name, about in SCENARIOS.items():
        own = table[table["scenario"] == name]
        if not len(own):
            continue
        planted = bool(own["coverage_changed"].notna().any())
        cells = []
        for method in METHODS:
            rows = own[own["method"] == method]
            if not len(rows):
                cells.append("–")
            elif planted:
                m = rows[list(NUMBERS)].mean()
                shares = [f"{m[key]:.2f}" for key in ("coverage_null", "coverage_changed")]
                rest = [f"{m[key]:.2f}" for key in ("tpr", "fdr", "tpr_matched")]
                error = f"{1000 * m['mse_all']:.0f} / {m['width']:.2f}"
                cells.append(f"{error} / {' '.join(shares)} / {' / '.join(rest)}")
            else:
                any_call = (rows["called"] > 0).mean()
                m = rows[["mse_all", "width", "coverage_null"]].mean()
                error = f"{1000 * m['mse_all']:.0f} / {m['width']:.2f}"
                cells.append(f"{error} / {m['coverage_null']:.2f} / {any_call:.2f}")
        what = about if planted else f"{about}, nothing changed"
        lines.append(f"| {what} ({own['number'].nunique()}) | " + " | ".join(cells) + " |")
    text = PAGE.read_text(encoding="utf-8")
    start, end = "<!-- learned -->\n", "<!-- /learned -->"
    before, after = text.split(start)[0], text.split(end)[1]
    PAGE.write_text(before + start + "\n".join(lines) + "\n" + end + after, encoding="utf-8")
    print("\n".join(lines))


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=3, help="data sets of each scenario")
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--report", action="store_true", help="write the page's table and do nothing else")
    options = parser.parse_args()
    if options.report:
        report()
        return
    if not data_present():
        parser.error("no real data (set BAYES_MIRGLMM_SHARED)")
    logging.getLogger("bayes_mirglmm").setLevel(logging.ERROR)
    run(options.rounds, options.jobs)


if __name__ == "__main__":
    main()
