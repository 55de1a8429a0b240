"""Posterior probabilities and labelled draws: against the draws themselves, the tables and the tree."""

import numpy as np
import pytest

import bayes_mirglmm as bm
from bayes_mirglmm.errors import InputError, UnknownMirnaError

TERM = "group[T.B]"
D, ROPE = np.log(1.5), (-0.1, 0.3)


@pytest.fixture(scope="module")
def counts():
    return bm.simulate(4, ("A", "B", "C"), n_mirnas=3, n_isomirs=4, seed=5).counts


@pytest.fixture(scope="module")
def ml(counts):
    return bm.fit(counts, "~ group", progress=False)


@pytest.fixture(scope="module")
def laplace(counts):
    return bm.fit(counts, "~ group", method="laplace", progress=False)


@pytest.fixture(scope="module")
def nuts(counts):
    return bm.fit(counts, "~ group", method="nuts", draws=200, tune=300, chains=2, progress=False)


@pytest.mark.parametrize("of", ["effects", "isomir_effects"])
def test_probabilities_of_chains_are_shares_of_the_draws(nuts, of):
    table = nuts.probability(TERM, beyond=D, rope=ROPE, of=of)
    draws = nuts.draws(of, TERM).values[:, 0]
    assert len(table) == len(draws)
    wanted = {
        "p_up": draws >= 0,
        "p_down": draws < 0,
        "p_beyond": (draws < -D) | (draws >= D),
        "p_up_beyond": draws >= D,
        "p_down_beyond": draws < -D,
        "p_rope": (draws >= ROPE[0]) & (draws < ROPE[1]),
    }
    for name, hits in wanted.items():
        np.testing.assert_allclose(table[name], hits.mean(axis=1), atol=1e-12, err_msg=name)
    np.testing.assert_allclose(table["p_direction"], table[["p_up", "p_down"]].max(axis=1))
    own = ["mirna"] if of == "effects" else ["mirna", "isomir"]
    shown = list(nuts.method.shown)
    assert list(table.columns) == [*own, "term", "p_up", "p_down", "p_direction", *list(wanted)[2:], *shown]


def test_importance_draws_are_weighted_and_smoothed(laplace, chance):
    table = laplace.probability(TERM, beyond=D, rope=ROPE).set_index("mirna")
    np.testing.assert_allclose(
        1.0 - table["p_direction"], laplace.effects(TERM).set_index("mirna")["lfsr"], atol=1e-12
    )
    data = laplace.data
    for mirna in laplace.mirnas:
        weight = data["draw_weight"].sel(drawn=mirna).values
        draws = data["weighted_draw_beta"].sel(drawn=mirna, term=TERM).values.astype(float)
        error = np.sqrt(0.25 * (weight**2).sum())  # of a share, at most
        for name, hits in (
            ("p_up_beyond", draws > D),
            ("p_beyond", abs(draws) > D),
            ("p_rope", (draws > ROPE[0]) & (draws < ROPE[1])),
        ):
            assert abs(table.loc[mirna, name] - weight[hits].sum()) < chance.z(9) * error


def test_contrasts_and_isomirs_have_probabilities_too(laplace):
    found = laplace.probability(contrasts={"group": ("C", "B")}, beyond=D)
    assert list(found["contrast"].unique()) == ["group: C - B"]
    lfsr = laplace.contrast({"group": ("C", "B")})["lfsr"]
    np.testing.assert_allclose(1.0 - found["p_direction"], lfsr, atol=1e-12)
    isomirs = laplace.probability(of="isomir_effects")
    table = laplace.isomir_effects()
    assert list(isomirs["isomir"]) == list(table["isomir"])
    assert list(isomirs["term"]) == list(table["term"])
    np.testing.assert_allclose(1.0 - isomirs["p_direction"], table["lfsr"], atol=1e-12)


@pytest.mark.parametrize("method", ["laplace", "nuts"])
def test_draws_are_those_of_the_tree_under_their_names(method, request):
    fit = request.getfixturevalue(method)
    mirna = fit.mirnas[1]
    posterior = fit[mirna]["posterior"].to_dataset()
    flat = {
        name: posterior[name].values.reshape(-1, *posterior[name].shape[2:]) for name in ("beta", "effect")
    }
    effects = fit.draws()
    assert effects.dims == ("mirna", "term", "draw")
    np.testing.assert_array_equal(effects.sel(mirna=mirna).values.T[: len(flat["beta"])], flat["beta"])
    isomirs = fit.draws("isomir_effects", TERM, mirnas=[mirna])
    assert list(isomirs["isomir"].values) == list(posterior["isomir"].values)
    assert set(isomirs["mirna"].values) == {mirna}
    np.testing.assert_allclose(
        isomirs.sel(term=TERM).values.T[: len(flat["beta"])], flat["effect"][:, :, 1], rtol=1e-12
    )
    pair = fit.draws(contrasts={"group": ("C", "B")}, mirnas=mirna)
    np.testing.assert_allclose(
        pair.values[0, 0],
        (effects.sel(term="group[T.C]") - effects.sel(term=TERM)).sel(mirna=mirna),
        rtol=1e-12,
    )
    assert pair.attrs["units"] == "natural log"


def test_resampled_draws_have_the_moments_of_the_table(laplace, chance):
    table = laplace.effects(TERM).set_index("mirna")
    draws = laplace.draws(terms=TERM).sel(term=TERM)
    weight = laplace.data["draw_weight"].values
    error = table["std_error"] * np.sqrt((weight**2).sum(axis=1))
    assert (abs(draws.mean("draw") - table["estimate"]) < chance.z(3) * error).all()
    np.testing.assert_allclose(draws.std("draw"), table["std_error"], rtol=0.25)


def test_expected_cpm_of_a_group_is_that_of_its_isomirs(nuts, ml):
    mirna = nuts.mirnas[0]
    cpm, isomirs = nuts.draws("cpm"), nuts.draws("isomir_cpm", mirnas=[mirna])
    assert list(cpm["level"].values) == ["A", "B", "C"]
    assert cpm.attrs["variable"] == "group"
    np.testing.assert_allclose(isomirs.sum("isomir"), cpm.sel(mirna=mirna), rtol=1e-12)
    # of an isomiR: exp of its level, and its change is its effect
    change = np.log(isomirs.sel(level="B") / isomirs.sel(level="A"))
    wanted = nuts.draws("isomir_effects", TERM, mirnas=[mirna]).sel(term=TERM)
    np.testing.assert_allclose(change, wanted, atol=1e-10)
    # near what was counted: a typical sample of the group
    data = nuts.data
    rows = data["isomir_mirna"].values == mirna
    observed = 1e6 * data["counts"].values[rows].sum(axis=0) / data["total"].values
    median = np.median(observed[(nuts.samples["group"] == "A").to_numpy()])
    assert abs(np.log(float(cpm.sel(mirna=mirna, level="A").median()) / median)) < 0.5


def test_what_is_not_there_is_refused_with_a_remedy(laplace, ml):
    with pytest.raises(InputError, match="fit with method='laplace' or 'nuts'"):
        ml.probability(beyond=D)
    with pytest.raises(InputError, match="fit with method='laplace' or 'nuts'"):
        ml.draws()
    for options, message in (
        ({"beyond": -1.0}, "np.log\\(2\\)"),
        ({"beyond": "2"}, "np.log\\(2\\)"),
        ({"rope": (0.1, -0.1)}, "natural logs"),
        ({"rope": 0.1}, "natural logs"),
        ({"of": "cpm"}, "'effects', 'isomir_effects'"),
    ):
        with pytest.raises(InputError, match=message):
            laplace.probability(**options)
    with pytest.raises(InputError, match="'isomir_cpm'"):
        laplace.draws("beta")
    with pytest.raises(InputError, match="every level"):
        laplace.draws("cpm", TERM)
    with pytest.raises(InputError, match="asked for twice"):
        laplace.draws(mirnas=[laplace.mirnas[0]] * 2)
    with pytest.raises(UnknownMirnaError):
        laplace.draws(mirnas=["miR-none"])
