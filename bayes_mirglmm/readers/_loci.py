"""From genomic coordinates of isoforms to 5' and 3' offsets that are the same at every locus of a miRNA.

Coordinates are half-open (BCGSC writes the end exclusive). Along the strand, the 5' end of an isoform is its start on
``+`` and minus its end on ``-``, so that both ends grow downstream.

Without miRBase's coordinates the reference of a miRNA is its most abundant isoform over all files, at the locus with
most reads. The reads of one miRNA map to all of its loci, so the other loci show the same isoforms shifted by a
constant: the shift is the one at which the two profiles (square roots of the counts of each 5' and 3' end) overlap
most.
"""

import numpy as np
import pandas as pd

LOCUS = ["accession", "chromosome", "strand", "precursor"]
ENDS = ["five", "three"]
NEAR = 50  # nt between an isoform and the mature sequence that it is measured from, at most


def offsets(rows: pd.DataFrame, mature: pd.DataFrame | None) -> pd.DataFrame:
    """Add ``offset_5p`` and ``offset_3p`` (nt, positive downstream) to rows of mature miRNAs.

    Parameters
    ----------
    rows : pandas.DataFrame
        ``accession``, ``precursor``, ``chromosome``, ``strand``, ``start``, ``end``, ``count``.
    mature : pandas.DataFrame, optional
        miRBase's mature sequences: ``accession``, ``chromosome``, ``strand``, ``start``, ``end`` (half-open).
    """
    locus = rows.groupby(LOCUS, sort=True).ngroup()
    five, three = _along_strand(rows)
    rows = rows.assign(locus=locus, five=five, three=three)
    profile = rows.groupby(["locus", *ENDS], sort=True)["count"].sum().reset_index()
    loci = rows.drop_duplicates("locus").set_index("locus").sort_index()[LOCUS]
    reference = _most_abundant(profile, loci["accession"])
    if mature is not None:
        reference.update(_from_mirbase(profile, loci, mature))
    origin = reference.loc[rows["locus"]].astype(np.int64)
    return rows.assign(
        offset_5p=rows["five"].to_numpy() - origin["five"].to_numpy(),
        offset_3p=rows["three"].to_numpy() - origin["three"].to_numpy(),
    )


def _along_strand(rows: pd.DataFrame) -> tuple[pd.Series, pd.Series]:
    forward = rows["strand"] == "+"
    return rows["start"].where(forward, -rows["end"]), rows["end"].where(forward, -rows["start"])


def _from_mirbase(profile: pd.DataFrame, loci: pd.DataFrame, mature: pd.DataFrame) -> pd.DataFrame:
    """Return the ends of the mature sequence of that accession that is nearest to each locus."""
    five, three = _along_strand(mature)
    known = mature.assign(five=five, three=three)[["accession", "chromosome", "strand", *ENDS]]
    middle = profile.groupby("locus")["five"].median().rename("middle")
    pairs = loci.join(middle).reset_index().merge(known, on=["accession", "chromosome", "strand"])
    pairs["distance"] = (pairs["five"] - pairs["middle"]).abs()
    nearest = pairs[pairs["distance"] <= NEAR].sort_values("distance", kind="stable").drop_duplicates("locus")
    return nearest.set_index("locus")[ENDS]


def _most_abundant(profile: pd.DataFrame, accession: pd.Series) -> pd.DataFrame:
    """Return the ends of each locus' reference isoform, by locus."""
    top = profile.sort_values(["locus", "count", *ENDS], ascending=[True, False, True, True])
    reference = top.drop_duplicates("locus").set_index("locus")[ENDS]
    totals = profile.groupby("locus")["count"].sum()
    ranked = pd.DataFrame({"accession": accession, "total": totals}).sort_values(
        ["accession", "total"], ascending=[True, False], kind="stable"
    )
    first = ranked.reset_index().drop_duplicates("accession").set_index("accession")["locus"]
    columns = [profile[name].to_numpy() for name in (*ENDS, "count")]
    bounds = np.searchsorted(profile["locus"].to_numpy(), np.arange(len(accession) + 1))

    def ends(locus: int) -> list[tuple[int, int, float]]:
        five, three, count = (column[bounds[locus] : bounds[locus + 1]] for column in columns)
        return list(zip(five.tolist(), three.tolist(), np.sqrt(count).tolist(), strict=True))

    for locus, main in enumerate(first.loc[accession].tolist()):
        if locus != main:
            five, three = (int(end) for end in reference.loc[main])
            start = _origin({(f - five, t - three): w for f, t, w in ends(main)}, ends(locus), three - five)
            reference.loc[locus] = (start, start + three - five)
    return reference


def _origin(ends: dict[tuple[int, int], float], locus: list[tuple[int, int, float]], length: int) -> int:
    """Return the 5' coordinate at which this locus' profile overlaps ``ends`` (offsets to the reference) most."""
    overlap: dict[int, float] = {}
    for five, three, weight in locus:
        for (offset_5p, offset_3p), reference in ends.items():
            origin = five - offset_5p
            if three - offset_3p == origin + length:
                overlap[origin] = overlap.get(origin, 0.0) + weight * reference
    if not overlap:  # no isoform of a length that the main locus has: align the most abundant 5' ends
        return max(locus, key=lambda item: item[2])[0]
    return max(sorted(overlap), key=lambda origin: overlap[origin])
