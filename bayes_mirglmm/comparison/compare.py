"""``bm.compare``: fits beside each other, and beside the tables of other programs."""

from collections.abc import Mapping, Sequence
from typing import Any

from bayes_mirglmm.comparison import Comparison
from bayes_mirglmm.comparison.exports import recognise
from bayes_mirglmm.comparison.sources import Source, fit_source, frame_source, read_source
from bayes_mirglmm.counts.container import some
from bayes_mirglmm.errors import InputError
from bayes_mirglmm.results import Fit
from bayes_mirglmm.results.selection import check_prob
from bayes_mirglmm.suggest import did_you_mean

__all__ = ["Comparison", "compare"]


def compare(
    *sources: Any,
    names: Sequence[str] | None = None,
    term: str | Mapping[str, str] | None = None,
    contrast: Any = None,
    units: str | Mapping[str, str] | None = None,
    fdr: float = 0.05,
    prob: float = 0.95,
) -> Comparison:
    """Put results of the same miRNAs side by side.

    Parameters
    ----------
    *sources : Fit, pandas.DataFrame or path
        Two or more: fits of any method, folders of runs, tables or files (TSV, CSV, parquet) of other programs.
        Known by their columns: DESeq2 and PyDESeq2 (``results``, ``lfcShrink``), edgeR (``topTags``), limma
        (``topTable``), coefficients of lme4 or glmmTMB (``summary(fit)$coefficients``, broom), miRglmm's ``full`` and
        ``SE_full``, this package's own tables and the truth of a simulation. Other tables: columns ``estimate``,
        ``std_error``, ``lower``, ``upper``, ``p_value``, ``p_adjusted`` (all but the first may be missing), and
        ``units``. miRNAs are in a column ``mirna`` (or a usual name for it), else in the row names.
    names : sequence of str, optional
        Names of the sides; the method, the tool or the file's name when omitted.
    term : str or mapping, optional
        Coefficient to compare; by default the first of the slope variable. A mapping gives it for each side.
    contrast : optional
        A contrast in place of a coefficient, of the fits: ``{"group": ("B", "A")}``.
    units : {"ln", "log2"} or mapping, optional
        Unit of tables that do not tell (a column ``estimate`` and none of this package's others); a mapping gives it
        for each side. DESeq2, edgeR and limma are log2, mixed models natural log: that is known and not asked.
    fdr : float
        False discovery rate of calls: adjusted p-values (Benjamini-Hochberg where a table has raw ones only); of a
        Bayesian fit the s-values of its shrunken effects.
    prob : float
        Level of the intervals that are computed here; those that a table brings are taken as they are.

    Returns
    -------
    Comparison
        Its tables are natural logs, its figures log2.

    Raises
    ------
    InputError
        A source cannot be read or recognised, its unit is unknown, or two have no miRNA in common.

    Examples
    --------
    >>> comparison = compare(fit, "deseq2.csv")  # doctest: +SKIP
    >>> comparison.disagreements()  # doctest: +SKIP
    >>> comparison.plot().savefig("estimates.png")  # doctest: +SKIP
    """
    if len(sources) < 2:
        raise InputError(
            f"compare needs two sources or more, not {len(sources)}: give a second fit or table."
        )
    check_prob(prob)
    if not 0 < fdr < 1:
        raise InputError(f"fdr={fdr!r}: give a rate between 0 and 1, such as 0.05.")
    read = [read_source(source) for source in sources]
    labels = _labels(read, names)
    terms, unit_of = _per_side("term", term, labels), _per_side("units", units, labels)
    sides: list[Source] = []
    for label, (_, given) in zip(labels, read, strict=True):
        if isinstance(given, Fit):
            sides.append(fit_source(given, label, terms.get(label), contrast, prob))
        else:
            # One unit for all is meant for the tables that do not tell theirs.
            unit = unit_of.get(label)
            if isinstance(units, str) and recognise(given, label).unit:
                unit = None
            wanted = terms.get(label) if contrast is None or isinstance(term, Mapping) else None
            sides.append(frame_source(given, label, wanted, unit, prob))
    for side in sides[1:]:
        if not side.table.index.isin(sides[0].table.index).any():
            raise InputError(
                f"{sides[0].name} and {side.name} have no miRNA in common: the first has "
                f"{some(list(sides[0].table.index), 3)}, the second {some(list(side.table.index), 3)}. Make the names "
                "the same."
            )
    return Comparison(sides, fdr=fdr, prob=prob)


def _labels(read: list[tuple[str, Any]], names: Sequence[str] | None) -> list[str]:
    """Return distinct names of the sides."""
    if names is not None:
        given = [names] if isinstance(names, str) else [str(name) for name in names]
        if len(given) != len(read) or len(set(given)) < len(given) or not all(name.strip() for name in given):
            raise InputError(f"names={names!r}: give {len(read)} different names, one for each source.")
        return given
    labels = []
    for number, (name, given) in enumerate(read, start=1):
        if not name:
            name = recognise(given, f"table {number}").tool
        labels.append(name)
    repeated = {name for name in labels if labels.count(name) > 1}
    count: dict[str, int] = {}
    for i, name in enumerate(labels):
        if name in repeated:
            count[name] = count.get(name, 0) + 1
            labels[i] = f"{name} {count[name]}"
    return labels


def _per_side(what: str, given: str | Mapping[str, str] | None, labels: list[str]) -> dict[str, str]:
    if given is None:
        return {}
    if isinstance(given, str):
        return dict.fromkeys(labels, given)
    for name in given:
        if name not in labels:
            raise InputError(
                f"{what} names {name!r}, which is none of the sides.{did_you_mean(name, labels)} They are: "
                f"{', '.join(labels)}."
            )
    return dict(given)
