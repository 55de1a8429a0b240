"""How to cite, and a paragraph for the methods section."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from bayes_mirglmm import __version__
from bayes_mirglmm.report.methods_data import (
    df_sentence,
    samples_sentence,
    usage_sentence,
    versions_sentence,
)
from bayes_mirglmm.report.origin import OFFSETS as OFFSET_WORDS
from bayes_mirglmm.results.shared_samples import SHARED
from bayes_mirglmm.results.usage_choice import SHARED as USAGE_SHARED

if TYPE_CHECKING:
    from bayes_mirglmm.results import Fit


@dataclass(frozen=True)
class Reference:
    """A publication: what it is cited for, its text and its DOI (empty for software)."""

    what: str
    text: str
    doi: str = ""


SOFTWARE = Reference(
    "This software",
    f"bayes_mirglmm {__version__}: differential expression of microRNAs from isomiR-level counts. "
    "The bayes_mirglmm developers.",
)
METHOD = Reference(
    "The method",
    "Baran AM, Patil AH, Aparicio-Puerta E, Jun SH, Halushka MK, McCall MN (2025). miRglmm: a generalized linear mixed "
    "model of isomiR-level counts improves estimation of miRNA-level differential expression and uncovers variable "
    "differential expression between isomiRs. Genome Biology.",
    "10.1186/s13059-025-03549-y",
)
SHRINKAGE = Reference(
    "Shrunken fold changes",
    "Stephens M (2017). False discovery rates: a new deal. Biostatistics 18(2): 275-294.",
    "10.1093/biostatistics/kxw041",
)
MODERATION = Reference(
    "Moderated variances",
    "Smyth GK (2004). Linear models and empirical Bayes methods for assessing differential expression in microarray "
    "experiments. Statistical Applications in Genetics and Molecular Biology 3: 3.",
    "10.2202/1544-6115.1027",
)
ROTATION = Reference(
    "Rotation tests",
    "Langsrud Ø (2005). Rotation tests. Statistics and Computing 15: 53-60.",
    "10.1007/s11222-005-4789-5",
)
OFFSETS = {
    "median_ratio": Reference(
        "Median-of-ratios offset",
        "Anders S, Huber W (2010). Differential expression analysis for sequence count data. Genome Biology 11: R106.",
        "10.1186/gb-2010-11-10-r106",
    ),
    "tmm": Reference(
        "TMM offset",
        "Robinson MD, Oshlack A (2010). A scaling normalization method for differential expression analysis of RNA-seq "
        "data. Genome Biology 11: R25.",
        "10.1186/gb-2010-11-3-r25",
    ),
}


def references(fit: "Fit") -> list[Reference]:
    """Return what a paper that uses this fit should cite."""
    offset = OFFSETS.get(str(fit.data.attrs["offset_method"]))
    moderation = [MODERATION] if fit.samples_taken == SHARED else []
    rotation = [ROTATION] if fit.usage_test == USAGE_SHARED else []
    return [SOFTWARE, METHOD, *([offset] if offset else []), *moderation, *rotation, SHRINKAGE]


def _shared_sentences(fit: "Fit") -> str:
    """Say how effects came from what samples share, and for which nothing was borrowed."""
    table = fit.shared_samples()
    alone = ", ".join(table.loc[~table["borrowed"].astype(bool), "term"])
    said = ""
    if table["borrowed"].any():
        said = (
            "Log fold changes of miRNAs were estimated by generalised least squares under the covariance of the "
            "samples that was learned over all miRNAs (an offset of each sample, effects with a point mass at 0, "
            "moderated variances; Smyth 2004), as means over the isomiRs of a miRNA. "
        )
    if alone:
        refers = fit.reference_distribution.replace(" df", " degrees of freedom")
        said += (
            f"Log fold changes of {alone} are those of the mixed model, with P-values of {refers}: a covariance of the "
            "samples was learned over all miRNAs, but along it effects could not be told from what samples differ in. "
        )
    return said


def methods_text(fit: "Fit") -> str:
    """Return sentences that a methods section can start from."""
    attrs, meta = fit.data.attrs, fit.metadata
    version = (meta.get("versions") or {}).get("bayes-mirglmm", __version__)
    family = "Poisson" if attrs["family"] == "poisson" else "negative binomial"
    scale = OFFSET_WORDS.get(str(attrs["offset_method"]), str(attrs["offset_method"]))
    how = fit.method.how
    if attrs.get("criterion") == "reml":
        how = how.replace("maximum likelihood", "restricted maximum likelihood")
    refers = ""
    if not fit.method.has_draws and fit.samples_taken != SHARED:
        refers = f"P-values refer to {fit.reference_distribution.replace(' df', ' degrees of freedom')}. "
    df = "" if fit.samples_taken == SHARED else df_sentence(fit)
    shared = _shared_sentences(fit) if fit.samples_taken == SHARED else ""
    return (
        f"{samples_sentence(fit)}IsomiR counts of each miRNA were fitted with a {family} mixed model "
        f"(bayes_mirglmm {version}; Baran et al. 2025), formula {fit.formula}"
        f", with {_random_effects(fit)}, {how}. "
        f"{_learned_sentence(fit)}Samples were scaled by {scale[0].lower()}{scale[1:]}. {shared}{refers}{df}"
        f"{fit.method.calls_sentence}{usage_sentence(fit)}{versions_sentence(fit)}"
    )


def _learned_sentence(fit: "Fit") -> str:
    """Return which priors were learned, over how many miRNAs."""
    learned = fit.metadata.get("learned_priors")
    if not fit.method.has_draws or not learned:
        return ""
    words = {
        "log_theta": "of log theta (normal)",
        "sd_sample": "of the SD of sample effects (log-normal)",
        "sd_isomir_slope": "of the SDs of isomiR slopes (log-normal)",
    }
    there = [text for name, text in words.items() if name in fit.spec.priors.given()]
    listed = ", ".join(there[:-1]) + " and " * (len(there) > 1) + there[-1]
    return f"The priors {listed} were learned over {learned['mirnas']} miRNAs by empirical Bayes. "


def _random_effects(fit: "Fit") -> str:
    """Return what is random: ``random intercepts of samples, ... and random intercepts of isomiRs``."""
    of_samples = "random intercepts of samples"
    if "sample_covariance" in fit.data:
        of_samples += " under a covariance between samples that was given"
    parts = [of_samples] if fit.has_sample_effect else []
    for term in fit.design.random:
        slopes = ", ".join(name for name in term.names if name != "Intercept")
        what = ["intercepts"] * ("Intercept" in term.names) + [f"slopes ({slopes})"] * bool(slopes)
        parts.append(f"random {' and '.join(what)} of {term.group}")
    slopes = f" and slopes ({fit.slope})" if fit.has_isomir_slopes else ""
    return f"{', '.join(parts)}{' and ' if parts else ''}random intercepts{slopes} of isomiRs"
