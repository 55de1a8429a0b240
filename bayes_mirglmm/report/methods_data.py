"""What a methods paragraph says of the data: samples, filters, reference levels, degrees of freedom, versions."""

import math
from typing import TYPE_CHECKING, Any

from bayes_mirglmm.report.verdict import samples_per_level
from bayes_mirglmm.results.usage_choice import SHARED

if TYPE_CHECKING:
    from bayes_mirglmm.results import Fit

NAMED_LEVELS = 6
#: What a reviewer asks for; the whole list is in ``run.json``.
VERSIONS = ("python", "numpy", "scipy", "numba")
MORE_VERSIONS = {"nuts": ("pymc", "nutpie")}


def samples_sentence(fit: "Fit") -> str:
    """Return how many samples there are, by level, and what the filters left of them."""
    n = int(fit.data.sizes["sample"])
    parts = []
    for name, levels in samples_per_level(fit).items():
        if len(levels) <= NAMED_LEVELS and name != fit.design.pairing:
            reference = next(iter(levels))
            sizes = ", ".join(f"{size} {level}" for level, size in levels.items())
            parts.append(f"{name}: {sizes}; reference level {reference}")
    who = f"{n} samples" + (f" ({'. '.join(parts)})" if parts else "")
    filters = fit.metadata.get("filters") or {}
    before, after = fit.metadata.get("input") or {}, fit.metadata.get("fitted") or {}
    read = f"{who} were analysed. "
    if not (before and after):
        return read
    limits = [
        f"{what} with a median of more than {math.exp(limit):.3g} counts per million"
        for key, what in (("min_mirna_log_cpm", "miRNAs"), ("min_isomir_log_cpm", "isomiRs"))
        if isinstance(limit := filters.get(key, "none"), int | float)
    ]
    kept = (
        f"{' and '.join(limits)} over the samples were kept" if limits else "No expression filter was applied"
    )
    return (
        f"{read}Of {before['mirnas']:,} miRNAs with {before['isomirs']:,} isomiRs, {kept}: "
        if limits
        else f"{read}{kept} to {before['mirnas']:,} miRNAs with {before['isomirs']:,} isomiRs: "
    ) + f"{len(fit):,} miRNAs with {_fitted_isomirs(fit):,} isomiRs were fitted. "


def df_sentence(fit: "Fit") -> str:
    """Return where degrees of freedom come from, where they are those of samples and coefficients."""
    if fit.method.has_draws or math.isinf(fit.residual_df) or fit.design.random or "beta_df" in fit.data:
        return ""
    n, rank = int(fit.data.sizes["sample"]), int(fit.data.attrs["rank"])
    return f"Degrees of freedom are those of {n} samples and {rank} coefficients. "


def usage_sentence(fit: "Fit") -> str:
    """Return how isomiR usage was tested."""
    if not fit.slope:
        return ""
    factors = ", and judged by the model's Bayes factor" if fit.method.has_draws else ""
    if fit.usage_test == SHARED:
        return (
            f" Differential isomiR usage along {fit.slope} was tested beyond what samples share: profiles of isomiRs, "
            "residuals of a model without that variable, were whitened by the covariance of the samples over the other "
            "miRNAs (ten folds), tested by random rotations (Langsrud 2005) and p-values read against those of "
            f"relabelled samples{factors}. The p-values were adjusted over miRNAs by Benjamini and Hochberg's method."
        )
    reference = (
        "chi-squared distribution"
        if fit.data.attrs["preset"] == "mirglmm"
        else "mixture of chi-squared distributions that holds where a variance is 0"
    )
    text = (
        " Differential isomiR usage was tested by the likelihood ratio of the models with and without isomiR slopes, "
        f"referred to the {reference}"
    )
    return f"{text}{factors}."


def versions_sentence(fit: "Fit") -> str:
    """Return the versions of what the numbers depend on."""
    versions: dict[str, Any] = fit.metadata.get("versions") or {}
    names = [*VERSIONS, *MORE_VERSIONS.get(fit.method.name, ())]
    said = [
        f"{name.capitalize() if name == 'python' else name} {versions[name]}"
        for name in names
        if name in versions
    ]
    return f" Computed with {', '.join(said)}." if said else ""


def _fitted_isomirs(fit: "Fit") -> int:
    status = fit.status().set_index("mirna")
    return int(status.loc[list(fit.mirnas), "n_isomirs"].sum())
