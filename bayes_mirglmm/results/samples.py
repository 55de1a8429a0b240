"""What the samples share, as methods of a fit; computed in :mod:`bayes_mirglmm.results.shared_samples`."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import pandas as pd

from bayes_mirglmm.cohort.cohort_effects import sample_covariance as learned_covariance
from bayes_mirglmm.errors import InputError
from bayes_mirglmm.outcomes import Caution
from bayes_mirglmm.results.effects import chosen_samples
from bayes_mirglmm.results.shared_samples import (
    SHARED,
    sample_directions_table,
    shared_cautions_of,
    shared_samples_table,
)
from bayes_mirglmm.results.terms import changes, chosen_weights, slope_coefficients

if TYPE_CHECKING:
    from bayes_mirglmm.results.fit_result import Fit


def shared_samples(
    fit: "Fit", terms: str | Sequence[str] | None = None, contrasts: Any = None
) -> pd.DataFrame:
    """Return what the samples share, and what that does to each coefficient or contrast.

    Parameters
    ----------
    terms, contrasts
        As in :meth:`effects`; every coefficient but the intercept by default.

    Returns
    -------
    pandas.DataFrame
        A row each: mirnas (learned from), n_samples, residual_directions (samples minus coefficients),
        effective_samples (as many independent samples would carry as much: coefficients plus the participation
        ratio of the learned covariance's eigenvalues), variance_left (share of the noise along the contrast that
        the other directions do not tell), null_share (of miRNAs without an effect), shift (natural log; what all
        miRNAs do together, taken for an offset), df (NaN: those of the fit), and noise_ratio with noise_p_value:
        how much noise the other directions would explain along the contrast, over what directions have in which
        nothing was compared.
        Where it is beyond them (``borrowed`` false), effects follow what samples alike in the contrast differ in;
        effects on many miRNAs and an unmeasured difference between the groups cannot be told apart, and nothing is
        borrowed: the effects are those of the fit, as with ``samples="independent"``, and their weighted means those
        of moderated least squares.

    Raises
    ------
    InputError
        The fit is Bayesian (take that of ``fit.ml``), or there is too little to learn from.
    """
    chosen_samples(fit, SHARED)
    weights, label = chosen_weights(fit.design, changes(fit.design, terms, contrasts), contrasts)
    return shared_samples_table(fit.what_samples_share, weights, label)


def shared_cautions(fit: "Fit") -> list[Caution]:
    """Return what limits conclusions under shared samples: few miRNAs, or groups that are a shared direction.

    Of the coefficients of the slope variable; a sentence each, with advice.

    Returns
    -------
    list of Caution
        Sentences that know their kind and advice.
    """
    chosen_samples(fit, SHARED)
    weights, _ = chosen_weights(fit.design, slope_coefficients(fit.design))
    return shared_cautions_of(fit.what_samples_share, weights)


def sample_directions(fit: "Fit") -> pd.DataFrame:
    """Return the leading directions in which the samples move together, beside the columns of the sample table.

    Returns
    -------
    pandas.DataFrame
        A row per direction (at most 5) and column, the largest r_squared first: direction, share (of the variance
        of the samples over all miRNAs), column (also ``log(total)``), r_squared (share of the direction that the
        column explains), p_value (F test, of this direction and column alone). The directions are taken with the
        groups left in, so that a group or batch shows.

    Raises
    ------
    InputError
        As :meth:`shared_samples`.
    """
    chosen_samples(fit, SHARED)
    return sample_directions_table(fit.what_samples_share, fit.samples, fit.data["total"].values)


def sample_covariance(
    fit: "Fit", terms: str | Sequence[str] | None = None, contrasts: Any = None
) -> pd.DataFrame:
    """Return the covariance of the samples that the effects of one coefficient or contrast are estimated under.

    ``bm.fit(..., sample_covariance=fit.sample_covariance())`` has it in the model itself, as the covariance of the
    sample effects: for effects of single isomiRs, or a posterior.

    Parameters
    ----------
    terms, contrasts
        As in :meth:`effects`: one of them. The first coefficient of the slope variable by default.

    Returns
    -------
    pandas.DataFrame
        A row and a column per sample, with trace n.

    Raises
    ------
    InputError
        More than one coefficient was named, or as :meth:`shared_samples`.
    """
    chosen_samples(fit, SHARED)
    named = slope_coefficients(fit.design)[:1] if terms is None and contrasts is None else terms
    weights, _ = chosen_weights(fit.design, changes(fit.design, named, contrasts), contrasts)
    if len(weights) != 1:
        raise InputError(
            f"{', '.join(map(str, weights.index))} are {len(weights)} coefficients, and what samples share is learned "
            f"for each by itself: name one, as in fit.sample_covariance({weights.index[0]!r})."
        )
    shared = fit.what_samples_share
    covariance = learned_covariance(shared.cohort, shared.effects(weights.to_numpy(dtype=float)[0]))
    names = fit.data["sample"].values
    return pd.DataFrame(covariance, index=names, columns=names)
