"""The leading directions that samples share, set against profiles without anything shared."""

from dataclasses import dataclass

import numpy as np

from bayes_mirglmm.cohort.usage_profiles import UsageProfiles

ROTATIONS = 19


@dataclass(frozen=True)
class SharedDirections:
    """Principal axes of the profiles of all miRNAs together, D of them."""

    samples: np.ndarray
    """Score of each sample, length 1 over samples, shape (n, D)."""
    share: np.ndarray
    """Part of all profiles that lies along it, shape (D,)."""
    unrelated: np.ndarray
    """Largest such part when the samples of each miRNA are turned at random, shape (D,)."""
    isomirs: np.ndarray
    """Score of each isomiR: its profile along the direction, shape (N, D)."""


def shared_directions(profiles: UsageProfiles, count: int, *, seed: int = 1) -> SharedDirections:
    """Return the leading ``count`` directions.

    Each miRNA's profiles are turned by a random rotation of the sample space of its own for comparison: what a miRNA
    does in itself stays, what they share goes (parallel analysis, Horn 1965, Psychometrika 30:179).
    """
    count = min(count, profiles.values.shape[1])
    energy = (profiles.values**2).sum()
    values, vectors = np.linalg.eigh(profiles.values.T @ profiles.values)
    vectors = vectors[:, ::-1][:, :count]
    rng = np.random.default_rng(seed)
    largest = np.zeros(count)
    size = profiles.values.shape[1]
    roots = [
        np.linalg.qr(profiles.values[profiles.of(m)].T, mode="r").T for m in range(len(profiles.dispersion))
    ]
    for _ in range(ROTATIONS):
        turned = np.zeros((size, size))
        for root in roots:  # P = L W with orthonormal rows of W: turning P at random is taking other rows
            part = root @ _frame(rng, size, root.shape[1]).T
            turned += part.T @ part
        largest = np.maximum(largest, np.linalg.eigvalsh(turned)[::-1][:count])
    samples = profiles.basis @ vectors
    sign = np.sign(samples[np.abs(samples).argmax(axis=0), np.arange(count)])
    return SharedDirections(
        samples=samples * sign,
        share=values[::-1][:count] / energy,
        unrelated=largest / energy,
        isomirs=profiles.values @ vectors * sign,
    )


def _frame(rng: np.random.Generator, size: int, count: int) -> np.ndarray:
    """Return the first ``count`` columns of a random rotation, shape (size, count)."""
    q, r = np.linalg.qr(rng.normal(size=(size, count)))
    return q * np.sign(np.diag(r))
