"""What the library says, in the words of the command line: ``duplicates='sum'`` is ``--read duplicates=sum`` here.

Messages are written once, for Python: they name keyword arguments. Under the command line each argument that an option
stands for is shown as that option; the options are those of the commands and of the readers, so that there is
no list to keep. Where a message gives the option in brackets, ``samples_only=True (--samples-only)`` or
``samples='independent' (a run without --shared-samples)``, that remains.
"""

import re
import shlex
from functools import cache

ARGUMENT = re.compile(
    r"(?<!\w\()(?<!--read )(?<![\w.'\"-])(?P<name>[a-z]+(?:_[a-z]+)*)="
    r"(?P<value>'[^']*'|\"[^\"]*\"|\{[^{}]*\}|\[[^\[\]]*\]|\.\.\.|-?\w+(?:\.\d+)?)?"
    r"(?: \((?P<option>(?:[a-z]+ )*--[^()]*)\))?"
)
PAIR = re.compile(r"'([^']*)': '?([^',]*)'?")
#: What a method of a fit gives is in a file of its run, which stands in brackets behind it.
CALL = re.compile(r"\b(?:fit|bm)\.\w+\([^()]*\) \((\w+\.tsv)\)")


def spoken(message: str) -> str:
    """Return a message of the library with options of the command line in place of arguments in Python."""
    return ARGUMENT.sub(_option, CALL.sub(r"\1", message))


def _option(match: re.Match[str]) -> str:
    name, value = match["name"], match["value"] or ""
    if match["option"]:
        return match["option"]
    if value and name in _of_readers():
        return f"--read {name}={_for_reader(value)}"
    option = _of_commands().get(name)
    if option is None:
        return match[0]
    if value.startswith("{"):
        pairs = PAIR.findall(value)
        return " ".join(f"{option} {shlex.quote(f'{a}={b}')}" for a, b in pairs) if pairs else option
    if value in {"", "...", "True"} or value.startswith("["):
        return option
    return f"{option} {shlex.quote(value.strip(chr(39) + chr(34)))}"


def _for_reader(value: str) -> str:
    if value.startswith("["):
        return "COLUMN,COLUMN" if "..." in value else "COLUMN"
    return "NAME" if value == "..." else shlex.quote(value.strip("'\""))


@cache
def _of_readers() -> frozenset[str]:
    """Return the arguments that ``--read`` takes, of any format."""
    import inspect

    from bayes_mirglmm.readers._formats import FORMATS

    found = {"duplicates"}
    for module in FORMATS:
        parameters = inspect.signature(module.read).parameters.values()
        found |= {p.name for p in parameters if p.kind is p.KEYWORD_ONLY}
    return frozenset(found - {"samples_only"})


@cache
def _of_commands() -> dict[str, str]:
    """Return the option of each argument that ``fit`` and ``inspect`` have."""
    from typer.main import get_command

    from bayes_mirglmm.cli.app import app

    commands = get_command(app).commands  # type: ignore[attr-defined]
    return {
        p.name: p.opts[0] for name in ("fit", "inspect") for p in commands[name].params if p.opts[0][0] == "-"
    }
