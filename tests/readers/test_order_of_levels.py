"""The order of a factor's levels, from every reader that knows one to the design, the run and back."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import bayes_mirglmm as bm
from bayes_mirglmm.counts.container import sample_table
from bayes_mirglmm.design.build import build_design
from bayes_mirglmm.readers import from_dataframe, read_counts, read_samples

FOLDER = Path(__file__).parent / "r_objects"
TABLE = pd.DataFrame({"seq": ["a", "b"], "mir": ["m", "m"], "S1": [1, 2], "S2": [3, 4], "S3": [5, 6]})
GROUP = pd.Categorical(["b", "a", "b"], categories=["b", "a"])


def terms(counts, formula="~ group"):
    return build_design(sample_table(counts), formula).terms


def test_factors_and_ordered_factors_of_r():
    counts = read_counts(FOLDER / "se_runs.rds")
    assert counts["group"].attrs["levels"] == ["b", "a"]
    assert counts["time"].attrs["levels"] == ["6h", "12h"]  # 0h has no sample
    assert counts["batch"].attrs["levels"] == ["y", "x"]
    assert counts["group"].values.tolist() == ["b", "a", "b"]
    assert terms(counts) == ("Intercept", "group[T.a]")
    assert terms(counts, "~ time") == ("Intercept", "time[T.12h]")


def test_runs_are_read_as_the_vectors_that_they_stand_for():
    counts = read_counts(FOLDER / "se_runs.rds")
    assert counts["mirna"].values.tolist() == ["hsa-let-7a-5p", "hsa-let-7a-5p", "hsa-miR-101-3p"]
    assert counts["batch"].values.tolist() == ["y", "y", "x"]


def test_the_list_of_edger():
    counts = read_counts(FOLDER / "dgelist.rds")
    assert counts["counts"].values.tolist() == [[5, 1, 0], [0, 2, 9], [7, 3, 4]]
    assert counts["mirna"].values.tolist() == ["hsa-let-7a-5p", "hsa-let-7a-5p", "hsa-miR-101-3p"]
    assert counts["sample"].values.tolist() == ["S1", "S2", "S3"]
    assert terms(counts) == ("Intercept", "group[T.a]")
    assert counts["lib.size"].values.tolist() == [12, 6, 99]
    assert counts.attrs["notes"] == [
        "lib.size of 1 sample(s) is not the sum of the counts: to use it, offset='column:lib.size'."
    ]


@pytest.mark.parametrize(
    ("name", "message"),
    [
        (
            "dgelist_without_genes",
            r"is a DGEList without genes.*x\$genes <- data\.frame\(miRNA = ",
        ),
        ("matrix", r"is of class matrix.*isomir = rownames\(x\), miRNA = \.\.\., as\.matrix\(x\)"),
        (
            "list",
            r"is of class list.*str\(x, max\.level = 1\) shows what is in it \(it holds counts, samples, genes\)",
        ),
        ("se_without_rowdata", r"rowData\(x\)\$miRNA <- "),
    ],
)
def test_the_remedy_fits_the_class(name, message):
    with pytest.raises(bm.InputError, match=message) as error:
        read_counts(FOLDER / f"{name}.rds")
    assert name == "se_without_rowdata" or "SummarizedExperiment" not in str(error.value)


def test_a_data_frame_of_r_as_sample_table():
    samples = read_samples(FOLDER / "coldata.rds")
    assert samples.index.tolist() == ["S1", "S2", "S3"]
    assert terms(from_dataframe(TABLE, FOLDER / "coldata.rds")) == ("Intercept", "group[T.a]")


def test_a_categorical_of_pandas():
    samples = pd.DataFrame({"group": GROUP}, index=["S1", "S2", "S3"])
    assert terms(from_dataframe(TABLE, samples)) == ("Intercept", "group[T.a]")
    assert terms(from_dataframe(TABLE, samples.astype(str))) == ("Intercept", "group[T.b]")


@pytest.mark.filterwarnings("ignore:The 'future.infer_string' option")  # anndata's, when it writes
def test_categories_of_anndata(tmp_path):
    anndata = pytest.importorskip("anndata")
    obs = pd.DataFrame({"group": GROUP}, index=["S1", "S2", "S3"])
    var = pd.DataFrame({"mirna": ["m", "m"]}, index=["a", "b"])
    data = anndata.AnnData(TABLE[["S1", "S2", "S3"]].to_numpy(dtype=float).T, obs=obs, var=var)
    assert terms(read_counts(data)) == ("Intercept", "group[T.a]")
    data.write_h5ad(tmp_path / "a.h5ad")
    assert terms(read_counts(tmp_path / "a.h5ad")) == ("Intercept", "group[T.a]")


def test_a_sample_table_without_an_order_takes_that_of_the_file(tmp_path):
    (tmp_path / "samples.tsv").write_text("sample\tgroup\tage\nS1\tb\t3\nS2\ta\t2\nS3\tb\t1\n")
    counts = read_counts(FOLDER / "se_runs.rds", tmp_path / "samples.tsv")
    assert terms(counts) == ("Intercept", "group[T.a]")
    assert "levels of 'group' are in the order of the file itself: b, a." in counts.attrs["notes"]
    (tmp_path / "samples.tsv").write_text("sample\tgroup\nS1\tz\nS2\ta\nS3\tz\n")
    assert terms(read_counts(FOLDER / "se_runs.rds", tmp_path / "samples.tsv")) == ("Intercept", "group[T.z]")


def test_selections_keep_the_order_and_changed_columns_have_none():
    counts = read_counts(FOLDER / "se_runs.rds")
    assert sample_table(counts.isel(sample=[1, 0]))["group"].cat.categories.tolist() == ["b", "a"]
    changed = counts.assign_coords(group=counts["group"].copy(data=np.array(["z", "a", "z"], dtype=object)))
    assert terms(changed) == ("Intercept", "group[T.z]")


def test_a_reference_goes_before_the_order():
    samples = pd.DataFrame(
        {"dose": pd.Categorical(["lo", "hi", "no"], categories=["no", "lo", "hi"])}, index=["S1", "S2", "S3"]
    )
    table = sample_table(from_dataframe(TABLE, samples))
    assert build_design(table, "~ dose").factors == {"dose": ("no", "lo", "hi")}
    assert build_design(table, "~ dose", reference={"dose": "hi"}).factors == {"dose": ("hi", "no", "lo")}
