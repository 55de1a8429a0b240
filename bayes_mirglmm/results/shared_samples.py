"""What the samples of a fit share: its numbers as arrays for :mod:`bayes_mirglmm.cohort`, and labels on what it finds.

Learned from the fit by maximum likelihood, from the miRNAs that converged; nothing of it is saved, for it is the same
whenever it is learned.
"""

from collections.abc import Collection

import numpy as np
import pandas as pd
import xarray as xr
from scipy import special

from bayes_mirglmm.cohort.cohort_effects import (
    FEW_MIRNAS,
    FEWEST_MIRNAS,
    FEWEST_RESIDUALS,
    CohortEffects,
    cohort_effects,
    learn_cohort,
)
from bayes_mirglmm.cohort.responses import Responses, log_scale_responses
from bayes_mirglmm.cohort.sample_directions import explained, sample_directions
from bayes_mirglmm.design.covariates import is_factor
from bayes_mirglmm.errors import InputError
from bayes_mirglmm.outcomes import Caution
from bayes_mirglmm.results.inference import effects_table, long_table, tests, two_sided_p
from bayes_mirglmm.results.selection import converged, fitted, model_index, selected
from bayes_mirglmm.results.terms import log_fold_changes

#: What an effect of a miRNA means: the mean of its isomiRs' effects, or the mean weighted by the root of their counts.
ISOMIR_MEAN, WEIGHTED_MEAN = "isomir_mean", "weighted_mean"
ESTIMANDS = (ISOMIR_MEAN, WEIGHTED_MEAN)
#: How effects take the samples: as exchangeable, or under the covariance that they share.
INDEPENDENT, SHARED = "independent", "shared"
SAMPLES = (INDEPENDENT, SHARED)
OPTION = "samples='shared' (--shared-samples)"
OTHERWISE = "samples='independent' (a run without --shared-samples)"
DIRECTIONS = 5
#: Share of unchanged miRNAs below, and noise ratio above which borrowing may take effects for noise: so it did between
#: halves of the TCGA patients, tumour against normal tissue.
FEW_UNCHANGED, LARGE_NOISE = 0.6, 1.5
TOTAL = "log(total)"


class SharedSamples:
    """What the samples of a fit by maximum likelihood share.

    Parameters
    ----------
    data : xarray.Dataset
        The dataset of the fit.

    Raises
    ------
    InputError
        There are too few miRNAs or too few samples to learn from.
    """

    def __init__(self, data: xr.Dataset) -> None:
        self.rows = np.flatnonzero(fitted(data) & converged(data))
        x = data["x"].values
        n, p = x.shape
        check_enough(len(self.rows), n, p)
        self.cohort = learn_cohort(_responses(data, self.rows), x)
        # offsets that the user gave are knowledge: what all miRNAs do then is an effect
        self.shift = not str(data.attrs["offset_method"]).startswith(("column:", "log_column:"))
        self._effects: dict[bytes, CohortEffects] = {}

    def effects(self, weights: np.ndarray) -> CohortEffects:
        """Return the effects of the contrast ``weights @ beta``, shape (p,) the weights."""
        key = np.ascontiguousarray(weights, dtype=float).tobytes()
        if key not in self._effects:
            self._effects[key] = cohort_effects(self.cohort, np.asarray(weights, float), shift=self.shift)
        return self._effects[key]


def check_enough(mirnas: int, n: int, p: int, what: str = "were fitted") -> None:
    """Refuse to learn from too few miRNAs, or from ``n`` samples of which ``p`` coefficients leave too little.

    Raises
    ------
    InputError
    """
    if mirnas < FEWEST_MIRNAS:
        raise InputError(
            f"{mirnas} miRNAs {what}: what samples share cannot be learned from fewer than {FEWEST_MIRNAS}. Leave "
            f"{OPTION} out, or filter less."
        )
    if n - p < FEWEST_RESIDUALS:
        raise InputError(
            f"{n} samples and {p} coefficients leave {n - p} residual direction(s): what samples share needs "
            f"{FEWEST_RESIDUALS}. Take a variable out of the formula, add samples, or leave {OPTION} out."
        )


def check_fixed_alone(random: Collection[object]) -> None:
    """Refuse a formula with random terms of the samples, which what the samples share has no place for.

    Raises
    ------
    InputError
    """
    if random:
        raise InputError(
            f"{OPTION} takes fixed effects alone: leave it out, or put the groups of samples into the formula as a "
            "factor in place of (.. | ..): '~ group + patient' for '~ group + (1 | patient)'."
        )


def _responses(data: xr.Dataset, rows: np.ndarray) -> list[Responses]:
    models, offset = model_index(data), data["offset"].values
    fixed = selected(data, "beta") @ data["x"].values.T + data["u"].values
    owner, z = data["isomir_mirna"].values, data["z"].values
    places = pd.Series(np.arange(len(owner))).groupby(owner, sort=False).indices
    found = []
    for i in rows:
        isomirs = places[data["mirna"].values[i]]
        log_mean = fixed[i] + data["b"].values[isomirs] @ z.T + offset
        theta = float(data["theta"].values[models[i], i])
        found.append(log_scale_responses(data["counts"][isomirs].values, log_mean, theta, offset))
    return found


def shared_effects_table(
    data: xr.Dataset,
    shared: SharedSamples,
    weights: pd.DataFrame,
    *,
    label: str,
    df: float | np.ndarray,
    prob: float,
    estimand: str,
) -> pd.DataFrame:
    """Return a row per fitted miRNA and row of ``weights``, as :func:`effects_table` and under what samples share.

    Levels (rows with weight on the intercept) are no effects: theirs are the numbers of the fit itself, and so are
    those of a contrast for which nothing is borrowed. A miRNA whose model did not converge has no numbers.

    Parameters
    ----------
    data : xarray.Dataset
        The dataset of a fit by maximum likelihood.
    shared : SharedSamples
    weights, label, df, prob
        As in :func:`~bayes_mirglmm.results.effects.effects_table`.
    estimand : str
        One of :data:`ESTIMANDS`.
    """
    if estimand not in ESTIMANDS:
        raise InputError(f"estimand={estimand!r} is not known: choose one of {', '.join(ESTIMANDS)}.")
    rows = np.flatnonzero(fitted(data))
    own = effects_table(data, weights, label=label, df=df, prob=prob).drop(columns=["mirna", label])
    shape = (len(rows), len(weights))
    columns = {str(name): own[name].to_numpy().reshape(shape).copy() for name in own}
    columns["p_beyond_shared"] = np.full(shape, np.nan)
    place = np.searchsorted(rows, shared.rows)
    for c in np.flatnonzero(log_fold_changes(weights)):
        found = shared.effects(weights.to_numpy(dtype=float)[c])
        mean = estimand == ISOMIR_MEAN
        if mean and not found.contrast.borrowed:  # the fit's own effects stay
            _beyond(columns, int(c), place, found)
            continue
        estimate, error = np.full((2, len(rows), 1), np.nan)
        estimate[place, 0] = found.mean if mean else found.weighted
        error[place, 0] = found.mean_std_error if mean else found.weighted_std_error
        table = tests(estimate, error, log_fold_change=np.array([True]), df=found.df, prob=prob)
        for name, values in table.items():
            columns[name][:, c] = values[:, 0]
        _beyond(columns, int(c), place, found)
    result = long_table({"mirna": data["mirna"].values[rows]}, label, weights, columns)
    result.insert(2, "estimand", estimand)
    return result


def _beyond(columns: dict[str, np.ndarray], c: int, place: np.ndarray, found: CohortEffects) -> None:
    """Fill in p_beyond_shared of effect ``c``: all that the miRNAs do together along it is noise."""
    careful = np.sqrt(columns["std_error"][place, c] ** 2 + found.variance_if_null)
    z = columns["estimate"][place, c] / careful
    columns["p_beyond_shared"][place, c] = two_sided_p(z, columns["df"][place, c])


def shared_samples_table(shared: SharedSamples, weights: pd.DataFrame, label: str) -> pd.DataFrame:
    """Return a row per row of ``weights``: what the samples share and what it does to that contrast."""
    cohort = shared.cohort
    n, p = cohort.x.shape
    records = []
    for name, row in weights[log_fold_changes(weights)].iterrows():
        effects = shared.effects(row.to_numpy(dtype=float))
        found = effects.contrast
        slope, psi = found.slope, found.psi
        records.append(
            {
                label: name,
                "mirnas": len(cohort.responses),
                "n_samples": n,
                "residual_directions": n - p,
                "effective_samples": p + cohort.effective_residuals,
                "variance_left": psi / (psi + slope @ cohort.shared.matrix @ slope),
                "null_share": found.null_share,
                "shift": effects.shift,
                "df": effects.df if found.borrowed else np.nan,
                "noise_ratio": found.noise_ratio,
                "noise_p_value": found.noise_p_value,
                "borrowed": found.borrowed,
            }
        )
    return pd.DataFrame.from_records(records)


def in_words(table: pd.DataFrame) -> str:
    """Say what the first row of :func:`shared_samples_table` means: how much the samples carry, and what was gained."""
    row = table.iloc[0]
    text = f"{row['n_samples']} samples carry as much as {row['effective_samples']:.1f} independent ones"
    if not row["borrowed"]:
        return f"{text}; nothing was borrowed across them for {row['term']}, which is such a direction itself"
    return f"{text}, and what they share tells {100 * (1 - row['variance_left']):.0f} % of the noise of {row['term']}"


def sample_directions_table(shared: SharedSamples, samples: pd.DataFrame, total: np.ndarray) -> pd.DataFrame:
    """Return a row per leading direction and column of the sample table: how much of the direction it explains.

    ``p_value`` is that of the F test of the column, for this direction alone; ``total`` (n,) are the library sizes.
    """
    found = sample_directions(shared.cohort)
    n, k = len(found.scores), min(DIRECTIONS, found.scores.shape[1])
    columns = {str(name): _as_numbers(samples[name]) for name in samples.columns}
    columns[TOTAL] = np.log(np.maximum(np.asarray(total, dtype=float), 1.0))[:, None]
    records = []
    for name, values in columns.items():
        rank = 0 if values is None else int(np.linalg.matrix_rank(values - values.mean(axis=0)))
        if values is None or not 0 < rank < n - 1:
            continue
        r_squared = explained(values, found.scores[:, :k])
        ratio = (r_squared / rank) / np.maximum((1.0 - r_squared) / (n - 1 - rank), 1e-300)
        p_values = special.fdtrc(rank, n - 1 - rank, ratio)
        for d in range(k):
            records.append((d + 1, found.share[d], name, r_squared[d], p_values[d]))
    names = ["direction", "share", "column", "r_squared", "p_value"]
    return pd.DataFrame.from_records(records, columns=names).sort_values(
        ["direction", "r_squared"], ascending=[True, False], kind="stable", ignore_index=True
    )


def shared_cautions_of(shared: SharedSamples, weights: pd.DataFrame) -> list[Caution]:
    """Return what limits the conclusions: few miRNAs to learn from, or a contrast that is itself a shared direction."""
    found = []
    m = len(shared.cohort.responses)
    if m < FEW_MIRNAS:
        found.append(
            Caution(
                "few_mirnas",
                f"what the samples share was learned from {m} miRNAs only, which makes it rough.",
            )
        )
    for name, row in weights[log_fold_changes(weights)].iterrows():
        at = shared.effects(row.to_numpy(dtype=float)).contrast
        if not at.borrowed:
            sentence = (
                f"{name}: what the miRNAs do along it follows what samples alike in it differ in: taken for noise it "
                f"would be {at.noise_ratio:.1f} times that of other directions (p = {at.noise_p_value:.1g}). Effects "
                "on many miRNAs and a shared difference of the groups (degradation, batch, cell composition) cannot "
                "be told apart; nothing was borrowed across samples: the effects are those of "
                f"{OTHERWISE}, and p_beyond_shared takes what they do together for noise."
            )
            found.append(Caution("shared_direction", sentence))
        elif at.null_share < FEW_UNCHANGED and at.noise_ratio > LARGE_NOISE:
            sentence = (
                f"{name}: {100 * (1 - at.null_share):.0f} % of the miRNAs change, and their noise along it would be "
                f"{at.noise_ratio:.1f} times that of other directions. Where effects follow what samples alike in it "
                "differ in (more or less tumour in a tumour), what is borrowed across samples takes part of them away: "
                f"compare with {OTHERWISE}."
            )
            found.append(Caution("shared_direction", sentence))
    return found


def _as_numbers(column: pd.Series) -> np.ndarray | None:
    """Return a column as numbers or dummies, shape (n, q); None where it has gaps or names nearly every sample."""
    if column.isna().any():
        return None
    if not is_factor(column) and pd.api.types.is_numeric_dtype(column):
        return column.to_numpy(dtype=float)[:, None]
    dummies = pd.get_dummies(column.astype(str), dtype=float)
    return None if dummies.shape[1] > len(column) / 2 else dummies.to_numpy()
