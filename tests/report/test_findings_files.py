"""The files of the findings: what is in them, what text stays, what is never replaced."""

import re
import zipfile

import numpy as np
import pandas as pd
import pytest

import bayes_mirglmm as bm
from bayes_mirglmm.errors import InputError
from bayes_mirglmm.report.findings_columns import meaning_of
from bayes_mirglmm.report.findings_files import remove_findings
from bayes_mirglmm.results import Fit

NAMES = {"findings.tsv", "isomir_findings.tsv", "findings.xlsx", "methods.txt"}


def test_tables_and_ranks_are_those_of_the_fit(hostile: Fit, tmp_path):
    files = bm.write_findings(hostile, tmp_path / "paper")
    assert set(files) - NAMES == {"group_T._i_case_i.rnk"}
    table = pd.read_csv(files["findings.tsv"], sep="\t")
    pd.testing.assert_series_equal(table["ln_fold_change"], hostile.findings()["ln_fold_change"])
    ranks = pd.read_csv(files["group_T._i_case_i.rnk"], sep="\t", header=None, index_col=0)[1]
    effects = hostile.effects("group[T.<i>case</i>]").set_index("mirna")
    np.testing.assert_allclose(ranks, (effects["estimate"] / effects["std_error"]).loc[ranks.index])
    assert ranks.is_monotonic_decreasing
    assert all(meaning_of(name) for name in [*table.columns, *hostile.isomir_findings().columns])


def test_text_in_the_workbook_is_never_a_formula(hostile: Fit, tmp_path):
    path = bm.write_findings(hostile, tmp_path / "paper")["findings.xlsx"]
    with zipfile.ZipFile(path) as book:
        names = re.findall(r'<sheet name="(\w+)"', book.read("xl/workbook.xml").decode())
        sheets = [book.read(f"xl/worksheets/sheet{k + 1}.xml").decode() for k in range(len(names))]
        text = book.read("xl/sharedStrings.xml").decode()
    assert names == ["miRNAs", "isomiRs", "columns", "methods"]
    assert "=HYPERLINK(1)" in text
    assert not any("<f>" in sheet for sheet in sheets)
    assert "were analysed" in text


def test_the_methods_paragraph_has_filters_levels_degrees_of_freedom_and_versions(
    hostile: Fit, bayesian: Fit, tmp_path
):
    text = (bm.write_findings(hostile, tmp_path / "paper")["methods.txt"]).read_text()
    for words in (
        "8 samples (group: 4 ctrl, 4 <i>case</i>; reference level ctrl) were analysed.",
        "miRNAs with a median of more than 148 counts per million and isomiRs with a median of more than 0.368",
        f"{len(hostile)} miRNAs with",
        "Degrees of freedom are those of 8 samples and 2 coefficients.",
        "usage along group was tested beyond what samples share: profiles of isomiRs",
        "numpy ",
        "https://doi.org/10.1186/s13059-025-03549-y",
    ):
        assert words in text
    assert "Bayes factor" in (bm.write_findings(bayesian, tmp_path / "b")["methods.txt"]).read_text()


def test_nothing_is_replaced_unasked_and_other_files_stay(hostile: Fit, tmp_path):
    folder = tmp_path / "paper"
    bm.write_findings(hostile, folder, xlsx=False)
    assert not (folder / "findings.xlsx").exists()
    (folder / "notes.txt").write_text("mine")
    with pytest.raises(InputError, match="force=True"):
        bm.write_findings(hostile, folder)
    bm.write_findings(hostile, folder, force=True)
    remove_findings(folder)
    assert [path.name for path in folder.iterdir()] == ["notes.txt"]
    remove_findings(folder)
    with pytest.raises(InputError, match="is a file"):
        bm.write_findings(hostile, folder / "notes.txt")
