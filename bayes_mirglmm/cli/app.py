"""The commands together, and what becomes of an error."""

import atexit
import errno
import gc
import os
import signal
import sys
from collections.abc import Sequence
from typing import Annotated

import typer
from typer.main import get_command

import bayes_mirglmm
from bayes_mirglmm.cli.compare import compare
from bayes_mirglmm.cli.console import release, report_error
from bayes_mirglmm.cli.convert import convert
from bayes_mirglmm.cli.demo import demo
from bayes_mirglmm.cli.findings import findings
from bayes_mirglmm.cli.fit import fit
from bayes_mirglmm.cli.inspect import inspect
from bayes_mirglmm.cli.language import spoken
from bayes_mirglmm.cli.normalize import normalize
from bayes_mirglmm.cli.report import report
from bayes_mirglmm.cli.reproduce import reproduce
from bayes_mirglmm.cli.scale_out import merge
from bayes_mirglmm.cli.simulate import simulate
from bayes_mirglmm.cli.simulate_into import simulate_into, with_command_of_its_own
from bayes_mirglmm.errors import ClusterError, MirglmmError, SaveError
from bayes_mirglmm.interruption import end_over_threads, leave

BAD_INPUT = 2
INTERNAL = 1
MACHINE = 3
#: Errors of the system that neither the program nor its input can do anything about.
OF_THE_MACHINE = {
    getattr(errno, name)
    for name in ("ENOSPC", "EDQUOT", "EIO", "EROFS", "EMFILE", "ENFILE", "ENOMEM", "EFBIG")
    if hasattr(errno, name)
}

app = typer.Typer(
    name="bayes-mirglmm",
    no_args_is_help=True,
    rich_markup_mode="markdown",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
for command in (
    demo,
    inspect,
    convert,
    fit,
    merge,
    report,
    findings,
    reproduce,
    compare,
    normalize,
    simulate,
    simulate_into,
):
    app.command()(command)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"bayes-mirglmm {bayes_mirglmm.__version__}")
        raise typer.Exit


@app.callback()
def _commands(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    """Differential expression of microRNAs from isomiR-level counts.

    New here? `bayes-mirglmm demo` fits simulated data and shows what comes out.
    With your own files, first `inspect`, then `fit`.
    """


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line; exit code 0, 2 for unusable input, 1 for an error of the program, 3 for one of the machine.

    Parameters
    ----------
    arguments : sequence of str, optional
        Words after the program's name; those of the process when omitted.
    """
    if arguments is not None:
        _run(list(arguments))
        return
    # Half a second less at the end: the memory goes with the process, and need not be searched for cycles first.
    atexit.register(gc.freeze)
    if signal.getsignal(signal.SIGTERM) == signal.SIG_DFL:
        signal.signal(signal.SIGTERM, leave)
    try:
        _run(sys.argv[1:])
    except SystemExit as end:
        if isinstance(end.code, int | None):
            end_over_threads(end.code or 0)
        raise


def _run(given: list[str]) -> None:
    words = with_command_of_its_own(given)
    if words != given and "--quiet" not in words:
        typer.echo(
            "simulate --into is a command of its own now: bayes-mirglmm simulate-into COUNTS ...", err=True
        )
    try:
        get_command(app)(args=words, prog_name="bayes-mirglmm", obj=words)
    except Exception as error:
        if "--debug" in words:
            raise
        message, code = _explain(error)
        report_error(message)
        sys.exit(code)
    finally:
        release()


def _explain(error: Exception) -> tuple[str, int]:
    if isinstance(error, SaveError | ClusterError):
        return spoken(str(error)), MACHINE
    if isinstance(error, MirglmmError):
        return spoken(str(error)), BAD_INPUT
    if isinstance(error, MemoryError):
        return f"there is not enough memory ({error or 'no more is said'}): take a larger machine.", MACHINE
    if isinstance(error, OSError) and error.filename is not None:
        remedy = {
            errno.ENOENT: "Check the path.",
            errno.EACCES: "Choose a place that you may read or write.",
            errno.ENOSPC: "Free some space, or choose another place.",
        }.get(error.errno or 0, "Check the path and its permissions.")
        name = (
            os.fsdecode(os.fspath(error.filename))
            if isinstance(error.filename, str | bytes)
            else error.filename
        )
        code = MACHINE if error.errno in OF_THE_MACHINE else BAD_INPUT
        return f"{name}: {error.strerror}. {remedy}", code
    what = str(error) or "no message"
    return (
        f"{type(error).__name__}: {what}. This should not happen: it is a fault of the program, not of your "
        "input. Run the same command with --debug to see where, and report it with that output.",
        INTERNAL,
    )
