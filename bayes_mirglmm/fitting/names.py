"""Whether every name of a fit can be written to the files of a run: asked before the fit, not after it."""

from collections.abc import Iterable

import xarray as xr

from bayes_mirglmm.counts.container import dropped
from bayes_mirglmm.design.build import Design
from bayes_mirglmm.errors import InputError


def check_names(counts: xr.Dataset, design: Design) -> None:
    """Refuse names that netCDF has no place for.

    Raises
    ------
    InputError
        A miRNA, isomiR, sample or coefficient has a NUL character in its name.
    """
    for what, names in (
        ("miRNA", {*counts["mirna"].values, *dropped(counts)["mirna"]}),
        ("isomiR", counts["isomir"].values),
        ("sample", counts["sample"].values),
        ("coefficient", (*design.terms, *design.slope_terms, design.formula)),
    ):
        _check(what, names)


def _check(what: str, names: Iterable[object]) -> None:
    texts = list(map(str, names))
    if "\0" in "".join(texts):  # all at once: there are thousands
        name = next(text for text in texts if "\0" in text)
        raise InputError(
            f"{what} {name!r} has a NUL character in its name, which the files of a run cannot hold: rename it."
        )
