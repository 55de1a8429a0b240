"""Known truth: the ratiometric pools of Giraldez et al. (2018), sequences of one ratio put together as pseudo-miRNAs.

Three sequences of one known ratio make a pseudo-miRNA, so that its isomiRs change alike and by a known amount, as far
as the pools were mixed as they were meant to be.
"""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pandas as pd
from accuracy_data import SHARED, DataSet

import bayes_mirglmm as bm

SCENARIO = "ratiometric"
SIZE = 3  # sequences of a pseudo-miRNA
LIBRARIES = 4  # of each pool, in a lab and protocol


def put_together(table: pd.DataFrame, by: str) -> pd.DataFrame:
    """Return the sequences with a column mirna: every :data:`SIZE` of one value of ``by``, a log ratio, make one."""
    table = table.sort_values([by, "sequence"], kind="stable").reset_index(drop=True)
    place = table.groupby(by).cumcount() // SIZE
    names = [f"ratio {r:+.2f} no. {k}" for r, k in zip(table[by], place, strict=True)]
    return pd.concat([table, pd.Series(names, name="mirna")], axis=1)


def _tables() -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """Return counts with a pseudo-miRNA for each sequence, the samples of pools A and B, and the truth."""
    folder = SHARED / "data" / "giraldez_ratiometric"
    table = pd.read_csv(folder / "counts.tsv.gz", sep="\t")
    samples = pd.read_csv(folder / "samples.tsv", sep="\t", index_col="sample")
    table = put_together(table, "true_log_fc")
    truth = table.groupby("mirna", sort=False, as_index=False)["true_log_fc"].first()
    truth = truth.rename(columns={"true_log_fc": "value"})
    truth = truth.assign(nominal=truth["value"], changed=np.abs(truth["value"]) > 1e-9, usage=False)
    return table, samples[samples["pool"].isin(["A", "B"])], truth


def data_sets() -> Iterator[DataSet]:
    """Yield pool B (4 libraries) against pool A, for each lab and protocol; changed: a ratio other than 1."""
    table, pools, truth = _tables()
    number = 0
    for _, part in pools.groupby(["lab", "method_detail"]):
        if (part["pool"].value_counts().reindex(["A", "B"]).fillna(0) < LIBRARIES).any():
            continue
        chosen = part.groupby("pool").head(LIBRARIES)
        yield _data_set(SCENARIO, number, table, truth, chosen)
        number += 1


def halves() -> Iterator[DataSet]:
    """Yield two libraries of each pool against two, and the other two against two, for each lab and protocol."""
    for data in data_sets():
        group = data.counts["group"].values
        for half in (0, 1):
            own = np.concatenate([np.flatnonzero(group == pool)[half::2] for pool in ("A", "B")])
            counts = data.counts.isel(sample=np.sort(own))
            yield replace(
                data, scenario=f"{SCENARIO}_halves", number=2 * data.number + half, counts=counts, mirnas=None
            )


def across() -> Iterator[DataSet]:
    """Yield pool B against pool A with one library of each from every lab and protocol, which are batches."""
    table, pools, truth = _tables()
    for number in range(LIBRARIES - 1):
        chosen = pools[pools["replicate"] == number + 1]
        both = chosen.groupby(["lab", "method_detail"])["pool"].transform("nunique") == 2
        yield _data_set(f"{SCENARIO}_across", number, table, truth, chosen[both], "batch")


def _data_set(
    name: str, number: int, table: pd.DataFrame, truth: pd.DataFrame, chosen: pd.DataFrame, *covariates: str
) -> DataSet:
    long = table[["sequence", "mirna", *chosen.index]].rename(columns={"sequence": "isomir"})
    batch = (chosen["lab"] + "." + chosen["method_detail"]).to_numpy()
    sheet = pd.DataFrame({"group": chosen["pool"], "batch": batch}, index=chosen.index)
    counts = bm.filter_counts(bm.from_dataframe(long, samples=sheet))
    kept = truth[truth["mirna"].isin(set(counts["mirna"].values))]
    formula = " + ".join(["~ group", *covariates])
    return DataSet(name, number, counts, kept, None, formula, covariates=covariates)


def consensus(tables: list[pd.DataFrame], nominal: pd.DataFrame) -> pd.DataFrame:
    """Return a truth that is what other laboratories and protocols found: the median of their estimates.

    Each is centred at its median error first, for a shift that all sequences share is an offset.

    Parameters
    ----------
    tables : list of pandas.DataFrame
        mirna, estimate.
    nominal : pandas.DataFrame
        mirna, value, changed: what was to be mixed.
    """
    value = nominal.set_index("mirna")["value"]
    found = []
    for table in tables:
        estimate = table.set_index("mirna")["estimate"].reindex(value.index)
        found.append(estimate - (estimate - value).median())
    middle = pd.concat(found, axis=1).median(axis=1)
    return nominal.assign(value=middle.reindex(nominal["mirna"]).to_numpy())
