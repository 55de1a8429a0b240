"""What share of the variance of log counts each component has, miRNA by miRNA.

Around the fixed effects, averaged over the samples of the fit:

===========  ==========================================================================================
isomiR       z' Omega z at the mean z of the samples: isomiRs differ in level
usage        trace(Omega Cov(z)): isomiRs differ in how they change from sample to sample with the slope
             variable (and with nuisance slopes)
sample       sigma_sample^2
patient      of a random term (.. | patient): the mean of x' Sigma x over the samples, x its columns
noise        log(1 + 1/mu + 1/theta): the variance of a count's log, at the mu of an average isomiR in an
             average sample (Nakagawa, Johnson & Schielzeth 2017, J. R. Soc. Interface 14:20170213, the
             lognormal approximation)
===========  ==========================================================================================

The first two add up to the mean of z' Omega z over the samples.
"""

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from bayes_mirglmm.results.selection import fitted, selected

if TYPE_CHECKING:
    from bayes_mirglmm.results import Fit

SHARES = ("isomiR", "usage", "sample", "noise")


def variance_shares(fit: "Fit") -> pd.DataFrame:
    """Return shares that add up to 1, a row for each miRNA with finite components, indexed by miRNA.

    Columns: :data:`SHARES`, with the groups of random terms of the samples before the noise.
    """
    data = fit.data
    z, x = data["z"].values, data["x"].values
    omega = np.nan_to_num(selected(data, "omega"))
    beta, theta = selected(data, "beta"), selected(data, "theta")
    middle = z.mean(axis=0)
    around = np.cov(z, rowvar=False, bias=True).reshape(len(middle), len(middle))
    log_mu = beta @ x.mean(axis=0) + data["offset"].values.mean()
    terms: dict[str, np.ndarray] = {}
    of_samples = [one for one in fit.design.varying if one.variable == "random_cov"]
    for one, term in zip(of_samples, fit.design.random, strict=True):
        own = slice(one.first, one.first + len(one.names))
        moment = term.columns.T @ term.columns / len(term.columns)
        share = np.einsum("mkl,kl->m", selected(data, "random_cov")[:, own, own], moment)
        terms[one.group] = terms.get(one.group, 0.0) + share
    with np.errstate(over="ignore", divide="ignore", invalid="ignore"):
        parts = np.column_stack(
            [
                np.einsum("mkl,k,l->m", omega, middle, middle),
                np.einsum("mkl,kl->m", omega, around),
                selected(data, "sigma_sample") ** 2,
                *terms.values(),
                np.log1p(np.exp(-log_mu) + 1.0 / theta),
            ]
        )
        parts = np.where(parts < 0, 0.0, parts)
        shares = parts / parts.sum(axis=1, keepdims=True)
    rows = fitted(data) & np.isfinite(shares).all(axis=1)
    return pd.DataFrame(
        shares[rows], index=data["mirna"].values[rows], columns=[*SHARES[:-1], *terms, SHARES[-1]]
    )
