"""Data with known truth, drawn from the model."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from bayes_mirglmm.counts.container import MAX_COUNT, make_counts
from bayes_mirglmm.design.build import build_design
from bayes_mirglmm.design.sample_covariance import checked_covariance
from bayes_mirglmm.errors import InputError
from bayes_mirglmm.kernels.covariance import symmetric_root
from bayes_mirglmm.model import ModelSpec, TermPriors, load_model
from bayes_mirglmm.simulation.export import BACKGROUND
from bayes_mirglmm.simulation.parameters import (
    MIN_ISOMIRS,
    STREAMS,
    TYPICAL,
    Parameters,
    Values,
    draw_parameters,
    in_range,
    one_number,
    per_item,
)
from bayes_mirglmm.simulation.random_terms import draw_effects, draw_term_roots, on_samples
from bayes_mirglmm.simulation.sequences import MAX_ISOMIRS, make_isomirs
from bayes_mirglmm.simulation.streams import streams
from bayes_mirglmm.simulation.truth import Simulation, Truth, make_truth

__all__ = ["Simulation", "Truth", "simulate"]

_FULL = 0.5  # largest expected share of a library that miRNAs with drawn intercepts take up


def simulate(
    n_per_group: int | Sequence[int] = 10,
    groups: Sequence[str] = ("A", "B"),
    *,
    samples: pd.DataFrame | None = None,
    formula: str = "~ group",
    slope: str | None = None,
    reference: Mapping[str, object] | None = None,
    nuisance: str | Sequence[str] = (),
    model: str | Path | ModelSpec = "mirglmm",
    n_mirnas: int = 200,
    n_isomirs: int | Sequence[int] | np.ndarray | None = None,
    library_size: Values = None,
    changed: float = 0.2,
    log_fc_sd: float = 1.0,
    covariate_sd: float = 0.3,
    beta: Mapping[str, Values] | None = None,
    usage: float = 0.5,
    sd_isomir_intercept: Values = None,
    sd_isomir_slope: Values = None,
    sd_isomir_nuisance: Values = None,
    correlation: Values = None,
    sd_sample: Values = None,
    theta: Values = None,
    sd_term: Values | Mapping[str, Values] = None,
    sample_covariance: np.ndarray | pd.DataFrame | None = None,
    seed: int = 1,
) -> Simulation:
    """Simulate isomiR counts from the model, with known truth.

    What is not given is drawn for each miRNA at the size found in real data
    (:data:`bayes_mirglmm.simulation.parameters.TYPICAL`). A given parameter is one number for all miRNAs or a
    sequence with one for each; it leaves the draws of all others as they were.

    Parameters
    ----------
    n_per_group : int or sequence of int
        Samples in each group.
    groups : sequence of str
        Names of the groups, the reference first; they make the sample column ``group``.
    samples : pandas.DataFrame, optional
        A sample table indexed by sample name, in place of ``n_per_group`` and ``groups``.
    formula, slope, reference, nuisance
        The design, see :func:`bayes_mirglmm.design.build.build_design`; the formula may have random terms of the
        samples, ``"~ group + (1 | patient)"``.
    model : str, Path or ModelSpec
        Family and random effects; the priors play no part.
    n_mirnas : int
    n_isomirs : int or sequence of int, optional
        IsomiRs of each miRNA, from 1 to 3000; drawn from 3 up with median 14 when omitted.
    library_size : float or sequence, optional
        Reads of each sample; drawn around 5 million when omitted.
    changed : float
        Share of miRNAs whose coefficients of the slope variable are not 0.
    log_fc_sd : float
        Their SD (natural log; normal around 0).
    covariate_sd : float
        SD of all other coefficients but the intercept, in every miRNA.
    beta : mapping, optional
        Coefficients given instead of drawn, by term, such as ``{"group[T.B]": 1.0}``. ``"Intercept"`` is log
        CPM of an isomiR.
    usage : float
        Share of miRNAs whose isomiRs have slopes; ``sd_isomir_slope`` is 0 in the others. A sequence for
        ``sd_isomir_slope`` is taken as it is.
    sd_isomir_intercept, sd_isomir_slope, sd_isomir_nuisance : float or sequence, optional
        SDs of isomiR effects: intercept, columns of the slope variable, columns of nuisance variables.
    correlation : float or sequence, optional
        Correlation of isomiR intercept and slope. Several slopes are independent given the intercept.
    sd_sample : float or sequence, optional
        SD of the sample effects.
    theta : float or sequence, optional
        Negative binomial size; inf for Poisson counts.
    sd_term : float, sequence or mapping, optional
        SDs of the effects of random terms, of a continuous column's per its standard deviation; a mapping gives them by
        grouping or effect, ``{"patient": 0.5, "patient: time": 0.1}``. Effects of one term are independent.
    sample_covariance : array or pandas.DataFrame, shape (n, n), optional
        Covariance of the sample effects up to ``sd_sample`` squared; independent samples without it.
    seed : int
        The same seed gives the same data on any machine (NumPy's PCG64, a stream for each parameter).

    Returns
    -------
    Simulation

    Raises
    ------
    InputError
        An argument has the wrong length or is out of range, the design cannot be built, or the miRNAs would
        need more reads than a library has.

    Notes
    -----
    Drawn coefficients and the SDs of isomiR slopes are per standard deviation of a continuous column, like
    the priors (:mod:`bayes_mirglmm.model.scaling`); coefficients in ``beta``, and the truth, are in the
    user's units. Drawn intercepts are lowered together where the miRNAs would otherwise take up more than
    half of a library. Within a miRNA isomiRs are sorted by their level in an average sample, the
    canonical sequence first.

    Examples
    --------
    >>> simulation = simulate(5, ("ctrl", "case"), n_mirnas=50, theta=10.0, seed=3)
    >>> simulation.counts.sizes["sample"]
    10
    """
    if beta is not None and not isinstance(beta, Mapping):
        raise InputError(f"beta={beta!r}: give a mapping of terms to values, as in {{'group[T.B]': 1.0}}.")
    beta = beta or {}
    rngs = streams(seed, STREAMS)
    spec = load_model(model)
    count = _whole("n_mirnas", n_mirnas, 1)
    if samples is None:
        samples = _group_table(n_per_group, groups)
        if reference is None and "group" in formula:
            reference = {"group": str(groups[0])}
    design = build_design(samples, formula, slope=slope, reference=reference, nuisance=nuisance)
    n = len(design.samples)
    size = _library_sizes(library_size, n, rngs["library_size"])
    j = _isomir_numbers(n_isomirs, count, rngs["n_isomirs"])
    parameters = draw_parameters(
        design,
        spec,
        rngs,
        count,
        given={
            "sd_isomir_intercept": sd_isomir_intercept,
            "sd_isomir_slope": sd_isomir_slope,
            "sd_isomir_nuisance": sd_isomir_nuisance,
            "correlation": correlation,
            "sd_sample": sd_sample,
            "theta": theta,
        },
        beta=beta,
        shares={
            "changed": one_number("changed", changed, 0.0, 1.0),
            "usage": one_number("usage", usage, 0.0, 1.0),
        },
        effect_sds={
            "log_fc_sd": one_number("log_fc_sd", log_fc_sd, 0.0),
            "covariate_sd": one_number("covariate_sd", covariate_sd, 0.0),
        },
    )
    terms = TermPriors.of(spec.priors, design.random)  # for its units; the priors play no part
    term_root = draw_term_roots(terms, design.random, sd_term, count, rngs["sd_term"])
    term_effects = draw_effects(term_root, design.random, rngs["term_effects"])
    covariance = checked_covariance(sample_covariance, design.samples)
    columns = spec.random_columns(design.blocks)
    owner = np.repeat(np.arange(count), j)
    b = _isomir_effects(parameters, owner, design.z[:, columns], rngs["isomir_effects"])
    w = rngs["sample_effects"].standard_normal((count, n))
    if covariance is not None:
        w = np.einsum("ij,mj->mi", symmetric_root(covariance), w)
    u = parameters.sd_sample[:, None] * w
    # einsum, not BLAS: the same sums in the same order everywhere
    level = np.einsum("mk,ik->mi", parameters.beta, design.x) + u + on_samples(term_effects, design.random)
    log_mu = np.log(size / 1e6) + level[owner] + np.einsum("jk,ik->ji", b, design.z[:, columns])
    log_mu += _log_gamma_factors(parameters.theta[owner], n, rngs["dispersion"])
    largest = _log_largest_share(log_mu, size)
    if beta.get("Intercept") is None:
        shift = min(0.0, np.log(_FULL) - largest)
        parameters.beta[:, 0] += shift
        log_mu += shift
    elif not largest < 0:
        raise InputError(
            f"the miRNAs would take up {np.exp(min(largest, 700.0)):.3g} times the reads of a library: lower "
            "beta['Intercept'] or n_mirnas, or raise library_size."
        )
    y = _draw_counts(log_mu, size, rngs["counts"])

    mirnas = np.array([f"sim-miR-{m + 1}" for m in range(count)], dtype=object)
    counts = _container(y, size, mirnas[owner], j, samples, rngs["sequences"], int(seed))
    isomirs = counts["isomir"].values[:-1]
    truth = make_truth(parameters, design, columns, isomirs, mirnas, owner, b, u, term_root, term_effects)
    return Simulation(counts, truth, design, spec, int(seed))


def _isomir_effects(
    parameters: Parameters, owner: np.ndarray, z: np.ndarray, rng: np.random.Generator
) -> np.ndarray:
    """Return b (I, K), sorted within each miRNA by the level that it gives in an average sample."""
    v = rng.standard_normal((len(owner), z.shape[1]))
    b = np.einsum("jkl,jl->jk", parameters.root[owner], v)
    level = np.einsum("jk,k->j", b, z.mean(axis=0))
    return b[np.lexsort((-level, owner))]


def _log_gamma_factors(theta: np.ndarray, n: int, rng: np.random.Generator) -> np.ndarray:
    """Return the logs (I, n) of gamma factors with mean 1 and shape theta: with them, Poisson counts are NB.

    Unlike a draw of the negative binomial itself this loses no precision however large theta is.
    """
    result = np.zeros((len(theta), n))
    finite = np.isfinite(theta)
    shape = theta[finite, None]
    with np.errstate(divide="ignore"):  # a factor that underflows to 0 is a count of 0
        result[finite] = np.log(rng.standard_gamma(np.broadcast_to(shape, (len(shape), n))) / shape)
    return result


def _log_largest_share(log_mu: np.ndarray, size: np.ndarray) -> float:
    """Return the log of the largest share of a library that the miRNAs take up."""
    highest = float(log_mu.max())
    if not np.isfinite(highest):
        return highest
    return float(np.log((np.exp(log_mu - highest).sum(axis=0) / size).max())) + highest


def _draw_counts(log_mu: np.ndarray, size: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return counts (I + 1, n), the background last."""
    y = rng.poisson(np.exp(log_mu))
    rest = size.astype(np.int64) - y.sum(axis=0)
    if (rest < 0).any():
        raise InputError(
            "by chance the miRNAs have more reads than a library: choose another seed, lower "
            "beta['Intercept'] or n_mirnas, or raise library_size."
        )
    return np.vstack([y, rest])


def _container(
    y: np.ndarray,
    size: np.ndarray,
    mirna: np.ndarray,
    j: np.ndarray,
    samples: pd.DataFrame,
    rng: np.random.Generator,
    seed: int,
) -> xr.Dataset:
    sequences, variants = make_isomirs(j, rng)
    return make_counts(
        y,
        isomir=[*sequences, BACKGROUND],
        mirna=[*mirna, BACKGROUND],
        sample=[str(name) for name in samples.index],
        sequence=[*sequences, ""],
        annotation=pd.DataFrame({"variant": [*variants, ""]}),
        samples=samples,
        total=size.astype(np.int64).tolist(),
        source=f"simulate(seed={seed})",
        format="simulation",
    )


def _library_sizes(given: Values, n: int, rng: np.random.Generator) -> np.ndarray:
    """Return whole numbers of reads (n,) as floats."""
    size = per_item("library_size", given, n, lambda: TYPICAL["library_size"].draw(rng, n))
    return np.rint(in_range("library_size", size, 1.0, float(MAX_COUNT)))


def _group_table(n_per_group: int | Sequence[int], groups: Sequence[str]) -> pd.DataFrame:
    names = [groups] if isinstance(groups, str) else [str(group) for group in groups]
    if not names or len(set(names)) < len(names) or not all(name.strip() for name in names):
        raise InputError(
            f"groups={groups!r}: give the distinct names of one group or more, the reference first."
        )
    sizes = [n_per_group] * len(names) if isinstance(n_per_group, int | np.integer) else list(n_per_group)
    if len(sizes) != len(names):
        raise InputError(f"n_per_group={n_per_group!r} has {len(sizes)} numbers for {len(names)} groups.")
    numbers = [_whole("n_per_group", size, 1) for size in sizes]
    column = [name for name, size in zip(names, numbers, strict=True) for _ in range(size)]
    index = [f"{name}_{i + 1}" for name, size in zip(names, numbers, strict=True) for i in range(size)]
    return pd.DataFrame({"group": column}, index=pd.Index(index, name="sample"))


def _whole(name: str, value: Any, low: int, high: int | None = None) -> int:
    whole = isinstance(value, int | np.integer) and not isinstance(value, bool)
    if not whole or value < low or (high is not None and value > high):
        allowed = f"{low} or more" if high is None else f"from {low} to {high}"
        raise InputError(f"{name}={value!r}: give an integer, {allowed}.")
    return int(value)


def _isomir_numbers(
    given: int | Sequence[int] | np.ndarray | None, count: int, rng: np.random.Generator
) -> np.ndarray:
    if given is None:
        drawn = np.rint(TYPICAL["n_isomirs"].draw(rng, count)).astype(np.int64)
        return np.clip(drawn, MIN_ISOMIRS, MAX_ISOMIRS)
    values = per_item("n_isomirs", given, count, lambda: np.zeros(count))
    numbers = in_range("n_isomirs", values, 1, MAX_ISOMIRS)
    if (numbers % 1 != 0).any():
        raise InputError(f"n_isomirs: {numbers[numbers % 1 != 0][0]:g} is not a whole number of isomiRs.")
    return numbers.astype(np.int64)
