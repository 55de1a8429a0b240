"""A run that is killed goes on; what is of another fit is refused; parts make a whole."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

import bayes_mirglmm as bm
from bayes_mirglmm import interruption
from bayes_mirglmm.errors import InputError, SaveError
from bayes_mirglmm.fitting.shards import as_shard, dealt
from bayes_mirglmm.interruption import stop_point
from bayes_mirglmm.ledger import Ledger, read_ledger
from bayes_mirglmm.marginal import optimize
from bayes_mirglmm.methods import maximum_likelihood, nested_laplace
from bayes_mirglmm.results.run_folder import LEDGER, SHARD
from bayes_mirglmm.results.run_lock import RUN_LOCK, held

QUICK = {"reference": {"group": "ctrl"}, "progress": False}
FEW = {"draws": 20, "tune": 20, "chains": 1}
SETTINGS = {"ml": {}, "laplace": {}, "nuts": FEW}


@pytest.fixture(scope="module")
def counts():
    made = bm.simulate(4, ("ctrl", "case"), n_mirnas=9, n_isomirs=4, beta={"Intercept": 5.0}, seed=4).counts
    return bm.filter_counts(made)


@pytest.fixture(scope="module")
def whole(counts):
    return {
        method: bm.fit(counts, "~ group", method=method, **QUICK, **more) for method, more in SETTINGS.items()
    }


def assert_same_numbers(a: bm.Fit, b: bm.Fit) -> None:
    """Bit for bit, but for the time that it took."""
    assert set(a.data.variables) == set(b.data.variables)
    for one, other in ((a, b), (a.ml, b.ml)):
        for name in set(one.data.variables) - {"seconds"}:
            np.testing.assert_array_equal(one.data[name].values, other.data[name].values, err_msg=str(name))
    for name, table in a.tables().items():
        other = b.tables()[name]
        pd.testing.assert_frame_equal(
            table.drop(columns="seconds", errors="ignore"),
            other.drop(columns="seconds", errors="ignore"),
            check_exact=True,
        )


def cut(folder: Path, share: float) -> None:
    """Leave what a kill leaves: a prefix."""
    path = folder / LEDGER
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * share)])


@pytest.mark.parametrize("method", SETTINGS)
def test_a_run_that_goes_on_has_the_numbers_of_one_that_was_not_killed(counts, whole, tmp_path, method):
    call = {"method": method, **QUICK, **SETTINGS[method], "ledger": tmp_path / "run"}
    first = bm.fit(counts, "~ group", **call)
    assert_same_numbers(first, whole[method])
    cut(tmp_path / "run", 0.6)
    known = len(read_ledger(tmp_path / "run" / LEDGER).pairs)
    assert 0 < known < 9
    with pytest.raises(
        InputError, match=r"holds a run that is not finished: go on with resume=True \(--resume\)"
    ):
        bm.fit(counts, "~ group", **call)
    again = bm.fit(counts, "~ group", resume=True, **call)
    assert_same_numbers(again, whole[method])
    assert len(read_ledger(tmp_path / "run" / LEDGER).pairs) == len(set(counts["mirna"].values))
    again.save(tmp_path / "run")
    assert not (tmp_path / "run" / LEDGER).exists()
    assert not (tmp_path / "run" / RUN_LOCK).exists()
    assert_same_numbers(bm.fit(counts, "~ group", resume=True, **call), whole[method])


def test_what_is_finished_is_not_fitted_again(counts, tmp_path, monkeypatch):
    bm.fit(counts, "~ group", ledger=tmp_path / "run", **QUICK)
    cut(tmp_path / "run", 0.5)
    known = set(read_ledger(tmp_path / "run" / LEDGER).pairs)
    original, fitted = maximum_likelihood.fit_mirna, []

    def count(plan, mirna, *rest):
        fitted.append(mirna)
        return original(plan, mirna, *rest)

    monkeypatch.setattr(maximum_likelihood, "fit_mirna", count)
    bm.fit(counts, "~ group", ledger=tmp_path / "run", resume=True, **QUICK)
    assert set(fitted) == set(counts["mirna"].values) - known
    assert len(fitted) == len(set(fitted))


def changed_counts(counts):
    values = counts["counts"].values.copy()
    values[0, 0] += 1
    return counts.assign(counts=(("isomir", "sample"), values)).assign_coords(total=counts["total"] + 1)


def poisson():
    return bm.load_model("poisson")


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"counts": changed_counts}, r"the counts \(other files, samples or filters\) differ"),
        ({"formula": "~ 1", "reference": None}, r"formula was '~ group' and is '~ 1'"),
        ({"reference": {"group": "case"}}, r"levels: group was \['ctrl', 'case'\] and is \['case', 'ctrl'\]"),
        ({"model": poisson}, r"model: name was 'mirglmm' and is 'poisson'"),
        ({"method": "laplace"}, "method was 'ml' and is 'laplace'"),
        ({"offset": "tmm"}, "offset was 'total' and is 'tmm'; the offsets of the samples differ"),
        ({"curvature": "expected"}, "curvature was 'observed' and is 'expected'"),
        ({"max_seconds": 7}, "max_seconds was not given and is 7.0"),
        ({"versions": "0.0.1"}, r"versions: bayes-mirglmm was '[^']+' and is '0\.0\.1'"),
        ({"shard": "1/2"}, r"shard was not given and is \[1, 2\]"),
    ],
)  # fmt: skip
def test_another_fit_is_not_continued(counts, tmp_path, monkeypatch, change, told):
    folder = tmp_path / "run"
    bm.fit(counts, "~ group", ledger=folder, **QUICK)
    before = (folder / LEDGER).read_bytes()
    call: dict = {"counts": counts, "formula": "~ group", **QUICK} | change
    if "versions" in change:
        from bayes_mirglmm.fitting import whole as module

        own = module.versions_here()
        monkeypatch.setattr(module, "versions_here", lambda: own | {"bayes-mirglmm": "0.0.1"})
        del call["versions"]
    call = {k: v(counts) if v is changed_counts else v() if v is poisson else v for k, v in call.items()}
    with pytest.raises(InputError, match=told):
        bm.fit(**call, ledger=folder, resume=True)
    assert (folder / LEDGER).read_bytes() == before
    assert not (folder / RUN_LOCK).exists()


def test_a_finished_run_of_another_fit_is_not_continued(counts, whole, tmp_path):
    fit = bm.fit(counts, "~ group", ledger=tmp_path / "run", **QUICK)
    fit.save(tmp_path / "run")
    with pytest.raises(InputError, match="seed was 1 and is 2"):
        bm.fit(counts, "~ group", ledger=tmp_path / "run", resume=True, seed=2, **QUICK)
    whole["ml"].save(tmp_path / "old")
    with pytest.raises(InputError, match="does not say what it depends on"):
        bm.fit(counts, "~ group", ledger=tmp_path / "old", resume=True, **QUICK)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"usage_test": "lrt"}, "usage_test was 'auto' and is 'lrt'"),
        ({"prob": 0.9}, "prob was 0.95 and is 0.9"),
        ({"df": "z"}, "df was 't' and is 'z'"),
        ({"samples": "shared"}, "samples was 'independent' and is 'shared'"),
        ({"nuisance": "batch"}, r"nuisance was \[\] and is \['batch'\]"),
        ({"formula": "~ group + (1 | batch)"}, r"formula was '~ group' and is '~ group \+ \(1 \| batch\)'"),
        ({"sample_covariance": np.eye(8)}, "sample_covariance differ"),
        ({"criterion": "reml"}, "criterion was 'ml' and is 'reml'"),
    ],
)
def test_a_finished_run_with_other_choices_is_not_taken_for_this_one(counts, tmp_path, change, told):
    """Its miRNAs may be the same: its tables are not."""
    batched = counts.assign_coords(batch=("sample", list("xyxyxyxy")))
    call = {"formula": "~ group", "ledger": tmp_path / "run", **QUICK}
    bm.fit(batched, **call).save(tmp_path / "run")
    assert len(bm.fit(batched, **call, resume=True)) == 9
    with pytest.raises(InputError, match=told):
        bm.fit(batched, **(call | change), resume=True)


def test_other_priors_are_another_fit(counts, tmp_path):
    call = {"formula": "~ group", "method": "laplace", "mirnas": "sim-miR-1", "ledger": tmp_path, **QUICK}
    bm.fit(counts, **call)
    priors = bm.load_model("mirglmm").with_prior("sd_sample", scale=0.5).priors
    with pytest.raises(InputError, match="priors: sd_sample: scale was 1"):
        bm.fit(counts, **call, priors=priors, resume=True)


def test_an_interrupted_run_is_saved_and_goes_on(counts, whole, tmp_path, monkeypatch):
    original, calls = maximum_likelihood.fit_mirna, []

    def interrupted(*given):
        calls.append(1)
        if len(calls) == 4:
            signal.raise_signal(signal.SIGTERM)
            while True:
                stop_point()
                time.sleep(0.01)
        return original(*given)

    monkeypatch.setattr(maximum_likelihood, "fit_mirna", interrupted)
    folder = tmp_path / "run"
    fit = bm.fit(counts, "~ group", ledger=folder, **QUICK)
    assert fit.metadata["interrupted"] == "SIGTERM"
    fit.save(folder)
    assert (folder / LEDGER).exists()
    assert (fit.status()["status"] == "interrupted").any()
    again = bm.fit(counts, "~ group", ledger=folder, resume=True, **QUICK)
    assert_same_numbers(again, whole["ml"])
    again.save(folder)
    assert not (folder / LEDGER).exists()
    assert_same_numbers(bm.load(folder), whole["ml"])


def test_two_processes_in_one_folder(counts, tmp_path):
    """The second one is refused, whatever it wants, and the first one loses nothing."""
    folder = tmp_path / "run"
    script = (
        "import sys, time\nfrom pathlib import Path\nfrom bayes_mirglmm.results.run_lock import held\n"
        "with held(Path(sys.argv[1])):\n    print('held', flush=True)\n    time.sleep(600)\n"
    )
    other = subprocess.Popen([sys.executable, "-c", script, str(folder)], stdout=subprocess.PIPE, text=True)
    try:
        assert other.stdout is not None
        assert other.stdout.readline() == "held\n"
        told = rf"is being written by another process {other.pid} on "
        for more in ({}, {"resume": True}):
            with pytest.raises(InputError, match=told):
                bm.fit(counts, "~ group", ledger=folder, **QUICK, **more)
        with pytest.raises(InputError, match=told):
            bm.fit(counts, "~ group", **QUICK).save(folder, force=True)
    finally:
        other.kill()
        other.wait()
        other.stdout.close()
    bm.fit(counts, "~ group", ledger=folder, **QUICK).save(folder)  # a killed one holds nothing
    assert not (folder / RUN_LOCK).exists()


def test_a_lock_leaves_no_empty_folder_of_its_own_and_keeps_yours(tmp_path):
    with held(tmp_path / "a" / "b"), held(tmp_path / "a" / "b"):
        assert (tmp_path / "a" / "b" / RUN_LOCK).exists()
    assert not (tmp_path / "a" / "b").exists()
    (tmp_path / "mine").mkdir()
    with held(tmp_path / "mine"):
        pass
    assert (tmp_path / "mine").is_dir()


def test_a_folder_of_something_else_is_refused(counts, tmp_path):
    (tmp_path / "thesis.docx").write_text("x")
    for more in ({}, {"resume": True}):
        with pytest.raises(InputError, match="holds files that are not a run"):
            bm.fit(counts, "~ group", ledger=tmp_path, **QUICK, **more)


@pytest.mark.skipif(os.geteuid() == 0, reason="root writes anywhere")
def test_a_folder_that_cannot_be_written_to(counts, tmp_path):
    tmp_path.chmod(0o500)
    with pytest.raises((SaveError, OSError)):
        bm.fit(counts, "~ group", ledger=tmp_path / "run", **QUICK)


def test_a_disk_that_is_full_from_the_start(counts, tmp_path, monkeypatch):
    def full(*given, **more):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Ledger, "__init__", full)
    with pytest.raises(SaveError, match=r"cannot be written .*No space left on device"):
        bm.fit(counts, "~ group", ledger=tmp_path / "run", **QUICK)


def test_nothing_is_left_of_a_run_that_was_refused(counts, tmp_path):
    with pytest.raises(InputError):
        bm.fit(counts, "~ nothing", ledger=tmp_path / "run", **QUICK)
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("method", SETTINGS)
def test_parts_make_the_whole(counts, whole, tmp_path, method):
    more = SETTINGS[method]
    for k in (2, 1, 3):
        part = bm.fit(
            counts, "~ group", method=method, shard=(k, 3), ledger=tmp_path / f"{k}", **QUICK, **more
        )
        assert (part.status()["status"] == "not_selected").sum() == (6 if k == 3 else 7)
    merged = bm.merge(tmp_path)
    assert_same_numbers(merged, whole[method])
    pd.testing.assert_frame_equal(merged.samples, whole[method].samples, check_dtype=False)
    merged.save(tmp_path / "run")
    loaded = bm.load(tmp_path / "run")
    assert_same_numbers(loaded, whole[method])
    pd.testing.assert_frame_equal(loaded.shrink(), whole[method].shrink(), check_exact=True)


def test_parts_of_what_spans_mirnas(tmp_path):
    """Offsets over miRNAs, shared samples and shared usage are those of the whole."""
    made = bm.simulate(5, ("ctrl", "case"), n_mirnas=30, n_isomirs=4, beta={"Intercept": 6.0}, seed=8).counts
    made = bm.filter_counts(made)
    call = {"samples": "shared", "offset": "median_ratio", **QUICK}
    whole = bm.fit(made, "~ group", **call)
    for k in (1, 2):
        bm.fit(made, "~ group", shard=f"{k}/2", ledger=tmp_path / f"{k}", **call)
    merged = bm.merge([tmp_path / "2", tmp_path / "1"])
    assert_same_numbers(merged, whole)
    pd.testing.assert_frame_equal(merged.shared_samples(), whole.shared_samples(), check_exact=True)
    assert merged.metadata["cautions"] == whole.metadata["cautions"]
    assert merged.usage_test == whole.usage_test == "shared"
    names = list(whole.mirnas[:2])
    influence = whole.influential_samples(names)
    pd.testing.assert_frame_equal(merged.influential_samples(names), influence, check_exact=True)
    merged.save(tmp_path / "run")
    loaded = bm.load(tmp_path / "run")
    assert_same_numbers(loaded, whole)
    pd.testing.assert_frame_equal(loaded.influential_samples(names), influence, check_exact=True)


def test_a_part_may_have_fewer_mirnas_than_what_samples_share_is_learned_from(tmp_path):
    made = bm.simulate(5, ("ctrl", "case"), n_mirnas=12, n_isomirs=4, beta={"Intercept": 6.0}, seed=8).counts
    made = bm.filter_counts(made)
    call = {"samples": "shared", **QUICK}
    for k in (1, 2):
        part = bm.fit(made, "~ group", shard=f"{k}/2", ledger=tmp_path / f"{k}", **call)
        assert 0 < len(part) < 10
    assert_same_numbers(bm.merge(tmp_path), bm.fit(made, "~ group", **call))


def test_parts_that_are_no_whole(counts, tmp_path):
    for k in (1, 2):
        bm.fit(counts, "~ group", shard=(k, 3), ledger=tmp_path / f"{k}", **QUICK)
    with pytest.raises(InputError, match=r"1 of 3 parts are missing \(3/3\)"):
        bm.merge(str(tmp_path / "[12]"))
    bm.fit(counts, "~ group", shard=(2, 3), ledger=tmp_path / "again", **QUICK)
    with pytest.raises(InputError, match="are the same part 2/3"):
        bm.merge(tmp_path)
    bm.fit(counts, "~ group", shard=(3, 3), ledger=tmp_path / "again" / "other", seed=5, **QUICK)
    with pytest.raises(InputError, match="are parts of two fits: seed was 1 and is 5"):
        bm.merge([tmp_path / "1", tmp_path / "2", tmp_path / "again" / "other"])
    with pytest.raises(InputError, match="there is no folder"):
        bm.merge(tmp_path / "nowhere")
    (tmp_path / "1" / SHARD).rename(tmp_path / "1" / LEDGER)
    with pytest.raises(InputError, match="holds a part that is not finished"):
        bm.merge(tmp_path / "1")
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="no part of a fit"):
        bm.merge(tmp_path / "empty")


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"usage_test": "lrt"}, "usage_test was 'auto' and is 'lrt'"),
        ({"prob": 0.9}, "prob was 0.95 and is 0.9"),
        ({"samples": "shared"}, "samples was 'independent' and is 'shared'"),
    ],
)
def test_parts_that_are_read_in_two_ways(counts, tmp_path, change, told):
    for k, more in ((1, {}), (2, change)):
        bm.fit(counts, "~ group", ledger=tmp_path / str(k), shard=(k, 2), **QUICK, **more)
    with pytest.raises(InputError, match=told):
        bm.merge(tmp_path)


def test_a_part_that_was_killed_goes_on(counts, whole, tmp_path):
    for k in (1, 2):
        bm.fit(counts, "~ group", shard=(k, 2), ledger=tmp_path / f"{k}", **QUICK)
    (tmp_path / "1" / SHARD).rename(tmp_path / "1" / LEDGER)
    cut(tmp_path / "1", 0.7)
    for _ in range(2):  # and once more where nothing is left to do
        bm.fit(counts, "~ group", shard=(1, 2), ledger=tmp_path / "1", resume=True, **QUICK)
    assert_same_numbers(bm.merge(tmp_path), whole["ml"])


def test_more_parts_than_mirnas(counts, whole, tmp_path):
    for k in range(1, 13):
        bm.fit(counts, "~ group", shard=(k, 12), ledger=tmp_path / f"{k}", **QUICK)
    assert_same_numbers(bm.merge(tmp_path), whole["ml"])


def test_parts_cost_about_the_same():
    weights = np.random.default_rng(1).integers(2, 200, 101)
    parts = [dealt(weights, as_shard((k, 7))) for k in range(1, 8)]
    assert sorted(i for part in parts for i in part) == list(range(101))
    sums = np.array([weights[part].sum() for part in parts])
    assert sums.max() - sums.min() <= weights.max()


@pytest.mark.parametrize("value", ["0/3", "4/3", "3", "a/b", (1,), (0, 0), "1/2/3", (1.5, "x")])
def test_what_is_no_part(value):
    with pytest.raises(InputError, match="give the part and the number of parts"):
        as_shard(value)


def test_a_mirna_that_takes_too_long_is_stopped_and_says_so(counts, whole, monkeypatch):
    """Its fit by maximum likelihood stays, where that was quick enough."""
    slow, original = str(counts["mirna"].values[0]), nested_laplace.sample_model

    clock = {"ahead": 0.0}

    def endless(plan, seed, mirna, *rest, **more):
        if mirna == slow:
            clock["ahead"] = 4000.0
            try:
                stop_point()
            finally:
                clock["ahead"] = 0.0
        return original(plan, seed, mirna, *rest, **more)

    monkeypatch.setattr(
        interruption, "time", SimpleNamespace(monotonic=lambda: time.monotonic() + clock["ahead"])
    )

    monkeypatch.setattr(nested_laplace, "sample_model", endless)
    own = counts.isel(
        isomir=counts["mirna"].isin([*sorted(set(counts["mirna"].values) - {slow})[:2], slow]).values
    )
    fit = bm.fit(own, "~ group", method="laplace", max_seconds=3600, **QUICK)
    status = fit.status().set_index("mirna")
    assert status.loc[slow, "status"] == "not_converged"
    assert status.loc[slow, "reason"] == "Stopped after 3600 s, the time that max_seconds gives to a miRNA."
    assert (status["status"] == "not_converged").sum() == 1
    ml = fit.ml.effects().set_index("mirna")
    pd.testing.assert_frame_equal(
        ml.loc[[slow], ["estimate", "std_error"]],
        whole["ml"].effects().set_index("mirna").loc[[slow], ["estimate", "std_error"]],
    )


def test_the_search_of_maximum_likelihood_is_stopped(counts, monkeypatch):
    monkeypatch.setattr(
        optimize, "CALL", 1.0
    )  # the search looks at the clock after each step, as in large fits
    fit = bm.fit(counts, "~ group", max_seconds=1e-9, **QUICK)
    assert set(fit.data["status"].values) <= {
        "not_converged",
        "too_few_isomirs",
        "separated",
        "low_expression",
    }
    assert "Stopped after 1e-09 s" in " ".join(fit.data["reason"].values)


@pytest.mark.parametrize("value", [0, -1, True, float("nan"), "5"])
def test_a_time_that_is_none(counts, value):
    with pytest.raises(InputError, match="max_seconds="):
        bm.fit(counts, "~ group", max_seconds=value, **QUICK)


def test_arguments_that_need_a_folder(counts):
    with pytest.raises(InputError, match="resume=True needs ledger="):
        bm.fit(counts, "~ group", resume=True, **QUICK)
    with pytest.raises(InputError, match="shard= needs ledger="):
        bm.fit(counts, "~ group", shard="1/2", **QUICK)
