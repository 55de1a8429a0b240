"""The miRNAs that were asked for, the others on record."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
import xarray as xr

from bayes_mirglmm.counts.container import counts_sha256, dropped, some, with_dropped
from bayes_mirglmm.errors import InputError
from bayes_mirglmm.outcomes import NOT_SELECTED
from bayes_mirglmm.suggest import did_you_mean

#: Reason on record of isomiRs whose miRNA was not asked for.
NOT_ASKED = NOT_SELECTED


def select_mirnas(counts: xr.Dataset, mirnas: str | Sequence[str] | None) -> xr.Dataset:
    """Return the counts of these miRNAs; totals stay, and what went is on record with the reason ``not_selected``.

    Parameters
    ----------
    counts : xarray.Dataset
        A counts container.
    mirnas : str or sequence of str, optional
        Names as in the counts; None keeps all. One that a filter has dropped may be among them.

    Raises
    ------
    InputError
        The counts have never had a miRNA of that name, or no isomiR of those that were asked for is left.
    """
    if mirnas is None:
        return counts
    wanted = [mirnas] if isinstance(mirnas, str) else [str(name) for name in mirnas]
    if not wanted:
        raise InputError("mirnas is empty: name the miRNAs to keep, or leave it out to keep all.")
    own = counts["mirna"].values.astype(object)
    known = {str(name) for name in own}
    filtered = {str(name) for name in dropped(counts)["mirna"]}
    unknown = [name for name in wanted if name not in known | filtered]
    if unknown:
        hint = did_you_mean(unknown[0], sorted(known)) or f" The counts have {some(sorted(known))}."
        more = f" ({len(unknown)} such names in all)" if len(unknown) > 1 else ""
        raise InputError(f"mirnas= names {unknown[0]!r}{more}, which the counts do not have.{hint}")
    kept = np.isin(own, wanted)
    if not kept.any():
        raise InputError(
            f"mirnas= names {some(wanted)}, of which the filters have left no isomiR: relax them, or name others."
        )
    record = pd.DataFrame(
        {
            "isomir": counts["isomir"].values[~kept],
            "mirna": own[~kept],
            "reason": NOT_ASKED,
            "log_cpm": np.nan,
        }
    )
    before = counts.attrs.get("sha256_before_filters") or counts_sha256(counts)
    chosen = counts.isel(isomir=np.flatnonzero(kept)).assign_attrs(sha256_before_filters=before)
    return with_dropped(chosen, record)
