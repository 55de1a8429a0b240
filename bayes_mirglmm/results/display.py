"""How a fit shows itself: a summary as text and as HTML, apart from the numbers."""

from html import escape
from typing import TYPE_CHECKING

import pandas as pd

from bayes_mirglmm.results.effects import unwarned_effects
from bayes_mirglmm.results.selection import fitted
from bayes_mirglmm.results.shared_samples import SHARED

if TYPE_CHECKING:
    from bayes_mirglmm.results.fit_result import Fit

TOP = 5


def summary_lines(fit: "Fit") -> list[str]:
    """Return the summary in a few lines: model, data, outcome of the miRNAs."""
    data = fit.data
    model = f"{fit.formula}, slope {fit.slope}" if fit.slope else f"{fit.formula}, no isomiR slope"
    attrs = data.attrs
    how = [f"method {attrs['method']}", f"{attrs['curvature']} curvature", f"offset {attrs['offset_method']}"]
    if fit.method.has_draws:
        how[1] = f"{data.sizes['draw']} draws"
    else:
        if attrs.get("criterion") == "reml":
            how.insert(1, "restricted likelihood")
        how.append(fit.reference_distribution)
    if fit.samples_taken == SHARED:
        how[-1] = "effects under what the samples share"
    if attrs["preset"]:
        how.append(f"preset {attrs['preset']}")
    rows = fitted(data)
    status = pd.Series(data["status"].values, dtype=object)
    lines = [model, ", ".join(how), f"{data.sizes['sample']} samples, {data.sizes['mirna']} miRNAs"]
    for label, part in (("fitted", status[rows]), ("not fitted", status[~rows])):
        counted = ", ".join(f"{n} {name}" for name, n in part.value_counts().items())
        lines.append(f"{len(part)} {label}" + (f": {counted}" if counted else ""))
    return lines


def top_hits(fit: "Fit") -> tuple[str, pd.DataFrame]:
    """Return the coefficient that a reader asks for first, and its rows with the smallest p-values (or lfsr)."""
    slopes = [term for term in fit.design.slope_terms[1:] if term in fit.design.terms]
    terms = slopes or list(fit.design.terms[1:]) or list(fit.design.terms)
    if fit.method.has_draws:
        table = fit.effects(terms[0])
        sure = (table["estimate"] / table["std_error"]).abs()  # where no draw has the other sign, lfsr is 0
        table = table.assign(sure=-sure).nsmallest(TOP, ["s_value", "sure"])
        return terms[0], table[["mirna", "estimate", "log2_fc", "std_error", "lfsr", "s_value"]]
    # Not fit.effects(): showing a fit must not warn.
    table = unwarned_effects(fit, terms[0])
    table = table.dropna(subset=["p_value"]).nsmallest(TOP, "p_value")
    return terms[0], table[["mirna", "estimate", "log2_fc", "std_error", "p_value", "p_adjusted"]]


def text_summary(fit: "Fit") -> str:
    """Return the summary as plain text."""
    term, top = top_hits(fit)
    lines = ["Fit: " + printable(summary_lines(fit)[0]), *(f"  {line}" for line in summary_lines(fit)[1:])]
    if len(top):
        shown = top.assign(mirna=[printable(name) for name in top["mirna"]])
        table = shown.to_string(index=False, float_format=_number).splitlines()
        lines += [f"  smallest {measure(fit)} of {printable(term)}:", *(f"    {row}" for row in table)]
    return "\n".join(lines)


def html_summary(fit: "Fit") -> str:
    """Return the summary as HTML; every name in it is escaped."""
    first, *rest = summary_lines(fit)
    term, top = top_hits(fit)
    parts = [f"<p><b>Fit</b> <code>{escape(first)}</code><br>{'<br>'.join(escape(r) for r in rest)}</p>"]
    if len(top):
        head = "".join(f"<th>{escape(name)}</th>" for name in top.columns)
        body = "".join(
            "<tr>" + "".join(f"<td>{_cell(value)}</td>" for value in row) + "</tr>"
            for row in top.itertuples(index=False)
        )
        parts.append(
            f"<p>Smallest {measure(fit)} of <code>{escape(term)}</code></p>"
            f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
        )
    return "<div>" + "".join(parts) + "</div>"


def measure(fit: "Fit") -> str:
    """Return what hits are ranked by, in words."""
    return "s-values" if fit.method.has_draws else fit.method.ranks_in_words


def printable(text: str) -> str:
    """Return ``text`` with control characters spelled out, so that a name cannot drive a terminal."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in str(text))


def _cell(value: object) -> str:
    return _number(value) if isinstance(value, float) else escape(str(value))


def _number(value: float) -> str:
    return f"{value:.3g}"
