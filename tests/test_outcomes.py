"""Statuses, cautions and limits: known once, and the same everywhere."""

import ast
import json
from pathlib import Path

import numpy as np

import bayes_mirglmm
from bayes_mirglmm import outcomes
from bayes_mirglmm.outcomes import (
    CAUTIONS,
    GENERAL_ADVICE,
    LIMITS,
    STATUSES,
    Caution,
    as_metadata,
    from_metadata,
)

PACKAGE = Path(bayes_mirglmm.__file__).parent


def test_every_kind_of_caution_in_the_code_has_advice():
    kinds = set()
    for path in PACKAGE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "Caution":
                kinds.add(ast.literal_eval(node.args[0]) if isinstance(node.args[0], ast.Constant) else None)
    assert kinds - {None} == set(CAUTIONS)


def test_cautions_keep_their_kind_through_json():
    cautions = [Caution("saturated", "no samples left"), Caution("", "something else")]
    back = from_metadata(json.loads(json.dumps(as_metadata(cautions))))
    assert back == cautions
    assert [caution.advice for caution in back] == [CAUTIONS["saturated"], GENERAL_ADVICE]
    old = from_metadata({"cautions": ["a sentence of an earlier version"]})
    assert [(caution, caution.kind) for caution in old] == [("a sentence of an earlier version", "")]


def test_statuses_are_written_down_nowhere_else():
    codes = set(STATUSES) - {"ok", "interrupted"}  # words that also mean something else
    for path in PACKAGE.rglob("*.py"):
        if path == Path(outcomes.__file__) or path.relative_to(PACKAGE).parts[0] == "marginal":
            continue  # the engine knows arrays: its outcomes are its own
        strings = {
            node.value
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
            if isinstance(node, ast.Constant) and isinstance(node.value, str)
        }
        assert not strings & codes, path.name


def test_limits_tell_which_values_are_past_them():
    values = np.array([0.5, 0.9, np.nan])
    np.testing.assert_array_equal(LIMITS["pareto_k"].passed(values), [False, True, False])
    np.testing.assert_array_equal(LIMITS["ess_bulk"].passed(np.array([399.0, 401.0])), [True, False])
