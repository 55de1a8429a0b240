"""Priors: the distributions, which parameter has which, and their form in a model file."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any, ClassVar

from bayes_mirglmm.errors import InputError
from bayes_mirglmm.model import check


def _numbers(kind: type) -> list[str]:
    return [f.name for f in fields(kind) if f.name != "why"]


class _Checked:
    """A prior: its numbers are checked, and made floats, however it is built."""

    __slots__ = ()
    why: str
    distribution: ClassVar[str]  #: the name in model files
    positive: ClassVar[tuple[str, ...]]  #: the numbers that must be above 0

    def __post_init__(self) -> None:
        """Refuse numbers that are not finite or out of range."""
        for name in _numbers(type(self)):
            value = check.number(getattr(self, name), name, positive=name in self.positive)
            object.__setattr__(self, name, value)
        check.text(self.why, "why")


@dataclass(frozen=True, slots=True)
class Normal(_Checked):
    """Normal prior with ``mean`` and standard deviation ``sd``."""

    mean: float
    sd: float
    why: str = field(default="", compare=False, repr=False)

    distribution: ClassVar[str] = "normal"
    positive: ClassVar[tuple[str, ...]] = ("sd",)


@dataclass(frozen=True, slots=True)
class HalfNormal(_Checked):
    """Prior of a standard deviation: the absolute value of a draw from N(0, ``scale``^2)."""

    scale: float
    why: str = field(default="", compare=False, repr=False)

    distribution: ClassVar[str] = "half_normal"
    positive: ClassVar[tuple[str, ...]] = ("scale",)


@dataclass(frozen=True, slots=True)
class LogNormal(_Checked):
    """Prior of a standard deviation whose natural log is normal with ``mean`` and standard deviation ``sd``."""

    mean: float
    sd: float
    why: str = field(default="", compare=False, repr=False)

    distribution: ClassVar[str] = "log_normal"
    positive: ClassVar[tuple[str, ...]] = ("sd",)


@dataclass(frozen=True, slots=True)
class LKJ(_Checked):
    """Prior of a correlation matrix R, with density proportional to det(R)^(``eta`` - 1); 1 is uniform.

    Lewandowski, Kurowicka & Joe (2009), Journal of Multivariate Analysis 100, 1989-2001.
    """

    eta: float
    why: str = field(default="", compare=False, repr=False)

    distribution: ClassVar[str] = "lkj"
    positive: ClassVar[tuple[str, ...]] = ("eta",)


SdPrior = HalfNormal | LogNormal  #: what a standard deviation may have
Prior = Normal | SdPrior | LKJ

_OF_SDS = (HalfNormal, LogNormal)
#: The distributions that the prior of each parameter may have.
DISTRIBUTIONS: dict[str, tuple[type[Prior], ...]] = {
    "intercept": (Normal,),
    "beta": (Normal,),
    "sd_isomir_intercept": _OF_SDS,
    "sd_isomir_slope": _OF_SDS,
    "slope_slab": (HalfNormal,),
    "sd_isomir_nuisance": _OF_SDS,
    "correlation": (LKJ,),
    "sd_sample": _OF_SDS,
    "sd_term": _OF_SDS,
    "log_theta": (Normal,),
}

#: What files may leave out: parameters that some models lack (no isomiR slope or sample intercept, the Poisson family),
#: and what has a default.
OPTIONAL = ("sd_isomir_slope", "slope_slab", "sd_sample", "sd_term", "log_theta")

DEFAULT_SD_TERM = HalfNormal(
    1.0,
    "random terms of samples, (1 | patient), if any: patients, litters or batches differ about as replicates do",
)

DEFAULT_SLOPE_SLAB = HalfNormal(
    1.0,
    "isomiRs rarely differ by more than a factor of e in their fold change; log_bf10 is relative to this scale",
)


@dataclass(frozen=True, slots=True)
class Priors:
    """One prior for each parameter of a model; None for a parameter that the model does not have.

    All are on the natural-log scale. Effects and slope SDs of a continuous column are per standard deviation
    of the column (:mod:`bayes_mirglmm.model.scaling`).

    Attributes
    ----------
    intercept : Normal
        Log counts per million in the reference group, at the mean of continuous covariates.
    beta : Normal
        Every other fixed effect.
    sd_isomir_intercept, sd_isomir_slope, sd_isomir_nuisance : HalfNormal or LogNormal
        SDs of the isomiR effects: intercept; columns of the slope variable; columns of nuisance covariates.
    correlation : LKJ
        Correlations of the isomiR effects, within each block of their covariance, and of the effects of a random term.
    sd_sample : HalfNormal or LogNormal
        SD of the sample effects.
    slope_slab : HalfNormal
        Of the slope SDs in the model that a Bayes factor for usage compares with none, where ``sd_isomir_slope`` is
        log-normal: a prior that knows how little most miRNAs' isomiRs differ says nothing about how much those do that
        differ. A half-normal ``sd_isomir_slope`` is that prior itself.
    sd_term : HalfNormal or LogNormal
        SDs of random terms of the samples, ``(1 | patient)``, where a formula has such: intercepts and slopes.
    log_theta : Normal
        Log of the negative binomial size.
    """

    intercept: Normal
    beta: Normal
    sd_isomir_intercept: SdPrior
    sd_isomir_nuisance: SdPrior
    correlation: LKJ
    sd_isomir_slope: SdPrior | None = None
    sd_sample: SdPrior | None = None
    log_theta: Normal | None = None
    sd_term: SdPrior = DEFAULT_SD_TERM
    slope_slab: HalfNormal = DEFAULT_SLOPE_SLAB

    @property
    def compared_slope(self) -> HalfNormal | None:
        """The prior of the slope SDs in the model that a Bayes factor compares with none; None without slopes."""
        return self.slope_slab if isinstance(self.sd_isomir_slope, LogNormal) else self.sd_isomir_slope

    def given(self) -> dict[str, Prior]:
        """Return the priors that are there, in the order of :data:`DISTRIBUTIONS`."""
        every = {name: getattr(self, name) for name in DISTRIBUTIONS}
        if not isinstance(self.sd_isomir_slope, LogNormal):
            every.pop("slope_slab")
        return {name: prior for name, prior in every.items() if prior is not None}

    def to_dict(self) -> dict[str, dict[str, Any]]:
        """Return the ``[priors.*]`` tables of a model file."""
        return {
            name: {"distribution": prior.distribution, **asdict(prior)}
            for name, prior in self.given().items()
        }

    @classmethod
    def from_dict(cls, table: Mapping[str, Any], where: str) -> "Priors":
        """Check the ``[priors.*]`` tables of a model file and build the priors; ``where`` begins messages."""
        needed = [name for name in DISTRIBUTIONS if name not in OPTIONAL]
        check.keys(table, f"{where}: [priors]", required=needed, optional=OPTIONAL)
        built: dict[str, Any] = {name: prior_from_dict(value, name, where) for name, value in table.items()}
        if "slope_slab" in built and not isinstance(built.get("sd_isomir_slope"), LogNormal):
            raise InputError(
                f"{where}: priors.slope_slab stands beside a log-normal priors.sd_isomir_slope alone; Bayes factors "
                "are relative to a half-normal one itself. Leave it out."
            )
        return cls(**built)


def prior_from_dict(value: Any, parameter: str, where: str) -> Prior:
    """Check one ``[priors.PARAMETER]`` table and build the prior; ``where`` begins messages.

    Raises
    ------
    InputError
        The distribution is none that this parameter may have, or one of its values is missing, unknown, of
        the wrong type or out of range.
    """
    place = f"{where}: priors.{parameter}"
    table = check.table(value, place)
    kinds = {kind.distribution: kind for kind in DISTRIBUTIONS[parameter]}
    if "distribution" not in table:
        raise InputError(f"{place}: missing distribution. Allowed: {', '.join(kinds)}.")
    distribution = check.text(table["distribution"], f"{place}.distribution")
    if distribution not in kinds:
        raise InputError(check.unknown(place, "distribution", distribution, list(kinds)))
    kind = kinds[distribution]
    numbers = _numbers(kind)
    check.keys(table, place, required=("distribution", *numbers), optional=("why",))
    try:
        return kind(**{name: value for name, value in table.items() if name != "distribution"})
    except InputError as error:
        raise InputError(f"{place}.{error}") from None
