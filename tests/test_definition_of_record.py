"""The Laplace kernels against the readable PyMC model: same density, same gradient, same score and curvature."""

import numpy as np
import pandas as pd
import pymc as pm
import pytensor
import pytensor.tensor as pt
import pytest
from pytensor.graph.replace import graph_replace

import bayes_mirglmm as bm
from bayes_mirglmm.counts.container import make_counts, sample_table
from bayes_mirglmm.counts.offsets import log_offset
from bayes_mirglmm.design.build import build_design
from bayes_mirglmm.marginal import Terms, likelihood, make_problem
from bayes_mirglmm.marginal.objective import means
from bayes_mirglmm.marginal.side import Side, half_square, make_side
from bayes_mirglmm.model import TermPriors

N, J = 7, 4
FORMULAS = {1: "~ 1", 2: "~ group", 3: "~ three"}
MODE = "FAST_COMPILE"
LOG_2PI = np.log(2 * np.pi)


@pytest.fixture(scope="module")
def counts():
    rng = np.random.default_rng(0)
    samples = pd.DataFrame(
        {"group": list("aabbaab"), "three": list("xyzxyzx")}, index=[f"s{i}" for i in range(N)]
    )
    return make_counts(
        rng.negative_binomial(2, 0.02, size=(J, N)),
        isomir=[f"i{j}" for j in range(J)],
        mirna=["m"] * J,
        sample=list(samples.index),
        samples=samples,
        total=np.full(N, 10**6) + rng.integers(0, 10**5, size=N),
    )


def compile_cell_derivatives(model, poisson):
    """Score and observed curvature of every cell, by differentiating the model's own likelihood in log mu."""
    eta, log_theta = pt.dmatrix("eta"), pt.dscalar("log_theta")
    rv = model["counts"]
    cells = pm.logp(rv, model.rvs_to_values[rv])
    swaps = {model["mu"]: pt.exp(eta)} | ({} if poisson else {model["theta"]: pt.exp(log_theta)})
    cells = graph_replace(cells, swaps)
    score = pytensor.grad(cells.sum(), eta)
    curvature = -pytensor.grad(score.sum(), eta)
    return pytensor.function([eta, log_theta], [score, curvature], mode=MODE, on_unused_input="ignore")


@pytest.mark.parametrize("model_name", ["mirglmm", "poisson"])
@pytest.mark.parametrize("k", [1, 2, 3])
def test_kernels_agree_with_the_readable_model(counts, scale_coordinates, k, model_name):
    formula = FORMULAS[k]
    model = bm.build_model(counts, "m", formula, model=model_name)
    poisson = model_name == "poisson"
    design = build_design(sample_table(counts), formula)
    problem, order = make_problem(
        counts["counts"].values.T, log_offset(counts).values, design.x, design.z, poisson=poisson
    )
    effects_density = model.logp(vars=[model["v"], model["w"]])
    density = model.compile_fn([effects_density, model.datalogp, model.dlogp()], mode=MODE)
    cell_derivatives = compile_cell_derivatives(model, poisson)

    rng = np.random.default_rng(k)
    for _ in range(5):
        chol = np.tril(rng.normal(scale=0.4, size=(k, k)))
        chol[np.diag_indices(k)] = rng.uniform(0.2, 1.5, size=k)
        beta = np.array([3.0] + [0.5] * (k - 1)) + rng.normal(scale=0.5, size=k)
        sigma, log_theta = rng.uniform(0.1, 0.8), rng.normal(1.0, 1.0)
        v, w = rng.normal(size=(k, J)), rng.normal(size=N)
        point = {"beta": beta, "v": v.T.copy(), "w": np.empty(N), "sd_sample_log__": np.log(sigma)}
        point["w"][order] = w
        if not poisson:
            point["log_theta"] = np.asarray(log_theta)
        point |= scale_coordinates(chol)

        theta = np.inf if poisson else np.exp(log_theta)
        fixed = problem.offset + problem.x @ beta
        zl = problem.z @ chol
        side = Side(sigma, np.empty((0, 0)), np.empty((N, 0)), np.empty(0))
        mu = means(fixed, zl, side, v, w)
        ours = likelihood.saturated(problem.distinct, problem.multiplicity, theta)
        ours += likelihood.log_likelihood(problem.y, mu, theta)
        effects_logp, data_logp, gradient = density(point)
        assert ours == pytest.approx(float(data_logp), abs=1e-9)

        score, curvature = np.empty((N, J)), np.empty((N, J))
        likelihood.score_and_curvature(problem.y, mu, theta, False, score, curvature)
        found_score, found_curvature = cell_derivatives(np.log(mu[np.argsort(order)]).T, log_theta)
        np.testing.assert_allclose(score[np.argsort(order)].T, found_score, rtol=1e-9, atol=1e-9)
        np.testing.assert_allclose(curvature[np.argsort(order)].T, found_curvature, rtol=1e-9, atol=1e-9)

        # Joint density of counts and random effects, and its gradient in v, w and beta (less the prior's).
        effects = half_square(v, w, side.precision) + 0.5 * (v.size + w.size) * LOG_2PI
        assert float(effects_logp) == pytest.approx(-effects, abs=1e-9)
        names = [value.name for value in model.value_vars]
        pieces = dict(
            zip(names, np.split(gradient, np.cumsum([point[n].size for n in names])[:-1]), strict=True)
        )
        np.testing.assert_allclose(pieces["v"].reshape(J, k), (zl.T @ score - v).T, rtol=1e-9, atol=1e-9)
        np.testing.assert_allclose(pieces["w"][order], sigma * score.sum(axis=1) - w, rtol=1e-9, atol=1e-9)
        prior_mean, prior_sd = np.array([4.0] + [0.0] * (k - 1)), np.array([5.0] + [2.5] * (k - 1))
        np.testing.assert_allclose(
            pieces["beta"],
            problem.x.T @ score.sum(axis=1) - (beta - prior_mean) / prior_sd**2,
            rtol=1e-9,
            atol=1e-9,
        )
        if not poisson:
            by_theta = likelihood.by_log_theta(problem.y, problem.distinct, problem.multiplicity, mu, theta)
            assert pieces["log_theta"][0] == pytest.approx(
                by_theta - (log_theta - 1.0) / 1.5**2, rel=1e-9, abs=1e-9
            )


def test_kernels_agree_with_random_terms_and_a_covariance_of_samples(counts, scale_coordinates):
    rng = np.random.default_rng(8)
    root = rng.normal(size=(N, N))
    covariance = root @ root.T / N
    time = rng.uniform(0, 20, N)
    counts = counts.assign_coords(time=("sample", time), lab=("sample", list("ppqqppq")))
    formula = "~ group + (time | three) + (1 | lab)"
    model = bm.build_model(counts, "m", formula, sample_covariance=covariance)
    design = build_design(sample_table(counts), formula)
    terms = TermPriors.of(bm.load_model("mirglmm").priors, design.random)
    problem, order = make_problem(
        counts["counts"].values.T,
        log_offset(counts).values,
        design.x,
        design.z,
        terms=Terms(terms.columns, terms.levels),
        sample_covariance=covariance,
    )
    effects = [model[name] for name in ("v", "w", "w_three", "w_lab")]
    density = model.compile_fn([model.logp(vars=effects), model.datalogp], mode=MODE)
    for _ in range(4):
        chol = np.tril(rng.normal(scale=0.4, size=(2, 2)))
        chol[np.diag_indices(2)] = rng.uniform(0.2, 1.5, size=2)
        of_three = np.tril(rng.normal(scale=0.4, size=(2, 2)))
        of_three[np.diag_indices(2)] = rng.uniform(0.2, 1.5, size=2)
        beta, sigma, sd_lab, log_theta = rng.normal([3.0, 0.5], 0.5), 0.4, 0.7, 1.2
        phi = np.concatenate([beta, chol[np.tril_indices(2)], of_three[np.tril_indices(2)]])
        phi = np.concatenate([phi, [sd_lab, sigma, log_theta]])
        v, w = rng.normal(size=(2, J)), rng.normal(size=N)
        w_three, w_lab = rng.normal(size=(3, 2)), rng.normal(size=(2, 1))
        side = make_side(problem, phi)
        u = np.concatenate([w, w_three.T.ravel(), w_lab.ravel()])
        mu = means(problem.offset + problem.x @ beta, problem.z @ chol, side, v, u)
        ours = likelihood.saturated(problem.distinct, problem.multiplicity, np.exp(log_theta))
        ours += likelihood.log_likelihood(problem.y, mu, np.exp(log_theta))
        ours -= half_square(v, u, side.precision) + 0.5 * (v.size + u.size) * LOG_2PI

        point = {"beta": beta, "v": v.T.copy(), "w": np.empty(N), "sd_sample_log__": np.log(sigma)}
        point["w"][order] = w
        point |= {"w_three": w_three, "w_lab": w_lab, "log_theta": np.asarray(log_theta)}
        point |= scale_coordinates(chol) | {"sd_block_lab_log__": np.log([sd_lab])}
        point |= {name.replace("block0", "block_three"): x for name, x in scale_coordinates(of_three).items()}
        assert ours == pytest.approx(float(sum(density(point))), abs=1e-9)
