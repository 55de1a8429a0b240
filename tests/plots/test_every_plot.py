"""What holds for every picture: signature, no side effects, any fit, any name, any width, few and many points."""

import inspect
from collections.abc import Callable, Iterator

import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.figure import Figure
from matplotlib.text import Text

import bayes_mirglmm as bm
from bayes_mirglmm import plots
from bayes_mirglmm.errors import InputError
from bayes_mirglmm.results import Fit

OF_A_MIRNA = ("plot_counts", "plot_isomirs", "plot_isomir_forest", "plot_cpm", "plot_ppc", "plot_rootogram")
BAYESIAN = ("plot_bayes_factors", "plot_ppc", "plot_diagnostics", "plot_probability")
OF_MANY = "plot_shared_samples"  # learns from ten miRNAs or more
VARIANTS = [
    *((name, {}) for name in plots.__all__),
    ("plot_volcano", {"measure": "lfsr"}),
    ("plot_samples", {"kind": "mds"}),
    ("plot_variance_components", {"kind": "share"}),
    ("plot_ppc", {"kind": "pit"}),
    ("plot_probability", {"rope": (-0.1, 0.1)}),
]
NARROW, WIDE = 85 / 25.4, 170 / 25.4


def draw(name: str, fit: Fit, **options) -> Figure:
    arguments = (next((m for m in fit.mirnas if "$" in m), fit.mirnas[0]),) if name in OF_A_MIRNA else ()
    found = getattr(bm, name)(fit, *arguments, **options)
    return found.viz["figure"].item() if name == "plot_ppc" else found


def texts(figure: Figure) -> list[Text]:
    """Everything that is written beside tick labels."""
    found = [text for legend in figure.legends for text in legend.get_texts()]
    for axes in figure.axes:
        legend = axes.get_legend()
        found += list(legend.get_texts()) if legend else []
        found += [axes.xaxis.label, axes.yaxis.label, axes._left_title, *axes.texts]
    return [text for text in found if text.get_text() and text.get_visible()]


def test_all_plots_are_public_and_share_a_signature():
    assert set(plots.__all__) <= set(bm.__all__)
    for name in plots.__all__:
        parameters = list(inspect.signature(getattr(plots, name)).parameters.values())
        assert parameters[0].name == "fit"
        by_name = [p.name for p in parameters if p.kind is p.KEYWORD_ONLY]
        assert by_name[-1] == "figsize"
        assert ("ax" in by_name) == (name != "plot_ppc")
        if name in OF_A_MIRNA:
            assert parameters[1].name == "mirna"


@pytest.mark.parametrize("name", plots.__all__)
@pytest.mark.parametrize("method", ["two_groups", "dose_and_batch", "sampled"])
def test_every_plot_works_on_every_fit_or_says_what_to_do(
    name: str, method: str, request: pytest.FixtureRequest
):
    fit = request.getfixturevalue(method)
    if name in BAYESIAN and not fit.is_bayesian:
        with pytest.raises(InputError, match=r"method='laplace' or (method=)?'nuts'"):
            draw(name, fit)
    elif name == OF_MANY and len(fit.ml) < 10:
        with pytest.raises(InputError, match="cannot be learned from fewer than 10"):
            draw(name, fit)
    else:
        assert draw(name, fit).axes[0].has_data()


@pytest.fixture
def untouched(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Fail where a test shows a figure, keeps one open, draws into the current one or changes a setting."""
    monkeypatch.setattr(plt, "show", lambda *_: pytest.fail("show was called"))
    own, settings = plt.figure(), dict(plt.rcParams)
    yield
    try:
        assert plt.get_fignums() == [own.number]
        assert plt.gcf() is own
        assert not own.axes
        assert dict(plt.rcParams) == settings
    finally:
        plt.close(own)


@pytest.mark.parametrize(
    ("name", "options", "width"),
    [(*variant, NARROW) for variant in VARIANTS]
    + [(name, {}, WIDE) for name in ("plot_volcano", "plot_isomir_forest", "plot_cpm", "plot_offsets")],
)
def test_names_are_written_as_they_are_inside_the_figure(
    laplace: Fit, two_groups: Fit, name: str, options: dict, width: float, untouched: None
):
    figure = draw(name, two_groups if name == OF_MANY else laplace, figsize=(width, 3.6), **options)
    figure.canvas.draw()  # mathtext would fail on the name, and warn about glyphs
    assert figure.get_size_inches()[0] == pytest.approx(width)
    frame = figure.bbox.padded(1.5)
    outside = [text.get_text() for text in texts(figure) if not _inside(frame, text.get_window_extent())]
    assert not outside
    if name in OF_A_MIRNA:
        assert figure.axes[0].get_title(loc="left").startswith("_miR-$x")


def _inside(frame, box) -> bool:
    return frame.x0 <= box.x0 and frame.y0 <= box.y0 and box.x1 <= frame.x1 and box.y1 <= frame.y1


@pytest.mark.parametrize("name", [name for name in plots.__all__ if name != "plot_ppc"])
def test_it_draws_into_axes_that_are_given(laplace: Fit, two_groups: Fit, name: str):
    figure = Figure(figsize=(8, 4))
    left, right = figure.subplots(1, 2)
    assert draw(name, two_groups if name == OF_MANY else laplace, ax=right) is figure
    assert right.has_data()
    assert not left.has_data()
    assert not figure.legends  # the legend belongs to the axes


@pytest.mark.parametrize("number", [2, 2000])
@pytest.mark.parametrize("name", [name for name in plots.__all__ if name not in (*OF_A_MIRNA, *BAYESIAN)])
def test_few_and_many_mirnas(name: str, number: int, many: Callable[[int], Fit]):
    fit = many(number)
    assert len(fit) == number
    if name == OF_MANY and number < 10:
        with pytest.raises(InputError, match="cannot be learned from fewer than 10"):
            draw(name, fit)
        return
    if name == "plot_type_shifts" and number < 10:
        with pytest.raises(InputError, match="no alteration stands in at least 5 isomiRs"):
            draw(name, fit)
        return
    assert draw(name, fit).axes[0].has_data()


@pytest.fixture(scope="module")
def many(two_groups: Fit, of_mirnas: Callable[..., Fit]) -> Callable[[int], Fit]:
    made: dict[int, Fit] = {}

    def make(number: int) -> Fit:
        if number not in made:
            fitted = np.flatnonzero(np.isin(two_groups.data["mirna"].values, two_groups.mirnas))
            made[number] = of_mirnas(two_groups, np.resize(fitted, number).tolist())
        return made[number]

    return make


def test_a_fit_of_nothing_is_refused_or_drawn_empty(two_groups: Fit, of_mirnas: Callable[..., Fit]):
    nothing = of_mirnas(two_groups, [int(two_groups.data.sizes["mirna"]) - 1])
    nothing.data["beta"].values[:] = np.nan
    nothing = Fit(nothing.data, nothing.design, samples=nothing.samples)
    assert not nothing.mirnas
    for name in ("plot_volcano", "plot_ma", "plot_forest"):
        draw(name, nothing).canvas.draw()
    for name in ("plot_variance_components", "plot_samples", "plot_offsets", "plot_lrt_histogram"):
        with pytest.raises(InputError, match=r"fit\.status\(\)"):
            draw(name, nothing)
