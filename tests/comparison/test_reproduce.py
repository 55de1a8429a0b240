"""A saved run, fitted again: nothing differs, and what does is said."""

import json

import pandas as pd
import pytest

import bayes_mirglmm as bm
from bayes_mirglmm.cli import main
from bayes_mirglmm.errors import InputError
from bayes_mirglmm.simulation.export import write_simulation

FEW = {"draws": 20, "tune": 20, "chains": 2}


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("data")
    made = bm.simulate(4, ("ctrl", "case"), n_mirnas=8, n_isomirs=4, beta={"Intercept": 5.0}, seed=4)
    return write_simulation(made, folder)


@pytest.fixture(scope="module")
def counts(files):
    return bm.filter_counts(bm.read_counts(files[0], samples=files[1]))


@pytest.mark.parametrize(
    "how",
    [
        {"method": "ml", "criterion": "reml", "reference": {"group": "case"}, "prob": 0.9},
        {"method": "ml", "preset": "mirglmm"},
        {"method": "laplace", "seed": 5, "model": "poisson"},
        {"method": "nuts", "seed": 3, **FEW},
    ],
)
def test_a_run_is_reproduced(counts, tmp_path, how):
    bm.fit(counts, "~ group", progress=False, **how).save(tmp_path / "run")
    found = bm.reproduce(tmp_path / "run")
    assert found.empty, found
    assert list(found.columns) == ["where", "what", "differing", "largest", "mirna", "was", "is"]


@pytest.mark.parametrize(
    "how",
    [
        {"samples": "shared", "usage_test": "shared"},
        {"nuisance": "batch", "usage_test": "lrt"},
        {"formula": "~ group + (1 | batch)"},
        {"method": "laplace", "priors": "learned"},
    ],
)
def test_what_spans_mirnas_and_samples_is_reproduced(tmp_path, how):
    made = bm.simulate(5, ("ctrl", "case"), n_mirnas=22, n_isomirs=3, beta={"Intercept": 6.0}, seed=8).counts
    made = bm.filter_counts(made.assign_coords(batch=("sample", list("xyzxyyzxyz"))))
    call = {"formula": "~ group"} | how
    bm.fit(made, progress=False, **call).save(tmp_path / "run")
    found = bm.reproduce(tmp_path / "run", made)
    assert found.empty, found


def test_what_differs_is_said(counts, tmp_path):
    fit = bm.fit(counts, "~ group", progress=False)
    fit.save(tmp_path / "run")
    values = counts["counts"].values.copy()
    values[0, 0] += 500
    other = counts.assign(counts=(("isomir", "sample"), values)).assign_coords(total=counts["total"] + 500)
    found = bm.reproduce(tmp_path / "run", other)
    assert "input" in set(found["where"])
    row = found[(found["where"] == "effects") & (found["what"] == "estimate")].iloc[0]
    moved = bm.fit(other, "~ group", progress=False).effects()
    gap = (moved["estimate"] - fit.effects()["estimate"]).abs()
    assert row["largest"] == gap.max()
    assert row["mirna"] == moved["mirna"][gap.idxmax()]
    assert row["differing"] == (gap > 0).sum()
    fit.metadata["versions"] = fit.metadata["versions"] | {"numpy": "1.0"}
    found = bm.reproduce(fit)
    assert found[["where", "what", "was"]].values.tolist() == [["version", "numpy", "1.0"]]


def test_some_mirnas_alone(counts, tmp_path):
    names = sorted(set(counts["mirna"].values))[:3]
    bm.fit(counts, "~ group", mirnas=names, progress=False).save(tmp_path / "run")
    assert bm.reproduce(tmp_path / "run").empty


def test_an_input_that_is_gone_is_told(counts, tmp_path):
    fit = bm.fit(counts, "~ group", progress=False)
    fit.metadata["input"] = fit.metadata["input"] | {"source": str(tmp_path / "gone.tsv")}
    with pytest.raises(InputError, match=r"cannot be read as it was .*no such file.*\) Put .*gone\.tsv back"):
        bm.reproduce(fit)
    fit.metadata["interrupted"] = "SIGINT"
    with pytest.raises(InputError, match="was interrupted"):
        bm.reproduce(fit)


def test_a_column_of_other_files_in_the_sample_table(counts, files, tmp_path):
    table = pd.read_csv(files[1], sep="\t").assign(file_name=[f"reads{i}.txt" for i in range(8)])
    again = bm.filter_counts(bm.read_counts(files[0], samples=table.set_index("sample")))
    bm.fit(again, "~ group", progress=False).save(tmp_path / "run")
    assert bm.reproduce(tmp_path / "run").empty


def test_counts_of_several_files_are_asked_for(counts):
    fit = bm.fit(counts, "~ group", progress=False)
    fit.metadata["input"] = fit.metadata["input"] | {"source": "2 files: a.tsv, b.tsv"}
    with pytest.raises(
        InputError, match=r"came from \(2 files: a\.tsv, b\.tsv\): give them, reproduce\(run, counts"
    ):
        bm.reproduce(fit)


def test_a_run_of_relative_paths_says_where_to_go(files, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(files[0].parent)
    with pytest.raises(SystemExit):
        main(
            [
                "fit",
                "counts.tsv",
                "-s",
                "samples.tsv",
                "-d",
                "~ group",
                "--out",
                str(tmp_path / "run"),
                "--quiet",
            ]
        )
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as ended:
        main(["reproduce", str(tmp_path / "run"), "--quiet"])
    assert ended.value.code == 2
    assert (
        ") Go to the folder that it was fitted in, where counts.tsv and samples.tsv can be found, or give the counts "
        "in Python"
    ) in capsys.readouterr().err


def test_the_command(files, tmp_path, capsys):
    def run(*words):
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            main([str(word) for word in words])
        return ended.value.code or 0, capsys.readouterr().out

    call = ["fit", files[0], "--samples", files[1], "--design", "~ group", "--min-isomir-log-cpm", "1"]
    assert run(*call, "--out", tmp_path / "run", "--contrast", "pairs:group", "--quiet")[0] == 0
    before = sorted((path.name, path.read_bytes()) for path in (tmp_path / "run").iterdir())
    code, out = run("reproduce", tmp_path / "run", "--quiet", "--json")
    assert code == 0
    assert json.loads(out) == {"run": str(tmp_path / "run"), "same": True, "differences": []}
    assert sorted((path.name, path.read_bytes()) for path in (tmp_path / "run").iterdir()) == before
    table = pd.read_csv(files[0], sep="\t")
    changed = tmp_path / "changed.tsv"
    numbers = table.select_dtypes("number").columns
    table[numbers] += 1
    original = files[0].read_bytes()
    table.to_csv(changed, sep="\t", index=False)
    try:
        files[0].write_bytes(changed.read_bytes())
        code, out = run("reproduce", tmp_path / "run")
    finally:
        files[0].write_bytes(original)
    assert code == 4
    assert "Numbers of its tables differ." in out
    assert "counts (sha256)" in out
