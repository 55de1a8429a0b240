"""The methods: what each is called, what its fits hold, how they are read and cited, and where one miRNA is fitted.

What asks for a method's properties asks here: nothing else in the package compares names of methods. Engines are loaded
when they are needed, so that showing a saved fit loads none.
"""

import importlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from types import ModuleType
from typing import TYPE_CHECKING, Any, Protocol, cast

from bayes_mirglmm.errors import InputError
from bayes_mirglmm.methods.variables import DRAW_STATS, DRAWS, EVIDENCE, IMPORTANCE, MCMC, WEIGHTED, Variable
from bayes_mirglmm.outcomes import FEWEST_SAMPLES_OF_LAPLACE

if TYPE_CHECKING:
    import numpy as np

    from bayes_mirglmm.methods.maximum_likelihood import Plan
    from bayes_mirglmm.records import MirnaRecord

    #: From a miRNA's name, its isomiRs and their counts (J, n): the fit by maximum likelihood, and the method's own.
    FitOne = Callable[[str, Sequence[str], np.ndarray], tuple[MirnaRecord, MirnaRecord]]


class Engine(Protocol):
    """What the module of a method offers."""

    def is_prepared(self) -> bool:
        """Tell whether the machine code is on disk."""

    def prepare(self) -> None:
        """Compile, or load the machine code."""

    def fitter(self, plan: "Plan", seed: int, settings: Any) -> "FitOne":
        """Return the function that fits one miRNA."""

    def resolve_settings(self, given: Mapping[str, Any]) -> Any:
        """Check the settings that a user gave and fill them up; only of a method with ``settings``."""


@dataclass(frozen=True)
class Method:
    """One way to fit the model.

    Attributes
    ----------
    name : str
        What users type.
    title : str
        A line for "what was run"; ``{curvature}`` and ``{draws}`` are filled in.
    how : str
        Its place in a methods paragraph.
    module : str
        Where the engine is: :class:`Engine`.
    has_draws : bool
        Whether a fit has joint draws of the posterior, and its tables are made of them.
    weighted : bool
        Whether the draws come from importance sampling: few and weighted, so that quantiles are smoothed.
    fewest_samples : int
        Samples below which its posterior SDs are too small.
    work : str
        What the progress bar says.
    settings : tuple of str
        Arguments of :func:`bayes_mirglmm.fit` that only this method (or one like it) takes.
    recorded : tuple of str
        Those of the settings that the dataset remembers as attributes.
    variables : mapping
        What its dataset has besides the schema of all fits.
    diagnostics, in_status, shown : tuple of str
        What :meth:`Fit.diagnostics` lists, what :meth:`Fit.status` has of them, and what stands beside the numbers in
        tables.
    ranks_by, calls_by : str
        Columns that order effects, and that call them found.
    rank_in_words, ranks_in_words, calls_in_words, rate : str
        The same for readers: "p", "p-values", "adj. p", "false discovery rate".
    calls_sentence : str
        How findings are called, for a methods paragraph.
    """

    name: str
    title: str
    how: str
    module: str
    has_draws: bool
    ranks_by: str
    calls_by: str
    rank_in_words: str
    ranks_in_words: str
    calls_in_words: str
    rate: str
    calls_sentence: str
    weighted: bool = False
    fewest_samples: int = 0
    work: str = "Fitting"
    settings: tuple[str, ...] = ()
    recorded: tuple[str, ...] = ()
    variables: Mapping[str, Variable] = field(default_factory=dict)
    diagnostics: tuple[str, ...] = ()
    in_status: tuple[str, ...] = ()
    shown: tuple[str, ...] = ()

    @property
    def engine(self) -> Engine:
        """The module that fits, loaded now."""
        return cast(Engine, _loaded(self.module))


#: What readers see over ``shrunk_s_value``, beside ``lfsr``, which without a further word is the posterior's.
SHRUNKEN = "s-value, shrunken"
_OF_DRAWS: dict[str, Any] = {
    "has_draws": True,
    "ranks_by": "shrunk_lfsr",  # the order of the s-values that call
    "calls_by": "shrunk_s_value",  # the prior of one miRNA takes no account of how many do not change
    "rank_in_words": "lfsr, shrunken",
    "ranks_in_words": "local false sign rates of the shrunken effects",
    "calls_in_words": SHRUNKEN,
    "rate": "false sign rate",
    "calls_sentence": (
        "Findings have an s-value of at most 0.05; s-values are of effects after adaptive shrinkage (Stephens 2017)."
    ),
}
METHODS: dict[str, Method] = {
    method.name: method
    for method in (
        Method(
            "ml",
            title="Maximum likelihood; random effects integrated out by Laplace's method ({curvature} curvature)",
            how="by maximum likelihood, random effects integrated out by Laplace's method",
            module="bayes_mirglmm.methods.maximum_likelihood",
            has_draws=False,
            ranks_by="p_value",
            calls_by="p_adjusted",
            rank_in_words="p",
            ranks_in_words="p-values",
            calls_in_words="adj. p",
            rate="false discovery rate",
            calls_sentence="P-values were adjusted by the method of Benjamini and Hochberg.",
        ),
        Method(
            "laplace",
            title="Posterior by nested Laplace approximation and importance sampling ({draws} draws a miRNA)",
            how="in a Bayesian way, by nested Laplace approximation with importance sampling",
            module="bayes_mirglmm.methods.nested_laplace",
            weighted=True,
            fewest_samples=FEWEST_SAMPLES_OF_LAPLACE,
            variables=WEIGHTED | EVIDENCE | IMPORTANCE,
            diagnostics=tuple(IMPORTANCE),
            in_status=("pareto_k", "effective_size"),
            shown=("pareto_k",),
            **_OF_DRAWS,
        ),
        Method(
            "nuts",
            title="Posterior by NUTS ({draws} draws a miRNA)",
            how="in a Bayesian way, by Hamiltonian Monte Carlo (NUTS)",
            module="bayes_mirglmm.methods.nuts",
            work="Sampling",
            settings=("draws", "chains", "tune", "target_accept"),
            recorded=("chains", "tune", "target_accept"),
            variables=DRAWS | DRAW_STATS | EVIDENCE | MCMC,
            diagnostics=tuple(MCMC),
            in_status=("r_hat", "ess_bulk", "divergences"),
            shown=("r_hat", "ess_bulk", "divergences"),
            **_OF_DRAWS,
        ),
    )
}


def method_named(name: str) -> Method:
    """Return the method that users call ``name``.

    Raises
    ------
    InputError
        There is none.
    """
    if name not in METHODS:
        raise InputError(f"method={name!r} is not one of {', '.join(map(repr, METHODS))}.")
    return METHODS[name]


def methods_with_draws() -> str:
    """Return the methods whose fits have draws, for messages: ``'laplace' or 'nuts'``."""
    return " or ".join(repr(method.name) for method in METHODS.values() if method.has_draws)


def _loaded(module: str) -> ModuleType:
    return importlib.import_module(module)
