"""The readable PyMC model of one miRNA as Python source, to read, to edit and to extend.

What stands in ``build.py`` for every design is written out here for one: the source needs PyMC and numpy alone, and a
test holds its log density to that of :func:`bayes_mirglmm.build_model`.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import xarray as xr

from bayes_mirglmm.model.build import model_inputs
from bayes_mirglmm.model.priors import LogNormal, Priors, SdPrior
from bayes_mirglmm.model.scaling import (
    SdArrays,
    fixed_effect_priors,
    isomir_sd_priors,
    pair_labels,
    slope_pairs,
    to_user,
)
from bayes_mirglmm.model.spec import ModelSpec
from bayes_mirglmm.model.term_priors import TermPriors

if TYPE_CHECKING:
    from bayes_mirglmm.design.build import Design

#: Of more columns than two; two have a correlation that can be written down.
CORRELATION_ROOT = '''
def correlation_root(partial, size):
    """Cholesky factor of a correlation matrix, from partial correlations row by row."""
    root, left, i = pt.zeros((size, size)), [1.0] * size, 0
    for j in range(1, size):
        for k in range(j):
            root = root[j, k].set(partial[i] * left[j])
            left[j], i = left[j] * pt.sqrt(1 - partial[i] ** 2), i + 1
    for j in range(size):
        root = root[j, j].set(left[j])
    return root
'''


def model_source(
    counts: xr.Dataset,
    mirna: str,
    formula: str,
    *,
    slope: str | None = None,
    reference: Mapping[str, str] | None = None,
    offset: str = "total",
    model: str | Path | ModelSpec = "mirglmm",
    priors: Priors | None = None,
    nuisance: Sequence[str] = (),
    sample_covariance: np.ndarray | pd.DataFrame | None = None,
) -> str:
    """Return the model of one miRNA as Python source that runs by itself, for a model of your own.

    The source has the data of the miRNA, and the model as PyMC takes it, with the names, dims and priors of
    :func:`bayes_mirglmm.build_model`: what is sampled from either is the same. Write it to a file or a cell, change
    what should be different, and run it; ``model`` is then a ``pymc.Model``.

    Parameters
    ----------
    counts, mirna, formula, slope, reference, offset, model, priors, nuisance, sample_covariance
        As for :func:`bayes_mirglmm.build_model`.

    Returns
    -------
    str

    Raises
    ------
    InputError
        As :func:`bayes_mirglmm.build_model`.

    Examples
    --------
    Sample effects with heavy tails in place of normal ones::

        source = bm.model_source(counts, "hsa-let-7a-5p", "~ group")
        source = source.replace('w = pm.Normal("w", dims="sample_id")', 'w = pm.StudentT("w", nu=4, dims="sample_id")')
        names = {}
        exec(source, names)
        idata = pm.sample(model=names["model"])
    """
    inputs = model_inputs(
        counts,
        mirna,
        formula,
        slope=slope,
        reference=reference,
        offset=offset,
        model=model,
        priors=priors,
        nuisance=nuisance,
        sample_covariance=sample_covariance,
    )
    return source_of_design(**inputs)


def source_of_design(
    spec: ModelSpec,
    design: "Design",
    counts: np.ndarray,
    offset: np.ndarray,
    mirna: str,
    isomirs: Sequence[str],
    *,
    sample_covariance: np.ndarray | None = None,
) -> str:
    """Return the source of the model of counts (J, n) with log offsets (n,) and a design."""
    columns = spec.random_columns(design.blocks)
    z, blocks = design.z[:, columns], tuple(design.blocks[k] for k in columns)
    slope_terms = [design.slope_terms[k] for k in columns]
    terms = TermPriors.of(spec.priors, design.random)
    coords: dict[str, list[str]] = {
        "isomir": list(isomirs),
        "sample_id": list(design.samples),
        "term": list(design.terms),
        "slope_term": slope_terms,
        "slope_term2": slope_terms,
        "slope_pair": pair_labels(slope_terms, blocks),
    }
    arrays: dict[str, Any] = {"counts": counts, "offset": offset, "x": design.x, "z": z}
    if sample_covariance is not None:
        from bayes_mirglmm.kernels.covariance import symmetric_root

        coords["sample_id2"] = list(design.samples)
        arrays["root_of_samples"] = symmetric_root(sample_covariance)
    body = _fixed_effects(spec, design.x, arrays)
    body += _isomir_effects(spec, z, blocks, arrays)
    if spec.priors.sd_sample is not None:
        body += _sample_effects(spec, sample_covariance is not None)
    for t, label in enumerate(terms.labels):
        body += _random_term(spec, design.random[t], terms, t, label, coords, arrays)
    body += _likelihood(spec)
    needs_root = any(blocks.count(block) > 2 for block in blocks) or any(
        len(t.names) > 2 for t in design.random
    )
    lines = [
        f'"""The model of {_plain(mirna)}, {design.formula}: counts of {len(counts)} isomiRs in {len(offset)} samples.',
        "",
        "Natural logs. Written by bayes_mirglmm; edit it, nothing else depends on it.",
        '"""',
        "",
        "import numpy as np",
        "import pymc as pm",
        "import pytensor.tensor as pt",
        *(CORRELATION_ROOT.splitlines() if needs_root else []),
        "",
        "coords = {",
        *(f"    {name!r}: {list(map(str, values))!r}," for name, values in coords.items()),
        "}",
        *(line for name, values in arrays.items() for line in _array(name, values)),
        "",
        "with pm.Model(coords=coords) as model:",
        *(f"    {line}" if line else "" for line in body),
    ]
    return "\n".join(lines) + "\n"


def _fixed_effects(spec: ModelSpec, x: np.ndarray, arrays: dict[str, Any]) -> list[str]:
    prior, units = fixed_effect_priors(spec.priors, x.shape[1]), to_user(x)
    numbers = f"mu={_numbers(prior.mean)}, sigma={_numbers(prior.sd)}"
    lines = [
        'x_data = pm.Data("x", x, dims=("sample_id", "term"))',
        'z_data = pm.Data("z", z, dims=("sample_id", "slope_term"))',
        'offset_data = pm.Data("offset", offset, dims="sample_id")',
        "",
        "# Fixed effects: log CPM of a typical isomiR at the reference, then log fold changes",
    ]
    if np.array_equal(units, np.eye(len(units))):
        return [*lines, f'beta = pm.Normal("beta", {numbers}, dims="term")']
    arrays["units_of_x"] = units
    return [
        *lines,
        f'beta_scaled = pm.Normal("beta_scaled", {numbers}, dims="term")  # of standardised columns',
        'beta = pm.Deterministic("beta", units_of_x @ beta_scaled, dims="term")',
    ]


def _isomir_effects(
    spec: ModelSpec, z: np.ndarray, blocks: tuple[int, ...], arrays: dict[str, Any]
) -> list[str]:
    priors, units, size = isomir_sd_priors(spec.priors, blocks), to_user(z), len(blocks)
    lines = ["", "# IsomiR effects: their SDs and correlations, then b = root v"]
    whole = len(set(blocks)) == 1
    if not whole:
        lines.append(f"factor = pt.zeros(({size}, {size}))")
    for block in sorted(set(blocks)):
        columns = [k for k, other in enumerate(blocks) if other == block]
        if len(columns) == 1:
            lines.append(_sd(f"sd_block{block}", priors[columns[0]]))
            part = f"sd_block{block}" if not whole else f"pt.reshape(sd_block{block}, (1, 1))"
        else:
            lines += _sds(f"sd_block{block}", [priors[k] for k in columns])
            lines += _correlation(f"block{block}", len(columns), spec)
            part = f"sd_block{block}[:, None] * correlation_root_block{block}"
        place = f"np.ix_({columns}, {columns})"
        lines.append(f"factor = {part}" if whole else f"factor = factor[{place}].set({part})")
    if np.array_equal(units, np.eye(size)):
        lines.append("root = factor")
    else:
        arrays["units_of_z"] = units
        lines.append("root = units_of_z @ factor  # of standardised columns")
    lines += [
        'omega = pm.Deterministic("omega", root @ root.T, dims=("slope_term", "slope_term2"))',
        'sd_isomir = pm.Deterministic("sd_isomir", pt.sqrt(pt.diag(omega)), dims="slope_term")',
    ]
    pairs = slope_pairs(blocks)
    if pairs:
        each = ", ".join(f"omega[{k}, {j}] / (sd_isomir[{k}] * sd_isomir[{j}])" for k, j in pairs)
        lines.append(f'pm.Deterministic("correlation", pt.stack([{each}]), dims="slope_pair")')
    return [
        *lines,
        'v = pm.Normal("v", dims=("isomir", "slope_term"))',
        'b = pm.Deterministic("b", v @ root.T, dims=("isomir", "slope_term"))',
        "log_mu = offset_data + x_data @ beta + b @ z_data.T",
    ]


def _correlation(suffix: str, size: int, spec: ModelSpec) -> list[str]:
    """Return lines that make ``correlation_root_<suffix>`` with an LKJ prior, from partial correlations."""
    eta = spec.priors.correlation.eta
    shape = np.array([eta + (size - 2 - k) / 2 for j in range(1, size) for k in range(j)])
    lines = [
        f'partial_{suffix} = 2 * pm.Beta("partial_{suffix}", {_numbers(shape)}, {_numbers(shape)}) - 1  # LKJ({eta:g})'
    ]
    if size == 2:
        entry = f"partial_{suffix}[0]"
        root = f"pt.stack([pt.stack([1.0, 0.0]), pt.stack([{entry}, pt.sqrt(1 - {entry} ** 2)])])"
    else:
        root = f"correlation_root(partial_{suffix}, {size})"
    return [*lines, f"correlation_root_{suffix} = {root}"]


def _sd(name: str, prior: SdPrior) -> str:
    """Return the line of a standard deviation."""
    if isinstance(prior, LogNormal):
        return f"{name} = pm.LogNormal({name!r}, {prior.mean!r}, {prior.sd!r})".replace("'", '"')
    return f"{name} = pm.HalfNormal({name!r}, {prior.scale!r})".replace("'", '"')


def _sds(name: str, priors: Sequence[SdPrior], variable: str = "", more: str = "") -> list[str]:
    """Return the lines of standard deviations: one where their priors are of one kind, else one for each, and both."""
    variable, numbers = variable or name, SdArrays.of(priors)
    if not numbers.spread.any():
        return [f'{variable} = pm.HalfNormal("{name}", {_numbers(numbers.scale)}{more})']
    if numbers.spread.all():
        log_median = _numbers(np.log(numbers.scale))
        return [f'{variable} = pm.LogNormal("{name}", {log_median}, {_numbers(numbers.spread)}{more})']
    each = [f"{name}_{k}" for k in range(len(priors))]
    lines = [_sd(one, prior) for one, prior in zip(each, priors, strict=True)]
    return [*lines, f"{variable} = pt.stack([{', '.join(each)}])"]


def _sample_effects(spec: ModelSpec, has_covariance: bool) -> list[str]:
    assert spec.priors.sd_sample is not None
    lines = [
        "",
        "# Sample effects: what all isomiRs of the miRNA share in a sample",
        _sd("sd_sample", spec.priors.sd_sample),
        'w = pm.Normal("w", dims="sample_id")',
    ]
    what = "w"
    if has_covariance:
        lines.append(
            'root_data = pm.Data("root_of_samples", root_of_samples, dims=("sample_id", "sample_id2"))'
        )
        what = "(root_data @ w)"
    return [*lines, f'u = pm.Deterministic("u", sd_sample * {what}, dims="sample_id")', "log_mu = log_mu + u"]


def _random_term(
    spec: ModelSpec,
    term: Any,
    terms: TermPriors,
    t: int,
    label: str,
    coords: dict[str, list[str]],
    arrays: dict[str, Any],
) -> list[str]:
    names, size = list(term.names), len(term.names)
    coords |= {f"level_{label}": list(term.levels), f"term_{label}": names, f"term2_{label}": names}
    coords[f"pair_{label}"] = pair_labels(names, [0] * size)
    key = "".join(letter if letter.isalnum() else "_" for letter in label)
    arrays |= {f"columns_{key}": term.columns, f"index_{key}": term.level, f"units_of_{key}": terms.back[t]}
    lines = [
        "",
        f"# Random term of the samples: {term.group}",
        f'columns_data = pm.Data({f"columns_{label}"!r}, columns_{key}, dims=("sample_id", {f"term_{label}"!r}))',
        f'index_data = pm.Data({f"index_{label}"!r}, index_{key}, dims="sample_id")',
        *_sds(f"sd_block_{label}", [spec.priors.sd_term] * size, f"sd_{key}", f", dims={f'term_{label}'!r}"),
    ]
    factor = f"pt.diag(sd_{key})"
    if size > 1:
        own = _correlation(f"block_{label}", size, spec)
        lines += [line.replace(f"partial_block_{label} =", f"partial_{key} =", 1) for line in own[:1]]
        lines += [
            own[1]
            .replace(f"correlation_root_block_{label} =", f"correlation_root_{key} =", 1)
            .replace(f"partial_block_{label}", f"partial_{key}")
        ]
        factor = f"sd_{key}[:, None] * correlation_root_{key}"
    lines += [
        f"root_{key} = units_of_{key} @ ({factor})",
        f"covariance_{key} = root_{key} @ root_{key}.T",
        f"own_sd_{key} = pm.Deterministic({f'sd_effect_{label}'!r}, pt.sqrt(pt.diag(covariance_{key})), "
        f"dims={f'term_{label}'!r})",
    ]
    if size > 1:
        each = ", ".join(
            f"covariance_{key}[{k}, {j}] / (own_sd_{key}[{k}] * own_sd_{key}[{j}])"
            for k, j in slope_pairs([0] * size)
        )
        lines.append(
            f"pm.Deterministic({f'correlation_effect_{label}'!r}, pt.stack([{each}]), dims={f'pair_{label}'!r})"
        )
    dims = f"({f'level_{label}'!r}, {f'term_{label}'!r})"
    return [
        *lines,
        f"w_{key} = pm.Normal({f'w_{label}'!r}, dims={dims})",
        f"effect_{key} = pm.Deterministic({f'effect_{label}'!r}, w_{key} @ root_{key}.T, dims={dims})",
        f"log_mu = log_mu + (columns_data * effect_{key}[index_data]).sum(axis=1)",
    ]


def _likelihood(spec: ModelSpec) -> list[str]:
    lines = ["", "# Counts", 'mu = pm.Deterministic("mu", pt.exp(log_mu), dims=("isomir", "sample_id"))']
    observed = 'observed=counts, dims=("isomir", "sample_id")'
    if spec.priors.log_theta is None:
        return [*lines, f'pm.Poisson("counts", mu=mu, {observed})']
    prior = spec.priors.log_theta
    return [
        *lines,
        f'log_theta = pm.Normal("log_theta", {_numbers(prior.mean)}, {_numbers(prior.sd)})',
        'theta = pm.Deterministic("theta", pt.exp(log_theta))  # variance mu + mu^2 / theta',
        f'pm.NegativeBinomial("counts", mu=mu, alpha=theta, {observed})',
    ]


def _numbers(values: Any) -> str:
    """Return numbers as source."""
    return repr(np.asarray(values, dtype=float).tolist())


def _array(name: str, values: Any) -> list[str]:
    """Return an array as source, a line a row."""
    rows = np.asarray(values).tolist()
    if np.ndim(values) == 1:
        return [f"{name} = np.array({rows!r})"]
    return [f"{name} = np.array([", *(f"    {row!r}," for row in rows), "])"]


def _plain(name: str) -> str:
    """Return a name that may stand in a docstring."""
    return name.replace("\\", "/").replace('"', "'").replace("\n", " ")
