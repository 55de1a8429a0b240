"""The usage test under what samples share, on counts with known truth."""

import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import stats

import bayes_mirglmm as bm
from bayes_mirglmm.cli.summary import summarise
from bayes_mirglmm.counts.container import make_counts
from bayes_mirglmm.errors import InputError
from bayes_mirglmm.report.content import gather
from bayes_mirglmm.results import usage_choice
from bayes_mirglmm.results.shared_usage import few_mirnas, shared_usage

N, MIRNAS, ISOMIRS = 12, 60, 6
BASES = np.array(list("ACGT"))


def counts_with(
    seed: int,
    *,
    n: int = N,
    mirnas: int = MIRNAS,
    slope: np.ndarray | None = None,
    factor: np.ndarray | None = None,
    tail: float = 0.0,
    samples: pd.DataFrame | None = None,
):
    """Negative binomial counts; ``slope`` (miRNAs,) is the SD of isomiR slopes along the groups, ``factor`` (n,) moves
    all isomiRs by where they end, ``tail`` is the log fold change of tailed isomiRs in the second group."""
    rng = np.random.default_rng(seed)
    group = np.repeat([0.0, 1.0], n // 2)
    names, owners, log_mean = [], [], []
    for m in range(mirnas):
        template = "".join(rng.choice(BASES, 20)) + "CG"
        kinds = [
            template,
            template[:-1],
            template[:-2],
            template + "C",
            template[:-2] + "A",
            template[:-1] + "A",
        ]
        ends = np.array([0.0, -1.0, -2.0, 1.0, -2.0, -1.0])
        tailed = np.array([0.0, 0.0, 0.0, 0.0, 1.0, 1.0])
        base = np.log(300.0) + rng.normal(size=ISOMIRS)
        base[0] = np.log(3000.0)  # the most abundant, which the others are compared with
        sd = 0.0 if slope is None else slope[m]
        mean = base[:, None] + np.outer(
            rng.normal(scale=sd, size=ISOMIRS) if sd else np.zeros(ISOMIRS), group
        )
        mean = mean + tail * np.outer(tailed, group) + 0.2 * rng.normal(size=n)
        if factor is not None:
            mean = mean + np.outer(ends, factor)
        names += kinds
        owners += [f"mir-{m}"] * ISOMIRS
        log_mean.append(mean)
    mean = np.exp(np.vstack(log_mean))
    size = 30.0
    values = rng.negative_binomial(size, size / (size + mean))
    labels = pd.DataFrame({"group": np.where(group, "B", "A")}, index=[f"s{i}" for i in range(n)])
    if samples is not None:
        labels = labels.assign(**{name: samples[name].to_numpy() for name in samples})
    table = pd.DataFrame(values, columns=labels.index)
    return make_counts(table, isomir=names, mirna=owners, sample=labels.index, samples=labels, source="drawn")


@pytest.fixture(scope="module", autouse=True)
def chosen(own_numbers):
    """Counts that are chosen, as files would be; benchmarks/shared_samples.py measures how often the test errs."""
    with own_numbers():
        yield


@pytest.fixture(scope="module")
def drawn() -> tuple[bm.Fit, np.ndarray]:
    """A fit of counts with a factor that moves the 3' ends of all miRNAs, and usage in the first 12."""
    rng = np.random.default_rng(1)
    slope = np.where(np.arange(MIRNAS) < 12, 0.5, 0.0)
    factor = 0.35 * np.array([1.0, -1, 1, -1, 1, 0.5, 1, -1, -1, 1, 1, 1.0])
    samples = pd.DataFrame({"rin": factor + 0.02 * rng.normal(size=N), "site": list("xyxyxxxyyxxx")})
    counts = counts_with(2, slope=slope, factor=factor, samples=samples)
    return bm.fit(counts, "~ group", progress=False), slope > 0


def test_usage_is_found_and_the_shared_factor_is_not(drawn: tuple[bm.Fit, np.ndarray]) -> None:
    fit, truth = drawn
    table = fit.usage(test="shared")
    assert list(table["mirna"]) == [f"mir-{m}" for m in range(MIRNAS)]
    p = table["p_shared"].to_numpy()
    false = int((p[~truth] <= 0.05).sum())
    assert stats.binom.sf(false - 1, int((~truth).sum()), 0.10) > 1e-6
    assert (p[truth] <= 0.05).mean() >= 0.75
    assert (table["p_shared"] <= table["p_shared_adjusted"]).all()
    np.testing.assert_allclose(stats.norm.sf(table["score_shared"]), p, rtol=1e-6)
    assert table["log_bf10_shared"][truth].median() > 3.0
    assert table["log_bf10_shared"][~truth].median() < 0.0
    assert table["share"].between(0, 1).all()
    assert table["share"].median() > 0.3
    assert (np.argsort(table["p_rotation"]) == np.argsort(p)).all()  # read against one null distribution
    assert not np.allclose(table["p_rotation"], p, rtol=0.01)
    alone = fit.usage(test="lrt")
    pd.testing.assert_frame_equal(table[alone.columns], alone)
    assert not {"p_shared", "p_within"} & set(alone.columns)


def test_contrasts_table(drawn: tuple[bm.Fit, np.ndarray]) -> None:
    table = drawn[0].usage_shared()
    row = table.iloc[0]
    assert (row["contrast"], row["mirnas"], row["isomirs"], row["directions"]) == ("group", 60, 360, 11)
    assert row["relabellings"] > 90
    assert row["verdict"] == "ok"
    assert row["hits"] > row["hits_lrt"]  # the factor is noise to the test of one miRNA alone
    assert len(table) == 1


def test_shared_direction_is_named(drawn: tuple[bm.Fit, np.ndarray]) -> None:
    table = drawn[0].shared_directions(2)
    first = table[table["direction"] == 1].set_index("name")
    assert (first["share"] > 3 * first["unrelated"]).all()
    assert abs(first.loc["rin", "correlation"]) > 0.95
    assert abs(first.loc["offset_3p", "correlation"]) > 0.8
    assert 0.8 < first.loc["site", "correlation"] <= 1.0
    with pytest.raises(InputError, match="count is 0"):
        drawn[0].shared_directions(0)


def test_saved_fit_has_the_same_numbers(drawn: tuple[bm.Fit, np.ndarray], tmp_path: Path) -> None:
    fit, _ = drawn
    fit.save(tmp_path / "run")
    loaded = bm.load(tmp_path / "run")
    assert loaded.usage_test == "shared"
    pd.testing.assert_frame_equal(loaded.usage(), fit.usage(), rtol=1e-6)
    written = pd.read_csv(tmp_path / "run" / "usage.tsv", sep="\t")
    np.testing.assert_allclose(written["p_shared"], fit.usage()["p_shared"], rtol=1e-6)
    about = pd.read_csv(tmp_path / "run" / "usage_shared.tsv", sep="\t")
    assert about["verdict"].tolist() == ["ok"]
    directions = pd.read_parquet(tmp_path / "run" / "shared_directions.parquet")
    assert len(directions) == len(fit.shared_directions())


def test_global_shift_is_one_finding() -> None:
    """All tailed isomiRs of all miRNAs go down: one finding, and the other miRNAs go on to be tested beyond it."""
    slope = np.where(np.arange(MIRNAS) < 6, 0.8, 0.0)
    fit = bm.fit(counts_with(5, slope=slope, tail=-0.7), "~ group", progress=False)
    about = fit.usage_shared().iloc[0]
    assert about["global_p_value"] == 0.01
    assert re.match(r"tail -0\.[4-9]\d", about["features"])
    assert about["verdict"] == "confounded"
    assert about["hits_within"] > 30
    shift = shared_usage(fit).shift
    assert shift is not None
    tail = shift.slopes[-1]  # for either group over sqrt(2)
    # about 120 tailed isomiRs with a weight of 20 each over 12 samples: a standard error of 0.015
    np.testing.assert_allclose((tail[1] - tail[0]) / np.sqrt(2.0), -0.7, atol=0.1)
    beyond = fit.usage(test="shared", beyond_global=True)
    truth = slope > 0
    assert stats.binom.sf(int((beyond["p_shared"][~truth] <= 0.05).sum()) - 1, 54, 0.10) > 1e-6
    assert (beyond["p_shared"][truth] <= 0.05).mean() >= 0.8


def test_groups_that_are_a_shared_direction_give_no_hits() -> None:
    factor = np.where(np.arange(N) < 6, -0.5, 0.5) + 0.05 * np.random.default_rng(3).normal(size=N)
    fit = bm.fit(counts_with(6, factor=factor), "~ group", progress=False, usage_test="shared")
    row = fit.usage_shared().iloc[0]
    assert row["verdict"] == "confounded"
    assert row["lambda"] > 3
    assert "cannot be told apart here" in row["reason"]
    assert row["hits_within"] > row["hits"]
    assert row["hits_lrt"] > 40


def test_pairs_several_groups_and_a_number() -> None:
    rng = np.random.default_rng(7)
    samples = pd.DataFrame(
        {
            "pair": [f"p{i}" for i in range(6)] * 2,
            "three": [*"uuvvwwuuvvww"],
            "dose": np.repeat([0.0, 1.0], 6) + 0.2 * rng.normal(size=N),
        }
    )
    slope = np.where(np.arange(MIRNAS) < 10, 1.0, 0.0)
    counts = counts_with(8, slope=slope, samples=samples)
    for formula, rows in (("~ group + pair", 1), ("~ dose", 1), ("~ three + dose", 3)):
        fit = bm.fit(counts, formula, progress=False)
        p = fit.usage(test="shared")["p_shared"].to_numpy()
        assert len(fit.usage_shared()) == rows
        if formula == "~ three + dose":
            found = p  # nothing depends on it, once the dose is held
        else:
            assert (p[:10] <= 0.05).mean() >= 0.7, formula
            found = p[10:]
        assert stats.binom.sf(int((found <= 0.05).sum()) - 1, len(found), 0.10) > 1e-6, formula
    contrasts = fit.usage_shared()
    assert contrasts["contrast"].tolist() == ["three", "three[T.v]", "three[T.w]"]
    assert contrasts["hits_lrt"].notna().tolist() == [True, False, False]


def test_limits() -> None:
    few = bm.fit(counts_with(9, mirnas=9), "~ group", progress=False, usage_test="shared")
    assert few.usage()["p_shared"].isna().all()
    row = few.usage_shared().iloc[0]
    assert row["verdict"] == "none"
    assert row["reason"].startswith("9 miRNAs are too few to learn what samples share")
    assert set(few.shared_directions(2)["direction"]) == {
        1,
        2,
    }  # shown, with what unrelated profiles would have
    some = bm.fit(counts_with(9, mirnas=20), "~ group", progress=False)
    assert "learned from 20 miRNAs only" in some.usage_shared()["reason"].iloc[0]
    small = bm.fit(counts_with(9, n=6), "~ group", progress=False)
    row = small.usage_shared().iloc[0]
    assert np.isnan(row["lambda_p_value"])
    assert row["relabellings"] == 10
    assert "10 distinct relabellings are too few" in row["reason"]
    assert small.usage(test="shared")["p_shared"].notna().all()
    tiny = counts_with(9, n=4)
    with pytest.raises(InputError, match=r"4 samples less 2 coefficients leave 2|less 2 coefficients"):
        bm.fit(
            tiny.assign_coords(batch=("sample", list("xyxy"))),
            "~ group + batch",
            usage_test="shared",
            progress=False,
        )


def test_nothing_fitted_gives_tables_that_say_so(tmp_path: Path) -> None:
    nothing = counts_with(9, mirnas=3).isel(isomir=[0, 6, 12])  # one isomiR of each miRNA
    fit = bm.fit(nothing, "~ group", progress=False, usage_test="shared")
    assert fit.usage().empty
    assert fit.usage_shared()["reason"].iloc[0].startswith("0 miRNAs are too few")
    assert few_mirnas(1) == "1 miRNA is too few"
    assert fit.shared_directions().empty
    fit.save(tmp_path / "run")
    assert bm.load(tmp_path / "run").usage_shared()["verdict"].tolist() == ["none"]


def test_the_likelihood_ratio_test_calls_where_the_shared_test_cannot_be_had(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    few = bm.fit(counts_with(9, mirnas=9), "~ group", progress=False)
    saturated = counts_with(9, n=6, mirnas=12).assign_coords(batch=("sample", list("uvwxuv")))
    lacking = bm.fit(saturated, "~ group + batch", progress=False)
    many = bm.fit(counts_with(9, mirnas=12), "~ group", progress=False)
    assert [fit.usage_test for fit in (few, lacking, many)] == ["lrt", "lrt", "shared"]
    many.shared_cache.clear()
    monkeypatch.setattr(usage_choice, "MOST_SAMPLES", N - 1)
    for fit, why in (
        (few, "9 miRNAs are too few to learn what samples share (10 are enough)."),
        (lacking, "6 samples less 4 coefficients leave 2 directions, of 3 needed."),
        (many, "with 12 samples the shared test takes long (usage_test='shared', --usage-test shared"),
    ):
        pd.testing.assert_frame_equal(fit.usage(), fit.usage(test="lrt"))
        assert "usage_shared" not in fit.tables()
        sentence = f"By the likelihood ratio test of each miRNA alone: {why}"
        assert sentence in summarise(fit, Path("run"), {})["usage_reason"]
        assert sentence in " ".join(gather(fit)["verdict"])


def test_the_likelihood_ratio_test_calls_where_it_is_asked_for() -> None:
    counts = counts_with(9, mirnas=12)
    for asked in ({"usage_test": "lrt"}, {"preset": "mirglmm"}):
        fit = bm.fit(counts, "~ group", progress=False, **asked)
        assert fit.usage_test == "lrt"
        assert summarise(fit, Path("run"), {})["usage_reason"] == ""
        assert "p_shared" not in fit.usage()
    assert "p_shared" in fit.usage(test="shared")


def test_usage_in_many_mirnas_is_a_shift_that_the_list_goes_beyond() -> None:
    """Without anything that samples share, usage in a third of the miRNAs is itself what they share."""
    fit = bm.fit(counts_with(12, slope=np.where(np.arange(MIRNAS) < 18, 0.5, 0.0)), "~ group", progress=False)
    row = fit.usage_shared().iloc[0]
    assert row["verdict"] == "shift"
    assert 1.25 < row["lambda"] < 3.0
    assert "is not counted as usage, but is in p_within" in row["reason"]
    assert row["hits_within"] > row["hits"] > 10
    summary = summarise(fit, Path("run"), {})
    assert (summary["usage_hits"], summary["usage_reason"]) == (row["hits"], row["reason"])


def test_unbalanced_groups_are_named() -> None:
    counts = counts_with(10).isel(sample=[0, 1, 6, 7, 8, 9, 10])
    reason = bm.fit(counts, "~ group", progress=False).usage_shared()["reason"].iloc[0]
    assert "groups of 2 and 5 samples" in reason.lower()


def test_unknown_test(drawn: tuple[bm.Fit, np.ndarray]) -> None:
    with pytest.raises(InputError, match=r"'score' is not known: choose from 'lrt', 'shared'"):
        drawn[0].usage(test="score")
    with pytest.raises(InputError, match="belongs to test='shared'"):
        drawn[0].usage(test="lrt", beyond_global=True)
    with pytest.raises(InputError, match="'permuted' is not known: choose from 'auto', 'shared', 'lrt'"):
        bm.fit(counts_with(1), "~ group", usage_test="permuted", progress=False)


def test_report_says_what_goes_beyond_and_gives_no_list_where_groups_are_shared(
    drawn: tuple[bm.Fit, np.ndarray],
) -> None:
    fit, _ = drawn
    content = gather(fit)
    text = " ".join(content["verdict"])
    about = fit.usage_shared().iloc[0]
    assert f"The isomiRs of {about['hits']} of 60 miRNAs change by different amounts, beyond the" in text
    assert f"by the likelihood ratio test of each miRNA alone {about['hits_lrt']})" in text
    assert "it goes along with where isomiRs end" in text or "it goes along with the length" in text
    assert "and rin (correlation" in text
    assert "usage_p_adjusted" in content["data"]["mirnas"]
    assert {"p_shared", "p_within"} <= {column["key"] for column in content["data"]["usage_columns"]}
    assert summarise(fit, Path("run"), {})["usage_hits_lrt"] == about["hits_lrt"]
    factor = np.where(np.arange(N) < 6, -0.5, 0.5) + 0.05 * np.random.default_rng(3).normal(size=N)
    confounded = bm.fit(counts_with(6, factor=factor), "~ group", progress=False)
    content = gather(confounded)
    text = " ".join(content["verdict"])
    assert "cannot be told apart here" in text
    assert "miRNAs change by different amounts, beyond" not in text
    assert "usage_p_adjusted" not in content["data"]["mirnas"]
    summary = summarise(confounded, Path("run"), {})
    assert summary["usage_hits"] is None
    assert summary["usage_verdict"] == "confounded"
