"""How time and memory of reading, filtering and fitting grow, up to 11,000 samples x 100,000 isomiRs.

    python benchmarks/large.py [--sizes small,samples,isomirs,mirnas,files,atlas] [--no-fit]

Each size is simulated into a table of text, or 2,000 files of the sRNAbench and of the GDC kind, and fitted by ML in a
process of its own: seconds of the processor and of the wall for reading with filtering, and for all, and the peak of
its memory. 12 isomiRs of each miRNA that is fitted are expressed, the others are seen in 3 % of the samples, as in real
atlases. Writes benchmarks/results/large.tsv, a row at a time; rows of other sizes stay.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd

HERE = Path(__file__).resolve().parent
RESULTS = HERE / "results" / "large.tsv"
ISOMIRS = 12  # of each miRNA, expressed
SEEN = 0.03  # share of the samples that have a rare isomiR
#: samples, isomiRs, miRNAs
SIZES = {
    "small": (500, 5_000, 50),
    "samples": (1_000, 5_000, 50),
    "isomirs": (500, 10_000, 50),
    "mirnas": (500, 5_000, 100),
    "atlas": (11_000, 100_000, 500),
}
FILES = {"files_gdc": 2_000, "files_srnabench": 2_000}
PROGRAM = """
import json, resource, sys, time
import bayes_mirglmm as bm
start = time.perf_counter()
counts = bm.read_counts(sys.argv[1], samples=sys.argv[2] or None, drop_rare=True)
kept = bm.filter_counts(counts)
own = kept["counts"].nbytes
read = {"read_wall": time.perf_counter() - start, "read_cpu": time.process_time()}
read |= {"read_peak_gb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6, "kept_isomirs": kept.sizes["isomir"]}
if sys.argv[3] == "fit":
    start, cpu = time.perf_counter(), time.process_time()
    fit = bm.fit(kept, "~ group", n_jobs=2, progress=False)
    read |= {"fitted": len(fit), "fit_wall": time.perf_counter() - start, "fit_cpu": time.process_time() - cpu}
    read |= {"peak_gb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6}
print(json.dumps(read))
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sizes", default=",".join([*SIZES, *FILES]))
    parser.add_argument("--no-fit", action="store_true")
    options = parser.parse_args()
    for size in options.sizes.split(","):
        with tempfile.TemporaryDirectory() as name:
            made = (files if size in FILES else table)(size, Path(name))
            fit = "read" if options.no_fit or size in FILES else "fit"
            command = [sys.executable, "-c", PROGRAM, made["counts"], made.pop("samples"), fit]
            done = subprocess.run(
                command,
                capture_output=True,
                text=True,
                check=False,
                env=os.environ | {"OMP_NUM_THREADS": "1"},
            )
            if done.returncode:
                raise SystemExit(done.stderr)
            made.pop("counts")
            write({"size": size} | made | json.loads(done.stdout) | {"load": round(os.getloadavg()[0], 1)})


def table(size: str, folder: Path) -> dict[str, object]:
    """Write a table of counts, some rows at a time."""
    n, isomirs, mirnas = SIZES[size]
    rng = np.random.default_rng(1)
    depth = rng.uniform(0.5, 2.0, n)
    texts = np.array([str(i) for i in range(10_000)], dtype=object)
    path = folder / "counts.tsv"
    with path.open("w") as file:
        file.write("\t".join(["isomir", "miRNA", *(f"s{i}" for i in range(n))]) + "\n")
        for row in range(isomirs):
            common = row < mirnas * ISOMIRS
            if common:
                mean = rng.gamma(2.0, 200.0) * depth * rng.gamma(5.0, 0.2, n)
                values = np.minimum(rng.poisson(mean), 9_999)
            else:
                values = np.zeros(n, dtype=np.int64)
                values[rng.random(n) < SEEN] = 1
            mirna = f"miR-{row % mirnas}" if common else f"rare-{row % 2000}"
            file.write(f"iso{row}\t{mirna}\t" + "\t".join(texts[values].tolist()) + "\n")
    (folder / "samples.tsv").write_text(
        "sample\tgroup\n" + "".join(f"s{i}\t{'ab'[i % 2]}\n" for i in range(n))
    )
    found = {
        "samples_n": n,
        "isomirs": isomirs,
        "mirnas": mirnas,
        "file_gb": round(path.stat().st_size / 1e9, 3),
    }
    return found | {"counts": str(path), "samples": str(folder / "samples.tsv")}


def files(size: str, folder: Path) -> dict[str, object]:
    """Write a file of each sample, with 2,500 isomiRs each, of 20,000 in all."""
    rng = np.random.default_rng(1)
    kind, total, each = size.removeprefix("files_"), 20_000, 2_500
    letters = np.array(list("ACGT"))
    sequences = ["".join(letters[(i // 4**k) % 4] for k in range(12)) + "TGAGGTAGTA" for i in range(total)]
    data = folder / "data"
    for sample in range(FILES[size]):
        common = np.arange(1_000)
        own = np.concatenate([common, 1_000 + rng.choice(total - 1_000, each - 1_000, replace=False)])
        counts = np.concatenate([rng.poisson(300, 1_000) + 1, np.ones(each - 1_000, dtype=int)])
        if kind == "gdc":
            data.mkdir(exist_ok=True)
            rows = [
                f"hsa-mir-{i % 400}\thg38:chr1:{1000 + i}-{1022 + i}:+\t{c}\t1.0\tN\tmature,MIMAT{i % 400:07d}\n"
                for i, c in zip(own, counts, strict=True)
            ]
            head = "miRNA_ID\tisoform_coords\tread_count\treads_per_million_miRNA_mapped\tcross-mapped\tmiRNA_region\n"
            (data / f"s{sample}.isoforms.quantification.txt").write_text(head + "".join(rows))
        else:
            (data / f"s{sample}").mkdir(parents=True)
            rows = [
                f"{sequences[i]}\t{c}\t1.0\tdetected#mature#sense\tmature#hsa-miR-{i % 400}#1$\n"
                for i, c in zip(own, counts, strict=True)
            ]
            (data / f"s{sample}" / "reads.annotation").write_text("".join(rows))
    size_gb = round(sum(path.stat().st_size for path in data.rglob("*") if path.is_file()) / 1e9, 3)
    found = {"samples_n": FILES[size], "isomirs": total, "mirnas": 400, "file_gb": size_gb}
    return found | {"counts": str(data), "samples": ""}


def write(row: dict[str, object]) -> None:
    rounded = {k: round(v, 2) if isinstance(v, float) else v for k, v in row.items()}
    print(rounded, flush=True)
    old = pd.read_csv(RESULTS, sep="\t", comment="#") if RESULTS.exists() else pd.DataFrame(columns=["size"])
    table = pd.concat([old[old["size"] != row["size"]], pd.DataFrame([rounded])], ignore_index=True)
    with RESULTS.open("w", encoding="utf-8") as file:
        file.write(f"# python benchmarks/large.py; Python {sys.version.split()[0]}, {date.today()}\n")
        table.to_csv(file, sep="\t", index=False)


if __name__ == "__main__":
    main()
