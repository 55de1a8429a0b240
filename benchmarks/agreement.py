"""Maximum likelihood, nested Laplace and NUTS side by side on real miRNAs: log fold changes and Bayes factors.

    python benchmarks/agreement.py [--draws 8000] [--seeds 4]
    python benchmarks/agreement.py --laplace            # that of method="laplace" anew, NUTS as it stands in the tables

Thirty miRNAs of two data sets (agreement_nuts.py chose them). Each is fitted by method="nuts" with long chains, by
method="laplace" with several seeds and by maximum likelihood; nuts_reference_posterior.tsv and
nuts_reference_evidence.tsv have, for most of them, draws of the readable PyMC model itself, made without anything of
this package's samplers. Differences are in posterior SDs of NUTS. Several seeds tell the Monte Carlo error of
importance sampling from what stays: bias of the Laplace approximation, or an error of either program.

Writes agreement_posterior.tsv and agreement_evidence.tsv in benchmarks/results and the tables of docs/agreement.md.
"""

import argparse
import warnings

import numpy as np
import pandas as pd
from agreement_nuts import FORMULA, REFERENCE, RESULTS, ROOT, SELECTION, counts, write

import bayes_mirglmm as bm

PAGE = ROOT / "docs" / "agreement.md"
GOAL = 0.1
SEED = 20
SUMMARIES = {"mean": "estimate", "lower": "lower", "upper": "upper"}


def chosen() -> dict[str, list[str]]:
    """The miRNAs of each data set."""
    found: dict[str, list[str]] = {}
    for (dataset, _), names in SELECTION.items():
        found.setdefault(dataset, []).extend(f"hsa-{name.rstrip('*')}" for name in names.split())
    return found


def fits_of(dataset: str, mirnas: list[str], draws: int, seeds: int) -> tuple[bm.Fit, list[bm.Fit]]:
    """Fit the same miRNAs by NUTS, and by the nested posterior with each of the seeds 1, 2, ..."""
    every = counts(dataset)
    own = every.isel(isomir=np.flatnonzero(np.isin(every["mirna"].values, mirnas)))
    options = {"reference": {"group": REFERENCE[dataset]}, "progress": False, "n_jobs": 2}
    nuts = bm.fit(own, FORMULA, method="nuts", draws=draws, seed=SEED, **options)
    return nuts, [bm.fit(own, FORMULA, method="laplace", seed=s, **options) for s in range(1, seeds + 1)]


def own_row(table: pd.DataFrame, mirna: str) -> pd.Series:
    """The miRNA's only row, or that of its group coefficient."""
    own = table[table["mirna"] == mirna]
    if "term" in own:
        own = own[own["term"].str.startswith("group")]
    assert len(own) == 1, own
    return own.iloc[0]


def of_nuts(fit: bm.Fit, mirna: str) -> dict[str, float]:
    """Posterior of the log fold change by NUTS, with Monte Carlo errors."""
    from arviz_stats.base import array_stats

    chains = fit.data.attrs["chains"]
    draws = fit.data["draw_beta"].sel(drawn=mirna).values[:, 1].astype(float).reshape(chains, -1)
    axes = {"chain_axis": 0, "draw_axis": 1}
    return {
        "mean": draws.mean(),
        "sd": draws.std(ddof=1),
        "lower": np.quantile(draws, 0.025),
        "upper": np.quantile(draws, 0.975),
        "mcse_mean": float(array_stats.mcse(draws, method="mean", **axes)),
        "mcse_lower": float(array_stats.mcse(draws, method="quantile", prob=0.025, **axes)),
        "mcse_upper": float(array_stats.mcse(draws, method="quantile", prob=0.975, **axes)),
    }


def posterior_table(fits, reference: pd.DataFrame) -> pd.DataFrame:
    """Differences from NUTS, in posterior SDs: of the first seed, of the mean of all seeds, of the other methods."""
    full = reference[(reference["model"] == "full") & (reference["parameter"] == "log_fc")]
    known = {(r.dataset, r.mirna): r for r in full.itertuples()}
    rows = []
    for dataset, (nuts, laplace) in fits.items():
        diagnostics = nuts.diagnostics().set_index("mirna")
        for mirna in nuts.mirnas:
            own = of_nuts(nuts, mirna)
            effects = [own_row(fit.effects(), mirna) for fit in laplace]
            ml = own_row(nuts.ml.effects(), mirna)
            row = {
                "dataset": dataset, "mirna": mirna,
                "n_isomirs": int(nuts.status().set_index("mirna").loc[mirna, "n_isomirs"]),
                "status": own_row(nuts.ml.status(), mirna)["status"], "pareto_k": effects[0]["pareto_k"],
                "nuts_mean": own["mean"], "nuts_sd": own["sd"],
                "nuts_lower": own["lower"], "nuts_upper": own["upper"], "nuts_r_hat": diagnostics.loc[mirna, "r_hat"],
                "nuts_ess": diagnostics.loc[mirna, "ess_bulk"],
                "nuts_divergences": diagnostics.loc[mirna, "divergences"],
            }  # fmt: skip
            row |= {f"{name}_mcse_nuts": own[f"mcse_{name}"] / own["sd"] for name in SUMMARIES}
            row |= of_laplace(effects, own)
            row |= {
                "ml": (ml["estimate"] - own["mean"]) / own["sd"],
                "ml_se_ratio": ml["std_error"] / own["sd"],
            }
            theirs = known.get((dataset, mirna))
            if theirs is not None:
                row |= {
                    "readable": (theirs.mean - own["mean"]) / own["sd"],
                    "readable_error": np.hypot(theirs.mcse_mean, own["mcse_mean"]) / own["sd"],
                    "readable_sd_ratio": theirs.sd / own["sd"],
                }
            rows.append(row)
    return pd.DataFrame(rows).sort_values(["dataset", "n_isomirs", "mirna"])


def of_laplace(effects: list[pd.Series], nuts: dict[str, float]) -> dict[str, float]:
    """Differences of the nested posterior from NUTS, in its SDs."""
    row = {}
    for name, column in SUMMARIES.items():
        found = (np.array([e[column] for e in effects]) - nuts[name]) / nuts["sd"]
        row |= {
            name: found[0],
            f"{name}_all_seeds": found.mean(),
            f"{name}_sd_of_seeds": found.std(ddof=1),
        }
    return row | {"sd_ratio": np.mean([e["std_error"] for e in effects]) / nuts["sd"]}


def laplace_anew(posterior: pd.DataFrame, evidence: pd.DataFrame, seeds: int) -> None:
    """Write the columns of the nested posterior anew into both tables."""
    for dataset, mirnas in chosen().items():
        every = counts(dataset)
        own = every.isel(isomir=np.flatnonzero(np.isin(every["mirna"].values, mirnas)))
        options = {"reference": {"group": REFERENCE[dataset]}, "progress": False}
        fits = [bm.fit(own, FORMULA, method="laplace", seed=s, **options) for s in range(1, seeds + 1)]
        for mirna in mirnas:
            i = posterior.index[(posterior["dataset"] == dataset) & (posterior["mirna"] == mirna)][0]
            effects = [own_row(fit.effects(), mirna) for fit in fits]
            nuts = {name: posterior.loc[i, f"nuts_{name}"] for name in (*SUMMARIES, "sd")}
            for name, value in (of_laplace(effects, nuts) | {"pareto_k": effects[0]["pareto_k"]}).items():
                posterior.loc[i, name] = value
            usage = [own_row(fit.usage(), mirna) for fit in fits]
            log_bf = np.array([u["log_bf10"] for u in usage])
            i = evidence.index[(evidence["dataset"] == dataset) & (evidence["mirna"] == mirna)][0]
            bridge = evidence.loc[i, "bridge"]
            evidence.loc[i, ["laplace", "laplace_error"]] = log_bf[0], usage[0]["log_bf10_error"]
            evidence.loc[i, ["difference", "difference_all_seeds"]] = (
                log_bf[0] - bridge,
                log_bf.mean() - bridge,
            )


def evidence_table(fits, reference: pd.DataFrame) -> pd.DataFrame:
    """Log Bayes factors by bridge sampling of NUTS draws, by nested Laplace, and from the readable model's draws."""
    known = reference.set_index(["dataset", "mirna", "model"])
    rows = []
    for dataset, (nuts, laplace) in fits.items():
        for mirna in nuts.mirnas:
            usage = [own_row(fit.usage(), mirna) for fit in laplace]
            bridge = own_row(nuts.usage(), mirna)
            log_bf = np.array([u["log_bf10"] for u in usage])
            row = {
                "dataset": dataset,
                "mirna": mirna,
                "n_isomirs": int(nuts.status().set_index("mirna").loc[mirna, "n_isomirs"]),
                "lrt": bridge["lrt"],
                "p_value": bridge["p_value"],
                "p_value_chi2": bridge["p_value_chi2"],
                "bridge": bridge["log_bf10"],
                "bridge_error": bridge["log_bf10_error"],
                "laplace": log_bf[0],
                "laplace_error": usage[0]["log_bf10_error"],
                "difference": log_bf[0] - bridge["log_bf10"],
                "difference_all_seeds": log_bf.mean() - bridge["log_bf10"],
            }
            if (dataset, mirna, "full") in known.index and (dataset, mirna, "reduced") in known.index:
                full, reduced = (known.loc[(dataset, mirna, model)] for model in ("full", "reduced"))
                row |= {
                    "readable": full["log_evidence"] - reduced["log_evidence"],
                    "readable_error": np.hypot(full["error"], reduced["error"]),
                    "savage_dickey": full["savage_dickey"],
                    "savage_dickey_error": full["savage_dickey_error"],
                }
            rows.append(row)
    return pd.DataFrame(rows).sort_values("bridge")


# ----------------------------------------------------------------------------------------------- the page


def markdown(table: pd.DataFrame, formats: dict[str, str]) -> str:
    lines = ["| " + " | ".join(formats) + " |", "|" + "---|" * len(formats)]
    for _, row in table.iterrows():
        lines.append(
            "| "
            + " | ".join(
                f.format(**row).replace("nan ± nan", "").replace("+nan", "") for f in formats.values()
            )
            + " |"
        )
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
    for name in SUMMARIES:
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
        "data": "{dataset}", "miRNA": "{mirna}", "J": "{n_isomirs}", "ML status": "{status}",
        "readable model": "{readable:+.3f} ± {readable_error:.3f}", "ML": "{ml:+.2f}", "k-hat": "{pareto_k:.2f}",
        "mean": "{mean:+.3f}", "lower": "{lower:+.3f}", "upper": "{upper:+.3f}",
        "lower, mean of seeds": "{lower_all_seeds:+.3f}", "upper, mean of seeds": "{upper_all_seeds:+.3f}",
        "NUTS error (mean, lower, upper)": "{mean_mcse_nuts:.3f}, {lower_mcse_nuts:.3f}, {upper_mcse_nuts:.3f}",
        "SD of seeds (lower, upper)": "{lower_sd_of_seeds:.3f}, {upper_sd_of_seeds:.3f}", "SD ratio": "{sd_ratio:.3f}",
    }  # fmt: skip
    return "\n".join([*lines, markdown(table, formats)])


def evidence_text(table: pd.DataFrame) -> str:
    formats = {
        "data": "{dataset}", "miRNA": "{mirna}", "J": "{n_isomirs}", "LRT": "{lrt:.1f}",
        "p": "{p_value:.2g}", "p (chi2)": "{p_value_chi2:.2g}", "log BF, NUTS": "{bridge:.2f} ± {bridge_error:.2f}",
        "log BF, laplace": "{laplace:.2f} ± {laplace_error:.2f}", "difference": "{difference:+.3f}",
        "readable model": "{readable:.2f} ± {readable_error:.2f}",
        "Savage-Dickey (cross-check)": "{savage_dickey:.2f} ± {savage_dickey_error:.2f}",
    }  # fmt: skip
    largest = table["difference"].abs().max()
    line = f"Largest difference {largest:.3f}, mean of seeds {table['difference_all_seeds'].abs().max():.3f}."
    return "\n".join([line, "", markdown(table, formats)])


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--draws", type=int, default=8000, help="of each of four chains of NUTS")
    parser.add_argument("--seeds", type=int, default=4)
    parser.add_argument("--laplace", action="store_true", help="method='laplace' anew, NUTS from the tables")
    parser.add_argument("--page", action="store_true", help="fill the page from the tables that are there")
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    note = f"python benchmarks/agreement.py --draws {options.draws} --seeds {options.seeds}"
    read = {"sep": "\t", "comment": "#"}
    if options.laplace:
        tables = [
            pd.read_csv(RESULTS / f"agreement_{name}.tsv", **read) for name in ("posterior", "evidence")
        ]
        laplace_anew(*tables, options.seeds)
        note = f"python benchmarks/agreement.py --laplace --seeds {options.seeds} (NUTS: --draws 8000, 2026-11-24)"
        for name, table in zip(("posterior", "evidence"), tables, strict=True):
            write(f"agreement_{name}.tsv", table, note)
    elif not options.page:
        fits = {
            dataset: fits_of(dataset, mirnas, options.draws, options.seeds)
            for dataset, mirnas in chosen().items()
        }
        posterior = posterior_table(fits, pd.read_csv(RESULTS / "nuts_reference_posterior.tsv", **read))
        evidence = evidence_table(fits, pd.read_csv(RESULTS / "nuts_reference_evidence.tsv", **read))
        write("agreement_posterior.tsv", posterior, note)
        write("agreement_evidence.tsv", evidence, note)
    posterior = pd.read_csv(RESULTS / "agreement_posterior.tsv", **read)
    evidence = pd.read_csv(RESULTS / "agreement_evidence.tsv", **read)
    stamp = (RESULTS / "agreement_posterior.tsv").read_text().splitlines()[0].lstrip("# ")
    page = fill(PAGE.read_text(), "posterior", posterior_text(posterior))
    page = fill(page, "evidence", evidence_text(evidence))
    PAGE.write_text(fill(page, "provenance", f"`{stamp}`"))
    print(posterior_text(posterior), evidence_text(evidence), sep="\n\n")


if __name__ == "__main__":
    main()
