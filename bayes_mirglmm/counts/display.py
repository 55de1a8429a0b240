"""How an inspection shows itself, as text and as HTML; the numbers are those of its tables."""

from html import escape
from typing import TYPE_CHECKING

import pandas as pd

if TYPE_CHECKING:
    from bayes_mirglmm.counts.inspection import Inspection

NUMBERS = frozenset({"total", "mirnas", "isomirs", "reads", "share", "missing"})  # columns set to the right
MANY_ROWS = 12  # of a table, from which on its ends are shown


def text_inspection(found: "Inspection") -> str:
    """Return an inspection as plain text, in the order of ``bayes-mirglmm inspect``."""
    lines = [f"Inspection of {printable(found.source)} (format {found.format})"]
    lines += [f"  - {printable(note)}" for note in found.notes]
    for title, table in tables(found):
        lines += [title, *(f"  {row}" for row in printed(table))]
    if found.remarks:
        lines += ["Worth a look", *(f"  - {printable(remark)}" for remark in found.remarks)]
    return "\n".join(lines)


def html_inspection(found: "Inspection") -> str:
    """Return an inspection as HTML; every name in it is escaped."""
    parts = [
        f"<p><b>Inspection</b> of {escape(found.source)} (format {escape(found.format)})</p>",
        _items(found.notes),
    ]
    for title, table in tables(found):
        parts.append(f"<p>{escape(title)}</p>{_ends(table).to_html(index=False, border=0)}")
    if found.remarks:
        parts.append(f"<p>Worth a look</p>{_items(found.remarks)}")
    return "<div>" + "".join(parts) + "</div>"


def tables(found: "Inspection") -> list[tuple[str, pd.DataFrame]]:
    """Return the tables to show, each with its title, numbers as they are read."""
    total = found.samples["total"]
    spread = f"totals {total.min():,} to {total.max():,}, median {total.median():,.0f}"
    shown = [
        (f"{len(found.samples)} samples, {spread}", found.samples[["sample", "total", "mirnas", "isomirs"]])
    ]
    if len(found.columns):
        shown.append(("Sample table (the first level of a factor is its reference)", found.columns))
    share = found.stages["share"].map(lambda value: f"{100 * value:.1f} %")
    shown.append(("From the file to the fit", found.stages.assign(share=share)))
    shown.append(("Left out of the fit", found.drops[["meaning", "mirnas", "isomirs", "reads"]]))
    return [(title, _readable(table)) for title, table in shown]


def printed(table: pd.DataFrame) -> list[str]:
    """Return the lines of a table as text: words to the left, numbers to the right."""
    words = [name for name in table.columns if name not in NUMBERS]
    table = _ends(table)
    width = {name: max([len(name), *(len(str(value)) for value in table[name])]) for name in table.columns}

    def line(cells: list[str]) -> str:
        pairs = zip(table.columns, cells, strict=True)
        return "  ".join(f"{c:<{width[n]}}" if n in words else f"{c:>{width[n]}}" for n, c in pairs).rstrip()

    return [
        line(list(table.columns)),
        *(line([str(v) for v in row]) for row in table.itertuples(index=False)),
    ]


def printable(text: str) -> str:
    """Return ``text`` with control characters spelled out, so that a name cannot drive a terminal."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in str(text))


def _readable(table: pd.DataFrame) -> pd.DataFrame:
    """Return a table of text: thousands apart, names without control characters."""
    columns = {}
    for name in table.columns:
        values = table[name]
        number = pd.api.types.is_numeric_dtype(values)
        columns[str(name)] = [f"{value:,}" if number else printable(value) for value in values]
    return pd.DataFrame(columns)


def _ends(table: pd.DataFrame) -> pd.DataFrame:
    """Return a long table by its first and last rows."""
    if len(table) <= MANY_ROWS:
        return table
    half = MANY_ROWS // 2
    gap = pd.DataFrame([dict.fromkeys(table.columns, "...")])
    return pd.concat([table.head(half), gap, table.tail(half)], ignore_index=True)


def _items(sentences: tuple[str, ...]) -> str:
    return "<ul>" + "".join(f"<li>{escape(s)}</li>" for s in sentences) + "</ul>" if sentences else ""
