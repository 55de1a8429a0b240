"""The prior of one miRNA's model for ArviZ: draws from it, and its log density at the posterior draws."""

from collections.abc import Mapping, Sequence

import numpy as np

from bayes_mirglmm.design.random_terms import RandomTerm
from bayes_mirglmm.kernels.covariance import symmetric_root
from bayes_mirglmm.model import ModelSpec, slope_pairs
from bayes_mirglmm.model.scaling import to_user
from bayes_mirglmm.nested import PriorCoordinates
from bayes_mirglmm.results.term_draws import log_prior_of_terms, prior_of_terms, term_group

DRAWS = 500

Group = dict[str, tuple[tuple[str, ...], np.ndarray]]


def prior_groups(
    spec: ModelSpec,
    blocks: Sequence[int],
    x: np.ndarray,
    z: np.ndarray,
    posterior: Mapping[str, np.ndarray],
    rng: np.random.Generator,
    *,
    random: Sequence[RandomTerm] = (),
    sample_covariance: np.ndarray | None = None,
) -> tuple[Group, Group]:
    """Return the groups ``prior`` and ``log_prior``: dims (after chain and draw) and values of each variable.

    Parameters
    ----------
    spec : ModelSpec
        Of the model that the draws are of.
    blocks : sequence of int, length K
        Covariance block of each column of ``z``.
    x, z : array
        Designs (n, p) and (n, K), in the user's units.
    posterior : mapping
        ``beta``, ``omega``, ``b`` and, where the model has them, ``sd_sample`` and ``theta``, with leading dims (chain,
        draw).
    rng : numpy.random.Generator
    random : sequence of RandomTerm
        Random terms of the samples, whose effects, SDs and correlations ``posterior`` has too.
    sample_covariance : array, shape (n, n), optional
        Of the sample effects up to ``sd_sample`` squared.

    Returns
    -------
    prior : dict
        One chain of draws of everything that the posterior has.
    log_prior : dict
        Log densities of beta, sd_isomir, correlation (within covariance blocks), sd_sample and log_theta, in the units
        and on the scale in which priors are stated; constants are left out of those that are not of an SD.
    """
    columns = spec.random_columns(blocks)
    own_blocks = [blocks[c] for c in columns]
    to_beta, to_b = to_user(x), to_user(z[:, columns])
    prior = PriorCoordinates.of(spec, x.shape[1], own_blocks)
    drawn = _draws(prior, to_beta, to_b, columns, blocks, posterior["b"].shape[2:], len(x), rng)
    if "theta" not in posterior:
        drawn.pop("theta")
    if sample_covariance is not None:
        u = drawn["u"][1] @ symmetric_root(sample_covariance)
        drawn["u"] = (("sample_id",), u)
    log_prior = _log_densities(spec, prior, to_beta, to_b, columns, own_blocks, posterior)
    if random:
        cov, effect = prior_of_terms(spec.priors, random, DRAWS, rng)
        drawn |= term_group(random, cov[None], effect[None])
        log_prior |= log_prior_of_terms(spec.priors, random, posterior)
    return drawn, log_prior


def _draws(
    prior: PriorCoordinates,
    to_beta: np.ndarray,
    to_b: np.ndarray,
    columns: list[int],
    blocks: Sequence[int],
    shape: tuple[int, ...],
    n: int,
    rng: np.random.Generator,
) -> Group:
    phi = prior.parameters(rng.standard_normal((DRAWS, prior.size)))
    p, k, m = len(to_beta), len(columns), len(columns) + len(prior.pairs)
    chol, e = np.zeros((DRAWS, k, k)), p
    for row in range(k):
        for column in [*(b for a, b in prior.pairs if a == row), row]:
            chol[:, row, column] = phi[:, e]
            e += 1
    root = np.zeros((DRAWS, shape[1], k))
    root[:, columns] = to_b @ chol
    omega = root @ root.transpose(0, 2, 1)
    sd = np.sqrt(np.einsum("skk->sk", omega))
    sigma = phi[:, p + m] if prior.sample is not None else np.zeros(DRAWS)
    found = {
        "beta": (("term",), phi[:, :p] @ to_beta.T),
        "sd_isomir": (("slope_term",), sd),
        "b": (("isomir", "slope_term"), rng.standard_normal((DRAWS, shape[0], k)) @ root.transpose(0, 2, 1)),
        "sd_sample": ((), sigma),
        "u": (("sample_id",), sigma[:, None] * rng.standard_normal((DRAWS, n))),
        "theta": ((), np.exp(phi[:, -1])),
    }
    pairs = slope_pairs(blocks)
    if pairs:
        correlation = [omega[:, a, b] / (sd[:, a] * sd[:, b]) for a, b in pairs]
        found["correlation"] = (("slope_pair",), np.stack(correlation, axis=-1))
    return {name: (dims, values[None]) for name, (dims, values) in found.items()}


def _log_densities(
    spec: ModelSpec,
    prior: PriorCoordinates,
    to_beta: np.ndarray,
    to_b: np.ndarray,
    columns: list[int],
    blocks: list[int],
    posterior: Mapping[str, np.ndarray],
) -> Group:
    scaled = np.linalg.solve(to_beta, posterior["beta"][..., None])[..., 0]
    back = np.linalg.inv(to_b)
    omega = back @ posterior["omega"][..., columns, :][..., columns] @ back.T
    sd = np.sqrt(np.einsum("...kk->...k", omega))
    correlation = omega / (sd[..., :, None] * sd[..., None, :])
    found: Group = {
        "beta": (("term",), -0.5 * ((scaled - prior.mean) / prior.sd) ** 2),
        "sd_isomir": ((), prior.sds.log_density(sd).sum(axis=-1)),
    }
    if prior.pairs:
        log_det = np.zeros(sd.shape[:2])
        for block in set(blocks):
            own = [k for k, other in enumerate(blocks) if other == block]
            log_det += np.linalg.slogdet(correlation[..., own, :][..., own])[1]
        found["correlation"] = ((), (spec.priors.correlation.eta - 1.0) * log_det)
    if prior.sample is not None:
        found["sd_sample"] = ((), prior.sample.log_density(posterior["sd_sample"][..., None])[..., 0])
    if prior.log_theta is not None:
        mean, width = prior.log_theta
        found["log_theta"] = ((), -0.5 * ((np.log(posterior["theta"]) - mean) / width) ** 2)
    return found
