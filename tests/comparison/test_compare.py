"""Results side by side: units, intervals, calls, and the reasons for disagreement."""

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from scipy import stats

import bayes_mirglmm as bm
from bayes_mirglmm.comparison.agreement import CALL, NO_CALL, UNTESTED
from bayes_mirglmm.comparison.sources import frame_source
from bayes_mirglmm.errors import InputError

TERM = "group[T.case]"


def table(estimate: list[float], names: str = "abcdefgh", **columns: object) -> pd.DataFrame:
    return pd.DataFrame({"mirna": list(names[: len(estimate)]), "estimate": estimate} | columns)


@pytest.mark.parametrize("tool", ["DESeq2", "edgeR", "limma", "lme4", "miRglmm", "broom"])
def test_exports_are_recognised_and_brought_to_natural_logs(fit, effects, exports, tool: str):
    compared = bm.compare(fit, exports[tool])
    assert compared.names == ("ml", tool)
    side = compared.source(tool)
    np.testing.assert_allclose(side.table["estimate"], effects["estimate"], rtol=1e-12)
    assert ("log2, converted" in side.about) == (tool in ("DESeq2", "edgeR", "limma"))
    row = compared.agreement().iloc[0]
    assert row["pearson"] == pytest.approx(1)
    assert row["rms_difference"] == pytest.approx(0, abs=1e-12)
    assert row["called_a"] == row["called_b"] == row["called_both"] > 0
    assert row["spearman_of_evidence"] == pytest.approx(1)
    if tool != "edgeR":
        np.testing.assert_allclose(side.table["std_error"], effects["std_error"], rtol=1e-10)
    else:
        assert side.table["lower"].isna().all()
        assert np.isnan(row["interval_width_ratio"])
        assert "for want of standard errors" in side.about


def test_intervals_come_from_the_normal_from_t_or_from_the_table(fit, effects, exports):
    deseq2, limma = (bm.compare(fit, exports[t]).source(t).table for t in ("DESeq2", "limma"))
    half = stats.norm.ppf(0.975) * effects["std_error"]
    np.testing.assert_allclose(deseq2["upper"], effects["estimate"] + half, rtol=1e-10)
    # limma's degrees of freedom are found again from t and p: 6 here, as in the fit.
    np.testing.assert_allclose(limma["lower"], effects["lower"], rtol=1e-6)
    given = exports["limma"].assign(**{"CI.L": -1.0, "CI.R": 1.0})
    np.testing.assert_allclose(bm.compare(fit, given).source("limma").table["upper"], np.log(2), rtol=1e-12)
    narrow = bm.compare(fit, exports["DESeq2"], prob=0.5)
    ratio = stats.norm.ppf(0.75) / stats.t.ppf(0.75, 6)
    assert narrow.agreement()["interval_width_ratio"][0] == pytest.approx(ratio, rel=1e-9)


def test_files_as_r_and_pandas_write_them(fit, exports, tmp_path: Path):
    exports["DESeq2"].rename_axis(None).to_csv(
        tmp_path / "deseq2.csv"
    )  # write.csv: no name for the row names
    edger = exports["edgeR"].to_csv(sep="\t", index_label=False)  # write.table: a header one name short
    (tmp_path / "edger.tsv").write_text(edger)
    exports["limma"].reset_index(names="ID").to_csv(tmp_path / "limma.tsv", sep="\t", index=False)
    fit.save(tmp_path / "run")
    compared = bm.compare(*(tmp_path / n for n in ("run", "deseq2.csv", "edger.tsv", "limma.tsv")))
    assert compared.names == ("run", "deseq2", "edger", "limma")
    assert (compared.agreement()["rms_difference"] < 1e-12).all()
    assert (compared.agreement()["mirnas"] == len(fit)).all()
    own = bm.compare(fit, tmp_path / "run" / "effects.tsv", tmp_path / "run" / "effects.parquet")
    assert own.names == ("ml", "effects 1", "effects 2")
    assert own.agreement()["a_inside_b"].eq(1).all()


def test_units_must_be_known_and_are_not_overruled(exports):
    a, b = table([0.1, 0.5, -1.0]), table([0.1, 0.5, -1.0])
    with pytest.raises(InputError, match="may be natural logs or log2: say which"):
        bm.compare(a, b, names=["x", "y"])
    mixed = bm.compare(a, b, names=["x", "y"], units={"x": "ln", "y": "log2"}).table()
    np.testing.assert_allclose(mixed["estimate_y"], mixed["estimate_x"] * np.log(2), rtol=1e-12)
    np.testing.assert_allclose(mixed["log2_fc_y"], [0.1, 0.5, -1.0], rtol=1e-12)
    same = bm.compare(a, b, names=["x", "y"], units="ln")
    np.testing.assert_allclose(same.table()["difference_y"], 0)
    # One unit for all concerns the tables that do not tell their own.
    names = exports["DESeq2"].index
    plain = pd.DataFrame(
        {"mirna": names, "estimate": exports["DESeq2"]["log2FoldChange"].to_numpy() * np.log(2)}
    )
    np.testing.assert_allclose(
        bm.compare(exports["DESeq2"], plain, units="ln").table()["difference_table"], 0, atol=1e-12
    )
    with pytest.raises(InputError, match="a table of DESeq2 has log2, not natural logs"):
        bm.compare(exports["DESeq2"], plain, units={"DESeq2": "ln", "table": "ln"})
    with pytest.raises(InputError, match="choose 'ln'"):
        bm.compare(a, b, names=["x", "y"], units="log10")


def test_mixed_units_and_swapped_groups_are_noticed():
    rng = np.random.default_rng(0)
    x = rng.normal(size=60)
    names = [f"m{i}" for i in range(60)]

    def frame(values):
        return pd.DataFrame({"mirna": names, "estimate": values})

    def remarks(values):
        return bm.compare(
            frame(x), frame(values + 0.02 * rng.normal(size=60)), units="ln", names=["one", "two"]
        ).remarks

    assert remarks(x) == []
    assert "factor between log2 and natural log" in remarks(x / np.log(2))[0]
    assert "opposite directions" in remarks(-x)[0]
    assert "two is higher than one by 0." in remarks(x + 0.3)[0]


def test_sides_without_a_common_finite_estimate_have_nothing_to_disagree_on(tmp_path: Path):
    sides = bm.compare(table([0.1, np.nan]), table([np.nan, 0.5]), names=["x", "y"], units="ln")
    disagreements = sides.disagreements()
    assert disagreements.empty
    assert {"mirna", "difference", "call_x", "call_y", "why"} <= set(disagreements.columns)
    sides.save(tmp_path / "compared")
    assert (tmp_path / "compared" / "disagreements.tsv").read_text().startswith("mirna\t")


def test_agreement_of_known_numbers():
    a = table(
        [0.0, 1.0, 2.0, -1.0],
        lower=[-1.0, 0, 1, -2],
        upper=[1.0, 2, 3, 0],
        p_adjusted=[0.9, 0.01, 0.01, 0.01],
    )
    b = table(
        [0.5, 1.0, 4.5, 1.0],
        lower=[-1.5, -1, 2.5, -1],
        upper=[2.5, 3, 6.5, 3],
        p_adjusted=[0.9, 0.9, 0.01, 0.01],
    )
    b.loc[4] = ["z", 1.0, 0.0, 2.0, 0.5]
    row = bm.compare(a, b, names=["a", "b"], units="ln").agreement().iloc[0]
    assert (row["mirnas"], row["only_a"], row["only_b"]) == (4, 0, 1)
    assert row["mean_difference"] == pytest.approx((0.5 + 0 + 2.5 + 2) / 4)
    assert row["rms_difference"] == pytest.approx(np.sqrt((0.25 + 6.25 + 4) / 4))
    assert row["same_sign"] == pytest.approx(2 / 4)  # 0 against 0.5 is not the same sign
    assert row["interval_width_ratio"] == pytest.approx(2)
    assert row["intervals_overlap"] == 1
    assert row["a_inside_b"] == pytest.approx(3 / 4)
    assert row["b_inside_a"] == pytest.approx(2 / 4)
    assert (row["called_a"], row["called_b"], row["called_both"], row["called_opposite"]) == (3, 2, 2, 1)
    assert row["jaccard"] == pytest.approx(2 / 3)


def test_calls_are_counted_like_an_upset_plot():
    p = {
        "a": [0.01, 0.01, 0.01, 0.9, 0.9],
        "b": [0.01, 0.01, 0.9, 0.9, 0.9],
        "c": [0.01, 0.9, np.nan, 0.01, 0.9],
    }
    frames = [table([1.0, 1, 1, 1, 1], p_adjusted=values) for values in p.values()]
    frames[2].loc[0, "estimate"] = -1.0
    frames[2] = frames[2].iloc[:4]
    calls = bm.compare(*frames, names=list(p), units="ln").calls()
    found = {tuple(row[n] for n in p): (row["mirnas"], row["opposite"]) for row in calls.to_dict("records")}
    assert found == {
        (CALL, CALL, CALL): (1, 1),
        (CALL, CALL, NO_CALL): (1, 0),
        (CALL, NO_CALL, UNTESTED): (1, 0),  # the third side has the miRNA, and no p-value for it
        (NO_CALL, NO_CALL, CALL): (1, 0),
        (NO_CALL, NO_CALL, UNTESTED): (1, 0),  # the third side lacks the miRNA
    }
    assert calls["mirnas"].sum() == 5
    assert CALL not in calls.iloc[-1][list(p)].tolist()  # those that nobody calls come last


def test_p_values_without_adjustment_are_adjusted(fit, exports):
    compared = bm.compare(fit, exports["lme4"])
    assert "adjusted here (BH)" in compared.source("lme4").about
    np.testing.assert_allclose(
        compared.source("lme4").table["measure"], compared.source("ml").table["measure"], rtol=1e-12
    )


def test_disagreements_are_ordered_and_explained(fit, effects, exports):
    other = exports["DESeq2"].copy()
    small, wide, plain = "sim-miR-1", "sim-miR-5", "sim-miR-6"
    shift = {small: 5.0, wide: 4.0, plain: -3.0}
    for mirna, by in shift.items():
        other.loc[mirna, "log2FoldChange"] += by * effects.loc[mirna, "std_error"] / np.log(2)
    worst = bm.compare(fit, other).disagreements(3)
    assert list(worst["mirna"]) == [small, wide, plain]
    np.testing.assert_allclose(worst["in_std_errors"], [5, 4, -3], rtol=1e-9)
    assert "low J: 2 isomiRs" in worst["why"][0]
    usage = fit.usage().set_index("mirna")["p_value"]
    status = fit.status().set_index("mirna")["status"]
    for row in worst.to_dict("records"):
        assert ("usage:" in row["why"]) == (usage[row["mirna"]] <= 0.05)
        assert ("boundary:" in row["why"]) == (status[row["mirna"]] == "boundary")
    broad = other.copy()
    broad.loc[plain, "lfcSE"] *= 10
    broad.loc[plain, "log2FoldChange"] += 1000
    assert "width: DESeq2 has 10.0 times" in bm.compare(fit, broad).disagreements(1)["why"][0]
    frames = bm.compare(other, exports["lme4"]).disagreements(1)
    assert frames["why"][0] == "unknown: neither side is a fit of this package"


def test_a_dominant_isomir_explains_a_difference_to_sums():
    n = 6
    group = np.array(["a"] * 3 + ["b"] * 3)
    big, small = np.where(group == "a", 20_000, 60_000), np.full(n, 1000)
    rng = np.random.default_rng(1)
    frame = pd.DataFrame({f"s{i}": [big[i], *(small[i] + rng.integers(0, 90, 5))] for i in range(n)})
    frame.insert(0, "isomir", [f"i{j}" for j in range(6)])
    frame.insert(1, "mirna", "m")
    samples = pd.DataFrame({"group": group, "reads": 1e6}, index=[f"s{i}" for i in range(n)])
    counts = bm.from_dataframe(frame, samples=samples)
    result = bm.fit(counts, "~ group", offset="column:reads", progress=False)
    why = bm.compare(result, table([1.0], names="m"), units={"table": "ln"}).disagreements()["why"][0]
    assert "dominance: one isomiR has 88 % of the reads, and its own log FC is +1." in why
    assert "usage:" in why


def test_missing_mirnas_are_listed_with_their_reason(fit, exports):
    fewer = exports["DESeq2"].drop(index="sim-miR-3")
    extra = pd.concat([fewer, fewer.iloc[:1].set_axis(["sim-miR-99"])])
    absent = bm.compare(fit, extra).absent()
    assert {tuple(row) for row in absent.to_numpy()} == {
        ("sim-miR-3", "DESeq2", "not in the table"),
        ("sim-miR-99", "ml", "not among the counts of the fit"),
    }
    table_ = bm.compare(fit, extra).table().set_index("mirna")
    assert table_.loc["sim-miR-3", "call_DESeq2"] == UNTESTED
    assert len(table_) == len(fit) + 1


def test_two_methods_and_the_truth(fit, simulation):
    counts = simulation.counts.isel(isomir=slice(None, -1))
    preset = bm.fit(counts, "~ group", reference={"group": "ctrl"}, preset="mirglmm", progress=False)
    compared = bm.compare(fit, preset, simulation.truth.effects, term=TERM)
    assert compared.names == ("ml", "preset mirglmm", "truth")
    assert compared.source("truth").tool == "truth"
    rows = compared.agreement().set_index(["a", "b"])
    assert rows.loc[("ml", "preset mirglmm"), "pearson"] > 0.99
    assert rows.loc[("ml", "preset mirglmm"), "interval_width_ratio"] < 1  # Wald z against t
    covered = rows.loc[("ml", "truth"), "b_inside_a"]
    assert 0.7 <= covered <= 1  # coverage of 12 miRNAs
    text = repr(compared)
    assert "3 " not in text.split("\n")[0]
    assert "ml and preset mirglmm: 12 miRNAs" in text


def test_a_bayesian_fit_is_called_by_the_s_values_of_shrunken_effects(simulation):
    counts = simulation.counts.isel(isomir=np.flatnonzero(np.isin(simulation.counts["mirna"], ["sim-miR-1", "sim-miR-2",
        "sim-miR-3", "sim-miR-4"])))  # fmt: skip
    bayes = bm.fit(counts, "~ group", reference={"group": "ctrl"}, method="laplace", progress=False)
    compared = bm.compare(bayes, bayes.ml)
    shrunken = bayes.shrink(TERM).set_index("mirna")["s_value"]
    np.testing.assert_allclose(compared.source("laplace").table["measure"], shrunken, rtol=1e-12)
    assert "s-value of the shrunken effect" in compared.notes[0]
    assert compared.agreement()["pearson"][0] > 0.95
    turned = bm.compare(bayes, bayes.ml, contrast={"group": ("ctrl", "case")}).source("ml").table["estimate"]
    np.testing.assert_allclose(turned, -compared.source("ml").table["estimate"], rtol=1e-9)


def test_saving_writes_tables_and_figures(fit, exports, tmp_path: Path):
    compared = bm.compare(fit, exports["DESeq2"])
    files = compared.save(tmp_path / "out")
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == sorted(p.name for p in files)
    written = pd.read_csv(tmp_path / "out" / "table.tsv", sep="\t")
    pd.testing.assert_frame_equal(written, compared.table(), check_dtype=False)
    with pytest.raises(InputError, match=r"exists: give another folder, or replace it"):
        compared.save(tmp_path / "out")
    compared.save(tmp_path / "out", force=True)


def test_the_figures_show_every_mirna_and_every_combination(fit, exports):
    other = exports["DESeq2"].copy()
    other["padj"] = 1.0
    other["log2FoldChange"] *= 1.1
    compared = bm.compare(fit, other, exports["edgeR"])
    assert [axes.get_ylabel() for axes in compared.plot().axes] == [
        f"log2 fold change, {name}" for name in compared.names[1:]
    ]
    axes = compared.plot().axes[0]
    assert sum(
        len(c.get_offsets()) for c in axes.collections if hasattr(c, "get_sizes") and len(c.get_sizes())
    ) == len(fit)
    assert axes.get_xlabel() == "log2 fold change, ml"
    assert compared.plot("DESeq2", "edgeR").axes[0].get_ylabel() == "log2 fold change, edgeR"
    bars, dots = compared.plot_calls().axes
    called = compared.calls()
    called = called[(called[list(compared.names)] == CALL).any(axis=1)]
    heights = [text.get_text() for text in bars.texts]
    assert heights == [str(n) for n in called["mirnas"]]
    assert [t.get_text().split(" (")[0] for t in dots.get_yticklabels()] == list(compared.names)


def test_limmas_degrees_of_freedom_survive_extreme_p_values():
    t = np.array([2.0, 40.0, 1e-6, np.nan])
    frame = pd.DataFrame(
        {"logFC": [1.0, 1.0, 1e-7, np.nan], "AveExpr": 1.0, "t": t, "P.Value": 2 * stats.t.sf(np.abs(t), 9)},
        index=list("abcd"),
    )
    side = frame_source(frame, "limma", None, None, 0.95)
    half = (side.table["upper"] - side.table["lower"]) / 2 / side.table["std_error"]
    np.testing.assert_allclose(half[:3], stats.t.ppf(0.975, 9), rtol=1e-4)


CASES = [
    (lambda n: (n.fit,), {}, "needs two sources or more, not 1"),
    (lambda n: (n.fit, 3), {}, "cannot compare a int"),
    (lambda n: (n.fit, "absent.csv"), {}, "there is no file or folder absent.csv"),
    (
        lambda n: (n.fit, pd.DataFrame({"mirna": ["a"], "x": [1.0]})),
        {},
        "are those of no table that is known",
    ),
    (lambda n: (n.fit, table([1.0])), {"units": "ln"}, "have no miRNA in common"),
    (lambda n: (n.fit, n.ex["lme4"].reset_index(drop=True)), {}, "no column names the miRNAs"),
    (lambda n: (n.fit, pd.concat([n.ex["DESeq2"]] * 2)), {}, "has more than one row"),
    (
        lambda n: (n.fit, n.fit.effects()),
        {"term": {"bayes_mirglmm": "group"}},
        "no 'group': it has Intercept",
    ),
    (lambda n: (n.fit, n.ex["DESeq2"]), {"names": ["a"]}, "give 2 different names"),
    (lambda n: (n.fit, n.ex["DESeq2"]), {"units": {"deseq": "log2"}}, "Did you mean 'DESeq2'"),
    (lambda n: (n.fit, n.ex["DESeq2"]), {"fdr": 5}, "fdr=5: give a rate"),
    (lambda n: (n.fit, n.ex["DESeq2"]), {"prob": 95}, "between 0 and 1"),
    (lambda n: (n.fit, n.ex["DESeq2"]), {"contrast": "pairs:nothing"}, "nothing"),
]


@pytest.mark.parametrize(("sources", "options", "message"), CASES, ids=[case[2][:24] for case in CASES])
def test_errors_say_what_was_found_and_what_to_do(fit, exports, sources, options, message):
    with pytest.raises(InputError, match=message):
        bm.compare(*sources(SimpleNamespace(fit=fit, ex=exports)), **options)


def test_unknown_sides_are_refused(fit, exports):
    compared = bm.compare(fit, exports["DESeq2"])
    with pytest.raises(InputError, match=r"no side 'deseq2'.*Did you mean 'DESeq2'"):
        compared.plot("deseq2")
    with pytest.raises(InputError, match="compared with itself"):
        compared.disagreements(3, "ml", "ml")
