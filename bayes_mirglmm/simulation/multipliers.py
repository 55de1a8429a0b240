"""Multipliers of single isomiRs: a truncated normal distribution, the same numbers on any machine."""

from collections.abc import Sequence

import numpy as np

from bayes_mirglmm.errors import InputError

#: Bounds of the paper's three effects (SD 1).
BOUNDS = {1.5: (1.0, 2.0), 2.0: (1.0, 3.0), 4.0: (3.0, 5.0)}
_LEAST = 1e-3  # share of a normal that bounds must hold, or rejection takes for ever


class Multipliers:
    """Normal with mean ``effect`` and SD ``sd``, cut to ``bounds``; ``sd=0`` is ``effect`` itself.

    Parameters
    ----------
    effect : float
        Mean before truncation, above 0.
    sd : float
        SD before truncation.
    bounds : sequence of two float, optional
        Those of the paper for the effects 1.5, 2 and 4; other effects need them, unless ``sd`` is 0.

    Raises
    ------
    InputError
        A number is out of range, bounds are missing, or hold next to nothing of the normal.
    """

    def __init__(self, effect: float, sd: float, bounds: Sequence[float] | None) -> None:
        if not (np.isfinite(effect) and effect > 0):
            raise InputError(f"effect={effect!r}: give a factor above 0, such as 2.")
        if not (np.isfinite(sd) and sd >= 0):
            raise InputError(f"effect_sd={sd!r}: give a number of 0 or more.")
        if bounds is None and sd > 0 and effect not in BOUNDS:
            known = ", ".join(f"{value:g}" for value in BOUNDS)
            raise InputError(
                f"effect={effect:g} has no bounds of its own (only {known} do): give bounds=(low, high), or "
                "effect_sd=0 for the same factor in every isomiR."
            )
        self.effect, self.sd = float(effect), float(sd)
        self.low, self.high = (
            _pair(bounds) if bounds is not None else BOUNDS.get(self.effect, (effect, effect))
        )
        if sd > 0 and self._share() < _LEAST:
            raise InputError(
                f"bounds=({self.low:g}, {self.high:g}) hold next to nothing of a normal with mean {effect:g} and SD "
                f"{sd:g}: choose bounds around the mean."
            )

    def draw(self, count: int, rng: np.random.Generator) -> np.ndarray:
        """Draw ``count`` multipliers, by rejection: no special function, so no rounding of one."""
        if self.sd == 0:
            return np.full(count, self.effect)
        kept = np.empty(0)
        while len(kept) < count:
            values = self.effect + self.sd * rng.standard_normal(max(64, 2 * count))
            kept = np.concatenate([kept, values[(values >= self.low) & (values <= self.high)]])
        return kept[:count]

    def _share(self) -> float:
        from scipy.special import ndtr

        return float(ndtr((self.high - self.effect) / self.sd) - ndtr((self.low - self.effect) / self.sd))


def _pair(bounds: Sequence[float]) -> tuple[float, float]:
    try:
        low, high = (float(value) for value in bounds)
    except (TypeError, ValueError):
        low, high = np.nan, np.nan
    if not 0 < low < high < np.inf:
        raise InputError(f"bounds={bounds!r}: give two factors above 0, the lower one first, such as (1, 3).")
    return low, high
