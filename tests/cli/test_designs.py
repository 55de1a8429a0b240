"""What a run of the command line says of its design: contrasts, whole terms, pairs, slopes, saturation."""

import json
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

import bayes_mirglmm as bm
from bayes_mirglmm.cli.app import main
from bayes_mirglmm.simulation.export import write_simulation

N = 16


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    samples = pd.DataFrame(
        {
            "patient": np.repeat([f"p{i}" for i in range(8)], 2),
            "tissue": ["normal", "tumour"] * 8,
            "batch": np.tile(np.repeat(["b1", "b2"], 2), 4),
        },
        index=[f"s{i}" for i in range(N)],
    )
    simulation = bm.simulate(
        samples=samples, formula="~ tissue * batch", n_mirnas=8, n_isomirs=5, beta={"Intercept": 5.0}, seed=6
    )
    counts, table = write_simulation(simulation, tmp_path_factory.mktemp("pairs"))
    return [str(counts), "--samples", str(table), "--no-filter"]


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], files: list[str], tmp_path: Path):
    """Fit on the command line; give text, errors and the JSON of a second, like run."""

    def call(*arguments: str, report: bool = False) -> SimpleNamespace:
        found = []
        for name, more in (("text", []), ("json", ["--json"])):
            capsys.readouterr()
            extra = ["--report"] if report and name == "text" else []
            with pytest.raises(SystemExit) as stop:
                main(["fit", *files, *arguments, "--out", str(tmp_path / name), "--force", *more, *extra])
            assert not stop.value.code
            found.append(capsys.readouterr())
        text, as_json = found
        return SimpleNamespace(
            text=" ".join(text.out.split()),
            err=text.err,
            summary=json.loads(as_json.out),
            folder=tmp_path / "text",
        )

    return call


def test_contrasts_and_terms_that_were_asked_for_are_everywhere_once(run):
    names = ["tissue: tumour - normal | batch: b2", "mine", "batch: b2 - b1"]
    result = run(
        "-d", "~ tissue * batch", "--slope", "tissue", "--contrast", "tissue=tumour,normal | batch=b2",
        "--contrast", "mine: 0.5 tissue[T.tumour] + batch[T.b2]", "--contrast", "pairs:batch",
        "--omnibus", "tissue:batch", report=True,
    )  # fmt: skip
    table = pd.read_csv(result.folder / "contrasts.tsv", sep="\t")
    assert table["contrast"].unique().tolist() == names
    assert list(result.summary["contrasts"]) == names
    for name in names:
        part = table[(table["contrast"] == name) & (table["p_adjusted"] <= 0.05)]
        up = int((part["estimate"] > 0).sum())
        assert result.summary["contrasts"][name] == {"up": up, "down": len(part) - up}
        assert result.text.count(f"{name}: {len(part)} (") == 1
    omnibus = pd.read_csv(result.folder / "omnibus.tsv", sep="\t")
    assert set(omnibus["term"]) == {"tissue:batch"}
    hits = {
        "f": int((omnibus["p_adjusted"] <= 0.05).sum()),
        "lrt": int((omnibus["lrt_p_adjusted"] <= 0.05).sum()),
    }
    assert result.summary["omnibus"] == {"tissue:batch": hits}
    page = (result.folder / "report.html").read_text()
    assert page.count('"name":"mine"') == 1
    # The report of the saved run has them too.
    bm.write_report(result.folder, result.folder / "again.html")
    assert (result.folder / "again.html").read_text().count('"name":"mine"') == 1


def test_a_contrast_that_is_a_coefficient_is_said_once(run):
    result = run("-d", "~ tissue", "--contrast", "tissue=tumour,normal")
    assert "tissue: tumour - normal: " in result.text
    assert result.text.count("(tumour against normal): ") == 0


def test_patients_are_no_findings_whatever_their_place(run):
    result = run("-d", "~ patient + tissue")
    assert result.summary["slope"] == "tissue"
    assert list(result.summary["hits"]) == ["tissue[T.tumour]"]
    assert result.summary["top"][0]["term"] == "tissue[T.tumour]"
    assert "patient[T." not in result.text
    assert "patient says which samples belong together; its 7 coefficients are in effects.tsv" in result.text
    assert "offsets disagree" not in result.err


def test_the_last_variable_has_no_slopes_and_the_run_says_so(run):
    result = run("-d", "~ batch + tissue")
    assert "only batch has isomiR slopes" in " ".join(result.err.split())
    assert "(tumour against normal); no isomiR slopes: " in result.text
    assert result.summary["without_isomir_slopes"] == ["tissue[T.tumour]"]
    chosen = run("-d", "~ batch + tissue", "--slope", "tissue", "--nuisance", "batch")
    assert "without_isomir_slopes" not in chosen.summary
    assert "no isomiR slopes" not in chosen.text + chosen.err


@pytest.mark.filterwarnings("ignore:The design is saturated:UserWarning")
@pytest.mark.parametrize("method", ["ml", "laplace"])
def test_one_sample_against_one_has_no_test_of_anything(tmp_path: Path, capsys, method):
    simulation = bm.simulate(1, ("A", "B"), n_mirnas=3, n_isomirs=5, beta={"Intercept": 5.0}, seed=2)
    counts, table = write_simulation(simulation, tmp_path)
    arguments = [
        "fit",
        str(counts),
        "--samples",
        str(table),
        "-d",
        "~ group",
        "--method",
        method,
        "--no-filter",
    ]
    capsys.readouterr()
    with pytest.raises(SystemExit) as stop:
        main([*arguments, "--out", str(tmp_path / "run")])
    assert not stop.value.code
    text = " ".join(capsys.readouterr().out.split())
    assert "Nothing is tested: the design leaves no degrees of freedom." in text
    assert "false discovery" not in text
    assert "isomiR usage" not in text
    assert "Smallest" not in text
    usage = pd.read_csv(tmp_path / "run" / "usage.tsv", sep="\t")
    assert usage[["p_value", "p_adjusted"]].isna().all(axis=None)
