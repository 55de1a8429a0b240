"""What reading costs a cell, whatever the shape of the table: seconds of the processor, and memory by the container.

    python benchmarks/reading_shapes.py [--shapes wide,square,long,longest,files_gdc,files_srnabench] [--cells 20]

Tables of as many million cells each, from 10,000 samples to 10, and 9 million rows in files of one sample each, in the
formats of GDC and sRNAbench, are read whole (no row is dropped) in a process of its own. ``ns_a_cell`` is of cells that
the table has (of files: of their rows), ``times`` the peak of the memory, less what Python and its libraries take, over
the container: its counts, and its names as Python holds them. Writes benchmarks/results/reading_shapes.tsv.
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
RESULTS = HERE / "results" / "reading_shapes.tsv"
SAMPLES = {"wide": 10_000, "square": 1_000, "long": 100, "longest": 10}
FILES = {"files_gdc": 3_600, "files_srnabench": 3_600}
ROWS = 2_500  # of each file
PROGRAM = """
import json, resource, sys, time
import bayes_mirglmm as bm
import bayes_mirglmm.readers._formats
peak = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
base, start = peak(), time.process_time()
counts = bm.read_counts(sys.argv[1])
seconds = time.process_time() - start
names = [counts[name].values for name in counts.coords if counts[name].dtype == object]
texts = {id(text): sys.getsizeof(text) for column in names for text in column.tolist()}
container = (counts["counts"].nbytes + sum(column.nbytes for column in names) + sum(texts.values())) / 1e9
found = {"isomirs_n": counts.sizes["isomir"], "dtype": str(counts["counts"].dtype), "cpu": seconds}
found |= {"container_gb": container, "peak_gb": peak(), "times": (peak() - base) / container}
print(json.dumps(found))
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--shapes", default=",".join([*SAMPLES, *FILES]))
    parser.add_argument("--cells", type=float, default=20, help="of each table, in millions")
    options = parser.parse_args()
    for shape in options.shapes.split(","):
        with tempfile.TemporaryDirectory() as name:
            if shape in FILES:
                path, n, cells = files(shape, Path(name)), FILES[shape], FILES[shape] * ROWS
            else:
                n = SAMPLES[shape]
                rows = int(1e6 * options.cells) // n
                path, cells = table(n, rows, Path(name)), n * rows
            done = subprocess.run(
                [sys.executable, "-c", PROGRAM, str(path)],
                capture_output=True,
                text=True,
                check=False,
                env=os.environ | {"OMP_NUM_THREADS": "1"},
            )
            if done.returncode:
                raise SystemExit(done.stderr)
            found = json.loads(done.stdout)
            per_cell = 1e9 * found["cpu"] / cells
            row = {"shape": shape, "samples": n, "cells": cells} | found | {"ns_a_cell": per_cell}
            write(row | {"load": round(os.getloadavg()[0], 1)})


def table(n: int, rows: int, folder: Path) -> Path:
    """Write a table of counts, some rows at a time."""
    rng = np.random.default_rng(1)
    texts = np.array([str(i) for i in range(10_000)], dtype=object)
    path = folder / "counts.tsv"
    with path.open("w") as file:
        file.write("\t".join(["isomir", "miRNA", *(f"s{i}" for i in range(n))]) + "\n")
        for row in range(rows):
            values = np.minimum(rng.poisson(rng.gamma(2.0, 20.0), n), 9_999)
            file.write(f"iso{row}\tmiR-{row % 2000}\t" + "\t".join(texts[values].tolist()) + "\n")
    return path


def files(shape: str, folder: Path) -> Path:
    """Write a file of each sample, with 2,500 isomiRs each, of 20,000 in all."""
    rng = np.random.default_rng(1)
    letters = np.array(list("ACGT"))
    total = 20_000
    sequences = ["".join(letters[(i // 4**k) % 4] for k in range(12)) + "TGAGGTAGTA" for i in range(total)]
    head = (
        "miRNA_ID\tisoform_coords\tread_count\treads_per_million_miRNA_mapped\tcross-mapped\tmiRNA_region\n"
    )
    for sample in range(FILES[shape]):
        own = np.sort(rng.choice(total, ROWS, replace=False))
        counts = rng.poisson(30, ROWS) + 1
        pairs = list(zip(own.tolist(), counts.tolist(), strict=True))
        place = folder / "data" / f"s{sample}"
        place.mkdir(parents=True)
        if shape == "files_gdc":
            rows = [
                f"hsa-mir-{i % 400}\thg38:chr1:{1000 + i}-{1022 + i}:+\t{c}\t1.0\tN\tmature,MIMAT{i % 400:07d}\n"
                for i, c in pairs
            ]
            (place / f"s{sample}.isoforms.quantification.txt").write_text(head + "".join(rows))
        else:
            text = "".join(
                f"{sequences[i]}\t{c}\t1.0\tdetected#mature#sense\tmature#hsa-miR-{i % 400}#1$\n"
                for i, c in pairs
            )
            (place / "reads.annotation").write_text(text)
    return folder / "data"


def write(row: dict[str, object]) -> None:
    rounded = {k: round(v, 3) if isinstance(v, float) else v for k, v in row.items()}
    print(rounded, flush=True)
    old = pd.read_csv(RESULTS, sep="\t", comment="#") if RESULTS.exists() else pd.DataFrame(columns=["shape"])
    rows = [*old[old["shape"] != row["shape"]].to_dict("records"), rounded]
    with RESULTS.open("w", encoding="utf-8") as file:
        file.write(
            f"# python benchmarks/reading_shapes.py; Python {sys.version.split()[0]}, {date.today()}\n"
        )
        pd.DataFrame(rows).to_csv(file, sep="\t", index=False)


if __name__ == "__main__":
    main()
