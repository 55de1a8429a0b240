"""method="laplace" against NUTS: posterior of the log fold change, and Bayes factors against bridge sampling.

    python benchmarks/agreement_laplace.py [--seeds 8]

Reads the tables of agreement_nuts.py from benchmarks/results, writes agreement_laplace_posterior.tsv and
agreement_laplace_evidence.tsv beside them and the tables of docs/agreement.md. The seeds tell the Monte Carlo error
of importance sampling from what stays: bias of the Laplace approximation, or an error of either program.
"""

import argparse
import warnings

import numpy as np
import pandas as pd
from agreement_nuts import FORMULA, REFERENCE, RESULTS, ROOT, counts, provenance, write

import bayes_mirglmm as bm

PAGE = ROOT / "docs" / "agreement.md"
GOAL = 0.1
SUMMARIES = {"mean": "mean", "q025": "lower", "q975": "upper"}


def laplace_fits(dataset: str, mirnas: list[str], seeds: int) -> list[bm.Fit]:
    """Fit the same miRNAs with each of the seeds 1, 2, ..."""
    every = counts(dataset)
    chosen = every.isel(isomir=np.flatnonzero(np.isin(every["mirna"].values, mirnas)))
    reference = {"group": REFERENCE[dataset]}
    fits = []
    for seed in range(1, seeds + 1):
        fits.append(bm.fit(chosen, FORMULA, reference=reference, method="laplace", seed=seed, progress=False))
    return fits


def posterior_table(nuts: pd.DataFrame, fits: dict[str, list[bm.Fit]]) -> pd.DataFrame:
    """Differences in posterior SDs of NUTS: of the default seed, and of the mean of all seeds."""
    full = nuts[(nuts["model"] == "full") & (nuts["parameter"] == "log_fc")]
    rows = []
    for ref in full.itertuples():
        effects = [own_row(fit.effects(), ref.mirna) for fit in fits[ref.dataset]]
        row = {
            "dataset": ref.dataset, "mirna": ref.mirna, "n_isomirs": ref.n_isomirs,
            "status": own_row(fits[ref.dataset][0].ml.status(), ref.mirna)["status"],
            "pareto_k": effects[0]["pareto_k"], "nuts_mean": ref.mean, "nuts_sd": ref.sd,
        }  # fmt: skip
        for ours, theirs in zip(("estimate", "lower", "upper"), SUMMARIES, strict=True):
            found = (np.array([e[ours] for e in effects]) - getattr(ref, theirs)) / ref.sd
            name = SUMMARIES[theirs]
            row |= {
                name: found[0],
                f"{name}_all_seeds": found.mean(),
                f"{name}_sd_of_seeds": found.std(ddof=1),
                f"{name}_mcse_nuts": getattr(ref, f"mcse_{theirs}") / ref.sd,
            }
        row["sd_ratio"] = np.mean([e["std_error"] for e in effects]) / ref.sd
        row |= {"nuts_ess": ref.ess, "nuts_ess_tail": ref.ess_tail, "nuts_rhat": ref.rhat}
        rows.append(row | {"nuts_divergences": ref.divergences})
    return pd.DataFrame(rows).sort_values(["dataset", "n_isomirs", "mirna"])


def own_row(table: pd.DataFrame, mirna: str) -> pd.Series:
    """The miRNA's only row, or that of its group coefficient."""
    own = table[table["mirna"] == mirna]
    if "term" in own:
        own = own[own["term"].str.startswith("group")]
    assert len(own) == 1, own
    return own.iloc[0]


def evidence_table(bridge: pd.DataFrame, fits: dict[str, list[bm.Fit]]) -> pd.DataFrame:
    full = bridge[bridge["model"] == "full"].set_index(["dataset", "mirna"])
    reduced = bridge[bridge["model"] == "reduced"].set_index(["dataset", "mirna"])
    rows = []
    for at, ref in full.loc[full.index.intersection(reduced.index)].iterrows():
        dataset, mirna = at
        usage = [own_row(fit.usage(), mirna) for fit in fits[dataset]]
        log_bf = np.array([u["log_bf10"] for u in usage])
        bf = ref["log_evidence"] - reduced.loc[at, "log_evidence"]
        error = np.hypot(ref["error"], reduced.loc[at, "error"])
        rows.append(
            {
                "dataset": dataset,
                "mirna": mirna,
                "n_isomirs": ref["n_isomirs"],
                "lrt": usage[0]["lrt"],
                "bridge": bf,
                "bridge_error": error,
                "laplace": log_bf[0],
                "laplace_error": usage[0]["log_bf10_error"],
                "difference": log_bf[0] - bf,
                "difference_all_seeds": log_bf.mean() - bf,
                "sd_of_seeds": log_bf.std(ddof=1),
                "savage_dickey": ref["savage_dickey"],
                "savage_dickey_error": ref["savage_dickey_error"],
            }
        )
    return pd.DataFrame(rows).sort_values("bridge")


# ----------------------------------------------------------------------------------------------- the page


def markdown(table: pd.DataFrame, formats: dict[str, str]) -> str:
    lines = ["| " + " | ".join(formats) + " |", "|" + "---|" * len(formats)]
    for _, row in table.iterrows():
        lines.append("| " + " | ".join(f.format(**row) for f in formats.values()) + " |")
    return "\n".join(lines)


def fill(page: str, name: str, text: str) -> str:
    """Put ``text`` between the markers ``<!-- name -->`` and ``<!-- /name -->``."""
    begin, end = f"<!-- {name} -->", f"<!-- /{name} -->"
    before, rest = page.split(begin)
    return f"{before}{begin}\n{text}\n{end}{rest.split(end)[1]}"


def posterior_text(table: pd.DataFrame) -> str:
    reliable = table[table["pareto_k"] < 0.7]
    lines = [
        f"{len(reliable)} of {len(table)} miRNAs have k-hat below 0.7. Among them, in posterior SDs:",
        "",
    ]
    summary = []
    for name in SUMMARIES.values():
        one, every = reliable[name].abs(), reliable[f"{name}_all_seeds"].abs()
        noise = np.hypot(reliable[f"{name}_sd_of_seeds"], reliable[f"{name}_mcse_nuts"])
        summary.append(
            {
                "what": name,
                "median": one.median(),
                "largest": one.max(),
                "within": (one <= GOAL).sum(),
                "n": len(one),
                "every": every.max(),
                "every_within": (every <= GOAL).sum(),
                "noise": noise.median(),
            }
        )
    formats = {
        "": "{what}", "median": "{median:.3f}", "largest": "{largest:.3f}", "within 0.1": "{within} of {n}",
        "largest, mean of seeds": "{every:.3f}", "within 0.1, mean of seeds": "{every_within} of {n}",
        "Monte Carlo error expected": "{noise:.3f}",
    }  # fmt: skip
    lines += [markdown(pd.DataFrame(summary), formats), ""]
    formats = {
        "data": "{dataset}", "miRNA": "{mirna}", "J": "{n_isomirs}", "ML status": "{status}", "k-hat": "{pareto_k:.2f}",
        "mean": "{mean:+.3f}", "lower": "{lower:+.3f}", "upper": "{upper:+.3f}",
        "lower, mean of seeds": "{lower_all_seeds:+.3f}", "upper, mean of seeds": "{upper_all_seeds:+.3f}",
        "NUTS error (mean, lower, upper)": "{mean_mcse_nuts:.3f}, {lower_mcse_nuts:.3f}, {upper_mcse_nuts:.3f}",
        "SD of seeds (lower, upper)": "{lower_sd_of_seeds:.3f}, {upper_sd_of_seeds:.3f}", "SD ratio": "{sd_ratio:.3f}",
    }  # fmt: skip
    return "\n".join([*lines, markdown(table, formats)])


def evidence_text(table: pd.DataFrame) -> str:
    formats = {
        "data": "{dataset}", "miRNA": "{mirna}", "J": "{n_isomirs}", "LRT": "{lrt:.1f}",
        "log BF, bridge": "{bridge:.2f} ± {bridge_error:.2f}", "log BF, laplace": "{laplace:.2f} ± {laplace_error:.2f}",
        "difference": "{difference:+.3f}", "difference, mean of seeds": "{difference_all_seeds:+.3f}",
        "Savage-Dickey (cross-check)": "{savage_dickey:.2f} ± {savage_dickey_error:.2f}",
    }  # fmt: skip
    largest = table["difference"].abs().max()
    line = f"Largest difference {largest:.3f}, mean of seeds {table['difference_all_seeds'].abs().max():.3f}."
    return "\n".join([line, "", markdown(table, formats)])


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seeds", type=int, default=8)
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    nuts = pd.read_csv(RESULTS / "nuts_reference_posterior.tsv", sep="\t", comment="#")
    bridge = pd.read_csv(RESULTS / "nuts_reference_evidence.tsv", sep="\t", comment="#")
    names = nuts.groupby("dataset")["mirna"].unique()
    fits = {dataset: laplace_fits(dataset, list(mirnas), options.seeds) for dataset, mirnas in names.items()}
    posterior, evidence = posterior_table(nuts, fits), evidence_table(bridge, fits)
    note = f"python benchmarks/agreement_laplace.py --seeds {options.seeds}"
    write("agreement_laplace_posterior.tsv", posterior, note)
    write("agreement_laplace_evidence.tsv", evidence, note)
    page = fill(PAGE.read_text(), "posterior", posterior_text(posterior))
    page = fill(page, "evidence", evidence_text(evidence))
    PAGE.write_text(
        fill(page, "provenance", f"{provenance()}; {options.seeds} seeds of importance sampling.")
    )
    print(posterior_text(posterior), evidence_text(evidence), sep="\n\n")


if __name__ == "__main__":
    main()
