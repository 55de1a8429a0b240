"""Reading and filtering counts for a command, with a word on what was found."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from bayes_mirglmm.cli.console import Reporter

if TYPE_CHECKING:
    import xarray as xr


def read_counts(
    reporter: Reporter, counts: list[Path], samples: Path | None, format: str, options: dict[str, Any]
) -> "xr.Dataset":
    """Read counts, saying what the reader has to say."""
    import bayes_mirglmm as bm
    from bayes_mirglmm.counts.aggregate import all_rows

    reporter.step(f"Reading {', '.join(str(path) for path in counts)}")
    data = bm.read_counts(counts if len(counts) > 1 else counts[0], samples=samples, format=format, **options)
    for note in data.attrs["notes"]:
        reporter.step(f"  {note}")
    rows = all_rows(data)
    mirnas = rows["mirna"].nunique()
    reporter.step(
        f"  format {data.attrs['format']}: {data.sizes['sample']} samples, {mirnas:,} miRNAs, "
        f"{len(rows):,} isomiRs"
    )
    return data


def filtered(reporter: Reporter, data: "xr.Dataset", min_mirna: float, min_isomir: float) -> "xr.Dataset":
    """Apply the expression filters, saying what is left."""
    import bayes_mirglmm as bm

    kept = bm.filter_counts(data, min_mirna_log_cpm=min_mirna, min_isomir_log_cpm=min_isomir)
    mirnas = len(set(kept["mirna"].values))
    reporter.step(f"Filters leave {mirnas:,} miRNAs, {kept.sizes['isomir']:,} isomiRs")
    return kept
