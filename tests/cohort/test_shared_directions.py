import numpy as np

from bayes_mirglmm.cohort.shared_directions import shared_directions


def test_planted_direction_leads_and_stands_out(draw_profiles) -> None:
    rng = np.random.default_rng(50)
    factor = np.linalg.qr(np.column_stack([np.ones(12), rng.normal(size=12)]))[0][:, 1]
    profiles = draw_profiles(rng, 12, shared=np.eye(12) + 6.0 * np.outer(factor, factor))
    found = shared_directions(profiles, 3)
    assert abs(found.samples[:, 0] @ factor) > 0.97
    assert found.share[0] > 2.0 * found.unrelated[0]
    # its share of the variance: 7 of 17; the others have less than unrelated profiles, for their shares add up to 1
    np.testing.assert_allclose(found.share[0], 7.0 / 17.0, rtol=0.35)
    assert found.share[2] < found.unrelated[2]
    np.testing.assert_allclose(found.isomirs, profiles.values @ (profiles.basis.T @ found.samples), atol=1e-9)


def test_nothing_shared_stays_within_what_unrelated_profiles_have(draw_profiles) -> None:
    rng = np.random.default_rng(51)
    ratios = []
    for _ in range(5):
        found = shared_directions(draw_profiles(rng, 10), 2)
        ratios.append(found.share[0] / found.unrelated[0])
    assert np.median(ratios) < 1.1


def test_no_more_directions_than_there_are(draw_profiles) -> None:
    assert shared_directions(draw_profiles(np.random.default_rng(52), 6), 99).samples.shape == (6, 5)
