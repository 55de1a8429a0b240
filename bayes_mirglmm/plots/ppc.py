"""Posterior predictive check of one miRNA, drawn by ArviZ."""

from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from bayes_mirglmm.errors import InputError
from bayes_mirglmm.plots.canvas import BLUE, GREY, MEDIUM, ORANGE, SMALL, label_axes, legend_below

if TYPE_CHECKING:
    from arviz_plots import PlotCollection
    from matplotlib.axes import Axes

    from bayes_mirglmm.results import Fit

KINDS = ("ecdf", "pit")
MAX_DRAWS = 1000  # replicates that a check looks at


def plot_ppc(
    fit: "Fit",
    mirna: str,
    kind: str = "ecdf",
    *,
    num_samples: int = 50,
    figsize: tuple[float, float] = (4.8, 3.6),
) -> "PlotCollection":
    """Draw the counts of one miRNA against counts that its posterior predicts, given its random effects.

    ``"ecdf"``: the distribution of all counts (isomiR x sample), observed in orange, of replicates in grey, on a
    log(1 + count) scale. Where the orange line leaves the bundle are counts that the model does not make.

    ``"pit"``: where each observed count lies among its own replicates. If the model is right these positions are
    uniform; the line is their distribution function less that of the uniform, with a test of uniformity. Since the
    random effects were fitted to the same counts, positions crowd in the middle a little even then.

    Parameters
    ----------
    fit : Fit
        A Bayesian fit.
    mirna : str
        A fitted miRNA.
    kind : {"ecdf", "pit"}
        Drawn by ``arviz_plots.plot_ppc_dist`` and ``arviz_plots.plot_ppc_pit``.
    num_samples : int
        Replicates to draw (``"ecdf"``).
    figsize : tuple of float
        Width and height in inches. ArviZ makes its own axes, so there is no ``ax``.

    Returns
    -------
    arviz_plots.PlotCollection
        ``.viz["figure"].item()`` is the matplotlib figure; ``.savefig(path)`` writes it.

    Raises
    ------
    InputError
        The fit has no posterior draws, the miRNA has none, or ``kind`` or ``num_samples`` is not usable.
    """
    if kind not in KINDS:
        raise InputError(f"kind={kind!r} is not known: choose 'ecdf' or 'pit'.")
    if num_samples < 1:
        raise InputError(f"num_samples={num_samples!r}: give 1 or more.")
    if not fit.method.has_draws:
        raise InputError(
            "a posterior predictive check needs posterior draws: fit with method='laplace' or 'nuts'. "
            f"plot_rootogram(fit, {mirna!r}) checks a fit by maximum likelihood."
        )
    tree = fit[mirna]
    assert isinstance(tree, xr.DataTree)
    return _ecdf(tree, mirna, num_samples, figsize) if kind == "ecdf" else _pit(tree, mirna, figsize)


def _ecdf(tree: xr.DataTree, mirna: str, num_samples: int, figsize: tuple[float, float]) -> "PlotCollection":
    from arviz_plots import plot_ppc_dist

    groups = {name: xr.Dataset({"counts": np.log1p(part["counts"])}) for name, part in _cells(tree).items()}
    drawn = groups["posterior_predictive"]
    collection = plot_ppc_dist(
        xr.DataTree.from_dict(groups),
        kind="ecdf",
        num_samples=min(num_samples, drawn.sizes["chain"] * drawn.sizes["draw"]),
        backend="matplotlib",
        visuals={
            "predictive_dist": {"color": GREY, "alpha": 0.35, "width": 0.7},
            "observed_dist": {"color": ORANGE, "width": 1.6},
            "title": False,
            "remove_axis": False,
        },
        figure_kwargs={"figsize": figsize},
    )
    axes = _adopted(collection)
    largest = max(float(group["counts"].max()) for group in groups.values())
    ticks = np.concatenate([[0.0], 10.0 ** np.arange(int(np.log10(np.expm1(max(largest, 0.7)))) + 1)])
    axes.set_xticks(np.log1p(ticks), [f"{tick:g}" for tick in ticks])
    handles = [*axes.plot([], [], color=ORANGE, lw=1.6), *axes.plot([], [], color=GREY, lw=1)]
    legend_below(axes, own=True, handles=handles, labels=["observed", "replicates"])
    cells = int(groups["observed_data"]["counts"].size)
    label_axes(axes, ("count", "log(1 + count) scale"), "share of cells", (mirna, f"{cells} cells"))
    return collection


def _pit(tree: xr.DataTree, mirna: str, figsize: tuple[float, float]) -> "PlotCollection":
    from arviz_plots import plot_ppc_pit

    collection = plot_ppc_pit(
        xr.DataTree.from_dict(_cells(tree)),
        backend="matplotlib",
        visuals={"ecdf_lines": {"color": BLUE}, "title": False, "xlabel": False, "ylabel": False},
        figure_kwargs={"figsize": figsize},
    )
    axes = _adopted(collection)
    for text in axes.texts:
        text.set_fontsize(SMALL)
    label_axes(axes, "position among the replicates", "ECDF less the uniform", mirna)
    return collection


def _cells(tree: xr.DataTree) -> dict[str, xr.Dataset]:
    """Return replicated and observed counts of all cells."""
    return {
        name: _thinned(tree[name].to_dataset()[["counts"]])
        for name in ("posterior_predictive", "observed_data")
    }


def _thinned(dataset: xr.Dataset) -> xr.Dataset:
    """Leave every k-th draw, so that :data:`MAX_DRAWS` remain."""
    if "draw" in dataset.dims:
        step = -(-dataset.sizes["chain"] * dataset.sizes["draw"] // MAX_DRAWS)
        dataset = dataset.isel(draw=slice(None, None, max(step, 1)))
    return dataset


def _adopted(collection: "PlotCollection") -> "Axes":
    """Return the axes of ArviZ's figure in the looks of the others, the figure closed for pyplot."""
    import matplotlib.pyplot as plt

    figure: Any = collection.viz["figure"].item()
    plt.close(figure)
    axes: Axes = figure.axes[0]
    figure.set_layout_engine("constrained")
    axes.spines[["top", "right"]].set_visible(False)
    axes.tick_params(labelsize=SMALL)
    for text in (axes.xaxis.label, axes.yaxis.label):
        text.set_fontsize(MEDIUM)
    return axes
