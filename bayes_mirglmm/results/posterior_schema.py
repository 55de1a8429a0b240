"""What the dataset of a Bayesian fit has besides the schema of all fits: draws, their weights, diagnostics.

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

import xarray as xr

from bayes_mirglmm.results.variable import Variable

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
WEIGHTED = {
    name if name == "draw_weight" else f"weighted_{name}": variable for name, variable in DRAWS.items()
}
OF_METHOD = {"laplace": WEIGHTED | EVIDENCE | IMPORTANCE, "nuts": DRAWS | DRAW_STATS | EVIDENCE | MCMC}
#: Diagnostics that tables show beside the numbers, by method.
SHOWN = {"laplace": ("pareto_k",), "nuts": ("r_hat", "ess_bulk", "divergences")}
BAYESIAN_METHODS = ("laplace", "nuts")


def draw_name(name: str, method: str) -> str:
    """Return what the draws of ``name`` (``beta``, ``omega``, ...) are called in fits of a method."""
    return f"weighted_draw_{name}" if method == "laplace" and name != "weight" else f"draw_{name}"


def draws_of(data: xr.Dataset, name: str) -> xr.DataArray:
    """Return the draws of ``name``, or their weights (``weight``), of a fit of any Bayesian method."""
    return data[draw_name(name, data.attrs["method"])]


def extra_variables(method: str) -> dict[str, Variable]:
    """Return the variables that fits of a method have besides those of all fits."""
    return OF_METHOD.get(method, {})
