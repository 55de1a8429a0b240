"""Anything that has log fold changes of miRNAs, in one form: natural logs, a row per miRNA."""

from collections.abc import Mapping
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from scipy import special

from bayes_mirglmm.comparison.exports import LN, LOG2, UNITS, Export, columns_of, mirna_names, recognise
from bayes_mirglmm.counts.container import some
from bayes_mirglmm.errors import InputError
from bayes_mirglmm.evidence.multiple_testing import benjamini_hochberg
from bayes_mirglmm.results.inference import LOG_2, quantile
from bayes_mirglmm.results.terms import default_term

if TYPE_CHECKING:
    from bayes_mirglmm.results import Fit

COLUMNS = ("estimate", "std_error", "lower", "upper", "rank", "measure")


@dataclass(frozen=True)
class Source:
    """One side of a comparison.

    Attributes
    ----------
    name : str
    tool : str
        What it comes from: ``ml``, ``laplace``, ``DESeq2``, ...
    table : pandas.DataFrame
        Indexed by miRNA: estimate, std_error, lower, upper (natural log), rank (p-value or local false sign rate),
        measure (held against the false discovery rate). NaN where there is none.
    about : str
        A sentence on units, intervals and calls.
    fit : Fit, optional
    term : str
        The coefficient or contrast.
    """

    name: str
    tool: str
    table: pd.DataFrame
    about: str
    fit: "Fit | None" = None
    term: str = ""


def read_source(given: Any) -> "tuple[str, Fit | pd.DataFrame]":
    """Return a name for what is given, and a fit or a data frame.

    Parameters
    ----------
    given
        A fit, a data frame, or a path: the folder of a run, or a delimited or parquet file.
    """
    from bayes_mirglmm.results import Fit, load

    if isinstance(given, Fit):
        preset = given.data.attrs["preset"]
        return (f"preset {preset}" if preset else str(given.data.attrs["method"])), given
    if isinstance(given, pd.DataFrame):
        return "", given
    if not isinstance(given, str | PathLike):
        raise InputError(
            f"cannot compare a {type(given).__name__}: give a fit, a pandas table, the folder of a run or a file."
        )
    path = Path(given).expanduser()
    if path.is_dir():
        return path.name or str(path), load(path)
    if not path.exists():
        raise InputError(f"there is no file or folder {path}: check the path.")
    if path.suffix == ".parquet":
        return path.stem, pd.read_parquet(path)
    name = path.name.removesuffix(".gz").rsplit(".", 1)[0]
    try:
        return name, pd.read_csv(path, sep=None, engine="python", comment="#")
    except (ValueError, UnicodeDecodeError) as error:
        raise InputError(f"{path} is not a table with a header line (TSV or CSV): {error}.") from error


def fit_source(fit: "Fit", name: str, term: str | None, contrast: Any, prob: float) -> Source:
    """Return the side of a fit: a coefficient or contrast, called by adjusted p-values or s-values.

    A Bayesian fit is called by the s-values of its shrunken effects, like the summary of the command line: its own
    prior takes no account of how many miRNAs do not change.
    """
    if contrast is not None:
        effects = fit.contrast(contrast, prob=prob).rename(columns={"contrast": "term"})
        if effects["term"].nunique() != 1:
            raise InputError(f"{name}: compare one contrast at a time, not {effects['term'].nunique()}.")
        chosen = str(effects["term"].iloc[0])
    else:
        chosen = term or default_term(fit.design) or ""
        if not chosen:
            raise InputError(
                f"{name}: the formula has an intercept only: there is no fold change to compare."
            )
        effects = fit.effects(chosen, prob=prob)
    effects = effects.set_index("mirna")
    if fit.method.has_draws:
        shrunken = fit.shrink(None if contrast is not None else chosen, contrast, prob).set_index("mirna")
        rank, measure, by = shrunken["lfsr"], shrunken["s_value"], "s-value of the shrunken effect"
        interval = "posterior, equal-tailed"
    else:
        rank, measure, by = effects["p_value"], effects["p_adjusted"], "adjusted p-value"
        interval = fit.reference_distribution
    table = effects[["estimate", "std_error", "lower", "upper"]].assign(rank=rank, measure=measure)
    about = f"{name}: {chosen}, natural log; intervals: {interval}; called by {by}"
    return Source(name, str(fit.data.attrs["method"]), table, about, fit, chosen)


def frame_source(frame: pd.DataFrame, name: str, term: str | None, unit: str | None, prob: float) -> Source:
    """Return the side of a table, in natural logs.

    Intervals are taken as they are; else made from the standard error and the normal, or, for limma, from t and its
    p-value, which give the standard error and the degrees of freedom. Without either there are none.
    """
    export = recognise(frame, name)
    roles = columns_of(frame, export)
    rows, chosen = _rows(frame, name, term)
    names = mirna_names(rows, name)
    if names.duplicated().any():
        raise InputError(
            f"{name}: miRNA {names[names.duplicated()].iloc[0]!r} has more than one row: keep one, or say with term= "
            "which coefficient is meant."
        )
    unit = _unit(export, name, unit)
    scale = LOG_2 if unit == LOG2 else 1.0
    numbers = {
        role: pd.to_numeric(rows[column], errors="coerce").to_numpy(float) for role, column in roles.items()
    }
    nothing = np.full(len(rows), np.nan)
    found = {role: numbers.get(role, nothing) for role in (*COLUMNS, "statistic")}
    for role in ("estimate", "std_error", "lower", "upper"):
        found[role] = found[role] * scale
    interval = _intervals(found, roles, prob)
    if "measure" in roles:
        by = roles["measure"]
    elif "rank" in roles:
        found["measure"], by = benjamini_hochberg(found["rank"]), f"{roles['rank']}, adjusted here (BH)"
    else:
        by = "nothing: it has no p-values"
    unit_text = "log2, converted to natural log" if unit == LOG2 else "natural log"
    about = f"{name}: {export.tool}, {unit_text}; intervals: {interval}; called by {by}"
    table = pd.DataFrame({column: found[column] for column in COLUMNS}, index=pd.Index(names, name="mirna"))
    return Source(name, export.tool, table, about, None, chosen)


def _rows(frame: pd.DataFrame, name: str, term: str | None) -> tuple[pd.DataFrame, str]:
    """Return the rows of one coefficient, where the table has a column that names them."""
    column = next((c for c in ("term", "contrast") if c in frame.columns), None)
    if column is None:
        return frame, term or ""
    terms = list(dict.fromkeys(str(t) for t in frame[column]))
    others = [t for t in terms if t not in ("Intercept", "(Intercept)")]
    if term in terms:
        chosen = str(term)
    elif term is None and len(others) == 1:
        chosen = others[0]
    else:
        problem = "say with term= which of its coefficients is meant" if term is None else f"no {term!r}"
        raise InputError(f"{name}: {problem}: it has {some(terms)}.")
    return frame[frame[column].astype(str) == chosen], chosen


def _unit(export: Export, name: str, given: str | None) -> str:
    if given is not None and given not in UNITS:
        raise InputError(f"{name}: units={given!r}: choose 'ln' (natural log) or 'log2'.")
    if given is None and not export.unit:
        raise InputError(
            f"{name}: its column 'estimate' may be natural logs or log2: say which, with units={{{name!r}: 'ln'}} or "
            "'log2'."
        )
    if given is not None and export.unit and given != export.unit and export.tool != "table":
        raise InputError(
            f"{name}: a table of {export.tool} has {_words(export.unit)}, not {_words(given)}. If yours was converted, "
            "rename its column to estimate."
        )
    return given or export.unit


def _words(unit: str) -> str:
    return "natural logs" if unit == LN else "log2"


def _intervals(found: dict[str, np.ndarray], roles: Mapping[str, str], prob: float) -> str:
    """Fill in standard errors and intervals where a table lets them be derived; return how."""
    half = None
    if "statistic" in roles and "std_error" not in roles:
        with np.errstate(divide="ignore", invalid="ignore"):
            found["std_error"] = np.abs(found["estimate"] / found["statistic"])
        half = found["std_error"] * _t_quantiles(found["statistic"], found["rank"], prob)
    if {"lower", "upper"} <= set(roles):
        return "as in the table"
    if half is not None:
        how = "from t and its p-value"
    elif "std_error" in roles:
        half, how = found["std_error"] * quantile(prob, np.inf), "standard error times normal quantile"
    else:
        return "none, for want of standard errors"
    found["lower"], found["upper"] = found["estimate"] - half, found["estimate"] + half
    return how


def _t_quantiles(t: np.ndarray, p: np.ndarray, prob: float) -> np.ndarray:
    """Return the quantile of Student's t for the degrees of freedom by which ``t`` has the p-value ``p``."""
    from scipy import optimize  # a quarter of a second that every command would wait

    def degrees(statistic: float, p_value: float) -> float:
        if not (np.isfinite(statistic) and 0 < p_value < 1 and abs(statistic) > 1e-3):
            return np.nan

        def excess(log_df: float) -> float:
            return float(2 * special.stdtr(np.exp(log_df), -abs(statistic)) - p_value)

        low, high = np.log(0.5), np.log(1e6)
        if excess(low) * excess(high) > 0:
            return np.inf if p_value <= 2 * special.ndtr(-abs(statistic)) * 1.01 else np.nan
        return float(np.exp(optimize.brentq(excess, low, high)))

    df = np.array([degrees(s, q) for s, q in zip(t, p, strict=True)])
    known = df[~np.isnan(df)]
    df = np.where(np.isnan(df), np.median(known) if len(known) else np.nan, df)
    with np.errstate(invalid="ignore"):
        return np.where(np.isinf(df), quantile(prob, np.inf), special.stdtrit(df, 0.5 + prob / 2))
