"""What was run: everything that a colleague needs to know, or to do it again."""

import math
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from bayes_mirglmm.report.verdict import samples_per_level
from bayes_mirglmm.results.shared_samples import SHARED, in_words

if TYPE_CHECKING:
    from bayes_mirglmm.results import Fit

OFFSETS = {
    "total": "Total counts of the sample",
    "median_ratio": "Median of ratios to the geometric mean (Anders and Huber 2010)",
    "tmm": "Trimmed mean of M values (Robinson and Oshlack 2010)",
    "upper_quartile": "Upper quartile (Bullard et al. 2010)",
}
FAMILIES = {"negative_binomial": "negative binomial", "poisson": "Poisson"}


def origin(fit: "Fit") -> list[tuple[str, str]]:
    """Return what was run as pairs of a name and a text; what the fit does not know is left out."""
    attrs, meta = fit.data.attrs, fit.metadata
    source = meta.get("input") or {}
    pairs = [
        ("Formula", fit.formula),
        (
            "Reference levels",
            ", ".join(f"{name}: {levels[0]}" for name, levels in fit.design.factors.items()),
        ),
        ("IsomiR slopes", fit.slope or "none"),
        ("Nuisance slopes", ", ".join(fit.design.nuisance)),
        ("Method", _method(fit)),
        ("Intervals and tests", _tests(fit)),
        ("Samples", _samples(fit)),
        ("Preset", str(attrs["preset"])),
        ("Offset", OFFSETS.get(str(attrs["offset_method"]), str(attrs["offset_method"]))),
        ("Filters", _filters(meta.get("filters") or {})),
        ("Left by the filters", _left(meta)),
        ("Input", str(source.get("source") or "")),
        ("Format", str(source.get("format") or "")),
        ("SHA-256 of the counts", str(source.get("sha256") or "")),
        ("Seed", "" if meta.get("seed") is None else str(meta["seed"])),
        ("Date", str(meta.get("created") or "").replace("T", " ").replace("+00:00", " UTC")),
        ("Command", str(meta.get("command") or "")),
        ("Versions", ", ".join(f"{name} {number}" for name, number in (meta.get("versions") or {}).items())),
    ]
    return [(name, text) for name, text in pairs if text]


def sample_rows(fit: "Fit") -> list[tuple[str, str, int]]:
    """Return factor, level and number of samples, for every level of every factor of the design."""
    sizes = samples_per_level(fit)
    return [(str(name), level, n) for name, levels in sizes.items() for level, n in levels.items()]


def prior_rows(fit: "Fit") -> list[dict[str, str]]:
    """Return the priors of a Bayesian fit: ``name``, ``prior``, ``why``."""
    if not fit.method.has_draws:
        return []
    rows = []
    for name, prior in fit.spec.priors.given().items():
        numbers = ", ".join(
            f"{key} {value:g}" for key, value in asdict(prior).items() if isinstance(value, float)
        )
        shape = prior.distribution.replace("_", "-")
        rows.append({"name": name, "prior": f"{shape} ({numbers})", "why": prior.why})
    return rows


def notes(fit: "Fit") -> list[str]:
    """Return what the reader merged, skipped or repaired."""
    return [str(note) for note in (fit.metadata.get("input") or {}).get("notes") or []]


def _method(fit: "Fit") -> str:
    attrs = fit.data.attrs
    family = FAMILIES.get(str(attrs["family"]), str(attrs["family"]))
    text = fit.method.title
    if attrs.get("criterion") == "reml":
        text = text.replace("Maximum likelihood", "Restricted maximum likelihood")
    draws = f"{fit.data.sizes['draw']:,}" if fit.method.has_draws else ""
    return f"{text.format(curvature=attrs['curvature'], draws=draws)}; {family} mixed model {fit.spec.name}".strip()


def _tests(fit: "Fit") -> str:
    percent = f"{100 * float(fit.data.attrs['prob']):g} %"
    if fit.method.has_draws:
        return f"{percent} equal-tailed intervals; hits by the s-values of shrunken effects (Stephens 2017)"
    if fit.samples_taken == SHARED:
        return (
            f"{percent} intervals, t with the degrees of freedom in the table of effects; Benjamini-Hochberg"
        )
    of = "normal (Wald z)" if math.isinf(fit.residual_df) else fit.reference_distribution
    of = of.replace(" df", " degrees of freedom")
    return f"{percent} intervals, {of}; Benjamini-Hochberg"


def _samples(fit: "Fit") -> str:
    if fit.samples_taken != SHARED:
        return ""
    table = fit.shared_samples()
    text = (
        "Under what the samples share, learned over all miRNAs; effects are means over the isomiRs of a miRNA"
    )
    if not len(table):
        return text
    text += f"; {in_words(table)}"
    best = fit.sample_directions().query("r_squared >= 0.5").drop_duplicates("direction")
    said = [
        f"direction {d} ({100 * share:.0f} % of the variance) goes with {column} (R² {r_squared:.2f})"
        for d, share, column, r_squared in best[["direction", "share", "column", "r_squared"]].itertuples(
            index=False
        )
    ]
    return "; ".join([text, *said])


def _filters(filters: dict[str, Any]) -> str:
    parts = []
    for key, what in (("min_mirna_log_cpm", "miRNA"), ("min_isomir_log_cpm", "isomiR")):
        limit = filters.get(key, "none")
        if isinstance(limit, int | float):
            parts.append(
                f"{what} with log(median CPM) above {limit:g} (natural log; {math.exp(limit):.3g} CPM)"
            )
    return "; ".join(parts) or "none"


def _left(meta: dict[str, Any]) -> str:
    before, after = meta.get("input") or {}, meta.get("fitted") or {}
    if not (before and after):
        return ""
    return (
        f"{after['mirnas']:,} of {before['mirnas']:,} miRNAs, "
        f"{after['isomirs']:,} of {before['isomirs']:,} isomiRs"
    )
