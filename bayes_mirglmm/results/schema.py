"""The dataset inside a fit: its schema, its validation, and the assembler that builds it.

A fit of many miRNAs is one flat :class:`xarray.Dataset`; every table is a view of it. Its dims are ``mirna``
(every miRNA of the input, also those that were filtered out), ``model`` (``full``, and ``reduced`` where the
formula has a slope variable), ``term`` and ``term2`` (fixed effects, p), ``slope_term`` and ``slope_term2``
(columns of the isomiR effects, K), ``isomir`` (the isomiRs of all miRNAs that have counts, one miRNA after
the other) and ``sample`` (n). :data:`VARIABLES` lists every variable with its dims and meaning. A number is
NaN where a miRNA or a model was not fitted. All logs are natural.

``b``, ``b_se``, ``effect``, ``effect_cov``, ``u`` and ``u_se`` belong to the model that ``coefficients_from``
names. What the reduced model leaves out (the slope variable's columns) has variance 0 there: its ``omega``,
``b`` and ``b_se`` are 0 and its ``effect`` is ``beta``.

A fit with draws has more variables, and posterior summaries in these: :mod:`bayes_mirglmm.methods.variables`.

Attributes: ``schema_version`` (int), ``formula``, ``slope`` (empty without one), ``method``, ``preset``
(empty without one), ``df`` (``t`` or ``z``), ``prob``, ``curvature``, ``criterion`` (``ml`` or ``reml``, whose
estimates the numbers are; ``log_likelihood`` is maximum likelihood's either way), ``family``, ``offset_method``,
``rank`` (of the fixed-effects design) and ``model`` (the model specification as a JSON string).
"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from bayes_mirglmm.counts.on_disk import RowsOf
from bayes_mirglmm.errors import InputError
from bayes_mirglmm.methods.options import CRITERIA, CURVATURES, PRESETS
from bayes_mirglmm.methods.registry import METHODS, method_named
from bayes_mirglmm.methods.variables import RANDOM_DRAWS, Variable
from bayes_mirglmm.model import ModelSpec
from bayes_mirglmm.records import MirnaRecord
from bayes_mirglmm.results.draws import draw_name
from bayes_mirglmm.results.filling import Filler
from bayes_mirglmm.results.selection import check_prob, spec_as_json

if TYPE_CHECKING:
    from bayes_mirglmm.design.build import Design

#: Raised by one whenever a saved run of this version could be misread by the version before.
SCHEMA_VERSION = 3
MODELS = ("full", "reduced")


_PER_MODEL = ("model", "mirna")
VARIABLES: dict[str, Variable] = {
    "status": Variable(("mirna",), "s", "outcome of the miRNA"),
    "reason": Variable(("mirna",), "s", "a sentence that explains the status; empty for ok"),
    "n_isomirs": Variable(("mirna",), "i", "isomiRs of the miRNA that were left after the filters"),
    "seconds": Variable(("mirna",), "f", "time spent on the miRNA, seconds"),
    "coefficients_from": Variable(("mirna",), "s", "model whose coefficients the tables show"),
    "beta": Variable((*_PER_MODEL, "term"), "f", "fixed effects, natural log"),
    "beta_cov": Variable((*_PER_MODEL, "term", "term2"), "f", "their covariance, theta profiled"),
    "beta_cov_theta_fixed": Variable((*_PER_MODEL, "term", "term2"), "f", "their covariance, theta fixed"),
    "theta": Variable(_PER_MODEL, "f", "negative binomial size; inf in the Poisson limit"),
    "log_theta_se": Variable(_PER_MODEL, "f", "standard error of log theta"),
    "omega": Variable((*_PER_MODEL, "slope_term", "slope_term2"), "f", "covariance of the isomiR effects"),
    "sigma_sample": Variable(_PER_MODEL, "f", "SD of the sample effects"),
    "log_likelihood": Variable(_PER_MODEL, "f", "marginal log-likelihood"),
    "iterations": Variable(_PER_MODEL, "f", "iterations of the optimiser"),
    "evaluations": Variable(_PER_MODEL, "f", "evaluations of the objective"),
    "model_status": Variable(_PER_MODEL, "s", "outcome of the model; empty when it was not fitted"),
    "model_reason": Variable(_PER_MODEL, "s", "a sentence that explains it"),
    "isomir_mirna": Variable(("isomir",), "s", "the miRNA that an isomiR belongs to"),
    "b": Variable(("isomir", "slope_term"), "f", "conditional modes of the isomiR effects"),
    "b_se": Variable(("isomir", "slope_term"), "f", "their standard errors"),
    "effect": Variable(("isomir", "slope_term"), "f", "beta + b"),
    "effect_cov": Variable(("isomir", "slope_term", "slope_term2"), "f", "covariance of effect"),
    "u": Variable(("mirna", "sample"), "f", "conditional modes of the sample effects"),
    "u_se": Variable(("mirna", "sample"), "f", "their standard errors"),
    "counts": Variable(("isomir", "sample"), "i", "the counts that were fitted"),
    "total": Variable(("sample",), "i", "total counts, before any filter"),
    "offset": Variable(("sample",), "f", "offset of the linear predictor, natural log, per million"),
    "x": Variable(("sample", "term"), "f", "fixed-effects design"),
    "z": Variable(("sample", "slope_term"), "f", "design of the isomiR effects"),
}
#: What a fit has besides where its samples have random terms: ``random`` numbers the effects of all terms, one after
#: the other, ``random_level`` these effects on their levels.
RANDOM_VARIABLES: dict[str, Variable] = {
    "random_group": Variable(("random",), "s", "columns whose levels share the effect"),
    "random_term": Variable(("random",), "s", "what varies over the levels"),
    "random_cov": Variable(
        (*_PER_MODEL, "random", "random2"), "f", "covariance of the random terms' effects"
    ),
    "random_effect": Variable(("mirna", "random_level"), "f", "conditional modes of these effects"),
    "random_z": Variable(("sample", "random_level"), "f", "design of these effects"),
}
#: What a fit by restricted likelihood has besides.
RESTRICTED_VARIABLES: dict[str, Variable] = {
    "beta_df": Variable(
        (*_PER_MODEL, "term"), "f", "degrees of freedom of the fixed effects (Satterthwaite)"
    ),
}
ATTRIBUTES = (
    "schema_version",
    "formula",
    "slope",
    "method",
    "preset",
    "df",
    "prob",
    "curvature",
    "family",
    "offset_method",
    "rank",
    "model",
)
#: What an attribute may be, where it is there and not empty: miRNAs are fitted again by these.
CHOICES = {"preset": tuple(PRESETS), "curvature": CURVATURES, "criterion": CRITERIA}


def assemble(
    records: Sequence[MirnaRecord],
    design: "Design",
    *,
    offset: Sequence[float] | np.ndarray,
    total: Sequence[int] | np.ndarray,
    method: str = "ml",
    preset: str | None = None,
    df: str = "t",
    prob: float = 0.95,
    curvature: str = "observed",
    criterion: str = "ml",
    family: str = "negative_binomial",
    offset_method: str = "total",
    model: ModelSpec,
    sample_covariance: np.ndarray | None = None,
    extra: Mapping[str, Any] | None = None,
) -> xr.Dataset:
    """Put labels on the numbers of all miRNAs: the one place where labels meet arrays.

    Parameters
    ----------
    records : sequence of MirnaRecord
        One for every miRNA of the input, in the order that tables shall have.
    design : Design
        Gives x, z, the names of their columns, the formula and the rank.
    offset, total : array, shape (n,)
        Log offset per million (natural log) and total counts of each sample.
    method, preset, df, prob, curvature, criterion, family, offset_method, model
        Attributes of the dataset; see the module's docstring.
    sample_covariance : array, shape (n, n), optional
        Covariance of the sample effects that was given.
    extra : mapping, optional
        Further attributes (str, int or float).

    Returns
    -------
    xarray.Dataset
        Follows the schema of this module; validated.

    Raises
    ------
    InputError
        A name repeats, or an array has another shape than the design and the counts demand.
    """
    terms, slope_terms, samples = list(design.terms), list(design.slope_terms), list(design.samples)
    models = MODELS if design.slope is not None else MODELS[:1]
    kept = [r for r in records if r.counts is not None and len(r.isomirs)]
    sizes = {
        "mirna": len(records),
        "model": len(models),
        "term": len(terms),
        "term2": len(terms),
        "slope_term": len(slope_terms),
        "slope_term2": len(slope_terms),
        "isomir": sum(len(r.isomirs) for r in kept),
        "sample": len(samples),
        "drawn": sum(r.draws is not None for r in records),
        "draw": max((len(r.draws.weight) for r in records if r.draws is not None), default=0),
    }
    random = [label for one in design.varying if one.variable == "random_cov" for label in one.labels]
    levels = [label for term in design.random for label in term.level_labels]
    sizes |= {"random": len(random), "random2": len(random), "random_level": len(levels)}
    extra_of_method = method_named(method).variables
    variables = VARIABLES | dict(extra_of_method) | (_of_random_terms(method) if random else {})
    if criterion == "reml":
        variables = variables | RESTRICTED_VARIABLES
    on_disk = _on_disk(kept)
    arrays = {name: v.empty(sizes) for name, v in variables.items() if name != "counts" or on_disk is None}
    labels = np.empty(sizes["isomir"], dtype=object)
    filler = Filler(arrays, design, models, method)
    start = 0
    for i, record in enumerate(records):
        stop = start
        if record.counts is not None and len(record.isomirs):
            stop = start + len(record.isomirs)
            labels[start:stop] = record.isomirs
            if on_disk is None:
                filler.put("counts", (slice(start, stop),), record.counts, record.mirna)
            arrays["isomir_mirna"][start:stop] = record.mirna
        filler.record(i, slice(start, stop), record)
        start = stop
    for name, value in (("offset", offset), ("total", total), ("x", design.x), ("z", design.z)):
        filler.put(name, (slice(None),), value, "the fit")

    if random:
        arrays["random_group"][:] = [term.group for term in design.random for _ in term.names]
        arrays["random_term"][:] = [name for term in design.random for name in term.names]
        arrays["random_z"][:] = np.hstack([term.indicators for term in design.random])
    text = {"mirna": [r.mirna for r in records], "model": list(models), "term": terms, "term2": terms}
    text |= {"slope_term": slope_terms, "slope_term2": slope_terms, "sample": samples}
    if random:
        text |= {"random": random, "random2": random, "random_level": levels}
    coords: dict[str, Any] = {name: np.array(values, dtype=object) for name, values in text.items()}
    coords |= {"isomir": labels, "isomir_mirna": ("isomir", arrays.pop("isomir_mirna"))}
    if extra_of_method:
        coords["draw"] = np.arange(sizes["draw"])
        coords["drawn"] = np.array([r.mirna for r in records if r.draws is not None], dtype=object)
    dataset = xr.Dataset(
        {
            name: (variables[name].dims, array, {"long_name": variables[name].meaning})
            for name, array in arrays.items()
        },
        coords=coords,
        attrs={
            "schema_version": SCHEMA_VERSION,
            "formula": design.formula,
            "slope": design.slope or "",
            "method": method,
            "preset": preset or "",
            "df": df,
            "prob": float(prob),
            "curvature": curvature,
            "criterion": criterion,
            "family": family,
            "offset_method": offset_method,
            "rank": int(design.rank),
            "model": spec_as_json(model),
            **(extra or {}),
        },
    )
    if on_disk is not None:
        dataset["counts"] = on_disk.copy(deep=False).to_base_variable()
        dataset["counts"].attrs = {"long_name": variables["counts"].meaning}
    if sample_covariance is not None:
        meaning = {"long_name": "covariance of the sample effects, up to the square of sigma_sample"}
        dataset["sample_covariance"] = (("sample", "sample2"), sample_covariance, meaning)
        dataset = dataset.assign_coords(sample2=coords["sample"])
    return validate_fit_data(dataset)


def validate_fit_data(dataset: xr.Dataset) -> xr.Dataset:
    """Check that ``dataset`` follows the schema of this module and return it.

    Raises
    ------
    InputError
        A variable or attribute is missing, has other dims or another type, names repeat, an isomiR names an
        unknown miRNA, or an attribute has an impossible value.
    """
    method = METHODS.get(str(dataset.attrs.get("method", "")))
    expected = VARIABLES | ({} if method is None else dict(method.variables))
    if "random" in dataset.dims:
        expected |= _of_random_terms("ml" if method is None else method.name)
    if dataset.attrs.get("criterion") == "reml":
        expected |= RESTRICTED_VARIABLES
    for name, variable in expected.items():
        if name not in dataset.variables:
            raise InputError(f"the fit's dataset has no {name!r} ({variable.meaning}): refit, or reload it.")
        found = dataset.variables[name]
        if found.dims != variable.dims:
            raise InputError(f"{name!r} of the fit's dataset has dims {found.dims}, not {variable.dims}.")
        if not variable.fits(found.dtype):
            raise InputError(f"{name!r} of the fit's dataset has the wrong type {found.dtype}.")
    missing = [name for name in ATTRIBUTES if name not in dataset.attrs]
    if missing:
        raise InputError(
            f"the fit's dataset lacks the attribute(s) {', '.join(missing)}: refit, or reload it."
        )
    if dataset.attrs["df"] not in ("t", "z"):
        raise InputError(f"df is {dataset.attrs['df']!r}: choose 't' or 'z'.")
    for name, known in CHOICES.items():
        value = dataset.attrs.get(name)
        if value and value not in known:
            raise InputError(f"{name} is {value!r}: choose {' or '.join(map(repr, known))}.")
    check_prob(dataset.attrs["prob"])
    for dim in ("mirna", "isomir", "sample", "term"):
        index = dataset.indexes[dim]
        if not index.is_unique:
            raise InputError(f"{dim} {index[index.duplicated()][0]!r} occurs more than once in the fit.")
    unknown = set(dataset["isomir_mirna"].values) - set(dataset["mirna"].values)
    if unknown:
        raise InputError(
            f"isomiRs of the fit belong to a miRNA that it does not have: {sorted(unknown)[0]!r}."
        )
    wrong = set(dataset["coefficients_from"].values) - set(dataset["model"].values)
    if wrong:
        raise InputError(
            f"coefficients_from has {str(sorted(wrong)[0])!r}, but the fit has the model(s) "
            f"{', '.join(dataset['model'].values)}."
        )
    return dataset


def _on_disk(kept: Sequence[MirnaRecord]) -> xr.Variable | None:
    """Return the counts of all records where they are on disk."""
    parts = [record.counts for record in kept if isinstance(record.counts, RowsOf)]
    if not parts or len(parts) < len(kept):
        return None
    return parts[0].counts[np.concatenate([part.rows for part in parts])]


def _of_random_terms(method: str) -> dict[str, Variable]:
    """Return what the dataset of a fit by ``method`` has where samples have random terms."""
    if not method_named(method).has_draws:
        return RANDOM_VARIABLES
    draws = {draw_name(name.removeprefix("draw_"), method): v for name, v in RANDOM_DRAWS.items()}
    return RANDOM_VARIABLES | draws
