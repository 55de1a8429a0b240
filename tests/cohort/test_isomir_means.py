import numpy as np

from bayes_mirglmm.cohort.isomir_means import isomir_means
from bayes_mirglmm.cohort.usage_profiles import mirna_scores


def labs(rng: np.random.Generator, theta: float) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Counts of 30 isomiRs in two labs of ten libraries whose factors differ by isomiR, and means without the lab."""
    lab = np.repeat([0.0, 1.0], 10)
    level = rng.gamma(3.0, 300.0, size=(30, 1))
    truth = level * np.exp(np.outer(rng.normal(scale=1.5, size=30), lab))
    counts = rng.negative_binomial(theta, theta / (theta + truth))
    start = np.broadcast_to(counts.mean(axis=1, keepdims=True), counts.shape).astype(float)
    return counts.astype(float), start, truth, np.column_stack([np.ones(20), lab])


def test_every_isomir_gets_its_own_effect_and_the_dispersion_what_is_left() -> None:
    counts, start, truth, columns = labs(np.random.default_rng(1), 40.0)
    mean, theta = isomir_means(counts, start, 0.8, columns)
    # ten libraries of theta 40: an SD of 5 % a mean; sample levels take a little of it
    np.testing.assert_allclose(mean, truth, rtol=0.35)
    # of 511 degrees of freedom: SD of log theta about 0.065
    assert 40.0 * np.exp(-0.4) < theta < 40.0 * np.exp(0.4)
    assert isomir_means(counts, start, np.inf, columns)[1] == np.inf


def test_an_isomir_that_a_lab_never_sees_stays_finite() -> None:
    counts, start, _, columns = labs(np.random.default_rng(2), 40.0)
    counts[0, 10:] = 0.0
    mean, theta = isomir_means(counts, start, 0.8, columns)
    assert np.isfinite(mean).all()
    assert np.all(mean[0, 10:] < 0.1 * mean[0, 0])
    assert np.isfinite(theta)


def test_noise_of_a_lab_is_judged_by_its_own_means() -> None:
    """Around means without the lab, an isomiR that a lab sees eight times as often has eight times its noise."""
    counts, start, truth, columns = labs(np.random.default_rng(3), 40.0)
    scores, _ = mirna_scores(counts, start, 0.8, columns)
    spread = np.log(scores[:, 10:].std(axis=1) / scores[:, :10].std(axis=1))
    effect = np.log(truth[:, 10] / truth[:, 0])
    # SD of a log ratio of two SDs of ten: 0.33; its slope on effects of SD 1.5 over 30 isomiRs: 0.04
    assert abs(np.polyfit(effect, spread, 1)[0]) < 0.25
