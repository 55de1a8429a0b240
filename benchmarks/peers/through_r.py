"""The peers that run in R: data sets out as files, one R process for all of them, results back as tables."""

import shutil
import subprocess
import tempfile
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pandas as pd
import xarray as xr

HERE = Path(__file__).resolve().parent
LOG_2 = np.log(2.0)
METHODS = ("edger", "limma", "deseq2", "deseq2_isomirs")
NATURAL = ("estimate", "std_error", "lower", "upper")


def r_present(packages: Iterable[str] = ("edgeR", "limma", "DESeq2")) -> bool:
    """Whether Rscript and these packages are installed."""
    if shutil.which("Rscript") is None:
        return False
    code = "; ".join(f"stopifnot(requireNamespace('{p}', quietly = TRUE))" for p in packages)
    return subprocess.run(["Rscript", "-e", code], capture_output=True, check=False).returncode == 0


def run(
    sets: dict[str, xr.Dataset], methods: Iterable[str], covariates: Iterable[str] = ()
) -> tuple[dict[tuple[str, str], tuple[pd.DataFrame, float]], str]:
    """Return (set, method) to results, indexed by feature and in natural logs, and seconds; and R's versions.

    A method that failed on a data set has an empty table. ``covariates`` are columns of the samples that stand beside
    the group in the design; those of strings are factors.
    """
    methods = list(methods)
    with tempfile.TemporaryDirectory() as folder:
        for name, counts in sets.items():
            write(counts, Path(folder) / name, covariates)
        subprocess.run(["Rscript", str(HERE / "rivals.R"), folder, ",".join(methods)], check=True)
        found = {}
        for name in sets:
            for method in methods:
                stem = Path(folder) / f"{name}.{method}"
                table = pd.read_csv(f"{stem}.tsv", sep="\t", index_col="feature")
                table[list(NATURAL)] = table[list(NATURAL)].astype(float) * LOG_2
                seconds = float(Path(f"{stem}.seconds").read_text())
                found[name, method] = (table, seconds)
        return found, (Path(folder) / "versions.txt").read_text().strip()


def peak_memory(counts: xr.Dataset, method: str) -> float:
    """Return the peak memory of R, in MB; NaN where the system does not tell."""
    with tempfile.TemporaryDirectory() as folder:
        write(counts, Path(folder) / "one")
        subprocess.run(["Rscript", str(HERE / "rivals.R"), folder, method], check=True)
        peak = Path(folder) / "peak.txt"
        return float(peak.read_text().split()[1]) / 1024 if peak.exists() else float("nan")


def write(counts: xr.Dataset, stem: Path, covariates: Iterable[str] = ()) -> None:
    names = [f"s{i}" for i in range(counts.sizes["sample"])]
    table = pd.DataFrame(counts["counts"].values, columns=names)
    table.insert(0, "isomir", counts["isomir"].values)
    table.insert(1, "mirna", counts["mirna"].values)
    table.to_csv(f"{stem}.counts.tsv", sep="\t", index=False)
    samples = pd.DataFrame(
        {"sample": names, "group": counts["group"].values, "total": counts["total"].values}
    )
    samples = samples.assign(**{name: counts[name].values for name in covariates})
    samples.to_csv(f"{stem}.samples.tsv", sep="\t", index=False)


def glmer(sets: dict[str, xr.Dataset]) -> pd.DataFrame:
    """Return glmer.nb's results for every miRNA of some (small) counts: set, mirna, singular, estimate, ..."""
    parts = []
    for name, counts in sets.items():
        long = counts["counts"].to_dataframe().reset_index()
        long = long[["isomir", "sample", "mirna", "group", "total", "counts"]]
        parts.append(long.rename(columns={"counts": "count"}).assign(set=name))
    with tempfile.TemporaryDirectory() as folder:
        source, target = Path(folder) / "counts.tsv", Path(folder) / "out.tsv"
        pd.concat(parts).to_csv(source, sep="\t", index=False)
        subprocess.run(["Rscript", str(HERE / "glmer.R"), str(source), str(target)], check=True)
        return pd.read_csv(target, sep="\t")
