"""The parameters of simulated miRNAs: given ones checked, the others drawn at the size that real fits have.

:data:`TYPICAL` comes from fits by maximum likelihood of all expressed miRNAs of two real data sets: human amygdala, 14
samples and 188 miRNAs (GEO GSE97285), and TCGA head and neck cancer, 20 samples and 112 miRNAs. Medians there (10 % and
90 % quantiles in brackets), by ``benchmarks/simulation_defaults.py``, which keeps the table:

======================  =======================  =======================
isomiR intercept SD     1.96 (1.56 to 2.49)      2.19 (1.56 to 2.87)
isomiR slope SD         0.06 (0.01 to 0.17)      0.10 (0.02 to 0.37)
sample SD               0.32 (0.16 to 0.56)      0.45 (0.28 to 0.75)
theta                   21.9 (11.9 to 49.7)      3.3 (2.0 to 5.5)
intercept, log CPM      1.6 (0.9 to 2.2)         2.4 (1.5 to 3.4)
isomiRs                 21 (11 to 46)            11.5 (6 to 22)
reads, millions         5.1 (3.6 to 6.6)         5.2 (2.9 to 7.5)
======================  =======================  =======================

Two fifths of the slope SDs are below 0.05, hardly more than zero. In sorted blood monocytes (three miRNAs of the
R package's example) they are 0.46 to 0.65. So a share of the simulated miRNAs has no isomiR slopes, and the
others have a median SD of 0.3, which is large enough to be found and small enough to be missed.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from bayes_mirglmm.design.blocks import slope_columns
from bayes_mirglmm.design.build import Design
from bayes_mirglmm.errors import InputError
from bayes_mirglmm.model import ModelSpec
from bayes_mirglmm.model.scaling import to_user
from bayes_mirglmm.suggest import did_you_mean

#: A number for all miRNAs (or samples), one for each, or None to draw them.
Values = float | Sequence[float] | np.ndarray | None


class LogNormal(NamedTuple):
    """A log-normal distribution by its median and the SD of the logarithm."""

    median: float
    log_sd: float

    def draw(self, rng: np.random.Generator, size: int) -> np.ndarray:
        """Draw ``size`` values."""
        return self.median * np.exp(self.log_sd * rng.standard_normal(size))


TYPICAL = {
    "n_isomirs": LogNormal(14.0, 0.6),
    "library_size": LogNormal(5e6, 0.4),
    "sd_isomir_intercept": LogNormal(2.0, 0.2),
    "sd_isomir_slope": LogNormal(0.3, 0.5),
    "sd_isomir_nuisance": LogNormal(0.3, 0.5),
    "sd_sample": LogNormal(0.4, 0.4),
    "sd_term": LogNormal(0.4, 0.4),  # as replicates: patients, litters, batches
    "theta": LogNormal(9.0, 0.8),
}
INTERCEPT_MEAN, INTERCEPT_SD = 2.0, 0.7  # log CPM of an isomiR
CORRELATIONS = (-0.5, 0.5)  # isomiR intercept with slope: uniform
MIN_ISOMIRS = 3

STREAMS = (
    "n_isomirs",
    "library_size",
    "intercept",
    "changed",
    "log_fc",
    "covariates",
    "usage",
    "sd_isomir_intercept",
    "sd_isomir_slope",
    "sd_isomir_nuisance",
    "correlation",
    "sd_sample",
    "theta",
    "isomir_effects",
    "sample_effects",
    "dispersion",
    "counts",
    "sequences",
    "sd_term",
    "term_effects",
)


@dataclass(frozen=True)
class Parameters:
    """The parameters of M miRNAs with p fixed effects and K columns of isomiR effects."""

    beta: np.ndarray  #: (M, p), in the user's units
    root: np.ndarray  #: (M, K, K), square root of the covariance of isomiR effects, in the user's units
    sd_sample: np.ndarray  #: (M,), 0 in a model without sample effects
    theta: np.ndarray  #: (M,), inf for Poisson counts
    usage: np.ndarray  #: (M,) bool: isomiR slopes of the slope variable vary


def draw_parameters(
    design: Design,
    spec: ModelSpec,
    rngs: Mapping[str, np.random.Generator],
    count: int,
    given: Mapping[str, Values],
    beta: Mapping[str, Values],
    shares: Mapping[str, float],
    effect_sds: Mapping[str, float],
) -> Parameters:
    """Draw the parameters of ``count`` miRNAs; :func:`bayes_mirglmm.simulation.from_model.simulate` says how.

    Raises
    ------
    InputError
        A given value has the wrong length or is out of range, or ``beta`` names a term that the design lacks.
    """
    _refuse_unused(given, spec, design)
    fixed = _fixed_effects(design, rngs, count, beta, shares["changed"], effect_sds)
    root, usage = _isomir_roots(design, spec, rngs, count, given, shares["usage"])
    sd_sample, theta = np.zeros(count), np.full(count, np.inf)
    if spec.sample_intercept:
        sd_sample = in_range("sd_sample", _typical("sd_sample", given, rngs, count), 0.0)
    if spec.family == "negative_binomial":
        theta = in_range("theta", _typical("theta", given, rngs, count), 0.0, above=True, finite=False)
    return Parameters(fixed, root, sd_sample, theta, usage)


def _isomir_roots(
    design: Design,
    spec: ModelSpec,
    rngs: Mapping[str, np.random.Generator],
    count: int,
    given: Mapping[str, Values],
    share: float,
) -> tuple[np.ndarray, np.ndarray]:
    """Return square roots (M, K, K) of the isomiR effects' covariances, and which miRNAs have slopes (M,)."""

    def sd(name: str) -> np.ndarray:
        return in_range(name, _typical(name, given, rngs, count), 0.0)

    columns = spec.random_columns(design.blocks)
    blocks = np.array([design.blocks[k] for k in columns])
    slopes = np.flatnonzero((blocks == 0) & (np.arange(len(blocks)) > 0))
    sd_slope = sd("sd_isomir_slope")
    one_for_each = given["sd_isomir_slope"] is not None and not np.isscalar(given["sd_isomir_slope"])
    if not one_for_each:
        sd_slope = np.where(_chosen(share, count, rngs["usage"]), sd_slope, 0.0)
    rho = given["correlation"]
    rho = per_item("correlation", rho, count, lambda: rngs["correlation"].uniform(*CORRELATIONS, count))
    in_range("correlation", rho, -1.0, 1.0)

    factor = np.zeros((count, len(blocks), len(blocks)))
    nuisances = np.flatnonzero(blocks > 0)
    factor[:, 0, 0] = sd("sd_isomir_intercept")
    factor[:, nuisances, nuisances] = sd("sd_isomir_nuisance")[:, None]
    factor[:, slopes, 0] = (rho * sd_slope)[:, None]
    factor[:, slopes, slopes] = (np.sqrt(1 - rho**2) * sd_slope)[:, None]
    usage = (sd_slope > 0) if len(slopes) else np.zeros(count, dtype=bool)
    return np.einsum("kl,mlj->mkj", to_user(design.z[:, columns]), factor), usage


def _typical(
    name: str, given: Mapping[str, Values], rngs: Mapping[str, np.random.Generator], count: int
) -> np.ndarray:
    return per_item(name, given[name], count, lambda: TYPICAL[name].draw(rngs[name], count))


def _fixed_effects(
    design: Design,
    rngs: Mapping[str, np.random.Generator],
    count: int,
    given: Mapping[str, Values],
    changed: float,
    effect_sds: Mapping[str, float],
) -> np.ndarray:
    """Return beta (M, p) in the user's units."""
    for term in given:
        if term not in design.terms:
            raise InputError(
                f"beta names {term!r}, which is not a coefficient of {design.formula!r}."
                f"{did_you_mean(term, design.terms)} Its coefficients are: {', '.join(design.terms)}."
            )
    explicit = {
        term: in_range(f"beta[{term!r}]", per_item(f"beta[{term!r}]", values, count, lambda: np.zeros(count)))
        for term, values in given.items()
        if values is not None
    }
    of_slope = {design.slope_terms[k] for k in slope_columns(design.blocks)}
    units = to_user(design.x)
    has_changed = _chosen(changed, count, rngs["changed"])
    scaled = np.empty((count, len(design.terms)))
    for k, term in enumerate(design.terms):
        if k == 0:
            drawn = INTERCEPT_MEAN + INTERCEPT_SD * rngs["intercept"].standard_normal(count)
        elif term in of_slope:
            drawn = has_changed * effect_sds["log_fc_sd"] * rngs["log_fc"].standard_normal(count)
        else:
            drawn = effect_sds["covariate_sd"] * rngs["covariates"].standard_normal(count)
        scaled[:, k] = explicit[term] / units[k, k] if k > 0 and term in explicit else drawn
    beta = np.einsum("kl,ml->mk", units, scaled)
    beta[:, 0] = explicit.get(design.terms[0], beta[:, 0])
    return beta


def _refuse_unused(given: Mapping[str, Values], spec: ModelSpec, design: Design) -> None:
    """Refuse a given value of a parameter that the model does not have."""
    slope = spec.isomir_slope and design.slope is not None
    has = {
        "sd_isomir_slope": (slope, "isomiR slope"),
        "correlation": (slope, "isomiR slope"),
        "sd_isomir_nuisance": (bool(design.nuisance), "nuisance variable"),
        "sd_sample": (spec.sample_intercept, "sample intercept"),
        "theta": (spec.family == "negative_binomial", "theta"),
    }
    for name, (present, what) in has.items():
        if given[name] is not None and not present:
            raise InputError(
                f"{name} is given, but model {spec.name!r} with {design.formula!r} has no {what}: leave it "
                "out, or choose another model or design."
            )


def per_item(name: str, given: Values, count: int, draw: Callable[[], np.ndarray]) -> np.ndarray:
    """Return ``given`` as a float array of length ``count``, or what ``draw`` gives for None."""
    if given is None:
        return draw()
    try:
        values = np.asarray(given, dtype=np.float64)
    except (TypeError, ValueError):
        values = np.empty((0, 0))  # a shape that nothing asks for
    if values.ndim == 0:
        return np.full(count, float(values))
    if values.shape != (count,):
        raise InputError(f"{name}={given!r}: give a number, or a sequence of {count} numbers.")
    return values.copy()


def in_range(
    name: str,
    values: np.ndarray,
    low: float = -np.inf,
    high: float = np.inf,
    *,
    above: bool = False,
    finite: bool = True,
) -> np.ndarray:
    """Return ``values`` when all are finite numbers from ``low`` (``above`` it) to ``high``."""
    good = (values > low if above else values >= low) & (values <= high)
    if finite:
        good &= np.isfinite(values)
    if not good.all():
        at = int(np.argmin(good))
        limits = [f"{'above' if above else 'from'} {low:g}"] if low > -np.inf else []
        limits += [f"up to {high:g}"] if high < np.inf else []
        allowed = " ".join(["a finite number" if finite else "a number", *limits])
        alike = np.array_equal(values, np.full_like(values, values[0]), equal_nan=True)
        place = "" if alike else f" (position {at})"
        raise InputError(f"{name}: {values[at]:g}{place} is not {allowed}.")
    return values


def one_number(name: str, given: float, low: float, high: float = np.inf) -> float:
    """Return ``given`` as a float when it is a finite number from ``low`` to ``high``."""
    if isinstance(given, bool) or not isinstance(given, int | float | np.number):
        raise InputError(f"{name}={given!r}: give a number.")
    return float(in_range(name, np.array([float(given)]), low, high)[0])


def _chosen(share: float, count: int, rng: np.random.Generator) -> np.ndarray:
    """Return a mask of ``round(share * count)`` miRNAs chosen at random."""
    mask = np.zeros(count, dtype=bool)
    mask[rng.permutation(count)[: round(share * count)]] = True
    return mask
