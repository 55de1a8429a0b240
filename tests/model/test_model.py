"""Model specifications: the shipped files, strict checks, round trips, and the units of priors."""

import json
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from bayes_mirglmm.errors import InputError
from bayes_mirglmm.model import (
    LKJ,
    HalfNormal,
    LogNormal,
    ModelSpec,
    Normal,
    Priors,
    load_model,
    shipped_models,
)
from bayes_mirglmm.model.scaling import SdArrays, fixed_effect_priors, isomir_sd_priors, to_user

DEFAULT = Priors(
    intercept=Normal(4.0, 5.0),
    beta=Normal(0.0, 2.5),
    sd_isomir_intercept=HalfNormal(2.5),
    sd_isomir_slope=HalfNormal(1.0),
    sd_isomir_nuisance=HalfNormal(1.0),
    correlation=LKJ(2.0),
    sd_sample=HalfNormal(1.0),
    log_theta=Normal(1.0, 1.5),
    sd_term=HalfNormal(1.0),
)


def shipped_text(name: str = "mirglmm") -> str:
    return shipped_models()[name].read_text(encoding="utf-8")


def refusal(tmp_path: Path, text: str | bytes) -> str:
    """Return the message that a model file with ``text`` is refused with."""
    path = tmp_path / "mine.toml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(InputError) as error:
        load_model(path)
    assert "mine.toml" in str(error.value)
    return str(error.value)


def test_shipped_models_are_what_the_documentation_says() -> None:
    assert list(shipped_models()) == ["mirglmm", "poisson", "reduced"]
    full, poisson, reduced = (load_model(name) for name in shipped_models())
    assert (full.name, poisson.name, reduced.name) == ("mirglmm", "poisson", "reduced")
    assert full.priors == DEFAULT
    assert (full.family, full.isomir_slope, full.sample_intercept) == ("negative_binomial", True, True)
    assert (poisson.family, poisson.isomir_slope, poisson.sample_intercept) == ("poisson", True, True)
    assert (reduced.family, reduced.isomir_slope, reduced.sample_intercept) == (
        "negative_binomial",
        False,
        True,
    )
    assert reduced == full.reduced()
    assert reduced.reduced() is reduced
    for spec in (full, poisson, reduced):
        assert spec.description
        assert all(prior.why for prior in spec.priors.given().values())
        # A prior that is not about the difference is the default's.
        own, default = spec.priors.given(), full.priors.given()
        assert own == {name: default[name] for name in own}


def test_a_copied_file_is_the_same_model_and_a_changed_one_is_not(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_bytes(b"\xef\xbb\xbf" + shipped_text().replace('name = "mirglmm"', 'name = "mine"').encode())
    mine = load_model(str(path))
    assert mine == load_model("mirglmm")
    assert hash(mine) == hash(load_model("mirglmm"))
    assert mine.name == "mine"
    path.write_text(shipped_text().replace("eta = 2.0", "eta = 1"), encoding="utf-8")
    assert load_model(path) != load_model("mirglmm")
    assert load_model(path).priors.correlation == LKJ(1.0)
    assert load_model(mine) is mine


def test_a_file_without_the_prior_of_random_terms_has_the_default(tmp_path: Path) -> None:
    parts = re.split(r"(?=\n\[)", shipped_text())
    path = tmp_path / "old.toml"
    path.write_text("".join(part for part in parts if "[priors.sd_term]" not in part), encoding="utf-8")
    assert len(path.read_text().splitlines()) < len(shipped_text().splitlines())
    old = load_model(path)
    assert old == load_model("mirglmm")
    assert old.priors.sd_term == HalfNormal(1.0)
    assert "patients" in old.priors.sd_term.why
    # So does a specification that was saved before there was such a prior.
    saved = load_model("reduced").to_dict()
    del saved["priors"]["sd_term"]
    assert ModelSpec.from_dict(saved) == load_model("reduced")
    assert old.with_prior("sd_term", scale=0.3).priors.sd_term == HalfNormal(0.3)
    assert old.with_prior("sd_term", scale=0.3) != old
    text = shipped_text().replace("[priors.sd_term]", "[priors.sd_terms]")
    assert "unknown key 'sd_terms'. Did you mean 'sd_term'" in refusal(tmp_path, text)


def test_a_shipped_name_wins_over_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("mirglmm").write_text(shipped_text("poisson"), encoding="utf-8")
    assert load_model("mirglmm").family == "negative_binomial"
    assert load_model("./mirglmm").family == "poisson"


@pytest.mark.parametrize("name", ["mirglmm", "poisson", "reduced"])
def test_round_trip_through_json_keeps_everything(name: str) -> None:
    spec = load_model(name)
    again = ModelSpec.from_dict(json.loads(json.dumps(spec.to_dict())))
    assert again == spec
    assert again.to_dict() == spec.to_dict()  # names, descriptions and reasons too


def test_with_prior_replaces_one_prior() -> None:
    full = load_model("mirglmm")
    half = full.with_prior("sd_isomir_slope", scale=0.5)
    assert half.priors.sd_isomir_slope == HalfNormal(0.5)
    assert half.priors.sd_isomir_slope is not None
    assert half.priors.sd_isomir_slope.why == "changed from scale = 1"
    assert half != full
    assert half.with_prior("sd_isomir_slope", scale=1) == full
    assert half.reduced() == full.reduced()
    assert full.with_prior("intercept", mean=3, why="low").priors.intercept == Normal(3.0, 5.0)
    with pytest.raises(InputError, match=r"unknown prior 'sd_slope'\. Did you mean .*'sd_isomir_slope'"):
        full.with_prior("sd_slope", scale=1.0)
    with pytest.raises(InputError, match=r"unknown prior 'sd_isomir_slope'"):
        load_model("reduced").with_prior("sd_isomir_slope", scale=1.0)
    with pytest.raises(InputError, match=r"unknown key 'sd'.*Allowed: distribution, scale, why"):
        full.with_prior("sd_sample", sd=1.0)
    with pytest.raises(InputError, match=r"priors\.sd_sample\.scale is 0: it must be above 0"):
        full.with_prior("sd_sample", scale=0)


SLOPE = 'distribution = "half_normal"\nscale = 1.0\nwhy = "isomiRs rarely'
LOG_SLOPE = SLOPE.replace("half_normal", "log_normal").replace("scale = 1.0", "mean = -1.5\nsd = 0.7")
SLAB = '[priors.slope_slab]\ndistribution = "half_normal"\nscale = 0.5\nwhy = "mine"\n\n'


def test_a_standard_deviation_may_have_a_log_normal_prior(tmp_path) -> None:
    text = shipped_text().replace(SLOPE, LOG_SLOPE)
    assert "log_normal" in text
    path = tmp_path / "mine.toml"
    path.write_text(text, encoding="utf-8")
    spec = load_model(path)
    assert spec.priors.sd_isomir_slope == LogNormal(-1.5, 0.7)
    assert spec.priors.compared_slope == HalfNormal(1.0)  # the default
    path.write_text(text.replace("[priors.sd_sample]", SLAB + "[priors.sd_sample]"), encoding="utf-8")
    own = load_model(path)
    assert own.priors.compared_slope == HalfNormal(0.5)
    assert own.compared().priors.sd_isomir_slope == HalfNormal(0.5)
    assert own != spec
    assert ModelSpec.from_dict(own.to_dict()) == own
    assert "slope_slab" not in own.reduced().to_dict()["priors"]
    assert load_model("mirglmm").compared() == load_model("mirglmm")
    assert refusal(tmp_path, shipped_text().replace("[priors.sd_sample]", SLAB + "[priors.sd_sample]")).count(
        "priors.slope_slab stands beside a log-normal priors.sd_isomir_slope alone"
    )


def test_another_distribution_for_one_parameter() -> None:
    full = load_model("mirglmm")
    changed = full.with_prior("sd_sample", distribution="log_normal", mean=-1.0, sd=0.5)
    assert changed.priors.sd_sample == LogNormal(-1.0, 0.5)
    assert changed.priors.sd_sample.why == "changed from HalfNormal(scale=1.0)"
    assert changed.with_prior("sd_sample", mean=-2.0).priors.sd_sample == LogNormal(-2.0, 0.5)
    with pytest.raises(InputError, match=r"priors\.log_theta: unknown distribution 'half_normal'"):
        full.with_prior("log_theta", distribution="half_normal", scale=1.0)
    with pytest.raises(InputError, match=r"missing sd"):
        full.with_prior("sd_sample", distribution="log_normal", mean=-1.0)


def test_densities_of_standard_deviations_are_those_of_scipy() -> None:
    sds = SdArrays.of([HalfNormal(0.7), LogNormal(-1.2, 0.4)])
    s = np.array([[0.1, 0.1], [2.0, 0.5]])
    wanted = np.column_stack(
        [
            stats.halfnorm(scale=0.7).logpdf(s[:, 0]),
            stats.lognorm(s=0.4, scale=np.exp(-1.2)).logpdf(s[:, 1]),
        ]
    )
    np.testing.assert_allclose(sds.log_density(s), wanted, rtol=1e-13)
    np.testing.assert_array_equal(np.isfinite(sds.log_density(np.zeros(2))), [True, False])


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("family =", "famly =", r"unknown key 'famly'. Did you mean 'family'\? Allowed: name, family"),
        ("isomir_slope = true", "slope = true", r"\[random_effects\]: unknown key 'slope'.*isomir_slope"),
        ("[priors.sd_sample]", "[priors.sd_smaple]", r"unknown key 'sd_smaple'. Did you mean 'sd_sample'"),
        ("eta = 2.0", "eta = 2.0\nscale = 1.0", r"priors.correlation: unknown key 'scale'"),
        ("scale = 2.5", "scale = -2.5", r"priors.sd_isomir_intercept.scale is -2.5: it must be above 0"),
        ("scale = 2.5", "scale = 0", r"scale is 0: it must be above 0"),
        ("scale = 2.5", "scale = inf", r"scale is inf: give a finite number"),
        ("sd = 5.0", "sd = nan", r"priors.intercept.sd is nan: give a finite number"),
        ("scale = 2.5", 'scale = "2.5"', r"scale is '2.5', not a number: write it without quotes"),
        ("scale = 2.5", "scale = true", r"scale is True, not a number"),
        ("mean = 4.0", f"mean = 1{'0' * 400}", r"mean is 1000+: give a finite number"),
        ("isomir_slope = true ", "isomir_slope = 1 ", r"isomir_slope is 1: allowed are true and false"),
        ('"negative_binomial"', '"negbin"', r"unknown family 'negbin'.*Allowed: negative_binomial, poisson"),
        ('"negative_binomial"', "3", r"family is 3, not text"),
        ('"half_normal"', '"half_cauchy"', r"unknown distribution 'half_cauchy'.*Allowed: half_normal"),
        ('distribution = "lkj"\n', "", r"priors.correlation: missing distribution. Allowed: lkj"),
        ('distribution = "half_normal"\nscale = 2.5', 'distribution = "half_normal"', r"missing scale"),
        ('name = "mirglmm"\n', "", r"missing name"),
        (
            "isomir_slope = true ",
            "isomir_slope = false ",
            r"priors.sd_isomir_slope is the prior of a parameter",
        ),
        ('"negative_binomial"', '"poisson"', r"priors.log_theta is the prior of a parameter that family"),
        ("[priors.log_theta]", "[extra]", r"unknown key 'extra'"),
    ],
)
def test_a_wrong_file_is_refused_with_key_and_remedy(
    tmp_path: Path, old: str, new: str, message: str
) -> None:
    text = shipped_text()
    assert old in text
    assert re.search(message, refusal(tmp_path, text.replace(old, new, 1)))


def test_missing_parts_are_named(tmp_path: Path) -> None:
    text = shipped_text()
    head, tail = text.split("[priors.log_theta]")
    assert "missing priors.log_theta, a parameter that family puts into the model" in refusal(tmp_path, head)
    cut = text.split("[priors.correlation]")[0]
    assert "[priors]: missing correlation" in refusal(tmp_path, cut + "[priors.log_theta]" + tail)
    assert "random_effects is 1, not a table" in refusal(
        tmp_path, 'name = "a"\nfamily = "poisson"\nrandom_effects = 1\npriors = 2'
    )


def test_a_file_that_is_not_toml_is_refused(tmp_path: Path) -> None:
    lines = shipped_text().splitlines()
    number = next(i for i, line in enumerate(lines, start=1) if line.startswith("family"))
    lines[number - 1] = "family = negative_binomial"
    assert f"line {number}" in refusal(tmp_path, "\n".join(lines))
    assert "not UTF-8" in refusal(tmp_path, b'name = "caf\xe9"')
    assert "larger than" in refusal(tmp_path, b"#" * 2_000_000)
    assert "nested too deeply" in refusal(tmp_path, "\n".join(["a = [", *["["] * 5000]))
    assert "line 1: 40,005 characters" in refusal(tmp_path, "a." * 20_000 + "b = 1")
    with pytest.raises(InputError, match="is not a file"):
        load_model(tmp_path)
    with pytest.raises(InputError, match=r"there is no model file '.*none\.toml'"):
        load_model(tmp_path / "none.toml")
    with pytest.raises(
        InputError, match=r"unknown name 'mirglm'\. Did you mean 'mirglmm'\?.*poisson, reduced"
    ):
        load_model("mirglm")
    with pytest.raises(InputError, match="model is None"):
        load_model(None)  # type: ignore[arg-type]


def test_priors_built_in_python_are_checked_too() -> None:
    with pytest.raises(InputError, match="scale is -1: it must be above 0"):
        HalfNormal(-1)
    assert Normal(1, 2) == Normal(1.0, 2.0, why="prose")
    with pytest.raises(InputError, match=r"missing priors\.sd_sample"):
        ModelSpec(
            "x",
            "poisson",
            False,
            True,
            Priors(DEFAULT.intercept, DEFAULT.beta, HalfNormal(1), HalfNormal(1), LKJ(2)),
        )


def test_reading_a_model_does_not_import_pymc() -> None:
    code = "import sys; from bayes_mirglmm.model import load_model; load_model('mirglmm'); print('pymc' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def test_effects_of_scaled_columns_give_the_same_predictor_in_user_units() -> None:
    rng = np.random.default_rng(3)
    age, year = rng.normal(50, 10, 12), np.repeat([2020.0, 2023.0], 6)
    dummy, contrast = np.tile([0.0, 1.0], 6), np.tile([-1.0, 0.0, 1.0], 4)
    x = np.column_stack([np.ones(12), dummy, age, year, contrast, dummy - 0.5])
    scaled = x.copy()
    scaled[:, 2] = (age - age.mean()) / age.std(ddof=1)
    scaled[:, 3] = (year - 2020) / 3  # two values: the one against the other
    scaled[:, 4] = contrast / contrast.std(ddof=1)  # of a covariate: a factor has no column of three values
    effects = rng.normal(size=6)
    units = to_user(x)
    np.testing.assert_allclose(x @ units @ effects, scaled @ effects, rtol=0, atol=1e-10)
    # Dummies keep their meaning, and a centred nuisance column is not tied to the intercept.
    np.testing.assert_array_equal(units[:, [0, 1, 5]], np.eye(6)[:, [0, 1, 5]])
    shifted = x.copy()
    shifted[:, 2] = age * 365.25 - 4000
    shifted[:, 3], shifted[:, 4] = 10 * year - 7, 3 * contrast + 1
    np.testing.assert_allclose(shifted @ to_user(shifted), x @ units, rtol=0, atol=1e-10)


def test_a_column_without_spread_is_refused() -> None:
    x = np.column_stack([np.ones(4), 1e12 + np.array([0.0, 0.1, 0.2, 0.1])])
    with pytest.raises(InputError, match="column 2 of the design spreads by"):
        to_user(x)


def test_priors_as_arrays() -> None:
    fixed = fixed_effect_priors(DEFAULT, 3)
    np.testing.assert_array_equal(fixed.mean, [4.0, 0.0, 0.0])
    np.testing.assert_array_equal(fixed.sd, [5.0, 2.5, 2.5])
    spec = load_model("mirglmm").with_prior("sd_isomir_nuisance", scale=0.7)
    np.testing.assert_array_equal(
        SdArrays.of(isomir_sd_priors(spec.priors, (0, 0, 0, 1))).scale, [2.5, 1.0, 1.0, 0.7]
    )
    np.testing.assert_array_equal(
        SdArrays.of(isomir_sd_priors(spec.reduced().priors, (0, 1))).scale, [2.5, 0.7]
    )
    assert spec.random_columns((0, 0, 0, 1)) == [0, 1, 2, 3]
    assert spec.reduced().random_columns((0, 0, 0, 1)) == [0, 3]
