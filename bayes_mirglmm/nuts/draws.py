"""From points of the sampler's form to the quantities of the readable model, in the user's units."""

from dataclasses import dataclass

import numpy as np

from bayes_mirglmm.model.scaling import SdArrays
from bayes_mirglmm.nested.coordinates import sd_at
from bayes_mirglmm.nuts.data import Prepared


@dataclass(frozen=True, slots=True)
class Quantities:
    """Joint draws, natural log; the leading dims are those of the points."""

    beta: np.ndarray  #: fixed effects (..., p)
    omega: np.ndarray  #: covariance of the isomiR effects (..., K, K)
    sigma_sample: np.ndarray  #: SD of the sample effects; 0 where the model has none (...)
    log_theta: np.ndarray  #: inf for the Poisson (...)
    b: np.ndarray  #: isomiR effects (..., J, K)
    u: np.ndarray  #: sample effects (..., n)
    random_cov: np.ndarray  #: covariance of the random terms' effects (..., C, C)
    random_effect: np.ndarray  #: these effects: each term's, each column's, on the levels (..., w)


def quantities(prepared: Prepared, points: np.ndarray, rng: np.random.Generator) -> Quantities:
    """Return the quantities at ``points`` (..., d); ``rng`` draws beta given beta + c."""
    layout, arrays = prepared.layout, prepared.arrays
    parts = layout.split(points)
    lead = points.shape[:-1]
    chol = _factor(parts["sd_normal"], parts["partial"], prepared.prior.sds, layout.pairs)
    sigma = np.zeros(lead)
    if prepared.prior.sample is not None:
        sigma = sd_at(parts["sigma_normal"], prepared.prior.sample)[..., 0]
    term_chol = _factor(parts["term_sd_normal"], parts["term_partial"], prepared.terms.sds, layout.term_pairs)
    g = _term_effects(prepared, parts["term_effect"], term_chol, sigma)
    beta_star = parts["beta_star"]
    of_terms = g @ arrays["term_to_beta"].T
    away = beta_star - of_terms - arrays["beta_mean"]
    along = away @ arrays["beta_to_directions"].T
    # Given t = beta + c in directions where beta ~ N(0, 1) and c ~ N(0, s), beta ~ N(t / (1 + s), s / (1 + s)).
    spread = sigma[..., None] ** 2 * arrays["beta_spread"]
    drawn = along / (1.0 + spread) + np.sqrt(spread / (1.0 + spread)) * rng.standard_normal(along.shape)
    beta = arrays["beta_mean"] + np.linalg.solve(arrays["beta_to_directions"], drawn[..., None])[..., 0]
    u = np.zeros((*lead, layout.n))
    if layout.sample_effect:
        information, wide = arrays["residual_information"], sigma[..., None]
        more = information * wide**2
        target = arrays["residual_pseudo"] - g @ arrays["term_to_residual"].T
        standard = information * wide * target / (1.0 + more) + parts["residual"] / np.sqrt(1.0 + more)
        u = (beta_star - of_terms - beta) @ arrays["x"].T + (wide * standard) @ arrays["complement"].T

    v = np.empty((*lead, layout.n_isomirs, layout.k))
    e, b = np.empty_like(v), np.empty_like(v)
    roots = arrays["pseudo_root"]
    for a, place in enumerate(layout.fixed):
        around: np.ndarray | float = beta_star[..., place, None] if place >= 0 else 0.0
        own = np.einsum("...jb,...b->...j", v[..., :a], chol[..., a, :a])
        seen = arrays["pseudo"][:, a] + np.einsum("...jb,jb->...j", e[..., :a], roots[:, a, :a])
        d, root = chol[..., a, a][..., None], roots[:, a, a]
        more = (d / root) ** 2
        target = seen - around - own
        v[..., a] = d / root**2 * target / (1.0 + more) + parts["isomir"][..., a] / np.sqrt(1.0 + more)
        b[..., a] = own + d * v[..., a]
        e[..., a] = (around + b[..., a] - seen) / root
    root = prepared.to_b @ chol
    return Quantities(
        beta=beta @ prepared.to_beta.T,
        omega=_squared(root),
        sigma_sample=sigma,
        log_theta=parts["log_theta"][..., 0] if parts["log_theta"].shape[-1] else np.full(lead, np.inf),
        b=b @ prepared.to_b.T,
        u=u,
        random_cov=_squared(prepared.terms.to_user @ term_chol),
        random_effect=_on_levels(prepared, g),
    )


def _factor(
    normal: np.ndarray, partial: np.ndarray, priors: SdArrays, pairs: tuple[tuple[int, int], ...]
) -> np.ndarray:
    """Return the Cholesky factor (..., k, k) of a covariance."""
    size = normal.shape[-1]
    sd = sd_at(normal, priors)
    chol = np.zeros((*normal.shape[:-1], size, size))
    left = [sd[..., a] for a in range(size)]
    for pair, (row, column) in enumerate(pairs):
        chol[..., row, column] = left[row] * np.tanh(partial[..., pair])
        left[row] = left[row] / np.cosh(partial[..., pair])
    for a in range(size):
        chol[..., a, a] = left[a]
    return chol


def _squared(root: np.ndarray) -> np.ndarray:
    return np.asarray(root @ np.swapaxes(root, -1, -2))


def _term_effects(
    prepared: Prepared, standard: np.ndarray, chol: np.ndarray, sigma: np.ndarray
) -> np.ndarray:
    """Return the effects of random terms (..., w) as they are sampled, levels turned; see ``term_density.py``."""
    layout, arrays = prepared.layout, prepared.arrays
    given = arrays["residual_information"]
    weight = given / (1.0 + given * sigma[..., None] ** 2)
    to_residual = arrays["term_to_residual"]
    information = arrays["term_information"] + weight @ to_residual**2
    score = arrays["term_score"] + (weight * arrays["residual_pseudo"]) @ to_residual
    found, v = np.empty_like(standard), np.empty_like(standard)
    at = first = 0
    for t, q in enumerate(layout.term_levels):
        c = layout.term_blocks.count(t)
        for a in range(c):
            places = at + a + c * np.arange(q)
            d = chol[..., first + a, first + a][..., None]
            mean = np.zeros((*standard.shape[:-1], q))
            for b in range(a):
                mean += chol[..., first + a, first + b][..., None] * v[..., at + b + c * np.arange(q)]
            i, s = information[..., places], score[..., places]
            more = i * d**2
            v[..., places] = d * (s - i * mean) / (1.0 + more) + standard[..., places] / np.sqrt(1.0 + more)
            found[..., places] = mean + d * v[..., places]
        at, first = at + c * q, first + c
    return found


def _on_levels(prepared: Prepared, g: np.ndarray) -> np.ndarray:
    """Return effects on their own levels, in the user's units: each term's, each column's, on the levels."""
    found, at = [], 0
    for t, (rotation, back) in enumerate(zip(prepared.placed.rotations, prepared.terms.back, strict=True)):
        q, c = len(rotation), prepared.layout.term_blocks.count(t)
        turned = g[..., at : at + q * c].reshape(*g.shape[:-1], q, c)
        effects = np.swapaxes(rotation @ turned @ back.T, -1, -2)
        found.append(effects.reshape(*g.shape[:-1], c * q))
        at += q * c
    return np.concatenate(found, axis=-1) if found else np.empty((*g.shape[:-1], 0))
