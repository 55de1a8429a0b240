"""exp and log against correctly rounded arithmetic, cell by cell and in loops that are vectorised."""

import os
import subprocess
import sys
from decimal import Decimal, localcontext
from pathlib import Path

import numpy as np
import pytest

from bayes_mirglmm.kernels.compilation import kernel
from bayes_mirglmm.kernels.elementary import fast_exp, fast_log, log_ratio, log_ratio_minus

BOUND = 4.4e-16


@kernel
def every_exp(x: np.ndarray, out: np.ndarray) -> None:
    for i in range(x.shape[0]):
        out[i] = fast_exp(x[i])


@kernel
def every_log(x: np.ndarray, out: np.ndarray) -> None:
    for i in range(x.shape[0]):
        out[i] = fast_log(x[i])


def of_all(function, x):
    out = np.empty(len(x))
    function(np.asarray(x, dtype=float), out)
    return out


def worst(found, x, exact):
    with localcontext() as context:
        context.prec = 40
        errors = []
        for value, argument in zip(found, x, strict=True):
            truth = exact(Decimal(float(argument)))
            errors.append(abs((Decimal(float(value)) - truth) / truth))
        return float(max(errors))


def arguments_of_exp(rng):
    return np.concatenate(
        [rng.uniform(-708, 709, 1500), rng.uniform(-1, 1, 1500), rng.normal(size=200) * 1e-8]
    )


def arguments_of_log(rng):
    wide, near = np.exp(rng.uniform(-740, 709, 1500)), rng.uniform(0.5, 2.0, 1500)
    return np.concatenate([wide, near, 1.0 + rng.normal(size=200) * 1e-8])


def test_exp_and_log_are_within_their_bound_of_the_truth():
    rng = np.random.default_rng(1)
    x = arguments_of_exp(rng)
    assert worst(of_all(every_exp, x), x, Decimal.exp) <= BOUND
    x = arguments_of_log(rng)
    assert worst(of_all(every_log, x), x, Decimal.ln) <= BOUND


@pytest.mark.parametrize(
    ("x", "expected"),
    [(np.inf, np.inf), (-np.inf, 0.0), (np.nan, np.nan), (0.0, 1.0), (-0.0, 1.0), (5e-324, 1.0)]
    + [(x, np.exp(x)) for x in (709.782712893384, -708.5, -745.1, -746.0, -1e308)]
    + [(x, np.inf) for x in (709.79, 710.0, 1e308)],
)
def test_exp_at_the_ends(x, expected):
    # Nine at once, so that vectors and what is left over are both seen; below 1e-308 to the spacing of numbers there.
    assert of_all(every_exp, [x] * 9) == pytest.approx([expected] * 9, rel=BOUND, abs=5e-324, nan_ok=True)


@pytest.mark.parametrize(
    ("x", "expected"),
    [(np.inf, np.inf), (-np.inf, np.nan), (np.nan, np.nan), (0.0, -np.inf), (-0.0, -np.inf), (-3.0, np.nan)]
    + [(x, np.log(x)) for x in (5e-324, 1e-310, 2.2250738585072014e-308, 1.7976931348623157e308)]
    + [(1.0, 0.0)],
)
def test_log_at_the_ends(x, expected):
    assert of_all(every_log, [x] * 9) == pytest.approx([expected] * 9, rel=BOUND, nan_ok=True)


@pytest.mark.parametrize(
    "x", [-0.999, -0.3, -0.29, -0.28, -1e-5, -1e-200, 0.0, 1e-300, 3e-9, 0.41, 0.42, 7.0, 1e8]
)
def test_log_ratio_is_log1p_and_loses_no_digits_near_one(x):
    with localcontext() as context:
        context.prec = 700
        exact = (1 + Decimal(x)).ln()
        less = exact - Decimal(x)
    assert log_ratio(1.0 + x, x) == pytest.approx(float(exact), rel=BOUND if x > -0.9 else 1e-13, abs=0.0)
    assert log_ratio_minus(1.0 + x, x) == pytest.approx(
        float(less), rel=3e-15 if x > -0.9 else 1e-13, abs=0.0
    )


def test_a_processor_without_wide_vectors_finds_the_same():
    code = (
        "import numpy as np\n"
        "from test_elementary import *\n"
        "rng = np.random.default_rng(2)\n"
        "x = arguments_of_exp(rng)[::8]; print(worst(of_all(every_exp, x), x, Decimal.exp))\n"
        "x = arguments_of_log(rng)[::8]; print(worst(of_all(every_log, x), x, Decimal.ln))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=Path(__file__).parent, env=os.environ | {"NUMBA_CPU_NAME": "generic"},
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert all(float(line) <= BOUND for line in done.stdout.split())
