"""Contrasts as they are typed."""

import re

import numpy as np
import pandas as pd
import pytest

from bayes_mirglmm.cli.contrasts import check_words, parse_contrast
from bayes_mirglmm.cli.options import ordered_references
from bayes_mirglmm.design.build import build_design
from bayes_mirglmm.design.contrasts import contrast_weights
from bayes_mirglmm.errors import InputError

N = 24
SAMPLES = pd.DataFrame(
    {
        "group": np.tile(["ctrl", "IL-2, high", "a,b"], 8),
        "dose": np.repeat([1, 2], 12),
        "time": np.tile(np.repeat(["0h", "6h", "12h", "24h"], 3), 2),
        "age": np.random.default_rng(0).uniform(40, 80, N),
    },
    index=[f"s{i}" for i in range(N)],
)
DESIGN = build_design(SAMPLES, "~ group * C(dose) + time + age", reference={"group": "ctrl"})


def weights(text: str) -> dict[str, float]:
    found = contrast_weights(DESIGN, parse_contrast(text, DESIGN).spec)
    row = found.iloc[0]
    return {found.index[0]: {name: round(value, 9) for name, value in row.items() if abs(value) > 1e-9}}


IL, AB = "group[T.IL-2, high]", "group[T.a,b]"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("age=60,50", {"age: 60 - 50": {"age": 10.0}}),
        ("time=24h,6h", {"time: 24h - 6h": {"time[T.24h]": 1.0, "time[T.6h]": -1.0}}),
        ("time=24h, 0h", {"time: 24h - 0h": {"time[T.24h]": 1.0}}),
        ("group=IL-2, high,ctrl | dose=1", {"group: IL-2, high - ctrl | dose: 1": {IL: 1.0}}),
        (
            'group="a,b","IL-2, high" | dose=2',
            {
                "group: a,b - IL-2, high | dose: 2": {
                    AB: 1.0, IL: -1.0, f"{AB}:C(dose)[T.2]": 1.0, f"{IL}:C(dose)[T.2]": -1.0,
                }
            },
        ),
        ("dose = 2 , 1 | group=ctrl", {"dose: 2 - 1 | group: ctrl": {"C(dose)[T.2]": 1.0}}),
        (f"{IL} - {AB}", {f"{IL} - {AB}": {IL: 1.0, AB: -1.0}}),
        ("mine: 1/2 time[T.6h] + 0.5*time[T.12h] - time[T.24h]", {
            "mine": {"time[T.6h]": 0.5, "time[T.12h]": 0.5, "time[T.24h]": -1.0},
        }),
        (f"- {IL}:C(dose)[T.2]", {f"-{IL}:C(dose)[T.2]": {f"{IL}:C(dose)[T.2]": -1.0}}),
        ("late: time=24h,12h", {"late": {"time[T.24h]": 1.0, "time[T.12h]": -1.0}}),
    ],
)  # fmt: skip
def test_what_is_typed_is_what_is_weighed(text, expected):
    assert weights(text) == expected


def test_all_pairs_also_within_levels():
    found = contrast_weights(DESIGN, parse_contrast("pairs:group | dose", DESIGN).spec)
    assert len(found) == 6
    assert found.index[0] == "group: IL-2, high - ctrl | dose: 1"
    assert found.index[-1] == "group: a,b - IL-2, high | dose: 2"
    assert parse_contrast("pairs:group | dose", DESIGN).variable == "group"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("time=0h", "--contrast 'time=0h' is not understood"),
        ("time=0h,6h,12h", "is not understood"),
        ("time=0h,7h", "'7h', which is not one of its levels"),
        ("time=6h,0h | dose", "VARIABLE=LEVEL"),
        ("time=6h,0h | dosis=1", "Did you mean 'dose'"),
        ("time=6h,0h | time=0h", "within one of its own levels"),
        ("0.5 time[T.6h] + time[T.7h]", "is not understood"),
        ("x: pairs:time", "name themselves"),
        ("pairs:time | age", "needs a factor of the design, which 'age' is not"),
    ],
)
def test_refusals(text, words):
    with pytest.raises(InputError) as error:
        contrast_weights(DESIGN, parse_contrast(text, DESIGN).spec)
    assert words in str(error.value)


def test_levels_in_order():
    table = pd.DataFrame({"dose": ["none", "low", "high"], "group": ["a,b", "c", "c"]})
    found = ordered_references({"dose": "none, low", "group": "a,b"}, table)
    assert found == {"dose": ["none", "low"], "group": "a,b"}
    assert build_design(SAMPLES, "~ time").factors["time"] == ("0h", "6h", "12h", "24h")


@pytest.mark.parametrize(
    "text",
    [
        "group=B,A",
        'group="B, old",A | time=6h',
        "pairs:group | time",
        "late: group=B,A",
        "0.5 group[T.B] - group[T.C]",
        "late B: group[T.B] + group[T.B]:time[T.6h]",
        "age",
        "1/3 age - 2*log(dose)",
        "poly(age, 2)[1]",
        "np.sqrt(dose) + `cell type`",
        "Intercept",
    ],
)
def test_words_that_may_be_a_contrast_pass(text):
    check_words([text], "~ group * time + age + poly(age, 2) + log(dose) + np.sqrt(dose) + `cell type`")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("group=B", "names one level"),
        ("group=B,", "names one level"),
        ("grp=B,A", "'grp' is not a variable of the formula. Did you mean 'group'?"),
        ("pairs:", "'' is not a variable"),
        ("group:B,A", "is not understood"),
        ("group B", "is not understood"),
        ("B - A", "is not understood"),
        ("group=B,A | time", "write what stands after '|' as VARIABLE=LEVEL"),
    ],
)
def test_words_that_can_be_no_contrast_are_refused(text, message):
    with pytest.raises(InputError, match=re.escape(message)):
        check_words([text], "~ group * time")
