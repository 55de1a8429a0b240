"""Blocks of tables with thousands of samples, parsed as one column of numbers.

A column costs pandas some 50 microseconds a block, whatever its length: at 10,000 samples more than the numbers
themselves. So the cells of a row are put under each other. Whatever is not plain integers goes the ordinary way, which
knows how to say what is wrong.
"""

from collections.abc import Sequence
from io import BytesIO

import numpy as np
import pandas as pd

from bayes_mirglmm.counts.container import MAX_COUNT

FEWEST_COLUMNS = 2_000


def is_wide(columns: int, counts: Sequence[int]) -> bool:
    """Tell whether a table has so many counts, all of them behind its other columns, that this is worth it."""
    first = columns - len(counts)
    return len(counts) >= FEWEST_COLUMNS and first > 0 and list(counts) == list(range(first, columns))


def split_rows(data: bytes, delimiter: str, columns: int, counts: int) -> tuple[bytes, np.ndarray] | None:
    """Return the other columns of a block as text, and its counts (rows, counts); None where they are not plain.

    Parameters
    ----------
    data : bytes
        Whole rows of ``columns`` cells each, ended by line ends.
    counts : int
        How many of the columns, the last ones, are counts.
    """
    if b'"' in data:
        return None
    codes = np.frombuffer(data, dtype=np.uint8)
    ends = np.flatnonzero(codes == ord("\n"))
    cuts = np.flatnonzero(codes == ord(delimiter))[columns - counts - 1 :: columns - 1]
    starts = np.concatenate([[0], ends[:-1] + 1])
    rows = list(zip(starts.tolist(), cuts.tolist(), ends.tolist(), strict=True))
    del codes, cuts
    numbers = b"".join(data[cut + 1 : end + 1] for _, cut, end in rows).replace(delimiter.encode(), b"\n")
    if numbers.translate(None, b"0123456789\n"):
        return None
    try:
        column = pd.read_csv(
            BytesIO(numbers), header=None, dtype=np.int64, na_filter=False, skip_blank_lines=False, engine="c"
        )
    except (ValueError, OverflowError):  # an empty cell, or one of many digits
        return None
    values = column[0].to_numpy()
    if values.max(initial=0) > MAX_COUNT:
        return None
    return b"\n".join(data[start:cut] for start, cut, _ in rows) + b"\n", values.reshape(len(rows), counts)
