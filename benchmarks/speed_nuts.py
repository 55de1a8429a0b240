"""Speed of method="nuts" on all miRNAs of mirdata, beside the same model sampled the ordinary way.

    python benchmarks/speed_nuts.py [--jobs 2] [--peers 4] [--reference 44] [--quick]

ours      every miRNA, full and reduced model, the default draws, evidence by bridge sampling; in a process of its own,
          whose peak memory is recorded.
reference log Bayes factors of some miRNAs again, from six times the draws and another seed: those whose errors are
          stated to be the largest, and every so many of the others.
ordinary  pm.sample(nuts_sampler="nutpie") of the readable model of one miRNA, compiled for it, as a user would.
bambi     the same formula in bambi with its own priors, where bambi is installed.

Effective sample sizes are the smallest bulk ESS of fixed effects, SDs and theta. Writes speed_nuts.tsv,
speed_nuts_peers.tsv, diagnostics_nuts.tsv and evidence_nuts.tsv in benchmarks/results; with --quick, six miRNAs alone,
nothing.
"""

import argparse
import os
import platform
import resource
import subprocess
import sys
import tempfile
import time
import warnings
from datetime import date
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import numpy as np
import pandas as pd

import bayes_mirglmm as bm
from bayes_mirglmm.nuts import Settings

ROOT = Path(__file__).resolve().parent.parent
DATA = Path(os.environ.get("BAYES_MIRGLMM_SHARED", ROOT.parent / "shared")) / "data" / "mirdata"
RESULTS = ROOT / "benchmarks" / "results"
REFERENCE = {"group": "cc"}
#: For the ordinary way: small and large J, slope SD near zero (the second) and not.
PEERS = ["hsa-miR-335-5p", "hsa-miR-660-5p", "hsa-miR-142-5p", "hsa-miR-409-3p"]
GOALS = {"minutes": 4, "sound_share": 0.99, "ratio": 50, "memory_mb": 2048, "log_bf": 0.05}
LONGER = 6  # times the default draws
QUICK = 6  # miRNAs


def read():
    return bm.filter_counts(bm.read_counts(DATA / "counts.tsv.gz", samples=DATA / "samples.tsv"))


def child(jobs: int, mirnas: int, out: Path) -> None:
    """Fit, and print what the parent reads."""
    counts = read()
    names = list(dict.fromkeys(counts["mirna"].values))[:mirnas]
    counts = of(counts, names)
    bm.fit(of(counts, names[:1]), "~ group", method="nuts", draws=20, tune=20, progress=False)  # compiles
    started, cpu = time.perf_counter(), time.process_time()
    fit = bm.fit(counts, "~ group", reference=REFERENCE, method="nuts", seed=1, n_jobs=jobs, progress=False)
    wall, cpu = time.perf_counter() - started, time.process_time() - cpu
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    found = fit.diagnostics()
    reduced = {
        f"reduced_{name}": fit.data[name].sel(model="reduced", mirna=found["mirna"].tolist()).values
        for name in ("r_hat", "ess_bulk", "divergences", "attempts")
    }
    found = found.assign(
        n_isomirs=fit.status().set_index("mirna")["n_isomirs"].loc[found["mirna"]].values, **reduced
    )
    evidence = fit.usage().set_index("mirna").loc[found["mirna"], ["log_bf10", "log_bf10_error"]]
    found = found.assign(**{name: evidence[name].values for name in evidence})
    write(found, out / "diagnostics_nuts.tsv", f"python benchmarks/speed_nuts.py --jobs {jobs}")
    print(f"RESULT {wall} {cpu} {memory}")


def of(counts, names):
    return counts.isel(isomir=np.isin(counts["mirna"].values, names))


def reference(counts, found: pd.DataFrame, number: int, jobs: int) -> pd.DataFrame:
    """Return log Bayes factors of some miRNAs beside those of longer runs."""
    worst = found.sort_values("log_bf10_error", ascending=False)["mirna"].tolist()[: number // 2]
    others = found.loc[~found["mirna"].isin(worst), "mirna"].tolist()
    chosen = worst + others[:: max(1, len(others) // max(1, number - len(worst)))][: number - len(worst)]
    draws = LONGER * Settings().draws
    fit = bm.fit(
        of(counts, chosen), "~ group", reference=REFERENCE, method="nuts", seed=2, draws=draws,
        n_jobs=jobs, progress=False,
    )  # fmt: skip
    longer = fit.usage().set_index("mirna").loc[chosen]
    own = found.set_index("mirna").loc[chosen]
    return pd.DataFrame(
        {
            "mirna": chosen,
            "n_isomirs": own["n_isomirs"].values,
            "log_bf10": own["log_bf10"].values,
            "log_bf10_error": own["log_bf10_error"].values,
            "reference": longer["log_bf10"].values,
            "reference_error": longer["log_bf10_error"].values,
            "difference": own["log_bf10"].values - longer["log_bf10"].values,
        }
    )


def ordinary(counts, mirna: str) -> dict[str, float]:
    """Compile and sample the readable model."""
    import arviz_stats.base  # noqa: F401
    import pymc as pm

    started = time.perf_counter()
    with bm.build_model(counts, mirna, "~ group", reference=REFERENCE):
        trace = pm.sample(
            1000, tune=1000, chains=4, cores=2, nuts_sampler="nutpie", random_seed=1, progressbar=False
        )
    seconds = time.perf_counter() - started
    names = ["beta", "sd_isomir", "sd_sample", "theta"]
    return {
        "seconds": seconds,
        "ess": smallest_ess(trace["posterior"], names),
        "divergences": diverging(trace),
    }


def bambi(counts, mirna: str) -> dict[str, float]:
    """The same formula in bambi, with its own priors."""
    import bambi

    chosen = counts.isel(isomir=counts["mirna"].values == mirna)
    long = chosen["counts"].to_series().rename("y").reset_index()
    long["group"] = chosen["group"].to_series().loc[long["sample"]].to_numpy()
    long["group"] = pd.Categorical(long["group"], categories=["cc", "ct"])
    long["log_total"] = np.log(chosen["total"].to_series().loc[long["sample"]].to_numpy() / 1e6)
    started = time.perf_counter()
    model = bambi.Model(
        "y ~ offset(log_total) + group + (group | isomir) + (1 | sample)", long, family="negativebinomial"
    )
    trace = model.fit(
        draws=1000, tune=1000, chains=4, cores=2, random_seed=1, progressbar=False, inference_method="nutpie"
    )
    seconds = time.perf_counter() - started
    posterior = trace["posterior"]
    names = [
        n for n in posterior.data_vars if n in ("Intercept", "group", "alpha") or str(n).endswith("_sigma")
    ]
    return {"seconds": seconds, "ess": smallest_ess(posterior, names), "divergences": diverging(trace)}


def smallest_ess(posterior, names) -> float:
    from arviz_stats.base import array_stats

    found = []
    for name in names:
        values = np.asarray(posterior[name].values)
        found.append(array_stats.ess(values.reshape(*values.shape[:2], -1), chain_axis=0, draw_axis=1).min())
    return float(min(found))


def diverging(trace) -> int:
    return int(trace["sample_stats"]["diverging"].values.sum())


def provenance() -> str:
    packages = []
    for name in ("bayes-mirglmm", "nutpie", "pymc", "bambi", "numba", "numpy"):
        try:
            packages.append(f"{name} {version(name)}")
        except PackageNotFoundError:
            packages.append(f"{name} not installed")
    load = ", ".join(f"{value:.1f}" for value in os.getloadavg())
    return (
        f"{date.today()}; {platform.machine()}, {os.cpu_count()} cores, load average at the end {load}; "
        f"Python {platform.python_version()}, {', '.join(packages)}"
    )


def write(table: pd.DataFrame, path: Path, what: str) -> None:
    path.parent.mkdir(exist_ok=True)
    text = table.to_csv(sep="\t", index=False, float_format="%.5g")
    path.write_text(f"# {provenance()}; {what}\n{text}")


def every(options: argparse.Namespace, out: Path) -> list[tuple]:
    """Fit all miRNAs in a process of its own, and return what it took."""
    command = [sys.executable, __file__, "--child", "--jobs", str(options.jobs), "--out", str(out)]
    done = subprocess.run(
        [*command, "--mirnas", str(options.mirnas)], check=True, capture_output=True, text=True
    )
    line = next(row for row in done.stdout.splitlines() if row.startswith("RESULT"))
    wall, cpu, memory = map(float, line.split()[1:])
    found = pd.read_csv(out / "diagnostics_nuts.tsv", sep="\t", comment="#")
    sound = (found["r_hat"] <= 1.01) & (found["ess_bulk"] >= 400) & (found["divergences"] == 0)
    return [
        ("ours: miRNAs, full and reduced", len(found), ""),
        ("ours: wall minutes", wall / 60, ""),
        ("ours: processor minutes", cpu / 60, f"at most {GOALS['minutes']}"),
        ("ours: peak memory, MB", memory, f"at most {GOALS['memory_mb']}"),
        ("ours: share with r-hat <= 1.01, ESS >= 400, no divergence", sound.mean(), GOALS["sound_share"]),
        ("ours: sampled twice", int((found["attempts"] > 1).sum()), ""),
        ("ours: median of smallest bulk ESS", found["ess_bulk"].median(), ""),
        ("ours: error of the log Bayes factor, as stated, median", found["log_bf10_error"].median(), ""),
    ]  # fmt: skip


def measured(options: argparse.Namespace, out: Path) -> None:
    """Measure, and write as it comes, so that an interruption loses little."""
    name = out / "speed_nuts.tsv"
    if options.recorded:
        known = pd.read_csv(name, sep="\t", comment="#", keep_default_na=False)
        rows = [row for row in known.itertuples(index=False, name=None) if row[0].startswith("ours")]
    else:
        rows = every(options, out)
        keep(rows, name, options.jobs)
    found = pd.read_csv(out / "diagnostics_nuts.tsv", sep="\t", comment="#")
    counts = read()
    if options.reference:
        beside = reference(counts, found, options.reference, options.jobs)
        what = f"python benchmarks/speed_nuts.py --reference {options.reference}"
        write(beside, out / "evidence_nuts.tsv", what)
        error = beside["difference"].abs()
        what = f"log Bayes factor, {len(beside)} miRNAs against {LONGER} times the draws"
        rows.append((f"{what}: largest difference", error.max(), f"at most {GOALS['log_bf']}"))
        rows.append((f"{what}: median", error.median(), ""))
        keep(rows, name, options.jobs)
    beside = peers(counts, found.set_index("mirna"), PEERS[: options.peers], out, options.jobs)
    print(table(rows + beside).to_string(index=False, float_format=lambda v: f"{v:.4g}"))


def peers(counts, found: pd.DataFrame, mirnas: list[str], out: Path, jobs: int) -> list[tuple]:
    """Sample some miRNAs as others do."""
    rows: list[tuple] = []
    for mirna in mirnas:
        own = found.loc[mirna]
        # A miRNA's own seconds hold both models and the evidence: the comparison is unfair to ours.
        rate = own["ess_bulk"] / own["seconds"]
        rows.append((f"{mirna} (J = {own['n_isomirs']:.0f}), ours: ESS", own["ess_bulk"], ""))
        rows.append((f"{mirna}, ours: seconds, both models and evidence", own["seconds"], ""))
        for name, run in (("ordinary", ordinary), ("bambi", bambi)):
            try:
                peer = run(counts, mirna)
            except ImportError:
                continue
            rows.append((f"{mirna}, {name}: seconds, compile included", peer["seconds"], ""))
            rows.append((f"{mirna}, {name}: ESS", peer["ess"], ""))
            rows.append((f"{mirna}, {name}: divergences", peer["divergences"], ""))
            ratio = rate / (peer["ess"] / peer["seconds"])
            rows.append((f"{mirna}, ours / {name}: ESS per second", ratio, f"at least {GOALS['ratio']}"))
            keep(rows, out / "speed_nuts_peers.tsv", jobs)
    return rows


def table(rows: list[tuple]) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=["what", "figure", "goal"])


def keep(rows: list[tuple], path: Path, jobs: int) -> None:
    write(table(rows), path, f"python benchmarks/speed_nuts.py --jobs {jobs}")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--peers", type=int, default=len(PEERS), help="miRNAs to sample the ordinary way")
    parser.add_argument("--reference", type=int, default=0, help="miRNAs to sample six times as long")
    parser.add_argument(
        "--recorded", action="store_true", help="only what is beside them: all miRNAs were fitted before"
    )
    parser.add_argument("--quick", action="store_true", help="a few miRNAs alone; nothing is written")
    parser.add_argument("--child", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--mirnas", type=int, default=10_000, help=argparse.SUPPRESS)
    parser.add_argument("--out", type=Path, default=RESULTS, help=argparse.SUPPRESS)
    options = parser.parse_args()
    warnings.filterwarnings("ignore")
    if options.child:
        child(options.jobs, options.mirnas, options.out)
        return
    if not DATA.is_dir():
        print(f"no {DATA}: nothing to measure", file=sys.stderr)
        return
    if not options.quick:
        measured(options, options.out)
        return
    options.mirnas, options.peers, options.reference = QUICK, 0, 2
    with tempfile.TemporaryDirectory() as folder:
        measured(options, Path(folder))


if __name__ == "__main__":
    main()
