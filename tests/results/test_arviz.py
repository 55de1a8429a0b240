"""Every function of ArviZ that takes a tree, on trees of both methods, with its own defaults.

The list is ArviZ's own: what takes ``data``, ``dt`` or ``idata`` first, so that a new function is tried too. Pictures
are composed and not drawn (ArviZ's backend "none").
"""

import inspect
import warnings
from collections.abc import Callable
from typing import Any

import arviz_base as base
import arviz_plots as plots
import arviz_stats as stats
import numpy as np
import pandas as pd
import pytest
import xarray as xr

import bayes_mirglmm as bm

METHODS: dict[str, dict[str, int]] = {"laplace": {}, "nuts": {"draws": 60, "tune": 200, "chains": 2}}
MIRNA = "sim-miR-1"
#: Columns whose names mean something to ArviZ, to a tree, to the model or to a formula.
AWKWARD = {
    "column": list("abcabc"),
    "age/yr": [30.5, 41.0, 52.0, 38.0, 47.5, 60.0],
    "age_yr": [1, 2, 3, 4, 5, 6],
    "260/280": [1.8, 1.9, 2.0, 1.9, 1.8, 2.1],
    "chain": list("uvuvuv"),
    "draw": [1, 2, 3, 4, 5, 6],
    "sample_id": list("abcdef"),
    "term": list("pqpqpq"),
    "x": [0.1, 0.2, 0.3, 0.4, 0.5, 0.6],
    "beta": [1, 1, 2, 2, 3, 3],
    "cell": list("abcabc"),
    "variable": [1, 2, 3, 4, 5, 6],
    "my column": list("xyzxyz"),
    "âge": [1, 2, 1, 2, 1, 2],
    "kept": [True, False, True, True, False, True],
}
#: Stands for the posterior median of the sample SD: a reference that lies within the draws, whatever they are.
MEDIAN = "median of sd_sample"
#: What a function must be told besides the tree, because it has no default.
ARGUMENTS: dict[str, dict[str, Any]] = {
    "bayes_factor": {"var_names": "sd_sample", "ref_vals": MEDIAN},
    "bayesian_r2": {"pred_mean": "counts", "scale": "counts", "group": "posterior_predictive"},
    "ci_in_rope": {"rope": (-0.1, 0.1)},
    "combine_plots": {"plots": [(plots.plot_trace, {}), (plots.plot_dist, {})], "var_names": ["beta"]},
    "loo_r2": {"var_name": "counts"},
    "loo_subsample": {"observations": 8},
    "plot_bf": {"var_names": "sd_sample", "ref_val": MEDIAN},
    "plot_pair_focus": {"focus_var": "sd_sample"},
    "residual_r2": {"pred_mean": "counts", "group": "posterior_predictive"},
    "rhat_nested": {"superchain_ids": "one each"},
}
NO_ENERGY = "importance draws have no Hamiltonian, so no energy"
SURVIVAL = "is of survival times"
REFIT = "fits the model anew, through a wrapper that the user writes"
#: Functions that cannot work: the reason, and how each says so; of one method where it stands before the name.
CANNOT: dict[str, tuple[str, type[Exception], str]] = {
    "laplace bfmi": (NO_ENERGY, KeyError, "energy"),
    "laplace plot_energy": (NO_ENERGY, AttributeError, "no attribute 'energy'"),
    "bayesian_r2": (
        "is of a normal response with one scale",
        ValueError,
        "could not be broadcast together",
    ),
    "ecdf": ("ArviZ has it for datasets only", NotImplementedError, "DataTree ecdf not available"),
    "generate_survival_curves": (SURVIVAL, TypeError, "'var_names'"),
    "kaplan_meier": (SURVIVAL, TypeError, "'var_names'"),
    "lfo_cv": (REFIT, TypeError, "'wrapper', 'min_observations', and 'forecast_horizon'"),
    "loo_kfold": (REFIT, TypeError, "'wrapper'"),
    "loo_approximate_posterior": (
        "needs densities of an approximation; our draws are weighted and resampled",
        TypeError,
        "'log_p' and 'log_q'",
    ),
    "loo_moment_match": (
        "needs unconstrained draws and their densities, by functions that the user writes",
        TypeError,
        "'loo_orig'",
    ),
    "plot_ecdf_pit": (
        "is of simulation-based calibration, which a tree of one fit has not",
        KeyError,
        "prior_sbc",
    ),
    "plot_lm": (
        "needs a covariate as long as the counts; ours are of samples",
        ValueError,
        "Dimension 'term' .* is not present in y data",
    ),
    "plot_ppc_pava_residuals": (
        "is of binary data, against a covariate as long as they are",
        TypeError,
        "'x_var'",
    ),
}
#: More panels than ArviZ's default limit; with the setting that its message names they work.
MANY_PANELS = {"plot_dgof_dist", "plot_pair", "plot_psense_dist", "plot_psense_quantities", "combine_plots"}
#: What ArviZ says of small or of count data, and of the few draws of this test.
EXPECTED = (
    "Estimated shape parameter of Pareto",
    "Variables counts in",
    "No status variable found",
    "Your data appears to have a single value",
)


NOT_OF_TREES = {"dict_to_dataset", "from_dict", "xarray_to_ndarray"}


def functions() -> dict[str, Callable[..., Any]]:
    found = {}
    for module in (base, stats, plots):
        for name, function in inspect.getmembers(module, inspect.isfunction):
            first = next(iter(inspect.signature(function).parameters), "")
            if first in ("data", "dt", "idata") and not name.startswith("_") and name not in NOT_OF_TREES:
                found[name] = function
    return found


FUNCTIONS = functions()


@pytest.fixture(scope="module")
def trees() -> dict[str, xr.DataTree]:
    counts = bm.simulate(3, n_mirnas=1, n_isomirs=3, seed=3).counts
    counts = counts.isel(isomir=counts["mirna"].values == MIRNA)
    counts = counts.assign_coords({name: ("sample", values) for name, values in AWKWARD.items()})
    fits = {
        method: bm.fit(counts, "~ group", method=method, progress=False, **options)
        for method, options in METHODS.items()
    }
    return {method: fit[MIRNA] for method, fit in fits.items()}


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("name", list(FUNCTIONS))
def test_arviz_takes_the_tree(trees, name, method):
    function, tree, arguments = FUNCTIONS[name], trees[method], dict(ARGUMENTS.get(name, {}))
    median = float(tree["posterior"]["sd_sample"].median())
    arguments = {key: median if value == MEDIAN else value for key, value in arguments.items()}
    if name == "rhat_nested":
        arguments["superchain_ids"] = np.arange(tree["posterior"].sizes["chain"])
    settings: dict[str, Any] = {"plot.backend": "none"}
    if name in MANY_PANELS:
        settings["plot.max_subplots"] = 1000
    if name == "plot_pair":  # 625 panels take minutes
        arguments["var_names"] = ["beta", "sd_isomir", "correlation", "sd_sample", "theta"]
    with warnings.catch_warnings(), base.rc_context(settings):
        for message in EXPECTED:
            warnings.filterwarnings("ignore", message=message)
        # Its Pareto fits, of tails of counts, which are tied, and of the few ratios of this test.
        warnings.filterwarnings("ignore", message="invalid value encountered in", module="arviz_stats")
        if name in CANNOT or f"{method} {name}" in CANNOT:
            _, kind, words = CANNOT.get(f"{method} {name}") or CANNOT[name]
            with pytest.raises(kind, match=words):
                function(tree, **arguments)
        else:
            assert function(tree, **arguments) is not None or name == "diagnose"


def test_no_reason_is_stale():
    told = {name.removeprefix("laplace ") for name in CANNOT} | set(ARGUMENTS) | MANY_PANELS
    assert told <= set(FUNCTIONS)


def test_columns_of_the_sample_table_are_constant_data(trees):
    constant = trees["laplace"]["constant_data"].to_dataset()
    names = {constant[name].attrs["column"]: name for name in constant if "column" in constant[name].attrs}
    assert set(names) == {"group", *AWKWARD}
    assert names["âge"] == "âge"
    assert names["my column"] == "my column"
    changed = {column: name for column, name in names.items() if column != name}
    assert changed == {
        "age/yr": "age_yr",
        "age_yr": "age_yr_",
        "260/280": "260_280",
        "chain": "chain_",
        "draw": "draw_",
        "sample_id": "sample_id_",
        "term": "term_",
        "x": "x_",
    }
    assert list(constant["age_yr"].values) == AWKWARD["age/yr"]
    for group in trees["laplace"].children.values():
        assert set(map(str, group.coords)) <= {
            "chain", "draw", "term", "slope_term", "slope_pair", "isomir", "sample_id", "cell"
        }  # fmt: skip


@pytest.mark.parametrize("method", METHODS)
def test_a_tree_survives_a_file(trees, tmp_path, method):
    trees[method].to_netcdf(tmp_path / "tree.nc", engine="h5netcdf")
    with xr.open_datatree(tmp_path / "tree.nc", engine="h5netcdf") as back:
        for name, group in trees[method].children.items():
            xr.testing.assert_equal(back[name].to_dataset().load(), group.to_dataset())


def test_cells_become_a_table_of_isomirs_and_samples(trees):
    tree = trees["nuts"]
    table = tree["observed_data"]["counts"].set_index(cell=["isomir", "sample_id"]).unstack("cell")
    assert dict(table.sizes) == {"isomir": 3, "sample_id": 6}
    posterior = tree["posterior"]
    mean = np.exp(
        posterior["b"].dot(tree["constant_data"]["z"], dim="slope_term")
        + posterior["beta"].dot(tree["constant_data"]["x"], dim="term")
        + posterior["u"]
        + tree["constant_data"]["offset"]
    )
    from scipy.stats import nbinom

    theta = posterior["theta"].values[..., None, None]
    mu = mean.transpose("chain", "draw", "isomir", "sample_id").values
    seen = table.sel(isomir=posterior["isomir"], sample_id=posterior["sample_id"]).values
    expected = nbinom.logpmf(seen, theta, theta / (theta + mu))
    found = tree["log_likelihood"]["counts"].values.reshape(expected.shape)
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)


def test_a_summary_has_one_row_for_each_number(trees):
    table = stats.summary(trees["laplace"])
    assert isinstance(table, pd.DataFrame)
    assert "correlation[Intercept, group[T.B]]" in table.index
    assert table.index.is_unique
    assert np.isfinite(table.to_numpy(dtype=float)).all()
