"""Where the search starts: moments of the log counts."""

import numpy as np

from bayes_mirglmm.laplace.problem import Problem

SMALLEST_SD = 0.1  # the gradient in a standard deviation of zero is zero: never start there


def start_values(problem: Problem) -> np.ndarray:
    """Return phi from least squares on log(y + 1/2) less the offset.

    The isomiRs' own regressions on ``z`` give the intercept's and slopes' spread, the samples' mean residuals sigma,
    and what is left, less the Poisson part, 1/theta.
    """
    n, n_isomirs = problem.y.shape
    response = np.log(problem.y + 0.5) - problem.offset[:, None]
    beta = np.linalg.lstsq(problem.x, response.mean(axis=1), rcond=None)[0]
    residual = response - (problem.x @ beta)[:, None]
    own = np.linalg.lstsq(problem.z, residual, rcond=None)[0]
    rest = residual - problem.z @ own
    sample = rest.mean(axis=1)
    noise = rest - sample[:, None]
    noise_variance = (noise**2).sum() / max(1, (n - 1) * (n_isomirs - 1))
    own_noise = np.diag(np.linalg.pinv(problem.z.T @ problem.z)) * noise_variance
    own_variance = own.var(axis=1) - own_noise
    sd = np.sqrt(np.maximum(own_variance, SMALLEST_SD**2))
    chol = np.where(problem.rows == problem.cols, sd[problem.rows], 0.0)
    sigma = max(float(sample.std()), SMALLEST_SD)
    poisson_part = float(np.mean(1.0 / (problem.y + 1.0)))
    theta = 1.0 / max(noise_variance - poisson_part, 0.01)
    parts = [beta, chol]
    if problem.has_sample:
        parts.append(np.array([sigma]))
    if not problem.poisson:
        parts.append(np.array([np.log(np.clip(theta, 0.3, 100.0))]))
    return np.concatenate(parts)
