"""Saving a fit to a folder.

A run folder holds the tables as TSV (for people, R and spreadsheets; ``NA`` where a number is missing) and
as parquet, ``arrays.nc`` (the dataset, netCDF4) and ``run.json``; a Bayesian fit also ``ml.nc``, the dataset of the
fit by maximum likelihood that it started from. Nothing is pickled.
"""

import json
import os
from collections.abc import Mapping
from os import PathLike
from pathlib import Path

import pandas as pd

from bayes_mirglmm.errors import InputError, SaveError
from bayes_mirglmm.interruption import deferred
from bayes_mirglmm.ledger import read_ledger
from bayes_mirglmm.results import run_json
from bayes_mirglmm.results.arrays import write_arrays
from bayes_mirglmm.results.fit_result import Fit, table_names
from bayes_mirglmm.results.loading import sha256
from bayes_mirglmm.results.run_folder import (
    ARRAYS,
    EXTRA_TABLES,
    LEDGER,
    ML_ARRAYS,
    RUN,
    SHARD,
    check_target,
    staged,
)
from bayes_mirglmm.results.schema import SCHEMA_VERSION
from bayes_mirglmm.tsv import write_tsv


def save(
    fit: Fit,
    folder: str | PathLike[str],
    *,
    force: bool = False,
    tables: Mapping[str, pd.DataFrame] | None = None,
) -> Path:
    """Write ``fit`` to ``folder``: complete, or not at all.

    With ``force`` a run that is there is replaced; files of other names in its folder stay. The ledger of this very fit
    may be there; it goes when all of the fit is written. Ctrl-C and SIGTERM wait until the run is written; a second one
    gives it up.

    Parameters
    ----------
    fit : Fit
    folder : path
    force : bool
        Replace a run that is there.
    tables : mapping, optional
        Further tables, by the names of :data:`~bayes_mirglmm.results.run_folder.EXTRA_TABLES`, and tables to write in
        place of those of :meth:`Fit.tables`.

    Returns
    -------
    pathlib.Path
        The absolute path of the folder.

    Raises
    ------
    InputError
        As :func:`check_target`.
    SaveError
        The machine does not take it: the disk is full, say.
    """
    own = _has_ledger_of(fit, Path(folder).expanduser())
    target = check_target(folder, force=force, resume=own)
    unknown = set(tables or {}) - {*EXTRA_TABLES, *table_names(fit)}
    if unknown:
        raise ValueError(f"a run has no table {sorted(unknown)[0]!r}: one of {', '.join(EXTRA_TABLES)}.")
    try:
        with deferred(f"Saving to {target}"), staged(target) as stage:
            _write(fit, stage, tables or {})
        (target / SHARD).unlink(missing_ok=True)
        if not (own and fit.metadata.get("interrupted")):
            (target / LEDGER).unlink(missing_ok=True)
    except OSError as error:
        why = os.strerror(error.errno) if error.errno else str(error)
        raise SaveError(
            f"{target}: the run could not be written ({why}). Nothing was changed there; the fit is still in memory: "
            "make room, or save it to another folder."
        ) from error
    return target


def _has_ledger_of(fit: Fit, folder: Path) -> bool:
    """Tell whether the folder holds the finished miRNAs of this very fit."""
    identity = fit.metadata.get("identity")
    try:
        found = read_ledger(folder / LEDGER, header_only=True).header["identity"]
    except (InputError, KeyError):
        return False
    return identity is not None and found == json.loads(json.dumps(identity))


def _write(fit: Fit, folder: Path, more: Mapping[str, pd.DataFrame]) -> None:
    own = {name: getattr(fit, name)() for name in table_names(fit) if name not in more}
    for name, table in (own | dict(more)).items():
        write_tsv(table, folder / f"{name}.tsv")
        table.to_parquet(folder / f"{name}.parquet", index=False)
    _write_dataset(fit, folder / ARRAYS)
    contents = run_json.describe(fit, sha256(folder / ARRAYS))
    if fit.ml is not fit:
        _write_dataset(fit.ml, folder / ML_ARRAYS)
        contents["ml"] = run_json.describe_ml(fit.ml, sha256(folder / ML_ARRAYS))
    run_json.write(folder / RUN, contents)


def _write_dataset(fit: Fit, path: Path) -> None:
    arrays = fit.data.copy(deep=False)
    arrays.attrs = {"schema_version": SCHEMA_VERSION, "formula": fit.formula}
    write_arrays(arrays, path)
