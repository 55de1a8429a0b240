"""Differential expression of microRNAs from isomiR-level counts, as a probabilistic program.

The public names stand in this namespace and are imported when they are first used (PEP 562), so that
``import bayes_mirglmm`` is quick and a fit by maximum likelihood never loads PyMC.
"""

import importlib
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

__version__ = version("bayes-mirglmm")

if TYPE_CHECKING:
    from bayes_mirglmm.comparison.compare import Comparison, compare
    from bayes_mirglmm.comparison.reproduce import reproduce
    from bayes_mirglmm.counts.filtering import filter_counts
    from bayes_mirglmm.counts.inspection import inspect_counts
    from bayes_mirglmm.counts.isomir_alterations import isomir_alterations
    from bayes_mirglmm.counts.isomir_types import isomir_types
    from bayes_mirglmm.counts.normalized import normalized
    from bayes_mirglmm.counts.replicates import sum_replicates
    from bayes_mirglmm.errors import InputError, MirglmmError
    from bayes_mirglmm.fitting.fit import fit
    from bayes_mirglmm.fitting.shards import merge
    from bayes_mirglmm.model import build_model, load_model
    from bayes_mirglmm.model.source import model_source
    from bayes_mirglmm.plots import (
        plot_bayes_factors,
        plot_counts,
        plot_cpm,
        plot_diagnostics,
        plot_forest,
        plot_heatmap,
        plot_isomir_forest,
        plot_isomirs,
        plot_lrt_histogram,
        plot_ma,
        plot_offsets,
        plot_ppc,
        plot_probability,
        plot_rootogram,
        plot_samples,
        plot_shared_directions,
        plot_shared_samples,
        plot_type_shifts,
        plot_upset,
        plot_variance_components,
        plot_volcano,
    )
    from bayes_mirglmm.readers import convert, from_dataframe, read_counts
    from bayes_mirglmm.report import write_findings, write_report
    from bayes_mirglmm.results import Fit, load
    from bayes_mirglmm.simulation import simulate_into
    from bayes_mirglmm.simulation.from_model import simulate

_HOME = {
    "Comparison": "comparison",
    "Fit": "results",
    "InputError": "errors",
    "MirglmmError": "errors",
    "build_model": "model",
    "compare": "comparison.compare",
    "convert": "readers",
    "filter_counts": "counts.filtering",
    "fit": "fitting.fit",
    "from_dataframe": "readers",
    "inspect_counts": "counts.inspection",
    "isomir_alterations": "counts.isomir_alterations",
    "isomir_types": "counts.isomir_types",
    "load": "results",
    "load_model": "model",
    "merge": "fitting.shards",
    "model_source": "model.source",
    "normalized": "counts.normalized",
    "plot_bayes_factors": "plots",
    "plot_counts": "plots",
    "plot_heatmap": "plots",
    "plot_type_shifts": "plots",
    "plot_upset": "plots",
    "plot_cpm": "plots",
    "plot_diagnostics": "plots",
    "plot_forest": "plots",
    "plot_isomir_forest": "plots",
    "plot_isomirs": "plots",
    "plot_lrt_histogram": "plots",
    "plot_ma": "plots",
    "plot_offsets": "plots",
    "plot_ppc": "plots",
    "plot_probability": "plots",
    "plot_rootogram": "plots",
    "plot_samples": "plots",
    "plot_shared_directions": "plots",
    "plot_shared_samples": "plots",
    "plot_variance_components": "plots",
    "plot_volcano": "plots",
    "read_counts": "readers",
    "reproduce": "comparison.reproduce",
    "simulate": "simulation.from_model",
    "simulate_into": "simulation",
    "sum_replicates": "counts.replicates",
    "write_findings": "report",
    "write_report": "report",
}

__all__ = [
    "Comparison",
    "Fit",
    "InputError",
    "MirglmmError",
    "__version__",
    "build_model",
    "compare",
    "convert",
    "filter_counts",
    "fit",
    "from_dataframe",
    "inspect_counts",
    "isomir_alterations",
    "isomir_types",
    "load",
    "load_model",
    "merge",
    "model_source",
    "normalized",
    "plot_bayes_factors",
    "plot_counts",
    "plot_cpm",
    "plot_diagnostics",
    "plot_forest",
    "plot_heatmap",
    "plot_isomir_forest",
    "plot_isomirs",
    "plot_lrt_histogram",
    "plot_ma",
    "plot_offsets",
    "plot_ppc",
    "plot_probability",
    "plot_rootogram",
    "plot_samples",
    "plot_shared_directions",
    "plot_shared_samples",
    "plot_type_shifts",
    "plot_upset",
    "plot_variance_components",
    "plot_volcano",
    "read_counts",
    "reproduce",
    "simulate",
    "simulate_into",
    "sum_replicates",
    "write_findings",
    "write_report",
]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from bayes_mirglmm.interruption import noted, passed_on

    # Libraries that Ctrl-C leaves half imported (numba, numpy) cannot be imported again: it waits for them.
    with noted() as signals:
        value = getattr(importlib.import_module(f"{__name__}.{_HOME[name]}"), name)
    globals()[name] = value
    passed_on(signals)
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
