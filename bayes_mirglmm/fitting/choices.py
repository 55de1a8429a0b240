"""The choices of a fit, checked as far as their words go: before counts are read, where there are files to read."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from numbers import Real
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np

from bayes_mirglmm.counts.offsets import check_offset
from bayes_mirglmm.design.words import parse_words
from bayes_mirglmm.errors import InputError
from bayes_mirglmm.fitting.learning import check_priors
from bayes_mirglmm.fitting.shards import Shard, as_shard
from bayes_mirglmm.methods.loop import resolve_jobs
from bayes_mirglmm.methods.options import Options, check_samples, resolve_options, resolve_settings
from bayes_mirglmm.methods.registry import method_named
from bayes_mirglmm.model import ModelSpec, Priors, load_model
from bayes_mirglmm.results.selection import check_prob
from bayes_mirglmm.results.shared_samples import SHARED, check_fixed_alone
from bayes_mirglmm.results.usage_choice import CHOICES, check_known_test


@dataclass(frozen=True)
class Choices:
    """What the words of a fit come to."""

    options: Options
    settings: Any
    """Of the method; None where it has none."""
    shard: Shard | None
    max_seconds: float | None


def check_choices(
    formula: str,
    *,
    slope: str | None = None,
    reference: Mapping[str, object] | None = None,
    method: str = "ml",
    offset: str = "total",
    model: str | Path | ModelSpec = "mirglmm",
    priors: str | Priors | None = None,
    curvature: str | None = None,
    criterion: str | None = None,
    df: str | None = None,
    preset: str | None = None,
    samples: str = "independent",
    prob: float = 0.95,
    nuisance: str | Sequence[str] = (),
    usage_test: str = "auto",
    draws: int | None = None,
    chains: int | None = None,
    tune: int | None = None,
    target_accept: float | None = None,
    n_jobs: int = 1,
    seed: int = 1,
    max_seconds: float | None = None,
    ledger: str | PathLike[str] | None = None,
    resume: bool = False,
    shard: str | tuple[int, int] | None = None,
) -> Choices:
    """Check the arguments of :func:`~bayes_mirglmm.fitting.fit.fit` that stand by themselves, without counts.

    Raises
    ------
    InputError
        One is unknown or out of range, contradicts another, or the formula cannot be used.
    """
    check_prob(prob)
    resolve_jobs(n_jobs)
    if isinstance(seed, bool) or not isinstance(seed, int | np.integer) or seed < 0:
        raise InputError(f"seed={seed!r}: give an integer, 0 or more.")
    spec = model if isinstance(model, ModelSpec) else load_model(model)
    check_priors(priors, method)
    if isinstance(priors, Priors):
        spec = replace(spec, priors=priors)
    check_offset(offset)
    options = resolve_options(
        method=method,
        curvature=curvature,
        criterion=criterion,
        df=df,
        offset=offset,
        preset=preset,
        spec=spec,
    )
    check_samples(samples, method, preset)
    given = {"draws": draws, "chains": chains, "tune": tune, "target_accept": target_accept}
    settings = resolve_settings(method_named(method), given)
    check_known_test(usage_test, CHOICES)
    words = parse_words(formula, slope=slope, reference=reference, nuisance=nuisance)
    if samples == SHARED:
        check_fixed_alone(words.formula.random)
    part = as_shard(shard)
    if resume and ledger is None:
        raise InputError("resume=True needs ledger=, the folder of the run that is continued.")
    if part is not None and ledger is None:
        raise InputError(
            "shard= needs ledger=, the folder that the part is written to: merge() puts the parts together."
        )
    return Choices(options, settings, part, _checked_limit(max_seconds))


def _checked_limit(max_seconds: float | None) -> float | None:
    if max_seconds is None:
        return None
    if isinstance(max_seconds, bool) or not isinstance(max_seconds, Real) or not float(max_seconds) > 0:
        raise InputError(f"max_seconds={max_seconds!r}: give seconds, more than 0.")
    return float(max_seconds)
