"""One miRNA, one model, by NUTS: a first attempt, and more draws or more care where that has trouble."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from bayes_mirglmm.interruption import POLL, stop_point
from bayes_mirglmm.nuts.backend import compiled_model
from bayes_mirglmm.nuts.data import Prepared
from bayes_mirglmm.nuts.diagnostics import Diagnostics, diagnose
from bayes_mirglmm.nuts.draws import Quantities, quantities

START_SPREAD = 1.5  # rough posterior SDs by which the starts of chains scatter
LONGEST_TREE = 10  # doublings of a trajectory
#: Statistics of draws, by our name (ArviZ's) and nutpie's.
STATS = {
    "diverging": "diverging",
    "energy": "energy",
    "lp": "logp",
    "n_steps": "n_steps",
    "tree_depth": "depth",
    "acceptance_rate": "mean_tree_accept",
}
DRAWS_FOR_ESS = 3200  # who asks for fewer than the default has asked for fewer effective draws
LONGER = 3  # times the draws, of which every third is kept, where chains agree and only draws are missing
CAREFUL_TARGET = 0.99
CAREFUL_THINNING = 2


@dataclass(frozen=True, slots=True)
class Settings:
    """How long and how carefully to sample."""

    draws: int = 800  #: kept of each chain
    tune: int = 250  #: draws before, of each chain
    chains: int = 4
    target_accept: float = 0.9
    cores: int = 1  #: chains side by side; the draws do not depend on it


@dataclass(frozen=True, slots=True)
class Sampled:
    """The draws of one model of one miRNA."""

    prepared: Prepared  #: that of the attempt that is kept
    points: np.ndarray  #: (chains, draws, d)
    stats: dict[str, np.ndarray]  #: what nutpie says of each draw (chains, draws)
    draws: Quantities  #: leading dims (chains, draws)
    diagnostics: Diagnostics
    attempts: int
    gradients: int  #: of all attempts


def sample(prepared: Prepared, settings: Settings, seed: int) -> Sampled:
    """Sample, and sample again where diagnostics complain; the better attempt is kept.

    Where chains agree as far as their effective draws can tell, only draws are missing: the second attempt is longer.
    Otherwise it takes smaller steps, tunes longer, keeps every second of twice as many draws, and samples isomiR slopes
    non-centred, which suits SDs near 0.

    Parameters
    ----------
    prepared : Prepared
    settings : Settings
    seed : int
        Of everything random, with the number of the attempt.
    """
    first = _attempt(prepared, settings, 1, seed, thin=1, number=1)
    if not first.diagnostics.complaints():
        return first
    if first.diagnostics.mixed:
        if settings.chains * settings.draws < DRAWS_FOR_ESS:
            return first
        second = _attempt(prepared, settings, LONGER, seed, thin=LONGER, number=2)
    else:
        careful = replace(
            settings,
            tune=4 * settings.tune,
            target_accept=max(CAREFUL_TARGET, settings.target_accept),
        )
        second = _attempt(
            prepared.non_centred(), careful, CAREFUL_THINNING, seed, thin=CAREFUL_THINNING, number=2
        )
    better = min(second, first, key=_trouble)
    return replace(better, attempts=2, gradients=first.gradients + second.gradients)


def _trouble(run: Sampled) -> tuple[int, float]:
    return len(run.diagnostics.complaints()), run.diagnostics.r_hat


def _wait(running: Any) -> Any:
    """Return the trace of a running sampler, looking now and then for a wish to stop."""
    try:
        while True:
            stop_point()
            try:
                return running.wait(timeout=POLL)
            except TimeoutError:
                continue
    except BaseException:  # nutpie itself would take Ctrl-C for "enough", and return what it has
        running.cancel()
        raise


def _attempt(
    prepared: Prepared, settings: Settings, factor: int, seed: int, *, thin: int, number: int
) -> Sampled:
    import nutpie

    def initial_point(chain_seed: int) -> np.ndarray:
        scatter = np.random.default_rng(chain_seed).standard_normal(len(prepared.start))
        return prepared.start + START_SPREAD * prepared.spread * scatter

    streams = np.random.SeedSequence([seed, number]).generate_state(2, np.uint32)
    model = compiled_model(prepared.pack(), prepared.layout.size, initial_point)
    running = nutpie.sample(
        model,
        blocking=False,
        draws=factor * settings.draws,
        tune=settings.tune,
        chains=settings.chains,
        cores=settings.cores,
        seed=int(streams[0]),
        target_accept=settings.target_accept,
        maxdepth=LONGEST_TREE,
        save_warmup=False,
        progress_bar=False,
    )
    trace = _wait(running)
    stats = trace["sample_stats"]
    points = np.ascontiguousarray(trace["posterior"]["point"].values[:, ::thin])
    found = quantities(prepared, points, np.random.default_rng(int(streams[1])))
    steps = stats["n_steps"].values
    diagnostics = diagnose(
        found,
        divergences=int(stats["diverging"].values.sum()),
        saturated=int((stats["depth"].values >= LONGEST_TREE).sum()),
        steps=float(steps.mean()),
    )
    kept = {name: stats[theirs].values[:, ::thin] for name, theirs in STATS.items()}
    return Sampled(prepared, points, kept, found, diagnostics, number, int(steps.sum()))
