"""What a command says, and where: results on stdout, progress and errors on stderr."""

import json
import logging
import sys
import warnings
from collections.abc import Iterable, Sequence
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from bayes_mirglmm.cli.language import spoken

LIBRARY = "bayes_mirglmm"
FITTING = ("fitting", "methods")  # what reports progress, as log messages where there is no terminal
_SHOWWARNING = warnings.showwarning


class Reporter:
    """Speaks for one run of a command.

    Parameters
    ----------
    quiet : bool
        Nothing but errors (and JSON, when it is asked for).
    as_json : bool
        One JSON object on stdout in place of text.
    """

    def __init__(self, *, quiet: bool = False, as_json: bool = False) -> None:
        self.quiet = quiet
        self.as_json = as_json
        self.out = Console(highlight=False)
        self.err = Console(stderr=True, highlight=False)
        _listen(self)

    def step(self, text: str) -> None:
        """Report progress on stderr: a line that reads well in a log too."""
        if not self.quiet:
            _paragraph(self.err, Text(plain(spoken(text)), style="dim"))

    def say(self, text: str = "", style: str = "") -> None:
        """Print a paragraph of the result."""
        if self._shows_text:
            _paragraph(self.out, Text(plain(text), style=style))

    def command(self, text: str, lead: str = "") -> None:
        """Print something to copy: on one line, however long."""
        if self._shows_text:
            self.out.print(Text(plain(f"  {lead} {text}" if lead else f"  {text}")), soft_wrap=True)

    def show(self, table: Table) -> None:
        """Print a table of the result."""
        if self._shows_text:
            self.out.print(table)

    def json(self, content: dict[str, Any]) -> None:
        """Print ``content`` on stdout, when JSON is asked for. NaN becomes null."""
        if self.as_json:
            print(json.dumps(_finite(content), indent=2, ensure_ascii=False, default=str))

    @property
    def progress(self) -> bool:
        """Whether a progress bar has a reader."""
        # Not rich's own is_terminal, which FORCE_COLOR turns on: a bar in a log is control characters.
        return not self.quiet and sys.stderr.isatty()

    @property
    def _shows_text(self) -> bool:
        return not (self.quiet or self.as_json)

    def warn(self, text: str) -> None:
        """Report on stderr what limits the conclusions."""
        if not self.quiet:
            _paragraph(self.err, Text.assemble(("warning: ", "yellow"), plain(spoken(text))))


class _Relay(logging.Handler):
    """Hands what the library logs to the reporter."""

    def __init__(self, reporter: Reporter) -> None:
        super().__init__()
        self.reporter = reporter

    def emit(self, record: logging.LogRecord) -> None:
        speak = self.reporter.warn if record.levelno >= logging.WARNING else self.reporter.step
        speak(record.getMessage())


def _listen(reporter: Reporter) -> None:
    """Let ``reporter`` speak for what the library warns of and logs, until :func:`release`."""
    release()
    warnings.showwarning = lambda message, *_, **__: reporter.warn(str(message))
    logging.getLogger(LIBRARY).addHandler(_Relay(reporter))
    # On a terminal the fit itself says what it is doing, and shows a bar.
    level = logging.WARNING if reporter.progress else logging.INFO
    for name in FITTING:
        logging.getLogger(f"{LIBRARY}.{name}").setLevel(level)


def release() -> None:
    """Give warnings and logging back to the process."""
    warnings.showwarning = _SHOWWARNING
    logger = logging.getLogger(LIBRARY)
    for handler in [h for h in logger.handlers if isinstance(h, _Relay)]:
        logger.removeHandler(handler)
    for name in FITTING:
        logging.getLogger(f"{LIBRARY}.{name}").setLevel(logging.NOTSET)


def table(columns: Sequence[str], rows: Iterable[Sequence[str]], *, left: int = 1) -> Table:
    """Return an indented table without frames; the first ``left`` columns are text, the others numbers."""
    result = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    result.add_column("")  # the indentation
    for i, name in enumerate(columns):
        result.add_column(name, justify="left" if i < left else "right", overflow="fold")
    for row in rows:
        result.add_row("", *(Text(plain(cell)) for cell in row))
    return result


def plain(text: str) -> str:
    """Return ``text`` without control characters, which names in a file may hold."""
    return "".join(c if c.isprintable() or c == "\n" else "\N{REPLACEMENT CHARACTER}" for c in text)


def report_error(message: str) -> None:
    """Print an error as one paragraph on stderr."""
    _paragraph(Console(stderr=True, highlight=False), Text.assemble(("error: ", "bold red"), plain(message)))


def _paragraph(console: Console, text: Text) -> None:
    # In a file or a pipe a paragraph stays one line: logs are searched by line, and paths must not be broken.
    console.print(text, soft_wrap=not console.is_terminal)


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    if isinstance(value, float) and value in (float("inf"), float("-inf")):
        return "inf" if value > 0 else "-inf"
    return None if isinstance(value, float) and value != value else value
