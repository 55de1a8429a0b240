"""The one dialect of the tables that are written for people, R and spreadsheets."""

from pathlib import Path

import pandas as pd


def write_tsv(table: pd.DataFrame, path: Path) -> None:
    """Write a table without its index: tabs, ``NA`` where a value is missing, UTF-8, the same bytes on every system."""
    table.to_csv(path, sep="\t", index=False, na_rep="NA", lineterminator="\n", encoding="utf-8")
