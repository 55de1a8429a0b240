"""The effects of one contrast over all miRNAs, given what the residuals of the samples share.

Along the direction of the contrast a miRNA's response is

    t_m = c + beta_m + a'z_m + e_m,   e_m ~ N(0, s_m^2 psi),

with z_m its residual coordinates. That is generalised least squares under one covariance of the samples: ``a`` is what
the residual directions tell about noise along the contrast, psi what is left. Both are learned with beta_m integrated
out over a point mass at 0 and normals on a grid of scales, so that miRNAs which change do not shape them; c is an
offset that all miRNAs share. Each miRNA is left out of the regression that serves it, so that its estimate is
not drawn towards 0 by itself.
"""

from functools import partial
from typing import NamedTuple

import numpy as np
from scipy import special

from bayes_mirglmm.cohort.mock_contrasts import MockContrasts, null_variance
from bayes_mirglmm.cohort.residual_covariance import ResidualCovariance, quadratic_forms
from bayes_mirglmm.evidence.mixture_weights import fit_weights
from bayes_mirglmm.evidence.shrinkage import t_as_scale_mixture

#: Dirichlet parameter of the point mass at 0: "no effect" where the data leave it open. It leans more while the shift
#: is sought, or one-sided effects would be centred and every miRNA would change a little.
NULL_WEIGHT, NULL_WEIGHT_OF_SHIFT = 3.0, 10.0
SMALLEST_SCALE = 2.0  # of effects, in median standard errors: smaller ones cannot be told from noise
GRID_RATIO = np.sqrt(2.0)
#: Share of the pseudo-rows of S that stand along the contrast too: psi is estimated beside effects that may take noise
#: for themselves, and a share of a half made up for it in null data of two tissues.
PSEUDO_SHARE = 0.5
RIDGES = (1.0, 4.0, 16.0)
#: SDs of the log noise over directions, beyond which the regression took effects for noise: where effects follow what
#: samples of one group differ in (more or less tumour, say), a'z tells effects and not noise, and nothing is borrowed.
#: Where few miRNAs are unchanged, as between tumour and normal tissue, it takes less: a chance of 0.05 and not 0.005.
MOST_EXCESS, MOST_EXCESS_OF_MANY = 2.576, 1.645
FEW_UNCHANGED = 0.6
STEPS = 100
GRID_STEPS = 10  # after which the grid of scales stays
TOLERANCE = 1e-6
LARGEST_LEVERAGE = 0.9


class ContrastEffects(NamedTuple):
    """Effects of a contrast, per unit of its direction (multiply by the direction's length), m miRNAs."""

    estimate: np.ndarray
    """Shape (m,)."""
    variance: np.ndarray
    """Of the estimates, shape (m,)."""
    variance_if_null: np.ndarray
    """The same if whatever the miRNAs do along the contrast were noise that they share, shape (m,)."""
    df: float
    """Degrees of freedom of the estimates' t distribution."""
    shift: float
    """c: how far all miRNAs moved together, taken for an offset and not for an effect."""
    slope: np.ndarray
    """a, shape (r,)."""
    psi: float
    null_share: float
    """Weight of the point mass at 0."""
    null_probability: np.ndarray
    """Posterior probability of no effect, shape (m,)."""
    log_psi_if_null: float
    """Log of psi if no miRNA had an effect."""
    noise_ratio: float
    """Noise along the contrast, as learned with the other directions, over what directions without an effect have."""
    noise_p_value: float
    """Of a ratio as large among directions without an effect (log-normal)."""
    borrowed: bool
    """Whether the other directions were used; not so where the ratio is beyond what they have."""
    steps: int


class _Shift(NamedTuple):
    """A shift along the contrast that is taken off, and its variance."""

    value: float
    variance: float


class _Fit(NamedTuple):
    slope: np.ndarray
    psi: float
    error: np.ndarray
    extra: np.ndarray
    null_share: float
    null_probability: np.ndarray
    log_psi_precision: float
    objective: float
    first_variance: float
    """Of the first coefficient of the regression."""
    steps: int


def contrast_effects(
    along: np.ndarray, z: np.ndarray, shared: ResidualCovariance, mock: MockContrasts, *, shift: bool = True
) -> ContrastEffects:
    """Estimate the effects of one contrast.

    Parameters
    ----------
    along : array, shape (m,)
        Coordinate of each miRNA's responses along the contrast.
    z : array, shape (m, r)
        Their residual coordinates.
    shared : ResidualCovariance
        Learned from ``z``.
    mock : MockContrasts
        Gives the prior of log psi, and the tails.
    shift : bool
        Whether an offset that all miRNAs share is learned along the contrast; False where the offsets are known.
    """
    centred = z - shared.centre
    ones = np.ones((len(z), int(shift)))
    found_shift = _Shift(0.0, 0.0)
    if_null, _ = null_variance(along, centred, shared.variance, shared.pseudo_rows)
    df = min(shared.df, mock.df)
    starts = sorted({mock.log_psi, if_null})
    if shift:
        located = partial(
            _fit, along, np.hstack([ones, centred]), shared, mock, df, found_shift, NULL_WEIGHT_OF_SHIFT
        )
        first = max((located(np.exp(start), RIDGES[0]) for start in starts), key=lambda fit: fit.objective)
        found_shift = _Shift(float(first.slope[0]), first.first_variance)
    learn = partial(_fit, along, centred, shared, mock, df, found_shift, NULL_WEIGHT)
    best = max((learn(np.exp(start), RIDGES[0]) for start in starts), key=lambda fit: fit.objective)
    for ridge in RIDGES[1:]:  # worth it where the samples share little: the miRNAs left out decide
        other = learn(best.psi, ridge)
        if other.objective <= best.objective:
            break
        best = other
    slope = best.slope
    noise = slope @ shared.matrix @ slope + best.psi
    excess = (np.log(noise) - mock.log_total) / np.sqrt(mock.log_total_variance)
    borrowed = bool(excess <= (MOST_EXCESS_OF_MANY if best.null_share < FEW_UNCHANGED else MOST_EXCESS))
    if not borrowed:
        whole = mock._replace(log_psi=mock.log_total, log_psi_variance=mock.log_total_variance)
        start = np.exp(mock.log_total)
        if shift:
            first = _fit(
                along, ones, shared, whole, df, _Shift(0.0, 0.0), NULL_WEIGHT_OF_SHIFT, start, RIDGES[0]
            )
            found_shift = _Shift(float(first.slope[0]), first.first_variance)
        best = _fit(along, ones[:, :0], shared, whole, df, found_shift, NULL_WEIGHT, start, RIDGES[0])
        slope = np.zeros(z.shape[1])
    # psi is known as well as this many degrees of freedom know a variance (Satterthwaite)
    psi_df = 2.0 * best.log_psi_precision
    return ContrastEffects(
        best.error,
        shared.variance * best.psi + best.extra,
        shared.variance * max(best.psi, float(np.exp(if_null))) + best.extra,
        1.0 / (1.0 / df + 1.0 / psi_df),
        found_shift.value,
        slope,
        best.psi,
        best.null_share,
        best.null_probability,
        if_null,
        noise_ratio=float(noise / np.exp(mock.log_total)),
        noise_p_value=float(special.ndtr(-excess)),
        borrowed=borrowed,
        steps=best.steps,
    )


def _fit(
    along: np.ndarray,
    columns: np.ndarray,
    shared: ResidualCovariance,
    mock: MockContrasts,
    df: float,
    shift: _Shift,
    null_weight: float,
    psi: float,
    ridge: float,
) -> _Fit:
    """Alternate the mixture of effects, the regression and psi, from a value of psi on.

    A first column of ones is a shift that is learned here; ``shift`` is one that is taken off.
    The ridge is in units of the pseudo-rows of the covariance, which are what it is without further knowledge.
    """
    penalty = np.full(columns.shape[1], shared.pseudo_rows * ridge)
    own = columns.shape[1] > 0 and bool((columns[:, 0] == 1.0).all())  # an intercept has no penalty
    penalty[: int(own)] = 1e-8
    along = along - shift.value
    nodes, probabilities = t_as_scale_mixture(df)
    pseudo = PSEUDO_SHARE * shared.pseudo_rows
    slope = np.zeros(columns.shape[1])
    if own:
        slope[0] = np.median(along)
    weight = 1.0 / (shared.variance * psi)
    for step in range(1, STEPS + 1):
        inside = quadratic_forms(columns, np.linalg.inv(_information(columns, weight, penalty / psi)))
        share = np.minimum(weight * inside, LARGEST_LEVERAGE)
        error, extra = (along - columns @ slope) / (1.0 - share), inside / (1.0 - share) + shift.variance
        noise = shared.variance * psi
        if step <= GRID_STEPS:
            scales = scale_grid(error, np.sqrt(noise + extra))
        posterior, log_likelihood, null_share = _mixture(
            error, noise[:, None] / nodes, extra, scales, probabilities, null_weight
        )
        # axes: miRNA, scale of effects, node of the noise
        single, effect = (noise[:, None] / nodes)[:, None, :], scales[:, None] ** 2
        weight = (posterior / (effect + single)).sum(axis=(1, 2))
        moved = np.linalg.solve(_information(columns, weight, penalty / psi), columns.T @ (weight * along))
        left = noise_sums(error / np.sqrt(1.0 + extra / noise), single, effect, posterior) * psi
        psi_moved, precision = _psi_step(len(along) + pseudo, float(left.sum()) + pseudo, mock, psi)
        settled = np.abs(moved - slope).max(initial=0.0) <= TOLERANCE * np.sqrt(psi)
        settled &= abs(np.log(psi_moved / psi)) <= TOLERANCE
        slope, psi = moved, psi_moved
        if settled:
            break
    off_prior = (np.log(psi) - mock.log_psi) ** 2 / (2.0 * mock.log_psi_variance)
    off_rows = 0.5 * pseudo * (np.log(psi) + 1.0 / psi)
    objective = log_likelihood - off_prior - off_rows + (null_weight - 1.0) * np.log(max(null_share, 1e-300))
    inverse = np.linalg.inv(_information(columns, weight, penalty / psi))
    first = float(inverse[0, 0]) if columns.shape[1] else 0.0
    null_probability = posterior[:, 0].sum(axis=1)
    return _Fit(
        slope, psi, error, extra, null_share, null_probability, precision, float(objective), first, step
    )


def _information(columns: np.ndarray, weight: np.ndarray, penalty: np.ndarray) -> np.ndarray:
    return (columns.T * weight) @ columns + np.diag(penalty)


def scale_grid(error: np.ndarray, std_error: np.ndarray) -> np.ndarray:
    """Return 0 and the scales of effects that these estimates can hold, in ratios of sqrt(2)."""
    smallest = SMALLEST_SCALE * np.median(std_error)
    largest = max(2.0 * np.sqrt(np.max(error**2 - std_error**2).clip(min=0)), 4.0 * smallest)
    steps = int(np.ceil(np.log(largest / smallest) / np.log(GRID_RATIO)))
    return np.concatenate([[0.0], largest * GRID_RATIO ** np.arange(-steps, 1.0)])


def _mixture(
    error: np.ndarray,
    noise: np.ndarray,
    extra: np.ndarray,
    scales: np.ndarray,
    probabilities: np.ndarray,
    null_weight: float,
) -> tuple[np.ndarray, float, float]:
    """Return the posterior of (scale, node) of each miRNA, the log-likelihood, and the weight of the point mass."""
    total = scales[:, None] ** 2 + (noise + extra[:, None])[:, None, :]
    log_density = -0.5 * (error[:, None, None] ** 2 / total + np.log(2.0 * np.pi * total))
    log_density = log_density + np.log(probabilities)
    weights = fit_weights(special.logsumexp(log_density, axis=2), null_weight)
    with np.errstate(divide="ignore"):
        log_joint = log_density + np.log(weights)[:, None]
    log_marginal = special.logsumexp(log_joint, axis=(1, 2), keepdims=True)
    return np.exp(log_joint - log_marginal), float(log_marginal.sum()), float(weights[0])


def noise_sums(error: np.ndarray, noise: np.ndarray, effect: np.ndarray, posterior: np.ndarray) -> np.ndarray:
    """Return the expected squared noise of each miRNA, in units of its variance, shape (m,)."""
    share = noise / (effect + noise)
    return (posterior * ((error[:, None, None] * share) ** 2 + effect * share) / noise).sum(axis=(1, 2))


def _psi_step(rows: float, sums: float, mock: MockContrasts, psi: float) -> tuple[float, float]:
    """Return the psi with the largest posterior, and the precision of its log.

    The log posterior is -rows/2 log psi - sums/(2 psi) - (log psi - mean)^2/(2 variance).
    """
    x = np.log(psi)
    for _ in range(50):
        gradient = 0.5 * rows - 0.5 * sums * np.exp(-x) + (x - mock.log_psi) / mock.log_psi_variance
        precision = 0.5 * sums * np.exp(-x) + 1.0 / mock.log_psi_variance
        move = np.clip(gradient / precision, -1.0, 1.0)
        x -= move
        if abs(move) < 1e-12:
            break
    return float(np.exp(x)), float(precision)
