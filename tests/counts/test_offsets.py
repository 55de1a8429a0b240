"""Offsets against edgeR and DESeq2, by hand, and the common mean level."""

import numpy as np
import pandas as pd
import pytest

import bayes_mirglmm as bm
from bayes_mirglmm.counts.container import make_counts
from bayes_mirglmm.counts.filtering import filter_counts
from bayes_mirglmm.counts.offsets import log_offset, offset_caution, offset_disagreement
from bayes_mirglmm.errors import InputError

ALL = ("total", "median_ratio", "tmm", "upper_quartile", "column:depth", "log_column:log_depth")

# R 4.2.2 on the summed miRNA counts m and totals T = colSums of all counts, unfiltered.
# edgeR 3.40.2: calcNormFactors(m, lib.size = T, method = ...); effective library sizes are T times that.
EDGER = {
    ("mirdata", "tmm"): """1.142078269 0.697267875271 1.15059656476 1.08088673588 0.807558736952 1.00309207953
        0.985973162612 0.920610703029 1.1595289447 1.18654818432 1.0629568081 1.02638004221 0.939019013437
        0.974271512232""",
    ("mirdata", "upper_quartile"): """1.18023377536 0.675637367838 1.29051544105 1.12835706743 0.816269294447
        1.08202246741 1.00177702786 0.709980282619 1.10187032904 1.18003048057 1.13784392464 1.06263114349
        0.920270008467 0.947582929641""",
    (
        "tcga_hnsc",
        "tmm",
    ): """0.756596170867 0.81066312968 1.10003073282 1.04863113428 1.14688831561 1.28455482141
        0.613129357107 0.934464939164 0.889230235503 0.953163968102 1.51769978958 0.978044561345 1.13035416043
        1.4283876366 0.907754126222 0.928148099108 0.907879833985 0.997679888978 0.99808348756
        1.08223116504""",
    (
        "tcga_hnsc",
        "upper_quartile",
    ): """0.724185990705 1.07853224452 1.00131460783 0.917186298434 1.24602327663
        1.2446600112 0.579575055681 0.826988632921 0.766877178859 0.865272482713 1.75808950114 1.09251452689
        1.07445105877 0.919043299091 0.906131536597 1.01642744557 1.13105097371 1.19695669608 1.02837960616
        1.16212086749""",
}
# The same after the miRNA filter alone, T unchanged.
EDGER_FILTERED = {
    (
        "mirdata",
        "tmm",
    ): """1.12389962874 0.674081973974 1.16795411266 1.13211790623 0.815833438197 1.01652874837
        1.03213438063 0.815222026612 1.14645274237 1.12816753946 1.08538793138 1.02673881485 0.962824520051
        1.03083020135""",
    (
        "tcga_hnsc",
        "tmm",
    ): """1.08505028387 1.05013156636 1.12621046264 1.08469870347 1.10429053272 1.36032112361
        0.710695049326 0.933329956002 0.907078703954 1.14281243514 1.28996818637 0.909986938889 1.03039913434
        0.864709271788 0.9242007117 0.852620358279 0.893537443317 0.961071562707 0.916931435162
        1.07175971093""",
}
# DESeq2 1.38.3: estimateSizeFactorsForMatrix(m), unfiltered.
DESEQ2 = {
    "mirdata": """1.68370675009 0.745629706572 1.11844455986 1.49409061897 0.948599341695 0.808134580426
        1.35951540073 0.437708727549 1.16739565129 0.818891188963 1.07938678367 1.11084961226 1.08450841573
        0.97998847236""",
    "tcga_hnsc": """0.962277478456 2.20353395188 1.10903776908 0.810464515244 1.36203529121 0.821725693213
        0.908218846176 0.380861521914 1.40031237695 1.07630833476 0.876783339071 1.57685340545 1.2111416347
        0.28474168607 0.621727469379 1.21825313814 1.60658103127 1.79318556824 0.710946690559
        1.32785582928""",
}


def floats(text: str) -> np.ndarray:
    return np.array([float(word) for word in text.split()])


def centred(values) -> np.ndarray:
    values = np.asarray(values, dtype=float)
    return values - values.mean()


@pytest.fixture
def counts():
    rng = np.random.default_rng(3)
    rates = rng.gamma(0.5, 400, size=(30, 1)) * rng.gamma(8, 1 / 8, size=(1, 6))
    values = rng.poisson(rates)
    values[0] = 500  # one miRNA that every sample has
    base = make_counts(
        values,
        isomir=[f"i{k}" for k in range(30)],
        mirna=[f"m{k // 2}" for k in range(30)],
        sample=list("abcdef"),
    )
    depth = np.array([1e6, 2e6, 5e5, 3e6, 1e6, 4e6])
    return base.assign_coords(depth=("sample", depth), log_depth=("sample", np.log(depth)))


@pytest.mark.parametrize(("name", "method"), EDGER)
def test_agrees_with_edger(real_counts, name, method):
    counts = real_counts(name)
    expected = np.log(counts["total"].values * floats(EDGER[name, method]))
    np.testing.assert_allclose(centred(log_offset(counts, method)), centred(expected), atol=1e-10)


@pytest.mark.parametrize(("name", "method"), EDGER_FILTERED)
def test_agrees_with_edger_on_filtered_counts_and_original_totals(real_counts, name, method):
    counts = filter_counts(real_counts(name), min_isomir_log_cpm=None)
    expected = np.log(counts["total"].values * floats(EDGER_FILTERED[name, method]))
    np.testing.assert_allclose(centred(log_offset(counts, method)), centred(expected), atol=1e-10)


@pytest.mark.parametrize("name", DESEQ2)
def test_agrees_with_deseq2(real_counts, name):
    offset = log_offset(real_counts(name), "median_ratio")
    np.testing.assert_allclose(centred(offset), centred(np.log(floats(DESEQ2[name]))), atol=1e-10)


def test_total_is_the_natural_log_of_millions(counts):
    offset = log_offset(counts)
    assert offset.dims == ("sample",)
    assert offset.attrs == {"method": "total"}
    np.testing.assert_array_equal(offset["sample"], counts["sample"])
    np.testing.assert_allclose(offset, np.log(counts["total"].values / 1e6), rtol=1e-15)


@pytest.mark.parametrize("method", ALL)
def test_every_method_has_the_mean_level_of_total(counts, method):
    assert float(log_offset(counts, method).mean()) == pytest.approx(
        float(log_offset(counts).mean()), abs=1e-12
    )


@pytest.mark.parametrize("method", ALL)
def test_order_of_samples_and_isomirs_does_not_matter(counts, method):
    order = [5, 2, 0, 1, 4, 3]
    shuffled = counts.isel(sample=order, isomir=np.random.default_rng(1).permutation(30))
    np.testing.assert_allclose(log_offset(shuffled, method), log_offset(counts, method)[order], atol=1e-12)


@pytest.mark.parametrize("method", ["total", "median_ratio", "upper_quartile", "tmm"])
def test_a_sample_sequenced_ten_times_deeper_moves_by_log_ten(counts, method):
    scale = np.array([1, 10, 1, 1, 1, 1])
    deeper = counts.assign(counts=counts["counts"] * scale).assign_coords(total=counts["total"] * scale)
    moved = centred(log_offset(deeper, method)) - centred(log_offset(counts, method))
    # the weights of TMM depend on the counts, the other methods are exact
    np.testing.assert_allclose(moved, centred(np.log(scale)), atol=0.05 if method == "tmm" else 1e-12)


def test_a_dominant_mirna_moves_the_total_and_not_the_robust_offsets(counts):
    values = counts["counts"].values.copy()
    values[:2, 3:] += 200_000
    total = counts["total"].values + np.array([0, 0, 0, 1, 1, 1]) * 400_000
    changed = counts.assign(counts=(("isomir", "sample"), values)).assign_coords(total=("sample", total))
    for method, limit in (("median_ratio", 0.05), ("upper_quartile", 0.05), ("tmm", 0.1)):
        moved = centred(log_offset(changed, method)) - centred(log_offset(counts, method))
        assert np.abs(moved).max() < limit
    assert np.abs(centred(log_offset(changed)) - centred(log_offset(counts))).max() > 1


def test_columns_are_totals_or_natural_logs(counts):
    expected = centred(np.log([1e6, 2e6, 5e5, 3e6, 1e6, 4e6]))
    np.testing.assert_allclose(centred(log_offset(counts, "column:depth")), expected, atol=1e-12)
    np.testing.assert_allclose(log_offset(counts, "log_column:log_depth"), log_offset(counts, "column:depth"))
    np.testing.assert_allclose(log_offset(counts, "column:total"), log_offset(counts, "total"), atol=1e-12)


def test_median_ratio_by_hand():
    counts = make_counts(
        [[10, 20], [30, 60], [5, 20], [0, 7]], isomir=list("abcd"), mirna=list("abcd"), sample=["x", "y"]
    )
    # ratios y/x are 2, 2, 4 where both have counts: the median is 2
    assert np.diff(log_offset(counts, "median_ratio"))[0] == pytest.approx(np.log(2))


def test_disagreement_is_the_mean_difference_per_group(counts):
    first, second = log_offset(counts), log_offset(counts, "column:depth")
    means = offset_disagreement(first, second, ["y", "y", "x", "x", "x", "y"])
    difference = second.values - first.values
    assert list(means.index) == ["y", "x"]
    assert means["y"] == pytest.approx(difference[[0, 1, 5]].mean())
    assert means["x"] == pytest.approx(difference[[2, 3, 4]].mean())
    assert means.sum() == pytest.approx(0, abs=1e-12)


def test_caution_names_the_groups_and_the_size(real_counts):
    counts = real_counts("tcga_hnsc")
    groups = counts["group"].values
    means = offset_disagreement(log_offset(counts), log_offset(counts, "median_ratio"), groups)
    gap = means["tumor"] - means["normal"]
    assert 0.1 < gap < 0.15
    caution = offset_caution(counts, "total", groups)
    assert f"log fold changes of tumor against normal would be lower by about {gap:.2f}" in caution
    # In the direction of the coefficient, whichever offset is exchanged for which.
    other = offset_caution(counts, "median_ratio", groups)
    assert f"log fold changes of tumor against normal would be higher by about {gap:.2f}" in other
    turned = pd.Categorical(groups, categories=["tumor", "normal"])
    assert f"normal against tumor would be higher by about {gap:.2f}" in offset_caution(
        counts, "total", turned
    )
    assert offset_caution(counts, "total", groups, threshold=0.2) == ""
    assert offset_caution(real_counts("mirdata"), "total", real_counts("mirdata")["group"].values) == ""


def test_caution_is_silent_where_it_knows_nothing():
    simulation = bm.simulate(3, n_mirnas=30, n_isomirs=2, changed=0, seed=1)
    groups = simulation.counts["group"].values
    boost = np.where(groups == "B", 1.5, 1.0)
    counts = simulation.counts.assign_coords(
        total=("sample", np.round(simulation.counts["total"].values * boost).astype(np.int64))
    )
    assert "B against A would be higher by about 0.42" in offset_caution(counts, "total", groups)
    few = np.isin(counts["mirna"].values, np.unique(counts["mirna"].values)[:10])
    assert offset_caution(counts.isel(isomir=few), "total", groups) == ""
    # A part of the reads: whatever is dominant may have been left out.
    part = counts.isel(isomir=counts["counts"].values.sum(axis=1) < counts["counts"].values.sum(axis=1).max())
    assert len(np.unique(part["mirna"].values)) > 20
    assert offset_caution(part, "total", groups) == ""


def test_caution_is_silent_where_the_other_offset_is_undefined(counts):
    sparse = counts.assign(counts=counts["counts"].where(counts["sample"] == counts["sample"][0], 0))
    assert offset_caution(sparse, "total", list("xxxyyy")) == ""


@pytest.mark.parametrize(
    ("method", "words"),
    [
        ("TMM", ["'TMM' is not known", "Did you mean 'tmm'", "'upper_quartile'"]),
        ("column:dept", ["no column 'dept'", "Did you mean 'depth'"]),
        ("column:", ["no column ''"]),
        ("column:bad", ["not a positive number for b (0.0), d (nan)", "'log_column:bad'"]),
        ("log_column:text", ["not a finite number for a (x)"]),
    ],
)
def test_refusals(counts, method, words):
    bad = counts.assign_coords(
        bad=("sample", [1, 0, 2, np.nan, 3, 4]),
        text=("sample", np.array(["x", "1", "2", "3", "4", "5"], object)),
    )
    with pytest.raises(InputError) as error:
        log_offset(bad, method)
    for word in words:
        assert word in str(error.value)


def test_sparse_counts_are_refused_with_the_sample(counts):
    values = counts["counts"].values.copy()
    values[:, 1] = 0
    values[1, 1] = 40
    values[0, 0] = 0
    values[1, 0] = 0
    sparse = counts.assign(counts=(("isomir", "sample"), values))
    with pytest.raises(InputError, match=r"needs a miRNA with counts in every sample.*b \(14 of 15 are 0\)"):
        log_offset(sparse, "median_ratio")
    with pytest.raises(InputError, match="'upper_quartile' is 0 for b: three quarters"):
        log_offset(sparse, "upper_quartile")
    assert np.isfinite(log_offset(sparse, "tmm")).all()


@pytest.mark.parametrize("method", ALL)
def test_a_sample_without_counts_is_refused(counts, method):
    with pytest.raises(InputError, match=r"1 sample\(s\) have no counts at all: c"):
        log_offset(counts.assign_coords(total=("sample", [9, 9, 0, 9, 9, 9])), method)


def test_tmm_of_counts_too_sparse_for_quartiles():
    shared = [[50, 100, 0, 7, 1], [20, 40, 3, 6, 2], [30, 60, 1, 0, 9], [0, 9, 8, 2, 2], [5, 10, 7, 1, 0]]
    values = np.vstack([shared, [[9, 18, 0, 4, 4]], np.eye(5, dtype=int).repeat(20, axis=0)])
    names = [f"m{k}" for k in range(len(values))]
    counts = make_counts(values, isomir=names, mirna=names, sample=list("abcde"))
    # edgeR 3.40.2, calcNormFactors of the same matrix
    factors = [0.893942149573, 0.932204264924, 1.785546266155, 0.851618906453, 0.789156425971]
    expected = np.log(counts["total"].values * factors)
    np.testing.assert_allclose(centred(log_offset(counts, "tmm")), centred(expected), atol=1e-10)


TOTALS = np.array([1.2e6, 4.1e6, 0.6e6, 2.2e6, 9.0e6, 1.7e6])
COMPOSITION = np.array([1.1, 0.8, 1.3, 0.9, 1.0, 0.95])  # what size factors have beside depth


def scaled(values):
    counts = make_counts(
        np.vstack([np.ones(6), TOTALS - 1]).astype(np.int64),
        isomir=["a", "b"],
        mirna=["m", "n"],
        sample=[f"s{i}" for i in range(6)],
    )
    return counts.assign_coords(depth=("sample", values))


@pytest.mark.parametrize("composition", [1.0, COMPOSITION], ids=["alone", "with composition"])
@pytest.mark.parametrize(
    ("method", "function", "message"),
    [
        (
            "column",
            np.log10,
            r"\(5\.\d+ to .* as log10 of totals, not as totals, .*10 to the power of the column",
        ),
        ("column", np.log2, "as log2 of totals, not as totals"),
        (
            "column",
            np.log,
            "as natural logs, not as totals, which are due here: write offset='log_column:depth'",
        ),
        ("log_column", np.log10, "as log10 of totals, not as natural logs"),
        ("log_column", np.log2, "as log2 of totals, not as natural logs"),
        (
            "log_column",
            np.array,
            "as totals, not as natural logs, which are due here: write offset='column:depth'",
        ),
    ],
)
def test_a_column_on_another_scale_is_refused(method, function, message, composition):
    with pytest.raises(InputError, match=message):
        log_offset(scaled(function(TOTALS * composition)), f"{method}:depth")


@pytest.mark.parametrize("scale", [1.0, 1e-6, 1 / 2e6], ids=["totals", "millions", "size factors"])
def test_totals_and_size_factors_on_any_scale_are_taken(scale):
    values = TOTALS * COMPOSITION * scale
    for method, column in (("column", values), ("log_column", np.log(values))):
        offset = log_offset(scaled(column), f"{method}:depth").values
        np.testing.assert_allclose(offset - offset.mean(), np.log(values) - np.log(values).mean(), atol=1e-12)


def test_an_offset_that_does_not_follow_the_totals_is_taken():
    spike_in = np.array([5.1, 3.3, 4.0, 2.7, 3.1, 6.2])
    log_offset(scaled(spike_in), "column:depth")
    log_offset(scaled(spike_in), "log_column:depth")
