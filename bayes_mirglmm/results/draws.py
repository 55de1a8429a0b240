"""The one reader of draws, whichever method made them, and those of one miRNA under the names of the readable model."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr

from bayes_mirglmm.design.build import isomir_means
from bayes_mirglmm.design.random_terms import RandomTerm
from bayes_mirglmm.methods.registry import method_named
from bayes_mirglmm.model import ModelSpec, pair_labels, slope_pairs
from bayes_mirglmm.model.covariance import correlation
from bayes_mirglmm.results.selection import find_mirna, spec_of
from bayes_mirglmm.results.term_draws import term_group, term_names

#: Dims after those of the draws, and values, of each variable.
Group = dict[str, tuple[tuple[str, ...], np.ndarray]]


def draw_name(name: str, method: str) -> str:
    """Return what the draws of ``name`` (``beta``, ``omega``, ...) are called in fits of a method."""
    return f"weighted_draw_{name}" if method_named(method).weighted and name != "weight" else f"draw_{name}"


def draws_of(data: xr.Dataset, name: str) -> xr.DataArray:
    """Return the draws of ``name``, or their weights (``weight``), of a fit of any method with draws."""
    return data[draw_name(name, data.attrs["method"])]


class Labels:
    """Puts names on arrays: the labels of each dim but those of draws and cells."""

    def __init__(self, **labels: list[str]) -> None:
        self.labels = labels

    def group(self, found: Group, *, lead: Sequence[str] = ()) -> xr.Dataset:
        """Return a dataset; ``lead`` are the dims of draws, which come first."""
        dataset = xr.Dataset({name: ((*lead, *dims), values) for name, (dims, values) in found.items()})
        coords: dict[str, Any] = {
            name: values for name, values in self.labels.items() if name in dataset.dims
        }
        coords |= {name: np.arange(dataset.sizes[name]) for name in lead}
        if "cell" in dataset.dims:
            isomirs, samples = self.labels["isomir"], self.labels["sample_id"]
            coords |= {
                "cell": [f"{isomir}, {sample}" for isomir in isomirs for sample in samples],
                "isomir": ("cell", np.repeat(isomirs, len(samples))),
                "sample_id": ("cell", np.tile(samples, len(isomirs))),
            }
        return dataset.assign_coords(coords)


@dataclass(frozen=True)
class DrawnModel:
    """The model that the draws of a miRNA are of: the full one, or the reduced one with its fewer slope terms."""

    mirna: str
    spec: ModelSpec
    blocks: tuple[int, ...]  #: covariance block of each of its slope terms
    rows: np.ndarray  #: of the miRNA's isomiRs
    data: xr.Dataset  #: of the fit, with the slope terms of this model alone
    around: np.ndarray  #: what its isomiR effects vary around, as weights of the fixed effects (K, p)
    random: tuple[RandomTerm, ...] = ()  #: random terms of the samples

    @property
    def labels(self) -> Labels:
        """Names of everything that has a dim in :func:`posterior_of`."""
        slope_terms = list(self.data["slope_term"].values)
        return Labels(
            term=list(self.data["term"].values),
            slope_term=slope_terms,
            slope_pair=pair_labels(slope_terms, self.blocks),
            isomir=list(self.data["isomir"].values[self.rows]),
            sample_id=list(self.data["sample"].values),
            **term_names(self.random),
        )


def drawn_model(
    data: xr.Dataset, mirna: str, blocks: tuple[int, ...], random: tuple[RandomTerm, ...] = ()
) -> DrawnModel:
    """Return what the draws of a fitted miRNA are of; ``blocks`` are those of all slope terms, ``random`` the design's.

    Raises
    ------
    InputError
        The fit has no estimates of the miRNA.
    """
    i = find_mirna(data, mirna)
    spec = spec_of(data)
    if data["coefficients_from"].values[i] == "reduced":
        spec = spec.reduced()
    columns = spec.random_columns(blocks)
    own = data.isel(slope_term=columns, slope_term2=columns)
    rows = np.flatnonzero(data["isomir_mirna"].values == mirna)
    return DrawnModel(
        mirna,
        spec,
        tuple(blocks[k] for k in columns),
        rows,
        own,
        means_of(data, blocks)[columns],
        random,
    )


def means_of(data: xr.Dataset, blocks: tuple[int, ...]) -> np.ndarray:
    """Return what the isomiR effects of a fit vary around, as weights of its fixed effects (K, p)."""
    terms, slope_terms = list(data["term"].values), list(data["slope_term"].values)
    return isomir_means(data["x"].values, data["z"].values, terms, slope_terms, blocks)


def posterior_of(own: DrawnModel, shaped: Callable[..., np.ndarray]) -> Group:
    """Return everything that the model reports; ``shaped`` lays draws (S, ...) out, in chains say."""
    data, mirna = own.data, own.mirna
    beta, omega, u, sd_sample, log_theta = (
        shaped(draws_of(data, name).sel(drawn=mirna).values)
        for name in ("beta", "omega", "u", "sigma_sample", "log_theta")
    )
    b = shaped(draws_of(data, "b").isel(isomir=own.rows).values.transpose(1, 0, 2))
    sd = np.sqrt(np.einsum("...kk->...k", omega))
    common = beta @ own.around.T
    found: Group = {
        "beta": (("term",), beta),
        "sd_isomir": (("slope_term",), sd),
        "b": (("isomir", "slope_term"), b),
        "effect": (("isomir", "slope_term"), b + common[..., None, :]),
        "sd_sample": ((), sd_sample),
        "u": (("sample_id",), u),
    }
    pairs = slope_pairs(own.blocks)
    if pairs:
        rho = np.stack([correlation(omega, k, j) for k, j in pairs], axis=-1)
        found["correlation"] = (("slope_pair",), rho)
    if np.isfinite(log_theta).all():
        found["theta"] = ((), np.exp(log_theta))
    if own.random:
        cov, effect = (
            shaped(draws_of(data, name).sel(drawn=mirna).values) for name in ("random_cov", "random_effect")
        )
        found |= term_group(own.random, cov, effect)
    return found
