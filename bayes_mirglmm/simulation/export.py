"""Counts and simulations as files that the readers, R and spreadsheets take."""

import json
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import xarray as xr

from bayes_mirglmm.counts.container import sample_table
from bayes_mirglmm.errors import InputError
from bayes_mirglmm.tsv import write_tsv

if TYPE_CHECKING:
    from bayes_mirglmm.simulation import IntoSimulation
    from bayes_mirglmm.simulation.from_model import Simulation

COUNTS, SAMPLES, TRUTH, ABOUT = "counts.tsv", "samples.tsv", "truth", "simulation.json"
BACKGROUND = "background"  # the row that holds the rest of a library


def counts_table(counts: xr.Dataset) -> pd.DataFrame:
    """Return a container as one wide table: isomir, miRNA, other isomiR columns, then a column per sample."""
    isomir_columns = {
        str(name): values.values
        for name, values in counts.coords.items()
        if values.dims == ("isomir",) and name not in ("isomir", "mirna")
    }
    names = {"isomir": counts["isomir"].values, "miRNA": counts["mirna"].values}
    samples = pd.DataFrame(counts["counts"].values, columns=[str(name) for name in counts["sample"].values])
    return pd.concat([pd.DataFrame(names | isomir_columns), samples], axis=1)


def write_counts(counts: xr.Dataset, folder: Path) -> tuple[Path, Path]:
    """Write ``counts.tsv`` and ``samples.tsv`` to an existing folder and return their paths."""
    write_tsv(counts_table(counts), folder / COUNTS)
    write_tsv(sample_table(counts).reset_index(), folder / SAMPLES)
    return folder / COUNTS, folder / SAMPLES


def write_simulation(simulation: "Simulation", folder: Path) -> tuple[Path, Path]:
    """Write simulated counts and the truth behind them to a folder; return the paths of counts and samples.

    Beside :func:`write_counts`' files: ``truth/`` with a table per part of
    :class:`bayes_mirglmm.simulation.from_model.Truth`, and ``simulation.json`` with design, model and seed.
    """
    from bayes_mirglmm import __version__

    (folder / TRUTH).mkdir(parents=True, exist_ok=True)
    paths = write_counts(simulation.counts, folder)
    for name, table in vars(simulation.truth).items():
        write_tsv(table, folder / TRUTH / f"{name}.tsv")
    about = {
        "program": "bayes_mirglmm",
        "program_version": __version__,
        "formula": simulation.design.formula,
        "slope": simulation.design.slope,
        "factors": {name: list(levels) for name, levels in simulation.design.factors.items()},
        "model": simulation.model.name,
        "seed": simulation.seed,
    }
    (folder / ABOUT).write_text(json.dumps(about, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    return paths


def write_into_simulation(simulation: "IntoSimulation", folder: Path) -> tuple[Path, Path]:
    """Write real counts with multiplied effects, and the truth, to a folder; return paths of counts and samples.

    The counts are those of all isomiRs. Where they do not add up to the totals, because they were filtered before, a
    last row, miRNA ``background``, holds the rest. ``simulation.json`` has the settings and the seed.
    """
    from bayes_mirglmm import __version__

    (folder / TRUTH).mkdir(parents=True, exist_ok=True)
    counts = simulation.counts
    table = counts_table(counts)
    rest = counts["total"].values - counts["counts"].values.sum(axis=0)
    if rest.any():
        row = dict(zip([str(name) for name in counts["sample"].values], rest.tolist(), strict=True))
        last = pd.DataFrame([{"isomir": BACKGROUND, "miRNA": BACKGROUND} | row])
        table = pd.concat([table, last], ignore_index=True)
    write_tsv(table, folder / COUNTS)
    write_tsv(sample_table(counts).reset_index(), folder / SAMPLES)
    for name, part in vars(simulation.truth).items():
        write_tsv(part, folder / TRUTH / f"{name}.tsv")
    settings = {
        name: "inf" if isinstance(value, float) and np.isinf(value) else value
        for name, value in simulation.settings.items()
    }
    about = {
        "program": "bayes_mirglmm",
        "program_version": __version__,
        "source": counts.attrs["source"],
        "formula": simulation.formula,
        "reference": simulation.reference,
        "settings": settings,
        "seed": simulation.seed,
    }
    (folder / ABOUT).write_text(json.dumps(about, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    return folder / COUNTS, folder / SAMPLES


def check_simulation_target(folder: Path, *, force: bool) -> None:
    """Refuse a folder that holds anything but an earlier simulation; that one, too, without ``force``."""
    if folder.exists() and not folder.is_dir():
        raise InputError(f"{folder} is a file: give the name of a folder.")
    if not folder.exists() or not any(folder.iterdir()):
        return
    if not (folder / ABOUT).is_file():
        raise InputError(f"{folder} holds other files, and no {ABOUT} of a simulation: give a new folder.")
    if not force:
        raise InputError(
            f"{folder} holds a simulation already: give another folder, or replace it with --force."
        )
