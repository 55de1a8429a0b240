import copy
import subprocess
import sys

import numpy as np
import pytest

from bayes_mirglmm.errors import InputError
from bayes_mirglmm.evidence.shrinkage import shrink
from bayes_mirglmm.results.shrinkage import COLUMNS


def test_iteration_is_over_fitted_mirnas(fit):
    names = ("mir-ok", "mir-boundary", "mir-lost", "mir-poisson")
    assert fit.mirnas == names
    assert tuple(fit) == names
    assert len(fit) == 4
    assert "mir-ok" in fit
    assert "mir-filtered" not in fit


def test_view_of_one_mirna(rng, make, two_groups):
    records = [make.record(rng, two_groups, name, j) for name, j in (("a", 2), ("b", 5))]
    view = make.fit(two_groups, records)["b"]
    assert dict(view.sizes) == {
        "model": 2, "term": 2, "term2": 2, "slope_term": 2, "slope_term2": 2, "isomir": 5, "sample": 8,
    }  # fmt: skip
    np.testing.assert_array_equal(view["counts"], records[1].counts)
    np.testing.assert_array_equal(view["b"], records[1].full.b)
    np.testing.assert_array_equal(view["u"], records[1].full.u)
    assert float(view["beta"].sel(model="full", term="group[T.B]")) == records[1].full.beta[1]
    assert list(view["group"].values) == ["A"] * 4 + ["B"] * 4
    assert view["status"].item() == "ok"


def test_a_sample_column_never_hides_a_variable(rng, make, two_groups):
    from bayes_mirglmm.results import Fit

    base = make.fit(two_groups, [make.record(rng, two_groups, "a", 2)])
    samples = base.samples.assign(u=1.0, counts="x", batch=[1, 2] * 4)
    view = Fit(base.data, two_groups, samples=samples)["a"]
    assert view["counts"].dims == ("isomir", "sample")
    assert view["u"].dims == ("sample",)
    assert (view["u"] != 1.0).all()
    assert view["batch"].values.tolist() == [1, 2] * 4


def test_asking_for_what_is_not_there(fit):
    with pytest.raises(
        InputError, match=r"'mir-separated' has no estimates: separated \(All counts of group B"
    ):
        fit["mir-separated"]
    with pytest.raises(InputError, match=r"no miRNA 'mir'\. Similar names: mir-ok"):
        fit["mir"]
    with pytest.raises(InputError, match=r"no miRNA 'xyz'\. fit\.status\(\) lists"):
        fit["xyz"]
    with pytest.raises(InputError, match="no miRNA 3"):
        fit[3]


def test_ml_of_an_ml_fit_is_itself(fit):
    assert fit.ml is fit
    assert fit.formula == "~ group"
    assert fit.slope == "group"
    assert fit.residual_df == 6


def test_shrink_adds_its_columns(rng, make, two_groups):
    records = [make.record(rng, two_groups, f"m{i}", 2) for i in range(40)]
    records.append(
        make.record(rng, two_groups, "lost", 2, full=make.numbers(rng, two_groups, 2, status="failed"))
    )
    fit = make.fit(two_groups, records)
    table = fit.shrink()
    assert list(table.columns) == [*fit.effects().columns, *COLUMNS]
    assert set(table["term"]) == {"group[T.B]"}
    assert table.iloc[:40][list(COLUMNS)].notna().all(axis=None)
    assert table.iloc[40:][list(COLUMNS)].isna().all(axis=None)
    assert (np.abs(table["shrunk"][:40]) <= np.abs(table["estimate"][:40]) + 1e-9).all()
    assert table["lfsr"][:40].between(0, 1).all()
    np.testing.assert_array_equal(table["estimate"], fit.effects("group[T.B]")["estimate"])


def test_shrink_is_told_the_degrees_of_freedom(rng, make, two_groups):
    records = [make.record(rng, two_groups, f"m{i}", 2) for i in range(20)]
    for df, number in (("t", 6.0), ("z", np.inf)):
        fit = make.fit(two_groups, records, df=df)
        table = fit.effects("group[T.B]")
        expected = shrink(table["estimate"].to_numpy(), table["std_error"].to_numpy(), df=number)
        found = fit.shrink()
        np.testing.assert_array_equal(found["shrunk"], expected.mean)
        np.testing.assert_array_equal(found["shrunk_sd"], expected.sd)
        np.testing.assert_array_equal(found["lfsr"], expected.lfsr)


def test_shrink_takes_contrasts(rng, make, three_groups):
    fit = make.fit(three_groups, [make.record(rng, three_groups, f"m{i}", 2) for i in range(20)])
    table = fit.shrink(contrasts={"group": ("C", "B")})
    assert table["shrunk"].notna().all()


def test_a_fit_can_be_copied(fit):
    assert copy.deepcopy(fit).effects().equals(fit.effects())


def test_importing_results_is_light():
    code = (
        "import sys, bayes_mirglmm.results;"
        "heavy = {'pymc', 'pytensor', 'numba', 'arviz', 'h5netcdf', 'h5py', 'formulaic', 'matplotlib'};"
        "sys.exit(', '.join(sorted(heavy & set(sys.modules))) or None)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
