"""Writing small files, and looking at what was read from them."""

import gzip
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
import xarray as xr


@pytest.fixture
def put(tmp_path: Path) -> Callable[..., Path]:
    """Write a file into a temporary folder: ``put(name, content, gz=False, encoding="utf-8")``."""

    def write(name: str, content: str | bytes, *, gz: bool = False, encoding: str = "utf-8") -> Path:
        data = content.encode(encoding) if isinstance(content, str) else content
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(gzip.compress(data) if gz else data)
        return path

    return write


@pytest.fixture
def rows() -> Callable[[xr.Dataset], dict[tuple[str, str], list[int]]]:
    """Counts by (sequence or isomiR id, miRNA)."""

    def by_key(counts: xr.Dataset) -> dict[tuple[str, str], list[int]]:
        key = "sequence" if "sequence" in counts.coords and all(counts["sequence"].values) else "isomir"
        pairs = zip(counts[key].values, counts["mirna"].values, strict=True)
        return {pair: row.tolist() for pair, row in zip(pairs, counts["counts"].values, strict=True)}

    return by_key


@pytest.fixture
def long_form() -> Callable[[xr.Dataset], pd.DataFrame]:
    """Counts as a table indexed by (sequence, miRNA), sorted, one column a sample."""

    def table(counts: xr.Dataset) -> pd.DataFrame:
        index = pd.MultiIndex.from_arrays([counts["sequence"].values, counts["mirna"].values])
        return pd.DataFrame(
            counts["counts"].values, index=index, columns=counts["sample"].values
        ).sort_index()

    return table
