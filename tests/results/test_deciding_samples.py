"""Flags of results that rest on one sample, in tables, summary and report."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import xarray as xr

import bayes_mirglmm as bm
from bayes_mirglmm.cli import main
from bayes_mirglmm.report.content import gather
from bayes_mirglmm.results.deciding_samples import deciding_sentence, rest_on_one_sample

USAGE, EFFECT = "sim-miR-4", "sim-miR-3"


def planted() -> xr.Dataset:
    """Eight samples of A, two of B: half of one miRNA's isomiRs are higher in the first, all of another's in both."""
    counts = bm.simulate(8, n_mirnas=4, n_isomirs=16, usage=0.0, theta=20.0, seed=3).counts
    counts = counts.isel(sample=slice(10))
    values, owner = counts["counts"].values.copy(), counts["mirna"].values
    values[np.flatnonzero(owner == USAGE)[::2], 8] *= 4
    values[np.ix_(owner == EFFECT, [8, 9])] *= np.array([5, 3])
    made = counts.assign(counts=(("isomir", "sample"), values))
    return made.assign_coords(library=counts["total"], total=("sample", values.sum(axis=0)))


@pytest.fixture(scope="module")
def fit() -> bm.Fit:
    return bm.fit(planted(), "~ group", offset="column:library", usage_test="lrt", progress=False)


def test_calls_that_rest_on_one_sample_are_flagged(fit: bm.Fit) -> None:
    assert "deciding_samples" not in fit.usage()
    assert "deciding_samples" not in fit.effects()
    usage = fit.usage(influence=True).set_index("mirna")
    by_hand = fit.influential_samples(USAGE).set_index("sample")
    assert usage.loc[USAGE, "p_adjusted"] <= 0.05
    assert usage.loc[USAGE, "deciding_samples"] == "B_1"
    assert usage.loc[USAGE, "p_value_without_sample"] == by_hand["p_value_usage_without"].max()
    assert usage["deciding_samples"].drop(USAGE).eq("").all()
    assert usage["p_value_without_sample"].drop(USAGE).isna().all()
    pd.testing.assert_frame_equal(fit.usage(influence=True)[list(fit.usage())], fit.usage())


def test_effects_and_isomirs_are_flagged_alike(fit: bm.Fit) -> None:
    effects = fit.effects(influence=True)
    change = effects[effects["term"] == "group[T.B]"].set_index("mirna")
    by_hand = fit.influential_samples(EFFECT).set_index("sample")
    assert change.loc[EFFECT, "p_adjusted"] <= 0.05
    assert change.loc[EFFECT, "deciding_samples"] == "B_1"
    assert change.loc[EFFECT, "p_value_without_sample"] == by_hand["p_value_without"].max()
    assert effects.loc[effects["term"] == "Intercept", "deciding_samples"].eq("").all()  # 0 is nothing there
    isomirs = fit.isomir_effects(influence=True)
    called = isomirs["p_adjusted"] <= 0.05
    assert set(isomirs.loc[called, "mirna"]) >= {EFFECT}
    assert isomirs.loc[~called, "deciding_samples"].eq("").all()
    others = fit.effects(contrasts={"group": ("A", "B")}, influence=True).set_index("mirna")
    assert others.loc[EFFECT, "deciding_samples"] == "B_1"
    one = np.delete(np.arange(10), 8)
    again = bm.fit(
        planted().isel(sample=one), "~ group", offset="column:library", usage_test="lrt", progress=False
    )
    own = again.isomir_effects().set_index("isomir")["p_value"]
    rows = isomirs[called & (isomirs["mirna"] == EFFECT)].set_index("isomir")
    assert 0 < rows["deciding_samples"].eq("B_1").sum() < len(rows)
    assert (rows["deciding_samples"].eq("B_1") == (own[rows.index] > 0.05)).all()
    assert (rows["p_value_without_sample"] >= own[rows.index] * (1 - 1e-6)).all()


def test_each_result_and_sample_has_a_row(fit: bm.Fit) -> None:
    found = rest_on_one_sample(fit)
    rows = found[["sample", "what", "mirna"]].to_numpy().tolist()
    assert ["B_1", "isomiR usage", USAGE] in rows
    assert ["B_1", "group[T.B]", EFFECT] in rows
    assert (found["p_value"] <= 0.05).all()
    assert (found["p_value_without"] > 0.05).all()
    text = deciding_sentence(fit)
    assert text.startswith(
        "1 called effect and 1 called usage result rest on one sample, without which p is above"
    )
    assert "B_1 (2)" in text


def test_where_nothing_is_called_nothing_could_rest_on_a_sample() -> None:
    counts = bm.simulate(4, n_mirnas=6, changed=0.0, usage=0.0, seed=4).counts
    fit = bm.fit(counts, "~ group", progress=False)
    assert fit.effects("group[T.B]")["p_adjusted"].min() > 0.05
    assert deciding_sentence(fit) == (
        "No effect and no usage is called, so that there is nothing that could rest on one sample."
    )


def test_nothing_rests_on_one_sample() -> None:
    counts = bm.simulate(6, n_mirnas=4, n_isomirs=8, usage=0.0, theta=20.0, seed=3).counts
    values = counts["counts"].values.copy()
    values[np.ix_(counts["mirna"].values == USAGE, counts["group"].values == "B")] *= 8
    library = counts["total"].values
    strong = counts.assign(counts=(("isomir", "sample"), values)).assign_coords(
        library=("sample", library), total=("sample", values.sum(axis=0))
    )
    fit = bm.fit(strong, "~ group", offset="column:library", usage_test="lrt", progress=False)
    assert USAGE in set(fit.effects("group[T.B]").query("p_adjusted <= 0.05")["mirna"])
    assert rest_on_one_sample(fit).empty
    assert deciding_sentence(fit) == (
        "No called effect or usage rests on one sample: without any of them p stays at 0.05 or below."
    )
    flagged = fit.effects("group[T.B]", influence=True).set_index("mirna")
    assert 0 < flagged.loc[USAGE, "p_value_without_sample"] <= 0.05


def test_a_posterior_is_flagged_by_its_fit_by_maximum_likelihood() -> None:
    fit = bm.fit(
        planted(), "~ group", offset="column:library", method="laplace", usage_test="lrt", progress=False
    )
    samples = fit.influential_samples()  # those that the posterior calls
    assert list(samples["mirna"].unique()) == [name for name in fit.mirnas if name in set(samples["mirna"])]
    usage = fit.usage(influence=True).set_index("mirna")
    assert usage.loc[USAGE, "deciding_samples"] == "B_1"
    effects = fit.effects("group[T.B]", influence=True)
    called = effects["s_value"] <= 0.05
    assert effects.loc[called, "p_value_without_sample"].notna().all()
    assert effects.loc[~called, "p_value_without_sample"].isna().all()
    assert fit.isomir_effects(influence=True)["deciding_samples"].map(type).eq(str).all()


def test_the_command_line_writes_flags_where_they_are_asked_for(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def run(*arguments: object) -> str:
        capsys.readouterr()
        with pytest.raises(SystemExit) as stop:
            main([str(argument) for argument in arguments])
        assert not stop.value.code
        return capsys.readouterr().out

    counts = planted()
    table = counts["counts"].to_pandas()
    table.insert(0, "mirna", counts["mirna"].values)
    table.to_csv(tmp_path / "counts.tsv", sep="\t", index_label="isomir")
    more = counts[["group", "library"]].to_dataframe()[["group", "library"]]
    more.to_csv(tmp_path / "samples.tsv", sep="\t", index_label="sample")
    inputs = ("fit", tmp_path / "counts.tsv", "-s", tmp_path / "samples.tsv", "--no-filter", "-d", "~ group")
    inputs = (*inputs, "--offset", "column:library", "--contrast", "group=A,B", "--out", tmp_path / "run")
    run(*inputs)
    assert not (tmp_path / "run" / "influential_samples.tsv").exists()
    assert "deciding_samples" not in pd.read_csv(tmp_path / "run" / "usage.tsv", sep="\t")
    run("report", tmp_path / "run")
    assert "Not asked for." in (tmp_path / "run" / "report.html").read_text(encoding="utf-8")
    summary = json.loads(run(*inputs, "--influence", "--report", "--json", "--force"))
    assert {(row["sample"], row["mirna"]) for row in summary["rest_on_one_sample"]} >= {
        ("B_1", USAGE),
        ("B_1", EFFECT),
    }
    for name in ("usage", "effects", "isomir_effects", "contrasts", "isomir_contrasts"):
        written = pd.read_csv(tmp_path / "run" / f"{name}.tsv", sep="\t", na_values="NA")
        assert list(written)[-2:] == ["deciding_samples", "p_value_without_sample"]
        assert written["deciding_samples"].fillna("").str.contains("B_1").any()
    samples = pd.read_csv(tmp_path / "run" / "influential_samples.tsv", sep="\t")
    assert set(samples["mirna"]) >= {USAGE, EFFECT}
    assert len(samples) == 10 * samples["mirna"].nunique()
    page = (tmp_path / "run" / "report.html").read_text(encoding="utf-8")
    assert "without which p is above 0.05: B_1" in page
    assert "rests on" in page
    loaded = bm.load(tmp_path / "run")  # which makes the report with what the run was made with
    content = gather(loaded)
    assert content["deciding"][0]["sample"] == "B_1"
    assert USAGE in content["deciding"][0]["mirnas"]
    assert content["influence"] in content["verdict"]
