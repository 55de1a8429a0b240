"""A design without one of its samples, in which every coefficient means what it meant before."""

from dataclasses import replace

import numpy as np
import pandas as pd

from bayes_mirglmm.design.build import Design
from bayes_mirglmm.design.random_terms import RandomTerm
from bayes_mirglmm.design.rank import checked_rank
from bayes_mirglmm.errors import InputError


def without_sample(design: Design, sample: int) -> Design:
    """Return a design without one sample.

    Rows are taken out of the matrices: reference levels, and the means from which covariates are measured, stay those
    of all samples, so that coefficients can be compared.

    Parameters
    ----------
    design : Design
    sample : int
        Its position.

    Raises
    ------
    InputError
        Only this sample tells some coefficients, or levels of a random term, apart.
    """
    name = design.samples[sample]
    x, z = (np.delete(matrix, sample, axis=0) for matrix in (design.x, design.z))
    for matrix, names, what in (
        (x, design.terms, "design"),
        (z, design.slope_terms, "design of isomiR effects"),
    ):
        checked_rank(matrix, names, f"the {what} without {name}", lambda: "only this sample separates them.")
    for array in (x, z):
        array.flags.writeable = False
    return replace(
        design,
        x=x,
        z=z,
        samples=tuple(other for s, other in enumerate(design.samples) if s != sample),
        table=design.table.drop(index=design.table.index[sample]),
        random=tuple(_random_term(term, sample, name) for term in design.random),
    )


def _random_term(term: RandomTerm, sample: int, name: str) -> RandomTerm:
    kept = np.delete(term.level, sample)
    level, present = pd.factorize(kept, sort=True)
    if len(present) < 2 or len(present) == len(kept):
        what = "one level" if len(present) < 2 else "a level for every sample"
        raise InputError(f"without {name} {term.group!r} has {what}: only this sample tells its variance.")
    levels = tuple(term.levels[i] for i in present)
    return replace(
        term, columns=np.delete(term.columns, sample, axis=0), levels=levels, level=level.astype(np.int64)
    )
