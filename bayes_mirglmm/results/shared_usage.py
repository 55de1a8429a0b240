"""The usage test under what samples share: labels on :mod:`bayes_mirglmm.cohort`.

The group-free fit and the tests are made when they are first asked for, and kept with the fit.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from bayes_mirglmm.cohort.covariance_folds import deal_folds
from bayes_mirglmm.cohort.global_shift import (
    GlobalShift,
    beyond_global_shift,
    global_shift,
    usable_features,
)
from bayes_mirglmm.cohort.rotation_test import column_rank
from bayes_mirglmm.cohort.shared_shift import orthonormal
from bayes_mirglmm.cohort.usage_profiles import FEWEST_DIRECTIONS, UsageProfiles, mirna_scores, usage_profiles
from bayes_mirglmm.cohort.usage_test import FEW_MIRNAS, FEWEST_MIRNAS, SharedUsageTest, shared_usage_test
from bayes_mirglmm.counts.isomir_features import isomir_features
from bayes_mirglmm.counts.isomir_types import sequence_of
from bayes_mirglmm.counts.on_disk import mean_rate
from bayes_mirglmm.design.build import Design
from bayes_mirglmm.design.interest import Interest, interest
from bayes_mirglmm.errors import InputError
from bayes_mirglmm.outcomes import Caution
from bayes_mirglmm.results.selection import fitted

if TYPE_CHECKING:
    from bayes_mirglmm.methods.group_free import Means
    from bayes_mirglmm.results.fit_result import Fit

#: Features of the global shift: where an isomiR ends and begins, and its tail.
GLOBAL_FEATURES = ("offset_5p", "offset_3p", "offset_3p_squared", "tail")
LEVEL = 0.05
SMALL_RATIO = 1.25  # lambda up to which a shared shift, however certain, changes next to nothing
LARGE_RATIO = 3.0  # lambda from which on the groups are themselves a direction that samples share
SMALL_GROUP = 3


@dataclass(frozen=True, eq=False)
class GroupFree:
    """The miRNAs that the test is of, with their means under the model without the variable of interest."""

    mirnas: list[str]
    rows: list[np.ndarray]
    """Rows of each miRNA's isomiRs in the dataset."""
    counts: list[np.ndarray]
    means: "list[Means]"

    @property
    def isomirs(self) -> np.ndarray:
        """Rows of all isomiRs in the dataset, in the order of the profiles."""
        return np.concatenate(self.rows)


@dataclass(frozen=True, eq=False)
class SharedUsage:
    """The test of one contrast; None where there is none, with the reason among the cautions."""

    interest: Interest
    group_free: GroupFree
    profiles: UsageProfiles | None
    test: SharedUsageTest | None
    shift: GlobalShift | None
    cautions: list[Caution]

    @property
    def verdict(self) -> str:
        """What the groups are to the profiles that all miRNAs share.

        ``ok``: like any other labelling; ``shift``: they go along such a profile, and the test says what goes beyond;
        ``confounded``: they are such a profile, so that usage and a batch cannot be told apart; ``none``: no test.
        """
        if self.test is None:
            return "none"
        found = self.test.shift
        if found.ratio > LARGE_RATIO and (np.isnan(found.p_value) or found.p_value <= LEVEL):
            return "confounded"
        return "shift" if found.ratio > SMALL_RATIO and found.p_value <= LEVEL else "ok"


def few_mirnas(number: int) -> str:
    """Return that so many miRNAs are too few, as the beginning of a sentence."""
    return f"{number:,} miRNA{' is' if number == 1 else 's are'} too few"


def too_few_directions(design: Design) -> str:
    """Say how many directions of the samples the covariates leave, where these are too few; else empty."""
    found = interest(design)
    taken = int(np.linalg.matrix_rank(found.others))
    left = len(found.others) - taken
    if left >= FEWEST_DIRECTIONS:
        return ""
    samples = len(found.others)
    return (
        f"{samples} samples less {taken} coefficients leave {left} directions, of {FEWEST_DIRECTIONS} needed"
    )


def check_directions(design: Design) -> None:
    """Refuse a design that leaves too few directions for the test.

    Raises
    ------
    InputError
    """
    if few := too_few_directions(design):
        raise InputError(
            f"the shared usage test needs more samples beside the covariates: {few}. Add samples, take a covariate "
            "out, or take test='lrt'."
        )


def shared_usage(fit: "Fit", term: str | None = None, beyond_global: bool = False) -> SharedUsage:
    """Return the test of a fit, from memory where it was asked for before.

    Parameters
    ----------
    fit : Fit
    term : str, optional
        One coefficient of the slope variable; all together when omitted.
    beyond_global : bool
        Take out what isomiRs of one kind do in all miRNAs.

    Raises
    ------
    InputError
        The design cannot be tested, or, with ``beyond_global``, the kinds of the isomiRs are not known.
    """
    ml = fit.ml
    key = (term, beyond_global)
    if key not in ml.shared_cache:
        ml.shared_cache[key] = _tested(ml, term, beyond_global)
    found = ml.shared_cache[key]
    assert isinstance(found, SharedUsage)
    return found


def features_of(fit: "Fit", rows: np.ndarray) -> pd.DataFrame:
    """Return what the ids of isomiRs tell of their kind, for rows of the dataset; kept with the fit."""
    key = ("features", rows.tobytes())
    known = fit.ml.shared_cache.get(key)
    if isinstance(known, pd.DataFrame):
        return known
    data = fit.data
    cpm = mean_rate(data["counts"][rows], np.exp(data["offset"].values))
    names = data["isomir"].values[rows].astype(str)
    table = isomir_features(names, data["isomir_mirna"].values[rows], cpm)
    table = table.assign(offset_3p_squared=table["offset_3p"] ** 2)
    fit.ml.shared_cache[key] = table
    return table


def _tested(fit: "Fit", term: str | None, beyond_global: bool) -> SharedUsage:
    check_directions(fit.design)
    wanted = interest(fit.design, term)
    free = group_free(fit)
    cautions = _cautions(fit, wanted, free)
    pairs = [
        mirna_scores(counts.astype(float), mean, theta, wanted.others)
        for counts, (mean, theta) in zip(free.counts, free.means, strict=True)
    ]
    if not pairs:
        return SharedUsage(wanted, free, None, None, None, cautions)
    profiles = usage_profiles(
        [scores for scores, _ in pairs], [weights for _, weights in pairs], wanted.others
    )
    if len(pairs) < FEWEST_MIRNAS:
        return SharedUsage(wanted, free, profiles, None, None, cautions)
    rank = column_rank(profiles.basis.T @ wanted.columns)
    seed = int(fit.metadata.get("seed") or 1)
    linked = _linked(fit, free)
    shift, features = None, _global_features(fit, free, profiles)
    if features is not None:
        shift = global_shift(profiles, features, wanted.columns, rank, wanted.strata, seed=seed)
    if beyond_global:
        if features is None:
            raise InputError(
                "the ids of these isomiRs tell neither sequence nor offsets, so that a global shift of their kinds "
                "cannot be taken out: read the counts with sequences as ids."
            )
        directions = orthonormal(profiles.basis.T @ wanted.columns, rank)
        profiles = beyond_global_shift(profiles, features, directions, deal_folds(profiles.sizes, linked))
    scale = fit.slope_prior_scale
    test = shared_usage_test(
        profiles,
        wanted.columns,
        wanted.strata,
        linked=linked,
        prior_scale=scale if np.isfinite(scale) else 1.0,
        seed=seed,
    )
    return SharedUsage(wanted, free, profiles, test, shift, cautions)


def group_free(fit: "Fit") -> GroupFree:
    """Fit every miRNA once without the variable of interest, and keep the means with the fit."""
    fit = fit.ml
    known = fit.shared_cache.get("group_free")
    if isinstance(known, GroupFree):
        return known
    data = fit.data
    owner = data["isomir_mirna"].values
    place = pd.Series(np.arange(len(owner))).groupby(owner, sort=False).indices
    names = [str(name) for name in data["mirna"].values[fitted(data)]]
    rows = [np.asarray(place[name]) for name in names]
    counts = [data["counts"][r].values for r in rows]
    offset = data["offset"].values
    from bayes_mirglmm.methods.group_free import group_free_means  # numba, which a loaded run does not need

    wanted = interest(fit.design)
    means = group_free_means(counts, offset, wanted.fixed, wanted.random, wanted.blocks, fit.spec)
    kept = [i for i, found in enumerate(means) if found is not None and len(rows[i]) > 1]
    free = GroupFree(
        [names[i] for i in kept],
        [rows[i] for i in kept],
        [counts[i] for i in kept],
        [found for i in kept if (found := means[i]) is not None],
    )
    fit.shared_cache["group_free"] = free
    return free


def _linked(fit: "Fit", free: GroupFree) -> np.ndarray:
    """Return pairs of miRNAs that have a read in common, by the sequences in the ids."""
    first: dict[str, int] = {}
    pairs = []
    for m, rows in enumerate(free.rows):
        for name in fit.data["isomir"].values[rows]:
            read = sequence_of(str(name))
            if read and first.setdefault(read, m) != m:
                pairs.append((first[read], m))
    return np.array(pairs, dtype=np.intp).reshape(-1, 2)


def _global_features(fit: "Fit", free: GroupFree, profiles: UsageProfiles) -> np.ndarray | None:
    """Return the features that are known and vary, in units of the profiles; None where there is none."""
    table = features_of(fit, free.isomirs)[list(GLOBAL_FEATURES)]
    known = [name for name in table if table[name].notna().mean() > 0.5 and table[name].std() > 0.0]
    if not known:
        return None
    return usable_features(table[known].to_numpy(dtype=float), profiles)


def _cautions(fit: "Fit", wanted: Interest, free: GroupFree) -> list[Caution]:
    found = []
    number = len(free.mirnas)
    if number < FEWEST_MIRNAS:
        found.append(Caution("few_mirnas", f"{few_mirnas(number)} to learn what samples share: no p-values."))
    elif number < FEW_MIRNAS:
        found.append(
            Caution(
                "few_mirnas", f"what samples share was learned from {number} miRNAs only: p-values are rough."
            )
        )
    factors = fit.design.factors
    if fit.slope in factors:
        sizes = fit.design.table[fit.slope].value_counts()
        if sizes.min() <= SMALL_GROUP and sizes.max() > sizes.min():
            found.append(
                Caution(
                    "unbalanced_groups",
                    f"groups of {int(sizes.min())} and {int(sizes.max())} samples: one sample of the small group can "
                    "make a shared shift.",
                )
            )
    return found
