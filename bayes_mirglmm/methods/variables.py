"""Variables of the dataset of a fit: dims, type and meaning; and those that a method with draws adds.

One layout for every Bayesian method. ``drawn`` names the miRNAs that have draws, which can be few among those that were
read; ``draw`` is shared by all of them; the draws of the isomiR effects lie on the flat ``isomir`` dim. A draw is a
joint draw of everything about a miRNA, of the model that ``coefficients_from`` names.
Draws of MCMC are called ``draw_*``, in the order of the chains. Those of importance sampling are called
``weighted_draw_*``, because without ``draw_weight`` (sum 1 in each miRNA) they mean nothing: tables are weighted sums
over all of them, and the tree of one miRNA resamples them to equal weights, the same ones each time.

In such a dataset ``beta``, ``omega``, ``sigma_sample``, ``b``, ``effect`` and ``u`` are posterior means, ``beta_cov``,
``effect_cov``, ``b_se`` and ``u_se`` posterior covariances and SDs, ``theta`` is exp(posterior mean of log theta),
``log_theta_se`` its SD, and ``log_likelihood`` the marginal one at the draw with the highest posterior density (NaN for
NUTS, which does not compute it).
"""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np


class Variable(NamedTuple):
    """One variable of the schema."""

    dims: tuple[str, ...]
    kind: str  # "f" float64, "d" float32, "i" int64, "s" str
    meaning: str

    def empty(self, sizes: Mapping[str, int]) -> np.ndarray:
        """Return an array of the variable's shape and type, of NaN, 0 or empty strings."""
        shape = tuple(sizes[dim] for dim in self.dims)
        if self.kind in "fd":
            return np.full(shape, np.nan, dtype=np.float64 if self.kind == "f" else np.float32)
        return np.zeros(shape, dtype=np.int64) if self.kind == "i" else np.full(shape, "", dtype=object)

    def fits(self, dtype: np.dtype) -> bool:
        """Tell whether an array of ``dtype`` may stand for the variable."""
        return dtype.kind in {"f": "f", "d": "f", "i": "iu", "s": "OUT"}[self.kind]


DRAWS: dict[str, Variable] = {
    "draw_weight": Variable(("drawn", "draw"), "f", "weight of each draw"),
    "draw_beta": Variable(("drawn", "draw", "term"), "d", "draws of the fixed effects, natural log"),
    "draw_omega": Variable(
        ("drawn", "draw", "slope_term", "slope_term2"),
        "d",
        "draws of the covariance of the isomiR effects",
    ),
    "draw_sigma_sample": Variable(("drawn", "draw"), "d", "draws of the SD of the sample effects"),
    "draw_log_theta": Variable(("drawn", "draw"), "d", "draws of log theta; inf for the Poisson"),
    "draw_b": Variable(("isomir", "draw", "slope_term"), "d", "draws of the isomiR effects"),
    "draw_u": Variable(("drawn", "draw", "sample"), "d", "draws of the sample effects"),
}
#: Draws of the random terms of samples, in a fit that has such.
RANDOM_DRAWS: dict[str, Variable] = {
    "draw_random_cov": Variable(
        ("drawn", "draw", "random", "random2"), "d", "draws of the covariance of the random terms' effects"
    ),
    "draw_random_effect": Variable(("drawn", "draw", "random_level"), "d", "draws of these effects"),
}
EVIDENCE: dict[str, Variable] = {
    "log_evidence": Variable(("model", "mirna"), "f", "log evidence of the model"),
    "log_evidence_error": Variable(("model", "mirna"), "f", "its Monte Carlo standard error"),
}
#: Diagnostics of importance sampling.
IMPORTANCE: dict[str, Variable] = {
    "pareto_k": Variable(
        ("model", "mirna"), "f", "Pareto k-hat of the importance weights; above 0.7 unreliable"
    ),
    "effective_size": Variable(("model", "mirna"), "f", "effective number of importance draws"),
    "points": Variable(("model", "mirna"), "f", "number of importance draws"),
    "dropped": Variable(("model", "mirna"), "f", "importance draws left out: a value was not finite"),
}
#: Diagnostics of MCMC: :class:`bayes_mirglmm.nuts.Diagnostics`.
MCMC: dict[str, Variable] = {
    "r_hat": Variable(("model", "mirna"), "f", "largest r-hat of the miRNA's quantities"),
    "worst": Variable(("model", "mirna"), "s", "the quantity that has it"),
    "ess_bulk": Variable(
        ("model", "mirna"), "f", "smallest bulk effective size of fixed effects, SDs and theta"
    ),
    "ess_tail": Variable(("model", "mirna"), "f", "smallest tail effective size of the same"),
    "divergences": Variable(("model", "mirna"), "f", "divergent draws"),
    "saturated": Variable(
        ("model", "mirna"), "f", "draws whose trajectory reached the longest length allowed"
    ),
    "steps": Variable(("model", "mirna"), "f", "gradients for each draw"),
    "attempts": Variable(("model", "mirna"), "f", "attempts at sampling; 2 where the first had trouble"),
}
#: What NUTS says of each draw.
DRAW_STATS: dict[str, Variable] = {
    "draw_diverging": Variable(("drawn", "draw"), "d", "1 for a divergent draw"),
    "draw_energy": Variable(("drawn", "draw"), "d", "energy of the Hamiltonian"),
    "draw_lp": Variable(("drawn", "draw"), "d", "log density of the draw, in the sampler's coordinates"),
    "draw_n_steps": Variable(("drawn", "draw"), "d", "gradients of its trajectory"),
    "draw_tree_depth": Variable(("drawn", "draw"), "d", "doublings of its trajectory"),
    "draw_acceptance_rate": Variable(("drawn", "draw"), "d", "mean acceptance probability of its trajectory"),
}
#: The same of importance sampling: nobody should use draws bare that carry weights.
WEIGHTED = {
    name if name == "draw_weight" else f"weighted_{name}": variable for name, variable in DRAWS.items()
}
