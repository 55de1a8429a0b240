"""miRNAs of a finished fit, fitted again by maximum likelihood with its choices: as it was, or without a sample."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from bayes_mirglmm.design.leave_out import without_sample
from bayes_mirglmm.results.schema import assemble

if TYPE_CHECKING:
    from bayes_mirglmm.methods.maximum_likelihood import Plan
    from bayes_mirglmm.methods.options import Options
    from bayes_mirglmm.results.fit_result import Fit


def options_of(fit: "Fit") -> "Options":
    """Return the choices of a fit by maximum likelihood."""
    from bayes_mirglmm.methods.options import resolve_options

    attrs = fit.data.attrs
    preset = attrs["preset"] or None  # which makes the others
    chosen = {name: None if preset else attrs.get(name) or None for name in ("curvature", "criterion", "df")}
    return resolve_options(
        method="ml", offset=str(attrs["offset_method"]), preset=preset, spec=fit.spec, **chosen
    )


def plan_of(fit: "Fit", without: int | None = None) -> "Plan":
    """Return the plan of a fit by maximum likelihood, or the same without one sample (its position).

    Offsets stay those of all samples.

    Raises
    ------
    InputError
        The design cannot do without the sample.
    """
    from bayes_mirglmm.methods.maximum_likelihood import Plan  # numba, which a loaded run may not need

    data, design = fit.data, fit.design
    offset = np.asarray(data["offset"].values, dtype=float)
    covariance = data["sample_covariance"].values if "sample_covariance" in data else None
    if without is not None:
        design, offset = without_sample(design, without), np.delete(offset, without)
        if covariance is not None:
            covariance = np.delete(np.delete(covariance, without, axis=0), without, axis=1)
    return Plan(design, offset, options_of(fit), sample_covariance=covariance)


def refit_without(fit: "Fit", names: Sequence[str], sample: int) -> "Fit":
    """Return the fit of some miRNAs without one sample; its dataset holds no counts.

    Raises
    ------
    InputError
        The design cannot do without it.
    """
    from bayes_mirglmm.methods.maximum_likelihood import fit_mirna
    from bayes_mirglmm.results.fit_result import Fit

    data, plan = fit.data, plan_of(fit, without=sample)
    options, owner = plan.options, data["isomir_mirna"].values
    records = []
    for name in names:
        place = np.flatnonzero(owner == name)
        counts = np.delete(data["counts"][place].values, sample, axis=1)
        records.append(fit_mirna(plan, name, [str(i) for i in data["isomir"].values[place]], counts))
    again = assemble(
        records,
        plan.design,
        offset=plan.offset,
        total=np.delete(data["total"].values, sample),
        preset=options.preset,
        df=options.df,
        curvature=options.curvature,
        criterion=options.criterion,
        family=options.spec.family,
        offset_method=options.offset,
        model=options.spec,
        sample_covariance=plan.sample_covariance,
    )
    found = Fit(again, plan.design)
    found.data = again.drop_vars("counts")  # one such fit for each sample is held
    return found
