"""An exception in the fit of one miRNA, as the sentence that its row of the status table has."""

import traceback
from pathlib import Path

PACKAGE = Path(__file__).resolve().parent.parent
LONGEST = 300  # characters of a message; a compiled library may send its whole stack


def describe_fault(error: BaseException) -> str:
    """Return type, message and place of an exception on one line, without the stack of a compiled library."""
    message = str(error).partition("Stack backtrace:")[0]
    message = " ".join(message.split())
    if len(message) > LONGEST:
        message = message[: LONGEST - 4].rstrip() + " ..."
    what = f"{type(error).__name__}: {message}" if message else type(error).__name__
    place = _place(error)
    return f"{what} ({place})" if place else what


def _place(error: BaseException) -> str:
    """Return the innermost line of this package that the exception passed."""
    for frame in reversed(traceback.extract_tb(error.__traceback__)):
        path = Path(frame.filename)
        if path.is_relative_to(PACKAGE):
            return f"{path.relative_to(PACKAGE).as_posix()}, line {frame.lineno}"
    return ""
