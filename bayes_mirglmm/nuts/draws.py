"""From points of the sampler's form to the quantities of the readable model, in the user's units."""

from dataclasses import dataclass

import numpy as np

from bayes_mirglmm.nested.coordinates import half_normal
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


def quantities(prepared: Prepared, points: np.ndarray, rng: np.random.Generator) -> Quantities:
    """Return the quantities at ``points`` (..., d); ``rng`` draws beta given beta + c."""
    layout, arrays, scalars = prepared.layout, prepared.arrays, prepared.scalars
    parts = layout.split(points)
    lead = points.shape[:-1]
    sd = arrays["sd_scales"] * half_normal(parts["sd_normal"])
    chol = np.zeros((*lead, layout.k, layout.k))
    left = [sd[..., a] for a in range(layout.k)]
    for pair, (row, column) in enumerate(layout.pairs):
        chol[..., row, column] = left[row] * np.tanh(parts["partial"][..., pair])
        left[row] = left[row] / np.cosh(parts["partial"][..., pair])
    for a in range(layout.k):
        chol[..., a, a] = left[a]

    sigma = np.zeros(lead)
    if layout.sample_effect:
        sigma = scalars["sample_scale"] * half_normal(parts["sigma_normal"])[..., 0]
    beta_star = parts["beta_star"]
    away = beta_star - arrays["beta_mean"]
    along = away @ arrays["beta_to_directions"].T
    # Given t = beta + c in directions where beta ~ N(0, 1) and c ~ N(0, s), beta ~ N(t / (1 + s), s / (1 + s)).
    spread = sigma[..., None] ** 2 * arrays["beta_spread"]
    drawn = along / (1.0 + spread) + np.sqrt(spread / (1.0 + spread)) * rng.standard_normal(along.shape)
    beta = arrays["beta_mean"] + np.linalg.solve(arrays["beta_to_directions"], drawn[..., None])[..., 0]
    u = np.zeros((*lead, layout.n))
    if layout.sample_effect:
        information, wide = arrays["residual_information"], sigma[..., None]
        more = information * wide**2
        standard = information * wide * arrays["residual_pseudo"] / (1.0 + more) + parts[
            "residual"
        ] / np.sqrt(1.0 + more)
        u = (beta_star - beta) @ arrays["x"].T + (wide * standard) @ arrays["complement"].T

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
        omega=root @ np.swapaxes(root, -1, -2),
        sigma_sample=sigma,
        log_theta=parts["log_theta"][..., 0] if parts["log_theta"].shape[-1] else np.full(lead, np.inf),
        b=b @ prepared.to_b.T,
        u=u,
    )
