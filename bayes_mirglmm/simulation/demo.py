"""The data of ``bayes-mirglmm demo``, and what became of them."""

from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from bayes_mirglmm.plots import plot_isomirs, plot_volcano
from bayes_mirglmm.results.hits import usage_column
from bayes_mirglmm.simulation.from_model import Simulation, Truth, simulate

if TYPE_CHECKING:
    from bayes_mirglmm.results import Fit

SEED = 1
GROUPS = ("ctrl", "case")
METHOD = "laplace"
PER_GROUP = 10
MIRNAS = 120
CHANGED = 0.3
LOG_FC_SD = 1.2


def demo_simulation() -> Simulation:
    """Return the simulated counts of the demo: two groups of ten, 120 miRNAs, always the same."""
    return simulate(PER_GROUP, GROUPS, n_mirnas=MIRNAS, changed=CHANGED, log_fc_sd=LOG_FC_SD, seed=SEED)


def show_case(fit: "Fit") -> str:
    """Return the miRNA whose isomiRs differ most clearly in their effect, by the test that calls."""
    call = usage_column(fit)
    return str(fit.usage().dropna(subset=[call]).sort_values([call, "p_value"])["mirna"].iloc[0])


def draw(fit: "Fit", folder: Path) -> dict[str, Path]:
    """Draw the two pictures of the demo as PNG and return their paths."""
    paths = {"volcano": folder / "volcano.png", "isomirs": folder / "isomirs.png"}
    plot_volcano(fit).savefig(paths["volcano"], dpi=200)
    plot_isomirs(fit, show_case(fit)).savefig(paths["isomirs"], dpi=200)
    return paths


def recovery(fit: "Fit", truth: Truth, *, term: str, fdr: float = 0.05) -> pd.Series:
    """Compare the hits of one coefficient with the truth.

    Returns
    -------
    pandas.Series
        ``changed`` (truly, among the fitted miRNAs), ``found`` (of these, at ``fdr``: adjusted p-value, or s-value
        of the shrunken effect of a Bayesian fit), ``false`` (hits that are not changed), ``covered`` (share of
        intervals that contain the true value).
    """
    values = truth.effects[truth.effects["term"] == term].merge(
        truth.mirnas[["mirna", "changed"]], on="mirna"
    )
    measure = "s_value" if fit.method.has_draws else "p_adjusted"
    table = fit.shrink(term) if fit.method.has_draws else fit.effects(term)
    table = table.merge(values[["mirna", "value", "changed"]], on="mirna")
    table = table.dropna(subset=[measure])
    hit = table[measure] <= fdr
    covered = table["value"].between(table["lower"], table["upper"])
    return pd.Series(
        {
            "changed": int(table["changed"].sum()),
            "found": int((hit & table["changed"]).sum()),
            "false": int((hit & ~table["changed"]).sum()),
            "covered": float(covered.mean()),
        }
    )
