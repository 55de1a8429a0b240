"""``bayes-mirglmm compare`` and ``simulate-into``: what they write, print and refuse."""

import json
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

import bayes_mirglmm as bm
from bayes_mirglmm.cli import main
from bayes_mirglmm.simulation.export import write_simulation


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]):
    def call(*arguments: object) -> SimpleNamespace:
        capsys.readouterr()
        with pytest.raises(SystemExit) as stop:
            main([str(argument) for argument in arguments])
        captured = capsys.readouterr()
        return SimpleNamespace(code=stop.value.code or 0, out=captured.out, err=captured.err)

    return call


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> SimpleNamespace:
    """Counts of ten samples of one kind, a run of two halves of them, and a DESeq2 table of the same numbers."""
    folder = tmp_path_factory.mktemp("compared")
    table = pd.DataFrame(
        {"kind": ["well"] * 10 + ["ill"] * 2, "half": ["x", "y"] * 6}, index=[f"s{i}" for i in range(12)]
    )
    drawn = bm.simulate(
        samples=table, formula="~ half", n_mirnas=8, n_isomirs=5, beta={"Intercept": 5.0}, seed=2
    )
    counts, samples = write_simulation(drawn, folder)
    kept = bm.filter_counts(drawn.counts)
    fit = bm.fit(kept, "~ half", progress=False)
    fit.save(folder / "run")
    effects = fit.effects("half[T.y]").set_index("mirna")
    deseq2 = pd.DataFrame(
        {
            "log2FoldChange": effects["log2_fc"] + 0.1,
            "lfcSE": effects["std_error"] / np.log(2),
            "pvalue": effects["p_value"],
            "padj": effects["p_adjusted"],
        }
    )
    deseq2.drop(index="sim-miR-2").to_csv(folder / "deseq2.csv", index_label="")
    deseq2.rename(columns={"log2FoldChange": "estimate"}).to_csv(folder / "mine.tsv", sep="\t")
    return SimpleNamespace(folder=folder, counts=counts, samples=samples, run=folder / "run", effects=effects)


def test_compare_prints_units_agreement_calls_and_reasons(run, files, tmp_path: Path):
    result = run("compare", files.run, files.folder / "deseq2.csv", "--out", tmp_path / "out")
    assert result.code == 0
    assert "deseq2: DESeq2, log2, converted to natural log" in result.out
    assert "run: half[T.y], natural log; intervals: t with 10 df" in result.out
    assert "run and deseq2 disagree most on" in result.out
    assert "deseq2 lacks 1 miRNAs" in result.out
    written = pd.read_csv(tmp_path / "out" / "table.tsv", sep="\t").set_index("mirna")
    shift = written["difference_deseq2"].drop("sim-miR-2")
    np.testing.assert_allclose(shift, 0.1 * np.log(2), rtol=1e-9)
    np.testing.assert_allclose(
        written.loc[files.effects.index, "estimate_run"], files.effects["estimate"], rtol=1e-12
    )
    assert (tmp_path / "out" / "estimates.png").stat().st_size > 10_000
    assert (tmp_path / "out" / "calls.png").stat().st_size > 2_000


def test_compare_as_json(run, files):
    answer = json.loads(run("compare", files.run, files.folder / "deseq2.csv", "--json", "--quiet").out)
    row = answer["agreement"][0]
    assert (row["a"], row["b"], row["mirnas"]) == ("run", "deseq2", 7)
    assert row["mean_difference"] == pytest.approx(0.1 * np.log(2))
    assert answer["absent"] == 1
    assert sum(r["mirnas"] for r in answer["calls"]) == 8


def test_units_and_names_on_the_command_line(run, files):
    mine = files.folder / "mine.tsv"
    refused = run("compare", files.run, mine)
    assert refused.code == 2
    assert "may be natural logs or log2" in refused.err
    assert run("compare", files.run, mine, "--units", "log2", "--json").code == 0
    told = run("compare", files.run, mine, "--units", "b=log2", "--name", "a", "--name", "b", "--json")
    assert json.loads(told.out)["agreement"][0]["pearson"] == pytest.approx(1)
    wrong = run("compare", files.run, mine, "--units", "log10")
    assert "'log10' is not NAME=VALUE" in wrong.err
    term = run("compare", files.run, mine, "--term", "run=half[T.z]", "--units", "log2")
    assert "no coefficient 'half[T.z]'" in term.err


def test_simulate_into_writes_counts_that_fit_reads(run, files, tmp_path: Path):
    out = tmp_path / "into"
    arguments = ["simulate-into", files.counts, "--samples", files.samples, "--where", "kind=well"]
    options = ["--n-bins", 3, "--per-group", 4, "--keep-reads", "case=0.5", "--effect", 4, "--seed", 6]
    options += ["--max-cpm", "inf", "--min-mirna-log-cpm", 4.5, "--min-isomir-log-cpm", -2]
    result = run(*arguments, *options, "--out", out)
    assert result.code == 0, result.err
    assert "6 were changed, 3 up and 3 down" in result.out
    expected = bm.simulate_into(
        bm.read_counts(files.counts, samples=files.samples),
        where={"kind": "well"}, n_bins=3, n_per_group=4, groups=("ctrl", "case"), keep_reads={"case": 0.5}, effect=4.0,
        max_cpm=np.inf, min_mirna_log_cpm=4.5, min_isomir_log_cpm=-2.0, seed=6,
    )  # fmt: skip
    again = bm.read_counts(out / "counts.tsv", samples=out / "samples.tsv")
    np.testing.assert_array_equal(again["counts"], expected.counts["counts"])
    np.testing.assert_array_equal(again["total"], expected.counts["total"])
    for name, table in vars(expected.truth).items():
        written = pd.read_csv(out / "truth" / f"{name}.tsv", sep="\t")
        pd.testing.assert_frame_equal(written, table, check_dtype=False)
    about = json.loads((out / "simulation.json").read_text(encoding="utf-8"))
    assert about["seed"] == 6
    assert about["settings"]["bounds"] == [3, 5]
    assert about["settings"]["keep_reads"] == {"case": 0.5}
    assert about["settings"]["max_cpm"] == "inf"
    assert "--min-mirna-log-cpm 4.5 --min-isomir-log-cpm -2" in result.out.replace("\n", " ")
    assert run(*arguments, "--n-bins", 3, "--out", out).code == 2
    assert run(*arguments, "--n-bins", 3, "--out", out, "--force", "--json").code == 0


def test_simulate_into_reads_as_fit_does(run, files, tmp_path: Path):
    # Two runs of each library, and a sample that the table does not list.
    counts = pd.read_csv(files.counts, sep="\t")
    names = list(pd.read_csv(files.samples, sep="\t").iloc[:, 0])
    others = [name for name in counts.columns if name not in names]
    half = counts[names] // 2
    runs = pd.concat(
        [counts[others], half.add_suffix("_1"), (counts[names] - half).add_suffix("_2")], axis=1
    ).assign(stranger=1)
    runs.to_csv(tmp_path / "runs.tsv", sep="\t", index=False)
    table = pd.DataFrame({"run": [f"{n}_{k}" for k in (1, 2) for n in names], "tube": names * 2})
    table.to_csv(tmp_path / "runs_samples.tsv", sep="\t", index=False)
    options = ["--n-bins", 3, "--max-cpm", "inf", "--seed", 6]
    whole = run("simulate-into", files.counts, *options, "--out", tmp_path / "whole")
    assert whole.code == 0, whole.err
    summed = run(
        "simulate-into", tmp_path / "runs.tsv", "--samples", tmp_path / "runs_samples.tsv", "--sum-by", "tube",
        "--samples-only", *options, "--out", tmp_path / "summed",
    )  # fmt: skip
    assert summed.code == 0, summed.err
    a, b = (bm.read_counts(tmp_path / name / "counts.tsv") for name in ("whole", "summed"))
    np.testing.assert_array_equal(a["counts"], b["counts"].reindex(sample=a["sample"].values))


def test_counts_that_were_filtered_keep_their_totals_in_a_row_of_background(tmp_path: Path):
    from bayes_mirglmm.simulation.export import write_into_simulation

    drawn = bm.simulate(6, n_mirnas=8, n_isomirs=5, beta={"Intercept": 5.0}, seed=2)
    part = drawn.counts.isel(isomir=slice(None, -1))
    made = bm.simulate_into(part, n_bins=3, max_cpm=np.inf)
    counts, samples = write_into_simulation(made, tmp_path)
    again = bm.read_counts(counts, samples=samples)
    assert again["mirna"].values[-1] == "background"
    np.testing.assert_array_equal(again["total"], made.counts["total"])
    assert '"max_cpm": "inf"' in (tmp_path / "simulation.json").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--theta", "3"], "No such option: --theta"),
        (["--where", "kind"], "--where 'kind' is not NAME=VALUE"),
        (["--where", "kind=sick"], "no sample has kind='sick'"),
        (["--bounds", "1"], "--bounds '1': give two factors"),
        (["--keep-reads", "half"], "--keep-reads 'half': give a share"),
        (["--keep-reads", "0.5", "--keep-reads", "case=0.5"], "give one share for all groups"),
        (["--max-cpm", "1"], "0 miRNAs pass the filters with a median CPM below 1, and"),
        (["--effect", "3"], "effect=3 has no bounds of its own"),
    ],
)
def test_simulate_into_refuses_with_a_remedy(run, files, tmp_path: Path, options: list[str], message: str):
    result = run("simulate-into", files.counts, "--samples", files.samples, *options, "--out", tmp_path / "x")
    assert result.code == 2
    assert message in result.err
    assert not (tmp_path / "x").exists()


def test_the_old_spelling_still_works_and_points_to_the_command(run, files, tmp_path: Path):
    options = ["--samples", files.samples, "--n-bins", 3, "--max-cpm", "inf", "--seed", 6, "--json"]
    old = run("simulate", *options, "--into", files.counts, "--out", tmp_path / "old")
    assert old.code == 0, old.err
    assert "bayes-mirglmm simulate-into COUNTS" in old.err
    new = run("simulate-into", files.counts, *options, "--out", tmp_path / "new")
    assert "simulate-into" not in new.err
    for name in ("counts.tsv", "samples.tsv", "truth/effects.tsv"):
        assert (tmp_path / "old" / name).read_bytes() == (tmp_path / "new" / name).read_bytes()
    refused = run("simulate", "--effect", "2", "--out", tmp_path / "x")
    assert refused.code == 2
    assert "No such option: --effect" in refused.err


def test_columns_are_whole_words_at_80_columns_and_equal_estimates_have_no_cause(run, files, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    result = run("compare", files.run, files.run, "--name", "first", "--name", "second")
    assert result.code == 0
    agreement = result.out.split("Agreement")[1].split("Called at")[0].splitlines()
    assert agreement[1].split() == ["Pearson", "rms", "width", "a", "in", "b's", "called:", "a", "|"]
    assert agreement[2].split() == ["miRNAs", "r", "diff.", "ratio", "|", "b", "in", "a's", "both", "|", "b"]
    assert agreement[3].split()[:4] == ["first", "and", "second", "8"]
    worst = result.out.split("disagree most on")[1].splitlines()[2:]
    assert all(line.endswith("+0.00  the estimates agree") for line in worst if line)
