"""Whether the chains of one miRNA have mixed: r-hat, effective sizes, divergences."""

from typing import NamedTuple

import numpy as np
from scipy import special

from bayes_mirglmm.model.covariance import correlation
from bayes_mirglmm.nuts.draws import Quantities
from bayes_mirglmm.outcomes import LARGEST_R_HAT, SMALLEST_ESS

CHANCE = 0.01  # that the largest r-hat of chains that have mixed is above what is called noise


class Diagnostics(NamedTuple):
    """Of one run; the worst over all reported quantities of the miRNA, or, for effective sizes, over beta and SDs."""

    r_hat: float
    """Largest rank-normalised split r-hat of fixed effects, SDs, correlations, theta, and of all random effects."""
    worst: str
    """The quantity that has it."""
    ess_bulk: float
    """Smallest effective size for means, of fixed effects, SDs and theta."""
    ess_tail: float
    """Smallest effective size for the ends of intervals, of the same."""
    divergences: int
    saturated: int
    """Draws whose trajectory was cut off at the longest length allowed."""
    steps: float
    """Gradients for each draw."""
    noise: float = 1.0
    """The largest r-hat that chains of so many effective draws have by chance, once in a hundred runs."""

    @property
    def mixed(self) -> bool:
        """Whether the chains agree, as far as so few draws can tell: what more care can mend, not only more draws."""
        return not self.divergences and self.r_hat <= max(LARGEST_R_HAT, self.noise)

    def complaints(self) -> list[str]:
        """Return what is wrong, a clause each; nothing for a sound run."""
        found = []
        if self.divergences:
            found.append(f"{self.divergences} divergence{'s' if self.divergences > 1 else ''}")
        if not self.r_hat <= LARGEST_R_HAT:
            found.append(f"r-hat {self.r_hat:.3f} of {self.worst} (limit {LARGEST_R_HAT})")
        if not self.ess_bulk >= SMALLEST_ESS:
            found.append(f"bulk ESS {self.ess_bulk:.0f} (limit {SMALLEST_ESS:.0f})")
        return found


def diagnose(draws: Quantities, divergences: int, saturated: int, steps: float) -> Diagnostics:
    """Return the diagnostics of draws with leading dims (chain, draw)."""
    from arviz_stats.base import array_stats

    outer = _outer(draws)
    names = list(outer)
    columns = np.stack(list(outer.values()), axis=-1)
    effects = {"b": draws.b, "random_effect": draws.random_effect}
    if draws.sigma_sample.any():
        effects["u"] = draws.u
    labels = [
        f"{name}[{','.join(map(str, i))}]" for name, d in effects.items() for i in np.ndindex(*d.shape[2:])
    ]
    parts = [d.reshape(*d.shape[:2], -1) for d in effects.values()]
    flat = np.concatenate([columns, *parts], axis=-1)
    axes = {"chain_axis": 0, "draw_axis": 1}
    r_hat = np.nan_to_num(array_stats.rhat(_two_chains(flat), **axes), nan=np.inf)
    worst = int(np.argmax(r_hat))
    of_interest = [k for k, name in enumerate(names) if not name.startswith("correlation")]
    return Diagnostics(
        r_hat=float(r_hat[worst]),
        worst=[*names, *labels][worst],
        ess_bulk=float(np.min(array_stats.ess(columns[..., of_interest], method="bulk", **axes))),
        ess_tail=float(
            np.min(array_stats.ess(columns[..., of_interest], method="tail", prob=(0.05, 0.95), **axes))
        ),
        divergences=divergences,
        saturated=saturated,
        steps=steps,
        noise=_noise(_two_chains(flat[..., worst]), flat.shape[-1]),
    )


def _noise(draws: np.ndarray, quantities: int) -> float:
    """Return the largest r-hat by chance of so many quantities, from the draws (chain, draw) of the one that has it.

    The means of m halves of mixed chains differ as their effective draws say, so that r-hat^2 - 1 is m / ESS times
    chi-squared / (m - 1). That size comes from within chains: between them is what r-hat looks at.
    """
    from arviz_stats.base import array_stats

    m = 2 * len(draws)
    folded = np.abs(draws - np.median(draws))
    sizes = [
        sum(float(array_stats.ess(chain[None], method="bulk", chain_axis=0, draw_axis=1)) for chain in kind)
        for kind in (draws, folded)
    ]
    size = np.nanmin([*sizes, np.inf])
    quantile = special.chdtri(m - 1, CHANCE / (2 * quantities))
    return float(np.sqrt(1.0 + m / size * quantile / (m - 1)))


def _two_chains(draws: np.ndarray) -> np.ndarray:
    """Return draws (chain, draw, ...), a single chain as its two halves: r-hat compares chains."""
    if draws.shape[0] > 1:
        return draws
    half = draws.shape[1] // 2
    return draws[0, : 2 * half].reshape(2, half, *draws.shape[2:])


def _outer(draws: Quantities) -> dict[str, np.ndarray]:
    """Return fixed effects, SDs, correlations and log theta, each (chain, draw)."""
    found = {f"beta[{k}]": draws.beta[..., k] for k in range(draws.beta.shape[-1])}
    sd = np.sqrt(np.einsum("...kk->...k", draws.omega))
    size = sd.shape[-1]
    found |= {f"sd_isomir[{k}]": sd[..., k] for k in range(size)}
    for a in range(size):
        for b in range(a):
            rho = correlation(draws.omega, a, b)
            if rho.any():
                found[f"correlation[{a},{b}]"] = rho
    of_terms = np.sqrt(np.einsum("...kk->...k", draws.random_cov))
    found |= {f"sd_random[{k}]": of_terms[..., k] for k in range(of_terms.shape[-1])}
    if draws.sigma_sample.any():
        found["sd_sample"] = draws.sigma_sample
    if np.isfinite(draws.log_theta).all():
        found["theta"] = draws.log_theta
    return found
