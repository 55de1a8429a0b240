"""Priors learned over the miRNAs of a fit: what its draws say about the population of their parameters."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from bayes_mirglmm.cohort.population_prior import Population, learn_population
from bayes_mirglmm.counts.container import some
from bayes_mirglmm.design.blocks import slope_columns
from bayes_mirglmm.errors import InputError
from bayes_mirglmm.methods.registry import methods_with_draws
from bayes_mirglmm.model import LogNormal, Normal, Priors
from bayes_mirglmm.model.scaling import SdArrays, to_user
from bayes_mirglmm.outcomes import OK, RELIABLE_PARETO_K
from bayes_mirglmm.results.draws import draws_of
from bayes_mirglmm.results.selection import selected

if TYPE_CHECKING:
    from bayes_mirglmm.results.fit_result import Fit

logger = logging.getLogger(__name__)

FEWEST_MIRNAS = 20  # below which a population is not to be known
DIGITS = 4  # of the learned numbers: the same on every processor, and as they would be written by hand


def learned_priors(fit: "Fit") -> Priors:
    """Return the priors of this fit with those of theta, of the sample SD and of the slope SDs learned over its miRNAs.

    Empirical Bayes: the logs of these parameters are taken to be normal over miRNAs, with the means and SDs under which
    all counts together are most likely. The draws of the fit are reweighted from its own priors to new ones, nothing is
    fitted again; ``fit(priors="learned")`` also samples the miRNAs again whose draws hardly reach the new priors.

    Returns
    -------
    Priors
        For ``fit(..., priors=)``, ``build_model(..., priors=)``, and, by :meth:`ModelSpec.to_toml`, for a model file.

    Raises
    ------
    InputError
        The fit has no draws, or of fewer than 20 miRNAs.
    """
    found = learn([drawn_parameters(fit)], fit.spec.priors)
    far = found.far
    if far:
        logger.warning(
            "The draws of %d of %d miRNAs hardly reach the learned priors (Pareto k-hat above %g): %s. "
            "fit(priors='learned') samples them again before it learns.",
            len(far), len(found.mirnas), RELIABLE_PARETO_K, some(far),
        )  # fmt: skip
    return found.priors


class DrawnParameters(NamedTuple):
    """Draws of the logs of parameters that have a population, of M miRNAs; SDs in the prior's units."""

    mirnas: tuple[str, ...]
    values: np.ndarray  #: (M, D, c)
    log_prior: np.ndarray  #: log densities of ``values`` under the priors of the draws (M, D, c)
    weights: np.ndarray  #: (M, D)
    parameters: tuple[str, ...]  #: the prior of each column, as :class:`Priors` calls it (c,)

    def without(self, mirnas: Sequence[str]) -> "DrawnParameters":
        """Return the same without some miRNAs."""
        kept = [i for i, name in enumerate(self.mirnas) if name not in set(mirnas)]
        return self._take(kept)

    def _take(self, rows: Sequence[int]) -> "DrawnParameters":
        arrays = {name: getattr(self, name)[rows] for name in ("values", "log_prior", "weights")}
        return self._replace(mirnas=tuple(self.mirnas[i] for i in rows), **arrays)


@dataclass(frozen=True)
class Learned:
    """Learned priors, and whether the draws that they were learned from reach them."""

    priors: Priors
    population: Population
    mirnas: tuple[str, ...]
    pareto_k: np.ndarray  #: of the draws' weights under the learned priors (M,)

    @property
    def far(self) -> list[str]:
        """The miRNAs whose draws hardly reach the learned priors."""
        return [
            name for name, k in zip(self.mirnas, self.pareto_k, strict=True) if not k <= RELIABLE_PARETO_K
        ]


def drawn_parameters(fit: "Fit") -> DrawnParameters:
    """Return the draws of a fit of those parameters of which a population is learned; of sound full models alone.

    Raises
    ------
    InputError
        The fit has no draws.
    """
    if not fit.method.has_draws:
        raise InputError(
            f"priors are learned from draws, which method={fit.method.name!r} has none of: fit with "
            f"method={methods_with_draws()}, or give fit(method='laplace', priors='learned')."
        )
    data, priors = fit.data, fit.spec.priors
    shown = dict(zip(data["mirna"].values, data["coefficients_from"].values, strict=True))
    status = dict(zip(data["mirna"].values, selected(data, "model_status").astype(str), strict=True))
    full = fit.spec.isomir_slope and len(slope_columns(fit.design.blocks)) > 0
    rows = [
        i
        for i, name in enumerate(data["drawn"].values)
        if status[name] == OK and (shown[name] == "full" or not full)
    ]
    columns: list[np.ndarray] = []
    densities: list[np.ndarray] = []
    names: list[str] = []

    def drawn(name: str) -> np.ndarray:
        return draws_of(data, name).values[rows].astype(float)

    def add(name: str, sd: np.ndarray, prior: SdArrays) -> None:
        with np.errstate(divide="ignore"):
            log_sd = np.log(sd)
        columns.append(log_sd)
        densities.append(prior.log_density(sd[..., None])[..., 0] + log_sd)
        names.append(name)

    if priors.log_theta is not None:
        theta, prior = drawn("log_theta"), priors.log_theta
        columns.append(theta)
        densities.append(
            -0.5 * ((theta - prior.mean) / prior.sd) ** 2 - np.log(prior.sd * np.sqrt(2 * np.pi))
        )
        names.append("log_theta")
    if priors.sd_sample is not None:
        add("sd_sample", drawn("sigma_sample"), SdArrays.of([priors.sd_sample]))
    if full and priors.sd_isomir_slope is not None:
        units = np.diag(np.linalg.inv(to_user(fit.design.z)))
        omega = drawn("omega")
        for k in slope_columns(fit.design.blocks):
            add(
                "sd_isomir_slope", np.sqrt(omega[..., k, k]) * units[k], SdArrays.of([priors.sd_isomir_slope])
            )
    weights = draws_of(data, "weight").values[rows]
    mirnas = tuple(str(data["drawn"].values[i]) for i in rows)
    empty = np.empty((*weights.shape, 0))
    return DrawnParameters(
        mirnas,
        np.stack(columns, axis=-1) if columns else empty,
        np.stack(densities, axis=-1) if densities else empty,
        weights,
        tuple(names),
    )


def learn(drawn: Sequence[DrawnParameters], priors: Priors) -> Learned:
    """Learn priors from draws, which may have been made under different ones.

    Parameters
    ----------
    drawn : sequence of DrawnParameters
        Of different miRNAs.
    priors : Priors
        What they stand in for.

    Raises
    ------
    InputError
        There are too few miRNAs, or the model has none of the parameters.
    """
    from bayes_mirglmm.nested import pareto_k  # loads the engine, which tables do not need

    mirnas = tuple(name for part in drawn for name in part.mirnas)
    if len(mirnas) < FEWEST_MIRNAS:
        raise InputError(
            f"priors are learned over miRNAs, and there are {len(mirnas)} with a sound posterior; from {FEWEST_MIRNAS} "
            "on that makes sense. Take the priors of the model, or those learned from a larger data set (priors=)."
        )
    parameters = drawn[0].parameters
    names = tuple(dict.fromkeys(parameters))
    if not names:
        raise InputError(
            "this model has neither theta nor SDs of samples or slopes, whose priors are learned."
        )
    values, log_prior, weights = (
        np.concatenate([getattr(part, name) for part in drawn]) for name in ("values", "log_prior", "weights")
    )
    parameter = np.array([names.index(name) for name in parameters])
    centre = np.array([_centre(priors, name) for name in names])
    population = learn_population(values, log_prior, weights, parameter, centre)
    why = f"learned over {len(mirnas)} miRNAs"
    new: dict[str, Normal | LogNormal] = {}
    for name, mean, sd in zip(names, population.mean, population.sd, strict=True):
        kind = Normal if name == "log_theta" else LogNormal
        new[name] = kind(_rounded(mean), _rounded(sd), why)
    slab = priors.compared_slope
    learned = replace(
        priors,
        log_theta=new.get("log_theta", priors.log_theta),  # type: ignore[arg-type]
        sd_sample=new.get("sd_sample", priors.sd_sample),  # type: ignore[arg-type]
        sd_isomir_slope=new.get("sd_isomir_slope", priors.sd_isomir_slope),  # type: ignore[arg-type]
        slope_slab=priors.slope_slab if slab is None else slab,
    )
    k = np.array([pareto_k(weights) for weights in population.log_weights])
    return Learned(learned, population, mirnas, k)


def _centre(priors: Priors, name: str) -> float:
    """Return where a population is thought to be before any miRNA is seen: the middle of the prior so far."""
    prior = getattr(priors, name)
    return float(prior.mean) if name == "log_theta" else float(np.log(SdArrays.of([prior]).typical[0]))


def _rounded(value: float) -> float:
    return float(f"{value:.{DIGITS}g}")
