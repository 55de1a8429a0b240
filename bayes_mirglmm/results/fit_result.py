"""The class that users hold: one fit of many miRNAs."""

import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cached_property, partial
from os import PathLike
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import xarray as xr

from bayes_mirglmm.design.build import Design
from bayes_mirglmm.errors import InputError
from bayes_mirglmm.interruption import apart
from bayes_mirglmm.methods.registry import Method, method_named
from bayes_mirglmm.model import ModelSpec
from bayes_mirglmm.outcomes import Caution
from bayes_mirglmm.results import display
from bayes_mirglmm.results import residuals as _residuals
from bayes_mirglmm.results import tables as _tables
from bayes_mirglmm.results.schema import validate_fit_data
from bayes_mirglmm.results.selection import fitted, selected
from bayes_mirglmm.results.shared_samples import INDEPENDENT, SHARED, SharedSamples
from bayes_mirglmm.results.specification import spec_of
from bayes_mirglmm.results.status import saturated_sentence, status_table
from bayes_mirglmm.results.tree import mirna_tree
from bayes_mirglmm.results.view import mirna_view, sample_coordinates

if TYPE_CHECKING:
    import pymc as pm


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
        self._warned = False
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
        """Half-normal scale of the prior of the slope SDs, in the prior's units; NaN for a model without slopes."""
        prior = self.spec.priors.sd_isomir_slope
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

    def effect_df(self, weights: pd.DataFrame) -> float | np.ndarray:
        """Return the degrees of freedom of combinations of coefficients.

        :attr:`residual_df` for all of them; with random terms of the samples by containment
        (:attr:`bayes_mirglmm.design.build.Design.effect_df`); by restricted likelihood Satterthwaite's, of each miRNA
        its own. A combination has the fewest of its coefficients.

        Parameters
        ----------
        weights : pandas.DataFrame
            Rows: combinations; columns: coefficients.

        Returns
        -------
        float, or array of shape (combinations,) or (miRNAs, combinations)
        """
        used = weights.to_numpy(dtype=float) != 0.0
        if "beta_df" in self.data and not np.isinf(self.residual_df):
            places = [self.design.terms.index(name) if name in self.design.terms else -1 for name in weights]
            df = selected(self.data, "beta_df")[:, places]
            df[:, np.array(places) < 0] = np.inf  # an isomiR effect that varies around 0
            return np.maximum(np.where(used, df[:, None, :], np.inf).min(axis=2), 1.0)
        if not self.design.random or np.isinf(self.residual_df):
            return self.residual_df
        by_term = pd.Series(self.design.effect_df, list(self.design.terms)).reindex(weights.columns)
        return np.where(used, by_term.fillna(np.inf).to_numpy(dtype=float), np.inf).min(axis=1)

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
            return mirna_tree(self.data, self.samples, mirna, self.design.blocks)
        return mirna_view(self.data, self.samples, mirna)

    def effects(
        self,
        terms: str | Sequence[str] | None = None,
        contrasts: Any = None,
        prob: float | None = None,
        interval: str = "eti",
        *,
        samples: str | None = None,
        estimand: str | None = None,
    ) -> pd.DataFrame:
        """Return a row per fitted miRNA and coefficient, or contrast.

        Parameters
        ----------
        terms : str or sequence of str, optional
            Coefficients, all by default.
        contrasts : optional
            Contrasts in place of coefficients; see :meth:`contrast`.
        prob : float, optional
            Level of the intervals; that of the fit by default.
        interval : {"eti", "hdi"}
            Of a Bayesian fit: equal tails, or the shortest interval (highest density).
        samples : {"independent", "shared"}, optional
            ``"shared"``: generalised least squares under the covariance of the samples that is learned over all
            miRNAs (:doc:`/explanation/shared_samples`); as the fit was made by default.
        estimand : {"isomir_mean", "weighted_mean"}, optional
            Of shared samples: the mean of the isomiRs' effects, which the fixed effect of the model means (default), or
            their mean weighted by the square root of their counts, which is near what summed counts estimate.

        Returns
        -------
        pandas.DataFrame
            mirna, term (or contrast), estimate, std_error, lower, upper (natural log), log2_fc, lower_log2,
            upper_log2 (NaN for the intercept), z (estimate / std_error), df, p_value, p_adjusted
            (Benjamini-Hochberg within each coefficient). A Bayesian fit: estimate and std_error are
            posterior mean and SD, lower and upper an equal-tailed (or shortest) interval, and in place of
            the tests lfsr (local false sign rate, of the posterior), s_value and what :meth:`diagnostics`
            says of the miRNA: pareto_k, or r_hat, ess_bulk and divergences. Each miRNA has the model's own
            wide prior, which takes no account of how many do not change, so that a list cut at lfsr has no
            error rate. ``s_value`` is that of :meth:`shrink`, which learns how many do
            not: a list cut at 0.05 is expected to have the wrong sign in one of twenty. NaN for the intercept.
            With shared samples: ``estimand`` after the names, and ``p_beyond_shared``, the p-value if all that the
            miRNAs do together along the coefficient were noise.

        Raises
        ------
        InputError
            A term, level, probability or kind of interval is not usable.
        """
        table = _tables.effects(self, terms, contrasts, prob, interval, samples, estimand)
        if _tables.chosen_samples(self, samples) != SHARED:
            self._warn_if_saturated()
        return table

    def contrast(self, spec: Any, prob: float | None = None) -> pd.DataFrame:
        """Return a row per fitted miRNA and contrast: ``effects(contrasts=spec)``.

        Parameters
        ----------
        spec
            ``{"group": ("B", "A")}`` for B minus A, a dict of weights of coefficients, ``"pairs:group"`` for
            all pairs of a factor; see :func:`bayes_mirglmm.design.build.contrast_weights`.
        prob : float, optional
            Level of the intervals.

        Returns
        -------
        pandas.DataFrame
            The columns of :meth:`effects`, with ``contrast`` in place of ``term``.
        """
        return self.effects(contrasts=spec, prob=prob)

    def isomir_effects(
        self,
        terms: str | Sequence[str] | None = None,
        contrasts: Any = None,
        prob: float | None = None,
        interval: str = "eti",
    ) -> pd.DataFrame:
        """Return a row per isomiR and coefficient of the slope variable, or contrast of its levels.

        ``terms`` may also name the intercept and nuisance slopes. Columns as in :meth:`effects`, with
        ``isomir`` after ``mirna``, and at the end ``deviation`` (b, the distance of the isomiR's effect from
        the miRNA's) and, for coefficients, ``deviation_std_error``. p-values are adjusted over all isomiRs,
        within each coefficient.

        Parameters
        ----------
        terms : str or sequence of str, optional
            Coefficients that isomiRs differ in; those of the slope variable when omitted.
        contrasts : optional
            In place of coefficients: what :meth:`contrast` takes.
        prob : float, optional
            Level of the intervals; that of the fit when omitted.
        interval : {"eti", "hdi"}
            Of a posterior: equal tails, or highest density.

        Returns
        -------
        pandas.DataFrame
            As above; natural logs, and log2 where the name says so.
        """
        table = _tables.isomir_effects(self, terms, contrasts, prob, interval)
        self._warn_if_saturated()
        return table

    def usage(
        self, prior_odds: float | None = None, *, test: str | None = None, beyond_global: bool = False
    ) -> pd.DataFrame:
        """Return the tests of differential isomiR usage, a row per miRNA of which both models could be compared.

        Columns: mirna, lrt, df (parameters dropped), p_value (boundary mixture), p_value_chi2, p_adjusted (of
        p_value; of p_value_chi2 under ``preset="mirglmm"``). Empty without a slope variable. A Bayesian fit has the
        likelihood ratio test of the fit by maximum likelihood that it started from, and: log_bf10 (natural log of
        the Bayes factor for isomiR slopes, within the model), log_bf10_error (its Monte Carlo error),
        slope_prior_scale (the prior that it belongs to), and the worse of both models' diagnostics. Where only one of
        the two could be computed, the other is NaN, and :meth:`status` says why.

        On real data neither is calibrated within one data set: a sample-level factor that all miRNAs share
        inflates both. ``test="shared"`` learns what samples share from all miRNAs and tests what goes beyond it.

        Parameters
        ----------
        prior_odds : float, optional
            Of a Bayesian fit: odds of differential usage before seeing the data (1 is even). Adds ``probability``
            (posterior, of differential usage) and ``bayesian_fdr`` (the expected share of false ones among all
            miRNAs that are as probable).
        test : {"lrt", "shared"}, optional
            ``"shared"`` adds p_shared (usage beyond what samples share), p_shared_adjusted (Benjamini-Hochberg),
            p_within (usage or a shift that all miRNAs share; see :meth:`usage_shared`), score_shared (normal score of
            p_shared, for ranking), log_bf10_shared (natural log of a Bayes factor for usage beyond what samples
            share) and share (part of the miRNA's isomiR variation that lies along shared directions, beyond an equal
            spread). The fit's own choice when omitted, ``"lrt"`` unless it was made with ``usage_test="shared"``.
        beyond_global : bool
            Of the shared test: take out what isomiRs of one kind (3' end, 5' end, tail) do in all miRNAs.

        Returns
        -------
        pandas.DataFrame
            As above.

        Raises
        ------
        InputError
            The test is unknown, or the samples are too few for it.
        """
        return _tables.usage(self, prior_odds, test=test, beyond_global=beyond_global)

    @property
    def usage_test(self) -> str:
        """The test of isomiR usage that summaries and reports of this fit call by: ``lrt`` or ``shared``."""
        return str(self.metadata.get("usage_test") or "lrt")

    def usage_shared(self) -> pd.DataFrame:
        """Return what all miRNAs together say about the shared usage test, a row per contrast.

        Returns
        -------
        pandas.DataFrame
            contrast (the slope variable, and each of its coefficients where it has several); mirnas, isomirs,
            directions (samples less covariates); lambda (how large the shared isomiR profile is along the contrast,
            over its median in relabelled samples), lambda_p_value (by relabelling; NaN where too few are distinct),
            relabellings (distinct ones seen); share (median over miRNAs of :meth:`usage`'s share); hits_lrt, hits and
            hits_within (miRNAs at a false discovery rate of 5 % by the likelihood ratio test, beyond the shared
            shift, and with it); global_share and global_p_value (a shift of isomiRs of one kind in all miRNAs: the
            part of the profiles along the contrast that their ends and tails explain, and its p-value by
            relabelling); verdict (``ok``, ``confounded``: the contrast goes along what samples share and cannot be
            told from a batch, or ``none``: no test) and reason (a sentence).

        Raises
        ------
        InputError
            The samples are too few, or the fit has no slope variable.
        """
        return _tables.usage_shared(self)

    def shared_directions(self, count: int = 4) -> pd.DataFrame:
        """Return the leading directions that the samples' isomiR profiles share, and what they go along with.

        Parameters
        ----------
        count : int
            Number of directions.

        Returns
        -------
        pandas.DataFrame
            direction, share (part of all miRNAs' isomiR profiles), unrelated (the largest such part when nothing is
            shared), about (``sample`` or ``isomir``), name (a column of the sample table, or a feature of the isomiRs:
            offset_5p, offset_3p, tail, tail_a, tail_u, length, gc) and correlation (for a factor without sign).
            Covariates of the formula were taken out before.
        """
        return _tables.shared_directions(self, count)

    def bayes_factor_curve(self, mirna: str, scales: Sequence[float] | None = None) -> pd.DataFrame:
        """Return the Bayes factor of one miRNA along scales of the prior of its slope SDs.

        Parameters
        ----------
        mirna : str
            A miRNA of a Bayesian fit.
        scales : sequence of float, optional
            Half-normal scales, in the prior's units; a grid around the fit's own when omitted.

        Returns
        -------
        pandas.DataFrame
            slope_prior_scale, log_bf10, log_bf10_error, pareto_k, how (``reused``: the draws, reweighted;
            ``refitted``, by the nested Laplace posterior, where the weights could not be trusted).
        """
        from bayes_mirglmm.results.bayes_factor_curve import bayes_factor_curve

        return apart(partial(bayes_factor_curve, self, mirna, scales))

    def variance_components(self, model: str | None = None, prob: float | None = None) -> pd.DataFrame:
        """Return a row per miRNA and variance component of one model.

        Parameters
        ----------
        model : str, optional
            ``full`` or ``reduced``; by default full, and reduced where no full model was fitted.
        prob : float, optional
            Level of the intervals of a Bayesian fit.

        Returns
        -------
        pandas.DataFrame
            mirna, group (isomir, sample, dispersion), term, term2, sd, variance, correlation (with the term in
            term2); :func:`bayes_mirglmm.results.components.variance_components_table` explains the rows. A Bayesian
            fit: posterior means, sd_lower, sd_upper, correlation_lower, correlation_upper, and pareto_k, or r_hat,
            ess_bulk and divergences. It has draws of the model that its tables show; of the other one the numbers are
            posterior means alone.
        """
        return _tables.variance_components(self, model, prob)

    def status(self) -> pd.DataFrame:
        """Return a row for EVERY miRNA of the input: fitted or not, and why.

        Columns: mirna, status, reason (a sentence), n_isomirs, n_samples, log_likelihood, iterations,
        seconds; with ``method="laplace"`` also pareto_k and effective_size (of the draws), with ``method="nuts"``
        r_hat, ess_bulk and divergences. log_likelihood is marginal, which NUTS does not compute.

        Returns
        -------
        pandas.DataFrame
            As above.
        """
        return status_table(self.data, self.residual_df)

    def diagnostics(self) -> pd.DataFrame:
        """Return how far the draws of each miRNA can be trusted: a row per miRNA with draws.

        Returns
        -------
        pandas.DataFrame
            mirna, status and seconds; with ``method="laplace"`` pareto_k (above 0.7 unreliable), effective_size and
            points; with ``method="nuts"`` r_hat (largest of all quantities; above 1.01 the chains disagree), worst (the
            quantity that has it), ess_bulk and ess_tail (smallest of fixed effects, SDs and theta; at least 400),
            divergences, saturated (draws whose trajectory was cut off), steps (gradients for each draw) and attempts.
            Of the model that the tables show.

        Raises
        ------
        InputError
            The fit has no draws.
        """
        return _tables.diagnostics(self)

    def predictive_checks(self, mirnas: Sequence[str] | None = None) -> pd.DataFrame:
        """Return posterior predictive checks: counts drawn anew from each posterior draw beside those that were seen.

        The new counts keep the random effects of the draw, so that a check asks whether the likelihood fits, not
        whether the random effects do.

        Parameters
        ----------
        mirnas : sequence of str, optional
            All that have draws when omitted.

        Returns
        -------
        pandas.DataFrame
            mirna, statistic, observed, expected (mean of the new data sets), lower, upper (95 %), p_value (share of new
            data sets with a larger value, ties halved; near 0 or 1 the model misses that feature). Statistics:
            ``zeros`` (share of cells), ``dispersion`` (mean over isomiRs of the squared coefficient of variation over
            samples), ``sample_spread`` (SD over samples of the log CPM of all isomiRs together).

        Raises
        ------
        InputError
            The fit has no draws.

        References
        ----------
        Gelman, Meng & Stern (1996), Statistica Sinica 6, 733-760.
        """
        from bayes_mirglmm.results.predictive import predictive_checks

        return predictive_checks(self, mirnas)

    def summarise(self, function: Callable[[xr.Dataset], Any], prob: float | None = None) -> pd.DataFrame:
        """Return the posterior of a quantity of your own, a row for each miRNA with draws.

        Parameters
        ----------
        function : callable
            From the draws of one miRNA to the quantity: one number for each draw. The draws are an ``xarray.Dataset``
            with the names of the posterior of ``fit[mirna]``, all along one dim ``draw``: beta (term), effect and b
            (isomir, slope_term), sd_isomir (slope_term), correlation (slope_pair), sd_sample, u (sample_id), theta (not
            of a Poisson model), in natural logs; and weight. It must not average over draws: those of
            ``method="laplace"`` carry weights, which are applied here. It may return a mapping of names to quantities.
        prob : float, optional
            Level of the intervals; that of the fit by default.

        Returns
        -------
        pandas.DataFrame
            mirna, (quantity, where the function returns a mapping), estimate (posterior mean), std_error (posterior
            SD), lower, upper (equal-tailed interval), lfsr (the smaller of P(>= 0) and P(<= 0)) and what
            :meth:`diagnostics` says of the miRNA. Of a yes or no for each draw, ``draws["sd_sample"] > 1`` say,
            ``estimate`` is the posterior probability.

        Raises
        ------
        InputError
            The fit has no draws, or the function returns anything but a number for each draw.

        Examples
        --------
        The probability that all isomiRs of a miRNA change in the same direction::

            def alike(draws):
                effect = draws["effect"].sel(slope_term="group[T.case]")
                return (effect > 0).all("isomir") | (effect < 0).all("isomir")

            fit.summarise(alike)
        """
        from bayes_mirglmm.results.summarise import summarised

        return summarised(self, function, prob)

    def shrink(
        self,
        terms: str | Sequence[str] | None = None,
        contrasts: Any = None,
        prob: float | None = None,
        *,
        samples: str | None = None,
        estimand: str | None = None,
    ) -> pd.DataFrame:
        """Return :meth:`effects` with log fold changes shrunk across miRNAs (Stephens 2017).

        Adds ``shrunk``, ``shrunk_sd``, ``shrunk_lower`` and ``shrunk_upper`` (natural log), ``lfsr`` and
        ``s_value``; each coefficient has its own prior. Every coefficient but the intercept by default. Shrinking
        biases large effects: these columns stand beside the estimates and replace nothing.

        Parameters
        ----------
        terms, contrasts, prob
            As in :meth:`effects`.
        samples, estimand : str, optional
            As in :meth:`effects`.

        Returns
        -------
        pandas.DataFrame
            As above.
        """
        return _tables.shrink(self, terms, contrasts, prob, samples, estimand)

    def shared_samples(self, terms: str | Sequence[str] | None = None, contrasts: Any = None) -> pd.DataFrame:
        """Return what the samples share, and what that does to each coefficient or contrast.

        Parameters
        ----------
        terms, contrasts
            As in :meth:`effects`; every coefficient but the intercept by default.

        Returns
        -------
        pandas.DataFrame
            A row each: mirnas (learned from), n_samples, residual_directions (samples minus coefficients),
            effective_samples (as many independent samples would carry as much: coefficients plus the participation
            ratio of the learned covariance's eigenvalues), variance_left (share of the noise along the contrast that
            the other directions do not tell), null_share (of miRNAs without an effect), shift (natural log; what all
            miRNAs do together, taken for an offset), df, and noise_ratio with noise_p_value: how much noise the other
            directions would explain along the contrast, over what directions have in which nothing was compared.
            Where it is beyond them (``borrowed`` false), effects follow what samples alike in the contrast differ in;
            effects on many miRNAs and an unmeasured difference between the groups cannot be told apart, and nothing is
            borrowed: the effects are those of moderated least squares.

        Raises
        ------
        InputError
            The fit is Bayesian (take that of ``fit.ml``), or there is too little to learn from.
        """
        return _tables.shared_samples(self, terms, contrasts)

    def shared_cautions(self) -> list[Caution]:
        """Return what limits conclusions under shared samples: few miRNAs, or groups that are a shared direction.

        Of the coefficients of the slope variable; a sentence each, with advice.

        Returns
        -------
        list of Caution
            Sentences that know their kind and advice.
        """
        return _tables.shared_cautions(self)

    def sample_directions(self) -> pd.DataFrame:
        """Return the leading directions in which the samples move together, beside the columns of the sample table.

        Returns
        -------
        pandas.DataFrame
            A row per direction (at most 5) and column, the largest r_squared first: direction, share (of the variance
            of the samples over all miRNAs), column (also ``log(total)``), r_squared (share of the direction that the
            column explains), p_value (F test, of this direction and column alone). The directions are taken with the
            groups left in, so that a group or batch shows.

        Raises
        ------
        InputError
            As :meth:`shared_samples`.
        """
        return _tables.sample_directions(self)

    def build_model(self, mirna: str, *, model: str | None = None, prefix: str = "") -> "pm.Model":
        """Return the model of one miRNA of this fit in PyMC: the same counts, offsets, design, family and priors.

        Parameters
        ----------
        mirna : str
            A fitted miRNA.
        model : str, optional
            ``full`` or ``reduced``; the one that the tables show when omitted.
        prefix : str
            As in :func:`bayes_mirglmm.build_model`, which also says what the model has.

        Returns
        -------
        pymc.Model

        Raises
        ------
        InputError
            The fit has no estimates of the miRNA, or no such model.
        """
        from bayes_mirglmm.results.readable import readable_model

        return readable_model(self, mirna, model, prefix)

    def omnibus(self, terms: str | Sequence[str] | None = None, *, lrt: bool = False) -> pd.DataFrame:
        """Return tests of whole terms of the formula, such as a factor of several levels.

        Parameters
        ----------
        terms : str or sequence of str, optional
            Terms of the formula (``"dose"``, ``"dose:batch"``); all when omitted.
        lrt : bool
            Add the likelihood ratio test, for which every miRNA is fitted again, with and without the term.

        Returns
        -------
        pandas.DataFrame
            A row per fitted miRNA and term: mirna, term, f (Wald F), df (coefficients of the term), residual_df
            (samples minus coefficients, inf for ``df="z"``), p_value, p_adjusted (Benjamini-Hochberg within each term);
            with ``lrt`` also lrt (statistic, chi-squared with df degrees of freedom), lrt_p_value and lrt_p_adjusted.
            The average over isomiRs is tested: isomiR slopes stay in both models. With few samples F is the safer one.

        Raises
        ------
        InputError
            The formula has no such term, or the fit is Bayesian: take ``fit.ml.omnibus()``.
        """
        from bayes_mirglmm.results.omnibus import omnibus_table

        return omnibus_table(self, terms, lrt=lrt)

    def residuals(self, mirna: str, kind: str = "pearson") -> xr.DataArray:
        """Return residuals of one miRNA, dims (isomir, sample): pearson, deviance, working or response.

        Parameters
        ----------
        mirna : str
            A fitted miRNA.
        kind : {"pearson", "deviance", "working", "response"}
            Working residuals are on the log scale, response residuals are counts, the others have no unit.

        Returns
        -------
        xarray.DataArray
            With the names of isomiRs and samples.
        """
        found = _residuals.residuals(self.data, mirna, kind)
        return found.assign_coords(sample_coordinates(self.samples, found))

    def working_weights(self, mirna: str, curvature: str = "expected") -> xr.DataArray:
        """Return the weights of the working residuals of one miRNA, dims (isomir, sample).

        Parameters
        ----------
        mirna : str
            A fitted miRNA.
        curvature : {"expected", "observed"}
            Which second derivative of the log-likelihood in the linear predictor.

        Returns
        -------
        xarray.DataArray
            With the names of isomiRs and samples.
        """
        found = _residuals.working_weights(self.data, mirna, curvature)
        return found.assign_coords(sample_coordinates(self.samples, found))

    def tables(self) -> dict[str, pd.DataFrame]:
        """Return every table under its name, as a run folder has them.

        Returns
        -------
        dict of str to pandas.DataFrame
            In the order in which a run folder lists them.
        """
        names = [*_tables.TABLES, *(_tables.SHARED_TABLES if self.usage_test == "shared" else ())]
        return {name: getattr(self, name)() for name in names}

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

    def _warn_if_saturated(self) -> None:
        if self.residual_df < 1 and not self._warned:
            self._warned = True
            warnings.warn(saturated_sentence(self.data), UserWarning, stacklevel=3)
