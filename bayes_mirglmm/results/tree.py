"""One miRNA of a Bayesian fit as ArviZ takes it: an ``xarray.DataTree`` with draws in chains."""

import json
import zlib

import numpy as np
import pandas as pd
import xarray as xr
from scipy import special

from bayes_mirglmm.design.build import varies_around
from bayes_mirglmm.model import ModelSpec
from bayes_mirglmm.results.posterior_schema import DRAW_STATS, EVIDENCE, IMPORTANCE, MCMC
from bayes_mirglmm.results.selection import find_mirna, selected
from bayes_mirglmm.results.view import plain_column

CHAINS = 4  # that draws without chains are laid out in


def mirna_tree(data: xr.Dataset, samples: pd.DataFrame, mirna: str, blocks: tuple[int, ...]) -> xr.DataTree:
    """Return the posterior of one miRNA.

    Weighted draws are resampled to equal weights (the same ones each time), as many as there were, and laid out in four
    chains; those of NUTS come in their own chains. Log-likelihood, predictive draws and the prior's are computed here.

    Parameters
    ----------
    data : xarray.Dataset
        The dataset of a Bayesian fit.
    samples : pandas.DataFrame
        Sample table; its columns become coordinates on ``sample_id``.
    mirna : str
        A fitted miRNA.
    blocks : tuple of int, length K
        Covariance block of each slope term.

    Returns
    -------
    xarray.DataTree
        Groups, with the names of :func:`bayes_mirglmm.build_model`: ``posterior`` (beta, omega, sd_isomir,
        correlation, b, effect, sd_sample, u, theta), ``log_likelihood`` and ``posterior_predictive`` (counts, given
        the random effects of a draw), ``prior``, ``prior_predictive`` and ``log_prior``
        (:mod:`bayes_mirglmm.results.prior_groups`), ``observed_data`` (counts), ``constant_data`` (x, z, offset) and
        ``sample_stats`` (of each draw; diagnostics of the miRNA as attributes).

    Raises
    ------
    InputError
        The fit has no draws of the miRNA.
    """
    # Imported here: it loads the room of the nested posterior, and the tables need neither.
    from bayes_mirglmm.results.prior_groups import prior_groups

    i = find_mirna(data, mirna)
    rows = np.flatnonzero(data["isomir_mirna"].values == mirna)
    weight = data["draw_weight"].sel(drawn=mirna).values
    chains = int(data.attrs.get("chains", CHAINS))
    slope_terms, terms = list(data["slope_term"].values), list(data["term"].values)
    rng = np.random.default_rng([zlib.crc32(mirna.encode("utf-8", "surrogatepass")), len(weight)])
    chosen = equal_weights(
        weight, data["draw_beta"].sel(drawn=mirna).values[:, _sorting_term(slope_terms, terms)], rng
    )
    chosen = chosen[: len(chosen) // chains * chains]

    def shaped(draws: np.ndarray) -> np.ndarray:
        taken = np.asarray(draws, dtype=np.float64)[chosen]
        return taken.reshape(chains, -1, *taken.shape[1:])

    beta = shaped(data["draw_beta"].sel(drawn=mirna).values)
    omega = shaped(data["draw_omega"].sel(drawn=mirna).values)
    sd = np.sqrt(np.einsum("cskk->csk", omega))
    b = shaped(data["draw_b"].isel(isomir=rows).values.transpose(1, 0, 2))
    u = shaped(data["draw_u"].sel(drawn=mirna).values)
    theta = np.exp(shaped(data["draw_log_theta"].sel(drawn=mirna).values))
    around = varies_around(slope_terms, blocks, terms)
    own = np.stack([beta[..., k] if k >= 0 else np.zeros(beta.shape[:2]) for k in around], axis=-1)
    variables: dict[str, tuple[tuple[str, ...], np.ndarray]] = {
        "beta": (("term",), beta),
        "omega": (("slope_term", "slope_term2"), omega),
        "sd_isomir": (("slope_term",), sd),
        "b": (("isomir", "slope_term"), b),
        "effect": (("isomir", "slope_term"), b + own[:, :, None, :]),
        "sd_sample": ((), shaped(data["draw_sigma_sample"].sel(drawn=mirna).values)),
        "u": (("sample_id",), u),
    }
    if len(slope_terms) > 1:
        with np.errstate(invalid="ignore"):
            correlation = omega / (sd[..., :, None] * sd[..., None, :])
        variables["correlation"] = (("slope_term", "slope_term2"), correlation)
    if np.isfinite(theta).all():
        variables["theta"] = ((), theta)

    x, z, offset = data["x"].values, data["z"].values, data["offset"].values
    log_mu = (beta @ x.T + u + offset)[:, :, None, :] + b @ z.T
    counts = data["counts"].values[rows]
    cells = ("isomir", "sample_id")
    coords = {
        "term": terms,
        "slope_term": slope_terms,
        "slope_term2": slope_terms,
        "isomir": data["isomir"].values[rows],
        "sample_id": data["sample"].values,
    }
    taken = {*coords, *variables, "x", "z", "offset", "chain", "draw", "counts"}
    table = {
        str(name): ("sample_id", plain_column(samples[name]))
        for name in samples.columns
        if str(name) not in taken
    }

    def group(found: dict[str, tuple[tuple[str, ...], np.ndarray]], *, drawn: bool) -> xr.Dataset:
        lead = ("chain", "draw") if drawn else ()
        dataset = xr.Dataset({name: ((*lead, *dims), values) for name, (dims, values) in found.items()})
        labels = {name: values for name, values in coords.items() if name in dataset.dims}
        if drawn:
            labels |= {name: np.arange(dataset.sizes[name]) for name in ("chain", "draw")}
        return dataset.assign_coords(labels).assign_coords(table if "sample_id" in dataset.dims else {})

    log_likelihood = _log_probability(counts, log_mu, theta)
    of_draws: dict[str, tuple[tuple[str, ...], np.ndarray]] = {
        name.removeprefix("draw_"): ((), shaped(data[name].sel(drawn=mirna).values))
        for name in DRAW_STATS
        if name in data
    }
    if "diverging" in of_draws:
        of_draws["diverging"] = ((), of_draws["diverging"][1].astype(bool))
    of_draws["log_likelihood_of_cells"] = ((), log_likelihood.sum(axis=(2, 3)))
    stats = group(of_draws, drawn=True)
    of_mirna = (EVIDENCE | IMPORTANCE | MCMC).items()
    stats.attrs = {
        name: selected(data, name)[i] if variable.kind == "s" else float(selected(data, name)[i])
        for name, variable in of_mirna
        if name in data
    }
    spec = ModelSpec.from_dict(json.loads(data.attrs["model"]), where="the model of the fit")
    if data["coefficients_from"].values[i] == "reduced":
        spec = spec.reduced()
    prior, log_prior = prior_groups(
        spec, blocks, x, z, {name: values for name, (_, values) in variables.items()}, rng
    )
    prior_log_mu = (prior["beta"][1] @ x.T + prior["u"][1] + offset)[:, :, None, :] + prior["b"][1] @ z.T
    prior_theta = prior["theta"][1] if "theta" in prior else np.full(prior_log_mu.shape[:2], np.inf)
    posterior = group(variables, drawn=True)
    posterior.attrs = {"mirna": mirna, "method": data.attrs["method"], "formula": data.attrs["formula"]}
    return xr.DataTree.from_dict(
        {
            "posterior": posterior,
            "log_likelihood": group({"counts": (cells, log_likelihood)}, drawn=True),
            "prior": group(prior, drawn=True),
            "prior_predictive": group(
                {"counts": (cells, _replicates(prior_log_mu, prior_theta, rng))}, drawn=True
            ),
            "log_prior": group(log_prior, drawn=True),
            "posterior_predictive": group({"counts": (cells, _replicates(log_mu, theta, rng))}, drawn=True),
            "sample_stats": stats,
            "observed_data": group({"counts": (cells, counts)}, drawn=False),
            "constant_data": group(
                {
                    "x": (("sample_id", "term"), x),
                    "z": (("sample_id", "slope_term"), z),
                    "offset": (("sample_id",), offset),
                },
                drawn=False,
            ),
        }
    )


def equal_weights(weight: np.ndarray, order_by: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return positions (S,) of draws of equal weight, by systematic resampling, in random order.

    In the order of ``order_by`` (S,) no more than one draw is misplaced at any point of its distribution.
    """
    count = len(weight)
    if np.ptp(weight) <= 1e-12 * weight.max():
        return np.arange(count)
    order = np.argsort(order_by, kind="stable")
    cumulative = np.cumsum(weight[order])
    steps = (rng.random() + np.arange(count)) / count * cumulative[-1]
    found = order[np.minimum(np.searchsorted(cumulative, steps), count - 1)]
    return rng.permutation(found)


def _sorting_term(slope_terms: list[str], terms: list[str]) -> int:
    names = [name for name in (*slope_terms[1:], *terms[1:], *terms) if name in terms]
    return terms.index(names[0])


def _log_probability(counts: np.ndarray, log_mu: np.ndarray, theta: np.ndarray) -> np.ndarray:
    """Return log p(counts) (chain, draw, J, n) of the negative binomial, or of the Poisson where theta is inf."""
    constant = special.gammaln(counts + 1.0)
    if not np.isfinite(theta).all():
        return counts * log_mu - np.exp(log_mu) - constant
    size = theta[:, :, None, None]
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
    """Return counts drawn anew, (chain, draw, J, n)."""
    mu = np.exp(np.minimum(log_mu, 42.0))  # numpy's Poisson ends near 9e18
    if np.isfinite(theta).all():
        size = np.broadcast_to(theta[:, :, None, None], mu.shape)
        mu = np.minimum(mu * rng.standard_gamma(size) / size, 1e18)
    return rng.poisson(mu)
