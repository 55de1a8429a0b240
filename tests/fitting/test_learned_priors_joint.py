"""Learned priors beside the whole hierarchy: all miRNAs and their populations in one PyMC model, by NUTS."""

import numpy as np
import pytest

import bayes_mirglmm as bm
from bayes_mirglmm.cohort.population_prior import LARGEST_SD, LEAST_SD, PSEUDO_MIRNAS, PSEUDO_SD
from bayes_mirglmm.results.learned_priors import drawn_parameters, learn

M, J, N = 24, 4, 12
OPTIONS = {"reference": {"group": "ctrl"}, "method": "laplace", "progress": False}
CENTRE = {"log_theta": 1.0, "log_sd_sample": -0.5 * np.log(10.0), "log_sd_slope": -0.5 * np.log(10.0)}


@pytest.fixture(scope="module")
def counts():
    rng = np.random.default_rng(4)
    every = bm.simulate(
        N // 2,
        ("ctrl", "case"),
        n_mirnas=M,
        n_isomirs=J,
        theta=np.exp(rng.normal(1.5, 0.5, M)),
        sd_sample=np.exp(rng.normal(-1.2, 0.4, M)),
        sd_isomir_slope=np.exp(rng.normal(-1.2, 0.5, M)),
        usage=1.0,
        seed=4,
    ).counts
    return every.isel(isomir=slice(M * J))  # without the one that stands for the rest of the library


def joint_model(counts, offset):
    """The model of every miRNA of 4 isomiRs, the three populations, and what is thought of those beforehand."""
    import pymc as pm
    import pytensor.tensor as pt

    y = counts["counts"].values.reshape(M, J, N)
    group = (counts["group"].values == "case").astype(float)
    with pm.Model() as model:
        member = {}
        for name, centre in CENTRE.items():
            mean = pm.Normal(f"{name}_mean", centre, PSEUDO_MIRNAS**-0.5)
            log_spread = pm.Uniform(f"{name}_log_spread", np.log(LEAST_SD), np.log(LARGEST_SD))
            spread = pt.exp(log_spread)
            pm.Potential(f"{name}_before", -PSEUDO_MIRNAS * (0.5 * (PSEUDO_SD / spread) ** 2 + log_spread))
            member[name] = pm.Deterministic(name, mean + spread * pm.Normal(f"{name}_standard", shape=M))
        intercept = pm.Normal("intercept", 4.0, 5.0, shape=M)
        effect = pm.Normal("effect", 0.0, 2.5, shape=M)
        sd_intercept = pm.HalfNormal("sd_intercept", 2.5, shape=M)
        rho = 2.0 * pm.Beta("partial", 2.0, 2.0, shape=M) - 1.0  # LKJ(2) of two effects
        v = pm.Normal("v", shape=(M, J, 2))
        b0 = sd_intercept[:, None] * v[..., 0]
        slope = rho[:, None] * v[..., 0] + pt.sqrt(1.0 - rho[:, None] ** 2) * v[..., 1]
        b1 = pt.exp(member["log_sd_slope"])[:, None] * slope
        u = pt.exp(member["log_sd_sample"])[:, None] * pm.Normal("w", shape=(M, N))
        log_mu = (intercept[:, None] + b0)[..., None] + (effect[:, None] + b1)[..., None] * group
        log_mu = log_mu + u[:, None, :] + offset
        theta = pt.exp(member["log_theta"])[:, None, None]
        pm.NegativeBinomial("counts", mu=pt.exp(log_mu), alpha=theta, observed=y)
    return model


@pytest.mark.slow
def test_populations_and_mirnas_are_those_of_the_whole_hierarchy(counts):
    """The populations within what the hierarchy leaves open, and miRNAs' parameters within a third of a posterior SD.

    Empirical Bayes takes the likeliest population, the hierarchy averages over all likely ones: the difference is that.
    """
    import pymc as pm

    first = bm.fit(counts, "~ group", **OPTIONS)
    found = learn([drawn_parameters(first)], first.spec.priors)
    second = bm.fit(counts, "~ group", priors="learned", **OPTIONS)
    drawn = drawn_parameters(second)
    own = np.einsum("md,mdq->mq", drawn.weights, drawn.values)
    with joint_model(counts, first.data["offset"].values):
        trace = pm.sample(
            600,
            tune=600,
            chains=2,
            cores=1,
            nuts_sampler="nutpie",
            random_seed=1,
            progressbar=False,
            target_accept=0.95,
        )
    posterior = trace["posterior"]
    order = [list(dict.fromkeys(counts["mirna"].values)).index(name) for name in drawn.mirnas]
    for q, name in enumerate(CENTRE):
        mean = posterior[f"{name}_mean"].values.ravel()
        spread = np.exp(posterior[f"{name}_log_spread"].values.ravel())
        told = f"{name}: {found.population.mean[q]:.2f} ({mean.mean():.2f} +- {mean.std():.2f}), "
        print(told + f"{found.population.sd[q]:.2f} ({np.median(spread):.2f})")
        assert abs(found.population.mean[q] - mean.mean()) < mean.std()
        assert np.quantile(spread, 0.1) < found.population.sd[q] < np.quantile(spread, 0.9)
        each = posterior[name].values.reshape(-1, M)[:, order]
        apart = (own[:, q] - each.mean(axis=0)) / each.std(axis=0)
        print(
            f"  miRNAs: {np.abs(apart).max():.2f} posterior SDs apart at most, {apart.mean():.2f} on average"
        )
        assert np.sqrt((apart**2).mean()) < 1 / 3
