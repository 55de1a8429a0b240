"""Calibration of the nested Laplace posterior, the Bayes factor and the likelihood ratio test, on simulated counts.

    python benchmarks/calibration_laplace.py [sbc] [coverage] [figure] [--quick]

sbc       Simulation-based calibration: parameters from the prior, counts from the model, rank of the truth among the
          posterior draws; uniform ranks mean a right posterior (Talts et al. 2018). The priors are the default ones but
          for the intercept, N(4, 1.5) in place of N(4, 5), under which most data sets would be empty or overflow.
coverage  miRNAs of the size found in real data, at 3, 5, 10 and 20 samples a group, half of them without isomiR
          slopes: coverage of intervals, and false positives of the tests of isomiR usage where there are no slopes.
figure    Likelihood ratio test against Bayes factor, from the fits of ``coverage``.

Writes benchmarks/results/{sbc,coverage,usage}_laplace.tsv, lrt_and_bf.tsv and docs/images/lrt_and_bf.png.
"""

import argparse
from pathlib import Path

import numpy as np
import pandas as pd
from calibration import SEED, model, quantities, rank_table, simulate, write

import bayes_mirglmm as bm
from bayes_mirglmm.methods.nested_laplace import prepare
from bayes_mirglmm.nested import nested_posterior

IMAGES = Path(__file__).resolve().parent.parent / "docs" / "images"
SIZES = (3, 5, 10, 20)
LEVELS = (0.5, 0.9, 0.95)
SBC_PER_GROUP, SBC_ISOMIRS = 5, 6


def sbc(count: int) -> None:
    """Rank of the truth, weighted: uniform on (0, 1)."""
    spec = model()
    n, n_isomirs = 2 * SBC_PER_GROUP, SBC_ISOMIRS
    z = np.column_stack([np.ones(n), np.repeat([0.0, 1.0], SBC_PER_GROUP)])
    rng = np.random.default_rng(SEED)
    ranks, ks, empty = [], [], 0
    for number in range(count):
        truth = simulate(spec, z, n_isomirs, rng)
        empty += not truth.y.any()
        found = nested_posterior(
            truth.y, np.zeros(n), z, z, blocks=(0, 0), spec=spec, rng=np.random.default_rng([SEED, number])
        )
        pairs = quantities(found, truth).items()
        ranks.append({name: found.weights @ (draws < true) for name, (draws, true) in pairs})
        ks.append(found.sample.pareto_k)
    what = (
        f"python benchmarks/calibration_laplace.py sbc: {count} data sets, {n} samples, {n_isomirs} isomiRs, "
        f"{empty} of them all zero; Pareto k-hat above 0.7 in {int((np.array(ks) > 0.7).sum())}"
    )
    write(rank_table(pd.DataFrame(ranks)), "sbc_laplace.tsv", what)


def coverage(count: int) -> pd.DataFrame:
    """Return the usage tables of all sizes."""
    rows, usage_rows, usages = [], [], []
    for size in SIZES:
        simulation = bm.simulate(size, n_mirnas=count, usage=0.5, seed=SEED)
        counts = simulation.counts.isel(isomir=simulation.counts["mirna"].values != "background")
        fit = bm.fit(counts, "~ group", method="laplace", seed=SEED, progress=False)
        status = fit.status()
        truth = simulation.truth.effects.query("term == 'group[T.B]'")[["mirna", "value"]]
        of_isomirs = simulation.truth.isomir_effects.query("term == 'group[T.B]'")[["isomir", "value"]]
        tables = {
            "posterior, miRNA": lambda p, f=fit, t=truth: f.effects("group[T.B]", prob=p).merge(
                t, on="mirna"
            ),
            "posterior, isomiR": lambda p, f=fit, t=of_isomirs: f.isomir_effects("group[T.B]", prob=p).merge(
                t, on="isomir"
            ),
            "ML (t), miRNA": lambda p, f=fit.ml, t=truth: f.effects("group[T.B]", prob=p).merge(
                t, on="mirna"
            ),
            "ML (t), isomiR": lambda p, f=fit.ml, t=of_isomirs: f.isomir_effects("group[T.B]", prob=p).merge(
                t, on="isomir"
            ),
        }
        for name, table_at in tables.items():
            row = {"per_group": size, "interval": name}
            for level in LEVELS:
                table = table_at(level).dropna(subset=["lower", "upper"])
                row["intervals"] = len(table)
                row[f"covered_{level:g}"] = table["value"].between(table["lower"], table["upper"]).mean()
            row["mean_width_0.95"] = (table["upper"] - table["lower"]).mean()
            row["rmse"] = np.sqrt(((table["estimate"] - table["value"]) ** 2).mean())
            rows.append(row)
        usage = fit.usage(prior_odds=1.0).merge(simulation.truth.mirnas[["mirna", "usage"]], on="mirna")
        usages.append(usage.assign(per_group=size))
        for has_slopes, part in usage.groupby("usage"):
            usage_rows.append(
                {
                    "per_group": size,
                    "slopes": "yes" if has_slopes else "none",
                    "mirnas": len(part),
                    "lrt_mixture_0.05": (part["p_value"] <= 0.05).mean(),
                    "lrt_chi2_0.05": (part["p_value_chi2"] <= 0.05).mean(),
                    "lrt_mixture_0.01": (part["p_value"] <= 0.01).mean(),
                    "bf_above_1": (part["log_bf10"] > 0).mean(),
                    "bf_above_3": (part["log_bf10"] > np.log(3)).mean(),
                    "bf_above_10": (part["log_bf10"] > np.log(10)).mean(),
                    "median_log_bf10": part["log_bf10"].median(),
                    "pareto_k_above_0.7": (part["pareto_k"] > 0.7).mean(),
                }
            )
        called = usage[usage["bayesian_fdr"] <= 0.05]
        print(
            size,
            "per group:",
            dict(status["status"].value_counts()),
            f"Bayesian FDR 0.05 calls {len(called)}, {100 * (~called['usage']).mean():.1f} % without slopes",
            flush=True,
        )
    what = f"python benchmarks/calibration_laplace.py coverage: {count} miRNAs a size, group[T.B]"
    write(pd.DataFrame(rows), "coverage_laplace.tsv", what)
    write(pd.DataFrame(usage_rows), "usage_laplace.tsv", f"{what}; share of miRNAs that each rule calls")
    return pd.concat(usages)


def figure(usages: pd.DataFrame) -> None:
    """Likelihood ratio statistic against log Bayes factor, and the p-value at which a Bayes factor calls."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    panels, axes = plt.subplots(1, len(SIZES), figsize=(12, 3.2), sharey=True, layout="constrained")
    rows = []
    for axis, size in zip(axes, SIZES, strict=True):
        part = usages[usages["per_group"] == size].sort_values("lrt")
        for has_slopes, colour, label in ((False, "0.6", "no slopes"), (True, "#d95f02", "slopes")):
            chosen = part[part["usage"] == has_slopes]
            axis.scatter(chosen["lrt"], chosen["log_bf10"], s=7, lw=0, color=colour, label=label)
        axis.axhline(0, color="0.8", lw=0.8)
        for text, lrt in (("p = 0.05", 5.138), ("p = 0.001", 13.10)):
            axis.axvline(lrt, color="0.7", lw=0.7, ls=":")
            axis.text(lrt, 11.6, text, rotation=90, fontsize=6, va="top", ha="right", color="0.4")
        axis.set(xlim=(-1, 25), ylim=(-4, 12), title=f"{size} a group", xlabel="likelihood ratio statistic")
        for low, high in ((0, 1), (1, 2.7), (2.7, 5.14), (5.14, 9), (9, 14), (14, 25)):
            inside = part[(part["lrt"] >= low) & (part["lrt"] < high)]
            if len(inside):
                quantiles = inside["log_bf10"].quantile([0.1, 0.5, 0.9]).to_numpy()
                rows.append(
                    {"per_group": size, "lrt_from": low, "lrt_to": high, "mirnas": len(inside)}
                    | {
                        "median_p_mixture": inside["p_value"].median(),
                        "median_p_chi2": inside["p_value_chi2"].median(),
                    }
                    | dict(zip(("log_bf10_q10", "log_bf10_median", "log_bf10_q90"), quantiles, strict=True))
                    | {"with_slopes": inside["usage"].mean()}
                )
    axes[0].set_ylabel("log Bayes factor")
    axes[0].legend(frameon=False, fontsize=8, loc="lower right")
    panels.savefig(IMAGES / "lrt_and_bf.png", dpi=150)
    write(pd.DataFrame(rows), "lrt_and_bf.tsv", "python benchmarks/calibration_laplace.py coverage figure")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("parts", nargs="*", default=["sbc", "coverage", "figure"])
    parser.add_argument("--quick", action="store_true", help="a tenth of the data sets")
    options = parser.parse_args()
    prepare()
    if "sbc" in options.parts:
        sbc(100 if options.quick else 1000)
    if "coverage" in options.parts or "figure" in options.parts:
        usages = coverage(50 if options.quick else 400)
        if "figure" in options.parts:
            figure(usages)


if __name__ == "__main__":
    main()
