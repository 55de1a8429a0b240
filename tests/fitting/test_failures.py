"""Failure is loud: what goes wrong in a miRNA is logged, warned of, and raised where that is asked for."""

import logging

import numpy as np
import pandas as pd
import pytest

import bayes_mirglmm as bm
from bayes_mirglmm.cli import main
from bayes_mirglmm.counts.container import make_counts
from bayes_mirglmm.methods import maximum_likelihood
from bayes_mirglmm.methods.faults import describe_fault


@pytest.fixture(scope="module")
def counts():
    found = bm.simulate(3, n_mirnas=6, n_isomirs=4, seed=2).counts
    return found.isel(isomir=found["mirna"].values != "background")


@pytest.fixture
def broken(monkeypatch):
    """An engine with a bug: every miRNA ends in an exception."""

    def breaks(*args, **options):
        raise FloatingPointError("a number went wrong")

    monkeypatch.setattr(maximum_likelihood, "fit_frame", breaks)


@pytest.mark.usefixtures("broken")
def test_a_bug_is_logged_with_its_traceback_and_warned_of(counts, caplog):
    with caplog.at_level(logging.DEBUG):
        fit = bm.fit(counts, "~ group", progress=False)
    traced = [record for record in caplog.records if record.exc_info]
    assert len(traced) == 6
    assert all(record.exc_info[0] is FloatingPointError for record in traced)
    warnings = [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING]
    assert "No miRNA was fitted: of 6, 6 failed" in warnings[-3]
    assert "In trouble: sim-miR-1 (failed), " in warnings[-2]
    assert "a number went wrong" in warnings[-1]
    assert "throw=True" in warnings[-1]
    reason = fit.status()["reason"][0]
    assert reason.startswith("FloatingPointError: a number went wrong (methods/maximum_likelihood.py, line ")


@pytest.mark.usefixtures("broken")
@pytest.mark.parametrize("jobs", [1, 2])
def test_throw_raises_what_went_wrong(counts, jobs):
    with pytest.raises(FloatingPointError, match="a number went wrong") as found:
        bm.fit(counts, "~ group", progress=False, throw=True, n_jobs=jobs)
    assert found.traceback[-1].name == "breaks"


def test_a_sound_fit_says_nothing(counts, caplog):
    with caplog.at_level(logging.WARNING):
        bm.fit(counts, "~ group", offset="median_ratio", progress=False)
    assert "miRNAs:" not in caplog.text


def test_the_stack_of_a_compiled_library_is_left_out():
    message = (
        "All initialization points failed\n\nCaused by:\n    bad gradient\n\nStack backtrace:\n   0: <unknown>\n"
        * 3
    )
    assert (
        describe_fault(RuntimeError(message))
        == "RuntimeError: All initialization points failed Caused by: bad gradient"
    )
    assert len(describe_fault(ValueError("x" * 10_000))) < 400


def test_an_unknown_mirna_is_a_key_error_with_near_names(counts):
    fit = bm.fit(counts, "~ group", progress=False)
    with pytest.raises(KeyError) as found:
        fit["sim-mir-1x"]
    assert "Did you mean 'sim-miR-1'" in str(found.value)
    assert not str(found.value).startswith('"')
    with pytest.raises(bm.InputError, match="Similar names: sim-miR-1"):
        fit["mir"]
    with pytest.raises(KeyError):
        fit[3]


def test_what_is_outside_a_part_of_a_cut_is_not_selected():
    table = pd.DataFrame({"group": list("aabb")}, index=[f"s{i}" for i in range(4)])
    rows = {
        "kept": [[90, 80, 70, 99], [50, 60, 70, 80], [0, 0, 1, 0]],
        "elsewhere": [[90, 80, 70, 99], [50, 60, 70, 80], [0, 0, 1, 0]],
        "emptied": [[900, 0, 0, 0], [0, 900, 0, 0], [0, 0, 900, 0]],
        "low": [[0, 0, 0, 1], [0, 1, 0, 0]],
    }
    flat = [(mirna, row) for mirna, several in rows.items() for row in several]
    made = make_counts(
        np.array([row for _, row in flat]),
        isomir=[f"i{k}" for k in range(len(flat))],
        mirna=[mirna for mirna, _ in flat],
        sample=table.index,
        samples=table,
        total=[10**6] * 4,
    )
    kept = bm.filter_counts(made, min_mirna_log_cpm=2, min_isomir_log_cpm=0)
    part = kept.isel(isomir=np.flatnonzero(kept["mirna"].values == "kept"))
    status = bm.fit(part, "~ group", progress=False).status().set_index("mirna")["status"]
    assert status["elsewhere"] == "not_selected"
    assert status["emptied"] == "too_few_isomirs"
    assert status["low"] == "low_expression"
    whole = bm.fit(kept, "~ group", progress=False).status().set_index("mirna")["status"]
    assert "not_selected" not in set(whole)


@pytest.mark.parametrize(
    ("coordinate", "what"), [("mirna", "miRNA"), ("isomir", "isomiR"), ("sample", "sample")]
)
def test_names_that_cannot_be_saved_are_refused_before_the_fit(counts, coordinate, what, monkeypatch):
    monkeypatch.setattr("bayes_mirglmm.fitting.fit.fit_every_mirna", lambda *_, **__: pytest.fail("fitted"))
    names = counts[coordinate].values.astype(object)
    names[0] = "a\0b"
    dims = counts[coordinate].dims
    with pytest.raises(bm.InputError, match=f"{what} .*NUL"):
        bm.fit(counts.assign_coords({coordinate: (dims, names)}), "~ group", progress=False)


@pytest.mark.parametrize("method", ["ml", "laplace"])
def test_a_run_without_a_fit_is_a_run(method, tmp_path, capsys):
    """miRNAs of one isomiR each: tables, report and a clear sentence."""
    counts, samples = tmp_path / "counts.tsv", tmp_path / "samples.tsv"
    rows = [[f"i{k}", f"miR-{k}", 30 + k, 49, 31, 6 + k] for k in range(4)]
    lines = [["isomir", "miRNA", "s1", "s2", "s3", "s4"], *rows]
    counts.write_text("".join("\t".join(map(str, line)) + "\n" for line in lines))
    samples.write_text("sample\tgroup\ns1\ta\ns2\ta\ns3\tb\ns4\tb\n")
    out = tmp_path / "run"
    arguments = ["fit", str(counts), "--samples", str(samples), "--design", "~ group", "--no-filter"]
    arguments += ["--method", method, "--contrast", "group=b,a", "--report", "--out", str(out)]
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == 0
    said = capsys.readouterr()
    assert "No miRNA was fitted: of 4, 4 too_few_isomirs" in said.err
    assert "0 of 4 miRNAs fitted" in said.out
    assert (out / "report.html").stat().st_size > 1000
    loaded = bm.load(out)
    assert not len(loaded)
    assert list(loaded.status()["status"]) == ["too_few_isomirs"] * 4
    effects = pd.read_csv(out / "effects.tsv", sep="\t")
    assert len(effects) == 0
    assert {"mirna", "term", "estimate"} <= set(effects)
