"""Formulas of sample variables: what they may contain, which columns they use, their model matrix.

formulaic does the algebra. Before it sees a formula, this module makes sure that the formula has a right-hand
side only, keeps its intercept, names columns that exist, and calls nothing but the functions of
:data:`FUNCTIONS` (formulaic would evaluate any Python expression, and a formula can come from a file).
"""

import ast
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pandas as pd

from bayes_mirglmm.design.centring import centred, is_product, keep_model
from bayes_mirglmm.design.random_terms import RandomText, built_in, split_formula
from bayes_mirglmm.errors import InputError
from bayes_mirglmm.suggest import did_you_mean

if TYPE_CHECKING:  # formulaic costs 0.4 s to import
    from formulaic import ModelSpec, SimpleFormula
    from formulaic.parser.types import Factor

#: What a formula may call. ``C(x)`` makes a factor of a numeric column; the rest are transformations.
FUNCTIONS = frozenset(
    {
        "C",
        "I",
        "bs",
        "cc",
        "center",
        "cr",
        "cs",
        "exp",
        "log",
        "log10",
        "log2",
        "poly",
        "scale",
        "standardize",
    }
)
NUMPY_FUNCTIONS = frozenset({"abs", "arcsinh", "exp", "log", "log10", "log1p", "log2", "sqrt"})
#: Names that a counts container has for itself, so that no sample table has a column of that name.
NEVER_COLUMNS = ("sample", "isomir", "sequence")
_ARITHMETIC = (ast.Add, ast.Sub, ast.Mult, ast.Div, ast.Pow, ast.USub, ast.UAdd)
_PASSIVE = (ast.Expression, ast.Load, ast.BinOp, ast.UnaryOp, ast.keyword, ast.Tuple, ast.List, *_ARITHMETIC)


class Term(NamedTuple):
    """A term of a formula: ``name`` as formulaic prints it, and the table columns that it uses."""

    name: str
    variables: tuple[str, ...]


class Formula(NamedTuple):
    """A formula that passed the checks."""

    text: str
    """The formula with its tilde, otherwise as given."""
    terms: tuple[Term, ...]
    """In formulaic's order: the intercept, main effects, interactions."""
    variables: tuple[str, ...]
    """Columns of the sample table, in the order in which the terms use them."""
    as_factors: frozenset[str]
    """Columns wrapped in ``C()``."""
    fixed: str
    """The formula without its random terms."""
    random: tuple[RandomText, ...]
    """The random terms."""


def parse_formula(text: str, columns: Sequence[str] | None) -> Formula:
    """Parse the right-hand side ``text`` and check it against the table's ``columns``, where these are known.

    Raises
    ------
    InputError
        The formula does not parse, has a response or no intercept, names a column that the
        table does not have, or uses an expression outside :data:`FUNCTIONS` and arithmetic.
    """
    from formulaic import Formula as parse
    from formulaic import SimpleFormula
    from formulaic.errors import FormulaicError

    if not isinstance(text, str):
        raise InputError(f"the formula is {text!r}: give a string such as '~ group + batch'.")
    text = text.strip()
    if not text.startswith("~") and "~" not in text:
        text = f"~ {text}"
    if not text.startswith("~"):
        raise InputError(
            f"the formula {text!r} has a response: the counts are the response of every miRNA. "
            f"Keep the part from the tilde on: {'~' + text.split('~', 1)[1]!r}."
        )
    _refuse_other_dialects(text, columns)
    fixed, random = split_formula(text)
    try:
        parsed = parse(fixed)
    except (FormulaicError, SyntaxError) as error:
        # the message comes first; a copy of the formula with the place marked in terminal colours follows
        detail = str(error).splitlines()[0].strip().rstrip(".")
        raise InputError(
            f"the formula {text!r} cannot be parsed ({detail}). Write it like '~ group + batch' or "
            "'~ group * age', and put backticks around names with spaces."
        ) from None
    assert isinstance(parsed, SimpleFormula)  # a response or a '|' would have made another class
    terms: list[Term] = []
    numbers: set[str] = set()
    as_factors: set[str] = set()
    for term in parsed:
        used: list[str] = []
        for factor in term.factors:
            kind = factor.eval_method.name if factor.eval_method else ""
            if kind == "LOOKUP":
                used.append(factor.expr)
                numbers.add(factor.expr)
            elif kind == "PYTHON":
                bare, wrapped = _expression(factor.expr, text)
                used += [*bare, *wrapped]
                numbers.update(bare)
                as_factors.update(wrapped)
        terms.append(Term("Intercept" if str(term) == "1" else str(term), tuple(dict.fromkeys(used))))
    for name in numbers & as_factors:
        raise InputError(
            f"the formula {text!r} uses {name!r} both inside and outside C(): add a second column to the "
            "sample table for one of the two."
        )
    if "Intercept" not in {term.name for term in terms}:
        raise InputError(
            f"the formula {text!r} removes the intercept: its coefficients would be levels (log CPM), not "
            "log fold changes against the reference. Leave out the '0 +' or '- 1', and ask for differences of "
            "levels as contrasts."
        )
    variables = tuple(dict.fromkeys(name for term in terms for name in term.variables))
    if columns is not None:
        for name in variables:
            check_column(name, columns, f"the formula {text!r}")
    for name in (*variables, *(name for term in random for name in term.variables)):
        if columns is None and name in NEVER_COLUMNS:
            raise InputError(f"the formula {text!r} uses {name!r}, which is no column.{built_in(name)}")
    return Formula(text, tuple(terms), variables, frozenset(as_factors), fixed, random)


def named_terms(formula: Formula, wanted: Sequence[str]) -> list[str]:
    """Return terms of a formula as formulaic spells them, by their names or by those of their one variable.

    Raises
    ------
    InputError
        The formula has no such term.
    """
    names = [term.name for term in formula.terms if term.variables]
    found = []
    for name in wanted:
        own = [term.name for term in formula.terms if term.variables == (name,)]
        if name not in names and len(own) != 1:
            raise InputError(
                f"{name!r} is not a term of the formula {formula.text!r}.{did_you_mean(str(name), names)} "
                f"Its terms are: {', '.join(names) or 'none'}."
            )
        found.append(name if name in names else own[0])
    return list(dict.fromkeys(found))


def _refuse_other_dialects(text: str, columns: Sequence[str] | None) -> None:
    """Refuse what R's formulas have and these have not, with the way here."""
    bare = re.sub(r"`[^`]*`", "", text)
    call = re.search(r"(?<![\w.])((?:as\.)?(?:factor|ordered)|as\.numeric|relevel)\s*\(\s*([\w.]*)", bare)
    if call:
        name = call[2] or "x"
        ways = {
            "relevel": f"write {name}, and reference={{{name!r}: 'level'}} (--reference {name}=level) for the level "
            "that comes first",
            "as.numeric": f"write {name}: a column of numbers is a covariate as it is",
        }
        way = ways.get(
            call[1],
            f"write {name} where the column is text, which is a factor as it is, and C({name}) where it is numbers; "
            f"reference={{{name!r}: [...]}} (--reference {name}=LEVEL,LEVEL) gives the order of its levels",
        )
        raise InputError(f"the formula {text!r} uses R's {call[1]}(): here {way}.")
    if re.search(r"(?<![\w.)])\.(?![\w.])", bare):
        example = "~ " + " + ".join(map(str, columns[:2])) if columns else "~ group"
        known = (
            ""
            if columns is None
            else f" The sample table has {', '.join(map(str, columns)) or 'no columns'}."
        )
        raise InputError(
            f"the formula {text!r} uses R's '.' for all columns: name the variables of the model, for example "
            f"{example!r}.{known}"
        )


def check_column(name: str, columns: Iterable[str], where: str) -> None:
    """Refuse ``name`` where the sample table has no such column, with the nearest names."""
    names = [str(column) for column in columns]
    if name not in names:
        raise InputError(
            f"{where} uses {name!r}, which is not a column of the sample table."
            f"{built_in(name) or did_you_mean(name, names)} Its columns are: "
            f"{', '.join(names) or 'none (the counts have no sample table)'}."
        )


@dataclass(frozen=True)
class ModelMatrix:
    """A formula evaluated on a sample table, and how to evaluate it on other rows."""

    x: np.ndarray
    """Shape (n, p), float64; may hold values that are not finite."""
    names: tuple[str, ...]
    """Names of the columns, in formulaic's spelling."""
    columns: tuple[tuple[int, ...], ...]
    """Columns of each term of the formula."""
    centres: dict[str, float]
    """Means of the covariates that are measured from them inside products; NaN for one of several columns."""
    _spec: "ModelSpec"
    _centred: "ModelSpec | None"
    _moved: tuple[int, ...]
    """Columns that the centred formula gives."""

    def evaluate(self, table: pd.DataFrame) -> np.ndarray:
        """Return the columns on the rows of another ``table``, with the same knots and centres."""
        x = _values(self._spec, table)
        if self._centred is not None:
            x[:, self._moved] = _values(self._centred, table)[:, self._moved]
        return x


def model_matrix(formula: Formula, table: pd.DataFrame, *, centre: bool = True) -> ModelMatrix:
    """Evaluate ``formula`` on ``table`` (factors as pandas categoricals).

    Parameters
    ----------
    formula : Formula
    table : pandas.DataFrame
    centre : bool
        Measure covariates inside products from their means (:mod:`bayes_mirglmm.design.centring`).

    Raises
    ------
    InputError
        formulaic cannot evaluate the formula on these columns.
    """
    from formulaic import Formula as parse
    from formulaic import SimpleFormula

    parsed = parse(formula.fixed)
    assert isinstance(parsed, SimpleFormula)
    _refuse_factors_as_numbers(parsed, formula, table)
    x, spec = _evaluated(parsed, formula, table)
    indices = tuple(tuple(columns) for columns in spec.term_indices.values())
    found = ModelMatrix(x, tuple(str(name) for name in spec.column_names), indices, {}, spec, None, ())
    factors = [[_quoted(factor) for factor in term.factors] for term in parsed]
    numeric = _numeric_factors(table, parsed)
    products = [i for i, term in enumerate(factors) if is_product(term, numeric)]
    if not (centre and products and np.isfinite(x).all() and x.shape[1] <= len(x)):
        return found
    other, spec_centred = _evaluated(_rewritten(parsed, numeric), formula, table)
    kept = keep_model(x, other, [indices[i] for i in products])
    products = [i for i, use in zip(products, kept, strict=True) if use]
    moved = tuple(column for i in products for column in indices[i])
    if not moved:
        return found
    x = x.copy()
    x[:, moved] = other[:, moved]
    centres = {name: mean for i in products for name, mean in _means(factors[i], table)}
    return replace(found, x=x, centres=centres, _centred=spec_centred, _moved=moved)


def _refuse_factors_as_numbers(parsed: "SimpleFormula", formula: Formula, table: pd.DataFrame) -> None:
    """Refuse to compute with a factor: ``log(group)``."""
    for factor in (factor for term in parsed for factor in term.factors):
        if factor.eval_method.name != "PYTHON" or re.fullmatch(r"I\([\w.`]*\)", factor.expr):
            continue
        for name in _expression(factor.expr, formula.text)[0]:
            if isinstance(table[name].dtype, pd.CategoricalDtype):
                levels = list(table[name].cat.categories)
                shown = ", ".join(levels[:5]) + (", ..." if len(levels) > 5 else "")
                raise InputError(
                    f"the formula {formula.text!r} computes {factor.expr}, and {name!r} is a factor (levels {shown}), "
                    f"not numbers: write {name} alone, or name a column of numbers."
                )


def _means(factors: Sequence[str], table: pd.DataFrame) -> Iterator[tuple[str, float]]:
    """Yield the covariates of a product as they stand in it, with their means where these are plain columns."""
    for factor in factors:
        name = factor.strip("`")
        if name in table and not isinstance(table[name].dtype, pd.CategoricalDtype):
            yield name, float(table[name].mean())
        elif len(factors) == 1:
            for column in table:
                if re.search(rf"(?<![\w.]){re.escape(str(column))}(?![\w.(])", factor):
                    yield str(column), float(table[column].mean())
        elif name not in table and not factor.startswith("C("):
            yield factor, float("nan")


def _rewritten(parsed: "SimpleFormula", numeric: frozenset[str]) -> "SimpleFormula":
    """Return the formula with every covariate measured from its mean: terms and columns stay in their order."""
    from formulaic import SimpleFormula
    from formulaic.parser.types import Factor, Term

    def centre(factor: "Factor") -> "Factor":
        expression = _quoted(factor)
        return Factor(centred(expression), eval_method="python") if expression in numeric else factor

    return SimpleFormula([Term([centre(factor) for factor in term.factors]) for term in parsed])


def _quoted(factor: "Factor") -> str:
    """Return a factor as an expression: names of columns that are no plain words in backticks."""
    plain = factor.eval_method.name != "LOOKUP" or factor.expr.isidentifier()
    return factor.expr if plain else f"`{factor.expr}`"


def _numeric_factors(table: pd.DataFrame, parsed: "SimpleFormula") -> frozenset[str]:
    found = set()
    for factor in (factor for term in parsed for factor in term.factors):
        if factor.eval_method.name == "LOOKUP":
            number = not isinstance(table[factor.expr].dtype, pd.CategoricalDtype)
        else:
            number = factor.eval_method.name == "PYTHON" and not factor.expr.startswith("C(")
        if number:
            found.add(_quoted(factor))
    return frozenset(found)


def _evaluated(
    parsed: "SimpleFormula", formula: Formula, table: pd.DataFrame
) -> tuple[np.ndarray, "ModelSpec"]:
    from formulaic.errors import FormulaicError

    try:
        with np.errstate(all="ignore"):  # log(0) is found, with its sample, by the caller
            matrix = parsed.get_model_matrix(
                table[list(formula.variables)], context={}, na_action="ignore", ensure_full_rank=True
            )
    except (FormulaicError, ValueError, TypeError, np.linalg.LinAlgError) as error:
        detail = " ".join(str(error).split())
        raise InputError(
            f"the formula {formula.text!r} cannot be evaluated on the sample table: {detail}"
        ) from None
    return matrix.to_numpy(dtype=np.float64), matrix.model_spec


def _values(spec: "ModelSpec", table: pd.DataFrame) -> np.ndarray:
    with np.errstate(all="ignore"):
        return spec.get_model_matrix(table, context={}, na_action="ignore").to_numpy(dtype=np.float64)


def _expression(expression: str, text: str) -> tuple[list[str], list[str]]:
    """Return the columns that an expression uses outside and inside ``C()``."""
    quoted: dict[str, str] = {}

    def placeholder(match: re.Match[str]) -> str:
        key = f"_column_{len(quoted)}"
        quoted[key] = match[1]
        return key

    tree = ast.parse(re.sub(r"`([^`]*)`", placeholder, expression), mode="eval")
    seen: set[ast.AST] = set()  # names of functions, and columns inside C()
    bare: list[str] = []
    wrapped: list[str] = []
    called: set[str] = set()
    for node in ast.walk(tree):  # parents before children
        if isinstance(node, ast.Call):
            function = _function(node, seen, expression, text)
            called.add(function)
            if function == "C":
                column = _only_column(node, expression, text)
                seen.add(column)
                wrapped.append(quoted.get(column.id, column.id))
        elif node in seen or isinstance(node, _PASSIVE):
            continue
        elif isinstance(node, ast.Name):
            bare.append(quoted.get(node.id, node.id))
        elif not (isinstance(node, ast.Constant) and isinstance(node.value, bool | int | float | str | None)):
            raise _refuse(expression, text)
    for name in called & {*bare, *wrapped}:
        raise InputError(
            f"the formula {text!r} calls {name}() and the sample table has a column {name!r}: rename the "
            f"column."
        )
    return bare, wrapped


def _function(node: ast.Call, seen: set[ast.AST], expression: str, text: str) -> str:
    """Return the name of the function called, with its nodes added to ``seen``."""
    func = node.func
    seen.add(func)
    if isinstance(func, ast.Name) and func.id in FUNCTIONS:
        return func.id
    if (
        isinstance(func, ast.Attribute)
        and isinstance(func.value, ast.Name)
        and func.value.id == "np"
        and func.attr in NUMPY_FUNCTIONS
    ):
        seen.add(func.value)
        return "np"
    raise _refuse(expression, text)


def _only_column(node: ast.Call, expression: str, text: str) -> ast.Name:
    """Return the one argument of ``C()``."""
    if len(node.args) != 1 or node.keywords or not isinstance(node.args[0], ast.Name):
        raise InputError(
            f"{expression!r} in the formula {text!r}: C() takes one column and nothing else. Choose the "
            "reference level with reference={'column': 'level'}; comparisons other than with the reference are "
            "contrasts."
        )
    return node.args[0]


def _refuse(expression: str, text: str) -> InputError:
    hint = " Offsets are chosen with offset=." if expression.startswith("offset") else ""
    return InputError(
        f"{expression!r} in the formula {text!r} is not allowed: a formula may use columns, arithmetic, "
        f"{', '.join(sorted(FUNCTIONS))} and np.{', np.'.join(sorted(NUMPY_FUNCTIONS))}.{hint} Compute "
        "anything else as a column of the sample table; put backticks around column names that are not plain words."
    )
