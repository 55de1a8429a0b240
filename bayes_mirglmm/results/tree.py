"""One miRNA of a Bayesian fit as ArviZ takes it: an ``xarray.DataTree`` with draws in chains."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr
from scipy import special

from bayes_mirglmm.design.random_terms import RandomTerm
from bayes_mirglmm.methods.variables import DRAW_STATS, EVIDENCE, IMPORTANCE, MCMC
from bayes_mirglmm.results.draws import Group, drawn_model, draws_of, posterior_of
from bayes_mirglmm.results.resampling import equal_draws, rng_of_draws
from bayes_mirglmm.results.selection import find_mirna, selected
from bayes_mirglmm.results.term_draws import shared_by_levels
from bayes_mirglmm.results.view import plain_column

CHAINS = 4  # that draws without chains are laid out in
CHAIN_DRAW = ("chain", "draw")


def mirna_tree(
    data: xr.Dataset,
    samples: pd.DataFrame,
    mirna: str,
    blocks: tuple[int, ...],
    random: tuple[RandomTerm, ...] = (),
) -> xr.DataTree:
    """Return the posterior of one miRNA.

    Weighted draws are resampled to equal weights (the same ones each time), as many as there were, and laid out in four
    chains; those of NUTS come in their own chains. Log-likelihood, predictive draws and the prior's are computed here.

    Parameters
    ----------
    data : xarray.Dataset
        The dataset of a Bayesian fit.
    samples : pandas.DataFrame
        Sample table; its columns become variables of ``constant_data`` (:func:`sample_columns`).
    mirna : str
        A fitted miRNA.
    blocks : tuple of int, length K
        Covariance block of each slope term.
    random : tuple of RandomTerm
        Random terms of the samples.

    Returns
    -------
    xarray.DataTree
        Groups, with the names of :func:`bayes_mirglmm.build_model`: ``posterior`` (beta, sd_isomir, correlation, b,
        effect, sd_sample, u, theta; of a random term ``(1 | patient)`` effect_patient and sd_effect_patient),
        ``log_likelihood`` and ``posterior_predictive`` (counts, given the random effects of a draw), ``prior``,
        ``prior_predictive`` and ``log_prior`` (:mod:`bayes_mirglmm.results.prior_groups`), ``observed_data`` (counts),
        ``constant_data`` (x, z, offset, the sample table) and ``sample_stats`` (of each draw; diagnostics of the miRNA
        as attributes). Only the slope terms of the model that the draws are of.

        Counts lie on one dimension ``cell``, isomiR by isomiR, with coordinates ``isomir`` and ``sample_id``: that is
        how ArviZ's predictive checks take them. ``.set_index(cell=["isomir", "sample_id"]).unstack("cell")`` makes a
        table of them.

    Raises
    ------
    InputError
        The fit has no draws of the miRNA.
    """
    # Imported here: it loads the room of the nested posterior, and the tables need neither.
    from bayes_mirglmm.results.prior_groups import prior_groups

    i = find_mirna(data, mirna)
    own = drawn_model(data, mirna, blocks, random)
    spec, blocks, rows = own.spec, own.blocks, own.rows
    rng = rng_of_draws(data, mirna)
    chains = int(data.attrs.get("chains", CHAINS))
    taken = _taken(own.data, mirna, chains, rng)
    found = posterior_of(own, taken)
    beta, b, u = (found[name][1] for name in ("beta", "b", "u"))
    theta = found["theta"][1] if "theta" in found else np.full(beta.shape[:2], np.inf)
    x, z, offset = (own.data[name].values for name in ("x", "z", "offset"))
    counts = own.data["counts"][rows].values.ravel()
    log_mu = _log_mean(x, z, offset, beta, b, u + shared_by_levels(random, found))
    log_likelihood = _log_probability(counts, log_mu, theta)
    omega = taken(draws_of(own.data, "omega").sel(drawn=mirna).values)
    prior, log_prior = prior_groups(
        spec,
        blocks,
        x,
        z,
        {name: values for name, (_, values) in found.items()} | {"omega": omega},
        rng,
        random=random,
        sample_covariance=data["sample_covariance"].values if "sample_covariance" in data else None,
    )
    beta, b, u = (prior[name][1] for name in ("beta", "b", "u"))
    prior_log_mu = _log_mean(x, z, offset, beta, b, u + shared_by_levels(random, prior))
    prior_theta = prior["theta"][1] if "theta" in prior else np.full(prior_log_mu.shape[:2], np.inf)

    labels = own.labels
    cells = ("cell",)
    posterior = labels.group(found, lead=CHAIN_DRAW)
    posterior.attrs = {"mirna": mirna, "method": data.attrs["method"], "formula": data.attrs["formula"]}
    stats = labels.group(_draw_stats(data, mirna, taken, log_likelihood), lead=CHAIN_DRAW)
    stats.attrs = _diagnostics(data, i)
    constants: Group = {
        "x": (("sample_id", "term"), x),
        "z": (("sample_id", "slope_term"), z),
        "offset": (("sample_id",), offset),
    }
    constant = labels.group(constants)
    return xr.DataTree.from_dict(
        {
            "posterior": posterior,
            "log_likelihood": labels.group({"counts": (cells, log_likelihood)}, lead=CHAIN_DRAW),
            "prior": labels.group(prior, lead=CHAIN_DRAW),
            "prior_predictive": labels.group(
                {"counts": (cells, _replicates(prior_log_mu, prior_theta, rng))}, lead=CHAIN_DRAW
            ),
            "log_prior": labels.group(log_prior, lead=CHAIN_DRAW),
            "posterior_predictive": labels.group(
                {"counts": (cells, _replicates(log_mu, theta, rng))}, lead=CHAIN_DRAW
            ),
            "sample_stats": stats,
            "observed_data": labels.group({"counts": (cells, counts)}),
            "constant_data": constant.assign(sample_columns(samples, set(map(str, constant.variables)))),
        }
    )


def sample_columns(samples: pd.DataFrame, taken: set[str]) -> dict[str, xr.Variable]:
    """Return the columns of a sample table as variables on ``sample_id``.

    A ``/``, which parts the groups of a tree, becomes ``_``; a name that is ``taken`` (``x``, ``term``) gets a
    ``_`` at its end. The attribute ``column`` has the name in the table.
    """
    found: dict[str, xr.Variable] = {}
    names = {*taken, "chain", "draw", "sample"}
    for column in samples.columns:
        name = str(column).replace("/", "_")
        while name in names:
            name += "_"
        names.add(name)
        found[name] = xr.Variable("sample_id", plain_column(samples[column]), {"column": str(column)})
    return found


def _taken(data: xr.Dataset, mirna: str, chains: int, rng: np.random.Generator) -> Callable[..., np.ndarray]:
    """Return what lays draws (S, ...) of a miRNA out in chains (chain, draw, ...), each of equal weight."""
    chosen = equal_draws(data, mirna, rng)
    chosen = chosen[: len(chosen) // chains * chains]

    def shaped(draws: np.ndarray) -> np.ndarray:
        taken = np.asarray(draws, dtype=np.float64)[chosen]
        return taken.reshape(chains, -1, *taken.shape[1:])

    return shaped


def _log_mean(
    x: np.ndarray, z: np.ndarray, offset: np.ndarray, beta: np.ndarray, b: np.ndarray, u: np.ndarray
) -> np.ndarray:
    """Return the linear predictor of every cell, (chain, draw, J n)."""
    log_mu = (beta @ x.T + u + offset)[:, :, None, :] + b @ z.T
    return log_mu.reshape(*log_mu.shape[:2], -1)


def _draw_stats(
    data: xr.Dataset, mirna: str, shaped: Callable[..., np.ndarray], log_likelihood: np.ndarray
) -> Group:
    """Return what the sampler says of each draw."""
    found: Group = {
        name.removeprefix("draw_"): ((), shaped(data[name].sel(drawn=mirna).values))
        for name in DRAW_STATS
        if name in data
    }
    if "diverging" in found:
        found["diverging"] = ((), found["diverging"][1].astype(bool))
    return found | {"log_likelihood_of_cells": ((), log_likelihood.sum(axis=2))}


def _diagnostics(data: xr.Dataset, i: int) -> dict[str, Any]:
    """Return what the method says of miRNA number ``i``, for the model that the draws are of."""
    return {
        name: selected(data, name)[i] if variable.kind == "s" else float(selected(data, name)[i])
        for name, variable in (EVIDENCE | IMPORTANCE | MCMC).items()
        if name in data
    }


def _log_probability(counts: np.ndarray, log_mu: np.ndarray, theta: np.ndarray) -> np.ndarray:
    """Return log p(counts) (chain, draw, cell) of the negative binomial, or of the Poisson where theta is inf."""
    constant = special.gammaln(counts + 1.0)
    if not np.isfinite(theta).all():
        return counts * log_mu - np.exp(log_mu) - constant
    size = theta[:, :, None]
    log_ratio = log_mu - np.log(size)
    both = np.logaddexp(0.0, log_ratio)  # log(1 + mu / theta)
    return (
        special.gammaln(counts + size)
        - special.gammaln(size)
        - constant
        + counts * (log_ratio - both)
        - size * both
    )


def _replicates(log_mu: np.ndarray, theta: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return counts drawn anew, (chain, draw, cell)."""
    mu = np.exp(np.minimum(log_mu, 42.0))  # numpy's Poisson ends near 9e18
    if np.isfinite(theta).all():
        size = np.broadcast_to(theta[:, :, None], mu.shape)
        mu = np.minimum(mu * rng.standard_gamma(size) / size, 1e18)
    return rng.poisson(mu)
