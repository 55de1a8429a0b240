"""What the Bayesian methods share: the fit that they start from, and posterior summaries of draws."""

import hashlib
import time
from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from bayes_mirglmm.methods.maximum_likelihood import Plan, failed, fit_mirna
from bayes_mirglmm.outcomes import FEWEST_ISOMIRS, NOT_CONVERGED
from bayes_mirglmm.records import Draws, MirnaRecord, ModelNumbers


def fit_bayesian(
    plan: Plan,
    mirna: str,
    isomirs: Sequence[str],
    counts: np.ndarray,
    sample: Callable[[MirnaRecord, Sequence[str], np.ndarray], MirnaRecord],
) -> tuple[MirnaRecord, MirnaRecord]:
    """Fit one miRNA by maximum likelihood, and let ``sample`` go on from there; whatever happens becomes a status.

    Returns
    -------
    ml, posterior : MirnaRecord
    """
    ml = fit_mirna(plan, mirna, isomirs, counts)
    if len(isomirs) < FEWEST_ISOMIRS or not counts.any():
        return ml, ml
    started = time.perf_counter()
    try:
        record = sample(ml, isomirs, counts)
    except Exception as error:  # one miRNA that fails never stops the others
        record = failed(plan, mirna, isomirs, error)
    return ml, replace(record, seconds=ml.seconds + time.perf_counter() - started)


def name_number(mirna: str) -> int:
    """Return a number made of a name: with a seed it fixes the draws, whatever else is fitted and in which order."""
    digest = hashlib.sha256(mirna.encode("utf-8", "surrogatepass")).digest()
    return int.from_bytes(digest[:8], "little")


def posterior_numbers(plan: Plan, draws: Draws, columns: list[int]) -> ModelNumbers:
    """Return posterior means, SDs and covariances of the model with the isomiR effects ``columns``.

    Draws without random effects (no rows in ``draws.b``) leave those out.
    """
    weights = draws.weight
    beta, beta_cov = _moments(draws.beta, weights)
    has_theta = bool(np.isfinite(draws.log_theta).all())
    log_theta, log_theta_var = _moments(draws.log_theta[:, None], weights) if has_theta else (None, None)
    found = ModelNumbers(
        beta=beta,
        beta_cov=beta_cov,
        theta=float(np.exp(log_theta[0])) if log_theta is not None else np.inf,
        log_theta_se=float(np.sqrt(log_theta_var[0, 0])) if log_theta_var is not None else np.nan,
        omega=np.einsum("n,nab->ab", weights, draws.omega),
        sigma_sample=float(weights @ draws.sigma_sample),
        random_cov=None if draws.random_cov is None else np.einsum("n,nab->ab", weights, draws.random_cov),
    )
    if not len(draws.b):
        return found
    effects = draws.b + (draws.beta @ plan.design.isomir_means[columns].T)[:, None, :]
    b, u = np.einsum("n,nja->ja", weights, draws.b), weights @ draws.u
    effect = np.einsum("n,nja->ja", weights, effects)
    deviation = effects - effect
    return replace(
        found,
        b=b,
        b_se=np.sqrt(np.einsum("n,nja->ja", weights, (draws.b - b) ** 2)),
        effect=effect,
        effect_cov=np.einsum("n,nja,njb->jab", weights, deviation, deviation, optimize=True),
        u=u,
        u_se=np.sqrt(weights @ (draws.u - u) ** 2),
        random_effect=None if draws.random_effect is None else weights @ draws.random_effect,
    )


def finite_or_told(numbers: ModelNumbers, status: str, reason: str) -> tuple[str, str]:
    """Return status and reason of a model, ``not_converged`` where a number that tables show is not finite."""
    effects = ("b", "b_se", "effect", "effect_cov", "u", "u_se", "random_effect")
    shown = ("beta", "beta_cov", "omega", "sigma_sample", "random_cov", *effects)
    values = {name: getattr(numbers, name) for name in shown}
    bad = [name for name, value in values.items() if value is not None and not np.isfinite(value).all()]
    if not bad:
        return status, reason
    sentence = (
        f"Posterior means or SDs are not finite ({', '.join(bad)}): check the counts for extreme values."
    )
    return NOT_CONVERGED, f"{reason} {sentence}".strip()


def _moments(draws: np.ndarray, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    mean = weights @ draws
    centred = draws - mean
    return mean, (centred.T * weights) @ centred
