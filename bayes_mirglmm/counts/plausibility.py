"""Numbers that are integers and yet no counts of reads: rounded CPM, rounded logarithms."""

import numpy as np
import xarray as xr

from bayes_mirglmm.counts.on_disk import blocks_of
from bayes_mirglmm.outcomes import Caution

ALIKE = 0.01  # relative spread of totals below which no sequencing run gives them
SMALLEST_LOG = 40  # log2 of any number of reads is below
ROUND = 0.005  # log10: CPM and the like add up to a power of ten
FEW_SAMPLES = 3  # fewer totals can be alike by chance
FEW_ISOMIRS = 20  # of so few, all may be small


def count_cautions(counts: xr.Dataset) -> list[Caution]:
    """Return a sentence for each sign that the numbers are not counts of reads.

    Parameters
    ----------
    counts : xarray.Dataset
        A counts container; filters do not matter.

    Returns
    -------
    list of Caution
        Empty for counts of libraries: of ordinary ones the totals differ, and some isomiR has many reads.
    """
    found = []
    total = counts["total"].values.astype(np.float64)
    if _alike(total):
        spread = f"{total.min():,.0f} to {total.max():,.0f}"
        found.append(
            Caution(
                "not_counts",
                f"these do not look like counts: the totals of all {len(total)} samples are alike ({spread}), as of "
                "rounded CPM or RPM, which hide how many reads there were, so that standard errors and tests are wrong",
            )
        )
    isomirs = counts.sizes["isomir"] + counts.sizes.get("dropped", 0)
    small = (
        isomirs >= FEW_ISOMIRS and total.max() <= SMALLEST_LOG * isomirs
    )  # of ordinary totals no cell is looked at
    largest = max((int(block.max()) for block in blocks_of(counts["counts"])), default=0) if small else 0
    if 1 < largest < SMALLEST_LOG:
        found.append(
            Caution(
                "not_counts",
                f"these do not look like counts: no value is above {largest} in {isomirs:,} isomiRs, as of "
                "rounded logarithms (log2 CPM), of which nothing here is right",
            )
        )
    return found


def _alike(total: np.ndarray) -> bool:
    """Tell whether totals are one power of ten, which no sequencing run gives."""
    if len(total) < FEW_SAMPLES or not total.min() > 0 or total.max() > (1 + ALIKE) * total.min():
        return False
    power = np.log10(np.median(total))
    return bool(abs(power - np.rint(power)) <= ROUND)
