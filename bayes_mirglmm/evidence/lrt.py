"""Likelihood-ratio test of isomiR slopes: the full model against the one without them.

Under the null hypothesis the covariance of the q slopes is 0, on the boundary of its parameter space, and the
statistic is not chi-square with the number of parameters dropped. Locally (Self and Liang 1987, JASA 82:605)
it is the squared length of the projection of a Gaussian vector on the tangent cone: the q covariances between
intercept and slopes are free, the q x q covariance of the slopes is positive semidefinite (PSD). The
reference distribution is

    sum over d = 0 ... q(q+1)/2 of  w_d  chi2(q + d)

with w_d the d-th intrinsic volume of the cone of PSD matrices. For q = 1 (two groups, or one covariate) this
is 0.5 chi2(1) + 0.5 chi2(2), case 3 of Stram and Lee (1994, Biometrics 50:1171).

For q > 1 (their case 4, without a formula) the weights could depend on the data, but hardly do. Take isomiRs
whose estimated effects have the same covariance V (noise, and variance of the intercepts). The information
about a change D of the covariance of the effects is tr(V^-1 D V^-1 D) / 2; with intercept variance and
covariances projected out, tr(U^-1 S U^-1 S) / 2 is left for the block S of the slopes, with U the same block
of V. That is the Frobenius norm of U^-1/2 S U^-1/2, a map that takes the PSD cone to itself: the weights are
those of the standard Gaussian symmetric matrix, whatever V. Where V differs between isomiRs they are an
approximation; in simulations from the Gaussian limit with 8 isomiRs, precisions spread over two orders of
magnitude and unbalanced groups, a nominal 0.05 was 0.048 to 0.053 (``chi2``: 0.019 to 0.023).

The limit is that of many isomiRs, and of samples without a shared factor that moves isomiRs of all miRNAs.
Real data sets have one (batch, degradation): there neither p-value is calibrated within a single data set.
"""

from functools import cache
from typing import NamedTuple

import numpy as np
from scipy import special

ROUNDING = (
    1e-3  # a statistic this far below 0 is rounding of two log-likelihoods, or of where their fits stopped
)


class LikelihoodRatioTest(NamedTuple):
    """The test of each miRNA; arrays of one shape."""

    lrt: np.ndarray
    """Twice the log-likelihood ratio, clamped at 0 where it is negative by rounding."""
    df: int
    """Parameters dropped, q + q(q+1)/2 for q slopes: what R's ``anova`` refers to."""
    p_value: np.ndarray
    """By the boundary mixture."""
    p_value_chi2: np.ndarray
    """By chi2(df): conservative."""


def likelihood_ratio_test(full: np.ndarray, reduced: np.ndarray, n_slopes: int) -> LikelihoodRatioTest:
    """Test the isomiR slopes of each miRNA.

    Parameters
    ----------
    full, reduced : array_like, same shape
        Maximised log-likelihoods with and without the slopes.
    n_slopes : int
        q: columns of the slope variable (K - 1), correlated with each other and with the isomiR intercept.

    Returns
    -------
    LikelihoodRatioTest
        NaN where a log-likelihood is not finite. Where the full model is worse than the reduced one by more
        than rounding its fit stopped early: the negative statistic stands and both p-values are NaN.

    Raises
    ------
    ValueError
        ``n_slopes`` is not a positive integer.
    """
    if n_slopes != int(n_slopes) or n_slopes < 1:
        raise ValueError(f"n_slopes is {n_slopes}: a test needs at least one slope.")
    q = int(n_slopes)
    with np.errstate(invalid="ignore"):
        lrt = 2.0 * (np.asarray(full, dtype=np.float64) - np.asarray(reduced, dtype=np.float64))
    lrt = np.where(np.isfinite(lrt), lrt, np.nan)
    lrt = np.where((lrt < 0) & (lrt > -ROUNDING), 0.0, lrt)
    df = q + q * (q + 1) // 2
    usable = np.where(lrt < 0, np.nan, lrt)
    mixture = sum(
        weight * special.chdtrc(q + d, usable) for d, weight in enumerate(psd_cone_weights(q)) if weight > 0
    )
    return LikelihoodRatioTest(lrt, df, np.minimum(mixture, 1.0), special.chdtrc(df, usable))


@cache
def psd_cone_weights(q: int) -> tuple[float, ...]:
    """Return the intrinsic volumes w_0, ..., w_D, D = q(q+1)/2, of the cone of PSD q x q matrices.

    The projection of a standard Gaussian symmetric matrix on the cone keeps its positive eigenvalues x_i, and
    sum over d of w_d u^d = E[exp(-s |x|^2)] with u = (1 + 2s)^(-1/2) (a chi2(d) variable gives u^d). The
    eigenvalues have density proportional to prod |x_i - x_j| exp(-sum x_i^2 / 2), so that this expectation
    is a Pfaffian of integrals over pairs of them (de Bruijn 1955, J. Indian Math. Soc. 19:133), here in
    closed form up to an angle. It is a polynomial in u: its values at the roots of unity give the
    coefficients by a Fourier transform. (Other formulas for them: Amelunxen and Bürgisser 2015, Mathematical
    Programming 149:105.)
    """
    degree = q * (q + 1) // 2
    u = np.exp(2j * np.pi * np.arange(degree + 1) / (degree + 1))
    size = q + q % 2
    pairs = np.zeros((degree + 1, size, size), dtype=complex)
    for j in range(q):
        for k in range(j + 1, q):
            # both eigenvalues positive or both negative, then one of each; in units of the half moments
            same = (u ** (j + k + 2) - (-1) ** (j + k)) * _ordered_moment(j, k)
            pairs[:, j, k] = same + (-1) ** j * u ** (k + 1) - (-1) ** k * u ** (j + 1)
        if q % 2:
            pairs[:, j, q] = u ** (j + 1) + (-1) ** j
    pairs -= pairs.transpose(0, 2, 1)
    coefficients = np.fft.fft(_pfaffian(pairs)).real
    return tuple(float(w) for w in np.maximum(coefficients / coefficients.sum(), 0.0))


def _ordered_moment(j: int, k: int) -> float:
    """Return the integral of sign(y - x) x^j y^k exp(-(x^2 + y^2)/2) over x, y > 0, over its half moments."""
    nodes, weights = np.polynomial.legendre.leggauss(60)
    angle = np.pi / 8 * (nodes + 1)  # 0 to pi/4: x = r cos, y = r sin has x > y, its mirror image has y > x
    angular = (
        np.pi
        / 8
        * weights
        @ (np.sin(angle) ** j * np.cos(angle) ** k - np.cos(angle) ** j * np.sin(angle) ** k)
    )
    radial = 2 ** ((j + k) / 2) * special.gamma((j + k) / 2 + 1)
    half = [2 ** ((m - 1) / 2) * special.gamma((m + 1) / 2) for m in (j, k)]
    return float(radial * angular / (half[0] * half[1]))


def _pfaffian(matrices: np.ndarray) -> np.ndarray:
    """Return the Pfaffian of each skew-symmetric matrix, shape (m, size, size), by elimination."""
    a = matrices.copy()
    size = a.shape[1]
    result = np.ones(len(a), dtype=a.dtype)
    rows = np.arange(len(a))
    for k in range(0, size, 2):
        pivot = k + 1 + np.argmax(np.abs(a[:, k, k + 1 :]), axis=1)
        swap = np.tile(np.arange(size), (len(a), 1))
        swap[rows, pivot], swap[:, k + 1] = k + 1, pivot
        a = np.take_along_axis(np.take_along_axis(a, swap[:, :, None], axis=1), swap[:, None, :], axis=2)
        result *= np.where(pivot == k + 1, 1, -1) * a[:, k, k + 1]
        ratio = a[:, k, k + 2 :] / a[:, k, k + 1][:, None]
        other = a[:, k + 1, k + 2 :]
        cross = ratio[:, :, None] * other[:, None, :]
        a[:, k + 2 :, k + 2 :] += cross.transpose(0, 2, 1) - cross
    return result
