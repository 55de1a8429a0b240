"""What the page says and holds, without a browser."""

import json
import re
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

import bayes_mirglmm as bm
from bayes_mirglmm.counts.offsets import offset_caution
from bayes_mirglmm.design.build import build_design
from bayes_mirglmm.design.covariates import coded_levels
from bayes_mirglmm.errors import InputError
from bayes_mirglmm.outcomes import GENERAL_ADVICE, STATUSES
from bayes_mirglmm.plots.isomir_types import fit_types
from bayes_mirglmm.report import citation
from bayes_mirglmm.report.columns import effect_columns
from bayes_mirglmm.report.compact import compact
from bayes_mirglmm.report.comparisons import comparisons
from bayes_mirglmm.report.content import gather
from bayes_mirglmm.report.diagnostics import diagnostics, statuses
from bayes_mirglmm.report.page import embedded_json, render
from bayes_mirglmm.report.verdict import verdict
from bayes_mirglmm.results import Fit
from bayes_mirglmm.results.hits import FDR
from bayes_mirglmm.results.terms import at_means

ROOT = Path(__file__).resolve().parents[2]


def embedded(page: str) -> dict:
    block = re.search(r'<script type="application/json" id="data">(.*?)</script>', page, re.DOTALL)
    assert block is not None
    return json.loads(block[1])


@pytest.fixture(scope="module")
def page(hostile: Fit) -> str:
    return render(gather(hostile))


@pytest.fixture(scope="module")
def data(page: str) -> dict:
    return embedded(page)


def test_the_page_holds_the_table_of_effects(hostile: Fit, data: dict):
    term = hostile.design.terms[1]
    expected = hostile.effects(term)
    assert data["mirnas"]["mirna"] == list(expected["mirna"])
    columns = data["comparisons"][0]["columns"]
    for name in ("estimate", "std_error", "lower", "upper", "log2_fc", "p_value", "p_adjusted"):
        np.testing.assert_allclose(columns[name], expected[name], rtol=1e-5)
    np.testing.assert_allclose(columns["lower_log2"], expected["lower"] / np.log(2.0), rtol=1e-5)
    np.testing.assert_allclose(columns["shrunk"], hostile.shrink(term)["shrunk"], rtol=1e-5, atol=1e-12)
    usage = hostile.usage().set_index("mirna")["p_shared_adjusted"].reindex(expected["mirna"])
    np.testing.assert_allclose(data["mirnas"]["usage_p_adjusted"], usage, rtol=1e-5)


def test_the_page_holds_every_isomir_once(hostile: Fit, data: dict):
    isomirs, table = data["isomirs"], hostile.isomir_effects().set_index("isomir")
    assert isomirs["start"][-1] == len(isomirs["name"]) == len(table)
    own = table.loc[isomirs["name"]]
    np.testing.assert_allclose(
        isomirs["effects"][hostile.design.terms[1]]["estimate"], own["log2_fc"], rtol=1e-3, atol=1e-12
    )
    for i, mirna in enumerate(data["mirnas"]["mirna"]):
        assert set(own["mirna"].iloc[isomirs["start"][i] : isomirs["start"][i + 1]]) == {mirna}
    counts = hostile.data["counts"].sum("sample").to_series()
    assert isomirs["reads"] == counts.loc[isomirs["name"]].tolist()
    first = np.asarray(isomirs["samples"]["cpm"][0])
    view = hostile[data["mirnas"]["mirna"][0]]
    np.testing.assert_allclose(first, 1e6 * view["counts"].sum("isomir") / view["total"], rtol=1e-3)
    assert data["mirnas"]["cpm"][0] == pytest.approx(first.mean(), rel=1e-3)


def test_isomirs_have_their_type(hostile: Fit, data: dict):
    isomirs = data["isomirs"]
    told = [isomirs["type_names"][i] for i in isomirs["type"]]
    for i, mirna in enumerate(data["mirnas"]["mirna"]):
        own = slice(*isomirs["start"][i : i + 2])
        assert told[own] == fit_types(hostile, mirna, None).loc[isomirs["name"][own]].tolist()
    given = {isomirs["name"][0]: "tail", isomirs["name"][1]: "a type of my own"}
    isomirs = gather(hostile, types=given)["data"]["isomirs"]
    assert [isomirs["type_names"][i] for i in isomirs["type"][:3]] == ["tail", "unknown", "unknown"]
    assert gather(hostile, types={})["data"]["isomirs"]["type"] is None


def test_what_has_no_room_is_counted(three_groups: Fit, monkeypatch: pytest.MonkeyPatch):
    assert gather(three_groups)["data"]["isomirs"]["beyond"] is None
    n = len(three_groups.isomir_effects()["isomir"].unique())
    monkeypatch.setattr("bayes_mirglmm.report.isomirs.MOST_EFFECTS", 2 * n - 1)
    isomirs = gather(three_groups, "pairs:group")["data"]["isomirs"]
    assert list(isomirs["effects"]) == ["group: B - A"]
    assert isomirs["beyond"] == {
        "coefficients": [],
        "contrasts": ["group: C - A", "group: C - B"],
        "comparisons": 3,
        "shown": 1,
        "rows": 3 * n,
        "left_out": 2 * n,
        "most": 2 * n - 1,
    }


def test_a_mirna_that_was_dropped_is_there_with_its_reason(data: dict):
    left = data["left_out"]
    assert {"sim-miR-12", "sim-miR-13", "sim-miR-14"} <= set(left["mirna"])
    assert "log(median CPM)" in left["reason"][left["mirna"].index("sim-miR-12")]


def test_no_name_from_the_data_is_markup(page: str, data: dict, names: SimpleNamespace):
    assert set(names.hostile) <= set(data["mirnas"]["mirna"])
    assert page.count("<script") == 2
    assert page.count("</script>") == 2
    assert "<img" not in page
    assert "<i>case" not in page
    assert "&lt;i&gt;case&lt;/i&gt;" in page
    assert "\u2028" not in page.split('id="data">')[1].split("</script>")[0]


def test_json_survives_a_script_element():
    value = {"</script>": ["<!--", "&amp;", "\u2028", 'quo"te', "back\\slash", 1.5, None]}
    text = embedded_json(value)
    assert not set("<>&\u2028") & set(text)
    assert json.loads(text) == value


def test_the_page_is_self_contained(page: str):
    assert not re.findall(r'\b(?:src|href)="(?!#|data:|https://doi\.org/)', page)
    assert "@import" not in page
    assert "url(" not in page
    assert "innerHTML" not in page
    policy = re.search(r'Content-Security-Policy" content="([^"]+)"', page)
    assert policy is not None
    assert policy[1].startswith("default-src &#39;none&#39;")
    assert "unsafe" not in policy[1]


def test_the_verdict_counts_what_the_tables_count(hostile: Fit):
    found = comparisons(hostile)
    text = " ".join(verdict(hostile, found, hostile.usage()))
    table = hostile.effects(hostile.design.terms[1])
    hits = table[table["p_adjusted"] <= FDR]
    up = int((hits["estimate"] > 0).sum())
    assert 0 < up < len(hits)
    assert f"{len(hits)} miRNAs differ between <i>case</i> and ctrl (group): {up} " in text
    best = hits.sort_values("p_value").iloc[0]
    assert f"The surest is {best['mirna']}: " in text
    factor = np.exp(abs(best["estimate"]))
    assert f"{factor:.1f} times" in text or f"{factor:.2f} times" in text
    assert "11 of 15 miRNAs" in text
    assert "(4 ctrl, 4 <i>case</i>)" in text


def test_the_verdict_of_a_decrease_gives_its_factor_and_interval_the_right_way_round(bayesian: Fit):
    from bayes_mirglmm.report.verdict import times

    row = pd.Series({"estimate": -np.log(4.0), "lower": -np.log(8.0), "upper": -np.log(2.0)})
    assert times(bayesian, comparisons(bayesian)[0], row) == (
        "4.0 times lower in case (95 % interval 2.0 to 8.0)"
    )


def test_nothing_found_is_said_with_what_came_nearest(three_groups: Fit):
    found = comparisons(three_groups)
    quiet = [one for one in found if not (one.table["p_adjusted"] <= FDR).any()]
    assert quiet
    text = " ".join(verdict(three_groups, quiet, three_groups.usage()))
    assert "no miRNA differs between" in text
    assert "The one nearest to being called is" in text
    assert "either way" in text


def test_what_was_run(hostile: Fit):
    told = dict(gather(hostile)["origin"])
    assert told["Formula"] == "~ group"
    assert told["Reference levels"] == "group: ctrl"
    assert told["Left by the filters"].startswith("12 of 15 miRNAs")
    assert "above 5 (natural log; 148 CPM)" in told["Filters"]
    assert "t with 6 degrees of freedom" in told["Intervals and tests"]
    assert f"bayes-mirglmm {bm.__version__}" in told["Versions"]
    assert told["Seed"] == "1"
    assert gather(hostile)["samples"] == [("group", "ctrl", 4), ("group", "<i>case</i>", 4)]


def test_a_bayesian_fit_has_its_own_columns(bayesian: Fit):
    content = gather(bayesian)
    data = content["data"]
    keys = [column["key"] for column in data["columns"]]
    assert {"lfsr", "shrunk_lfsr", "shrunk_s_value", "usage_log_bf10", "pareto_k"} <= set(keys)
    assert "p_value" not in keys
    assert (data["rank"], data["call"]) == ("shrunk_lfsr", "shrunk_s_value")
    about = {column["key"]: column for column in data["columns"]}
    assert "of the posterior" in about["lfsr"]["meaning"]
    assert about["shrunk_s_value"]["label"] == data["call_label"] == "s-value, shrunken"
    term = bayesian.design.terms[1]
    np.testing.assert_allclose(
        data["comparisons"][0]["columns"]["shrunk_s_value"], bayesian.shrink(term)["s_value"], rtol=1e-5
    )
    np.testing.assert_allclose(data["usage"]["log_bf10"], bayesian.usage()["log_bf10"], rtol=1e-5)
    assert [row["name"] for row in content["priors"]][:2] == ["intercept", "beta"]
    assert all(row["why"] for row in content["priors"])


def test_diagnostics_of_a_sampler_are_shown_where_a_fit_has_them(bayesian: Fit):
    effects = bayesian.effects(bayesian.design.terms[1]).drop(columns="pareto_k")
    effects = effects.assign(r_hat=1.001, ess_bulk=900.0, divergences=0)
    effects.loc[0, ["r_hat", "divergences"]] = 1.2, 7
    keys = [column["key"] for column in effect_columns(effects, 0.95, bayesian=True)]
    assert keys[-3:] == ["r_hat", "ess_bulk", "divergences"]
    cautions = set(bayesian.metadata["cautions"])
    found = [finding for finding in diagnostics(bayesian, effects) if finding.what not in cautions]
    levels = {finding.what.split(" with ")[1][:9]: finding.level for finding in found}
    assert levels == {"chains th": "warning", "fewer tha": "ok", "divergent": "warning"}
    assert str(effects["mirna"].iloc[0]) in found[0].what
    assert all(finding.advice for finding in found if finding.level == "warning")


def test_every_status_has_its_meaning_and_the_documents_know_the_same(hostile: Fit):
    documented = (ROOT / "docs" / "reference" / "statuses.md").read_text(encoding="utf-8")
    assert set(re.findall(r"^\| \[`(\w+)`\]", documented, re.MULTILINE)) == set(STATUSES)
    rows = statuses(hostile)
    assert sum(row["count"] for row in rows) == hostile.data.sizes["mirna"]  # type: ignore[misc]
    assert sum(row["fitted"] for row in rows) == len(hostile)  # type: ignore[misc]


def test_every_caution_that_a_fit_can_give_has_advice():
    counts = bm.simulate(3, ("A", "B"), n_mirnas=30, n_isomirs=3, seed=1).counts
    values = counts["counts"].values.copy()
    dominant = counts["mirna"].values == counts["mirna"].values[0]
    values[np.ix_(dominant, counts["group"].values == "B")] += 10_000_000
    shifted = counts.assign(counts=(("isomir", "sample"), values)).assign_coords(
        total=("sample", values.sum(axis=0))
    )
    table = pd.DataFrame({"group": list("AAB")}, index=list("xyz"))
    saturated = build_design(pd.DataFrame({"group": list("ABC")}, index=list("xyz")), "~ group")
    assert offset_caution(shifted, "total", shifted["group"].values)
    cautions = [
        *build_design(table, "~ group").cautions,
        *saturated.cautions,
        *coded_levels(pd.DataFrame({"patient": [1, 1, 2, 2, 3, 3]})),
    ]
    assert len(cautions) == 4
    assert all(caution and caution.advice != GENERAL_ADVICE for caution in cautions)


def test_contrasts_are_comparisons_like_coefficients(three_groups: Fit):
    data = gather(three_groups, "pairs:group")["data"]
    # Two of them are coefficients under other names: nothing is there twice.
    assert [one["name"] for one in data["comparisons"]] == ["group: B - A", "group: C - A", "group: C - B"]
    expected = three_groups.contrast({"group": ("C", "B")})
    np.testing.assert_allclose(data["comparisons"][2]["columns"]["estimate"], expected["estimate"], rtol=1e-5)
    own = three_groups.isomir_effects(contrasts={"group": ("C", "B")}).set_index("isomir")
    np.testing.assert_allclose(
        data["isomirs"]["effects"]["group: C - B"]["estimate"],
        own.loc[data["isomirs"]["name"], "log2_fc"],
        rtol=1e-3,
        atol=1e-12,
    )
    with pytest.raises(InputError, match="not one of its levels"):
        gather(three_groups, {"group": ("C", "none")})


def test_a_continuous_variable_is_drawn_at_a_few_of_its_values(continuous: Fit):
    lines = gather(continuous)["data"]["isomirs"]["lines"]
    assert len(lines["levels"]) == 12
    assert (lines["levels"][0], lines["levels"][-1]) == (0.0, 9.0)
    assert set(lines["observed"]) == {None}
    assert len(lines["isomir"]) == 12 * len(lines["kind"])
    text = " ".join(gather(continuous)["verdict"])
    assert "along dose" in text


def test_a_formula_without_variables_has_a_page_too(intercept_only: Fit):
    content = gather(intercept_only)
    assert not content["has_comparisons"]
    assert content["data"]["comparisons"] == []
    keys = [column["key"] for column in content["data"]["columns"]]
    assert keys == ["mirna", "cpm", "n_isomirs", "status"]
    assert "<html" in render(content)


def test_the_page_of_a_whole_tissue_is_small(large: Fit, written):
    from urllib.parse import urlparse

    path = Path(urlparse(written(large, "large")).path)
    assert large.data.sizes["isomir"] > 5000
    assert path.stat().st_size < 2_000_000


def test_numbers_are_short_and_strict():
    assert compact(np.array([1 / 3, 1e-12 / 3, np.nan, np.inf, 2.0])) == [
        0.333333,
        3.33333e-13,
        None,
        None,
        2,
    ]
    assert compact(np.array([3, 4])) == [3, 4]
    assert compact(np.array(["a", None], dtype=object)) == ["a", None]


def test_citations_agree_with_the_citation_file(hostile: Fit):
    text = (ROOT / "CITATION.cff").read_text(encoding="utf-8")
    cited = " ".join(reference.text for reference in citation.references(hostile))
    title = re.search(r'title: "(miRglmm.+)"', text)
    assert title is not None
    assert title[1] in cited
    assert all(name in cited for name in re.findall(r"family-names: (.+)", text))
    assert re.search(r"doi: (.+)", text)[1] == citation.METHOD.doi  # type: ignore[index]
    methods = citation.methods_text(hostile)
    assert "~ group" in methods
    assert bm.__version__ in methods


def test_the_methods_paragraph_says_what_was_done(hostile: Fit, intercept_only: Fit):
    text = citation.methods_text(hostile)
    assert (
        "random intercepts of samples and random intercepts and slopes (group) of isomiRs, by maximum" in text
    )
    assert (
        "Samples were scaled by total counts of the sample. P-values refer to t with 6 degrees of freedom."
        in text
    )
    assert "random intercepts of samples and random intercepts of isomiRs, by" in citation.methods_text(
        intercept_only
    )


def test_what_the_methods_paragraph_cites_is_among_the_references():
    data = SimpleNamespace(attrs={"offset_method": "tmm"})
    fit = SimpleNamespace(samples_taken="shared", usage_test="shared", data=data)
    cited = [reference.text.split()[0] for reference in citation.references(fit)]  # type: ignore[arg-type]
    assert {"Smyth", "Robinson", "Baran", "Langsrud", "Stephens"} <= set(cited)
    fit.samples_taken, fit.usage_test = "independent", "lrt"
    cited = [reference.text.split()[0] for reference in citation.references(fit)]  # type: ignore[arg-type]
    assert not {"Smyth", "Langsrud"} & set(cited)


@pytest.mark.parametrize(("mean", "shown"), [(20231014.6, "20231015"), (2018.25, "2018.2"), (0.5, "0.5")])
def test_means_of_covariates_are_numbers_as_people_write_them(mean: float, shown: str):
    design = SimpleNamespace(centres={"x": mean}, terms=["group[T.b]", "x", "group[T.b]:x"])
    assert at_means(design, "group[T.b]") == f", at the mean x ({shown})"  # type: ignore[arg-type]
    assert at_means(design, "x") == ""  # type: ignore[arg-type]


def test_the_methods_paragraph_names_random_terms_and_restricted_likelihood(own_numbers):
    table = pd.DataFrame(
        {"tissue": ["n", "t"] * 6, "patient": np.repeat([f"p{i}" for i in range(6)], 2)},
        index=[f"s{i}" for i in range(12)],
    )
    with own_numbers():
        counts = bm.simulate(samples=table, formula="~ tissue", n_mirnas=2, n_isomirs=3, seed=7).counts
    fit = bm.fit(counts, "~ tissue + (1 | patient)", criterion="reml", progress=False)
    text = citation.methods_text(fit)
    assert (
        "with random intercepts of samples, random intercepts of patient and random intercepts and slopes ("
        in text
    )
    assert "of isomiRs, by restricted maximum likelihood" in text
    assert "P-values refer to t with Satterthwaite's degrees of freedom." in text


def test_the_methods_paragraph_says_where_samples_have_a_covariance_and_where_no_effect(own_numbers):
    with own_numbers():
        counts = bm.simulate(4, n_mirnas=2, n_isomirs=3, seed=7).counts
    names = [str(name) for name in counts["sample"].values]
    covariance = pd.DataFrame(0.5 * np.eye(8) + 0.5, names, names)
    fit = bm.fit(counts, "~ group", sample_covariance=covariance, progress=False)
    assert (
        "with random intercepts of samples under a covariance between samples that was given and random intercepts "
        "and slopes (group) of isomiRs, by" in citation.methods_text(fit)
    )
    spec = bm.load_model("mirglmm")
    spec = replace(spec, sample_intercept=False, priors=replace(spec.priors, sd_sample=None))
    fit = bm.fit(counts, "~ group", model=spec, progress=False)
    assert ", with random intercepts and slopes (group) of isomiRs, by" in citation.methods_text(fit)


def test_a_page_under_shared_samples_has_the_p_value_that_its_advice_names(own_numbers):
    with own_numbers():
        counts = bm.simulate(5, n_mirnas=14, n_isomirs=3, seed=9).counts
    fit = bm.fit(counts, "~ group", samples="shared", progress=False)
    found = gather(fit)
    assert [column["key"] for column in found["data"]["columns"]].count("p_beyond_shared") == 1
    (comparison,) = found["data"]["comparisons"]
    table = fit.effects(comparison["name"]).set_index("mirna")["p_beyond_shared"]
    shown = dict(zip(found["data"]["mirnas"]["mirna"], comparison["columns"]["p_beyond_shared"], strict=True))
    for mirna, value in table.items():
        assert shown[mirna] == pytest.approx(value, rel=1e-3, nan_ok=True)


def test_text_is_readable_on_its_ground_in_both_schemes():
    """WCAG 2.1 AA: 4.5 to 1 for text, 3 to 1 for marks."""
    css = (ROOT / "bayes_mirglmm/report/templates/report.css").read_text(encoding="utf-8")
    schemes = [
        dict(re.findall(r"--([\w-]+): (#\w{6})", block))
        for block in re.findall(r":root \{(.*?)\}", css, re.S)
    ]
    for colours in schemes[:2]:
        for ground in ("paper", "panel", "hover"):
            for ink in ("ink", "soft", "accent", "up", "down"):
                assert contrast(colours[ink], colours[ground]) >= 4.5, (ink, ground)
        for level in ("caution", "fine"):
            assert contrast(colours[level], colours[f"{level}-ground"]) >= 4.5
            assert contrast(colours["ink"], colours[f"{level}-ground"]) >= 4.5
        for mark in ("up-mark", "down-mark", "strong-line"):
            assert contrast(colours[mark], colours["paper"]) >= 3


def contrast(one: str, other: str) -> float:
    def luminance(colour: str) -> float:
        channels = np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)]) / 255
        linear = np.where(channels <= 0.04045, channels / 12.92, ((channels + 0.055) / 1.055) ** 2.4)
        return float(linear @ [0.2126, 0.7152, 0.0722])

    high, low = sorted((luminance(one), luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


def test_the_glossary_of_the_documents_is_that_of_the_page():
    from bayes_mirglmm.report.words import WORDS

    page = (Path(bm.__file__).parents[1] / "docs" / "glossary.md").read_text(encoding="utf-8")
    entries = dict(re.findall(r"^## (.+)\n\n(.+)$", page, re.MULTILINE))
    assert entries == WORDS


def test_columns_lead_to_the_words_that_explain_them(hostile: Fit, bayesian: Fit, page: str):
    from bayes_mirglmm.report.words import OF_COLUMNS, WORDS, anchor

    assert set(OF_COLUMNS.values()) <= set(WORDS)
    for fit, html in ((hostile, page), (bayesian, render(gather(bayesian)))):
        data = embedded(html)
        own = {column["key"]: column["word"] for column in [*data["columns"], *data["usage_columns"]]}
        assert own["log2_fc"] == anchor("log2 fold change") == "word-log2-fold-change"
        assert own["shrunk_s_value" if fit is bayesian else "p_adjusted"]
        for word in set(own.values()) - {""}:
            assert html.count(f'id="{word}"') == 1, word


def test_the_page_has_the_samples_in_a_plane_and_a_heat_map(hostile: Fit, intercept_only: Fit):
    from bayes_mirglmm.plots.clusters import clustered
    from bayes_mirglmm.report.samples import sample_pictures

    found = sample_pictures(hostile)
    assert found is not None
    heat = clustered(hostile)
    assert found["heat"]["mirnas"] == heat.names
    assert found["heat"]["samples"] == heat.samples.tolist()
    np.testing.assert_allclose(found["heat"]["values"], heat.values, rtol=0.01, atol=1e-3)
    assert len(found["plane"]["x"]) == len(found["names"]) == hostile.data.sizes["sample"]
    assert found["group"]["levels"] == ["ctrl", "<i>case</i>"]
    assert sample_pictures(intercept_only) is not None
