"""What a fit remembers of its origin: input, filters, software, seed."""

import platform
from collections.abc import Sequence
from datetime import UTC, datetime
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import xarray as xr

from bayes_mirglmm.counts.container import counts_sha256, dropped

#: Packages whose version may change a number.
DEPENDENCIES = (
    "bayes-mirglmm",
    "numpy",
    "scipy",
    "numba",
    "pandas",
    "xarray",
    "formulaic",
    "nutpie",
    "pymc",
    "arviz",
    "h5netcdf",
    "pyarrow",
)


def provenance(counts: xr.Dataset, *, seed: int | None = None, command: str | None = None) -> dict[str, Any]:
    """Return the metadata of a fit of ``counts``, ready for JSON.

    Parameters
    ----------
    counts : xarray.Dataset
        The container that is fitted.
    seed : int, optional
        Seed of the fit.
    command : str, optional
        Command line that asked for it.

    Returns
    -------
    dict
        ``created`` (UTC, ISO 8601), ``command``, ``seed``, ``versions``, ``input`` (source, format, notes, and sizes
        and sha256 of the counts before the expression filters), ``fitted`` (sizes and sha256 of what was left) and
        ``filters`` (their limits, isomiRs and miRNAs dropped, by reason).
    """
    gone = dropped(counts)
    kept, filtered = set(counts["mirna"].values), set(gone["mirna"])
    own_hash = counts_sha256(counts)
    return {
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "command": command,
        "seed": seed,
        "versions": versions(),
        "input": {
            "source": str(counts.attrs.get("source", "")),
            "format": str(counts.attrs.get("format", "")),
            "notes": [str(note) for note in _as_list(counts.attrs.get("notes", []))],
            "samples": int(counts.sizes["sample"]),
            "isomirs": int(counts.sizes["isomir"]) + len(gone),
            "mirnas": len(kept | filtered),
            "sha256": counts.attrs.get("sha256_before_filters") or own_hash,
        },
        "fitted": {"isomirs": int(counts.sizes["isomir"]), "mirnas": len(kept), "sha256": own_hash},
        "filters": {
            "min_mirna_log_cpm": counts.attrs.get("min_mirna_log_cpm", "none"),
            "min_isomir_log_cpm": counts.attrs.get("min_isomir_log_cpm", "none"),
            "dropped_isomirs": {str(k): int(v) for k, v in gone["reason"].value_counts().items()},
            "mirnas_without_isomirs": len(filtered - kept),
        },
    }


def versions() -> dict[str, str]:
    """Return the versions of Python, of this package and of what its numbers depend on."""
    found = {"python": platform.python_version()}
    for name in DEPENDENCIES:
        if there := _version(name):
            found[name] = there
    return found


@cache
def _version(name: str) -> str:
    """Return the version of a package, or nothing where it is not installed; to read them all takes milliseconds."""
    try:
        return version(name)
    except PackageNotFoundError:
        return ""


def _as_list(notes: str | Sequence[str]) -> Sequence[str]:
    return [notes] if isinstance(notes, str) else list(notes)
