"""Which program wrote a table of results: its columns, and the unit of its log fold changes.

DESeq2, edgeR and limma report log2, mixed models in R (lme4, glmmTMB, miRglmm) natural logs.
"""

from dataclasses import dataclass

import pandas as pd

from bayes_mirglmm.errors import InputError

LN, LOG2 = "ln", "log2"
UNITS = (LN, LOG2)


@dataclass(frozen=True)
class Export:
    """A kind of table.

    Attributes
    ----------
    tool : str
        As messages call it.
    needs : tuple of str
        Columns by which it is recognised.
    columns : dict
        Role to the names that its column may have. Roles are estimate, std_error, lower, upper, statistic, rank
        (p-value or local false sign rate) and measure (what is held against the false discovery rate); all but
        estimate may be missing.
    unit : str
        ``ln``, ``log2``, or an empty string where the table does not tell.
    """

    tool: str
    needs: tuple[str, ...]
    columns: dict[str, tuple[str, ...]]
    unit: str


#: In the order in which they are tried: the most telling columns first.
EXPORTS = (
    Export(
        "DESeq2",
        ("log2FoldChange",),
        {
            "estimate": ("log2FoldChange",),
            "std_error": ("lfcSE",),
            "rank": ("pvalue", "svalue"),
            "measure": ("padj", "svalue"),
        },
        LOG2,
    ),
    Export(
        "limma",
        ("logFC", "AveExpr"),
        {
            "estimate": ("logFC",),
            "lower": ("CI.L",),
            "upper": ("CI.R",),
            "statistic": ("t",),
            "rank": ("P.Value",),
            "measure": ("adj.P.Val",),
        },
        LOG2,
    ),
    Export(
        "edgeR",
        ("logFC", "logCPM"),
        {"estimate": ("logFC",), "rank": ("PValue",), "measure": ("FDR", "FWER")},
        LOG2,
    ),
    Export(
        "miRglmm",
        ("full", "SE_full"),
        {"estimate": ("full",), "std_error": ("SE_full",), "rank": ("p_full", "full.1")},
        LN,
    ),
    Export(
        "lme4",
        ("Estimate", "Std. Error"),
        {"estimate": ("Estimate",), "std_error": ("Std. Error",), "rank": ("Pr(>|z|)", "Pr(>|t|)")},
        LN,
    ),
    Export(
        "lme4",
        ("Estimate", "Std..Error"),
        {"estimate": ("Estimate",), "std_error": ("Std..Error",), "rank": ("Pr...z..", "Pr...t..")},
        LN,
    ),
    Export(
        "broom",
        ("estimate", "std.error"),
        {
            "estimate": ("estimate",),
            "std_error": ("std.error",),
            "lower": ("conf.low",),
            "upper": ("conf.high",),
            "rank": ("p.value",),
            "measure": ("p.adjusted", "p.adj"),
        },
        LN,
    ),
    Export(
        "bayes_mirglmm",
        ("estimate", "std_error", "log2_fc"),
        {
            "estimate": ("estimate",),
            "std_error": ("std_error",),
            "lower": ("lower",),
            "upper": ("upper",),
            "rank": ("p_value", "lfsr"),
            "measure": ("p_adjusted", "s_value"),
        },
        LN,
    ),
    Export("truth", ("mirna", "term", "value"), {"estimate": ("value",)}, LN),
    Export(
        "table",
        ("estimate",),
        {
            "estimate": ("estimate",),
            "std_error": ("std_error",),
            "lower": ("lower",),
            "upper": ("upper",),
            "rank": ("p_value", "lfsr"),
            "measure": ("p_adjusted", "s_value"),
        },
        "",
    ),
    Export(
        "table",
        ("log2_fc",),
        {"estimate": ("log2_fc",), "rank": ("p_value",), "measure": ("p_adjusted",)},
        LOG2,
    ),
)

MIRNA_COLUMNS = (
    "mirna",
    "miRNA",
    "miRNA_ID",
    "mir",
    "feature",
    "gene",
    "gene_id",
    "id",
    "ID",
    "name",
    "row_name",
)


def recognise(frame: pd.DataFrame, name: str) -> Export:
    """Return the kind of table that ``frame`` is.

    Raises
    ------
    InputError
        No kind fits; the message lists the columns and what is known.
    """
    for export in EXPORTS:
        if all(column in frame.columns for column in export.needs):
            return export
    tools = ", ".join(dict.fromkeys(e.tool for e in EXPORTS if e.tool not in ("table", "truth")))
    raise InputError(
        f"{name}: its columns ({', '.join(map(str, list(frame.columns)[:12]))}) are those of no table that is known "
        f"({tools}). Rename them to estimate, std_error, lower, upper, p_value and p_adjusted (all but the first may "
        "be missing), and give units='ln' or 'log2'."
    )


def columns_of(frame: pd.DataFrame, export: Export) -> dict[str, str]:
    """Return the column of each role that ``frame`` has."""
    found = {}
    for role, names in export.columns.items():
        present = [name for name in names if name in frame.columns]
        if present:
            found[role] = present[0]
    return found


def mirna_names(frame: pd.DataFrame, name: str) -> pd.Series:
    """Return the miRNA of each row: a column of that name, else the row names.

    Raises
    ------
    InputError
        There is no such column, and the row names are numbers.
    """
    for column in MIRNA_COLUMNS:
        if column in frame.columns:
            return frame[column].astype(str)
    if not pd.api.types.is_numeric_dtype(frame.index):
        return pd.Series(frame.index.astype(str), index=frame.index)
    text = [c for c in frame.columns if not pd.api.types.is_numeric_dtype(frame[c])]
    if str(frame.columns[0]).startswith("Unnamed") and text[:1] == [frame.columns[0]]:
        return frame[frame.columns[0]].astype(str)
    raise InputError(
        f"{name}: no column names the miRNAs. Call it mirna, or make the names the row names "
        "(in R: write.csv(as.data.frame(results), row.names = TRUE))."
    )
