"""The means of every miRNA under a model in which nothing depends on the variable of interest."""

from collections.abc import Sequence

import numpy as np

from bayes_mirglmm.marginal import fit_frame, make_frame
from bayes_mirglmm.model import ModelSpec

Means = tuple[np.ndarray, float]


def group_free_means(
    counts: Sequence[np.ndarray],
    offset: np.ndarray,
    fixed: np.ndarray,
    random: np.ndarray,
    blocks: Sequence[int],
    spec: ModelSpec,
) -> list[Means | None]:
    """Fit the model without the variable of interest, by maximum likelihood.

    Parameters
    ----------
    counts : sequence of int arrays, each (J, n)
        One for each miRNA.
    offset : array, shape (n,)
        Log offset (natural log).
    fixed : array, shape (n, p0)
        Intercept and covariates, without the variable of interest.
    random : array, shape (n, K0)
        Columns with isomiR effects: the intercept, then those of nuisance variables.
    blocks : sequence of int, length K0
        Covariance block of each, 0 for the intercept.
    spec : ModelSpec
        Its family and sample effects are kept.

    Returns
    -------
    list of (array (J, n), float) or None
        Fitted means at the modes of the random effects, in counts, and the negative binomial size (inf for the
        Poisson); None where the search did not converge.
    """
    around = [0, *[-1] * (random.shape[1] - 1)]  # nuisance slopes vary around 0
    frame = make_frame(offset, fixed, random, blocks=blocks, fixed=around)
    found: list[Means | None] = []
    for y in counts:
        fit = fit_frame(
            y,
            frame,
            family="poisson" if spec.family == "poisson" else "negative_binomial",
            sample_effect=spec.sample_intercept,
        )
        if not fit.converged:
            found.append(None)
            continue
        mean = np.exp(offset + fixed @ fit.beta + fit.u + fit.b @ random.T)
        found.append((mean, float(fit.theta)))
    return found
