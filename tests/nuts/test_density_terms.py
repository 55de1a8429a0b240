"""The sampler's density with random terms and a covariance of samples: the readable model's, and its derivatives."""

import numpy as np
import pytest
from scipy import stats

import bayes_mirglmm as bm
from bayes_mirglmm.model import ModelSpec
from bayes_mirglmm.nested.coordinates import half_normal
from bayes_mirglmm.nuts import quantities
from bayes_mirglmm.nuts.density import log_density

N = 8
_ROOT = np.random.default_rng(12).normal(size=(N, N))
COVARIANCE = _ROOT @ _ROOT.T / N + 0.2 * np.eye(N)
CASES = {
    "pairs": ("~ group + (1 | pair)", None),
    "litters within groups": ("~ group + (1 | litter)", None),
    "crossed": ("~ group + (1 | pair) + (1 | lab)", None),
    "intercepts and slopes": ("~ group + (time | pair)", None),
    "independent slopes": ("~ group + (1 | lab) + (0 + time | lab)", None),
    "three effects": ("~ time + (time + age | lab)", None),
    "a covariance": ("~ group + age", COVARIANCE),
    "a covariance and terms": ("~ group + (time | pair) + (1 | lab)", COVARIANCE),
}


def factor(scales, normal, partial, pairs):
    """Cholesky factor (k, k) by scipy."""
    left = list(scales * half_normal(normal))
    chol = np.zeros((len(left), len(left)))
    for pair, (a, b) in enumerate(pairs):
        chol[a, b] = left[a] * np.tanh(partial[pair])
        left[a] *= np.sqrt(1 - np.tanh(partial[pair]) ** 2)
    chol[np.diag_indices(len(left))] = left
    return chol


def scales_of(prepared, x):
    """Factors of isomiRs and terms, and the SD of the samples, from the sampler's coordinates of the scales."""
    layout, prior, terms = prepared.layout, prepared.prior, prepared.terms
    names = ("sd_normal", "partial", "sigma_normal", "term_sd_normal", "term_partial")
    sizes = [int(np.prod(layout.parts[name])) for name in names]
    own = dict(zip(names, np.split(x, np.cumsum(sizes)[:-1]), strict=True))
    chol = factor(prior.sds.scale, own["sd_normal"], own["partial"], layout.pairs)
    term_chol = factor(terms.sds.scale, own["term_sd_normal"], own["term_partial"], layout.term_pairs)
    return chol, term_chol, prior.sample.scale * half_normal(own["sigma_normal"])


def readable_scales(prepared, x, scale_coordinates):
    """What the readable model samples in their place, by name."""
    chol, term_chol, sigma = scales_of(prepared, x)
    found = {"sd_sample_log__": np.log(sigma)[0]} | scale_coordinates(chol)
    for t, label in enumerate(prepared.terms.labels):
        own = np.flatnonzero(np.array(prepared.terms.blocks) == t)
        block = scale_coordinates(term_chol[np.ix_(own, own)])
        found |= {name.replace("block0", f"block_{label}"): np.atleast_1d(v) for name, v in block.items()}
    return found


def log_jacobian(prepared, x, scale_coordinates):
    def mapped(x):
        found = readable_scales(prepared, x, scale_coordinates)
        return np.concatenate([np.ravel(found[name]) for name in sorted(found)])

    columns, h = [], 2e-3
    for e in h * np.eye(len(x)):
        near, far = mapped(x + e) - mapped(x - e), mapped(x + 2 * e) - mapped(x - 2 * e)
        columns.append((8 * near - far) / (12 * h))
    return np.linalg.slogdet(np.array(columns))[1]


@pytest.mark.parametrize("model_name", ["mirglmm", "poisson"])
@pytest.mark.parametrize("case", CASES)
def test_density_is_that_of_the_readable_model(
    small_counts, prepared_by, scale_coordinates, case, model_name
):
    formula, covariance = CASES[case]
    readable = bm.build_model(small_counts, "m", formula, model=model_name, sample_covariance=covariance)
    logp = readable.compile_logp(mode="FAST_COMPILE")
    prepared = prepared_by(formula, model_name, covariance=covariance)
    layout, arrays, terms = prepared.layout, prepared.arrays, prepared.terms
    pack, rng = prepared.pack(), np.random.default_rng(7)
    root = np.eye(N)
    if covariance is not None:
        values, vectors = np.linalg.eigh(covariance)
        root = vectors * np.sqrt(values) @ vectors.T
    differences = []
    for _ in range(4):
        point = prepared.start + prepared.spread * rng.standard_normal(layout.size)
        parts = layout.split(point)
        found = quantities(prepared, point, rng)
        names = ("sd_normal", "partial", "sigma_normal", "term_sd_normal", "term_partial")
        scales = np.concatenate([parts[name] for name in names])
        chol, term_chol, sigma = scales_of(prepared, scales)

        # From the density of the sampled coordinates to that of (beta, b, u, g) and the scales.
        value = log_density(point, pack, np.empty(layout.size))
        roots = np.diagonal(arrays["pseudo_root"], axis1=1, axis2=2)
        value -= np.log(1 / np.sqrt(1 / np.diag(chol) ** 2 + 1 / roots**2)).sum()
        given = arrays["residual_information"]
        value -= np.log(1 / np.sqrt(1 / sigma**2 + given)).sum()
        weight = given / (1 + given * sigma**2)
        information = arrays["term_information"] + weight @ arrays["term_to_residual"] ** 2
        sd = np.concatenate(
            [
                np.tile(np.diag(term_chol)[np.array(terms.blocks) == t], q)
                for t, q in enumerate(terms.n_levels)
            ]
            or [np.empty(0)]
        )
        value -= np.log(1 / np.sqrt(1 / sd**2 + information)).sum()
        value -= log_jacobian(prepared, scales, scale_coordinates)
        beta = np.linalg.solve(prepared.to_beta, found.beta)

        # What the counts see: the coefficients and sample effects of the linear predictor.
        x = arrays["x"]
        design = np.zeros((N, 0))
        for columns, level, q in zip(terms.columns, terms.levels, terms.n_levels, strict=True):
            member = (level[:, None] == np.arange(q)).astype(float)
            design = np.hstack([design, *(member * column[:, None] for column in columns.T)])
        g, at, w_terms = np.zeros(N), 0, {}
        for t, label in enumerate(terms.labels):
            own = np.flatnonzero(np.array(terms.blocks) == t)
            q = terms.n_levels[t]
            user = found.random_effect[at : at + q * len(own)].reshape(len(own), q)
            scaled = np.linalg.solve(terms.back[t], user)
            g = g + design[:, at : at + q * len(own)] @ scaled.ravel()
            w_terms[f"w_{label}"] = np.linalg.solve(term_chol[np.ix_(own, own)], scaled).T
            at += q * len(own)
        basis = np.hstack([x, arrays["complement"]])
        of_terms = np.linalg.solve(basis, g)[: layout.p]
        along = arrays["beta_to_directions"] @ (parts["beta_star"] - of_terms - arrays["beta_mean"])
        own = arrays["beta_to_directions"] @ (beta - arrays["beta_mean"])
        spread = sigma**2 * arrays["beta_spread"]
        conditional = stats.norm(along / (1 + spread), np.sqrt(spread / (1 + spread)))
        value += conditional.logpdf(own).sum() + np.linalg.slogdet(arrays["beta_to_directions"])[1]
        value -= np.linalg.slogdet(basis)[1]  # u from beta + c and r

        v = np.linalg.solve(chol, np.linalg.solve(prepared.to_b, found.b.T)).T
        beta_name = next(name for name in readable.initial_point() if name.startswith("beta"))
        there = {beta_name: beta, "v": v, "w": np.linalg.solve(root, found.u) / sigma} | w_terms
        there |= readable_scales(prepared, scales, scale_coordinates)
        if model_name == "mirglmm":
            there["log_theta"] = found.log_theta
        there = {name: np.asarray(there[name]) for name in readable.initial_point()}
        theirs = logp(there)
        theirs -= layout.n_isomirs * np.log(np.diag(chol)).sum() + N * np.log(sigma[0])
        theirs -= np.linalg.slogdet(root)[1] + np.log(sd).sum()
        differences.append(value - theirs)
    assert np.ptp(differences) < 1e-8
    # Not only constant: both are normalised, so that the evidence is the same.
    np.testing.assert_allclose(differences, 0.0, atol=1e-7)


@pytest.mark.parametrize("estimate", [True, False])
@pytest.mark.parametrize("case", CASES)
def test_gradient(prepared_by, case, estimate):
    formula, covariance = CASES[case]
    _check_gradient(prepared_by(formula, estimate=estimate, covariance=covariance))


def test_gradient_without_sample_effects(prepared_by):
    _check_gradient(prepared_by("~ group + (time | pair)", _without_sample_effects()))


def test_gradient_with_a_singular_covariance(prepared_by):
    # Of rank 5: the design's columns are not all in its range, and terms reach beyond it.
    covariance = _ROOT[:, :5] @ _ROOT[:, :5].T
    prepared = prepared_by("~ group + (1 | pair)", covariance=covariance)
    assert len(prepared.arrays["term_to_outside"]) == N
    assert prepared.layout.residuals < N - 2
    _check_gradient(prepared)


def _without_sample_effects():
    table = bm.load_model("mirglmm").to_dict()
    table["random_effects"]["sample_intercept"] = False
    del table["priors"]["sd_sample"]
    return ModelSpec.from_dict(table)


def _check_gradient(prepared):
    pack, rng = prepared.pack(), np.random.default_rng(2)
    x = prepared.start + 1.5 * prepared.spread * rng.standard_normal(prepared.layout.size)
    gradient, ignored, h = np.empty_like(x), np.empty_like(x), 1e-4
    log_density(x, pack, gradient)
    for k in range(len(x)):
        e = h * np.eye(len(x))[k]
        values = [log_density(x + s * e, pack, ignored) for s in (-2, -1, 1, 2)]
        slope = (values[0] - 8 * values[1] + 8 * values[2] - values[3]) / (12 * h)
        scale = max(1.0, abs(slope), 1e-3 * abs(values[0]))
        assert gradient[k] == pytest.approx(slope, abs=2e-7 * scale), (
            f"coordinate {k} of {prepared.layout.parts}"
        )
