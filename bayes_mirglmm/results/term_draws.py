"""Draws of the random terms of samples under the names of the readable model, from the posterior and from the prior."""

from collections.abc import Mapping, Sequence

import numpy as np

from bayes_mirglmm.design.random_terms import RandomTerm
from bayes_mirglmm.model import Priors, TermPriors, pair_labels, slope_pairs
from bayes_mirglmm.model.covariance import correlation
from bayes_mirglmm.model.scaling import SdArrays
from bayes_mirglmm.model.term_priors import term_labels

#: Dims after those of the draws, and values, of each variable.
Group = dict[str, tuple[tuple[str, ...], np.ndarray]]


def term_names(random: Sequence[RandomTerm]) -> dict[str, list[str]]:
    """Return the labels of the dims of random terms: levels, effects, and pairs of effects, of each."""
    found: dict[str, list[str]] = {}
    for label, term in zip(term_labels(random), random, strict=True):
        names = list(term.names)
        found[f"level_{label}"], found[f"term_{label}"] = list(term.levels), names
        found[f"pair_{label}"] = pair_labels(names, [0] * len(names))
    return found


def term_group(random: Sequence[RandomTerm], cov: np.ndarray, effect: np.ndarray) -> Group:
    """Return effects, SDs and correlations of each term.

    Parameters
    ----------
    random : sequence of RandomTerm
    cov : array, shape (..., R, R)
        Covariance of the effects, all terms one after the other.
    effect : array, shape (..., Q)
        Each term's, each column's, on the levels.
    """
    found: Group = {}
    first = at = 0
    for label, term in zip(term_labels(random), random, strict=True):
        c, q = len(term.names), len(term.levels)
        own = cov[..., first : first + c, first : first + c]
        on_levels = effect[..., at : at + c * q].reshape(*effect.shape[:-1], c, q)
        found[f"effect_{label}"] = ((f"level_{label}", f"term_{label}"), np.swapaxes(on_levels, -1, -2))
        found[f"sd_effect_{label}"] = ((f"term_{label}",), np.sqrt(np.einsum("...kk->...k", own)))
        if c > 1:
            rho = [correlation(own, k, j) for k, j in slope_pairs([0] * c)]
            found[f"correlation_effect_{label}"] = ((f"pair_{label}",), np.stack(rho, axis=-1))
        first, at = first + c, at + c * q
    return found


def shared_by_levels(random: Sequence[RandomTerm], found: Group) -> np.ndarray:
    """Return what the samples get of all terms of :func:`term_group`, (..., n); 0 without terms."""
    total: np.ndarray = np.zeros(1)
    for label, term in zip(term_labels(random), random, strict=True):
        effect = found[f"effect_{label}"][1][..., term.level, :]
        total = total + np.einsum("nc,...nc->...n", term.columns, effect)
    return total


def prior_of_terms(
    priors: Priors, random: Sequence[RandomTerm], draws: int, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Return draws from the prior: covariances (draws, R, R) and effects (draws, Q), as in :func:`term_group`."""
    from bayes_mirglmm.nested.coordinates import sd_at  # loads the engine, which tables do not need

    terms = TermPriors.of(priors, random)
    size = len(terms.blocks)
    left = sd_at(rng.standard_normal((draws, size)), terms.sds)
    root = np.zeros((draws, size, size))
    for pair, (row, column) in enumerate(terms.pairs):
        r = 2.0 * rng.beta(terms.shapes[pair], terms.shapes[pair], size=draws) - 1.0
        root[:, row, column] = left[:, row] * r
        left[:, row] *= np.sqrt(1.0 - r**2)
    root[:, range(size), range(size)] = left
    root = terms.to_user @ root
    effects = []
    for t, q in enumerate(terms.n_levels):
        own = np.flatnonzero(np.array(terms.blocks) == t)
        normals = rng.standard_normal((draws, len(own), q))
        effects.append((root[:, own][:, :, own] @ normals).reshape(draws, -1))
    return root @ root.transpose(0, 2, 1), np.concatenate(effects, axis=1)


def log_prior_of_terms(
    priors: Priors, random: Sequence[RandomTerm], posterior: Mapping[str, np.ndarray]
) -> Group:
    """Return log prior densities of SDs and correlations (constants left out) at draws of :func:`term_group`."""
    terms = TermPriors.of(priors, random)
    found: Group = {}
    for t, label in enumerate(terms.labels):
        sd = posterior[f"sd_effect_{label}"]
        c = sd.shape[-1]
        rho = np.broadcast_to(np.eye(c), (*sd.shape, c)).copy()
        for pair, (k, j) in enumerate(slope_pairs([0] * c)):
            rho[..., k, j] = rho[..., j, k] = posterior[f"correlation_effect_{label}"][..., pair]
        back = np.linalg.inv(terms.back[t])
        cov = back @ (rho * sd[..., :, None] * sd[..., None, :]) @ back.T
        own = np.sqrt(np.einsum("...kk->...k", cov))
        prior = SdArrays(*(numbers[np.array(terms.blocks) == t] for numbers in terms.sds))
        found[f"sd_effect_{label}"] = ((), prior.log_density(own).sum(axis=-1))
        if c > 1:
            log_det = np.linalg.slogdet(cov / (own[..., :, None] * own[..., None, :]))[1]
            found[f"correlation_effect_{label}"] = ((), (priors.correlation.eta - 1.0) * log_det)
    return found
