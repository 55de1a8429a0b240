"""``bayes-mirglmm compare``: runs and tables of other programs side by side."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bayes_mirglmm.cli import options as o
from bayes_mirglmm.cli.console import Reporter, table
from bayes_mirglmm.errors import InputError

if TYPE_CHECKING:
    from bayes_mirglmm.comparison import Comparison

WORST = 8
COMBINATIONS = 8


def compare(
    sources: Annotated[
        list[Path],
        typer.Argument(
            metavar="A B ...",
            help="Folders of runs, or tables (TSV, CSV, parquet) by DESeq2, edgeR, limma, lme4, miRglmm or anything "
            "with a column estimate.",
            show_default=False,
        ),
    ],
    *,
    name: Annotated[
        list[str] | None,
        typer.Option(
            help="Name of a side, once for each, in their order; folder or file names when omitted.",
            rich_help_panel=o.INPUT,
            show_default=False,
        ),
    ] = None,
    term: Annotated[
        list[str] | None,
        typer.Option(
            metavar="[NAME=]TERM",
            help="Coefficient to compare, for example 'group[T.case]'; the first of the slope variable when omitted. "
            "With NAME= for one side only; may be repeated.",
            rich_help_panel=o.INPUT,
            show_default=False,
        ),
    ] = None,
    units: Annotated[
        list[str] | None,
        typer.Option(
            metavar="[NAME=]ln|log2",
            help="Unit of the log fold changes of a table that does not tell. DESeq2, edgeR and limma are known to be "
            "log2, mixed models natural log. May be repeated.",
            rich_help_panel=o.INPUT,
            show_default=False,
        ),
    ] = None,
    fdr: Annotated[
        float, typer.Option(help="False discovery rate of calls.", rich_help_panel=o.MODEL)
    ] = 0.05,
    prob: Annotated[float, typer.Option(help="Level of the intervals.", rich_help_panel=o.MODEL)] = 0.95,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out",
            "-o",
            help="Folder for the tables (TSV) and figures (PNG).",
            rich_help_panel=o.OUTPUT,
            show_default=False,
        ),
    ] = None,
    force: o.Force = False,
    quiet: o.Quiet = False,
    json: o.Json = False,
    debug: o.Debug = False,
) -> None:
    """Compare results of the same miRNAs: estimates, intervals, calls, and where they disagree and why.

    Example:

        bayes-mirglmm compare run deseq2.csv --out comparison

    All numbers are natural logs, figures log2; tables in log2 are converted.
    """
    import bayes_mirglmm as bm

    reporter = Reporter(quiet=quiet, as_json=json)
    if out is not None:
        o.check_writable(out)
    compared = bm.compare(
        *sources,
        names=name or None,
        term=_for_sides(term or []),
        units=_for_sides(units or [], {"ln", "log2"}),
        fdr=fdr,
        prob=prob,
    )
    files = [] if out is None else compared.save(out, force=force)
    reporter.json(
        {
            "sides": list(compared.names),
            "notes": compared.notes,
            "fdr": fdr,
            "agreement": compared.agreement().to_dict("records"),
            "calls": compared.calls().to_dict("records"),
            "disagreements": compared.disagreements(WORST).to_dict("records"),
            "absent": len(compared.absent()),
            "files": [str(path) for path in files],
        }
    )
    _print(reporter, compared)
    if files:
        reporter.say(f"\nIn {out}", "bold")
        reporter.say("  " + ", ".join(path.name for path in files))


def _for_sides(texts: list[str], plain: set[str] | None = None) -> str | dict[str, str] | None:
    """Turn ``["log2"]`` into ``"log2"``, ``["mine=log2"]`` into ``{"mine": "log2"}``, nothing into None.

    Without ``plain``, the words that stand alone, a text is taken for NAME=VALUE where it has an equals sign.
    """
    if not texts:
        return None
    if len(texts) == 1 and (texts[0] in plain if plain else "=" not in texts[0]):
        return texts[0]
    found = {}
    for text in texts:
        side, equals, value = (part.strip() for part in text.partition("="))
        if not (side and equals and value):
            choice = f" ({' or '.join(sorted(plain))})" if plain else ""
            raise InputError(
                f"{text!r} is not NAME=VALUE: give one value{choice} for all sides, or NAME=VALUE for each."
            )
        found[side] = value
    return found


def _print(reporter: Reporter, compared: "Comparison") -> None:
    from bayes_mirglmm.comparison.agreement import CALL, UNTESTED

    for note in compared.notes[: len(compared.names)]:
        reporter.say(note)
    for remark in compared.remarks:
        reporter.warn(remark)

    reporter.say("\nAgreement (natural log)", "bold")
    rows = [
        (
            f"{row['a']} and {row['b']}",
            f"{row['mirnas']:,}",
            _cell(row["pearson"], ".3f"),
            _cell(row["rms_difference"], ".3f"),
            _cell(row["interval_width_ratio"], ".2f"),
            f"{_cell(row['a_inside_b'], '.0%')} | {_cell(row['b_inside_a'], '.0%')}",
            f"{row['called_a']} | {row['called_both']} | {row['called_b']}",
        )
        for row in compared.agreement().to_dict("records")
    ]
    columns = [
        "",
        "miRNAs",
        "Pearson\nr",
        "rms\ndiff.",
        "width\nratio",
        "a in b's\n| b in a's",
        "called: a |\nboth | b",
    ]
    reporter.show(table(columns, rows))

    reporter.say(f"\nCalled at a {compared.rate} of {compared.fdr:g} by exactly", "bold")
    for row in compared.calls().head(COMBINATIONS).to_dict("records"):
        sides = " + ".join(name for name in compared.names if row[name] == CALL) or "none"
        lacking = ", ".join(name for name in compared.names if row[name] == UNTESTED)
        untested = f" (not tested by {lacking})" if lacking else ""
        opposite = f", {row['opposite']} in opposite directions" if row["opposite"] else ""
        reporter.say(f"  {sides}{untested}: {row['mirnas']:,}{opposite}")

    a, b = compared.names[:2]
    reporter.say(f"\n{a} and {b} disagree most on", "bold")
    worst = [
        (
            row["mirna"],
            f"{row[f'estimate_{a}']:+.2f}",
            f"{row[f'estimate_{b}']:+.2f}",
            f"{row['difference']:+.2f}",
            row["why"],
        )
        for row in compared.disagreements(WORST).to_dict("records")
    ]
    shown = table(["miRNA", a, b, "difference", "why"], worst)
    shown.columns[-1].justify = "left"
    reporter.show(shown)
    absent = compared.absent()
    for side, rows_of_side in absent.groupby("source", sort=False):
        reporter.say(
            f"\n{side} lacks {len(rows_of_side):,} miRNAs that another side has; with reasons in absent.tsv."
        )


def _cell(value: float, form: str) -> str:
    return format(value, form) if value == value else "-"
