"""Fixtures that several test files share."""

import os
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def shared() -> Path:
    """Folder with real counts and R's fits; tests that need it skip where it is absent."""
    folder = Path(os.environ.get("BAYES_MIRGLMM_SHARED", ROOT.parent / "shared"))
    if not (folder / "data").is_dir():
        pytest.skip(f"no real data at {folder} (set BAYES_MIRGLMM_SHARED)")
    return folder
