"""The samples on the page: in a plane by their isomiRs, and in a heat map of the surest miRNAs."""

from typing import TYPE_CHECKING, Any

import numpy as np

from bayes_mirglmm.counts.normalized import log_cpm
from bayes_mirglmm.plots.clusters import clustered
from bayes_mirglmm.plots.grouping import Grouping, grouping
from bayes_mirglmm.plots.ordination import principal_components
from bayes_mirglmm.report.compact import compact
from bayes_mirglmm.results.deciding_samples import USAGE, rest_on_one_sample

if TYPE_CHECKING:
    from bayes_mirglmm.results import Fit

MOST_SAMPLES = 200  # that a heat map has a readable column for
ROWS, ISOMIRS = 30, 500
FEWEST = 3
NAMED = 8  # miRNAs


def sample_pictures(fit: "Fit") -> dict[str, Any] | None:
    """Return what the page draws of the samples; None where there are too few of them, or nothing was fitted.

    Returns
    -------
    dict
        ``names``, ``group`` (its name, levels and each sample's level; numbers of a continuous variable),
        ``plane`` (x, y, share of the variance; of the 500 most variable isomiRs) and ``heat`` (miRNAs, order of the
        samples, scaled log2 CPM; None for more than 200 samples).
    """
    n = int(fit.data.sizes["sample"])
    if n < FEWEST or not len(fit) or not fit.data.sizes["isomir"]:
        return None
    values = log_cpm(fit.data["counts"].values, 1e6 * np.exp(fit.data["offset"].values))
    plane, share = principal_components(values, ISOMIRS)
    group = grouping(fit, None)
    return {
        "names": [str(name) for name in fit.data["sample"].values],
        "group": _as_data(group),
        "plane": {"x": compact(plane[:, 0], 4), "y": compact(plane[:, 1], 4), "share": compact(share, 3)},
        "heat": _heat(fit) if n <= MOST_SAMPLES and len(fit) > 1 else None,
    }


def deciding_rows(fit: "Fit") -> list[dict[str, Any]]:
    """Return a row per sample that called results rest on: ``sample``, ``effects``, ``usage``, ``mirnas``."""
    found = rest_on_one_sample(fit)
    rows = []
    for name, part in found.groupby("sample", sort=False):
        mirnas = list(dict.fromkeys(part["mirna"]))
        more = f" and {len(mirnas) - NAMED} more" if len(mirnas) > NAMED else ""
        usage = int((part["what"] == USAGE).sum())
        rows.append(
            {
                "sample": str(name),
                "effects": len(part) - usage,
                "usage": usage,
                "mirnas": ", ".join(mirnas[:NAMED]) + more,
            }
        )
    return sorted(rows, key=lambda row: -(row["effects"] + row["usage"]))


def pairs_of(fit: "Fit") -> list[int] | None:
    """Return the number of each sample's pair, where the formula says which samples belong together."""
    groups = [term.group for term in fit.design.random if term.group in fit.samples.columns]
    column = fit.design.pairing or (groups[0] if groups else None)
    if column is None or column not in fit.samples.columns:
        return None
    codes, _ = fit.samples[column].factorize()
    return [int(code) for code in codes]


def _as_data(group: Grouping) -> dict[str, Any]:
    return {
        "name": group.name,
        "levels": list(group.levels),
        "code": [int(code) for code in group.code],
        "numbers": None if group.numbers is None else compact(group.numbers, 4),
    }


def _heat(fit: "Fit") -> dict[str, Any]:
    found = clustered(fit, mirnas=None if len(fit.design.terms) > 1 else list(fit.mirnas), top=ROWS)
    return {
        "mirnas": found.names,
        "samples": [int(i) for i in found.samples],
        "values": [compact(row, 3) for row in found.values],
        "of": found.of,
    }
