"""All of a fit but the records of its miRNAs: what turns records into a fit, here or where parts are merged."""

import json
import logging
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from bayes_mirglmm.design.build import Design
from bayes_mirglmm.ledger import digest
from bayes_mirglmm.methods.cluster import versions_here
from bayes_mirglmm.methods.job import Job, Pair
from bayes_mirglmm.methods.options import Options
from bayes_mirglmm.methods.registry import method_named
from bayes_mirglmm.model import ModelSpec
from bayes_mirglmm.outcomes import Caution, as_metadata, from_metadata
from bayes_mirglmm.records import MirnaRecord
from bayes_mirglmm.results import Fit, assemble
from bayes_mirglmm.results.run_json import design_from_json, design_to_json, frame_from_json, frame_to_json

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Whole:
    """What the miRNAs of a fit share, and what is said of all of them.

    Attributes
    ----------
    design : Design
    samples : pandas.DataFrame
        The whole sample table.
    offset, total : array, shape (n,)
        Log offset per million (natural log) and totals.
    options : Options
    settings : mapping
        Settings of the method that the dataset remembers.
    prob : float
    taken : str
        ``independent`` or ``shared``: how effects take the samples.
    sample_covariance : array, shape (n, n), optional
    metadata : dict
        Origin and cautions, JSON-able.
    rest : list of MirnaRecord
        miRNAs of which the filters left nothing.
    """

    design: Design
    samples: pd.DataFrame
    offset: np.ndarray
    total: np.ndarray
    options: Options
    settings: Mapping[str, Any]
    prob: float
    taken: str
    sample_covariance: np.ndarray | None
    metadata: dict[str, Any]
    rest: list[MirnaRecord]

    def fit_of(self, pairs: Sequence[Pair]) -> Fit:
        """Return the fit of these miRNAs and of those that the filters left nothing of."""
        how = method_named(self.options.method)
        extra = {"samples": self.taken} if self.taken == "shared" else {}
        ml_data = self._assembled([ml for ml, _ in pairs], "ml", self.options.df, extra)
        result = Fit(ml_data, self.design, metadata=self.metadata, samples=self.samples)
        if self.taken == "shared":
            learned = result.shared_cautions()
            for caution in learned:
                logger.warning("%s", caution)
            result.metadata |= as_metadata([*from_metadata(self.metadata), *learned])
        if how.has_draws:
            data = self._assembled([own for _, own in pairs], how.name, "z", self.settings)
            result = Fit(data, self.design, metadata=self.metadata, samples=self.samples, ml=result)
        return result

    def _assembled(
        self, records: list[MirnaRecord], method: str, df: str, extra: Mapping[str, Any]
    ) -> xr.Dataset:
        options = self.options
        return assemble(
            records + self.rest,
            self.design,
            offset=self.offset,
            total=self.total,
            method=method,
            preset=options.preset,
            df=df,
            prob=self.prob,
            curvature=options.curvature,
            criterion=options.criterion,
            family=options.spec.family,
            offset_method=options.offset,
            model=options.spec,
            sample_covariance=self.sample_covariance,
            extra=extra,
        )

    def with_cautions(self, *more: Caution, **metadata: Any) -> "Whole":
        """Return the same with further cautions and metadata."""
        cautions = [*from_metadata(self.metadata), *more]
        return replace(self, metadata=self.metadata | as_metadata(cautions) | metadata)

    def to_tree(self) -> dict[str, Any]:
        """Return this as a tree for :mod:`bayes_mirglmm.ledger`."""
        return {
            "design": design_to_json(self.design),
            "x": self.design.x,
            "z": self.design.z,
            "samples": frame_to_json(self.samples),
            "offset": self.offset,
            "total": self.total,
            "options": {
                **{name: value for name, value in _options(self.options).items() if name != "spec"},
                "spec": self.options.spec.to_dict(),
            },
            "settings": dict(self.settings),
            "prob": self.prob,
            "taken": self.taken,
            "sample_covariance": self.sample_covariance,
            "metadata": self.metadata,
            "rest": self.rest,
        }

    @classmethod
    def from_tree(cls, tree: Mapping[str, Any]) -> "Whole":
        """Return what :meth:`to_tree` described.

        Raises
        ------
        KeyError, TypeError, ValueError
            It describes nothing of the kind.
        """
        matrices = xr.Dataset(
            {"x": (("sample", "term"), tree["x"]), "z": (("sample", "slope_term"), tree["z"])}
        )
        options = dict(tree["options"])
        return cls(
            design=design_from_json(tree["design"], matrices),
            samples=frame_from_json(tree["samples"]),
            offset=tree["offset"],
            total=tree["total"],
            options=Options(**(options | {"spec": ModelSpec.from_dict(options["spec"])})),
            settings=tree["settings"],
            prob=tree["prob"],
            taken=tree["taken"],
            sample_covariance=tree["sample_covariance"],
            metadata=tree["metadata"],
            rest=tree["rest"],
        )


def identity_of(whole: Whole, job: Job) -> dict[str, Any]:
    """Return what the records of miRNAs depend on, JSON-able: the same identity, the same records."""
    design, options = whole.design, whole.options
    matrices = [
        design.x,
        design.z,
        np.array(design.blocks),
        np.array([*design.centres.values()], dtype=float),
    ]
    for term in design.random:
        matrices += [term.columns, term.level]
    covariance = whole.sample_covariance
    found = {
        "counts": whole.metadata["fitted"]["sha256"],
        "formula": design.formula,
        "slope": design.slope,
        "levels": {name: list(levels) for name, levels in design.factors.items()},
        "nuisance": list(design.nuisance),
        "design": digest(*matrices),
        "offset": options.offset,
        "offsets": digest(whole.offset),
        "method": options.method,
        "model": options.spec.to_dict(),
        "curvature": options.curvature,
        "criterion": options.criterion,
        "reduced_where_singular": options.reduced_where_singular,
        "settings": None if job.settings is None else asdict(job.settings),
        "seed": job.seed,
        "max_seconds": job.max_seconds,
        "sample_covariance": None if covariance is None else digest(covariance),
        "versions": versions_here(),
    }
    if learned := whole.metadata.get("learned_priors"):
        found["learned_priors"] = learned
    plain: dict[str, Any] = json.loads(json.dumps(found, default=lambda value: value.item()))
    return plain


def _options(options: Options) -> dict[str, Any]:
    return {name: getattr(options, name) for name in Options.__slots__}
