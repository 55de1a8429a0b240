"""Runs that are continued, cut into parts, or fitted on a cluster: the options of ``fit`` for that, and their help."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from bayes_mirglmm.cli import options as o
from bayes_mirglmm.cli.console import Reporter
from bayes_mirglmm.errors import InputError
from bayes_mirglmm.outcomes import NOT_SELECTED

if TYPE_CHECKING:
    from bayes_mirglmm.results import Fit

SCALE = "Large runs"

Resume = Annotated[
    bool,
    typer.Option(
        "--resume",
        help="Go on where a run in the folder of --out was killed or interrupted; begin it where there is none.",
        rich_help_panel=SCALE,
    ),
]
ShardOption = Annotated[
    str | None,
    typer.Option(
        metavar="K/N",
        help="Fit only part K of N of the miRNAs, with totals and offsets of all, and leave it in the folder of --out "
        "for bayes-mirglmm merge.",
        rich_help_panel=SCALE,
        show_default=False,
    ),
]
Scheduler = Annotated[
    str | None,
    typer.Option(
        metavar="ADDRESS",
        help="Fit on the workers of the Dask scheduler at this address (tcp://host:8786, or its .json file).",
        rich_help_panel=SCALE,
        show_default=False,
    ),
]
MaxSeconds = Annotated[
    float | None,
    typer.Option(
        help="Time for each miRNA; one that needs more is not_converged.",
        rich_help_panel=SCALE,
        show_default=False,
    ),
]


@contextmanager
def claimed(out: Path, *, force: bool, resume: bool) -> Iterator[Path]:
    """Hold the folder of a run, from before the counts are read until all of it is written."""
    from bayes_mirglmm.results.run_lock import held

    if force and resume:
        raise InputError(
            "--resume goes on with what is in the folder and --force replaces it: leave one of them out."
        )
    with held(o.claim_folder(out, force=force, resume=resume)):
        yield out


def start_anew(out: Path) -> None:
    """Remove what an earlier run in the folder was to be continued from."""
    from bayes_mirglmm.results.run_folder import LEDGER, SHARD

    for name in (LEDGER, SHARD):
        (out / name).unlink(missing_ok=True)


def is_finished(out: Path) -> bool:
    """Tell whether the folder holds a run with nothing left to fit."""
    from bayes_mirglmm.results.run_folder import LEDGER, RUN

    return (out / RUN).exists() and not (out / LEDGER).exists()


def refuse_with_shard(**given: object) -> None:
    """Refuse options that are about all miRNAs where a part of them is fitted."""
    asked = [f"--{name}" for name, value in given.items() if value]
    if asked:
        raise InputError(
            f"{asked[0]} is about all miRNAs: give it to bayes-mirglmm merge, and leave it out of --shard."
        )


@contextmanager
def cluster(address: str | None) -> Iterator[Any]:
    """Give a client of the scheduler at ``address``; None without one."""
    if address is None:
        yield None
        return
    from bayes_mirglmm.methods.cluster import connect

    client = connect(address)
    try:
        yield client
    finally:
        client.close(timeout=2)


def say_part(reporter: Reporter, result: "Fit", out: Path, shard: str) -> None:
    """Say what came of a part."""
    from bayes_mirglmm.results.run_folder import SHARD

    status = result.status()["status"].value_counts()
    elsewhere = int(status.pop(NOT_SELECTED)) if NOT_SELECTED in status else 0
    summary = {
        "out": str(out),
        "shard": shard,
        "finished": not result.metadata.get("interrupted"),
        "mirnas": int(result.data.sizes["mirna"]) - elsewhere,
        "status": {str(name): int(n) for name, n in status.items()},
    }
    reporter.json(summary)
    if summary["finished"]:
        reporter.say(f"Part {shard} is in {out / SHARD}. When all parts are there:")
        reporter.command(f"bayes-mirglmm merge {out.parent} --out RUN")
    else:
        reporter.say(f"Part {shard} is not finished: go on with --resume.")


def merge(
    parts: Annotated[
        list[Path],
        typer.Argument(
            help="Folders of the parts (fit --shard K/N --out FOLDER), or a folder that holds them.",
            metavar="PARTS...",
            show_default=False,
        ),
    ],
    *,
    contrast: Annotated[
        list[str] | None,
        typer.Option(
            metavar="CONTRAST",
            help="As of fit: also test level B against level A, group=B,A. May be repeated.",
            rich_help_panel=o.MODEL,
            show_default=False,
        ),
    ] = None,
    omnibus: Annotated[
        list[str] | None,
        typer.Option(
            metavar="TERM",
            help="As of fit: also test a term of the formula as a whole. May be repeated.",
            rich_help_panel=o.MODEL,
            show_default=False,
        ),
    ] = None,
    influence: o.Influence = False,
    out: Annotated[
        Path, typer.Option("--out", "-o", help="Folder for the results.", rich_help_panel=o.OUTPUT)
    ],
    report: Annotated[
        bool,
        typer.Option("--report", help="Also write the HTML report in that folder.", rich_help_panel=o.OUTPUT),
    ] = False,
    force: o.Force = False,
    quiet: o.Quiet = False,
    json: o.Json = False,
    debug: o.Debug = False,
) -> None:
    """Put the parts of a fit together, and write its tables to a folder.

    Everything that spans miRNAs (adjusted p-values, shrinkage, what samples share) is that of all of them, as if they
    had been fitted in one run. The counts are not read again.

    What the fit is, its parts know: options such as --shared-samples, --usage-test or --prob are given to every part,
    and cannot be given here. What is asked of the finished whole is asked here: contrasts, terms, --influence, the
    report.

    Example:

        bayes-mirglmm merge parts --out run
    """
    import bayes_mirglmm as bm
    from bayes_mirglmm.cli.contrasts import parse_contrast
    from bayes_mirglmm.cli.writing import finish
    from bayes_mirglmm.design.formula import named_terms, parse_formula

    reporter = Reporter(quiet=quiet, as_json=json)
    o.claim_folder(out, force=force)
    result = bm.merge(_folders(parts, out))
    reporter.step(f"Merged {result.metadata['merged']} parts: {result.data.sizes['mirna']:,} miRNAs")
    contrasts = [parse_contrast(text, result.design) for text in contrast or []]
    tested = (
        named_terms(parse_formula(result.formula, list(result.samples.columns)), omnibus) if omnibus else []
    )
    finish(
        reporter, result, out, contrasts, tested, report=report, force=force, types=None, influence=influence
    )


def _folders(parts: Sequence[Path], out: Path) -> list[Path]:
    if any(part.resolve() == out.resolve() for part in parts):
        raise InputError(f"--out {out} is one of the parts: give another folder for the run.")
    return list(parts)
