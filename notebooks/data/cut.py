"""Cut the real counts of notebook 07 out of isomiRs' mirData: `python notebooks/data/cut.py mirData.rda`.

Every third of the miRNAs that pass the default filters, in the order of their names, with the isomiRs that pass them;
what is left out is one row, so that the totals stay those of the libraries. mirData.rda is `data/mirData.rda` of the
Bioconductor package isomiRs (https://github.com/lpantano/isomiRs).
"""

import sys
from pathlib import Path

import numpy as np
import pandas as pd

import bayes_mirglmm as bm

HERE = Path(__file__).resolve().parent
COLUMNS = ["mism", "add", "t5", "t3"]


def main(source: Path) -> None:
    """Write amygdala.tsv and amygdala_samples.tsv beside this file."""
    counts = bm.read_counts(source)
    kept = bm.filter_counts(counts)
    names = sorted(set(kept["mirna"].values))[::3]
    kept = kept.isel(isomir=np.isin(kept["mirna"].values, names))
    reads = pd.DataFrame(kept["counts"].values, columns=kept["sample"].values)
    annotation = {name: kept[name].values for name in COLUMNS}
    table = pd.DataFrame({"sequence": kept["sequence"].values, "miRNA": kept["mirna"].values, **annotation})
    table = pd.concat([table, reads], axis=1)
    rest = {"sequence": "all_others", "miRNA": "all_others"} | dict.fromkeys(COLUMNS, "0")
    rest |= dict(zip(reads.columns, counts["total"].values - reads.sum().to_numpy(), strict=True))
    table = pd.concat([table, pd.DataFrame([rest])], ignore_index=True)
    table.to_csv(HERE / "amygdala.tsv", sep="\t", index=False, lineterminator="\n")
    group = ["Parkinson" if name.startswith("ct") else "control" for name in reads.columns]
    samples = pd.DataFrame({"sample": reads.columns, "group": group})
    samples.to_csv(HERE / "amygdala_samples.tsv", sep="\t", index=False, lineterminator="\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
