"""Two made-up groups out of one real one, and libraries with fewer reads."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import xarray as xr

from bayes_mirglmm.counts.container import some
from bayes_mirglmm.errors import InputError
from bayes_mirglmm.suggest import did_you_mean

#: Name of the column that holds the made-up groups.
GROUP = "group"


def select_samples(counts: xr.Dataset, where: Mapping[str, object] | None) -> xr.Dataset:
    """Return the samples whose columns have the values that ``where`` names; all of them for None."""
    for name, value in (where or {}).items():
        columns = [
            str(c) for c, v in counts.coords.items() if v.dims == ("sample",) and c not in ("sample", "total")
        ]
        if name not in columns:
            raise InputError(
                f"where names {name!r}, which is not a column of the sample table."
                f"{did_you_mean(str(name), columns)} Its columns are: {', '.join(columns) or 'none'}."
            )
        values = [str(v) for v in counts[name].values]
        rows = np.flatnonzero(np.array(values) == str(value))
        if not len(rows):
            raise InputError(
                f"no sample has {name}={value!r}; the column has {some(sorted(set(values)))}: choose one of these."
            )
        counts = counts.isel(sample=rows)
    return counts


def group_sizes(n_samples: int, n_per_group: int | Sequence[int] | None) -> tuple[int, int]:
    """Return the sizes of both groups: halves of all samples when ``n_per_group`` is None."""
    if n_per_group is None:
        sizes = (n_samples // 2, n_samples - n_samples // 2)
    else:
        given = [n_per_group] * 2 if isinstance(n_per_group, int | np.integer) else list(n_per_group)
        if len(given) != 2 or not all(_is_whole(size) for size in given):
            raise InputError(f"n_per_group={n_per_group!r}: give one whole number, or two, of 1 or more.")
        sizes = (int(given[0]), int(given[1]))
    if min(sizes) < 1 or sum(sizes) > n_samples:
        raise InputError(
            f"{n_samples} real sample(s) cannot make groups of {sizes[0]} and {sizes[1]}: give a smaller n_per_group, "
            "or more samples of the same kind."
        )
    return sizes


def split(
    counts: xr.Dataset, sizes: tuple[int, int], groups: tuple[str, str], rng: np.random.Generator
) -> xr.Dataset:
    """Return ``sum(sizes)`` random samples with a column ``group``, which says to which half each belongs.

    A real column of that name becomes ``real_group``. Samples keep the order that they have.
    """
    order = rng.permutation(counts.sizes["sample"])
    chosen = np.sort(order[: sum(sizes)])
    second = set(order[sizes[0] : sum(sizes)].tolist())
    label = np.array([groups[int(i in second)] for i in chosen.tolist()], dtype=object)
    taken = counts.isel(sample=chosen)
    if GROUP in taken.variables:
        taken = taken.rename({GROUP: f"real_{GROUP}"})
    return taken.assign_coords({GROUP: ("sample", label)})


def keep_shares(given: float | Mapping[str, float], groups: tuple[str, str], label: np.ndarray) -> np.ndarray:
    """Return the share of its reads that each sample keeps, shape (sample,)."""
    by_group: Mapping[str, Any] = given if isinstance(given, Mapping) else dict.fromkeys(groups, given)
    unknown = [name for name in by_group if name not in groups]
    if unknown:
        raise InputError(
            f"keep_reads names group {unknown[0]!r}: the groups are {groups[0]} and {groups[1]}."
        )
    for name, share in by_group.items():
        number = isinstance(share, int | float | np.number) and not isinstance(share, bool)
        if not number or not 0 < share <= 1:
            raise InputError(f"keep_reads={share!r} (group {name}): give a share above 0, up to 1.")
    return np.array([float(by_group.get(str(name), 1.0)) for name in label])


def thin(counts: xr.Dataset, share: np.ndarray, rng: np.random.Generator) -> xr.Dataset:
    """Return libraries in which each read is kept with the probability ``share`` of its sample (binomial).

    Reads of the total that the container no longer holds are thinned with them.
    """
    if (share == 1).all():
        return counts
    y = counts["counts"].values
    rest = counts["total"].values - y.sum(axis=0)
    kept = rng.binomial(np.vstack([y, rest]), share)
    return counts.assign(counts=(("isomir", "sample"), kept[:-1])).assign_coords(
        total=("sample", kept.sum(axis=0))
    )


def _is_whole(value: object) -> bool:
    return isinstance(value, int | np.integer) and not isinstance(value, bool) and int(value) >= 1
