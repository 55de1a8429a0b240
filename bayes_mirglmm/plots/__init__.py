"""Pictures of a fit, one a file. Each takes a fit, returns the matplotlib figure and never shows it.

All share a signature: the fit, then what to show, then options by name; ``ax`` draws into axes of your own, ``figsize``
(inches) sizes a new figure. A picture that does not apply to a fit raises an InputError that says what to do. Where
ArviZ draws, its ``PlotCollection`` is returned.

Call from outside: what ``__all__`` lists. Colours, figures and legends stand in ``canvas``, label placing in
``labels``, rows with intervals in ``rows``, the numbers behind the pictures in ``changes``,
``isomir_lines`` and their like.
"""

from bayes_mirglmm.plots.bayes_factors import plot_bayes_factors
from bayes_mirglmm.plots.counts import plot_counts
from bayes_mirglmm.plots.cpm import plot_cpm
from bayes_mirglmm.plots.diagnostics import plot_diagnostics
from bayes_mirglmm.plots.forest import plot_forest
from bayes_mirglmm.plots.heatmap import plot_heatmap
from bayes_mirglmm.plots.isomir_forest import plot_isomir_forest
from bayes_mirglmm.plots.isomirs import plot_isomirs
from bayes_mirglmm.plots.lrt_histogram import plot_lrt_histogram
from bayes_mirglmm.plots.ma import plot_ma
from bayes_mirglmm.plots.offsets import plot_offsets
from bayes_mirglmm.plots.ppc import plot_ppc
from bayes_mirglmm.plots.probability import plot_probability
from bayes_mirglmm.plots.rootogram import plot_rootogram
from bayes_mirglmm.plots.samples import plot_samples
from bayes_mirglmm.plots.shared_directions import plot_shared_directions
from bayes_mirglmm.plots.shared_samples import plot_shared_samples
from bayes_mirglmm.plots.type_shifts import plot_type_shifts
from bayes_mirglmm.plots.upset import plot_upset
from bayes_mirglmm.plots.variance_components import plot_variance_components
from bayes_mirglmm.plots.volcano import plot_volcano

__all__ = [
    "plot_bayes_factors",
    "plot_counts",
    "plot_cpm",
    "plot_diagnostics",
    "plot_forest",
    "plot_heatmap",
    "plot_isomir_forest",
    "plot_isomirs",
    "plot_lrt_histogram",
    "plot_ma",
    "plot_offsets",
    "plot_ppc",
    "plot_probability",
    "plot_rootogram",
    "plot_samples",
    "plot_shared_directions",
    "plot_shared_samples",
    "plot_type_shifts",
    "plot_upset",
    "plot_variance_components",
    "plot_volcano",
]
