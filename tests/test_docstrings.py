"""Public functions and methods say what they take and what they return (numpydoc sections)."""

import inspect
from collections.abc import Callable, Iterator

import bayes_mirglmm as bm
from bayes_mirglmm.comparison import Comparison
from bayes_mirglmm.results import Fit


def public() -> Iterator[tuple[str, Callable[..., object]]]:
    for name in bm.__all__:
        if inspect.isfunction(getattr(bm, name)):
            yield name, getattr(bm, name)
    for owner in (Fit, Comparison):
        for name, value in vars(owner).items():
            if not name.startswith("_") and inspect.isfunction(value):
                yield f"{owner.__name__}.{name}", value


def test_every_public_function_has_its_sections():
    lacking = []
    for name, function in public():
        text = inspect.getdoc(function) or ""
        signature = inspect.signature(function)
        if set(signature.parameters) - {"self", "fit"} and "Parameters\n----------" not in text:
            lacking.append(f"{name}: Parameters")
        if signature.return_annotation not in (None, "None") and "Returns\n-------" not in text:
            lacking.append(f"{name}: Returns")
    assert not lacking
