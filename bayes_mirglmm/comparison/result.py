"""The answer of a comparison: tables, figures and a text."""

from collections.abc import Sequence
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from bayes_mirglmm.comparison.agreement import UNTESTED, agreement_table, called, calls_table, remarks
from bayes_mirglmm.comparison.disagreement import absent_table, disagreements_table
from bayes_mirglmm.comparison.sources import Source
from bayes_mirglmm.errors import InputError
from bayes_mirglmm.results.inference import LOG_2
from bayes_mirglmm.suggest import did_you_mean
from bayes_mirglmm.tsv import write_tsv

if TYPE_CHECKING:
    from matplotlib.figure import Figure

#: Files that :meth:`Comparison.save` writes.
TABLES = ("table", "agreement", "calls", "disagreements", "absent")
FALSE_DISCOVERY = "false discovery rate"
FIGURES = ("estimates", "calls")


class Comparison:
    """Results of the same miRNAs side by side. Estimates and intervals are natural logs.

    Parameters
    ----------
    sources : sequence of Source
        Two or more.
    fdr, prob : float
        False discovery rate of calls, level of intervals.

    Attributes
    ----------
    names : tuple of str
        The sides.
    notes : list of str
        A sentence on each side (unit, intervals, what calls rest on), then what differs systematically.
    """

    def __init__(self, sources: Sequence[Source], *, fdr: float, prob: float) -> None:
        self.sources = tuple(sources)
        self.fdr, self.prob = fdr, prob
        self.names = tuple(source.name for source in sources)
        self.remarks = remarks(self.sources)
        self.notes = [source.about + "." for source in self.sources] + self.remarks

    @property
    def rate(self) -> str:
        """What calls rest on, in words: adjusted p-values are false discovery rates, s-values false sign rates."""
        rates = [
            source.fit.method.rate if source.fit is not None else FALSE_DISCOVERY for source in self.sources
        ]
        return " or ".join(sorted(set(rates)))

    def table(self) -> pd.DataFrame:
        """Return a row per miRNA of any side.

        Columns: mirna; for each side ``NAME`` estimate_NAME, std_error_NAME, lower_NAME, upper_NAME (natural log),
        log2_fc_NAME, measure_NAME (adjusted p-value or s-value), call_NAME (``up``, ``down``, ``none``, or
        ``not tested`` where the side lacks the miRNA or has no test of it); and difference_NAME for each side but the
        first, its estimate minus the first's.

        Returns
        -------
        pandas.DataFrame
            As above.
        """
        every = pd.Index(dict.fromkeys(m for s in self.sources for m in s.table.index), name="mirna")
        columns: dict[str, pd.Series] = {}
        for source in self.sources:
            own = source.table.reindex(every)
            for column in ("estimate", "std_error", "lower", "upper"):
                columns[f"{column}_{source.name}"] = own[column]
            columns[f"log2_fc_{source.name}"] = own["estimate"] / LOG_2
            columns[f"measure_{source.name}"] = own["measure"]
            columns[f"call_{source.name}"] = called(source, self.fdr).reindex(every, fill_value=UNTESTED)
        first = self.names[0]
        for name in self.names[1:]:
            columns[f"difference_{name}"] = columns[f"estimate_{name}"] - columns[f"estimate_{first}"]
        return pd.DataFrame(columns, index=every).reset_index()

    def agreement(self) -> pd.DataFrame:
        """Return a row for each pair of sides, a and b.

        mirnas (in both, which all that follows is about), only_a, only_b; pearson, spearman of the estimates;
        spearman_of_evidence (of p-values or local false sign rates); mean_difference and rms_difference (b minus a,
        natural log); same_sign; interval_width_ratio (median, b over a), intervals_overlap, a_inside_b, b_inside_a
        (shares of miRNAs whose estimate by one lies in the interval of the other); tested_both; called_a, called_b,
        called_both, called_opposite (in different directions), jaccard (called by both over called by either).

        Returns
        -------
        pandas.DataFrame
            As above.
        """
        return agreement_table(self.sources, self.fdr)

    def calls(self) -> pd.DataFrame:
        """Return a row for each combination of sides that call a miRNA.

        A column for each side: ``called``, ``not called``, or ``not tested`` where the side lacks the miRNA or has no
        test of it; mirnas: how many miRNAs this holds for; opposite: how many of them are called up by one side and
        down by another.

        Returns
        -------
        pandas.DataFrame
            As above, the most frequent combination first and that of no side last.
        """
        return calls_table(self.sources, self.fdr)

    def disagreements(self, n: int = 10, a: str | None = None, b: str | None = None) -> pd.DataFrame:
        """Return the miRNAs on which two sides disagree most, and why.

        Parameters
        ----------
        n : int
            How many.
        a, b : str, optional
            The sides; the first two by default.

        Returns
        -------
        pandas.DataFrame
            mirna, both estimates, difference (b minus a, natural log), in_std_errors (difference over the root mean
            square of the standard errors; the order of the rows), both calls, and why: what the fits among the two
            know. ``usage``: the isomiRs change by different amounts, so that a sum of counts and a mean over isomiRs
            are not the same number; ``dominance``: one isomiR holds most reads and changes otherwise than the mean;
            ``boundary`` and other statuses; ``low J``: few isomiRs; ``width``: the standard errors differ.
        """
        one, two = self._pair(a, b)
        return disagreements_table(one, two, n, self.fdr)

    def absent(self) -> pd.DataFrame:
        """Return the miRNAs that a side lacks: mirna, source, reason (the status, where it is a fit).

        Returns
        -------
        pandas.DataFrame
            A row per miRNA and side.
        """
        return absent_table(list(self.sources))

    def plot(self, a: str | None = None, b: str | None = None, *, labels: int = 8) -> "Figure":
        """Draw log2 fold changes of two sides against each other, both with their intervals.

        Without ``a`` and ``b``, a panel for each side against the first: every side is in the picture. See
        :func:`bayes_mirglmm.comparison.plot_estimates.plot_estimates`.

        Parameters
        ----------
        a, b : str, optional
            Two sides.
        labels : int
            How many miRNAs to name in each panel, those that disagree most.

        Returns
        -------
        matplotlib.figure.Figure
        """
        from bayes_mirglmm.comparison.plot_estimates import plot_estimates

        if a is None and b is None:
            return plot_estimates(self, self.names[0], self.names[1:], labels=labels)
        one, two = self._pair(a, b)
        return plot_estimates(self, one.name, (two.name,), labels=labels)

    def plot_calls(self) -> "Figure":
        """Draw how many miRNAs each combination of sides calls (an UpSet plot); see :meth:`calls`.

        Returns
        -------
        matplotlib.figure.Figure
        """
        from bayes_mirglmm.comparison.plot_calls import plot_calls

        return plot_calls(self)

    def save(self, folder: str | PathLike[str], *, force: bool = False) -> list[Path]:
        """Write tables (TSV) and figures (PNG) to a folder and return their paths.

        Parameters
        ----------
        folder : path
            Made where it does not exist.
        force : bool
            Replace files that are there already.

        Returns
        -------
        list of pathlib.Path
            What was written.

        Raises
        ------
        InputError
            One of the files is there already and ``force`` is not set.
        """
        target = Path(folder)
        files = self.files(target)
        there = [path for path in files if path.exists()]
        if there and not force:
            raise InputError(
                f"{there[0]} exists: give another folder, or replace it with force=True (--force)."
            )
        target.mkdir(parents=True, exist_ok=True)
        for name in TABLES:
            table: pd.DataFrame = getattr(self, name)()
            write_tsv(table, target / f"{name}.tsv")
        self.plot().savefig(target / "estimates.png", dpi=150)
        self.plot_calls().savefig(target / "calls.png", dpi=150)
        return files

    @staticmethod
    def files(folder: Path) -> list[Path]:
        """Return the files that :meth:`save` writes to ``folder``."""
        return [folder / f"{name}.tsv" for name in TABLES] + [folder / f"{name}.png" for name in FIGURES]

    def source(self, name: str) -> Source:
        """Return a side by its name.

        Parameters
        ----------
        name : str
            One of :attr:`names`.

        Returns
        -------
        Source
            Its table of estimates, intervals and calls.
        """
        for source in self.sources:
            if source.name == name:
                return source
        raise InputError(
            f"this comparison has no side {name!r}.{did_you_mean(name, self.names)} Choose from "
            f"{', '.join(self.names)}."
        )

    def __repr__(self) -> str:
        lines = [f"Comparison of {', '.join(self.names)} at a {self.rate} of {self.fdr:g}"]
        rows = self.agreement()
        for row in rows.to_dict("records"):
            lines.append(
                f"  {row['a']} and {row['b']}: {row['mirnas']} miRNAs, correlation {_number(row['pearson'])}, "
                f"rms difference {_number(row['rms_difference'])} (natural log); called {row['called_a']} and "
                f"{row['called_b']}, both {row['called_both']}"
            )
        return "\n".join([*lines, *(f"  {note}" for note in self.notes)])

    def _pair(self, a: str | None, b: str | None) -> tuple[Source, Source]:
        one = self.source(self.names[0] if a is None else a)
        rest = [name for name in self.names if name != one.name]
        two = self.source(rest[0] if b is None else b)
        if one.name == two.name:
            raise InputError(f"{one.name!r} is compared with itself: give two sides.")
        return one, two


def _number(value: object) -> str:
    return f"{value:.3f}" if isinstance(value, float) and np.isfinite(value) else "unknown"
