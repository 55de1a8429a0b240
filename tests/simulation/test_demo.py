"""The demo: the same data everywhere, and a fair comparison with the truth."""

from types import SimpleNamespace

import numpy as np
import pandas as pd

from bayes_mirglmm.methods.registry import METHODS
from bayes_mirglmm.simulation.demo import demo_simulation, recovery


def test_recovery_counts_found_false_and_covered():
    names = list("abcde")
    truth = SimpleNamespace(
        effects=pd.DataFrame(
            {"mirna": names * 2, "term": ["g"] * 5 + ["h"] * 5, "value": [1.0, 2.0, 0, 0, 3.0] * 2}
        ),
        mirnas=pd.DataFrame({"mirna": names, "changed": [True, True, False, False, True]}),
    )
    table = pd.DataFrame(
        {
            "mirna": names[:4],  # e was not fitted, so it cannot be missed
            "lower": [0.5, -1.0, -0.5, 0.2],
            "upper": [1.5, 1.0, 0.5, 0.9],
            "p_value": [0.001, 0.5, 0.9, 0.01],
            "p_adjusted": [0.004, 0.6, 0.9, 0.02],
        }
    )
    fits = (
        SimpleNamespace(method=METHODS["ml"], effects=lambda term: table),
        SimpleNamespace(
            method=METHODS["laplace"], shrink=lambda term: table.rename(columns={"p_adjusted": "s_value"})
        ),
    )
    for fit in fits:
        found = recovery(fit, truth, term="g")  # type: ignore[arg-type]
        assert found.to_dict() == {"changed": 2, "found": 1, "false": 1, "covered": 0.5}


def test_the_data_are_the_same_every_time():
    one, two = demo_simulation(), demo_simulation()
    np.testing.assert_array_equal(one.counts["counts"], two.counts["counts"])
    assert set(one.counts["group"].values) == {"ctrl", "case"}
    assert 10 < one.truth.mirnas["changed"].sum() < 60
