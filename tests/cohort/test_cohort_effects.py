"""Effects under a shared covariance: closed forms of least squares, calibration and gain where the truth is known."""

import numpy as np
import pytest
from scipy import stats

from bayes_mirglmm.cohort.cohort_effects import (
    FEWEST_MIRNAS,
    Cohort,
    cohort_effects,
    learn_cohort,
    sample_covariance,
)
from bayes_mirglmm.cohort.contrast_direction import contrast_direction
from bayes_mirglmm.cohort.responses import Responses
from bayes_mirglmm.cohort.sample_directions import explained, sample_directions
from bayes_mirglmm.evidence.multiple_testing import benjamini_hochberg


def two_groups(n: int) -> np.ndarray:
    return np.column_stack([np.ones(2 * n), np.repeat([0.0, 1.0], n)])


def draw(
    rng: np.random.Generator,
    x: np.ndarray,
    *,
    mirnas: int = 100,
    effect: np.ndarray | None = None,
    factors: int = 2,
    loading: float = 1.0,
    slope_sd: float = 0.0,
    column: int = -1,
    factor: np.ndarray | None = None,
) -> list[Responses]:
    """Return responses with latent factors of the samples, in which every miRNA has a loading, and noise.

    ``effect`` (mirnas,) is added along a column of ``x``; ``factor`` (n,) is one more factor of given scores.
    """
    n = len(x)
    scores = rng.normal(size=(factors, n))
    if factor is not None:
        scores = np.vstack([scores, factor])
    found = []
    for m in range(mirnas):
        size = 4 + m % 5
        spread = 0.4 * np.sqrt(6 / rng.chisquare(6))
        common = spread * (loading * rng.normal(size=len(scores)) @ scores + rng.normal(size=n))
        common = common + (0.0 if effect is None else effect[m]) * x[:, column]
        slopes = slope_sd * rng.normal(size=size)
        slopes -= slopes.mean()
        precision = rng.uniform(20, 200, size)
        noise = rng.normal(size=(size, n)) / np.sqrt(precision)[:, None]
        isomirs = 5.0 + common + slopes[:, None] * x[:, column] + noise
        weights = np.sqrt(rng.uniform(1, 100, size))
        weights /= weights.sum()
        found.append(Responses(weights @ isomirs, isomirs, weights, precision))
    return found


def last(x: np.ndarray) -> np.ndarray:
    return np.eye(x.shape[1])[-1]


@pytest.fixture(scope="module")
def learned() -> Cohort:
    x = two_groups(5)
    return learn_cohort(draw(np.random.default_rng(1), x), x)


def test_direction_is_least_squares():
    rng = np.random.default_rng(2)
    x = np.column_stack([np.ones(9), rng.normal(size=(9, 3))])
    weights, y = np.array([0.0, 1.0, -0.5, 2.0]), rng.normal(size=9)
    found = contrast_direction(x, weights)
    assert found.length * found.direction @ y == pytest.approx(weights @ np.linalg.lstsq(x, y)[0], rel=1e-12)
    assert np.linalg.norm(found.direction) == pytest.approx(1.0)


@pytest.mark.parametrize("design", ["groups", "three", "pairs", "continuous"])
def test_is_generalised_least_squares(design: str):
    """(X' V^-1 X)^-1 X' V^-1 y of the covariance that is handed out, against the regression on residuals."""
    rng = np.random.default_rng(3)
    x = {
        "groups": two_groups(5),
        "three": np.column_stack([np.ones(12), np.repeat(np.eye(3)[:, 1:], 4, axis=0)]),
        "pairs": np.column_stack([np.tile(np.eye(6), (2, 1)), np.repeat([0.0, 1.0], 6)]),
        "continuous": np.column_stack([np.ones(10), rng.normal(size=10), np.arange(10.0)]),
    }[design]
    responses = draw(rng, x)
    cohort, weights = learn_cohort(responses, x), last(x)
    effects = cohort_effects(cohort, weights)
    v = sample_covariance(cohort, effects)
    assert np.trace(v) == pytest.approx(len(x))
    assert np.linalg.eigvalsh(v)[0] > 0
    pooled = np.stack([r.pooled for r in responses])
    inverse = np.linalg.inv(v)
    gls = weights @ np.linalg.solve(x.T @ inverse @ x, x.T @ inverse @ pooled.T)
    length = contrast_direction(x, weights).length
    regression = pooled @ effects.direction - cohort.residuals @ effects.contrast.slope
    np.testing.assert_allclose(gls, length * regression, rtol=1e-8, atol=1e-10)


def test_one_unit_of_effect_moves_an_estimate_by_one(learned: Cohort):
    """No miRNA is drawn towards 0 by its own part in what is learned."""
    before = cohort_effects(learned, np.array([0.0, 1.0]))
    planted = list(learned.responses)
    r = planted[7]
    up = 3.0 * learned.x[:, 1]
    planted[7] = r._replace(pooled=r.pooled + up, isomirs=r.isomirs + up)
    after = cohort_effects(learn_cohort(planted, learned.x), np.array([0.0, 1.0]))
    assert after.mean[7] - before.mean[7] == pytest.approx(3.0, abs=0.02)
    others = np.arange(100) != 7
    np.testing.assert_allclose(after.mean[others], before.mean[others], atol=0.15)


def test_an_offset_of_each_sample_changes_nothing(learned: Cohort):
    """What all miRNAs of a sample share is an offset, along the contrast too."""
    before = cohort_effects(learned, np.array([0.0, 1.0]))
    offset = np.random.default_rng(8).normal(size=10)
    moved = [r._replace(pooled=r.pooled + offset, isomirs=r.isomirs + offset) for r in learned.responses]
    after = cohort_effects(learn_cohort(moved, learned.x), np.array([0.0, 1.0]))
    np.testing.assert_allclose(after.mean, before.mean, atol=1e-4)
    np.testing.assert_allclose(after.mean_std_error, before.mean_std_error, rtol=1e-3)
    # unless the offsets are known
    known = cohort_effects(learn_cohort(moved, learned.x), np.array([0.0, 1.0]), shift=False)
    assert known.shift == 0
    assert abs(np.median(known.mean - before.mean)) > 0.05


@pytest.mark.parametrize("n", [4, 10])
def test_calibrated_without_effects(n: int):
    """40 data sets of 100 miRNAs: p < 0.05 about as often as it should be, and hardly ever a call at 5 %."""
    x, rejected, calls = two_groups(n), [], 0
    for seed in range(40):
        cohort = learn_cohort(draw(np.random.default_rng([9, n, seed]), x), x)
        found = cohort_effects(cohort, last(x))
        p = 2 * stats.t.sf(np.abs(found.mean / found.mean_std_error), found.df)
        rejected.append((p < 0.05).mean())
        calls += (benjamini_hochberg(p) < 0.05).any()
    # psi is leaned upwards on purpose: somewhat below 0.05 is meant
    assert 0.015 < np.mean(rejected) < 0.055 + 5 * np.std(rejected) / np.sqrt(40)
    assert calls <= stats.binom.isf(1e-6, 40, 0.10)


def test_intervals_hold_the_truth_and_errors_are_smaller():
    """Against ordinary least squares of the same responses, with 30 of 100 miRNAs changed."""
    x, rows = two_groups(6), []
    for seed in range(25):
        rng = np.random.default_rng([10, seed])
        truth = np.where(np.arange(100) < 30, rng.choice([-1.0, 1.0], 100) * rng.uniform(0.6, 1.5, 100), 0.0)
        responses = draw(rng, x, effect=truth, slope_sd=0.2)
        found = cohort_effects(learn_cohort(responses, x), last(x))
        half = stats.t.isf(0.025, found.df) * found.mean_std_error
        inside = np.abs(found.mean - truth) <= half
        plain = np.linalg.lstsq(x, np.stack([r.isomirs.mean(axis=0) for r in responses]).T)[0][1]
        rows.append(
            (
                ((found.mean - truth) ** 2).mean() / ((plain - truth) ** 2).mean(),
                inside[:30].mean(),
                inside[30:].mean(),
                ((found.mean - truth) * np.sign(truth))[:30].mean(),
            )
        )
    ratio, changed, null, bias = np.array(rows).T
    # two factors of variance 1 beside noise of variance 1: a third of the variance is left to those who know them, more
    # to those who learn them
    assert ratio.mean() < 0.8
    assert 0.91 < changed.mean() < 0.99
    assert 0.93 < null.mean() < 0.99
    assert abs(bias.mean()) < 5 * bias.std() / np.sqrt(25) + 0.02


def test_one_sided_effects_are_no_offset():
    """40 of 100 miRNAs up: the shift is learned from those that stay."""
    x, errors = two_groups(10), []
    for seed in range(8):
        rng = np.random.default_rng([11, seed])
        truth = np.where(np.arange(100) < 40, rng.uniform(0.8, 1.6, 100), 0.0)
        found = cohort_effects(learn_cohort(draw(rng, x, effect=truth), x), last(x))
        errors.append((found.mean - truth)[40:].mean())
    # a median of all miRNAs would be off by about 0.25
    assert abs(np.mean(errors)) < 0.08


def test_p_beyond_what_all_mirnas_do():
    """A latent factor equal to the group, with loadings on every miRNA, is called an effect, but not beyond."""
    x = two_groups(6)
    factor = 3.0 * (x[:, 1] - 0.5)
    cohort = learn_cohort(draw(np.random.default_rng(12), x, factor=factor), x)
    effects = cohort_effects(cohort, last(x))
    assert explained(x[:, 1:], sample_directions(cohort).scores)[:2].max() > 0.5
    careful = np.sqrt(effects.mean_std_error**2 + effects.variance_if_null)
    p = 2 * stats.t.sf(np.abs(effects.mean / careful), effects.df)
    assert (benjamini_hochberg(p) < 0.05).mean() < 0.03


def test_nothing_is_borrowed_where_effects_follow_what_samples_differ_in():
    """A factor (how much tumour there is) sets the groups apart and varies within them: regression takes it away."""
    x = two_groups(8)
    borrowed, errors = [], []
    for seed in range(6):
        rng = np.random.default_rng([15, seed])
        factor = 4.0 * (x[:, 1] - 0.5) + 0.8 * rng.normal(size=16)
        responses = draw(rng, x, factor=factor)
        effects = cohort_effects(learn_cohort(responses, x), last(x))
        borrowed.append(effects.contrast.borrowed)
        plain = np.linalg.lstsq(x, np.stack([r.pooled for r in responses]).T)[0][1]
        errors.append(np.std(plain - effects.weighted))
    assert sum(borrowed) <= 1
    # without borrowing an estimate is least squares less the shift, but for the miRNA's own part in the shift
    assert min(errors) < 0.02


@pytest.mark.parametrize(
    ("excess", "few_change", "many_change"), [(1.5, True, True), (2.0, True, False), (2.7, False, False)]
)
def test_less_excess_is_enough_where_most_mirnas_change(excess: float, few_change: bool, many_change: bool):
    """The noise along the contrast, set so many SDs above that of other directions: 1.645 against 2.576 are allowed."""
    x = two_groups(8)
    for changed, expected in ((0, few_change), (65, many_change)):
        effect = np.where(np.arange(100) < changed, np.resize([-1.5, 1.5, 2.5, -2.5], 100), 0.0)
        cohort = learn_cohort(draw(np.random.default_rng(16), x, effect=effect), x)
        before = cohort_effects(cohort, last(x)).contrast
        spread = np.sqrt(cohort.mock.log_total_variance)
        level = cohort.mock.log_total + np.log(before.noise_ratio) - excess * spread
        mock = cohort.mock._replace(log_total=float(level))
        found = cohort_effects(cohort._replace(mock=mock), last(x)).contrast
        assert (before.null_share < 0.5) == (changed > 0)
        assert found.borrowed == expected


def test_directions_without_the_group(learned: Cohort):
    found = cohort_effects(learned, np.array([0.0, 1.0])).contrast
    assert found.borrowed
    assert found.noise_p_value > 0.01
    directions = sample_directions(learned)
    assert directions.scores.shape == (10, 9)
    np.testing.assert_allclose(directions.scores.mean(axis=0), 0, atol=1e-12)
    np.testing.assert_allclose((directions.scores**2).mean(axis=0), 1)
    assert directions.share.sum() == pytest.approx(1)
    # two factors of variance 1 and noise of 1: they carry most, and leave fewer than eight directions
    assert directions.share[:2].sum() > 0.4
    assert learned.effective_residuals < 7


def test_explained_is_r_squared():
    rng = np.random.default_rng(13)
    columns, scores = rng.normal(size=(20, 2)), rng.normal(size=(20, 3))
    design = np.column_stack([np.ones(20), columns])
    residual = scores - design @ np.linalg.lstsq(design, scores)[0]
    expected = 1 - (residual**2).sum(axis=0) / ((scores - scores.mean(axis=0)) ** 2).sum(axis=0)
    np.testing.assert_allclose(explained(columns, scores), expected)
    # a column that says the same twice, or nothing, adds nothing
    doubled = np.column_stack([columns, columns[:, 0], np.ones(20)])
    np.testing.assert_allclose(explained(doubled, scores), expected)


def test_too_little_to_learn_from():
    x = two_groups(4)
    responses = draw(np.random.default_rng(14), x, mirnas=FEWEST_MIRNAS)
    learn_cohort(responses, x)
    with pytest.raises(ValueError, match="9 miRNAs and 6 residual directions"):
        learn_cohort(responses[:-1], x)
    few = [r._replace(pooled=r.pooled[:3], isomirs=r.isomirs[:, :3]) for r in responses]
    with pytest.raises(ValueError, match="10 miRNAs and 1 residual directions"):
        learn_cohort(few, np.column_stack([np.ones(3), np.arange(3.0)]))
