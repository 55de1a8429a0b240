"""Effects under what the samples share, as users see them: tables, estimands, refusals, saving."""

from types import SimpleNamespace
from typing import cast

import numpy as np
import pandas as pd
import pytest

import bayes_mirglmm as bm
from bayes_mirglmm.cohort.cohort_effects import cohort_effects, learn_cohort
from bayes_mirglmm.cohort.responses import log_scale_responses
from bayes_mirglmm.outcomes import from_metadata
from bayes_mirglmm.report.citation import methods_text
from bayes_mirglmm.results.residuals import fitted_means
from bayes_mirglmm.results.shared_samples import SharedSamples, in_words, shared_cautions_of

TERM = "group[T.case]"


@pytest.fixture(scope="module")
def simulation():
    return bm.simulate(5, ("ctrl", "case"), n_mirnas=40, n_isomirs=4, changed=0.3, theta=20.0, seed=3)


@pytest.fixture(scope="module")
def fit(simulation) -> bm.Fit:
    return bm.fit(simulation.counts, "~ group", reference={"group": "ctrl"}, samples="shared", progress=False)


def test_the_arrays_are_those_of_the_fit(fit: bm.Fit):
    """Put together by hand from what the fit says of each miRNA."""
    offset, x = fit.data["offset"].values, fit.data["x"].values
    responses = []
    for mirna in fit.mirnas:
        counts, mean, theta = fitted_means(fit.data, mirna)
        responses.append(log_scale_responses(counts.values, np.log(mean.values), theta, offset))
    found = cohort_effects(learn_cohort(responses, x), np.array([0.0, 1.0]))
    table = fit.effects(TERM).set_index("mirna").loc[list(fit.mirnas)]
    np.testing.assert_allclose(table["estimate"], found.mean, rtol=1e-9)
    np.testing.assert_allclose(table["std_error"], found.mean_std_error, rtol=1e-9)
    weighted = fit.effects(TERM, estimand="weighted_mean").set_index("mirna").loc[list(fit.mirnas)]
    np.testing.assert_allclose(weighted["estimate"], found.weighted, rtol=1e-9)
    assert set(weighted["estimand"]) == {"weighted_mean"}
    assert set(table["df"]) == {found.df}


def test_columns_and_rows(fit: bm.Fit):
    table = fit.effects()
    plain = fit.effects(samples="independent")
    own = list(plain.columns.drop("isomir_slope"))
    assert list(table.columns) == [*own[:2], "estimand", *own[2:], "p_beyond_shared", "isomir_slope"]
    assert list(table["mirna"]) == list(plain["mirna"])
    level = (table["term"] == "Intercept").to_numpy()
    pd.testing.assert_frame_equal(table.loc[level, own], plain.loc[level, own])
    effects = table[~level]
    assert (effects["p_beyond_shared"] >= effects["p_value"] - 1e-12).all()
    half = (effects["upper"] - effects["lower"]) / 2
    from scipy import stats

    np.testing.assert_allclose(half / effects["std_error"], stats.t.ppf(0.975, effects["df"]))
    np.testing.assert_allclose(effects["p_value"], 2 * stats.t.sf(effects["z"].abs(), effects["df"]))
    np.testing.assert_allclose(
        effects["p_adjusted"], stats.false_discovery_control(effects["p_value"].to_numpy())
    )


def test_effects_are_those_of_the_fit_where_nothing_is_borrowed(simulation):
    fit = bm.fit(simulation.counts, "~ group", reference={"group": "ctrl"}, samples="shared", progress=False)
    shared = fit.what_samples_share
    weights = np.array([0.0, 1.0])
    borrowed = shared.effects(weights)
    weighted = fit.effects(TERM, estimand="weighted_mean")
    assert borrowed.contrast.borrowed
    assert "estimated by generalised least squares" in methods_text(fit)
    assert np.isfinite(fit.shared_samples()["df"]).all()
    # as it is where the groups are themselves a direction in which samples differ
    shared._effects[weights.tobytes()] = borrowed._replace(
        contrast=borrowed.contrast._replace(borrowed=False)
    )
    plain, table = fit.effects(TERM, samples="independent"), fit.effects(TERM)
    own = list(plain.columns.drop("isomir_slope"))
    pd.testing.assert_frame_equal(table[own], plain[own])
    from scipy import stats

    careful = np.sqrt(plain["std_error"] ** 2 + borrowed.variance_if_null)
    np.testing.assert_allclose(
        table["p_beyond_shared"], 2 * stats.t.sf(np.abs(plain["estimate"] / careful), plain["df"])
    )
    pd.testing.assert_frame_equal(fit.effects(TERM, estimand="weighted_mean"), weighted)
    assert fit.shared_samples()["df"].isna().all()
    said = methods_text(fit)
    assert (
        f"Log fold changes of {TERM} are those of the mixed model, with P-values of t with 8 degrees" in said
    )
    assert "estimated by generalised least squares" not in said


def test_how_the_fit_was_made_is_the_default(fit: bm.Fit, simulation):
    plain = bm.fit(simulation.counts, "~ group", reference={"group": "ctrl"}, progress=False)
    assert plain.samples_taken == "independent"
    pd.testing.assert_frame_equal(plain.effects(samples="shared"), fit.effects())
    spec = {"group": ("case", "ctrl")}
    pd.testing.assert_frame_equal(
        plain.contrast(spec, samples="shared"), plain.effects(contrasts=spec, samples="shared")
    )
    pd.testing.assert_frame_equal(plain.effects(), fit.effects(samples="independent"))
    assert "under what the samples share" in repr(fit)
    assert "under what the samples share" not in repr(plain)
    shown = fit.effects(TERM).nsmallest(1, "p_value")
    assert f"{shown['estimate'].iloc[0]:.3g}" in repr(fit)


def test_shrinking_takes_the_degrees_of_freedom_of_the_table(fit: bm.Fit):
    from bayes_mirglmm.evidence.shrinkage import shrink

    table = fit.shrink()
    expected = shrink(table["estimate"].to_numpy(), table["std_error"].to_numpy(), df=table["df"].iloc[0])
    np.testing.assert_array_equal(table["shrunk"], expected.mean)
    plain = fit.shrink(samples="independent")
    assert plain["df"].iloc[0] == 8
    assert not np.allclose(plain["shrunk"], table["shrunk"])


def test_saving_and_loading(fit: bm.Fit, tmp_path):
    fit.save(tmp_path / "run")
    again = bm.load(tmp_path / "run")
    assert again.samples_taken == "shared"
    pd.testing.assert_frame_equal(again.effects(), fit.effects())
    pd.testing.assert_frame_equal(again.shared_samples(), fit.shared_samples())
    saved = pd.read_parquet(tmp_path / "run" / "effects.parquet")
    pd.testing.assert_frame_equal(saved, fit.effects(), check_dtype=False)


def test_what_the_samples_share(fit: bm.Fit):
    row = fit.shared_samples().iloc[0]
    assert row["term"] == TERM
    assert (row["n_samples"], row["residual_directions"], row["mirnas"]) == (10, 8, len(fit.mirnas))
    assert 2 < row["effective_samples"] <= 10
    assert 0 < row["variance_left"] <= 1
    directions = fit.sample_directions()
    assert list(directions.columns) == ["direction", "share", "column", "r_squared", "p_value"]
    assert set(directions["column"]) == {"group", "log(total)"}
    assert directions["direction"].max() == 5
    assert directions["r_squared"].between(0, 1).all()
    # an F test by hand
    from scipy import stats

    one = directions.iloc[0]
    f = one["r_squared"] / ((1 - one["r_squared"]) / 8)
    assert one["p_value"] == pytest.approx(stats.f.sf(f, 1, 8))


def test_designs_with_more_columns():
    """Three groups and a batch, pairs, a continuous variable: every coefficient and contrast has effects."""
    samples = pd.DataFrame(
        {
            "group": ["a", "b", "c"] * 4,
            "batch": ["p"] * 6 + ["q"] * 6,
            "dose": np.linspace(0, 2, 12),
            "pair": [f"s{i // 2}" for i in range(12)],
            "side": ["l", "r"] * 6,
        },
        index=[f"x{i}" for i in range(12)],
    )
    for formula, contrast in (
        ("~ group + batch", {"group": ("c", "b")}),
        ("~ dose + batch", {"batch": ("q", "p")}),
        ("~ side + pair", {"side": ("r", "l")}),
    ):
        drawn = bm.simulate(samples=samples, formula=formula, n_mirnas=25, n_isomirs=3, theta=20.0, seed=8)
        fit = bm.fit(drawn.counts, formula, samples="shared", progress=False)
        effects = fit.effects()
        assert effects["estimate"].notna().all(), formula
        terms = [term for term in fit.design.terms if term != "Intercept"]
        assert list(fit.shared_samples()["term"]) == terms
        named = fit.contrast(contrast)
        assert named["contrast"].nunique() == 1
        assert named["p_value"].between(0, 1).all()
        assert fit.shared_samples(contrasts=contrast)["contrast"].tolist() == [named["contrast"].iloc[0]]
    # a contrast of two levels is the coefficient of the same question
    turned = bm.fit(
        drawn.counts, "~ side + pair", reference={"side": "r"}, samples="shared", progress=False
    ).effects("side[T.l]")
    np.testing.assert_allclose(named["estimate"], -turned["estimate"], atol=2e-3)


def test_the_covariance_of_the_samples_goes_into_a_second_fit(fit: bm.Fit, simulation):
    covariance = fit.sample_covariance()
    assert list(covariance.index) == list(covariance.columns) == list(fit.data["sample"].values)
    assert np.trace(covariance) == pytest.approx(len(covariance))
    np.testing.assert_allclose(covariance, covariance.T)
    # generalised least squares under it is the weighted estimand, but for the miRNA's own part in the regression
    pooled = np.stack([r.pooled for r in fit.what_samples_share.cohort.responses])
    x, inverse = fit.data["x"].values, np.linalg.inv(covariance.to_numpy())
    estimate = np.linalg.solve(x.T @ inverse @ x, x.T @ inverse @ pooled.T)[1]
    weighted = fit.effects(TERM, estimand="weighted_mean")["estimate"].to_numpy()
    shift = fit.shared_samples(TERM)["shift"].iloc[0]
    offset = np.median(estimate - weighted)
    assert np.corrcoef(estimate, weighted)[0, 1] > 0.98
    assert abs(offset - shift) < 0.3
    again = bm.fit(
        simulation.counts,
        "~ group",
        reference={"group": "ctrl"},
        sample_covariance=covariance,
        progress=False,
    )
    np.testing.assert_allclose(again.data["sample_covariance"].values, covariance)
    assert again.effects(TERM)["estimate"].corr(fit.effects(TERM)["estimate"]) > 0.9
    with pytest.raises(bm.InputError, match=r"are 2 coefficients.*name one, as in fit.sample_covariance"):
        fit.sample_covariance(["Intercept", TERM])


@pytest.mark.parametrize(
    ("null_share", "noise_ratio", "borrowed", "words"),
    [
        (0.4, 2.0, True, "60 % of the miRNAs change, and their noise along it would be 2.0 times"),
        (0.4, 1.2, True, ""),
        (0.7, 2.0, True, ""),
        (0.4, 2.0, False, "the effects are those of samples='independent'"),
    ],
)
def test_many_effects_along_much_noise_are_a_caution(
    null_share: float, noise_ratio: float, borrowed: bool, words: str
):
    contrast = SimpleNamespace(
        null_share=null_share, noise_ratio=noise_ratio, noise_p_value=0.001, borrowed=borrowed
    )
    shared = SimpleNamespace(
        cohort=SimpleNamespace(responses=[None] * 100),
        effects=lambda weights: SimpleNamespace(contrast=contrast),
    )
    weights = pd.DataFrame([[0.0, 1.0]], index=[TERM], columns=["Intercept", TERM])
    said = shared_cautions_of(cast(SharedSamples, shared), weights)
    assert [caution.kind for caution in said] == ["shared_direction"] * bool(words)
    assert all(words in caution and caution.startswith(f"{TERM}: ") for caution in said)


def test_known_offsets_are_kept(simulation):
    """With offsets from a column, as of spike-ins, what all miRNAs do is an effect."""
    counts = simulation.counts
    # libraries of the cases count twice as much as they have
    totals = counts["total"].values * np.where(counts["group"].values == "case", 2.0, 1.0)
    counts = counts.assign_coords(spike=("sample", totals))
    own = bm.fit(counts, "~ group", reference={"group": "ctrl"}, samples="shared", progress=False)
    known = bm.fit(
        counts,
        "~ group",
        reference={"group": "ctrl"},
        offset="column:spike",
        samples="shared",
        progress=False,
    )
    moved = known.effects(TERM)["estimate"] - own.effects(TERM)["estimate"]
    assert moved.median() == pytest.approx(-np.log(2) + own.shared_samples()["shift"].iloc[0], abs=0.1)
    assert known.shared_samples()["shift"].iloc[0] == 0


def test_refusals(fit: bm.Fit, simulation, monkeypatch):
    """Those of a fit come before any miRNA is fitted."""
    with pytest.raises(
        bm.InputError, match="samples='alike' is not known: choose one of independent, shared"
    ):
        fit.effects(samples="alike")
    with pytest.raises(bm.InputError, match="estimand='median' is not known"):
        fit.effects(estimand="median")
    with pytest.raises(bm.InputError, match="estimand='weighted_mean' is of samples='shared'"):
        fit.effects(samples="independent", estimand="weighted_mean")
    monkeypatch.setattr("bayes_mirglmm.fitting.fit.fit_every_mirna", lambda *_, **__: pytest.fail("fitted"))
    with pytest.raises(
        bm.InputError,
        match=r"samples='shared' \(--shared-samples\) takes fixed effects alone: leave it out, or put",
    ):
        bm.fit(simulation.counts, "~ group + (1 | batch)", samples="shared")
    with pytest.raises(bm.InputError, match="not of method='laplace'"):
        bm.fit(simulation.counts, "~ group", method="laplace", samples="shared")
    with pytest.raises(bm.InputError, match="not of preset='mirglmm'"):
        bm.fit(simulation.counts, "~ group", preset="mirglmm", samples="shared")
    few = simulation.counts.isel(isomir=slice(0, 20))
    with pytest.raises(bm.InputError, match="cannot be learned from fewer than 10"):
        bm.fit(few, "~ group", samples="shared", progress=False)
    small = simulation.counts.isel(sample=[0, 1, 9])
    with pytest.raises(bm.InputError, match=r"leave 1 residual direction\(s\)"):
        bm.fit(small, "~ group", samples="shared", progress=False)


def test_nothing_gained_is_not_told_as_a_share_of_the_noise():
    table = pd.DataFrame(
        {
            "term": [TERM],
            "n_samples": [20],
            "effective_samples": [10.16],
            "variance_left": [0.62],
            "borrowed": [True],
        }
    )
    assert in_words(table) == (
        f"20 samples carry as much as 10.2 independent ones, and what they share tells 38 % of the noise of {TERM}"
    )
    table["variance_left"], table["borrowed"] = 1.0, False
    assert in_words(table) == (
        f"20 samples carry as much as 10.2 independent ones; nothing was borrowed across them for {TERM}, "
        "which is such a direction itself"
    )


def test_few_mirnas_are_a_caution(fit: bm.Fit):
    kinds = [caution.kind for caution in from_metadata(fit.metadata)]
    assert "few_mirnas" in kinds
    assert "shared_direction" not in kinds
