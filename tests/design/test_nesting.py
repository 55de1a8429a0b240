"""Pairs: subjects that lie within treatments, and factors that only pair samples."""

import numpy as np
import pandas as pd
import pytest

from bayes_mirglmm.design.build import Design, build_design
from bayes_mirglmm.errors import InputError


def table(sizes: tuple[int, int] = (4, 4), numbers: bool = False) -> pd.DataFrame:
    """Subjects of two treatments, each before and after."""
    rows = [
        (t, f"{t}{i}", time, i)
        for t, n in zip("AB", sizes, strict=True)
        for i in range(n)
        for time in ("post", "pre")
    ]
    found = pd.DataFrame(
        rows, columns=["treatment", "subject", "time", "number"], index=[f"s{i}" for i in range(len(rows))]
    )
    return found if numbers else found.drop(columns="number")


def refused(samples: pd.DataFrame) -> str:
    with pytest.raises(InputError) as error:
        build_design(samples, "~ subject + treatment * time")
    return str(error.value)


def test_the_message_names_a_coding_that_keeps_the_pairs():
    message = refused(table(numbers=True))
    assert "every level of subject lies within one level of treatment" in message
    assert "as column 'number' does" in message
    assert "'~ treatment * time + treatment:C(number)', with slope='time'" in message
    assert "leave out one of the variables" not in message
    design = build_design(table(numbers=True), "~ treatment * time + treatment:C(number)", slope="time")
    assert (design.rank, design.residual_df) == (10, 6)
    # It is the model of the subjects: their dummies add nothing to its columns.
    dummies = pd.get_dummies(table()["subject"]).to_numpy(dtype=float)
    assert np.linalg.matrix_rank(np.column_stack([design.x, dummies])) == 10


def test_where_the_numbers_of_subjects_differ_a_column_of_0_and_1_does_it():
    samples = table((4, 3))
    message = refused(samples)
    assert "number the subject" not in message
    assert "1 for treatment B at time pre (its change beyond that of A, from post to pre)" in message
    more = ((samples["treatment"] == "B") & (samples["time"] == "pre")).astype(int)
    assert build_design(samples.assign(more=more), "~ time + subject + more").rank == 9


def test_confounding_without_pairs_keeps_the_general_remedy():
    samples = pd.DataFrame({"group": list("aabb"), "run": list("xxyy")}, index=list("pqrs"))
    with pytest.raises(InputError, match="leave out one of the variables"):
        build_design(samples, "~ group + run")


@pytest.mark.parametrize("formula", ["~ subject + time", "~ time + subject"])
def test_a_factor_that_pairs_samples_never_gets_the_slopes_by_itself(formula):
    design = build_design(table(), formula)
    assert (design.slope, design.pairing, design.without_slopes) == ("time", "subject", ())
    assert build_design(table(), formula, slope="subject").pairing is None


def test_a_batch_is_no_pairing():
    samples = pd.DataFrame(
        {"group": list("ab") * 6, "batch": np.repeat(["x", "y", "z"], 4), "dose": np.arange(12.0)},
        index=[f"s{i}" for i in range(12)],
    )
    design = build_design(samples, "~ group + batch + dose")
    assert (design.slope, design.pairing, design.without_slopes) == ("group", None, ("batch", "dose"))
    assert build_design(samples, "~ group + batch", nuisance="batch").without_slopes == ()


def test_it_is_all_there_after_saving(tmp_path):
    from bayes_mirglmm.results.run_json import design_from_json, design_to_json

    design = build_design(table().assign(year=2010.0 + np.arange(16) % 5), "~ time * year + subject")
    import xarray as xr

    data = xr.Dataset({"x": (("sample", "term"), design.x), "z": (("sample", "slope_term"), design.z)})
    again: Design = design_from_json(design_to_json(design), data)
    for name in ("centres", "without_slopes", "pairing"):
        assert getattr(again, name) == getattr(design, name)
    assert again.pairing == "subject"
    assert again.centres == {"year": 2010 + (np.arange(16) % 5).mean()}
