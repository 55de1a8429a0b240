"""What an isomiR is in numbers: where its ends lie, its tail, its length, its bases.

From ids that are sequences, compared with the most abundant isomiR of the miRNA (:mod:`.isomir_types`), or that carry
offsets (``name|5' offset|3' offset``, as from GDC, where tails are part of the 3' offset and sequences are not known).
"""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from bayes_mirglmm.counts.isomir_types import align, offsets_of, sequence_of

FEATURES = ("offset_5p", "offset_3p", "tail", "tail_a", "tail_u", "length", "gc")


def isomir_features(
    isomirs: Sequence[str] | np.ndarray, mirnas: Sequence[str] | np.ndarray, abundance: np.ndarray
) -> pd.DataFrame:
    """Return the features of I isomiRs, a row each, NaN where nothing tells.

    Parameters
    ----------
    isomirs, mirnas : sequence of str, length I
        Ids and miRNAs.
    abundance : array, shape (I,)
        Mean expression, on any scale: the most abundant isomiR of a miRNA is what the others are compared with.

    Returns
    -------
    pandas.DataFrame
        ``offset_5p``, ``offset_3p`` (bases; above 0 to the right; the tail not counted), ``tail`` (bases that the
        template does not have), ``tail_a`` and ``tail_u`` (1 where that tail ends in A, in U), ``length`` (bases) and
        ``gc`` (share of G and C).
    """
    names = np.asarray(mirnas, dtype=object)
    sequences = [sequence_of(str(name)) for name in isomirs]
    values = np.full((len(names), len(FEATURES)), np.nan)
    for i, name in enumerate(isomirs):
        if sequences[i]:
            letters = sequences[i]
            values[i, 5:] = len(letters), (letters.count("G") + letters.count("C")) / len(letters)
        elif (ends := offsets_of(str(name))) is not None:
            values[i, :2] = ends
    level = np.nan_to_num(np.asarray(abundance, dtype=float), nan=-1.0)
    for rows in pd.Series(range(len(names))).groupby(names, sort=False).indices.values():
        own = [i for i in rows if sequences[i]]
        if not own:
            continue
        reference = sequences[max(own, key=lambda i: level[i])]
        for i in own:
            found = align(sequences[i], reference)
            if found is not None:
                last = found.tail[-1:]
                values[i, :5] = found.start, found.end, len(found.tail), last == "A", last == "T"
    return pd.DataFrame(values, index=pd.Index(isomirs, dtype=object), columns=list(FEATURES))
