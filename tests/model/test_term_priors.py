"""Priors of the random terms of a design as arrays."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from bayes_mirglmm.design.build import build_design
from bayes_mirglmm.model import TermPriors, load_model
from bayes_mirglmm.model.scaling import partial_shapes


def _samples() -> pd.DataFrame:
    rng = np.random.default_rng(1)
    return pd.DataFrame(
        {
            "group": np.tile(["a", "b"], 6),
            "patient": np.repeat(["p1", "p2", "p3", "p4"], 3),
            "lab": np.tile(["l1", "l1", "l2"], 4),
            "time": rng.uniform(20, 80, 12),
            "dose": rng.uniform(0, 5, 12),
        },
        index=[f"s{i}" for i in range(12)],
    )


def test_terms_of_a_design_in_the_units_of_their_priors() -> None:
    design = build_design(_samples(), "~ group + (time + dose | patient) + (1 | lab) + (0 + time | lab)")
    spec = load_model("mirglmm").with_prior("sd_term", scale=0.7)
    found = TermPriors.of(spec.priors, design.random)
    assert found.names == (
        "patient: Intercept",
        "patient: time",
        "patient: dose",
        "lab: Intercept",
        "lab: time",
    )
    assert found.blocks == (0, 0, 0, 1, 2)
    assert found.pairs == ((1, 0), (2, 0), (2, 1))
    assert found.n_levels == (4, 2, 2)
    assert found.width == 3 * 4 + 2 + 2
    np.testing.assert_array_equal(found.sds.scale, np.full(5, 0.7))
    # Lewandowski, Kurowicka & Joe: 3 x 3 under LKJ(2) has marginal correlations Beta(2.5, 2.5) on the first tree.
    np.testing.assert_array_equal(found.shapes, [2.5, 2.5, 2.0])

    time = _samples()["time"].to_numpy()
    np.testing.assert_array_equal(found.columns[0][:, 0], np.ones(12))
    np.testing.assert_allclose(found.columns[0][:, 1], (time - time.mean()) / time.std(ddof=1), atol=1e-12)
    np.testing.assert_allclose(found.columns[2][:, 0], time / time.std(ddof=1), atol=1e-12)
    effects = np.random.default_rng(2).normal(size=5)
    back = found.to_user @ effects
    at = 0
    for term, columns in zip(design.random, found.columns, strict=True):
        own = slice(at, at + columns.shape[1])
        np.testing.assert_allclose(term.columns @ back[own], columns @ effects[own], atol=1e-12)
        at += columns.shape[1]


def test_a_design_without_random_terms_has_none() -> None:
    design = build_design(_samples(), "~ group")
    found = TermPriors.of(load_model("mirglmm").priors, design.random)
    assert (found.columns, found.blocks, found.names, found.width) == ((), (), (), 0)
    assert found.sds.scale.shape == found.shapes.shape == (0,)
    assert found.to_user.shape == (0, 0)


@pytest.mark.parametrize("eta", [1.0, 2.0])
def test_partial_correlations_make_the_lkj_density(eta: float) -> None:
    # Of a 3 x 3 matrix with partial correlations r10, r20, r21.0: det R and the change of variables in closed form.
    rng = np.random.default_rng(3)
    b = partial_shapes(eta, (0, 0, 0))
    values = []
    for _ in range(5):
        r10, r20, partial = rng.uniform(-0.9, 0.9, 3)
        r21 = r10 * r20 + partial * np.sqrt((1 - r10**2) * (1 - r20**2))
        determinant = np.linalg.det(np.array([[1, r10, r20], [r10, 1, r21], [r20, r21, 1]]))
        density = sum(
            stats.beta.logpdf((1 + r) / 2, shape, shape)
            for r, shape in zip((r10, r20, partial), b, strict=True)
        )
        density -= 0.5 * np.log((1 - r10**2) * (1 - r20**2))  # from the partial correlation to r21
        values.append(density - (eta - 1) * np.log(determinant))
    np.testing.assert_allclose(values, values[0], atol=1e-12)
