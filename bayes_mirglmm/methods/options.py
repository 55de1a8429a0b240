"""The choices of a fit, checked before anything is computed."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from bayes_mirglmm.errors import InputError
from bayes_mirglmm.methods.registry import METHODS, Method, method_named
from bayes_mirglmm.model import ModelSpec

CURVATURES = ("observed", "expected")
CRITERIA = ("ml", "reml")
DEFAULT_CRITERION = "ml"
DFS = ("t", "z")
SAMPLES = ("independent", "shared")
#: What each preset sets; an option that says otherwise is a contradiction, not an exception.
PRESETS: dict[str, dict[str, Any]] = {
    "mirglmm": {
        "curvature": "expected",
        "criterion": "ml",
        "offset": "total",
        "df": "z",
        "reduced_where_singular": True,
    }
}


@dataclass(frozen=True, slots=True)
class Options:
    """Choices that every miRNA of a fit shares."""

    method: str
    curvature: str
    df: str
    offset: str
    preset: str | None
    spec: ModelSpec
    reduced_where_singular: bool = False
    criterion: str = "ml"


def check_samples(samples: str, method: str, preset: str | None) -> None:
    """Refuse a choice of ``samples`` that is unknown or contradicts the others."""
    _one_of("samples", samples, SAMPLES)
    if samples == "shared" and (method != "ml" or preset is not None):
        what = f"method={method!r}" if method != "ml" else f"preset={preset!r}"
        remedy = (
            " A Bayesian fit has these effects too, in Python: fit.ml.effects(samples='shared')."
            if method != "ml"
            else ""
        )
        raise InputError(
            f"samples='shared' (--shared-samples) is of effects by maximum likelihood, not of {what}: leave one of the "
            f"two out.{remedy}"
        )


def resolve_options(
    *,
    method: str,
    curvature: str | None,
    df: str | None,
    offset: str,
    preset: str | None,
    spec: ModelSpec,
    criterion: str | None = None,
) -> Options:
    """Check the choices of a fit and apply the preset.

    Raises
    ------
    InputError
        A choice is unknown, or contradicts the preset.
    """
    has_draws = method_named(method).has_draws
    if df is not None:
        _one_of("df", df, DFS)
    if curvature is not None:
        _one_of("curvature", curvature, CURVATURES)
    if criterion is not None:
        _one_of("criterion", criterion, CRITERIA)
    if has_draws and (preset is not None or curvature == "expected"):
        what = f"preset={preset!r}" if preset is not None else "curvature='expected'"
        raise InputError(
            f"{what} is a choice of maximum likelihood, which method={method!r} has no place for: leave it out, or "
            "choose method='ml'."
        )
    if has_draws and df is not None:
        raise InputError(
            f"df={df!r} is a choice of maximum likelihood: the intervals of method={method!r} are those of its draws. "
            "Leave it out."
        )
    if has_draws and criterion == "reml":
        raise InputError(
            f"criterion='reml' is a choice of method='ml': the posterior of method={method!r} takes account of what "
            "the fixed effects cost anyway. Leave it out."
        )
    if preset is None:
        chosen_criterion = criterion or (DEFAULT_CRITERION if method == "ml" else "ml")
        return Options(
            method, curvature or "observed", df or "t", offset, None, spec, criterion=chosen_criterion
        )
    _one_of("preset", preset, tuple(PRESETS))
    chosen = PRESETS[preset]
    for name, given in (
        ("curvature", curvature),
        ("criterion", criterion),
        ("offset", offset),
        ("df", df),
    ):
        if given is not None and given != chosen[name]:
            raise InputError(
                f"preset={preset!r} means {name}={chosen[name]!r}, but {name}={given!r} was given: leave one "
                "of the two out."
            )
    return Options(
        method,
        chosen["curvature"],
        chosen["df"],
        chosen["offset"],
        preset,
        spec,
        reduced_where_singular=chosen["reduced_where_singular"],
        criterion=chosen["criterion"],
    )


def resolve_settings(method: Method, given: Mapping[str, Any]) -> Any:
    """Check the settings that only some methods take, and fill them up; None for a method without any.

    Raises
    ------
    InputError
        One is out of range, or was given for another method.
    """
    given = {name: value for name, value in given.items() if value is not None}
    strange = [name for name in given if name not in method.settings]
    if strange:
        takers = [repr(m.name) for m in METHODS.values() if strange[0] in m.settings]
        shown = " and ".join(f"{name}={given[name]!r}" for name in strange)
        raise InputError(
            f"{shown}: for method={' or '.join(takers)} only, and not for {method.name!r}. Leave it out, or choose "
            "that method."
        )
    return method.engine.resolve_settings(given) if method.settings else None


def _one_of(name: str, value: str, allowed: tuple[str, ...]) -> None:
    if value not in allowed:
        raise InputError(f"{name}={value!r} is not one of {', '.join(map(repr, allowed))}.")
