"""Known truth: the ratiometric pools of Giraldez et al. (2018), sequences of one ratio put together as pseudo-miRNAs.

Three sequences of one known ratio make a pseudo-miRNA, so that its isomiRs truly change alike and by a known amount.
"""

from collections.abc import Iterator

import numpy as np
import pandas as pd
from accuracy_data import SHARED, DataSet

import bayes_mirglmm as bm

SCENARIO = "ratiometric"
SIZE = 3  # sequences of a pseudo-miRNA
LIBRARIES = 4  # of each pool, in a lab and protocol


def data_sets() -> Iterator[DataSet]:
    """Yield pool B (4 libraries) against pool A, for each lab and protocol; changed: a ratio other than 1."""
    folder = SHARED / "data" / "giraldez_ratiometric"
    table = pd.read_csv(folder / "counts.tsv.gz", sep="\t")
    samples = pd.read_csv(folder / "samples.tsv", sep="\t", index_col="sample")
    table = table.sort_values(["true_log_fc", "sequence"], kind="stable").reset_index(drop=True)
    place = table.groupby("true_log_fc").cumcount() // SIZE
    table["mirna"] = [f"ratio {r:+.2f} no. {k}" for r, k in zip(table["true_log_fc"], place, strict=True)]
    truth = table.groupby("mirna", sort=False, as_index=False)["true_log_fc"].first()
    truth = truth.rename(columns={"true_log_fc": "value"})
    truth = truth.assign(nominal=truth["value"], changed=np.abs(truth["value"]) > 1e-9, usage=False)
    pools = samples[samples["pool"].isin(["A", "B"])]
    number = 0
    for _, part in pools.groupby(["lab", "method_detail"]):
        if (part["pool"].value_counts().reindex(["A", "B"]).fillna(0) < LIBRARIES).any():
            continue
        chosen = part.groupby("pool").head(LIBRARIES)
        long = table[["sequence", "mirna", *chosen.index]].rename(columns={"sequence": "isomir"})
        sheet = pd.DataFrame({"group": chosen["pool"]}, index=chosen.index)
        counts = bm.filter_counts(bm.from_dataframe(long, samples=sheet))
        kept = truth[truth["mirna"].isin(set(counts["mirna"].values))]
        yield DataSet(SCENARIO, number, counts, kept, None)
        number += 1
