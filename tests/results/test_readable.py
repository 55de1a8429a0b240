"""The PyMC model of a fit: the model that was fitted, whatever was asked for."""

import numpy as np
import pytest

import bayes_mirglmm as bm
from bayes_mirglmm.errors import InputError

MODE = "FAST_COMPILE"


@pytest.fixture(scope="module")
def counts():
    counts = bm.simulate(4, n_mirnas=6, n_isomirs=3, seed=2).counts
    return counts.assign_coords(
        batch=("sample", list("uvuvvuuv")), quality=("sample", np.linspace(1, 3, 8) ** 2)
    )


OPTIONS = {
    "reference": {"formula": "~ group", "reference": {"group": "B"}},
    "slope and offset": {
        "formula": "~ batch + group + quality",
        "slope": "group",
        "reference": {"group": "B", "batch": "v"},
        "offset": "median_ratio",
    },
    "nuisance": {"formula": "~ group", "nuisance": "quality", "model": "poisson"},
    "no slope": {"formula": "~ group", "model": "reduced"},
}


@pytest.mark.parametrize("case", OPTIONS)
def test_it_is_the_model_of_the_fit(counts, case):
    options = OPTIONS[case]
    fit = bm.fit(counts, progress=False, **options)
    mirna = fit.mirnas[2]
    model = fit.build_model(mirna)
    rows = fit.data["isomir_mirna"].values == mirna
    np.testing.assert_array_equal(model["x"].get_value(), fit.data["x"].values)
    np.testing.assert_array_equal(model["offset"].get_value(), fit.data["offset"].values)
    np.testing.assert_array_equal(model.rvs_to_values[model["counts"]].data, fit.data["counts"].values[rows])
    assert list(model.coords["term"]) == list(fit.design.terms)
    again = bm.build_model(counts, mirna, **({"nuisance": ()} | options))
    assert again.coords == model.coords
    point = {name: value + 0.2 for name, value in model.initial_point().items()}
    assert model.compile_logp(mode=MODE)(point) == again.compile_logp(mode=MODE)(point)


def test_the_reduced_model_and_refusals(counts):
    fit = bm.fit(counts, "~ group", progress=False)
    reduced = fit.build_model(fit.mirnas[0], model="reduced", prefix="r")
    assert list(reduced.coords["r::slope_term"]) == ["Intercept"]
    assert list(fit.build_model(fit.mirnas[0]).coords["slope_term"]) == ["Intercept", "group[T.B]"]
    with pytest.raises(InputError, match="no model 'null': choose from full, reduced"):
        fit.build_model(fit.mirnas[0], model="null")
    with pytest.raises(InputError, match="no miRNA 'nope'"):
        fit.build_model("nope")
