"""The command line: what it writes, prints and refuses."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

import bayes_mirglmm as bm
from bayes_mirglmm.cli import main, options
from bayes_mirglmm.cli.console import plain
from bayes_mirglmm.errors import InputError
from bayes_mirglmm.interruption import stop_point
from bayes_mirglmm.simulation.export import write_simulation

DESIGN = ["--design", "~ group", "--reference", "group=ctrl"]
TABLES = ["effects", "isomir_effects", "usage", "variance_components", "status"]


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> SimpleNamespace:
    folder = tmp_path_factory.mktemp("simulated")
    groups = ("ctrl", "low", "high")
    simulation = bm.simulate(3, groups, n_mirnas=8, n_isomirs=5, beta={"Intercept": 5.0}, seed=5)
    counts, samples = write_simulation(simulation, folder)
    return SimpleNamespace(
        folder=folder,
        counts=str(counts),
        samples=str(samples),
        inputs=[str(counts), "--samples", str(samples)],
    )


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]):
    """Run the command line in this process; give its exit code, stdout and stderr."""

    def call(*arguments: object) -> SimpleNamespace:
        capsys.readouterr()
        with pytest.raises(SystemExit) as stop:
            main([str(argument) for argument in arguments])
        captured = capsys.readouterr()
        code = stop.value.code or 0
        return SimpleNamespace(code=code, out=captured.out, err=captured.err)

    return call


@pytest.fixture
def no_fit(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        pytest.fail("the fit was started")

    monkeypatch.setattr(bm, "fit", refuse)


def read(folder: Path, name: str) -> pd.DataFrame:
    return pd.read_csv(folder / f"{name}.tsv", sep="\t")


@pytest.mark.parametrize("command", ["demo", "inspect", "fit", "report", "compare", "simulate"])
def test_help_teaches_by_an_example(run, command: str):
    result = run(command, "--help")
    assert result.code == 0
    assert "Example" in result.out
    assert f"bayes-mirglmm {command}" in result.out.split("Example")[1]


def test_without_arguments_it_lists_the_commands(run):
    assert all(name in run().out for name in ("demo", "inspect", "fit", "report", "compare", "simulate"))
    assert run("--version").out.strip() == f"bayes-mirglmm {bm.__version__}"


def test_fit_writes_the_tables_that_python_gives(run, files, tmp_path: Path):
    out = tmp_path / "run"
    result = run("fit", *files.inputs, *DESIGN, "--out", out)
    assert result.code == 0
    assert "Fitting" in result.err
    expected = bm.fit(
        bm.filter_counts(bm.read_counts(files.counts, samples=files.samples)),
        "~ group",
        reference={"group": "ctrl"},
        progress=False,
    )
    for name in TABLES:
        table = getattr(expected, name)().drop(columns="seconds", errors="ignore")
        written = read(out, name).drop(columns="seconds", errors="ignore")
        assert list(written.columns) == list(table.columns)
        for column in table.select_dtypes("float"):
            np.testing.assert_allclose(written[column], table[column], rtol=1e-12)
        assert (out / f"{name}.parquet").exists()
        assert f"{name}.tsv" in result.out
    assert set(read(out, "status")["mirna"]) == {*(f"sim-miR-{i}" for i in range(1, 9)), "background"}
    about = json.loads((out / "run.json").read_text(encoding="utf-8"))
    assert about["metadata"]["command"].startswith(f"bayes-mirglmm fit {files.counts}")
    assert "'~ group'" in about["metadata"]["command"]
    for row in expected.effects("group[T.high]").nsmallest(3, "p_value").itertuples():
        assert row.mirna in bm.load(out).mirnas


def test_every_option_reaches_the_library(run, files, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    seen: dict[str, object] = {}

    def spy(counts, formula, **given):
        seen.update(given, formula=formula, isomirs=counts.sizes["isomir"])
        raise InputError("seen.")

    # The words go together nowhere: they are looked at where they arrive.
    words: dict[str, object] = {}
    monkeypatch.setattr(
        "bayes_mirglmm.fitting.choices.check_choices",
        lambda formula, **given: words.update(formula=formula, **given),
    )
    monkeypatch.setattr(bm, "fit", spy)
    result = run(
        "fit", *files.inputs, *DESIGN, "--slope", "group", "--method", "ml", "--offset", "tmm", "--model", "poisson",
        "--curvature", "expected", "--criterion", "ml", "--df", "z", "--preset", "mirglmm", "--prob", "0.9",
        "--jobs", "2", "--seed", "7", "--draws", "90", "--chains", "3", "--tune", "80", "--target-accept", "0.7",
        "--usage-test", "shared", "--shared-samples", "--max-seconds", "60", "--priors", "learned",
        "--no-filter", "--out", tmp_path / "run",
    )  # fmt: skip
    assert result.code == 2
    assert seen == {
        "formula": "~ group", "slope": "group", "reference": {"group": "ctrl"}, "method": "ml", "offset": "tmm",
        "model": "poisson", "curvature": "expected", "criterion": "ml", "df": "z", "preset": "mirglmm", "prob": 0.9,
        "nuisance": (), "draws": 90, "chains": 3, "tune": 80, "target_accept": 0.7, "n_jobs": 2, "seed": 7,
        "progress": False, "throw": False, "isomirs": 41, "usage_test": "shared",
        "samples": "shared", "max_seconds": 60.0, "ledger": tmp_path / "run", "resume": False, "shard": None,
        "executor": None, "mirnas": None, "priors": "learned",
    }  # fmt: skip
    run(
        "fit",
        *files.inputs,
        *DESIGN,
        "--min-mirna-log-cpm",
        "-99",
        "--min-isomir-log-cpm",
        "8",
        "--out",
        tmp_path / "r",
    )
    assert 0 < int(str(seen["isomirs"])) < 41
    assert words == {name: seen[name] for name in words}
    assert len(words) == 25


def test_contrasts_get_tables_of_their_own(run, files, tmp_path: Path):
    out = tmp_path / "run"
    arguments = ["fit", *files.inputs, *DESIGN, "--out", out]
    assert run(*arguments, "--contrast", "group=high,low").code == 0
    fit = bm.load(out)
    expected = fit.contrast({"group": ("high", "low")})
    assert list(read(out, "contrasts")["contrast"].unique()) == ["group: high - low"]
    np.testing.assert_allclose(read(out, "contrasts")["estimate"], expected["estimate"], rtol=1e-12)
    effects = fit.effects().set_index(["term", "mirna"])["estimate"]
    difference = effects["group[T.high]"] - effects["group[T.low]"]
    np.testing.assert_allclose(expected["estimate"], difference[expected["mirna"]], rtol=1e-10)
    assert set(read(out, "isomir_contrasts")["isomir"]) == set(read(out, "isomir_effects")["isomir"])
    pd.testing.assert_frame_equal(
        pd.read_parquet(out / "contrasts.parquet")[["estimate"]], expected[["estimate"]], check_exact=False
    )

    assert run(*arguments, "--contrast", "pairs:group", "--force").code == 0
    assert read(out, "contrasts")["contrast"].nunique() == 3
    assert run(*arguments, "--force").code == 0
    assert not list(out.glob("*contrasts*"))  # those of the run that was replaced


def test_shared_samples_change_every_output(run, tmp_path: Path):
    drawn = bm.simulate(
        3, ("ctrl", "case"), n_mirnas=14, n_isomirs=4, beta={"Intercept": 5.0}, theta=20.0, seed=6
    )
    counts, samples = write_simulation(drawn, tmp_path / "drawn")
    out = tmp_path / "run"
    arguments = ["fit", counts, "--samples", samples, *DESIGN, "--out", out]
    told = json.loads(run(*arguments, "--shared-samples", "--report", "--json").out)
    assert told["samples_taken"] == "shared"
    assert told["estimand"] == "isomir_mean"
    fit = bm.load(out)
    assert fit.samples_taken == "shared"
    expected = fit.effects(samples="shared")
    effects = pd.read_parquet(out / "effects.parquet")
    pd.testing.assert_frame_equal(effects, expected, check_dtype=False)
    assert set(effects["estimand"]) == {"isomir_mean"}
    plain = fit.effects(samples="independent")
    of_groups = (plain["term"] != "Intercept").to_numpy()
    assert (effects["std_error"] != plain["std_error"])[of_groups].all()
    for name in ("shared_samples", "sample_directions"):
        assert name in told["tables"]
        pd.testing.assert_frame_equal(
            pd.read_parquet(out / f"{name}.parquet"), getattr(fit, name)(), check_dtype=False
        )
    said = run(*arguments, "--shared-samples", "--force").out
    assert "Effects under what the samples share" in said
    assert run(*arguments, "--shared-samples", "--report", "--force").code == 0
    assert "Under what the samples share" in (out / "report.html").read_text(encoding="utf-8")
    assert run(*arguments, "--force").code == 0
    assert not [*out.glob("shared_samples*"), *out.glob("sample_directions*")]  # of the run that was replaced
    assert "estimand" not in read(out, "effects")


def test_an_earlier_run_is_refused_before_the_fit(run, files, tmp_path: Path):
    (tmp_path / "run.json").write_text('{"program": "bayes_mirglmm"}', encoding="utf-8")
    (tmp_path / "arrays.nc").touch()
    result = run("fit", *files.inputs, *DESIGN, "--out", tmp_path)
    assert result.code == 2
    assert "--force" in result.err
    assert "Reading" not in result.err


@pytest.mark.usefixtures("no_fit")
@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--design", "~ grup"], "Did you mean 'group'"),
        (["--design", "~ group", "--reference", "group"], "FACTOR=LEVEL"),
        (["--design", "~ group", "--reference", "group=ctrl", "--reference", "group=low"], "twice"),
        (["--design", "~ group", "--contrast", "group=high"], "group=B,A is B minus A"),
        (["--design", "~ group", "--contrast", "group=high,none"], "not one of its levels"),
        (["--design", "~ group", "--contrast", "grup=high,low"], "not a variable of the formula"),
        (["--design", "~ group", "--read", "missing"], "OPTION=VALUE"),
        (["--design", "~ group", "--read", "mising=zero"], "no option 'mising'"),
        (["--design", "~ group", "--format", "sam"], "unknown"),
        (["--design", "~ group", "--samples", "nowhere.tsv"], "nowhere.tsv"),
        (["--design", "~ group", "--min-mirna-log-cpm", "99"], "no miRNA has log(median CPM) above 99"),
    ],
)
def test_bad_input_is_one_paragraph_and_exit_code_2(
    run, files, tmp_path: Path, arguments: list[str], words: str
):
    result = run("fit", *files.inputs, *arguments, "--out", tmp_path / "run", "--quiet")
    assert result.code == 2
    assert result.out == ""
    assert result.err.startswith("error: ")
    assert words in result.err
    assert len(result.err.strip().splitlines()) == 1
    assert not (tmp_path / "run").exists()


@pytest.mark.usefixtures("no_fit")
@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--offset", "medianratio"], "the offset 'medianratio' is not known. Did you mean 'median_ratio'?"),
        (["--shard", "4/3"], "--shard 4/3: give the part"),
        (["--draws", "100"], "--draws 100: for --method nuts only, and not for 'ml'"),
        (["--draws", "0", "--method", "nuts"], "--draws 0: give a whole number"),
        (["--priors", "learned"], "--method ml has no priors: leave --priors out"),
        (["--criterion", "reml", "--method", "laplace"], "--criterion reml is a choice of --method ml"),
        (["--method", "mcmc"], "--method mcmc is not one of"),
        (["--shared-samples", "--method", "laplace"], "--shared-samples is of effects by maximum likelihood"),
        (
            ["--design", "~ group + (1 | case)", "--shared-samples"],
            "--shared-samples takes fixed effects alone",
        ),
        (["--design", "~ group +"], "cannot be parsed"),
        (["--slope", "age"], "is not in the formula '~ group'"),
        (
            ["--reference", "grup=ctrl"],
            "--reference names 'grup', which the design does not use. Did you mean",
        ),
        (["--omnibus", "batch"], "'batch' is not a term of the formula"),
        (["--contrast", "group=high"], "names one level"),
        (["--contrast", "group:high,low"], "--contrast 'group:high,low' is not understood"),
        (["--contrast", "pairs:grup"], "'grup' is not a variable of the formula. Did you mean 'group'?"),
        (["--mirnas", ","], "no name is in it"),
        (["--max-seconds", "0"], "--max-seconds 0.0: give seconds"),
    ],
)
def test_what_words_tell_is_told_before_anything_is_read(
    run, tmp_path: Path, options: list[str], message: str
):
    design = [] if "--design" in options else ["--design", "~ group"]
    result = run("fit", tmp_path / "nowhere.tsv", *design, *options, "--out", tmp_path / "run")
    assert (result.code, result.out) == (2, "")
    assert message in result.err
    assert "Reading" not in result.err
    assert not (tmp_path / "run").exists()


def test_counts_without_a_sample_table_are_refused_by_the_option(run, files, tmp_path: Path):
    result = run("fit", files.counts, *DESIGN, "--out", tmp_path / "run")
    assert result.code == 2
    assert "--samples" in result.err


def test_wrong_usage_is_exit_code_2(run, files, tmp_path: Path):
    assert run("fitt").code == 2
    assert run("fit", files.counts, "--out", tmp_path / "run").code == 2  # no design
    assert run("fit", *files.inputs, *DESIGN, "--df", "f", "--out", tmp_path / "run").code == 2


def test_a_fault_of_the_program_is_exit_code_1(run, files, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    def broken(*_: object, **__: object) -> None:
        raise ZeroDivisionError("by [zero]")

    monkeypatch.setattr(bm, "fit", broken)
    arguments = ["fit", *files.inputs, *DESIGN, "--out", str(tmp_path / "run")]
    result = run(*arguments)
    assert result.code == 1
    assert "ZeroDivisionError: by [zero]" in result.err
    assert "--debug" in result.err
    assert "Traceback" not in result.err
    with pytest.raises(ZeroDivisionError):
        main([*arguments, "--debug"])


def test_an_interrupt_is_exit_code_130(run, files, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(bm, "fit", interrupted)
    result = run("fit", *files.inputs, *DESIGN, "--out", tmp_path / "run")
    assert result.code == 130
    assert "Traceback" not in result.err
    assert not (tmp_path / "run").exists()


def test_json_is_all_that_stdout_has(run, files, tmp_path: Path):
    result = run("fit", *files.inputs, *DESIGN, "--out", tmp_path / "run", "--json", "--quiet")
    assert result.err == ""
    summary = json.loads(result.out)
    assert summary["mirnas"] == 9
    assert sum(summary["status"].values()) == 9
    effects = read(tmp_path / "run", "effects")
    for term in ("group[T.high]", "group[T.low]"):
        found = effects[(effects["term"] == term) & (effects["p_adjusted"] <= 0.05)]["estimate"]
        assert summary["hits"][term] == {"up": int((found > 0).sum()), "down": int((found < 0).sum())}
    assert sum(sum(hits.values()) for hits in summary["hits"].values()) > 0
    assert summary["usage_hits"] == int((read(tmp_path / "run", "usage")["p_adjusted"] <= 0.05).sum())
    assert summary["top"][0]["lower_log2"] < summary["top"][0]["log2_fc"] < summary["top"][0]["upper_log2"]
    assert [Path(path).name for path in summary["tables"].values()] == [f"{name}.tsv" for name in TABLES]


def test_quiet_says_nothing(run, files, tmp_path: Path):
    result = run("fit", *files.inputs, *DESIGN, "--out", tmp_path / "run", "--quiet")
    assert (result.code, result.out, result.err) == (0, "", "")


def test_an_intercept_only_formula_has_a_summary_too(run, files, tmp_path: Path):
    result = run("fit", *files.inputs, "--design", "~ 1", "--out", tmp_path / "run")
    assert result.code == 0
    assert "false discovery" not in result.out


def test_inspect_as_text_and_as_json(run, files):
    text = run("inspect", *files.inputs)
    assert text.code == 0
    assert "ctrl (3), high (3), low (3)" in text.out  # the reference first
    content = json.loads(run("inspect", *files.inputs, "--json").out)
    assert content["format"] == "table"
    assert content["stages"][0]["mirnas"] == 9
    assert len(content["samples"]) == 9
    assert {row["reason"] for row in content["drops"]} == {
        "low_mirna_expression",
        "low_isomir_expression",
        "too_few_isomirs",
    }


def test_inspect_shortens_a_long_list_of_samples(run, tmp_path: Path):
    counts, samples = write_simulation(bm.simulate(20, n_mirnas=2, seed=2), tmp_path)
    short = run("inspect", counts, "--samples", samples).out
    assert "... 16 more" in short
    assert "A_15" not in short
    assert "A_15" in run("inspect", counts, "--samples", samples, "--every-sample").out


def test_simulate_writes_what_the_readers_read_back(run, tmp_path: Path):
    arguments = ["simulate", "--groups", "a,b", "--per-group", "3", "--mirnas", "6", "--seed", "11"]
    assert run(*arguments, "--out", tmp_path / "one").code == 0
    read_back = bm.read_counts(tmp_path / "one" / "counts.tsv", samples=tmp_path / "one" / "samples.tsv")
    drawn = bm.simulate(3, ("a", "b"), n_mirnas=6, seed=11)
    np.testing.assert_array_equal(read_back["counts"], drawn.counts["counts"])
    np.testing.assert_array_equal(read_back["total"], drawn.counts["total"])
    assert list(read_back["mirna"].values) == list(drawn.counts["mirna"].values)
    assert list(read_back["group"].values) == ["a"] * 3 + ["b"] * 3
    truth = pd.read_csv(tmp_path / "one" / "truth" / "effects.tsv", sep="\t")
    np.testing.assert_allclose(truth["value"], drawn.truth.effects["value"], rtol=1e-12)

    assert run(*arguments, "--out", tmp_path / "one").code == 2
    assert run(*arguments, "--out", tmp_path / "one", "--force").code == 0
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "thesis.txt").write_text("mine", encoding="utf-8")
    assert run(*arguments, "--out", tmp_path / "other", "--force").code == 2
    assert run("simulate", "--groups", "a", "--out", tmp_path / "two").code == 2


def test_simulate_draws_pairs_and_says_how_to_fit_them(run, tmp_path: Path):
    arguments = ["simulate", "--groups", "a,b", "--per-group", "4", "--mirnas", "5", "--paired"]
    done = run(*arguments, "--sd-patient", "0.7", "--out", tmp_path / "pairs")
    assert done.code == 0
    assert '--design "~ group + (1 | patient)" --reference group=a --criterion reml' in " ".join(
        done.out.split()
    )
    samples = pd.read_csv(tmp_path / "pairs" / "samples.tsv", sep="\t")
    assert samples.groupby("patient")["group"].apply(list).tolist() == [["a", "b"]] * 4
    truth = pd.read_csv(tmp_path / "pairs" / "truth" / "variance_components.tsv", sep="\t")
    assert truth.query("group == 'patient'")["sd"].tolist() == [0.7] * 5
    effects = pd.read_csv(tmp_path / "pairs" / "truth" / "random_effects.tsv", sep="\t")
    assert len(effects) == 5 * 4
    refused = run("simulate", "--sd-patient", "0.7", "--out", tmp_path / "other")
    assert refused.code == 2
    assert "give --paired too" in refused.err


def test_demo_fits_draws_and_says_that_it_is_simulated(run, tmp_path: Path):
    out = tmp_path / "demo"
    result = run("demo", "--out", out)
    assert result.code == 0
    assert "Simulated" in result.err
    assert "truth" in result.out
    assert "false sign rates of the shrunken effects" in result.out
    assert re.search(r"\n +lfsr, +s-value, *\n  miRNA .* interval +shrunken +shrunken  isomiRs\n", result.out)
    for name in ("volcano.png", "isomirs.png"):
        assert (out / name).read_bytes().startswith(b"\x89PNG")
        assert name in result.out
    assert len(bm.load(out / "run")) > 50
    assert (out / "run" / "report.html").stat().st_size > 100_000
    assert "report.html" in result.out.split("Where to look next")[1]
    assert run("demo", "--out", out).code == 2  # asks for --force


def test_a_run_becomes_a_report(run, files, tmp_path: Path):
    out = tmp_path / "run"
    assert run("fit", *files.inputs, *DESIGN, "--out", out).code == 0
    assert not (out / "report.html").exists()
    assert run("report", out).code == 0
    page = (out / "report.html").read_text(encoding="utf-8")
    assert "(3 ctrl, 3 high, 3 low)" in page
    again = run("report", out)
    assert again.code == 2
    assert "--force" in again.err
    told = json.loads(run("report", out, "--contrast", "group=high,low", "--force", "--json").out)
    assert told["report"] == str(out / "report.html")
    assert told["bytes"] == (out / "report.html").stat().st_size
    assert (told["mirnas"], told["fitted"]) == (9, 8)
    assert "group: high - low" in (out / "report.html").read_text(encoding="utf-8")
    elsewhere = tmp_path / "new" / "page.html"
    result = run("report", out, "--out", elsewhere, "--quiet")
    assert (result.code, result.out, result.err) == (0, "", "")
    assert elsewhere.exists()


def test_what_is_no_run_or_no_report_is_refused(run, files, tmp_path: Path):
    assert run("report", tmp_path / "none").code == 2
    out = tmp_path / "run"
    assert run("fit", *files.inputs, *DESIGN, "--out", out).code == 0
    mine = tmp_path / "mine.html"
    mine.write_text("mine", encoding="utf-8")
    result = run("report", out, "--out", mine, "--force")
    assert result.code == 2
    assert "never replaced" in result.err
    assert mine.read_text(encoding="utf-8") == "mine"
    assert run("report", out, "--contrast", "group=high").code == 2


def test_fit_writes_the_report_and_removes_that_of_the_run_it_replaces(run, files, tmp_path: Path):
    out = tmp_path / "run"
    arguments = ["fit", *files.inputs, *DESIGN, "--out", out, "--force"]
    summary = json.loads(run(*arguments, "--report", "--contrast", "group=high,low", "--json").out)
    assert summary["report"] == str(out / "report.html")
    assert "group: high - low" in (out / "report.html").read_text(encoding="utf-8")
    assert run(*arguments).code == 0
    assert not (out / "report.html").exists()
    (out / "report.html").write_text("mine", encoding="utf-8")
    assert run(*arguments).code == 0
    assert (out / "report.html").read_text(encoding="utf-8") == "mine"
    refused = run(*arguments, "--report")
    assert refused.code == 2
    assert "Fitting" not in refused.err


def test_progress_in_a_log_is_lines_without_control_characters(
    run, files, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("bayes_mirglmm.methods.progress.LINE_INTERVAL", 0.0)
    monkeypatch.setenv("FORCE_COLOR", "1")  # colours when they are asked for, a bar never
    lines = run("fit", *files.inputs, *DESIGN, "--out", tmp_path / "run").err.splitlines()
    progress = [line for line in lines if "Fitting: " in line]
    assert len(progress) == 8  # the last miRNA needs no line: the result follows
    assert " 1 of 9" in progress[0]
    assert "about" not in progress[0]  # it had the loading of the kernels in it
    assert all(" of 9, about " in line for line in progress[1:])
    monkeypatch.delenv("FORCE_COLOR")
    text = run("fit", *files.inputs, *DESIGN, "--out", tmp_path / "two").err
    assert all(c.isprintable() or c == "\n" for c in text)
    quiet = run("fit", *files.inputs, *DESIGN, "--out", tmp_path / "three", "--quiet")
    assert quiet.err == ""


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        ("bayes-mirglmm re", {"report", "reproduce"}),
        ("bayes-mirglmm fit --offset t", {"total", "tmm"}),
        ("bayes-mirglmm fit --model po", {"poisson"}),
        ("bayes-mirglmm inspect --format mirt", {"mirtop"}),
    ],
)
def test_the_shell_completes(typed: str, expected: set[str]):
    environment = os.environ | {
        "_BAYES_MIRGLMM_COMPLETE": "complete_bash",
        "COMP_WORDS": typed,
        "COMP_CWORD": str(len(typed.split()) - 1),
    }
    done = subprocess.run(
        [sys.executable, "-c", "from bayes_mirglmm.cli import main; main()"],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env=environment,
    )
    assert set(done.stdout.split()) == expected


def test_a_fit_by_maximum_likelihood_never_loads_what_other_methods_and_commands_need(files, tmp_path: Path):
    code = (
        "import sys; from bayes_mirglmm.cli import main\n"
        "heavy = {'pymc', 'pytensor', 'arviz', 'arviz_stats', 'arviz_base', 'nutpie', 'matplotlib', 'distributed', "
        "'scipy.stats', *(f'bayes_mirglmm.{room}' for room in ('nuts', 'nested', 'plots', 'comparison'))}\n"
        "try: main(sys.argv[1:])\n"
        "finally: print(*sorted(heavy & set(sys.modules)))"
    )
    arguments = ["fit", *files.inputs, *DESIGN, "--out", str(tmp_path / "run"), "--quiet"]
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code, *arguments],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == ""


@pytest.mark.parametrize("words", [["--help"], ["fit", "--help"], ["--version"]])
def test_help_waits_for_no_numbers(words: list[str]):
    code = (
        "import sys; from bayes_mirglmm.cli import main\n"
        "try: main()\n"
        "finally: print('loaded', *sorted({'numpy', 'pandas', 'xarray', 'scipy', 'numba'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code, *words],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert done.stdout.splitlines()[-1] == "loaded"


def test_a_process_of_its_own_leaves_its_memory_to_the_system():
    code = (
        "import atexit, gc\n"
        "atexit.register(lambda: print('kept', gc.get_freeze_count() > 0))\n"  # called last
        "from bayes_mirglmm.cli import main\n"
        "main()"
    )
    command = [sys.executable, "-W", "error", "-c", code, "--version"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.splitlines()[-1] == "kept True"


def test_python_dash_m_is_the_same_command_line():
    done = subprocess.run(
        [sys.executable, "-m", "bayes_mirglmm", "--version"],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.stdout.strip() == f"bayes-mirglmm {bm.__version__}"


def test_options_of_readers_may_be_lists():
    assert options.parse_reads(["annotation=a, b", "missing=zero"]) == {
        "annotation": ["a", "b"],
        "missing": "zero",
    }


def test_names_cannot_drive_the_terminal():
    assert "\x1b" not in plain("hsa-miR-1\x1b[2J")
    assert plain("miR-192-5p/215 [x]") == "miR-192-5p/215 [x]"


@pytest.mark.parametrize(
    ("folder", "design", "reference"),
    [
        ("monocyte_example", "~ group", "group=A"),
        pytest.param("mirdata", "~ group", "group=cc", marks=pytest.mark.slow),
        pytest.param("mirdata", "~ group3 + covariate", "group3=x", marks=pytest.mark.slow),
        ("tcga_hnsc", "~ group + case", "group=normal"),
    ],
)
def test_real_data_from_files_to_tables(
    run, shared: Path, tmp_path: Path, folder: str, design: str, reference: str
):
    data = shared / "data" / folder
    result = run(
        "fit", data / "counts.tsv.gz", "--samples", data / "samples.tsv", "--design", design, "--reference", reference,
        "--out", tmp_path / "run",
    )  # fmt: skip
    assert result.code == 0
    status = read(tmp_path / "run", "status")
    written = pd.read_csv(data / "counts.tsv.gz", sep="\t", usecols=["miRNA"])
    assert set(status["mirna"]) == set(written["miRNA"])
    assert not status["status"].isin(["failed", "not_converged"]).any()


def test_an_interrupted_sampling_is_written_and_says_so(run, files, tmp_path: Path, monkeypatch):
    from bayes_mirglmm.methods import nuts

    original, calls = nuts.sample, []

    def sample(*args):
        calls.append(1)
        if len(calls) > 2:
            signal.raise_signal(signal.SIGTERM)
            while True:
                stop_point()
                time.sleep(0.01)
        return original(*args)

    monkeypatch.setattr(nuts, "sample", sample)
    options = ["--method", "nuts", "--draws", "60", "--tune", "60", "--quiet"]
    result = run("fit", *files.inputs, *DESIGN, *options, "--out", tmp_path / "run")
    assert result.code == 143
    status = bm.load(tmp_path / "run").status()
    assert (status["status"] == "interrupted").sum() == 8
    cautions = json.loads((tmp_path / "run" / "run.json").read_text())["metadata"]["cautions"]
    assert "The run was interrupted: 8 of 9 miRNAs were not finished." in cautions


def test_fit_by_nuts(run, files, tmp_path: Path):
    options = ["--draws", "60", "--tune", "60", "--chains", "2", "--quiet"]
    out = tmp_path / "run"
    assert run("fit", *files.inputs, *DESIGN, "--method", "nuts", *options, "--out", out).code == 0
    loaded = bm.load(out)
    assert loaded.data.attrs["chains"] == 2
    assert loaded.data.sizes["draw"] == 120
    refused = run("fit", *files.inputs, *DESIGN, "--draws", "60", "--out", tmp_path / "other")
    assert refused.code == 2
    assert "for --method nuts only" in refused.err


def test_a_run_that_its_disk_does_not_take_is_saved_elsewhere(run, files, tmp_path: Path, monkeypatch):
    import errno

    from bayes_mirglmm.results import saving

    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    original = saving.write_arrays

    def full(data, path):
        if "elsewhere" in str(path):
            raise OSError(errno.ENOSPC, "No space left on device")
        original(data, path)

    monkeypatch.setattr(saving, "write_arrays", full)
    result = run("fit", *files.inputs, *DESIGN, "--out", tmp_path / "elsewhere" / "run")
    assert result.code == 3
    assert "elsewhere/run: the run could not be written (No space left on device)" in result.err
    assert "fault of the program" not in result.err
    [saved] = (tmp_path / "here").iterdir()
    assert f"was saved to {saved} instead" in result.err
    assert len(bm.load(saved).status()) == 9


def test_an_out_that_is_not_text_is_refused_before_the_fit(run, files, no_fit):
    result = run("fit", *files.inputs, *DESIGN, "--out", "r\udce9sultats")
    assert result.code == 2
    assert "not UTF-8" in result.err


def test_a_bug_stops_with_its_traceback_where_it_is_asked_for(run, files, tmp_path: Path, monkeypatch):
    from bayes_mirglmm.methods import maximum_likelihood

    def breaks(*_: object, **__: object) -> None:
        raise FloatingPointError("a number went wrong")

    monkeypatch.setattr(maximum_likelihood, "fit_frame", breaks)
    quiet = run("fit", *files.inputs, *DESIGN, "--out", tmp_path / "run")
    assert quiet.code == 0
    assert "a number went wrong" in quiet.err
    with pytest.raises(FloatingPointError):
        main(["fit", *map(str, files.inputs), *DESIGN, "--out", str(tmp_path / "other"), "--debug"])
