"""The registry of methods: complete, loadable, and the only place that knows their names."""

import ast
from pathlib import Path

import pytest

import bayes_mirglmm
from bayes_mirglmm.errors import InputError
from bayes_mirglmm.methods.registry import METHODS, method_named
from bayes_mirglmm.outcomes import LIMITS
from bayes_mirglmm.results.schema import VARIABLES

PACKAGE = Path(bayes_mirglmm.__file__).parent


@pytest.mark.parametrize("method", METHODS.values(), ids=list(METHODS))
def test_what_a_method_shows_is_among_its_variables(method):
    assert set(method.diagnostics) | set(method.shown) | set(method.in_status) <= set(method.variables)
    assert not set(method.variables) & set(VARIABLES)
    assert set(method.shown) <= set(LIMITS)
    assert set(method.recorded) <= set(method.settings)
    assert method.has_draws == ("draw_weight" in method.variables)
    assert method.weighted == ("weighted_draw_beta" in method.variables)
    assert all(callable(getattr(method.engine, name)) for name in ("prepare", "is_prepared", "fitter"))
    assert not method.settings or callable(method.engine.resolve_settings)


def test_an_unknown_method_is_refused_with_those_that_there_are():
    with pytest.raises(InputError, match=r"method='lapalce' is not one of 'ml', 'laplace', 'nuts'"):
        method_named("lapalce")


def test_nothing_else_compares_names_of_methods():
    for path in PACKAGE.rglob("*.py"):
        if path.name == "registry.py":
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Compare):
                names = {
                    c.value
                    for c in ast.walk(node)
                    if isinstance(c, ast.Constant) and isinstance(c.value, str)
                }
                assert not names & {"laplace", "nuts"}, f"{path.name}, line {node.lineno}"
