"""Tables with a row for each read and sample, as several tools write them: into one part a file."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pandas as pd

from bayes_mirglmm.readers._part import Part


def widened(part: Part, samples: Sequence[str] | np.ndarray) -> Part:
    """Return a part of one column, whose row ``i`` is of ``samples[i]``, with a column for each sample.

    Every row keeps its own line: rows of one isomiR and miRNA in different samples become one row, those in one sample
    stay apart, for the rule of the format (see :func:`~bayes_mirglmm.readers._part.without_duplicates`).
    """
    codes, names = pd.factorize(np.asarray(samples, dtype=object))
    isomirs, _ = pd.factorize(part.isomir)
    mirnas, _ = pd.factorize(part.mirna)
    keys = pd.DataFrame({"isomir": isomirs, "mirna": mirnas, "sample": codes})
    keys["nth"] = keys.groupby(["isomir", "mirna", "sample"], sort=False).cumcount()
    rows = keys.groupby(["isomir", "mirna", "nth"], sort=False).ngroup().to_numpy()
    first = np.full(rows.max() + 1, -1, dtype=np.int64)
    first[rows[::-1]] = np.arange(len(rows) - 1, -1, -1)
    counts = np.zeros((len(first), len(names)), dtype=np.int64)
    counts[rows, codes] = part.counts[:, 0]
    where = part.where
    return replace(
        part,
        isomir=part.isomir[first],
        mirna=part.mirna[first],
        samples=[str(name) for name in names],
        counts=counts,
        sequence=None if part.sequence is None else part.sequence[first],
        annotation=None if part.annotation is None else part.annotation.iloc[first].reset_index(drop=True),
        where=lambda i: where(int(first[i])),
    )
