"""``bayes-mirglmm findings``: what a paper needs of a run, as files."""

import math
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from bayes_mirglmm.cli import options as o
from bayes_mirglmm.cli.console import Reporter
from bayes_mirglmm.cli.contrasts import parse_contrast
from bayes_mirglmm.errors import InputError

if TYPE_CHECKING:
    from bayes_mirglmm.results import Fit

FOLDER = "findings"

BeyondFold = Annotated[
    float | None,
    typer.Option(
        metavar="FACTOR",
        help="Also give the posterior probability of a change by more than this factor, up or down (2: twice or half). "
        "For methods with draws.",
        rich_help_panel=o.MODEL,
        show_default=False,
    ),
]
RopeFold = Annotated[
    float | None,
    typer.Option(
        metavar="FACTOR",
        help="Also give the posterior probability that nothing changes by more than this factor (1.1: a tenth). For "
        "methods with draws.",
        rich_help_panel=o.MODEL,
        show_default=False,
    ),
]


def findings(
    run: o.Run,
    *,
    contrast: Annotated[
        list[str] | None,
        typer.Option(
            metavar="FACTOR=B,A",
            help="Level B against level A, or any other contrast, as fit --contrast takes it, in place of the "
            "coefficients and contrasts of the run. May be repeated.",
            rich_help_panel=o.MODEL,
            show_default=False,
        ),
    ] = None,
    fdr: Annotated[
        float, typer.Option(help="Error rate up to which something is found.", rich_help_panel=o.MODEL)
    ] = 0.05,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out", "-o", help="Folder to write to.", rich_help_panel=o.OUTPUT, show_default=f"RUN/{FOLDER}"
        ),
    ] = None,
    force: o.Force = False,
    quiet: o.Quiet = False,
    json: o.Json = False,
    debug: o.Debug = False,
) -> None:
    """Write what a paper needs of a run: findings, ranked lists, the methods paragraph.

    findings.tsv has a row for each miRNA: expression in each group, fold change with interval, the change of the summed
    counts beside it, the most abundant isomiR, isomiR usage and the isomiRs that deviate; isomir_findings.tsv has these
    isomiRs; findings.xlsx both (with the extra xlsx); a .rnk file for each comparison ranks the miRNAs for enrichment;
    methods.txt is a paragraph for the methods section.

    Example:

        bayes-mirglmm findings run
    """
    import bayes_mirglmm as bm
    from bayes_mirglmm.report.findings_files import check_findings_target

    target = run / FOLDER if out is None else out
    reporter = Reporter(quiet=quiet, as_json=json)
    check_findings_target(target, force=force)
    o.check_writable(target)
    reporter.step(f"Reading {run}")
    fit = bm.load(run)
    contrasts = [parse_contrast(text, fit.design).spec for text in contrast or []]
    files = bm.write_findings(fit, target, contrasts=contrasts or None, fdr=fdr, force=force)
    reporter.json({"files": {name: str(path) for name, path in files.items()}})
    reporter.say(f"{target}: {', '.join(files)}")


def asked_bounds(beyond_fold: float | None, rope_fold: float | None, *, has_draws: bool) -> dict[str, Any]:
    """Return what ``--beyond-fold`` and ``--rope-fold`` ask for, in natural logs; empty where nothing is asked."""
    given = {"--beyond-fold": beyond_fold, "--rope-fold": rope_fold}
    for option, factor in given.items():
        if factor is not None and not 1.0 < factor < math.inf:
            raise InputError(f"{option} {factor:g}: give a factor above 1, {option} 2 for example.")
    if all(factor is None for factor in given.values()):
        return {}
    if not has_draws:
        raise InputError(
            "--beyond-fold and --rope-fold are posterior probabilities: add --method laplace or --method nuts."
        )
    rope = None if rope_fold is None else [-math.log(rope_fold), math.log(rope_fold)]
    return {"beyond": None if beyond_fold is None else math.log(beyond_fold), "rope": rope}


def write_beside(fit: "Fit", out: Path, types: Any) -> Path:
    """Write the findings of a run into its folder, in place of those of an earlier one."""
    import bayes_mirglmm as bm

    bm.write_findings(fit, out / FOLDER, types=types, force=True)
    return out / FOLDER
