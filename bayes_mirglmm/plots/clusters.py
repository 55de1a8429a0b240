"""What a heat map shows: rows and samples in the order of their clusters."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from bayes_mirglmm.errors import InputError
from bayes_mirglmm.plots.changes import changes
from bayes_mirglmm.plots.expression import expression
from bayes_mirglmm.plots.grouping import Grouping, grouping

if TYPE_CHECKING:
    from bayes_mirglmm.results import Fit


@dataclass(frozen=True)
class Clustered:
    """Scaled expression in the order in which it is drawn.

    Attributes
    ----------
    names : list of str
        Of the rows.
    values : array, shape (rows, n)
        log2 CPM, each row less its mean and over its SD.
    samples : int array, shape (n,)
        Which sample each column is.
    groups : list of Grouping
        The samples by columns of the sample table, in the fit's own order.
    tree : array or None
        Linkage of the samples (:mod:`scipy.cluster.hierarchy`).
    of : int
        How many rows the shown ones were chosen from.
    """

    names: list[str]
    values: np.ndarray
    samples: np.ndarray
    groups: list[Grouping]
    tree: np.ndarray | None
    of: int


def clustered(
    fit: "Fit",
    term: str | None = None,
    contrast: Any = None,
    *,
    level: str = "mirna",
    mirnas: Sequence[str] | None = None,
    top: int = 30,
    by: str | Sequence[str] | None = None,
    cluster: bool = True,
) -> Clustered:
    """Return what :func:`bayes_mirglmm.plot_heatmap` draws; it has the options."""
    if top < 1:
        raise InputError(f"top={top!r}: give 1 row or more.")
    names, values, n_all = _rows(fit, term, contrast, level, mirnas, top)
    columns = [by] if by is None or isinstance(by, str) else list(by)
    groups = [group for group in (grouping(fit, column) for column in columns) if group.name]
    spread = values.std(axis=1, keepdims=True)
    scaled = (values - values.mean(axis=1, keepdims=True)) / np.where(spread > 0, spread, 1.0)
    rows, samples, tree = _order(scaled, groups, cluster)
    return Clustered([names[i] for i in rows], scaled[np.ix_(rows, samples)], samples, groups, tree, n_all)


def _rows(
    fit: "Fit", term: str | None, contrast: Any, level: str, mirnas: Sequence[str] | None, top: int
) -> tuple[list[str], np.ndarray, int]:
    """Return names and log2 CPM (rows, n) of what is shown, and of how many it was chosen."""
    if mirnas is None:
        if fit.design.terms == ("Intercept",) and contrast is None:
            chosen = list(fit.mirnas)
        else:
            chosen = changes(fit, term, contrast).table["mirna"].tolist()
    else:
        chosen = [mirnas] if isinstance(mirnas, str) else [str(name) for name in mirnas]
    if not chosen:
        raise InputError("this fit has no miRNA with estimates; fit.status() says why.")
    if level == "mirna":
        names, values = expression(fit, chosen[:top], level)
        return names, values, len(chosen)
    names, values = expression(fit, chosen if mirnas is not None else chosen[:top], level)
    keep = np.sort(np.argsort(-values.mean(axis=1), kind="stable")[:top])
    return [names[i] for i in keep], values[keep], len(names)


def _order(
    scaled: np.ndarray, groups: Sequence[Grouping], cluster: bool
) -> tuple[np.ndarray, np.ndarray, np.ndarray | None]:
    """Return the order of rows and of samples, and the linkage of the samples."""
    from scipy.cluster import hierarchy

    rows: np.ndarray = np.arange(len(scaled))
    samples: np.ndarray = np.arange(scaled.shape[1])
    if not cluster:
        if groups and groups[0].numbers is None:
            samples = np.argsort(groups[0].code, kind="stable")
        elif groups and groups[0].numbers is not None:
            samples = np.argsort(groups[0].numbers, kind="stable")
        return rows, samples, None
    if len(rows) > 2:
        # Rows have mean 0 and SD 1: their squared distance is 2 n (1 - correlation).
        rows = hierarchy.leaves_list(hierarchy.linkage(scaled, "average", optimal_ordering=len(rows) <= 500))
    tree = (
        hierarchy.linkage(scaled.T, "average", optimal_ordering=len(samples) <= 500)
        if len(samples) > 2
        else None
    )
    return rows, samples if tree is None else hierarchy.leaves_list(tree), tree
