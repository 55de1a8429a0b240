"""Random terms of samples in simulated data: their SDs, the effects of levels, and tables of both."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from bayes_mirglmm.design.random_terms import RandomTerm
from bayes_mirglmm.errors import InputError
from bayes_mirglmm.model import TermPriors
from bayes_mirglmm.model.covariance import correlation
from bayes_mirglmm.simulation.parameters import TYPICAL, Values, in_range, per_item
from bayes_mirglmm.suggest import did_you_mean

COLUMNS = ("mirna", "group", "level", "term", "value")


def draw_term_roots(
    terms: TermPriors,
    random: Sequence[RandomTerm],
    given: Values | Mapping[str, Values],
    count: int,
    rng: np.random.Generator,
) -> np.ndarray:
    """Return square roots (M, C, C) of the covariance of all terms' effects, in the user's units.

    Parameters
    ----------
    terms : TermPriors
    random : sequence of RandomTerm
        The same terms, with their names.
    given : float, sequence or mapping
        SDs, per standard deviation of a continuous column: for all effects, or by the names of groupings
        (``patient``) or of effects (``patient: time``). What is not given is drawn.
    count : int
        Number of miRNAs M.
    rng : numpy.random.Generator

    Raises
    ------
    InputError
        A name or a value is wrong, or there are SDs and no terms.
    """
    groups = [term.group for term in random for _ in term.names]
    if given is not None and not random:
        raise InputError(
            "sd_term is given, but the formula has no random term: write one, '~ group + (1 | patient)', or leave "
            "sd_term out."
        )
    by_name = dict(given) if isinstance(given, Mapping) else dict.fromkeys(terms.names, given)
    allowed = list(dict.fromkeys([*groups, *terms.names]))
    for name in by_name:
        if name not in allowed:
            raise InputError(
                f"sd_term names {name!r}, which is no random term.{did_you_mean(str(name), allowed)} Its names are: "
                f"{', '.join(allowed)}."
            )
    drawn = TYPICAL["sd_term"].draw(rng, count * len(groups)).reshape(len(groups), count)
    sd = np.zeros((count, len(groups)))
    for k, (name, group) in enumerate(zip(terms.names, groups, strict=True)):
        value = by_name.get(name, by_name.get(group))
        label = f"sd_term[{name!r}]" if isinstance(given, Mapping) else "sd_term"
        own = drawn[k] if value is None else per_item(label, value, count, lambda: np.zeros(count))
        sd[:, k] = in_range(label, own, 0.0)
    return np.einsum("ab,mb->mab", terms.to_user, sd)


def draw_effects(
    root: np.ndarray, random: Sequence[RandomTerm], rng: np.random.Generator
) -> list[np.ndarray]:
    """Return the effects of each term (M, q, c), in the user's units."""
    found, first = [], 0
    for term in random:
        c = len(term.names)
        own = root[:, first : first + c, first : first + c]
        normals = rng.standard_normal((len(root), len(term.levels), c))
        found.append(np.einsum("mab,mqb->mqa", own, normals))
        first += c
    return found


def on_samples(effects: Sequence[np.ndarray], random: Sequence[RandomTerm]) -> np.ndarray | float:
    """Return what the samples get of all terms, (M, n); 0 without terms."""
    total: np.ndarray | float = 0.0
    for effect, term in zip(effects, random, strict=True):
        total = total + np.einsum("nc,mnc->mn", term.columns, effect[:, term.level])
    return total


def effects_table(
    effects: Sequence[np.ndarray], random: Sequence[RandomTerm], mirnas: np.ndarray
) -> pd.DataFrame:
    """Return a row per miRNA, level and effect: mirna, group, level, term, value."""
    parts = []
    for effect, term in zip(effects, random, strict=True):
        count, q, c = effect.shape
        parts.append(
            pd.DataFrame(
                {
                    "mirna": np.repeat(mirnas, q * c),
                    "group": term.group,
                    "level": np.tile(np.repeat(np.array(term.levels, dtype=object), c), count),
                    "term": np.tile(np.array(term.names, dtype=object), count * q),
                    "value": effect.ravel(),
                }
            )
        )
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=list(COLUMNS))


def component_rows(
    root: np.ndarray, random: Sequence[RandomTerm]
) -> list[tuple[str, str, str, np.ndarray, np.ndarray]]:
    """Return group, term, term2, SD (M,) and correlation (M,) of each effect, as in a fit's table."""
    covariance = np.einsum("mab,mcb->mac", root, root)
    sd = np.sqrt(np.einsum("maa->ma", covariance))
    nothing = np.full(len(root), np.nan)
    rows, first = [], 0
    for term in random:
        for a, name in enumerate(term.names):
            k = first + a
            rho = correlation(covariance, k, first) if a else nothing
            rows.append((term.group, name, term.names[0] if a else "", sd[:, k], rho))
        first += len(term.names)
    return rows
