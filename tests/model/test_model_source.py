"""The source of the readable model: run, it has the log density, names and dims of the model itself."""

import ast

import numpy as np
import pandas as pd
import pytest

import bayes_mirglmm as bm

SAMPLES = pd.DataFrame(
    {
        "group": ["A", "B", "C"] * 4,
        "age": np.linspace(30.0, 61.0, 12),
        "batch": ["p"] * 5 + ["q"] * 7,
        "patient": np.repeat([f"p{i}" for i in range(6)], 2),
    },
    index=[f"s{i}" for i in range(12)],
)
MODE = "FAST_COMPILE"  # C code or numba would take longer to compile than everything else here
LOG_NORMAL = {"distribution": "log_normal", "mean": -1.2, "sd": 0.6}
LOG_SLOPES = bm.load_model("mirglmm").with_prior("sd_isomir_slope", **LOG_NORMAL)
LOG_SDS = bm.load_model("mirglmm")
for _name in ("sd_isomir_intercept", "sd_isomir_slope", "sd_sample", "sd_term"):
    LOG_SDS = LOG_SDS.with_prior(_name, **LOG_NORMAL)
NASTY = 'miR-"""\\n\'x'


@pytest.fixture(scope="module")
def counts():
    drawn = bm.simulate(
        samples=SAMPLES, formula="~ group + age + batch", n_mirnas=1, n_isomirs=3, seed=4
    ).counts
    names = drawn["mirna"].values.astype(object)
    return drawn.assign_coords(mirna=("isomir", np.where(names == "sim-miR-1", NASTY, names)))


def run(source: str):
    names: dict = {}
    exec(compile(source, "<source>", "exec"), names)
    return names["model"]


@pytest.mark.parametrize(
    ("formula", "options"),
    [
        ("~ batch", {}),
        ("~ group + age", {"nuisance": ["batch"]}),
        ("~ group", {"model": "poisson"}),
        ("~ batch", {"model": "reduced"}),
        ("~ batch + (age | patient)", {}),
        ("~ group", {"model": LOG_SLOPES}),
        ("~ batch + (age | patient)", {"model": LOG_SDS}),
        ("~ batch + (1 | patient)", {"sample_covariance": np.eye(12) + 0.3}),
    ],
)
def test_the_source_is_the_model(counts, formula, options):
    model = bm.build_model(counts, NASTY, formula, **options)
    own = run(bm.model_source(counts, NASTY, formula, **options))
    assert {v.name for v in own.free_RVs} == {v.name for v in model.free_RVs}
    assert {v.name for v in own.deterministics} == {v.name for v in model.deterministics}
    for variable in (*model.free_RVs, *model.deterministics, *model.observed_RVs):
        assert own.named_vars_to_dims.get(variable.name) == model.named_vars_to_dims.get(variable.name)
    assert {name: list(v) for name, v in own.coords.items()} == {
        name: list(v) for name, v in model.coords.items()
    }
    rng = np.random.default_rng(1)
    densities = [m.compile_logp(mode=MODE) for m in (model, own)]
    start = model.initial_point()
    for _ in range(3):
        point = {name: value + 0.3 * rng.normal(size=np.shape(value)) for name, value in start.items()}
        wanted, found = (float(logp(point)) for logp in densities)
        assert np.isfinite(wanted)
        assert found == pytest.approx(wanted, abs=1e-8 * abs(wanted))


def test_it_needs_nothing_of_this_package_and_reads_as_python(counts):
    source = bm.model_source(counts, NASTY, "~ batch")
    imported = {
        a.name for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Import) for a in node.names
    }
    assert imported == {"numpy", "pymc", "pytensor.tensor"}
    assert 'w = pm.Normal("w", dims="sample_id")' in source
    edited = source.replace(
        'w = pm.Normal("w", dims="sample_id")', 'w = pm.StudentT("w", nu=4, dims="sample_id")'
    )
    assert "StudentT" in str(type(run(edited)["w"].owner.op))


def test_the_source_of_a_fit_is_that_of_its_model(counts):
    fit = bm.fit(counts, "~ group + age", mirnas=[NASTY], progress=False)
    for which in (None, "reduced"):
        model, own = fit.build_model(NASTY, model=which), run(fit.model_source(NASTY, model=which))
        point = model.initial_point()
        assert float(own.compile_logp(mode=MODE)(point)) == pytest.approx(
            float(model.compile_logp(mode=MODE)(point)), rel=1e-10
        )
