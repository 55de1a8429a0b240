"""What a model is: family, random effects and priors, as an immutable value."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from bayes_mirglmm.design.blocks import reduced_columns
from bayes_mirglmm.errors import InputError
from bayes_mirglmm.model import check
from bayes_mirglmm.model.priors import Priors, prior_from_dict

FAMILIES = ("negative_binomial", "poisson")


@dataclass(frozen=True, slots=True)
class ModelSpec:
    """A model: its family, its random effects and its priors. What ``models/*.toml`` says, checked.

    Immutable and hashable. Two specifications are equal when they define the same model: name, description
    and the reasons of priors are prose and do not count.

    Attributes
    ----------
    name, description : str
        Prose.
    family : str
        ``negative_binomial`` or ``poisson``.
    isomir_slope : bool
        Whether isomiRs have slopes of the slope variable besides their intercepts.
    sample_intercept : bool
        Whether the isomiRs of a miRNA share a deviation in each sample.
    priors : Priors

    Raises
    ------
    InputError
        The family is unknown, or the priors are not those of the model's parameters.
    """

    name: str = field(compare=False)
    family: str
    isomir_slope: bool
    sample_intercept: bool
    priors: Priors
    description: str = field(default="", compare=False, repr=False)

    def __post_init__(self) -> None:
        """Refuse a combination of family, random effects and priors that is not a model."""
        where = f"model {self.name!r}"
        if self.family not in FAMILIES:
            raise InputError(check.unknown(where, "family", self.family, FAMILIES))
        presence = {
            "sd_isomir_slope": (self.isomir_slope, "random_effects.isomir_slope"),
            "sd_sample": (self.sample_intercept, "random_effects.sample_intercept"),
            "log_theta": (self.family == "negative_binomial", "family"),
        }
        for parameter, (present, switch) in presence.items():
            given = getattr(self.priors, parameter) is not None
            if present and not given:
                raise InputError(
                    f"{where}: missing priors.{parameter}, a parameter that {switch} puts into the model. "
                    f"Add the prior or change {switch}."
                )
            if given and not present:
                raise InputError(
                    f"{where}: priors.{parameter} is the prior of a parameter that {switch} leaves out of "
                    f"the model. Remove the prior or change {switch}."
                )

    def random_columns(self, blocks: Sequence[int]) -> list[int]:
        """Return which columns of a design's ``z`` have isomiR effects in this model.

        Parameters
        ----------
        blocks : sequence of int, length K
            Covariance block of each column: 0 for the intercept (first) and the slope variable, higher for
            nuisance variables.
        """
        return list(range(len(blocks))) if self.isomir_slope else reduced_columns(blocks)

    def with_prior(
        self, parameter: str, *, why: str = "", distribution: str | None = None, **values: float
    ) -> "ModelSpec":
        """Return the same model with another prior for one parameter.

        Parameters
        ----------
        parameter : str
            A field of :class:`Priors`, such as ``"sd_isomir_slope"``.
        why : str
            The reason, recorded with the prior; when omitted, what the prior was changed from.
        distribution : str, optional
            Another distribution, of SDs ``"half_normal"`` or ``"log_normal"``: then ``values`` are all of its numbers.
        **values : float
            What changes: ``mean`` or ``sd`` of a (log-)normal, ``scale`` of a half-normal, ``eta`` of an LKJ prior.

        Raises
        ------
        InputError
            The model has no such parameter, its prior has no such value, or the value is out of range.
        """
        given = self.priors.given()
        if parameter not in given:
            raise InputError(check.unknown(f"model {self.name!r}", "prior", parameter, list(given)))
        old = given[parameter]
        table: dict[str, Any] = {"distribution": old.distribution, **asdict(old)}
        before = ", ".join(f"{key} = {table[key]:g}" for key in values if isinstance(table.get(key), float))
        if distribution not in (None, old.distribution):
            table, before = {"distribution": distribution}, repr(old)
        table |= {**values, "why": why or f"changed from {before}"}
        new: dict[str, Any] = {parameter: prior_from_dict(table, parameter, f"model {self.name!r}")}
        return replace(self, priors=replace(self.priors, **new))

    def compared(self) -> "ModelSpec":
        """Return the same model with the slope prior that Bayes factors for usage are relative to."""
        slab = self.priors.compared_slope
        return replace(self, priors=replace(self.priors, sd_isomir_slope=slab))

    def reduced(self) -> "ModelSpec":
        """Return the same model without isomiR slopes: the null model of differential isomiR usage."""
        if not self.isomir_slope:
            return self
        return replace(
            self,
            name=f"{self.name}, reduced",
            description=f"{self.description or self.name}; isomiR slope taken out",
            isomir_slope=False,
            priors=replace(self.priors, sd_isomir_slope=None),
        )

    def to_dict(self) -> dict[str, Any]:
        """Return the specification in the layout of a model file, JSON-able."""
        return {
            "name": self.name,
            "description": self.description,
            "family": self.family,
            "random_effects": {
                "isomir_slope": self.isomir_slope,
                "sample_intercept": self.sample_intercept,
            },
            "priors": self.priors.to_dict(),
        }

    def to_toml(self) -> str:
        """Return the specification as the text of a model file."""
        found = self.to_dict()
        lines = [f"{key} = {_toml(value)}" for key, value in found.items() if not isinstance(value, dict)]
        tables = {"random_effects": found["random_effects"]}
        tables |= {f"priors.{name}": prior for name, prior in found["priors"].items()}
        for name, table in tables.items():
            lines += ["", f"[{name}]", *(f"{key} = {_toml(value)}" for key, value in table.items())]
        return "\n".join(lines) + "\n"

    @classmethod
    def from_dict(cls, table: Mapping[str, Any], *, where: str = "the model specification") -> "ModelSpec":
        """Check a specification in the layout of a model file and build it.

        Parameters
        ----------
        table : mapping
            What :meth:`to_dict` returns, or a parsed model file.
        where : str
            What messages call the origin, usually a file.

        Raises
        ------
        InputError
            A key is missing or unknown, or a value has the wrong type or is out of range; the message names
            the key and says what is allowed.
        """
        table = check.table(table, where)
        required = ("name", "family", "random_effects", "priors")
        check.keys(table, where, required=required, optional=("description",))
        effects = check.table(table["random_effects"], f"{where}: random_effects")
        switches = ("isomir_slope", "sample_intercept")
        check.keys(effects, f"{where}: [random_effects]", required=switches)
        slope, sample = (check.boolean(effects[key], f"{where}: random_effects.{key}") for key in switches)
        name = check.text(table["name"], f"{where}: name")
        description = check.text(table.get("description", ""), f"{where}: description")
        family = check.text(table["family"], f"{where}: family")
        priors = Priors.from_dict(check.table(table["priors"], f"{where}: priors"), where)
        try:
            return cls(name, family, slope, sample, priors, description)
        except InputError as error:
            raise InputError(f"{where}: {error}") from None


def _toml(value: str | bool | float) -> str:
    """Return a value as TOML writes it, which is as JSON does."""
    return json.dumps(value)
