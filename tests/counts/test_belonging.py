"""Columns that say which samples belong together: seen where they are, and nowhere else."""

import numpy as np
import pandas as pd
import pytest

import bayes_mirglmm as bm
from bayes_mirglmm.counts.belonging import belonging_columns
from bayes_mirglmm.outcomes import from_metadata

N = 12
NAMES = [f"s{i}" for i in range(N)]
GROUP = ["a", "b"] * 6
PAIRS = [f"p{i // 2}" for i in range(N)]


def table(**columns: list) -> pd.DataFrame:
    return pd.DataFrame(columns, index=NAMES)


@pytest.mark.parametrize(
    ("values", "found"),
    [
        (PAIRS, True),
        ([int(p[1:]) + 1 for p in PAIRS], True),  # ids that count
        ([7, 7, 19, 19, 23, 23, 31, 31, 44, 44, 51, 51], False),  # amounts
        ([f"2024-01-0{1 + i // 2}" for i in range(N)], False),  # dates
        ([0.5 * (i // 2) for i in range(N)], False),  # a dose
        (["x"] * 3 + ["y"] * 3 + ["z"] * 3 + ["w"] * 3, False),  # four groups of three
        ([*PAIRS[:-1], "other"], False),  # not all alike
        ([*PAIRS[:-1], None], False),
        (NAMES, False),
        (GROUP, False),
    ],
)
def test_a_column_names_subjects_or_does_not(values: list, found: bool):
    assert [b.column for b in belonging_columns(table(c=values))] == ["c"] * found


def test_of_columns_that_say_the_same_the_first_is_named():
    same = [f"patient {p}" for p in PAIRS]
    (only,) = belonging_columns(table(patient=PAIRS, name=same))
    assert only.text == "column patient has 6 levels of 2 samples each"
    assert only.term == "(1 | patient)"


def cautions(formula: str, **columns: list) -> list[str]:
    samples = table(group=GROUP, **columns)
    drawn = bm.simulate(samples=samples, formula="~ group", n_mirnas=1, n_isomirs=2, seed=1)
    fit = bm.fit(drawn.counts, formula, progress=False)
    return [str(c) for c in from_metadata(fit.metadata) if c.kind == "belonging"]


def test_a_fit_hints_at_pairs_that_its_formula_leaves_out():
    (sentence,) = cautions("~ group", patient=PAIRS)
    assert "column patient has 6 levels of 2 samples each" in sentence
    assert "(1 | patient) in the formula" in sentence
    assert cautions("~ group + (1 | patient)", patient=PAIRS) == []
    assert cautions("~ group + patient", patient=PAIRS) == []
    # The name of a dose says no more than the dose.
    dose = [float(i // 4) for i in range(N)]
    assert cautions("~ C(dose)", dose=dose, arm=[f"arm {d:g}" for d in dose]) == []
    # A covariate that every sample has a value of its own of does not hide pairs.
    assert len(cautions("~ group + age", age=list(np.linspace(20.0, 60.0, N)), patient=PAIRS)) == 1


def test_an_inspection_remarks_on_pairs():
    samples = table(group=GROUP, patient=PAIRS)
    counts = bm.simulate(samples=samples, formula="~ group", n_mirnas=2, seed=1).counts
    (remark,) = [r for r in bm.inspect_counts(counts).remarks if "belong together" in r]
    assert remark.startswith("Column patient has 6 levels of 2 samples each")
    assert "(1 | patient)" in remark
