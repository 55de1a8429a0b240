"""``bayes-mirglmm report``: a run folder as one page to look at and to send."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from bayes_mirglmm.cli import options as o
from bayes_mirglmm.cli.console import Reporter
from bayes_mirglmm.cli.contrasts import parse_contrast

if TYPE_CHECKING:
    from bayes_mirglmm.results import Fit

REPORT = "report.html"


def report(
    run: o.Run,
    *,
    contrast: Annotated[
        list[str] | None,
        typer.Option(
            metavar="FACTOR=B,A",
            help="Also show level B against level A, or any other contrast, as fit --contrast takes it; those that "
            "the run was fitted with are there anyway. May be repeated.",
            rich_help_panel=o.MODEL,
            show_default=False,
        ),
    ] = None,
    influence: o.Influence = False,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out",
            "-o",
            help="File to write.",
            rich_help_panel=o.OUTPUT,
            show_default=f"RUN/{REPORT}",
        ),
    ] = None,
    force: o.Force = False,
    quiet: o.Quiet = False,
    json: o.Json = False,
    debug: o.Debug = False,
) -> None:
    """Write a run as one HTML page: verdict, tables, pictures, diagnostics.

    The page opens by double click and needs nothing else: no network, no other file. Send it as it is.

    Example:

        bayes-mirglmm report run --out report.html
    """
    import bayes_mirglmm as bm
    from bayes_mirglmm.report import check_report_target

    target = run / REPORT if out is None else out
    reporter = Reporter(quiet=quiet, as_json=json)
    check_report_target(target, force=force)
    if out is not None:
        o.check_writable(out)
    reporter.step(f"Reading {run}")
    fit = bm.load(run)
    contrasts = [parse_contrast(text, fit.design).spec for text in contrast or []]
    if influence:
        fit.metadata["influence"] = True
    leave_out_samples(reporter, fit)
    path = bm.write_report(fit, target, contrasts=contrasts or None, force=force)
    reporter.json(as_json(fit, target, path))
    reporter.say(f"{target} ({size(path)}): {len(fit):,} miRNAs. Open it in a browser.")


def leave_out_samples(reporter: Reporter, fit: "Fit") -> None:
    """Fit called miRNAs again without each sample, where that was asked for, and say how much there is to do."""
    from bayes_mirglmm.results.deciding_samples import asked_mirnas, influence_asked
    from bayes_mirglmm.results.influence import without_each_sample

    if influence_asked(fit):
        names, samples = asked_mirnas(fit), len(fit.design.samples)
        what = f"{len(names):,} called miRNA{'' if len(names) == 1 else 's'} again without each of {samples:,} samples"
        reporter.step(f"Fitting {what}: {len(names) * samples:,} fits")
        without_each_sample(fit.ml, names)


def as_json(fit: "Fit", target: Path, path: Path) -> dict[str, Any]:
    """Return what was written as plain values."""
    return {
        "report": str(target),
        "bytes": path.stat().st_size,
        "mirnas": int(fit.data.sizes["mirna"]),
        "fitted": len(fit),
        "isomirs": int(fit.data.sizes["isomir"]),
    }


def size(path: Path) -> str:
    """Return the size of a file in words."""
    return f"{path.stat().st_size / 1e6:.1f} MB"


def remove_stale(folder: Path) -> None:
    """Remove report and findings of a run that was replaced; a file of that name that is no report stays."""
    from bayes_mirglmm.report.findings_files import remove_findings
    from bayes_mirglmm.report.write import is_report

    remove_findings(folder / "findings")

    old = folder / REPORT
    if old.is_file() and is_report(old):
        old.unlink()
