"""Data sets of synthetic RNA whose ratios are known: several sequences of one ratio make a pseudo-miRNA.

Giraldez et al. (2018): pool B against pool A, 4 libraries each, in every laboratory and protocol that has them. Half of
the sequences of ratio 1 are kept out of the tests; their reads are the samples' column ``null_total``. Argyropoulos et
al. (2017): 286 sequences in four subpools of ratio 1/1000 to 1000, 8 libraries against 8; none is unchanged.
"""

from collections.abc import Iterator
from functools import cache
from itertools import combinations

import numpy as np
import pandas as pd
from accuracy_data import SHARED, DataSet
from ratiometric import LIBRARIES, put_together

import bayes_mirglmm as bm

GIRALDEZ, NULLS, ARGYROPOULOS = "giraldez", "giraldez_nulls", "argyropoulos"
SUBPOOLS = {"A": 1e-3, "B": 1e-1, "C": 1e1, "D": 1e3}


def data_present() -> bool:
    return all((SHARED / "data" / name).is_dir() for name in ("giraldez_ratiometric", "argyropoulos_286pool"))


@cache
def pools() -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """Return the sequences that are tested, those of ratio 1 that are kept out, and the libraries of both pools."""
    folder = SHARED / "data" / "giraldez_ratiometric"
    table = pd.read_csv(folder / "counts.tsv.gz", sep="\t").sort_values("sequence", ignore_index=True)
    samples = pd.read_csv(folder / "samples.tsv", sep="\t", index_col="sample")
    kept_out = np.flatnonzero(np.abs(table["true_log_fc"]) < 1e-9)[::2]
    tested = put_together(table.drop(index=kept_out), "true_log_fc")
    return tested, table.iloc[kept_out], samples[samples["pool"].isin(["A", "B"])]


def places() -> dict[str, pd.DataFrame]:
    """Return the libraries of each laboratory and protocol that has four of both pools."""
    found = {}
    for (lab, protocol), part in pools()[2].groupby(["lab", "method_detail"]):
        if (part["pool"].value_counts().reindex(["A", "B"]).fillna(0) >= LIBRARIES).all():
            found[f"{lab} {protocol}"] = part.groupby("pool").head(LIBRARIES)
    return found


def giraldez() -> Iterator[DataSet]:
    """Yield pool B against pool A, as mixed: ``value`` is the log of the ratio."""
    for number, chosen in enumerate(places().values()):
        yield _giraldez(GIRALDEZ, number, chosen, chosen["pool"].to_numpy(), null=False)


def giraldez_nulls() -> Iterator[DataSet]:
    """Yield two libraries of a pool against the two others, in all ways: one tube against itself."""
    number = 0
    for chosen in places().values():
        for _, tube in chosen.groupby("pool"):
            for other in combinations(range(1, LIBRARIES), 2):
                label = np.where(np.isin(np.arange(LIBRARIES), other), "B", "A")
                yield _giraldez(NULLS, number, tube, label, null=True)
                number += 1


def argyropoulos() -> Iterator[DataSet]:
    """Yield the ratiometric series; ratios are known up to a constant, which the totals of the pools make."""
    folder = SHARED / "data" / "argyropoulos_286pool"
    table = pd.read_csv(folder / "counts.tsv.gz", sep="\t").drop_duplicates("sequence")
    table = put_together(table.assign(value=np.log(table["Subpool"].map(SUBPOOLS))), "value")
    samples = pd.read_csv(folder / "samples.tsv", sep="\t", index_col="sample")
    chosen = samples[samples["Series"].isin(["RatioA", "RatioB"])]
    yield _data_set(ARGYROPOULOS, 0, table, chosen.index, chosen["Series"].str[-1].to_numpy(), "value")


def _giraldez(name: str, number: int, chosen: pd.DataFrame, label: np.ndarray, *, null: bool) -> DataSet:
    tested, kept_out, _ = pools()
    data = _data_set(
        name, number, tested, chosen.index, label, "true_log_fc", null_total=kept_out[chosen.index].sum()
    )
    if null and data.mirnas is not None:
        data.mirnas[["value", "nominal"]] = 0.0
        data.mirnas["changed"] = False
    return data


def _data_set(
    name: str,
    number: int,
    table: pd.DataFrame,
    samples: pd.Index,
    label: np.ndarray,
    value: str,
    **columns: pd.Series,
) -> DataSet:
    sheet = pd.DataFrame({"group": label, **columns}, index=samples)
    long = table[["sequence", "mirna", *samples]].rename(columns={"sequence": "isomir"})
    counts = bm.filter_counts(bm.from_dataframe(long, samples=sheet))
    truth = table.groupby("mirna", sort=False, as_index=False)[value].first().rename(columns={value: "value"})
    truth = truth[truth["mirna"].isin(set(counts["mirna"].values))]
    truth = truth.assign(nominal=truth["value"], changed=np.abs(truth["value"]) > 1e-9, usage=False)
    return DataSet(name, number, counts, truth.reset_index(drop=True), None)
