"""What the sampler's form is given of one miRNA: counts, design, priors, pseudo-observations, a place to start."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy import special

from bayes_mirglmm.model import ModelSpec, Priors, TermPriors
from bayes_mirglmm.model.scaling import to_user
from bayes_mirglmm.nested.coordinates import PriorCoordinates, sd_coordinates
from bayes_mirglmm.nuts.directions import Directions, PlacedTerms, place_terms, sample_directions
from bayes_mirglmm.nuts.form import Layout, pack

FARTHEST_START = 2.5  # prior SDs from the centre
FARTHEST_STEP = 3.0  # of a pseudo-observation from the estimate, natural log
LEAST_INFORMATION = 1e-3
LOG_2PI = float(np.log(2.0 * np.pi))


@dataclass(frozen=True, slots=True)
class Estimate:
    """Where to start and how sure the counts are, in the user's units: a fit by maximum likelihood has it."""

    beta: np.ndarray  #: (p,)
    omega: np.ndarray  #: (K, K)
    sigma_sample: float
    theta: float
    b: np.ndarray  #: (J, K)
    u: np.ndarray  #: (n,)
    random_cov: np.ndarray | None = None  #: covariance of the random terms' effects (C, C)
    shared: np.ndarray | None = None  #: what the samples get of random terms (n,)


@dataclass(frozen=True, slots=True)
class Prepared:
    """One miRNA and one model, ready for the compiled density."""

    layout: Layout
    arrays: dict[str, np.ndarray]  #: by the names of :data:`bayes_mirglmm.nuts.form.PACKED`
    scalars: dict[str, float]
    start: np.ndarray  #: where to start (d,)
    spread: np.ndarray  #: a rough posterior SD of each number (d,)
    to_beta: np.ndarray  #: from the prior's units into the user's (p, p)
    to_b: np.ndarray  #: (K, K)
    prior: PriorCoordinates
    terms: TermPriors
    placed: PlacedTerms

    def pack(self) -> np.ndarray:
        """Return what the compiled density reads."""
        return pack(self.layout, self.arrays, self.scalars)

    def non_centred(self) -> "Prepared":
        """Return the same with isomiR slopes standardised under their prior alone."""
        roots = self.arrays["pseudo_root"].copy()
        for a in range(1, self.layout.k):
            roots[:, a, :a] = 0.0
            roots[:, a, a] = LEAST_INFORMATION**-0.5
        return replace(self, arrays=self.arrays | {"pseudo_root": roots})


def prepare(
    y: np.ndarray,
    offset: np.ndarray,
    x: np.ndarray,
    z: np.ndarray,
    *,
    blocks: Sequence[int],
    fixed: Sequence[int],
    spec: ModelSpec,
    estimate: Estimate | None = None,
    terms: TermPriors | None = None,
    sample_covariance: np.ndarray | None = None,
) -> Prepared:
    """Prepare one miRNA for the sampler's form.

    Parameters
    ----------
    y : array, shape (J, n)
        Counts, isomiR by sample.
    offset : array, shape (n,)
        Log offset, natural log.
    x : array, shape (n, p)
        Fixed design, of full column rank, the intercept first.
    z : array, shape (n, K)
        Random design of the isomiR effects, the intercept first.
    blocks, fixed : sequence of int, length K
        Covariance block of each column of ``z``, and the column of ``x`` that it repeats (-1 for none).
    spec : ModelSpec
        Family and priors.
    estimate : Estimate, optional
        A rough one is made from the counts where there is none.
    terms : TermPriors, optional
        Random terms of the samples.
    sample_covariance : array, shape (n, n), optional
        Of the sample effects up to sigma^2; the identity when omitted.
    """
    n_isomirs, n = y.shape
    p = x.shape[1]
    terms = no_terms(spec.priors) if terms is None else terms
    to_beta, to_b = to_user(x), to_user(z)
    x, z = x @ to_beta, z @ to_b
    prior = PriorCoordinates.of(spec, p, blocks)
    directions = sample_directions(x, sample_covariance, sample_effect=spec.sample_intercept)
    layout = Layout(
        n=n,
        p=p,
        n_isomirs=n_isomirs,
        blocks=tuple(blocks),
        fixed=tuple(fixed),
        family=spec.family,
        sample_effect=spec.sample_intercept,
        residuals=directions.complement.shape[1],
        term_blocks=terms.blocks,
        term_levels=terms.n_levels,
    )
    if estimate is None:
        estimate = _rough(y, offset, p, prior, terms)
    else:
        back_b = np.linalg.inv(to_b)
        estimate = Estimate(
            np.linalg.solve(to_beta, estimate.beta),
            back_b @ estimate.omega @ back_b.T,
            estimate.sigma_sample,
            min(estimate.theta, np.exp(10.0)),
            estimate.b @ back_b.T,
            estimate.u,
            None if estimate.random_cov is None else _in_units(terms, estimate.random_cov),
            estimate.shared,
        )
    distinct, multiplicity = np.unique(y, return_counts=True)
    spread, axes = np.linalg.eigh(directions.spread / np.outer(prior.sd, prior.sd))
    known = _Known.of(estimate, y, offset, x, z, directions, layout)
    weight = known.residual_information / (1.0 + known.residual_information * known.sigma**2)
    placed = place_terms(terms, x, directions, weight, known.by_sample, known.pulled)
    start, rough_sd = _start(known, layout, prior)
    start |= _start_of_terms(estimate, terms, placed, weight)
    rough_sd |= {"term_sd_normal": np.full(len(terms.blocks), 0.4), "term_effect": np.ones(layout.width)}
    rough_sd["term_partial"] = np.full(len(terms.pairs), 0.3)
    mean_theta, sd_theta = prior.log_theta or (0.0, 1.0)
    return Prepared(
        layout=layout,
        arrays={
            "offset": offset,
            "x": x,
            "z": z,
            "y": y,
            "distinct": distinct,
            "multiplicity": multiplicity,
            "complement": directions.complement,
            "residual_pseudo": known.residual_pseudo,
            "residual_information": known.residual_information,
            "beta_mean": prior.mean,
            "beta_to_directions": axes.T / prior.sd,
            "beta_spread": np.maximum(spread, 0.0),
            "sd_scales": prior.sds.scale,
            "sd_spreads": prior.sds.spread,
            "partial_shapes": prior.shapes,
            "pseudo": known.pseudo,
            "pseudo_root": known.pseudo_root,
            "fixed": np.array(layout.fixed),
            "blocks": np.array(layout.blocks),
            "term_scales": terms.sds.scale,
            "term_spreads": terms.sds.spread,
            "term_shapes": terms.shapes,
            "term_blocks": np.array(terms.blocks),
            "term_levels": np.array(terms.n_levels),
            "term_to_beta": placed.to_beta,
            "term_to_residual": placed.to_residual,
            "term_to_outside": placed.to_outside,
            "term_information": placed.information,
            "term_score": placed.score,
        },
        scalars={
            "constant": _log_norm(layout, prior, terms) - float(special.gammaln(y + 1.0).sum()),
            "sample_scale": 1.0 if prior.sample is None else prior.sample.scale[0],
            "sample_spread": 0.0 if prior.sample is None else prior.sample.spread[0],
            "log_theta_mean": mean_theta,
            "log_theta_sd": sd_theta,
        },
        start=layout.flat(start),
        spread=layout.flat(rough_sd),
        to_beta=to_beta,
        to_b=to_b,
        prior=prior,
        terms=terms,
        placed=placed,
    )


def no_terms(priors: Priors) -> TermPriors:
    """Return what a design without random terms has of them."""
    return TermPriors.of(priors, ())


def _in_units(terms: TermPriors, covariance: np.ndarray) -> np.ndarray:
    """Return a covariance of the random terms' effects in the prior's units."""
    back = np.linalg.inv(terms.to_user)
    return np.asarray(back @ covariance @ back.T)


def _log_norm(layout: Layout, prior: PriorCoordinates, terms: TermPriors) -> float:
    """Return what normalises the prior and does not depend on the parameters."""
    b = np.concatenate([prior.shapes, terms.shapes])
    normals = layout.size - len(b)
    partial = (1.0 - 2.0 * b) * np.log(2.0) + special.gammaln(2.0 * b) - 2.0 * special.gammaln(b)
    value = partial.sum() - 0.5 * normals * LOG_2PI - np.log(prior.sd).sum()
    return float(value - (np.log(prior.log_theta[1]) if prior.log_theta else 0.0))


def _rough(y: np.ndarray, offset: np.ndarray, p: int, prior: PriorCoordinates, terms: TermPriors) -> Estimate:
    """Return levels of the isomiRs and nothing else, for counts without a fit."""
    level = np.log(y.mean(axis=1) + 0.5) - np.log(np.exp(offset).mean())
    beta = np.zeros(p)
    beta[0] = level.mean()
    k = len(prior.sds.scale)
    b = np.zeros((len(y), k))
    b[:, 0] = level - beta[0]
    omega = np.diag(prior.sds.typical**2)
    omega[0, 0] += level.var()
    return Estimate(beta, omega, 0.3, 5.0, b, np.zeros(y.shape[1]), np.diag(terms.sds.typical**2))


@dataclass(frozen=True, slots=True)
class _Known:
    """What the counts say at the estimate: pseudo-observations of the effects, and scales pulled away from 0."""

    beta_star: np.ndarray  #: beta + c (p,)
    log_theta: float
    chol: np.ndarray  #: Cholesky factor of the covariance of the isomiR effects (K, K)
    sigma: float
    pseudo: np.ndarray  #: of the isomiRs' own coefficients (J, K)
    pseudo_root: np.ndarray  #: Cholesky factor of their covariance (J, K, K)
    residual_pseudo: np.ndarray  #: (n - p,)
    residual_information: np.ndarray  #: (n - p,)
    by_sample: np.ndarray  #: information about the effect of each sample (n,)
    pulled: np.ndarray  #: information times value, of what stands outside of the directions (n,)

    @classmethod
    def of(
        cls,
        estimate: Estimate,
        y: np.ndarray,
        offset: np.ndarray,
        x: np.ndarray,
        z: np.ndarray,
        directions: Directions,
        layout: Layout,
    ) -> "_Known":
        """Take one Newton step from the estimate, for each effect on its own and without its prior."""
        effects = estimate.u if estimate.shared is None else estimate.u + estimate.shared
        log_mu = (offset + x @ estimate.beta + effects)[None] + estimate.b @ z.T
        mu = np.exp(np.clip(log_mu, -20.0, 40.0))
        t = 1.0 if layout.family == "poisson" else 1.0 / (1.0 + mu / estimate.theta)
        weight, score = mu * t, (y - mu) * t
        information = np.einsum("ji,ia,ib->jab", weight, z, z) + LEAST_INFORMATION * np.eye(layout.k)
        covariance = np.linalg.inv(information)
        step = np.einsum("jab,jb->ja", covariance, score @ z)
        c, along, outside = directions.split(x, effects)
        beta_star = estimate.beta + c
        own = estimate.b + np.array([beta_star[f] if f >= 0 else 0.0 for f in layout.fixed])
        marginal = 1.0 / np.diagonal(covariance, axis1=1, axis2=2)
        # An SD of 0 is an estimate with an error: add half of that of the variance.
        error = np.sqrt(0.5 / (marginal**2).sum(axis=0))
        same = np.equal.outer(layout.blocks, layout.blocks)
        complement, by_sample = directions.complement, weight.sum(axis=0)
        of_samples = np.einsum("iq,i,iq->q", complement, by_sample, complement) + LEAST_INFORMATION
        further = complement.T @ score.sum(axis=0) / of_samples
        sigma2 = (
            estimate.sigma_sample**2 + np.sqrt(0.5 / max(layout.residuals, 1)) / weight.sum(axis=0).mean()
        )
        return cls(
            beta_star=beta_star,
            log_theta=float(np.log(estimate.theta)),
            chol=np.linalg.cholesky(np.where(same, estimate.omega, 0.0) + np.diag(error + 1e-8)),
            sigma=float(np.sqrt(sigma2)),
            pseudo=own + np.clip(step, -FARTHEST_STEP, FARTHEST_STEP),
            pseudo_root=np.linalg.cholesky(covariance),
            residual_pseudo=along + np.clip(further, -FARTHEST_STEP, FARTHEST_STEP),
            residual_information=of_samples,
            by_sample=by_sample,
            pulled=by_sample * outside + score.sum(axis=0),
        )


def _start(
    known: _Known, layout: Layout, prior: PriorCoordinates
) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    """Return where each variable starts and a rough posterior SD of each; effects are standardised already."""
    p, k = layout.p, layout.k
    sd = np.sqrt((known.chol**2).sum(axis=1))
    start = {"beta_star": known.beta_star, "sd_normal": _clipped(sd_coordinates(sd, prior.sds))}
    of_beta = np.full(p, 0.1)
    for a, column in enumerate(layout.fixed):
        if column >= 0:
            variance = known.chol[a, a] ** 2 + (known.pseudo_root[:, a] ** 2).sum(axis=1)
            of_beta[column] = (1.0 / variance).sum() ** -0.5
    partial, left = [], sd.copy()
    for a, b in layout.pairs:
        r_ab = np.clip(known.chol[a, b] / left[a], -0.95, 0.95)
        partial.append(np.arctanh(r_ab))
        left[a] *= np.sqrt(1.0 - r_ab**2)
    start["partial"] = np.array(partial)
    start["sigma_normal"] = start["log_theta"] = np.empty(0)
    if prior.sample is not None:
        start["sigma_normal"] = _clipped(sd_coordinates(np.array([known.sigma]), prior.sample))
    if prior.log_theta is not None:
        mean, width = prior.log_theta
        start["log_theta"] = np.clip([known.log_theta], mean - 3 * width, mean + 3 * width)
    start["residual"] = np.zeros(layout.residuals)
    start["isomir"] = np.zeros((layout.n_isomirs, k))
    spread = {"beta_star": of_beta, "sd_normal": np.full(k, 0.4), "partial": np.full(len(partial), 0.3)}
    spread["sigma_normal"] = np.full(len(start["sigma_normal"]), 0.3)
    spread["log_theta"] = np.full(len(start["log_theta"]), 0.2)
    spread["residual"], spread["isomir"] = np.ones(layout.residuals), np.ones((layout.n_isomirs, k))
    return start, spread


def _start_of_terms(
    estimate: Estimate, terms: TermPriors, placed: PlacedTerms, weight: np.ndarray
) -> dict[str, np.ndarray]:
    """Return where SDs and correlations of random terms start; their effects are standardised already."""
    size = len(terms.blocks)
    covariance = np.diag(terms.sds.typical**2) if estimate.random_cov is None else estimate.random_cov
    information = placed.information + weight @ placed.to_residual**2 + LEAST_INFORMATION
    at, error = 0, np.zeros(size)
    for t, q in enumerate(terms.n_levels):
        own = np.flatnonzero(np.array(terms.blocks) == t)
        each = information[at : at + q * len(own)].reshape(q, -1)
        error[own] = np.sqrt(0.5 / (np.minimum(each, 1e6) ** 2).sum(axis=0))
        at += each.size
    scale = terms.sds.scale**2
    chol = np.linalg.cholesky(covariance + np.diag(np.minimum(error, scale) + 1e-8))
    left, partial = np.sqrt((chol**2).sum(axis=1)), []
    normal = _clipped(sd_coordinates(left, terms.sds))
    for a, b in terms.pairs:
        r = np.clip(chol[a, b] / left[a], -0.95, 0.95)
        partial.append(np.arctanh(r))
        left[a] *= np.sqrt(1.0 - r**2)
    return {
        "term_sd_normal": normal,
        "term_partial": np.array(partial),
        "term_effect": np.zeros(placed.to_beta.shape[1]),
    }


def _clipped(x: np.ndarray) -> np.ndarray:
    return np.clip(x, -FARTHEST_START, FARTHEST_START)
