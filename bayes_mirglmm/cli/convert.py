"""``bayes-mirglmm convert``: counts of any format to a store that is read again quickly."""

from pathlib import Path
from typing import Annotated

import typer

from bayes_mirglmm.cli import options as o
from bayes_mirglmm.cli.console import Reporter


def convert(
    counts: o.Counts,
    *,
    samples: o.Samples = None,
    samples_only: o.SamplesOnly = False,
    format: o.Format = "auto",
    read: o.Read = None,
    out: Annotated[
        Path, typer.Option("--out", "-o", help="Folder for the store (.zarr).", rich_help_panel=o.OUTPUT)
    ],
    force: o.Force = False,
    quiet: o.Quiet = False,
    json: o.Json = False,
    debug: o.Debug = False,
) -> None:
    """Write counts of any format to a store, a zarr folder that all commands read.

    For large cohorts: jobs that fit parts of the miRNAs read a store in a small part of the time of the text.

    Example:

        bayes-mirglmm convert counts.tsv --samples samples.tsv --out cohort.zarr
    """
    import bayes_mirglmm as bm

    reporter = Reporter(quiet=quiet, as_json=json)
    o.check_writable(out)
    reporter.step(f"Reading {', '.join(str(path) for path in counts)}")
    path = bm.convert(
        counts if len(counts) > 1 else counts[0],
        out,
        samples,
        format,
        samples_only=samples_only,
        force=force,
        **o.parse_reads(read or []),
    )
    size = sum(file.stat().st_size for file in path.rglob("*") if file.is_file())
    reporter.json({"store": str(out), "bytes": size})
    reporter.say(f"{out} ({size / 1e6:.1f} MB). Give it in place of the counts:")
    reporter.command(f"bayes-mirglmm inspect {out}")
