"""From a fit to a file."""

import os
import secrets
from collections.abc import Mapping
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bayes_mirglmm.errors import InputError

if TYPE_CHECKING:
    import pandas as pd

    from bayes_mirglmm.results import Fit

#: What marks a file as one of ours, so that no other is ever replaced.
MARK = b'<meta name="generator" content="bayes_mirglmm'
HEAD = 2000  # bytes in which the mark stands


def write_report(
    fit: "Fit | str | PathLike[str]",
    path: str | PathLike[str],
    *,
    contrasts: Any = None,
    types: "Mapping[str, str] | pd.Series | None" = None,
    force: bool = False,
) -> Path:
    """Write one HTML file with verdict, tables, pictures, diagnostics and how the fit was made.

    The file needs nothing else: no network, no other file. Numbers in it have six significant digits; the tables of a
    run folder have them all.

    Parameters
    ----------
    fit : Fit or path
        A fit of any method, or the folder that one was saved to.
    path : path
        The file, usually ``report.html``.
    contrasts : optional
        Comparisons besides the coefficients, as :meth:`Fit.contrast` takes them: ``"pairs:group"``.
    types : mapping or pandas.Series, optional
        Type by isomiR, as :func:`bayes_mirglmm.isomir_types` makes it of the counts with their annotation: the page
        colours isomiRs by it. When omitted, types are told from the ids alone (sequences, offsets); a fit keeps no
        annotation.
    force : bool
        Replace a report that is there.

    Returns
    -------
    pathlib.Path
        The absolute path of the file.

    Raises
    ------
    InputError
        The file exists and ``force`` is not set, or is not a report; the folder is not a run; a contrast is not one
        of the design.
    """
    from bayes_mirglmm.report.content import gather
    from bayes_mirglmm.report.page import render
    from bayes_mirglmm.results import load

    target = check_report_target(path, force=force)
    if isinstance(fit, str | PathLike):
        fit = load(fit)
    page = render(gather(fit, contrasts, types)).encode("utf-8", errors="replace")
    target.parent.mkdir(parents=True, exist_ok=True)
    partial = target.with_name(f".{target.name}.{secrets.token_hex(4)}.partial")
    try:
        partial.write_bytes(page)
        os.replace(partial, target)
    finally:
        partial.unlink(missing_ok=True)
    return target


def check_report_target(path: str | PathLike[str], *, force: bool = False) -> Path:
    """Return the absolute path of a file that a report may be written to.

    Raises
    ------
    InputError
        It is a folder, or a file that is not a report (never replaced), or a report and ``force`` is not set.
    """
    target = Path(path).expanduser().resolve()
    if target.is_dir():
        raise InputError(f"{target} is a folder: give the name of a file, such as {target / 'report.html'}.")
    if not target.exists():
        return target
    if not is_report(target):
        raise InputError(f"{target} is not a report, and is never replaced: give another file name.")
    if not force:
        raise InputError(
            f"{target} exists already: give another file name, or replace it with force=True (--force)."
        )
    return target


def is_report(path: Path) -> bool:
    """Tell whether a file is a report of this package."""
    with path.open("rb") as file:
        return MARK in file.read(HEAD)
