"""The findings of a fit as files: tables, a workbook, ranked lists, the methods paragraph."""

import importlib.util
import re
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from bayes_mirglmm.errors import InputError
from bayes_mirglmm.report.citation import methods_text, references
from bayes_mirglmm.report.findings_columns import meaning_of
from bayes_mirglmm.results.hits import FDR
from bayes_mirglmm.results.isomir_findings import default_findings
from bayes_mirglmm.results.isomir_kinds import Types
from bayes_mirglmm.tsv import write_tsv

if TYPE_CHECKING:
    from bayes_mirglmm.results import Fit

FINDINGS, ISOMIRS, WORKBOOK, METHODS = "findings.tsv", "isomir_findings.tsv", "findings.xlsx", "methods.txt"
RANKS = ".rnk"
#: Beginnings of the names of columns that are shown with two decimals.
SIGNED = ("log2_", "ln_", "mean_cpm", "fold", "top_isomir_share", "top_isomir_log2", "share", "usage_log")
WIDEST, NARROWEST = 46, 8  # letters of a column in the workbook


def write_findings(
    fit: "Fit | str | PathLike[str]",
    folder: str | PathLike[str],
    *,
    contrasts: Any = None,
    types: Types = None,
    fdr: float = FDR,
    xlsx: bool | None = None,
    force: bool = False,
) -> dict[str, Path]:
    """Write what a paper needs of a fit to a folder.

    ``findings.tsv`` (:meth:`Fit.findings`), ``isomir_findings.tsv`` (:meth:`Fit.isomir_findings`), ``findings.xlsx``
    (both, with what each column means and the methods paragraph), a ranked list ``NAME.rnk`` for each coefficient and
    contrast (miRNA and estimate over its standard error, the largest first, as programs for enrichment read it) and
    ``methods.txt``, a paragraph for the methods section with its references.

    Parameters
    ----------
    fit : Fit or path
        A fit of any method, or the folder that one was saved to.
    folder : path
        Made where it does not exist.
    contrasts : optional
        In place of the coefficients and contrasts that :meth:`Fit.findings` shows unless told.
    types : mapping or pandas.Series, optional
        Type by isomiR, as :func:`bayes_mirglmm.isomir_types` makes it; told from the ids when omitted.
    fdr : float
        Error rate up to which something is found.
    xlsx : bool, optional
        Whether to write the workbook; where xlsxwriter is installed when omitted.
    force : bool
        Replace findings that are there.

    Returns
    -------
    dict of str to pathlib.Path
        The files that were written, by their names.

    Raises
    ------
    InputError
        Findings are there and ``force`` is not set, the workbook is asked for without xlsxwriter, or a contrast is not
        one of the design.
    """
    from bayes_mirglmm.results import Fit, load

    if xlsx is None:
        xlsx = importlib.util.find_spec("xlsxwriter") is not None
    elif xlsx and importlib.util.find_spec("xlsxwriter") is None:
        raise InputError(
            "findings.xlsx needs xlsxwriter: pip install 'bayes-mirglmm[xlsx]', or leave it out."
        )
    target = check_findings_target(folder, force=force)
    fit = fit if isinstance(fit, Fit) else load(fit)
    table = fit.findings(contrasts=contrasts, types=types, fdr=fdr)
    isomirs = fit.isomir_findings(contrasts=contrasts, types=types, lfsr=fdr)
    methods = methods_page(fit)
    remove_findings(target)
    target.mkdir(parents=True, exist_ok=True)
    files = {FINDINGS: target / FINDINGS, ISOMIRS: target / ISOMIRS, METHODS: target / METHODS}
    write_tsv(table, files[FINDINGS])
    write_tsv(isomirs, files[ISOMIRS])
    files[METHODS].write_text(methods + "\n", encoding="utf-8", newline="\n")
    for name, ranks in ranked_lists(fit, contrasts).items():
        files[name] = target / name
        ranks.to_csv(files[name], sep="\t", header=False, index=False, lineterminator="\n", encoding="utf-8")
    if xlsx:
        files[WORKBOOK] = target / WORKBOOK
        _write_workbook(files[WORKBOOK], table, isomirs, methods)
    return files


def ranked_lists(fit: "Fit", contrasts: Any = None) -> dict[str, pd.DataFrame]:
    """Return miRNAs with estimate / standard error, the largest first, for each comparison, by the name of its file."""
    wanted = default_findings(fit) if contrasts is None else [(None, contrasts)]
    found: dict[str, pd.DataFrame] = {}
    for terms, specs in wanted:
        label = "term" if specs is None else "contrast"
        table = fit.effects(terms, specs)
        table = table.assign(score=table["estimate"] / table["std_error"])
        table = table[np.isfinite(table["score"])]
        for name, rows in table.groupby(label, sort=False):
            stem = re.sub(r"[^\w.+-]+", "_", str(name)).strip("_") or "effect"
            while f"{stem}{RANKS}" in found:
                stem += "_"
            ordered = rows.sort_values("score", ascending=False, kind="stable")
            found[f"{stem}{RANKS}"] = ordered[["mirna", "score"]]
    return found


def methods_page(fit: "Fit") -> str:
    """Return the methods paragraph with its references as plain text."""
    cited = [f"- {one.text}" + (f" https://doi.org/{one.doi}" if one.doi else "") for one in references(fit)]
    return "\n".join([methods_text(fit), "", "References", *cited])


def check_findings_target(folder: str | PathLike[str], *, force: bool = False) -> Path:
    """Return the absolute path of a folder that findings may be written to, or refuse it."""
    target = Path(folder).expanduser().absolute()
    if target.exists() and not target.is_dir():
        raise InputError(f"{target} is a file: give the name of a folder for the findings.")
    if (target / FINDINGS).exists() and not force:
        raise InputError(
            f"{target} has findings already: give another folder, or replace them with force=True (--force)."
        )
    return target


def remove_findings(folder: Path) -> None:
    """Remove what :func:`write_findings` has written to a folder, and the folder where nothing else is in it."""
    if not (folder / FINDINGS).is_file():
        return
    own = [folder / name for name in (FINDINGS, ISOMIRS, WORKBOOK, METHODS)] + list(folder.glob(f"*{RANKS}"))
    for path in own:
        path.unlink(missing_ok=True)
    if not any(folder.iterdir()):
        folder.rmdir()


def _write_workbook(path: Path, table: pd.DataFrame, isomirs: pd.DataFrame, methods: str) -> None:
    """Write a workbook; text stays text, whatever it begins with."""
    columns = list(dict.fromkeys([*table.columns, *isomirs.columns]))
    explained = pd.DataFrame({"column": columns, "meaning": [meaning_of(name) for name in columns]})
    sheets = {
        "miRNAs": table,
        "isomiRs": isomirs,
        "columns": explained,
        "methods": pd.DataFrame({"methods": methods.splitlines()}),
    }
    plain = {"strings_to_formulas": False, "strings_to_urls": False, "strings_to_numbers": False}
    with pd.ExcelWriter(path, engine="xlsxwriter", engine_kwargs={"options": plain}) as writer:
        book: Any = writer.book
        head = book.add_format({"bold": True, "bottom": 1, "text_wrap": True, "valign": "top"})
        kinds = {
            "p": book.add_format({"num_format": "0.0E+00"}),
            "signed": book.add_format({"num_format": "0.00"}),
            "text": book.add_format({"text_wrap": True, "valign": "top"}),
        }
        for name, frame in sheets.items():
            finite = frame.replace([np.inf, -np.inf], np.nan)
            finite.to_excel(writer, sheet_name=name, index=False, freeze_panes=(1, 1))
            sheet = writer.sheets[name]
            for k, column in enumerate(frame.columns):
                sheet.write_string(0, k, str(column), head)
                wraps = name in ("columns", "methods") and column != "column"
                width = 110 if wraps else _width(frame[column])
                sheet.set_column(k, k, width, kinds["text"] if wraps else kinds.get(_kind(str(column))))
            if name in ("miRNAs", "isomiRs") and len(frame):
                sheet.autofilter(0, 0, len(frame), len(frame.columns) - 1)


def _width(values: pd.Series) -> int:
    longest = max((len(str(v)) for v in values if isinstance(v, str)), default=NARROWEST)
    return min(max(longest + 1, NARROWEST + 3), WIDEST)


def _kind(column: str) -> str:
    if column.startswith(("p_", "shrunk_", "usage_p")) or column == "lfsr":
        return "p"
    return "signed" if column.startswith(SIGNED) else ""
