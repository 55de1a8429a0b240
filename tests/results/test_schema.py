from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from bayes_mirglmm.design.build import build_design
from bayes_mirglmm.errors import InputError
from bayes_mirglmm.model import load_model
from bayes_mirglmm.records import MirnaRecord
from bayes_mirglmm.results import assemble, validate_fit_data
from bayes_mirglmm.results.schema import ATTRIBUTES, VARIABLES


def test_every_variable_and_attribute_is_there(fit):
    assert set(fit.data.variables) - set(fit.data.dims) == set(VARIABLES)
    assert set(ATTRIBUTES) <= set(fit.data.attrs)
    sizes = dict(fit.data.sizes)
    assert {sizes.pop(name) for name in ("model", "term", "term2", "slope_term", "slope_term2")} == {2}
    assert sizes == {"mirna": 6, "isomir": 13, "sample": 8}
    assert fit.data["counts"].dtype == np.int64


def test_numbers_land_where_their_labels_say(rng, make, two_groups):
    records = [make.record(rng, two_groups, name, j) for name, j in (("a", 2), ("b", 5), ("c", 3))]
    data = make.fit(two_groups, records).data
    for record in records:
        rows = data["isomir_mirna"].values == record.mirna
        assert list(data["isomir"].values[rows]) == record.isomirs
        np.testing.assert_array_equal(data["counts"].values[rows], record.counts)
        for name in ("b", "b_se", "effect", "effect_cov"):
            np.testing.assert_array_equal(data[name].values[rows], getattr(record.full, name))
        one = data.sel(mirna=record.mirna)
        for name in ("beta", "beta_cov", "beta_cov_theta_fixed"):
            for model in ("full", "reduced"):
                np.testing.assert_array_equal(
                    one[name].sel(model=model), getattr(getattr(record, model), name)
                )
        np.testing.assert_array_equal(one["u"], record.full.u)
        np.testing.assert_array_equal(one["omega"].sel(model="full"), record.full.omega)
        assert float(one["theta"].sel(model="reduced")) == record.reduced.theta
    np.testing.assert_array_equal(data["x"], two_groups.x)
    np.testing.assert_array_equal(data["z"], two_groups.z)


def test_what_was_not_fitted_is_missing(fit):
    one = fit.data.sel(mirna="mir-filtered")
    assert np.isnan(one["beta"]).all()
    assert np.isnan(one["u"]).all()
    assert list(one["model_status"].values) == ["", ""]
    assert int(one["n_isomirs"]) == 0
    separated = fit.data.sel(isomir=fit.data["isomir_mirna"] == "mir-separated")
    assert separated.sizes["isomir"] == 2
    assert np.isnan(separated["effect"]).all()
    assert (separated["counts"] >= 0).all()


def test_reduced_model_without_slopes_gives_every_isomir_the_mirnas_effect(rng, make, two_groups):
    record = make.record(rng, two_groups, "a", 3, coefficients_from="reduced")
    data = make.fit(two_groups, [record]).data
    reduced = record.reduced
    np.testing.assert_array_equal(data["b"][:, 0], reduced.b[:, 0])
    np.testing.assert_array_equal(data["b"][:, 1], 0.0)
    np.testing.assert_array_equal(data["b_se"][:, 1], 0.0)
    np.testing.assert_array_equal(data["effect"][:, 0], reduced.effect[:, 0])
    np.testing.assert_array_equal(data["effect"][:, 1], reduced.beta[1])
    np.testing.assert_array_equal(data["effect_cov"][:, 1, 1], reduced.beta_cov[1, 1])
    assert np.isnan(data["effect_cov"][:, 0, 1]).all()
    omega = data["omega"].sel(model="reduced", mirna="a").values
    np.testing.assert_array_equal(omega, [[reduced.omega[0, 0], 0.0], [0.0, 0.0]])
    np.testing.assert_array_equal(data["u"][0], reduced.u)


def test_reduced_model_keeps_nuisance_slopes(rng, make, samples):
    design = build_design(samples, "~ group + age", slope="group", nuisance="age")
    assert design.blocks == (0, 0, 0, 1)
    record = make.record(rng, design, "a", 2, coefficients_from="reduced")
    assert record.reduced.b.shape == (2, 2)
    data = make.fit(design, [record]).data
    np.testing.assert_array_equal(data["b"][:, [0, 3]], record.reduced.b)
    np.testing.assert_array_equal(data["b"][:, [1, 2]], 0.0)
    omega = data["omega"].sel(model="reduced", mirna="a").values
    np.testing.assert_array_equal(omega[np.ix_([0, 3], [0, 3])], record.reduced.omega)
    for effect_cov in data["effect_cov"].values:
        np.testing.assert_array_equal(effect_cov[1:3, 1:3], record.reduced.beta_cov[1:3, 1:3])


def test_reduced_model_may_come_with_all_columns(rng, make, two_groups):
    reduced = make.numbers(rng, two_groups, 3)
    data = make.fit(
        two_groups, [make.record(rng, two_groups, "a", 3, reduced=reduced, coefficients_from="reduced")]
    )
    np.testing.assert_array_equal(data.data["effect"], reduced.effect)
    np.testing.assert_array_equal(data.data["effect_cov"], reduced.effect_cov)


def test_formula_without_variables_has_one_model(rng, make, samples):
    design = build_design(samples, "~ 1")
    fit = make.fit(design, [make.record(rng, design, "a", 2)])
    assert list(fit.data["model"].values) == ["full"]
    assert fit.data.sizes["slope_term"] == 1
    assert fit.data.attrs["slope"] == ""


def test_unfitted_isomirs_are_counted_where_the_record_says(make, two_groups):
    record = MirnaRecord("a", "too_few_isomirs", "One isomiR is left.", n_isomirs=1)
    assert int(make.fit(two_groups, [record]).data["n_isomirs"][0]) == 1


@pytest.mark.parametrize(
    ("field", "shape"),
    [
        ("beta", (3,)),
        ("beta_cov", (2,)),
        ("omega", (1, 1)),
        ("b", (2, 2)),
        ("effect_cov", (3, 2)),
        ("u", (1,)),
    ],
)
def test_a_wrong_shape_is_named(rng, make, two_groups, field, shape):
    record = make.record(rng, two_groups, "mir-x", 3)
    record = replace(record, full=replace(record.full, **{field: np.zeros(shape)}))
    with pytest.raises(InputError, match=rf"mir-x: {field} has shape"):
        make.fit(two_groups, [record])


def test_counts_must_fit_the_isomirs(rng, make, two_groups):
    record = make.record(rng, two_groups, "mir-x", 3, counts=np.zeros((2, 8), dtype=int))
    with pytest.raises(InputError, match="mir-x: counts has shape"):
        make.fit(two_groups, [record])


def test_names_must_be_unique(rng, make, two_groups):
    record = make.record(rng, two_groups, "a", 2)
    with pytest.raises(InputError, match="mirna 'a' occurs more than once"):
        make.fit(two_groups, [record, replace(record, isomirs=["p", "q"])])
    with pytest.raises(InputError, match=r"isomir 'a\.iso0' occurs more than once"):
        make.fit(two_groups, [record, replace(record, mirna="b")])


def test_validation_names_what_is_wrong(fit):
    data = fit.data
    with pytest.raises(InputError, match="no 'theta'"):
        validate_fit_data(data.drop_vars("theta"))
    with pytest.raises(InputError, match="'u' of the fit's dataset has dims"):
        validate_fit_data(data.assign(u=data["u"].transpose()))
    with pytest.raises(InputError, match="wrong type"):
        validate_fit_data(data.assign(counts=data["counts"].astype(float)))
    with pytest.raises(InputError, match="df is 'F': choose 't' or 'z'"):
        validate_fit_data(data.assign_attrs(df="F"))
    with pytest.raises(InputError, match="between 0 and 1"):
        validate_fit_data(data.assign_attrs(prob=95))
    with pytest.raises(InputError, match="coefficients_from has 'best'"):
        validate_fit_data(data.assign(coefficients_from=data["coefficients_from"].copy(data=["best"] * 6)))
    bare = data.copy()
    del bare.attrs["preset"]
    with pytest.raises(InputError, match="lacks the attribute"):
        validate_fit_data(bare)
    stray = data["isomir_mirna"].copy(data=["nobody"] * data.sizes["isomir"])
    with pytest.raises(InputError, match="'nobody'"):
        validate_fit_data(data.assign_coords(isomir_mirna=stray))


def test_nothing_fitted_is_a_fit_too(make, two_groups):
    fit = make.fit(two_groups, [MirnaRecord("a", "low_expression", "Below the filter.")])
    assert len(fit) == 0
    assert [len(t) for t in fit.tables().values()] == [0, 0, 0, 0, 1]
    assert "0 fitted" in repr(fit)


def test_extra_attributes_are_kept(rng, make, two_groups):
    record = make.record(rng, two_groups, "a", 2)
    data = assemble(
        [record],
        two_groups,
        offset=np.zeros(8),
        total=np.ones(8, int),
        model=load_model("mirglmm"),
        extra={"family_note": "x"},
    )
    assert data.attrs["family_note"] == "x"


def test_sample_tables_of_other_fits_are_refused(fit, three_groups):
    from bayes_mirglmm.results import Fit

    with pytest.raises(InputError, match="disagree on term"):
        Fit(fit.data, three_groups)


def test_samples_default_to_the_designs_table(fit):
    assert isinstance(fit.samples, pd.DataFrame)
    assert list(fit.samples["group"]) == ["A"] * 4 + ["B"] * 4
