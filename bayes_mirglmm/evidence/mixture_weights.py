"""Maximum penalised likelihood weights of a mixture with known components: a convex problem.

Sequential quadratic programming (Kim, Carbonetto, Stephens and Anitescu 2020, J. Comput. Graph. Stat.
29:261). EM would need thousands of steps, as neighbouring components are nearly alike.
"""

import numpy as np

TOLERANCE = 1e-9  # of the optimality conditions: the log-likelihood per row is this close to its maximum
MAX_STEPS = 200
RIDGE, RELATIVE_RIDGE = 1e-10, 1e-12  # neighbouring components can be alike to the last digit


def fit_weights(log_likelihood: np.ndarray, null_weight: float = 1.0) -> np.ndarray:
    """Return the weights pi that maximise sum_i log(sum_k pi_k L_ik) + (null_weight - 1) log pi_0.

    Parameters
    ----------
    log_likelihood : array, shape (n, components)
        log L_ik of observation i under component k.
    null_weight : float, at least 1
        Dirichlet parameter of the first component; those of the others are 1.

    Returns
    -------
    numpy.ndarray, shape (components,)
        Non-negative, sum 1; most are exactly 0.

    Raises
    ------
    FloatingPointError
        The optimality conditions are not reached (a log-likelihood that is not finite).
    """
    from scipy.optimize import nnls

    n, components = log_likelihood.shape
    if components == 1:
        return np.ones(1)
    likelihood = np.exp(log_likelihood - log_likelihood.max(axis=1, keepdims=True))
    count = np.ones(n)
    if null_weight > 1:  # the penalty is as many observations that the first component alone explains
        likelihood = np.vstack([likelihood, np.eye(1, components)])
        count = np.append(count, null_weight - 1)
    root = np.sqrt(count / count.sum())

    # the sum of x is free, with a price of 1: it is 1 at the optimum
    x = np.full(components, 1.0 / components)
    mixed = likelihood @ x
    for _ in range(MAX_STEPS):
        scaled = likelihood * (root / mixed)[:, None]
        gradient = 1.0 - scaled.T @ root
        if gradient.min() > -TOLERANCE and abs(gradient @ x) < TOLERANCE:
            return x / x.sum()
        hessian = scaled.T @ scaled
        hessian += (RIDGE + RELATIVE_RIDGE * np.trace(hessian)) * np.eye(components)
        factor = np.linalg.cholesky(hessian)
        # minimise the quadratic model over y >= 0 as non-negative least squares
        move = nnls(factor.T, np.linalg.solve(factor, hessian @ x - gradient))[0] - x
        step = _line_search(x, move, mixed, likelihood, root**2, float(gradient @ move))
        x = x + step * move
        mixed = likelihood @ x
    raise FloatingPointError(f"mixture weights: not at an optimum after {MAX_STEPS} steps.")


def _line_search(
    x: np.ndarray,
    move: np.ndarray,
    mixed: np.ndarray,
    likelihood: np.ndarray,
    share: np.ndarray,
    slope: float,
) -> float:
    """Return a step length that lowers the objective and leaves every observation some likelihood."""
    start = -share @ np.log(mixed) + x.sum()
    # near the optimum the gradient sees what the objective no longer does
    noise = 1e-13 * (1 + abs(start))
    change = likelihood @ move
    step = 1.0
    while step > 1e-10:
        trial = mixed + step * change
        if (trial >= 0.01 * mixed).all():
            value = -share @ np.log(trial) + (x + step * move).sum()
            if value <= start + 0.01 * step * slope + noise:
                break
        step /= 2
    return step
