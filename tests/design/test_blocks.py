"""What the numbers of covariance blocks mean."""

import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import bayes_mirglmm
from bayes_mirglmm.design.blocks import nuisance_columns, reduced_columns, slope_columns
from bayes_mirglmm.design.build import build_design
from bayes_mirglmm.model.covariance import correlation

PACKAGE = Path(bayes_mirglmm.__file__).parent


def test_intercept_slope_and_nuisance_columns_of_a_design():
    table = pd.DataFrame(
        {"group": list("abcabcab"), "batch": list("xxyyxxyy"), "age": np.arange(8.0)},
        index=[f"s{i}" for i in range(8)],
    )
    design = build_design(table, "~ group", nuisance=("batch", "age"))

    def names(columns):
        return [design.slope_terms[k] for k in columns]

    assert names(slope_columns(design.blocks)) == ["group[T.b]", "group[T.c]"]
    assert names(nuisance_columns(design.blocks)) == ["batch[T.y]", "age"]
    assert names(reduced_columns(design.blocks)) == ["Intercept", "batch[T.y]", "age"]


def test_nothing_else_asks_which_block_is_which():
    asked = re.compile(r"\bblock\s*(?:==|!=|>)\s*0|\bblocks\[\w+\]\s*(?:==|!=|>)\s*0")
    found = [path.name for path in PACKAGE.rglob("*.py") if asked.search(path.read_text(encoding="utf-8"))]
    assert found == ["blocks.py"]


def test_a_correlation_stays_within_its_bounds_and_needs_two_variances():
    sd, rho = np.array([0.3, 1.7]), np.array([-1.0, 0.25, 1.0])
    covariance = sd[:, None] * sd * np.array([[[1.0, r], [r, 1.0]] for r in rho])
    np.testing.assert_allclose(correlation(covariance, 1, 0), rho, rtol=1e-14)
    assert np.abs(correlation(covariance * (1 + 1e-15), 0, 1)).max() <= 1.0
    assert correlation(np.array([[1.0, 1.0 + 1e-9], [1.0 + 1e-9, 1.0]]), 0, 1) == 1.0
    assert np.isnan(correlation(np.diag([1.0, 0.0]), 1, 0))
    assert correlation(np.eye(2), 1, 0) == pytest.approx(0.0)
