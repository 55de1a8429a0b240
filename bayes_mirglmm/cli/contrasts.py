"""Contrasts as the command line writes them: differences, pairs, sums of coefficients, names."""

import csv
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from bayes_mirglmm.errors import InputError
from bayes_mirglmm.suggest import did_you_mean

if TYPE_CHECKING:
    import xarray as xr

    from bayes_mirglmm.design.build import Design

HELP = (
    "--contrast group=B,A is B minus A; 'group=B,A | batch=b2' the same within one level of another variable; "
    "pairs:group all pairs, 'pairs:group | batch' all within each level; '0.5 group[T.B] - group[T.C]' a weighted sum "
    "of coefficients; 'NAME: ...' names any of these. Levels with commas go in double quotes."
)


@dataclass(frozen=True)
class Contrast:
    """A contrast as the command line names it: its variable (empty for sums), and what the library takes for it."""

    variable: str
    spec: str | dict[str, Any]


def check_words(texts: Sequence[str], formula: str) -> None:
    """Refuse what cannot be a contrast of any sample table under this formula, before one is read.

    Raises
    ------
    InputError
        A text is none of the forms of :data:`HELP`, or is of no variable of the formula.
    """
    from bayes_mirglmm.design.formula import parse_formula

    if not texts:
        return
    variables = parse_formula(formula, None).variables
    for text in texts:
        name, colon, rest = text.partition(": ")
        own = rest if colon and name.strip() and "=" not in name else text
        main, *places = re.split(r"\s\|\s", own)
        if any("=" not in place for place in places) and not own.startswith("pairs:"):
            raise InputError(f"--contrast {text!r}: write what stands after '|' as VARIABLE=LEVEL. {HELP}")
        if own.startswith("pairs:"):
            _of_formula(main.removeprefix("pairs:").strip(), variables, text)
        elif "=" in main and "[" not in main:
            variable, _, levels = main.partition("=")
            _of_formula(variable.strip(), variables, text)
            if "," not in levels.strip().strip(","):
                raise InputError(f"--contrast {text!r} names one level: write two, B,A for B minus A. {HELP}")
        elif not _may_be_sum(main, variables):
            raise InputError(f"--contrast {text!r} is not understood. {HELP}")


def _of_formula(variable: str, variables: Sequence[str], text: str) -> None:
    if variable not in variables:
        raise InputError(
            f"--contrast {text!r}: {variable!r} is not a variable of the formula.{did_you_mean(variable, variables)} "
            f"Its variables are: {', '.join(variables) or 'none'}."
        )


def _may_be_sum(text: str, variables: Sequence[str]) -> bool:
    """Tell whether a text may be a sum of coefficients: their levels in brackets are not known yet."""
    names = [*variables, "Intercept"]
    if not any(name in text for name in names):
        return False
    if "[" in text:
        return True
    left = text
    while (shorter := re.sub(r"[\w.]*\([^()]*\)", "", left)) != left:  # log(x), poly(x, 2)
        left = shorter
    known = "|".join(re.escape(name) for name in sorted(names, key=len, reverse=True))
    return re.fullmatch(r"[\s\d.+\-*/:`]*", re.sub(rf"(?<![\w.])(?:{known})(?!\w)", "", left)) is not None


def parse_contrasts(
    texts: Sequence[str],
    counts: "xr.Dataset",
    formula: str,
    slope: str | None,
    reference: Mapping[str, object],
    nuisance: Sequence[str],
) -> list[Contrast]:
    """Turn ``["group=B,A"]`` into contrasts that the design of ``counts`` is known to have."""
    from bayes_mirglmm.counts.container import sample_table
    from bayes_mirglmm.design.build import build_design
    from bayes_mirglmm.design.contrasts import contrast_weights

    table = sample_table(counts)
    if table.empty:
        raise InputError("the counts come without a sample table: give one with --samples, a row per sample.")
    design = build_design(table, formula, slope=slope, reference=reference, nuisance=nuisance)
    contrasts = [parse_contrast(text, design) for text in texts]
    if contrasts:
        contrast_weights(design, [contrast.spec for contrast in contrasts])
    return contrasts


def parse_contrast(text: str, design: "Design") -> Contrast:
    """Turn the text of one ``--contrast`` into a contrast.

    Raises
    ------
    InputError
        It is none of the forms of :data:`HELP`.
    """
    weights = _weights(text, design.terms)
    if weights is not None:
        return Contrast("", weights)
    name, colon, rest = text.partition(": ")
    if colon and name.strip() and "=" not in name:
        inner = parse_contrast(rest, design)
        if isinstance(inner.spec, str):
            raise InputError(
                f"--contrast {text!r}: {rest!r} stands for several contrasts, which name themselves."
            )
        return Contrast(inner.variable, {name.strip(): inner.spec})
    if text.startswith("pairs:"):
        return Contrast(text.removeprefix("pairs:").partition(" | ")[0].strip(), text)
    return _difference(text, design)


def _difference(text: str, design: "Design") -> Contrast:
    """``group=B,A``, ``age=60,50``, either with ``| batch=b2``."""
    main, *places = re.split(r"\s\|\s", text)
    variable, equals, levels = (part.strip() for part in main.partition("="))
    ends = _two_ends(levels, design.factors.get(variable, ()))
    if not (variable and equals) or ends is None:
        raise InputError(f"--contrast {text!r} is not understood. {HELP}")
    spec: dict[str, Any] = {variable: tuple(_value(end, variable, design) for end in ends)}
    if places:
        spec["within"] = {}
        for place in places:
            name, equals, level = (part.strip() for part in place.partition("="))
            if not (name and equals and level):
                raise InputError(
                    f"--contrast {text!r}: write what stands after '|' as VARIABLE=LEVEL. {HELP}"
                )
            spec["within"][name] = _value(level.strip('"'), name, design)
    return Contrast(variable, spec)


def _two_ends(text: str, levels: Sequence[str]) -> tuple[str, str] | None:
    """Return both ends of a difference: two known levels where a comma parts them, else two cells of a CSV line."""
    parts = text.split(",")
    for i in range(1, len(parts)):
        ends = ",".join(parts[:i]).strip(), ",".join(parts[i:]).strip()
        if ends[0] in levels and ends[1] in levels:
            return ends
    cells = [cell.strip() for cell in next(csv.reader([text], skipinitialspace=True), [])]
    return (cells[0], cells[1]) if len(cells) == 2 and all(cells) else None


def _value(text: str, variable: str, design: "Design") -> str | float:
    if variable in design.factors:
        return text
    try:
        return float(text)
    except ValueError:
        return text  # the library's own error lists what there is


def _weights(text: str, terms: Sequence[str]) -> dict[str, Any] | None:
    """Return the weights of ``0.5 group[T.B] - group[T.C]``; None where the text is no sum of coefficients."""
    known = "|".join(re.escape(term) for term in sorted(terms, key=len, reverse=True))
    part = re.compile(rf"\s*([+-])?\s*(\d+(?:\.\d*)?(?:/\d+)?|\.\d+)?\s*\*?\s*({known})(?=\s*(?:[+-]|$))")
    weights: dict[str, Any] = {}
    at = 0
    while at < len(text.rstrip()):
        found = part.match(text, at)
        if found is None or (weights and not found[1]):
            return None
        top, _, bottom = (found[2] or "1").partition("/")
        weight = float(top) / float(bottom or 1)
        weights[found[3]] = weights.get(found[3], 0.0) + (-weight if found[1] == "-" else weight)
        at = found.end()
    return weights or None
