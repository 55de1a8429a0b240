import re
import warnings

from bayes_mirglmm.design.build import build_design

NASTY = "mir/<script>alert('1')</script>;rm -rf&"


def test_text_summary(fit):
    text = repr(fit)
    assert text.splitlines()[:5] == [
        "Fit: ~ group, slope group",
        "  method ml, observed curvature, offset total, t with 6 df",
        "  8 samples, 6 miRNAs",
        "  4 fitted: 1 ok, 1 boundary, 1 not_converged, 1 poisson_limit",
        "  2 not fitted: 1 low_expression, 1 separated",
    ]
    assert "smallest p-values of group[T.B]" in text
    best = fit.effects("group[T.B]").nsmallest(1, "p_value")["mirna"].iloc[0]
    assert re.search(rf"p_adjusted\n\s+{best} ", text)


def test_names_are_escaped_in_html(rng, make, two_groups):
    html = make.fit(two_groups, [make.record(rng, two_groups, NASTY, 2)])._repr_html_()
    assert "<script" not in html
    assert "mir/&lt;script&gt;" in html
    assert "rm -rf&amp;" in html


def test_formulas_are_escaped_in_html(rng, make, samples):
    table = samples.rename(columns={"age": "<b>"})
    design = build_design(table, "~ `<b>` + group")
    html = make.fit(design, [make.record(rng, design, "a", 2)])._repr_html_()
    assert "<b>`" not in html
    assert "&lt;b&gt;" in html


def test_control_characters_do_not_reach_the_terminal(rng, make, two_groups):
    assert "\x1b" not in repr(make.fit(two_groups, [make.record(rng, two_groups, "a\x1b[31m", 2)]))


def test_showing_a_saturated_fit_does_not_warn(rng, make, samples):
    design = build_design(samples.iloc[[0, 3]], "~ group")
    fit = make.fit(design, [make.record(rng, design, "a", 2)])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert "t with 0 df" in repr(fit)
        assert "1 fitted" in fit._repr_html_()


def test_wald_and_preset_are_said(rng, make, two_groups):
    fit = make.fit(two_groups, [make.record(rng, two_groups, "a", 2)], df="z", preset="mirglmm")
    assert "Wald z, preset mirglmm" in repr(fit)
