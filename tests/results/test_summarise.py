"""Quantities of a user's own from draws: weighted ones of importance sampling, and those of chains."""

import numpy as np
import pytest

import bayes_mirglmm as bm

TERM = "group[T.B]"


@pytest.fixture(scope="module")
def counts():
    return bm.simulate(4, ("A", "B"), n_mirnas=2, n_isomirs=3, seed=5).counts


@pytest.fixture(scope="module")
def laplace(counts):
    return bm.fit(counts, "~ group", method="laplace", progress=False)


@pytest.fixture(scope="module")
def nuts(counts):
    return bm.fit(counts, "~ group", method="nuts", draws=100, tune=300, chains=2, progress=False)


def coefficient(draws):
    return draws["beta"].sel(term=TERM)


@pytest.mark.parametrize("method", ["laplace", "nuts"])
def test_a_coefficient_has_the_moments_of_the_table_of_effects(method, request):
    fit = request.getfixturevalue(method)
    own, table = fit.summarise(coefficient), fit.effects(TERM)
    assert list(own["mirna"]) == list(table["mirna"]) == list(fit.mirnas)
    for name in ("estimate", "std_error"):
        np.testing.assert_allclose(own[name], table[name], rtol=1e-10)
    shown = list(fit.method.shown)
    assert list(own.columns) == ["mirna", "estimate", "std_error", "lower", "upper", "lfsr", *shown]
    np.testing.assert_array_equal(own[shown], table[shown])


def test_draws_of_chains_are_counted_as_in_the_table_of_effects(nuts):
    own, table = nuts.summarise(coefficient, prob=0.8), nuts.effects(TERM, prob=0.8)
    for name in ("lower", "upper", "lfsr"):
        np.testing.assert_allclose(own[name], table[name], rtol=1e-12)


def test_weights_of_importance_draws_are_applied(laplace):
    row = laplace.summarise(lambda draws: np.exp(coefficient(draws)), prob=0.5).iloc[0]
    weight = laplace.data["draw_weight"].sel(drawn=row["mirna"]).values
    values = np.exp(
        laplace.data["weighted_draw_beta"].sel(drawn=row["mirna"], term=TERM).values.astype(float)
    )
    assert row["estimate"] == pytest.approx(np.average(values, weights=weight), rel=1e-12)
    assert abs(values.mean() - row["estimate"]) > 1e-6 * row["estimate"]
    for end, level in (("lower", 0.25), ("upper", 0.75)):
        assert weight[values <= row[end]].sum() == pytest.approx(level, abs=weight.max())


def test_a_yes_or_no_gives_its_probability_and_several_quantities_a_row_each(laplace):
    def both(draws):
        effect = draws["effect"].sel(slope_term=TERM)
        return {"up": (effect > 0).all("isomir"), "spread": effect.max("isomir") - effect.min("isomir")}

    table = laplace.summarise(both)
    assert list(table["quantity"]) == ["up", "spread"] * 2
    assert list(table["mirna"]) == [name for name in laplace.mirnas for _ in range(2)]
    data = laplace.data
    first = data["isomir_mirna"].values == laplace.mirnas[0]
    effect = data["weighted_draw_b"].isel(isomir=first).sel(slope_term=TERM).values.astype(float)
    effect = effect + data["weighted_draw_beta"].sel(drawn=laplace.mirnas[0], term=TERM).values.astype(float)
    weight = data["draw_weight"].sel(drawn=laplace.mirnas[0]).values
    assert table["estimate"][0] == pytest.approx(weight[(effect > 0).all(axis=0)].sum(), abs=1e-12)
    assert table["estimate"][1] == pytest.approx(weight @ np.ptp(effect, axis=0), rel=1e-10)


def test_draws_have_the_names_and_numbers_of_the_tree(nuts):
    mirna = nuts.mirnas[1]
    posterior = nuts[mirna]["posterior"].to_dataset().stack(every=("chain", "draw"))
    seen = {}
    nuts.summarise(lambda draws: seen.setdefault(draws.attrs["mirna"], draws)["sd_sample"])
    draws = seen[mirna]
    assert set(draws.data_vars) == set(posterior.data_vars) | {"weight"}
    for name in posterior.data_vars:
        dims = [dim if dim != "every" else "draw" for dim in posterior[name].dims]
        np.testing.assert_array_equal(draws[name].transpose(*dims).values, posterior[name].values)


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (lambda draws: draws["beta"], r"returned dims \('draw', 'term'\) and should return \('draw',\)"),
        (lambda draws: float(draws["sd_sample"].mean()), r"shape \(\) and should return one number for each"),
        (lambda draws: {"one": draws["sd_sample"].values[:3]}, r", one: .* shape \(3,\)"),
    ],
)
def test_a_function_that_gives_no_number_for_each_draw_is_refused(laplace, function, message):
    with pytest.raises(bm.InputError, match=message):
        laplace.summarise(function)


def test_a_fit_without_draws_has_nothing_to_summarise(laplace):
    with pytest.raises(bm.InputError, match="no draws to summarise: fit with method='laplace' or 'nuts'"):
        laplace.ml.summarise(coefficient)


def test_a_fit_knows_its_model(laplace, counts):
    assert laplace.spec == bm.load_model("mirglmm")
    assert laplace.ml.spec.priors.sd_isomir_slope.scale == laplace.slope_prior_scale == 1.0
    assert not bm.fit(counts, "~ group", model="reduced", progress=False).has_isomir_slopes
