"""Pictures of a fit, one a file. Each takes a fit, returns the matplotlib figure and never shows it.

Call from outside: what ``__all__`` lists. Colours, figure making and label placing stand in ``canvas`` and
``labels``.
"""

from bayes_mirglmm.plots.isomirs import plot_isomirs
from bayes_mirglmm.plots.volcano import plot_volcano

__all__ = ["plot_isomirs", "plot_volcano"]
