"""One small data set, and its miRNA prepared for the sampler by any formula."""

import numpy as np
import pandas as pd
import pytest

import bayes_mirglmm as bm
from bayes_mirglmm.counts.container import make_counts, sample_table
from bayes_mirglmm.counts.offsets import log_offset
from bayes_mirglmm.design.build import build_design
from bayes_mirglmm.model import TermPriors
from bayes_mirglmm.nuts import Estimate, prepare

N, J = 8, 5


@pytest.fixture(scope="session")
def small_counts():
    rng = np.random.default_rng(4)
    samples = pd.DataFrame(
        {
            "group": list("aabbaabb"),
            "three": list("xyzxyzxx"),
            "age": [31.0, 44, 52, 38, 61, 47, 55, 29],
            "quality": [0.2, 0.9, 0.4, 0.7, 0.1, 0.6, 0.3, 0.8],
            "pair": list("pqpqrsrs"),  # across the groups
            "litter": list("tuvvtuww"),  # within them
            "lab": list("lmlmlmml"),
            "time": [3.0, 9, 14, 4, 6, 20, 11, 7],
        },
        index=[f"s{i}" for i in range(N)],
    )
    mean = 30.0 * np.exp(rng.normal(size=(J, 1)) + 0.3 * rng.normal(size=N))
    return make_counts(
        rng.negative_binomial(4, 4 / (4 + mean)),
        isomir=[f"i{j}" for j in range(J)],
        mirna=["m"] * J,
        sample=list(samples.index),
        samples=samples,
        total=np.full(N, 10**6) + rng.integers(0, 10**5, size=N),
    )


@pytest.fixture(scope="session")
def prepared_by(small_counts):
    """Return a function from formula, model and nuisance to the miRNA prepared, with an estimate or without."""

    def make(formula, model="mirglmm", nuisance=(), estimate=True, covariance=None):
        spec = bm.load_model(model)
        design = build_design(sample_table(small_counts), formula, nuisance=nuisance)
        columns = spec.random_columns(design.blocks)
        blocks = [design.blocks[c] for c in columns]
        names = [design.slope_terms[c] for c in columns]
        fixed = [
            design.terms.index(t) if t in design.terms and b == 0 else -1
            for t, b in zip(names, blocks, strict=True)
        ]
        rng = np.random.default_rng(1)
        k = len(columns)
        effects = sum(len(term.names) for term in design.random)
        scale = np.concatenate([np.abs(term.columns).max(axis=0) for term in design.random] or [np.empty(0)])
        rough = Estimate(
            np.append(3.5, 0.2 / np.abs(design.x[:, 1:]).max(axis=0)),
            0.3 * np.eye(k) + 0.1,
            0.3,
            4.0,
            0.3 * rng.normal(size=(J, k)) / np.abs(design.z[:, columns]).max(axis=0),
            0.2 * rng.normal(size=N),
            np.diag(0.2 / scale**2) if effects else None,
            0.2 * rng.normal(size=N) if effects else None,
        )
        return prepare(
            small_counts["counts"].values,
            log_offset(small_counts).values,
            design.x,
            design.z[:, columns],
            blocks=blocks,
            fixed=fixed,
            spec=spec,
            estimate=rough if estimate else None,
            terms=TermPriors.of(spec.priors, design.random),
            sample_covariance=covariance,
        )

    return make
