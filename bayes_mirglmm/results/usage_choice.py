"""Which test of differential isomiR usage a fit is read by: the shared test, wherever it can be had."""

from typing import TYPE_CHECKING

from bayes_mirglmm.cohort.usage_test import FEWEST_MIRNAS
from bayes_mirglmm.design.build import Design
from bayes_mirglmm.errors import InputError
from bayes_mirglmm.results.selection import fitted
from bayes_mirglmm.results.shared_usage import (
    check_directions,
    few_mirnas,
    group_free,
    shared_usage,
    too_few_directions,
)

if TYPE_CHECKING:
    from bayes_mirglmm.results.fit_result import Fit

AUTO, LRT, SHARED = "auto", "lrt", "shared"
TESTS = (LRT, SHARED)
CHOICES = (AUTO, SHARED, LRT)
#: Samples beyond which the shared test takes as long as a fit or longer, so that it must be asked for.
MOST_SAMPLES = 500


def check_usage_test(test: str, design: Design, known: tuple[str, ...] = TESTS) -> None:
    """Refuse a test of isomiR usage that is unknown, or that the design leaves too few samples for.

    Raises
    ------
    InputError
    """
    check_known_test(test, known)
    if test == SHARED:
        check_directions(design)


def check_known_test(test: str, known: tuple[str, ...] = TESTS) -> None:
    """Refuse a test of isomiR usage that is unknown.

    Raises
    ------
    InputError
    """
    if test not in known:
        raise InputError(f"the usage test {test!r} is not known: choose from {', '.join(map(repr, known))}.")


def chosen_test(fit: "Fit") -> tuple[str, str]:
    """Return ``lrt`` or ``shared``, and a sentence where it is the first for want of the second, else empty."""
    asked = str(fit.metadata.get("usage_test") or LRT)
    if asked != AUTO:
        return asked, ""
    if "usage_choice" not in fit.shared_cache:
        fit.shared_cache["usage_choice"] = _automatic(fit)
    found = fit.shared_cache["usage_choice"]
    assert isinstance(found, tuple)
    return found


def usage_confounded(fit: "Fit") -> bool:
    """Tell whether usage and what samples share cannot be told apart, so that there is no list of usage."""
    return fit.usage_test == SHARED and shared_usage(fit).verdict == "confounded"


def _automatic(fit: "Fit") -> tuple[str, str]:
    if not fit.has_isomir_slopes or fit.design.residual_df < 1:
        return LRT, ""  # nothing is tested
    why = _why_not_shared(fit)
    if not why:
        return SHARED, ""
    return LRT, f"By the likelihood ratio test of each miRNA alone: {why}."


def _why_not_shared(fit: "Fit") -> str:
    if few := too_few_directions(fit.design):
        return few
    if (n := fit.data.sizes["sample"]) > MOST_SAMPLES:
        return f"with {n:,} samples the shared test takes long (usage_test='shared', --usage-test shared, makes it)"
    number = int(fitted(fit.data).sum())
    if number >= FEWEST_MIRNAS:
        number = len(group_free(fit).mirnas)
    if number < FEWEST_MIRNAS:
        return f"{few_mirnas(number)} to learn what samples share ({FEWEST_MIRNAS} are enough)"
    return ""
