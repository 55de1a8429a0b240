"""Columns of integers that no sample is: indices, positions, scores, rates, sums."""

from collections.abc import Sequence

from bayes_mirglmm.readers._cells import as_count

FEW_ROWS = 5  # fewer say nothing about a column
LARGEST_SCORE = 255  # of a mapping quality
INDEX = ("index", "idx", "number", "no", "nr", "row", "rank", "order")
PLACE = (
    "pos",
    "position",
    "begin",
    "stop",
    "len",
    "lenread",
    "seqlength",
    "readlength",
    "width",
    "hammingdistance",
)
SCORE = (
    "score",
    "alignscore",
    "mapq",
    "qual",
    "quality",
    "mismatches",
    "nmismatches",
    "nm",
    "nh",
    "hi",
    "xm",
    "edits",
)
RATE = (
    "rpm",
    "cpm",
    "tpm",
    "rpkm",
    "fpkm",
    "ratio",
    "percent",
    "pct",
    "fraction",
    "freqpct",
    "basemean",
    "mean",
    "median",
)
TEST = ("pvalue", "padj", "fdr", "qvalue", "logfc", "log2fc", "log2foldchange", "lfcse", "stat")
SUM = ("total", "sum", "totalcount", "totalcounts", "totalreads", "all", "average", "avg")
NAMES = {
    **dict.fromkeys(INDEX, "an index"),
    **dict.fromkeys(PLACE, "a position or length"),
    **dict.fromkeys(SCORE, "a score"),
    **dict.fromkeys(RATE, "a rate"),
    **dict.fromkeys(TEST, "the result of a test"),
    **dict.fromkeys(SUM, "a sum over samples"),
}


def suspicion(key: str, cells: Sequence[str]) -> str | None:
    """Say what a column that is no sample looks like, from its normalised name and cells; None where it may be one.

    Integers that count up by one are an index; one value in every row, 2 to 255, is a score or a setting.
    """
    if key in NAMES:
        return f"is called like {NAMES[key]}"
    numbers = [as_count(cell) for cell in cells]
    if len(numbers) < FEW_ROWS or None in numbers:
        return None
    first = numbers[0] or 0
    if numbers == list(range(first, first + len(numbers))):
        return f"counts up by one from {first}, like an index"
    if 1 < first <= LARGEST_SCORE and len(set(numbers)) == 1:
        return f"holds {first} in every row, like a score"
    return None
