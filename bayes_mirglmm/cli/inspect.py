"""``bayes-mirglmm inspect``: what is in these files, and what the filters would leave of it."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from bayes_mirglmm.cli import options as o
from bayes_mirglmm.cli.console import Reporter, table
from bayes_mirglmm.cli.language import spoken
from bayes_mirglmm.outcomes import MIN_ISOMIR_LOG_CPM, MIN_MIRNA_LOG_CPM

if TYPE_CHECKING:
    from bayes_mirglmm.counts.inspection import Inspection

MANY_SAMPLES = 24  # beyond this the table of samples shows its ends


def inspect(
    counts: o.Counts,
    *,
    samples: o.Samples = None,
    samples_only: o.SamplesOnly = False,
    sum_by: o.SumBy = None,
    format: o.Format = "auto",
    read: o.Read = None,
    min_mirna_log_cpm: o.MinMirna = MIN_MIRNA_LOG_CPM,
    min_isomir_log_cpm: o.MinIsomir = MIN_ISOMIR_LOG_CPM,
    mirnas: o.Mirnas = None,
    every_sample: Annotated[
        bool, typer.Option("--every-sample", help="List all samples, however many.", rich_help_panel=o.OUTPUT)
    ] = False,
    quiet: o.Quiet = False,
    json: o.Json = False,
    debug: o.Debug = False,
) -> None:
    """Show what was read: format, samples, groups, totals, and what the filters leave.

    Nothing is fitted and nothing is written.

    Example:

        bayes-mirglmm inspect counts.tsv --samples samples.tsv
    """
    import bayes_mirglmm as bm

    reporter = Reporter(quiet=quiet, as_json=json)
    reading = o.reading(read or [], samples_only=samples_only, sum_by=sum_by)
    data = bm.read_counts(counts if len(counts) > 1 else counts[0], samples=samples, format=format, **reading)
    found = bm.inspect_counts(
        data,
        min_mirna_log_cpm=min_mirna_log_cpm,
        min_isomir_log_cpm=min_isomir_log_cpm,
        mirnas=o.parse_mirnas(mirnas),
    )
    reporter.json(as_json(found))
    print_inspection(reporter, found, every_sample=every_sample)


def as_json(found: "Inspection") -> dict[str, Any]:
    """Return an inspection as plain values."""
    return {
        "source": found.source,
        "format": found.format,
        "notes": [spoken(note) for note in found.notes],
        "remarks": [spoken(remark) for remark in found.remarks],
    } | {name: getattr(found, name).to_dict("records") for name in ("samples", "columns", "stages", "drops")}


def print_inspection(reporter: Reporter, found: "Inspection", *, every_sample: bool = False) -> None:
    """Print an inspection as text."""
    reporter.say(f"{found.source}", "bold")
    reporter.say(f"Format: {found.format}")
    for note in found.notes:
        reporter.say(f"- {spoken(note)}")

    reporter.say(f"\nSamples: {len(found.samples)}", "bold")
    _print_samples(reporter, found, every_sample)
    if len(found.columns):
        reporter.say("\nSample table", "bold")
        rows = [
            (
                r["column"],
                r["kind"] + (" (its own order)" if r["order"] == "given" else ""),
                r["values"] + (f"; {r['missing']} missing" if r["missing"] else ""),
            )
            for r in found.columns.to_dict("records")
        ]
        reporter.show(table(["column", "kind", "values"], rows, left=3))
        if (found.columns["order"] != "").any():
            reporter.say("  The first level of a factor is its reference, unless --reference names another.")

    reporter.say("\nFrom the file to the fit", "bold")
    stages = [
        (r["stage"], f"{r['mirnas']:,}", f"{r['isomirs']:,}", f"{r['reads']:,}", f"{100 * r['share']:.1f} %")
        for r in found.stages.to_dict("records")
    ]
    reporter.show(table(["", "miRNAs", "isomiRs", "reads", "share"], stages))
    reporter.say("\nLeft out of the fit", "bold")
    drops = [
        (r["meaning"], f"{r['mirnas']:,}", f"{r['isomirs']:,}", f"{r['reads']:,}")
        for r in found.drops.to_dict("records")
    ]
    reporter.show(table(["reason", "in miRNAs", "isomiRs", "reads"], drops))
    if found.remarks:
        reporter.say("\nWorth a look", "bold")
        for remark in found.remarks:
            reporter.say(f"- {spoken(remark)}")


def _print_samples(reporter: Reporter, found: "Inspection", every_sample: bool) -> None:
    shown = found.samples
    hidden = len(shown) - MANY_SAMPLES if not every_sample else 0
    if hidden > 0:
        half = MANY_SAMPLES // 2
        shown = shown.iloc[[*range(half), *range(len(shown) - half, len(shown))]]
    rows = [
        (r["sample"], f"{r['total']:,}", f"{r['mirnas']:,}", f"{r['isomirs']:,}")
        for r in shown.to_dict("records")
    ]
    if hidden > 0:
        rows.insert(MANY_SAMPLES // 2, (f"... {hidden} more", "", "", ""))
    reporter.show(table(["sample", "total", "miRNAs", "isomiRs"], rows))
    total = found.samples["total"]
    reporter.say(f"  Totals: {total.min():,} to {total.max():,}, median {total.median():,.0f}")
