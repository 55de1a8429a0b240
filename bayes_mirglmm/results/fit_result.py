"""The class that users hold: one fit of many miRNAs."""

from collections.abc import Iterator, Mapping
from functools import cached_property
from os import PathLike
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from bayes_mirglmm.design.build import Design
from bayes_mirglmm.errors import InputError
from bayes_mirglmm.methods.registry import Method, method_named
from bayes_mirglmm.model import ModelSpec
from bayes_mirglmm.results import bayes_factor_curve as _curve
from bayes_mirglmm.results import components as _components
from bayes_mirglmm.results import display
from bayes_mirglmm.results import effects as _effects
from bayes_mirglmm.results import findings as _findings
from bayes_mirglmm.results import inference as _inference
from bayes_mirglmm.results import influence as _influence
from bayes_mirglmm.results import isomir_findings as _isomirs
from bayes_mirglmm.results import learned_priors as _learned
from bayes_mirglmm.results import omnibus as _omnibus
from bayes_mirglmm.results import outliers as _outliers
from bayes_mirglmm.results import posterior_draws as _draws
from bayes_mirglmm.results import predictive as _predictive
from bayes_mirglmm.results import probability as _probability
from bayes_mirglmm.results import readable as _readable
from bayes_mirglmm.results import residuals as _residuals
from bayes_mirglmm.results import samples as _samples
from bayes_mirglmm.results import status as _status
from bayes_mirglmm.results import summarise as _summarise
from bayes_mirglmm.results import type_shifts as _types
from bayes_mirglmm.results import usage as _usage
from bayes_mirglmm.results.run_folder import SHARED_TABLES, TABLES
from bayes_mirglmm.results.schema import validate_fit_data
from bayes_mirglmm.results.selection import fitted, spec_of
from bayes_mirglmm.results.shared_samples import INDEPENDENT, SharedSamples
from bayes_mirglmm.results.tree import mirna_tree
from bayes_mirglmm.results.usage_choice import SHARED, chosen_test
from bayes_mirglmm.results.view import mirna_view


class Fit:
    """A fit of many miRNAs: tables, contrasts, residuals, the view of one miRNA, saving.

    Every table is a new :class:`pandas.DataFrame`, computed from :attr:`data`. Estimates and their intervals
    are natural logs; ``log2_fc`` is log2.

    Parameters
    ----------
    data : xarray.Dataset
        Follows :mod:`bayes_mirglmm.results.schema`.
    design : Design
        The design that was fitted.
    metadata : mapping, optional
        Origin of the fit (:func:`bayes_mirglmm.results.provenance.provenance`), JSON-able.
    samples : pandas.DataFrame, optional
        The whole sample table, indexed by sample; the design's own columns when omitted.
    ml : Fit, optional
        The fit by maximum likelihood that a Bayesian fit started from.

    Raises
    ------
    InputError
        The dataset does not follow the schema, or is of another design.
    """

    def __init__(
        self,
        data: xr.Dataset,
        design: Design,
        *,
        metadata: Mapping[str, Any] | None = None,
        samples: pd.DataFrame | None = None,
        ml: "Fit | None" = None,
    ) -> None:
        validate_fit_data(data)
        for dim, names in (
            ("term", design.terms),
            ("slope_term", design.slope_terms),
            ("sample", design.samples),
        ):
            if list(data[dim].values) != list(names):
                raise InputError(
                    f"the dataset and the design of a fit disagree on {dim}: they are of two fits."
                )
        self.data = data
        self.design = design
        self.metadata = dict(metadata or {})
        self.samples = design.table if samples is None else samples
        self._ml = ml
        self.warned = False  #: of a saturated design, once
        #: What :mod:`bayes_mirglmm.results.shared_usage` computed once.
        self.shared_cache: dict[Any, object] = {}

    @property
    def formula(self) -> str:
        """The formula, with its tilde."""
        return self.design.formula

    @property
    def slope(self) -> str | None:
        """The variable whose effect varies over isomiRs."""
        return self.design.slope

    @property
    def ml(self) -> "Fit":
        """The fit by maximum likelihood: this fit itself, or the one that a Bayesian fit started from."""
        return self if self._ml is None else self._ml

    @property
    def method(self) -> Method:
        """How it was fitted: name, what its tables hold and how they are read (:mod:`bayes_mirglmm.methods`)."""
        return method_named(self.data.attrs["method"])

    @cached_property
    def spec(self) -> ModelSpec:
        """The model that was fitted: family, random effects, priors."""
        return spec_of(self.data)

    @property
    def is_bayesian(self) -> bool:
        """Whether the fit has posterior draws."""
        return self.method.has_draws

    @property
    def has_isomir_slopes(self) -> bool:
        """Whether the model that was fitted has isomiR slopes of the slope variable."""
        return self.spec.isomir_slope and self.slope is not None

    @property
    def has_sample_effect(self) -> bool:
        """Whether the model that was fitted has a random intercept for each sample."""
        return self.spec.sample_intercept

    @property
    def samples_taken(self) -> str:
        """How :meth:`effects` takes the samples unless told: ``independent``, or ``shared`` if the fit was made so."""
        return str(self.data.attrs.get("samples", INDEPENDENT))

    @cached_property
    def what_samples_share(self) -> SharedSamples:
        """What was learned from all miRNAs about the samples: arrays, behind :meth:`shared_samples`."""
        return SharedSamples(self.ml.data)

    @property
    def slope_prior_scale(self) -> float:
        """Half-normal scale of the slope SDs that Bayes factors refer to, in the prior's units; NaN without slopes."""
        prior = self.spec.priors.compared_slope
        return float("nan") if prior is None else prior.scale

    @cached_property
    def mirnas(self) -> tuple[str, ...]:
        """The miRNAs that have estimates, in order; :meth:`status` has them all."""
        return tuple(str(name) for name in self.data["mirna"].values[fitted(self.data)])

    @property
    def residual_df(self) -> float:
        """Degrees of freedom of tests and intervals: n - rank(X), or inf for ``df="z"`` and Bayesian fits."""
        if self.data.attrs["df"] == "z" or self.method.has_draws:
            return np.inf
        return float(self.data.sizes["sample"] - int(self.data.attrs["rank"]))

    @property
    def reference_distribution(self) -> str:
        """What tests and intervals refer to: ``Wald z``, ``t with 18 df``, ``t with 9 to 18 df``."""
        if np.isinf(self.residual_df):
            return "Wald z"
        if "beta_df" in self.data:
            return "t with Satterthwaite's df"
        df = self.design.effect_df[1:] if self.design.random else np.array([self.residual_df])
        low, high = (float(df.min()), float(df.max())) if len(df) else (self.residual_df, self.residual_df)
        return f"t with {low:g} df" if low == high else f"t with {low:g} to {high:g} df"

    def __len__(self) -> int:
        return len(self.mirnas)

    def __iter__(self) -> Iterator[str]:
        return iter(self.mirnas)

    def __contains__(self, mirna: object) -> bool:
        return mirna in self.mirnas

    def __getitem__(self, mirna: str) -> xr.Dataset | xr.DataTree:
        """Return one fitted miRNA, with the columns of the sample table.

        A Bayesian fit gives an ``xarray.DataTree`` for ArviZ (:func:`bayes_mirglmm.results.tree.mirna_tree`), a fit
        by maximum likelihood a dataset of its numbers.
        """
        if self.method.has_draws:
            return mirna_tree(self.data, self.samples, mirna, self.design.blocks, self.design.random)
        return mirna_view(self.data, self.samples, mirna)

    @property
    def usage_test(self) -> str:
        """The test of isomiR usage that tables, summaries and reports of this fit call by: ``shared`` or ``lrt``."""
        return chosen_test(self)[0]

    # The tables. Each stands in the file of its topic, docstring and all, as a function of a fit.
    effects = _effects.effects
    contrast = _effects.contrast
    isomir_effects = _effects.isomir_effects
    shrink = _effects.shrink
    omnibus = _omnibus.omnibus
    effect_df = _inference.effect_df
    usage = _usage.usage
    outlying_cells = _outliers.outlying_cells
    influential_samples = _influence.influential_samples
    usage_shared = _usage.usage_shared
    shared_directions = _usage.shared_directions
    type_shifts = _types.type_shifts
    bayes_factor_curve = _curve.bayes_factor_curve
    learned_priors = _learned.learned_priors
    variance_components = _components.variance_components
    status = _status.status
    diagnostics = _status.diagnostics
    predictive_checks = _predictive.predictive_checks
    summarise = _summarise.summarise
    probability = _probability.probability
    draws = _draws.draws
    findings = _findings.findings
    isomir_findings = _isomirs.isomir_findings
    shared_samples = _samples.shared_samples
    shared_cautions = _samples.shared_cautions
    sample_covariance = _samples.sample_covariance
    sample_directions = _samples.sample_directions
    residuals = _residuals.residuals
    working_weights = _residuals.working_weights
    build_model = _readable.build_model
    model_source = _readable.model_source

    def tables(self, *, influence: bool = False) -> dict[str, pd.DataFrame]:
        """Return every table under its name, as a run folder has them.

        Parameters
        ----------
        influence : bool
            Also say which results rest on one sample (:meth:`usage`), which takes time.

        Returns
        -------
        dict of str to pandas.DataFrame
            In the order in which a run folder lists them.
        """
        flagged = ("effects", "isomir_effects", "usage") if influence else ()
        return {
            name: getattr(self, name)(**({"influence": True} if name in flagged else {}))
            for name in table_names(self)
        }

    def save(self, folder: str | PathLike[str], force: bool = False) -> None:
        """Write the fit to a folder: tables as TSV and parquet, ``arrays.nc`` and ``run.json``.

        Parameters
        ----------
        folder : path
            Written under another name first and renamed when complete.
        force : bool
            Replace a run that is there. Other files in the folder stay.

        Raises
        ------
        InputError
            The folder exists and ``force`` is not set, or it is not a run.
        """
        from bayes_mirglmm.results.saving import save

        save(self, folder, force=force)

    def __repr__(self) -> str:
        return display.text_summary(self)

    def _repr_html_(self) -> str:
        return display.html_summary(self)


def table_names(fit: Fit) -> list[str]:
    """Return the names of the tables of a fit, in the order in which a run folder lists them, without making them."""
    return [*TABLES, *(SHARED_TABLES if fit.usage_test == SHARED else ())]
