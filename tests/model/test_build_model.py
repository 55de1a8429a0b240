"""The readable PyMC model: its log density against scipy, its gradient, its reports and refusals."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from scipy import special, stats

from bayes_mirglmm.counts.container import make_counts, with_dropped
from bayes_mirglmm.errors import InputError
from bayes_mirglmm.model import build_model, load_model

N, J = 9, 4
MODE = "FAST_COMPILE"  # the graphs are small: compiling faster pays


@pytest.fixture(scope="module")
def counts() -> xr.Dataset:
    """Two miRNAs, one of them with a single isomiR, in nine samples; some counts are 0 and some large."""
    rng = np.random.default_rng(1)
    names = [f"s{i}" for i in range(N)]
    samples = pd.DataFrame(
        {
            "group": list("abcabcabc"),
            "two": list("xyxyxyxyx"),
            "batch": list("uuvvwwuvw"),
            "age": rng.normal(50, 10, N),
        },
        index=names,
    )
    y = rng.negative_binomial(0.7, 0.002, (J + 1, N))
    y[0, :3] = 0
    y[1] *= 20
    return make_counts(
        y,
        isomir=[f"i{j}" for j in range(J + 1)],
        mirna=["mir-1"] * J + ["mir-2"],
        sample=names,
        samples=samples,
        total=rng.integers(1_000_000, 4_000_000, N),
    )


@dataclass
class Case:
    """What to build, and the same design by hand, columns scaled as their priors want them."""

    options: dict[str, Any]
    x: list[str]
    z: list[str]
    blocks: tuple[int, ...]
    sd_scales: tuple[float, ...]
    poisson: bool = False
    sample: bool = True


CASES = {
    "K1": Case({"formula": "~ two", "model": "reduced"}, ["y"], [], (0,), (2.5,)),
    "K2": Case({"formula": "~ two + age"}, ["y", "age"], ["y"], (0, 0), (2.5, 1.0)),
    "K2 Poisson": Case({"formula": "~ age", "model": "poisson"}, ["age"], ["age"], (0, 0), (2.5, 1.0), True),
    "K3 Poisson": Case(
        {"formula": "~ group", "model": "poisson"}, ["b", "c"], ["b", "c"], (0, 0, 0), (2.5, 1.0, 1.0), True
    ),
    "K3 and nuisance": Case(
        {"formula": "~ group", "nuisance": ("age",)},
        ["b", "c"],
        ["b", "c", "age"],
        (0, 0, 0, 1),
        (2.5, 1, 1, 1),
    ),
    "K2 and nuisance factor": Case(
        {"formula": "~ age", "nuisance": ("batch",)},
        ["age"],
        ["age", "centred v", "centred w"],
        (0, 0, 1, 1),
        (2.5, 1, 1, 1),
    ),
    "K1 and nuisance Poisson": Case(
        {"formula": "~ 1", "model": "poisson", "nuisance": ("age",)}, [], ["age"], (0, 1), (2.5, 1.0), True
    ),
}


def columns(counts: xr.Dataset, names: list[str]) -> np.ndarray:
    """Return the design columns: the intercept, dummies, covariates in SDs from their mean."""
    built = [np.ones(N)]
    for name in names:
        level = name.removeprefix("centred ")
        if name == "age":
            age = counts["age"].values
            built.append((age - age.mean()) / age.std(ddof=1))
        else:
            variable = {"y": "two", "b": "group", "c": "group", "v": "batch", "w": "batch"}[level]
            dummy = (counts[variable].values == level).astype(float)
            built.append(dummy - dummy.mean() if name.startswith("centred") else dummy)
    return np.column_stack(built)


def lkj_log_density(correlation: np.ndarray, eta: float) -> float:
    """Closed form for 2 and 3 dimensions by partial correlations (Lewandowski et al. 2009, section 2.2)."""

    def beta(r: float, b: float) -> float:
        return float(stats.beta(b, b, loc=-1, scale=2).logpdf(r))

    r12 = correlation[0, 1]
    if len(correlation) == 2:
        return beta(r12, eta)
    r13, r23 = correlation[0, 2], correlation[1, 2]
    spread = np.sqrt((1 - r12**2) * (1 - r13**2))
    partial = (r23 - r12 * r13) / spread
    return beta(r12, eta + 0.5) + beta(r13, eta + 0.5) + beta(partial, eta) - np.log(spread)


def correlation_of(partial: np.ndarray, size: int) -> np.ndarray:
    """Return the correlations r12, r13, r23 that partial correlations, moved to (0, 1), stand for."""
    r = 2 * partial - 1
    return (
        r
        if size == 2
        else np.array([r[0], r[1], r[2] * np.sqrt((1 - r[0] ** 2) * (1 - r[1] ** 2)) + r[0] * r[1]])
    )


def correlation_matrix(partial: np.ndarray, size: int) -> np.ndarray:
    correlation = np.eye(size)
    lower = np.tril_indices(size, -1)
    correlation[lower] = correlation.T[lower] = correlation_of(partial, size)
    return correlation


def partial_log_density(partial: np.ndarray, size: int) -> float:
    """Return the LKJ(2) density of the correlation matrix, times the Jacobian of its partial correlations."""
    # Complex steps: derivatives to the last digit
    steps = [correlation_of(partial + 1e-30j * e, size).imag / 1e-30 for e in np.eye(len(partial))]
    jacobian = np.log(abs(np.linalg.det(np.column_stack(steps))))
    return float(lkj_log_density(correlation_matrix(partial, size), 2.0) + jacobian)


def random_point(case: Case, rng: np.random.Generator) -> dict[str, np.ndarray]:
    """Return values of everything that the model samples, on the natural scale."""
    point: dict[str, Any] = {
        "beta": rng.normal(0, 1, 1 + len(case.x)),
        "v": rng.normal(size=(J, len(case.blocks))),
    }
    point["beta"][0] += 4
    for block in sorted(set(case.blocks)):
        size = case.blocks.count(block)
        if size == 1:
            point[f"sd_block{block}"] = np.exp(rng.normal())
        else:
            point[f"sd_block{block}"] = np.exp(rng.normal(-0.5, 0.5, size))
            point[f"partial_block{block}"] = rng.uniform(0.05, 0.95, size * (size - 1) // 2)
    point |= {"sd_sample": np.exp(rng.normal(-1)), "w": rng.normal(size=N)}
    if not case.poisson:
        point["log_theta"] = np.asarray(rng.normal(1, 1.5))
    return point


def log_density(case: Case, counts: xr.Dataset, point: dict[str, np.ndarray]) -> float:
    """Return the joint log density at ``point``, by scipy and the design made by hand."""
    x, z = columns(counts, case.x), columns(counts, case.z)
    root = np.zeros((len(case.blocks),) * 2)
    total = 0.0
    for block in sorted(set(case.blocks)):
        where = [k for k, other in enumerate(case.blocks) if other == block]
        scales = np.array(case.sd_scales)[where]
        if len(where) == 1:
            root[where[0], where[0]] = sd = point[f"sd_block{block}"]
            total += stats.halfnorm(scale=scales[0]).logpdf(sd)
        else:
            sd, partial = point[f"sd_block{block}"], point[f"partial_block{block}"]
            correlation = correlation_matrix(partial, len(where))
            root[np.ix_(where, where)] = sd[:, None] * np.linalg.cholesky(correlation)
            total += stats.halfnorm(scale=scales).logpdf(sd).sum() + partial_log_density(partial, len(where))
    total += stats.norm(4, 5).logpdf(point["beta"][0]) + stats.norm(0, 2.5).logpdf(point["beta"][1:]).sum()
    total += stats.norm.logpdf(point["v"]).sum() + stats.norm.logpdf(point["w"]).sum()
    total += stats.halfnorm(scale=1.0).logpdf(point["sd_sample"])

    offset = np.log(counts["total"].values / 1e6)
    log_mu = offset + x @ point["beta"] + point["v"] @ root.T @ z.T + point["sd_sample"] * point["w"]
    y, mu = counts["counts"].values[:J], np.exp(log_mu)
    if case.poisson:
        return float(total + stats.poisson.logpmf(y, mu).sum())
    theta = np.exp(point["log_theta"])
    total += stats.norm(1, 1.5).logpdf(point["log_theta"])
    return float(total + stats.nbinom.logpmf(y, theta, theta / (theta + mu)).sum())


def as_pymc(model: Any, point: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Rename and transform ``point`` for PyMC: logs of SDs, log odds of what lies in (0, 1)."""
    result: dict[str, Any] = {}
    for name, value in point.items():
        if name.startswith("sd_"):
            result[f"{name}_log__"] = np.log(value)
        elif name.startswith("partial"):
            result[f"{name}_logodds__"] = special.logit(value)
        elif name == "beta" and "beta_scaled" in model.named_vars:
            result["beta_scaled"] = value
        else:
            result[name] = value
    assert set(result) == {variable.name for variable in model.value_vars}
    return result


@pytest.mark.parametrize("name", CASES)
def test_log_density_is_that_of_scipy(name: str, counts: xr.Dataset) -> None:
    case = CASES[name]
    model = build_model(counts, "mir-1", **case.options)
    density = model.compile_logp(jacobian=False, mode=MODE)
    rng = np.random.default_rng(7)
    for _ in range(5):
        point = random_point(case, rng)
        expected = log_density(case, counts, point)
        # Relative: the log gamma functions of large counts cancel in the last digits.
        assert density(as_pymc(model, point)) == pytest.approx(expected, rel=1e-10, abs=1e-9)


@pytest.fixture(scope="module")
def rich(counts: xr.Dataset) -> tuple[Case, Any]:
    """A continuous slope and a nuisance block: every branch of the model."""
    case = CASES["K2 and nuisance factor"]
    return case, build_model(counts, "mir-1", **case.options)


def test_gradient_is_that_of_finite_differences(rich: tuple[Case, Any]) -> None:
    case, model = rich
    density, gradient = model.compile_logp(mode=MODE), model.compile_dlogp(mode=MODE)
    point = as_pymc(model, random_point(case, np.random.default_rng(11)))
    numeric = []
    for variable in model.value_vars:
        value = np.asarray(point[variable.name], dtype=float)
        for at in np.ndindex(value.shape):
            steps = []
            for sign in (1, -1):
                moved = value.copy()
                moved[at] += sign * 1e-5
                steps.append(density(point | {variable.name: moved}))
            numeric.append((steps[0] - steps[1]) / 2e-5)
    analytic = gradient(point)
    np.testing.assert_allclose(analytic, numeric, rtol=1e-6, atol=1e-7 * np.abs(analytic).max())


def test_reports_are_in_the_users_units(rich: tuple[Case, Any], counts: xr.Dataset) -> None:
    case, model = rich
    point = random_point(case, np.random.default_rng(13))
    names = ["beta", "omega", "sd_isomir", "correlation", "b", "u", "theta", "mu"]
    values = model.compile_fn(
        model.replace_rvs_by_values([model[name] for name in names]), inputs=model.value_vars, mode=MODE
    )(as_pymc(model, point))
    found = dict(zip(names, values, strict=True))
    x, z = model["x"].get_value(), model["z"].get_value()
    np.testing.assert_array_equal(x[:, 1], counts["age"].values)  # the user's years
    offset = np.log(counts["total"].values / 1e6)
    log_mu = offset + x @ found["beta"] + found["b"] @ z.T + found["u"]
    np.testing.assert_allclose(found["mu"], np.exp(log_mu), rtol=1e-12)

    age = counts["age"].values
    assert found["beta"][1] == pytest.approx(point["beta"][1] / age.std(ddof=1), rel=1e-12)
    units = np.eye(4)
    units[1, 1] = 1 / age.std(ddof=1)
    root = np.zeros((4, 4))
    for block, where in ((0, slice(0, 2)), (1, slice(2, 4))):
        correlation = correlation_matrix(point[f"partial_block{block}"], 2)
        root[where, where] = point[f"sd_block{block}"][:, None] * np.linalg.cholesky(correlation)
    omega = units @ root @ root.T @ units.T
    np.testing.assert_allclose(found["omega"], omega, rtol=1e-10, atol=1e-12)
    np.testing.assert_array_equal(found["omega"][:2, 2:], 0)  # the nuisance is independent
    np.testing.assert_allclose(found["sd_isomir"], np.sqrt(np.diag(omega)), rtol=1e-10)
    sd = np.sqrt(np.diag(omega))
    pairs = [omega[0, 1] / (sd[0] * sd[1]), omega[2, 3] / (sd[2] * sd[3])]
    np.testing.assert_allclose(found["correlation"], pairs, rtol=1e-10, atol=1e-12)
    assert list(model.coords["slope_pair"]) == ["Intercept, age", "batch[T.v], batch[T.w]"]
    assert found["theta"] == pytest.approx(np.exp(point["log_theta"]))


def test_dims_data_and_start(rich: tuple[Case, Any], counts: xr.Dataset) -> None:
    _, model = rich
    assert list(model.coords["isomir"]) == [f"i{j}" for j in range(J)]
    assert list(model.coords["sample_id"]) == [f"s{i}" for i in range(N)]
    assert list(model.coords["term"]) == ["Intercept", "age"]
    assert list(model.coords["slope_term"]) == ["Intercept", "age", "batch[T.v]", "batch[T.w]"]
    assert model.named_vars_to_dims["counts"] == ("isomir", "sample_id")
    assert model.named_vars_to_dims["b"] == ("isomir", "slope_term")
    assert model.named_vars_to_dims["omega"] == ("slope_term", "slope_term2")
    observed = model.rvs_to_values[model["counts"]].data
    np.testing.assert_array_equal(observed, counts["counts"].values[:J])
    start = model.initial_point()
    assert np.isfinite(model.compile_logp(mode=MODE)(start))
    np.testing.assert_array_equal(start["v"], np.zeros((J, 4)))


def test_changed_priors_and_models_reach_pymc(counts: xr.Dataset) -> None:
    spec = load_model("reduced").with_prior("sd_isomir_intercept", scale=0.1)
    narrow = build_model(counts, "mir-1", "~ two", model=spec)
    wide = build_model(counts, "mir-1", "~ two", model="reduced")
    densities = [
        model.compile_logp(vars=model["sd_block0"], jacobian=False, mode=MODE)(
            model.initial_point() | {"sd_block0_log__": np.log(0.2)}
        )
        for model in (narrow, wide)
    ]
    expected = [stats.halfnorm(scale=scale).logpdf(0.2) for scale in (0.1, 2.5)]
    np.testing.assert_allclose(densities, expected, rtol=1e-12)
    assert "theta" not in build_model(counts, "mir-1", "~ two", model="poisson").named_vars
    no_sample = load_model("reduced").to_dict()
    no_sample["random_effects"]["sample_intercept"] = False
    del no_sample["priors"]["sd_sample"]
    bare = build_model(counts, "mir-1", "~ two", model=type(spec).from_dict(no_sample))
    assert not {"u", "w", "sd_sample"} & set(bare.named_vars)


def test_refusals(counts: xr.Dataset) -> None:
    with pytest.raises(InputError, match=r"miRNA 'mir-3' is not in the counts. Did you mean 'mir-"):
        build_model(counts, "mir-3", "~ two")
    with pytest.raises(InputError, match=r"miRNA 'mir-2' has one isomiR; the model needs at least two"):
        build_model(counts, "mir-2", "~ two")
    gone = pd.DataFrame(
        {"isomir": ["x", "y"], "mirna": "mir-9", "reason": "low_mirna_expression", "log_cpm": [0.1, 0.2]}
    )
    with pytest.raises(InputError, match=r"no isomiR left. Filters dropped 2 .*\(low_mirna_expression\)"):
        build_model(with_dropped(counts, gone), "mir-9", "~ two")
    with pytest.raises(InputError, match=r"slope='two' was given, but model 'reduced' has no isomiR slope"):
        build_model(counts, "mir-1", "~ two", slope="two", model="reduced")
    with pytest.raises(InputError, match="'dose'"):
        build_model(counts, "mir-1", "~ dose")
    with pytest.raises(InputError, match="offset"):
        build_model(counts, "mir-1", "~ two", offset="totals")


@pytest.mark.slow
def test_nuts_finds_simulated_parameters() -> None:
    import pymc as pm

    from bayes_mirglmm.simulation.from_model import simulate

    simulation = simulate(
        10, n_mirnas=1, n_isomirs=15, beta={"group[T.B]": 1.0}, theta=8.0, sd_sample=0.3, seed=4
    )
    model = build_model(simulation.counts, "sim-miR-1", "~ group")
    trace = pm.sample(500, tune=500, chains=2, model=model, random_seed=1, progressbar=False)
    assert float(trace.sample_stats["diverging"].sum()) < 10
    truth = {"theta": 8.0, "sd_sample": 0.3}
    for name, value in truth.items():
        draws = trace.posterior[name]
        assert abs(float(draws.mean()) - value) < 4 * float(draws.std())
    change = trace.posterior["beta"].sel(term="group[T.B]")
    assert abs(float(change.mean()) - 1.0) < 4 * float(change.std())
    assert float(change.std()) < 0.5
