"""The result of a simulation: counts, and the parameters behind them as tables that join a fit's tables."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
import xarray as xr

from bayes_mirglmm.design.blocks import slope_columns
from bayes_mirglmm.design.build import Design
from bayes_mirglmm.model import ModelSpec
from bayes_mirglmm.model.covariance import correlation
from bayes_mirglmm.simulation.parameters import Parameters
from bayes_mirglmm.simulation.random_terms import component_rows, effects_table


@dataclass(frozen=True)
class Truth:
    """The parameters behind simulated counts, in the rows and names of a fit's tables (natural log).

    Attributes
    ----------
    mirnas : pandas.DataFrame
        A row per miRNA: mirna, n_isomirs, changed (a coefficient of the slope variable is not 0), usage (its
        isomiRs change by different amounts), theta (inf for Poisson counts).
    effects : pandas.DataFrame
        A row per miRNA and coefficient: mirna, term, value.
    isomir_effects : pandas.DataFrame
        A row per isomiR and column of isomiR effects: mirna, isomir, term, deviation (from the miRNA's),
        value (coefficient plus deviation; the deviation alone for a nuisance variable outside the formula).
    variance_components : pandas.DataFrame
        A row per miRNA and component: mirna, group (isomir, sample, the grouping of a random term, dispersion), term,
        term2, sd, variance, correlation (of term with term2). A component that the model lacks has variance 0.
    sample_effects : pandas.DataFrame
        A row per miRNA and sample: mirna, sample, value; without what random terms add.
    random_effects : pandas.DataFrame
        A row per miRNA, level and effect of the random terms of samples: mirna, group, level, term, value.
    """

    mirnas: pd.DataFrame
    effects: pd.DataFrame
    isomir_effects: pd.DataFrame
    variance_components: pd.DataFrame
    sample_effects: pd.DataFrame
    random_effects: pd.DataFrame


@dataclass(frozen=True)
class Simulation:
    """Simulated counts and the truth behind them.

    Attributes
    ----------
    counts : xarray.Dataset
        A counts container. Its last row, miRNA ``background``, holds the rest of each library, so that column
        sums are library sizes also after the table was written to a file and read again.
    truth : Truth
    design : Design
        The matrices that the counts were drawn with.
    model : ModelSpec
    seed : int
    """

    counts: xr.Dataset = field(repr=False)
    truth: Truth = field(repr=False)
    design: Design
    model: ModelSpec = field(repr=False)
    seed: int


def make_truth(
    parameters: Parameters,
    design: Design,
    columns: list[int],
    isomirs: np.ndarray,
    mirnas: np.ndarray,
    owner: np.ndarray,
    b: np.ndarray,
    u: np.ndarray,
    term_root: np.ndarray,
    term_effects: Sequence[np.ndarray],
) -> Truth:
    """Lay the parameters out as tables.

    Parameters
    ----------
    parameters : Parameters
        Of M miRNAs.
    design : Design
    columns : list of int, length K
        Columns of the design's ``z`` with isomiR effects.
    isomirs, mirnas : object arrays, shapes (I,) and (M,)
        Names.
    owner : int array, shape (I,)
        The miRNA of each isomiR.
    b : array, shape (I, K)
        IsomiR effects.
    u : array, shape (M, n)
        Sample effects.
    term_root : array, shape (M, C, C)
        Square roots of the covariance of the random terms' effects.
    term_effects : sequence of array, shape (M, q, c)
        These effects, of each term.
    """
    terms = np.array(design.terms, dtype=object)
    slope_terms = [design.slope_terms[k] for k in columns]
    blocks = [design.blocks[k] for k in columns]
    position = {term: k for k, term in enumerate(design.terms)}
    # Also in a model without isomiR slopes the slope variable has coefficients.
    of_slope = [position[design.slope_terms[k]] for k in slope_columns(design.blocks)]
    fixed = np.column_stack(
        [parameters.beta[:, position[t]] if t in position else np.zeros(len(mirnas)) for t in slope_terms]
    )
    return Truth(
        mirnas=pd.DataFrame(
            {
                "mirna": mirnas,
                "n_isomirs": np.bincount(owner, minlength=len(mirnas)),
                "changed": (parameters.beta[:, of_slope] != 0).any(axis=1),
                "usage": parameters.usage,
                "theta": parameters.theta,
            }
        ),
        effects=pd.DataFrame(
            {
                "mirna": np.repeat(mirnas, len(terms)),
                "term": np.tile(terms, len(mirnas)),
                "value": parameters.beta.ravel(),
            }
        ),
        isomir_effects=pd.DataFrame(
            {
                "mirna": np.repeat(mirnas[owner], len(slope_terms)),
                "isomir": np.repeat(isomirs, len(slope_terms)),
                "term": np.tile(np.array(slope_terms, dtype=object), len(isomirs)),
                "deviation": b.ravel(),
                "value": (fixed[owner] + b).ravel(),
            }
        ),
        variance_components=_variance_components(
            parameters, slope_terms, blocks, mirnas, component_rows(term_root, design.random)
        ),
        sample_effects=pd.DataFrame(
            {
                "mirna": np.repeat(mirnas, len(design.samples)),
                "sample": np.tile(np.array(design.samples, dtype=object), len(mirnas)),
                "value": u.ravel(),
            }
        ),
        random_effects=effects_table(term_effects, design.random, mirnas),
    )


def _variance_components(
    parameters: Parameters,
    slope_terms: list[str],
    blocks: list[int],
    mirnas: np.ndarray,
    of_terms: Sequence[tuple[str, str, str, np.ndarray, np.ndarray]],
) -> pd.DataFrame:
    omega = np.einsum("mkl,mjl->mkj", parameters.root, parameters.root)
    sd = np.sqrt(np.diagonal(omega, axis1=1, axis2=2))
    nothing = np.full(len(mirnas), np.nan)
    rows: list[tuple[str, str, str, np.ndarray, np.ndarray]] = []
    for k, term in enumerate(slope_terms):
        with_intercept = k in slope_columns(blocks)
        rows.append(
            (
                "isomir",
                term,
                slope_terms[0] if with_intercept else "",
                sd[:, k],
                correlation(omega, k, 0) if with_intercept else nothing,
            )
        )
    for k in range(2, len(slope_terms)):
        for other in range(1, k):
            if blocks[other] == blocks[k]:
                rows.append(
                    ("isomir", slope_terms[k], slope_terms[other], nothing, correlation(omega, k, other))
                )
    rows.append(("sample", "Intercept", "", parameters.sd_sample, nothing))
    rows += of_terms
    rows.append(("dispersion", "1/theta", "", np.sqrt(1 / parameters.theta), nothing))
    sds = np.column_stack([row[3] for row in rows])
    return pd.DataFrame(
        {
            "mirna": np.repeat(mirnas, len(rows)),
            "group": np.tile(np.array([row[0] for row in rows], dtype=object), len(mirnas)),
            "term": np.tile(np.array([row[1] for row in rows], dtype=object), len(mirnas)),
            "term2": np.tile(np.array([row[2] for row in rows], dtype=object), len(mirnas)),
            "sd": sds.ravel(),
            "variance": sds.ravel() ** 2,
            "correlation": np.column_stack([row[4] for row in rows]).ravel(),
        }
    )
