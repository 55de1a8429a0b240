"""What passes between fitting and results: plain arrays of one miRNA, with no labels but names.

:mod:`bayes_mirglmm.methods` makes records, :mod:`bayes_mirglmm.results` puts labels on them; neither needs to know the
other for that.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from bayes_mirglmm.counts.on_disk import RowsOf


@dataclass(frozen=True)
class Draws:
    """Joint draws of one miRNA.

    Sizes: S draws, p fixed effects, K columns of the isomiR effects (or those of the reduced model), J isomiRs, n
    samples.
    """

    weight: np.ndarray  #: sum 1 (S,)
    beta: np.ndarray  #: (S, p)
    omega: np.ndarray  #: (S, K, K)
    sigma_sample: np.ndarray  #: (S,)
    log_theta: np.ndarray  #: (S,)
    b: np.ndarray  #: (S, J, K)
    u: np.ndarray  #: (S, n)
    random_cov: np.ndarray | None = (
        None  #: as in :class:`ModelNumbers`, where samples have random terms (S, R, R)
    )
    random_effect: np.ndarray | None = None  #: (S, Q)
    stats: Mapping[str, np.ndarray] = field(
        default_factory=dict
    )  #: by the names of DRAW_STATS less "draw_", each (S,)


@dataclass(frozen=True)
class ModelNumbers:
    """What the engine found for one model of one miRNA, as plain arrays.

    Sizes: p fixed effects, K columns of the isomiR effects, J isomiRs, n samples. The reduced model may give
    K or its own, smaller number of columns. ``None`` stands for what was not computed and becomes NaN.

    Parameters
    ----------
    beta : array, shape (p,)
        Fixed effects.
    beta_cov, beta_cov_theta_fixed : array, shape (p, p), optional
        Their covariance with theta profiled, and with theta held at its estimate.
    theta, log_theta_se : float
        Negative binomial size (inf in the Poisson limit) and the standard error of its log.
    omega : array, shape (K, K), optional
        Covariance of the isomiR effects.
    sigma_sample : float
        Standard deviation of the sample effects.
    log_likelihood : float
        Marginal log-likelihood at the optimum.
    iterations, evaluations : int
        Work of the optimiser.
    status, reason : str
        Outcome of this model, and a sentence on it.
    b, b_se, effect : array, shape (J, K), optional
        Conditional modes of the isomiR effects, their standard errors, and beta + b.
    effect_cov : array, shape (J, K, K), optional
        Covariance of ``effect``.
    u, u_se : array, shape (n,), optional
        Conditional modes of the sample effects and their standard errors.
    beta_df : array, shape (p,), optional
        Satterthwaite's degrees of freedom of the fixed effects, of restricted likelihood.
    random_cov : array, shape (R, R), optional
        Covariance of the effects of random terms, all terms one after the other.
    random_effect : array, shape (Q,), optional
        Conditional modes of these effects: each term's, each column's, on the levels.
    extra : mapping
        What the method has besides, by the names of :mod:`bayes_mirglmm.methods.variables`.
    """

    beta: np.ndarray
    beta_cov: np.ndarray | None = None
    beta_cov_theta_fixed: np.ndarray | None = None
    theta: float = np.nan
    log_theta_se: float = np.nan
    omega: np.ndarray | None = None
    sigma_sample: float = np.nan
    log_likelihood: float = np.nan
    iterations: int = 0
    evaluations: int = 0
    status: str = "ok"
    reason: str = ""
    b: np.ndarray | None = None
    b_se: np.ndarray | None = None
    effect: np.ndarray | None = None
    effect_cov: np.ndarray | None = None
    u: np.ndarray | None = None
    u_se: np.ndarray | None = None
    beta_df: np.ndarray | None = None
    random_cov: np.ndarray | None = None
    random_effect: np.ndarray | None = None
    extra: Mapping[str, float | str] = field(default_factory=dict)


@dataclass(frozen=True)
class MirnaRecord:
    """Everything that is kept of one miRNA, fitted or not.

    Parameters
    ----------
    mirna, status, reason : str
        Name, outcome, and a sentence on the outcome (empty for ``ok``).
    isomirs : sequence of str, length J
        Ids of the isomiRs, in the order of ``counts``.
    counts : array of int, or RowsOf, shape (J, n), optional
        The fitted counts, or where they are on disk. Without them the miRNA has no isomiRs in the dataset.
    seconds : float
        Time spent on the miRNA.
    full, reduced : ModelNumbers, optional
        The two models; ``None`` when a model was not fitted.
    coefficients_from : str
        ``full`` or ``reduced``: the model whose coefficients the tables show.
    n_isomirs : int, optional
        IsomiRs left after the filters, where ``isomirs`` does not say; ``len(isomirs)`` when omitted.
    draws : Draws, optional
        Of a Bayesian fit: joint draws from the model that ``coefficients_from`` names, as many for every miRNA.
    """

    mirna: str
    status: str
    reason: str = ""
    isomirs: Sequence[str] = ()
    counts: "np.ndarray | RowsOf | None" = None
    seconds: float = 0.0
    full: ModelNumbers | None = None
    reduced: ModelNumbers | None = None
    coefficients_from: str = "full"
    n_isomirs: int | None = None
    draws: Draws | None = None
