"""``bayes-mirglmm reproduce``: a saved run fitted again from its input."""

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from bayes_mirglmm.cli import options as o
from bayes_mirglmm.cli.console import Reporter, table
from bayes_mirglmm.errors import InputError

if TYPE_CHECKING:
    import xarray as xr

    from bayes_mirglmm.results import Fit

DIFFERENT = 4  #: exit code


def reproduce(
    run: Annotated[
        Path, typer.Argument(help="Folder that fit wrote (--out).", metavar="RUN", show_default=False)
    ],
    *,
    jobs: Annotated[int, typer.Option(help="Workers; 0: one a core.", min=0, rich_help_panel=o.MODEL)] = 1,
    quiet: o.Quiet = False,
    json: o.Json = False,
    debug: o.Debug = False,
) -> None:
    """Fit a saved run again from its input, and report every difference; the run itself is not touched.

    Start it in the folder that the run was fitted in, so that the paths of its counts lead there. Exit code 4 where
    anything differs.

    Example:

        bayes-mirglmm reproduce run
    """
    import bayes_mirglmm as bm

    reporter = Reporter(quiet=quiet, as_json=json)
    fit = bm.load(run)
    reporter.step(f"{run}: {fit.formula}, method {fit.method.name}, of {fit.metadata.get('created', '?')}")
    found = bm.reproduce(fit, counts_of(fit), n_jobs=jobs)
    reporter.json({"run": str(run), "same": found.empty, "differences": found.to_dict("records")})
    if found.empty:
        reporter.say(
            f"{run} is reproduced: the same counts, the same versions, and every number of its tables."
        )
        return
    origin = found["where"].isin(["input", "version"])
    for row in found[origin].itertuples(index=False):
        reporter.say(f"{row.where}, {row.what}: was {_short(row.was)}, is {_short(row[-1])}")
    numbers = found[~origin]
    if not numbers.empty:
        columns = ("where", "what", "differing", "largest", "miRNA", "was", "is")
        rows = [[_short(value) for value in row] for row in numbers.itertuples(index=False)]
        reporter.show(table(columns, rows, left=2))
    reporter.say(
        "The numbers of its tables are the same." if numbers.empty else "Numbers of its tables differ.",
        style="bold",
    )
    if not numbers.empty:
        raise typer.Exit(DIFFERENT)


def counts_of(fit: "Fit") -> "xr.Dataset | None":
    """Read the counts as the recorded command did; None where the run was made in Python."""
    command = fit.metadata.get("command")
    words = shlex.split(command) if isinstance(command, str) else []
    if words[:2] != ["bayes-mirglmm", "fit"]:
        return None
    import bayes_mirglmm as bm
    from bayes_mirglmm.comparison.reproduce import input_changed

    given = parameters(words[2:])
    reading = o.reading(given["read"] or [], samples_only=given["samples_only"], sum_by=given["sum_by"])
    files = list(given["counts"])
    try:
        data = bm.read_counts(
            files if len(files) > 1 else files[0],
            samples=given["samples"],
            format=given["format"],
            drop_rare=given["filter"],
            **reading,
        )
    except InputError as error:
        paths = [*files, *([given["samples"]] if given["samples"] else [])]
        otherwise = "give the counts in Python: bm.reproduce(run, counts)."
        raise input_changed(error, paths, otherwise) from error
    if not given["filter"]:
        return data
    return bm.filter_counts(data, given["min_mirna_log_cpm"], given["min_isomir_log_cpm"])


def parameters(words: list[str]) -> dict[str, Any]:
    """Return what the words of a command line of ``fit`` stand for; nothing is run."""
    from typer.main import get_command

    from bayes_mirglmm.cli.app import app

    command = get_command(app).commands["fit"]  # type: ignore[attr-defined]
    context = command.make_context("fit", list(words))
    found: dict[str, Any] = context.params
    return found


def _short(value: object) -> str:
    if isinstance(value, float):
        return "" if value != value else f"{value:.6g}"
    text = str(value)
    return text if len(text) <= 24 else f"{text[:21]}..."
