"""``bayes-mirglmm normalize``: normalised expression as a table, for heat maps and other programs."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from bayes_mirglmm.cli import options as o
from bayes_mirglmm.cli.console import Reporter
from bayes_mirglmm.cli.reading import filtered, read_counts
from bayes_mirglmm.errors import InputError
from bayes_mirglmm.outcomes import MIN_ISOMIR_LOG_CPM, MIN_MIRNA_LOG_CPM


def normalize(
    counts: o.Counts,
    *,
    samples: o.Samples = None,
    samples_only: o.SamplesOnly = False,
    sum_by: o.SumBy = None,
    format: o.Format = "auto",
    read: o.Read = None,
    filter: o.Filter = True,
    min_mirna_log_cpm: o.MinMirna = MIN_MIRNA_LOG_CPM,
    min_isomir_log_cpm: o.MinIsomir = MIN_ISOMIR_LOG_CPM,
    kind: Annotated[
        Literal["cpm", "log_cpm", "vst"],
        typer.Option(
            help="cpm: counts per million. log_cpm: log2 of them, as edgeR's cpm(log=TRUE). vst: variance-stabilised "
            "log2 values, as DESeq2's vst.",
            rich_help_panel=o.MODEL,
        ),
    ] = "cpm",
    level: Annotated[
        Literal["mirna", "isomir"],
        typer.Option(
            help="A row for each miRNA (its isomiRs summed), or for each isomiR.", rich_help_panel=o.MODEL
        ),
    ] = "mirna",
    offset: Annotated[
        str,
        typer.Option(
            help="What libraries are measured by: total, median_ratio, tmm, upper_quartile, column:NAME or "
            "log_column:NAME.",
            rich_help_panel=o.MODEL,
            autocompletion=o.complete_offset,
        ),
    ] = "total",
    out: Annotated[Path, typer.Option("--out", "-o", help="TSV file to write.", rich_help_panel=o.OUTPUT)],
    force: o.Force = False,
    quiet: o.Quiet = False,
    json: o.Json = False,
    debug: o.Debug = False,
) -> None:
    """Write normalised expression, a row for each miRNA or isomiR and a column for each sample.

    Libraries are measured before the filters.

    Example:

        bayes-mirglmm normalize counts.tsv --kind vst --out vst.tsv
    """
    import pandas as pd

    import bayes_mirglmm as bm
    from bayes_mirglmm.tsv import write_tsv

    if out.exists() and not force:
        raise InputError(f"{out} exists already: give another file name, or replace it with --force.")
    if out.is_dir():
        raise InputError(f"{out} is a folder: give the name of a file.")
    o.check_writable(out)
    reporter = Reporter(quiet=quiet, as_json=json)
    data = read_counts(
        reporter, counts, samples, format, o.reading(read or [], samples_only=samples_only, sum_by=sum_by)
    )
    if filter:
        data = filtered(reporter, data, min_mirna_log_cpm, min_isomir_log_cpm)
    found = bm.normalized(data, kind, level=level, offset=offset)
    table = pd.DataFrame(found.to_pandas()).reset_index()
    if level == "isomir":
        table.insert(1, "mirna", found["mirna"].values)
    out.parent.mkdir(parents=True, exist_ok=True)
    write_tsv(table, out)
    reporter.json(
        {
            "file": str(out),
            "units": found.attrs["units"],
            "rows": len(table),
            "samples": found.sizes["sample"],
        }
    )
    reporter.say(
        f"{out}: {found.attrs['units']} of {len(table):,} {'miRNAs' if level == 'mirna' else 'isomiRs'}."
    )
