"""Writing a run with all that was asked for besides, and saying what came of it."""

import json
import secrets
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from bayes_mirglmm.cli.console import Reporter
from bayes_mirglmm.cli.contrasts import Contrast
from bayes_mirglmm.cli.findings import write_beside
from bayes_mirglmm.cli.report import REPORT, leave_out_samples, remove_stale
from bayes_mirglmm.errors import MirglmmError, SaveError

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr

    from bayes_mirglmm.results import Fit


def finish(
    reporter: Reporter,
    result: "Fit",
    out: Path,
    contrasts: Sequence[Contrast],
    omnibus: Sequence[str],
    *,
    report: bool,
    force: bool,
    types: "xr.Dataset | None",
    influence: bool = False,
    findings: bool = False,
    done: bool = False,
) -> None:
    """Write the run, and say what came of it.

    Parameters
    ----------
    types : xarray.Dataset, optional
        Counts whose annotation tells report and findings of what type isomiRs are.
    influence : bool
        Also say which results rest on one sample.
    findings : bool
        Also write the folder of findings.
    done : bool
        The folder holds this run already: nothing is written but what is asked for besides.
    """
    import bayes_mirglmm as bm
    from bayes_mirglmm.cli.summary import print_summary, summarise
    from bayes_mirglmm.results.fit_result import table_names

    result.metadata["contrasts"] = [c.spec for c in contrasts]
    if report:
        result.metadata["files_besides"] = [REPORT]
    if influence:
        result.metadata["influence"] = True
        leave_out_samples(reporter, result)  # before Ctrl-C has to wait for the writing
    more = {"contrasts": contrasts, "omnibus": omnibus, "influential_samples": influence}
    names = [*table_names(result), *(name for name, asked in more.items() if asked)]
    files = {name: out / f"{name}.tsv" for name in names}
    if done and all(path.exists() for path in files.values()):
        reporter.step(f"{out} holds this very run, finished already")
    else:
        files = write(result, out, contrasts, omnibus=omnibus, force=force)
    if any(c.variable == result.slope and not of_isomirs(result, c) for c in contrasts):
        reporter.step(
            "No isomiR contrasts where the formula has an interaction: isomiRs have no effects of it."
        )
    summary = summarise(result, out, files, omnibus=omnibus)
    known = bm.isomir_types(types) if types is not None and (report or findings) else None
    if report:
        reporter.step("Writing the report")
        bm.write_report(result, out / REPORT, types=known, force=done)
        summary["report"] = str(out / REPORT)
    if findings:
        reporter.step("Writing the findings")
        summary["findings"] = str(write_beside(result, out, known))
    reporter.json(summary)
    print_summary(reporter, result, summary)


def stands(
    result: "Fit",
    out: Path,
    contrasts: Sequence[Contrast],
    omnibus: Sequence[str],
    probability: dict[str, Any],
) -> bool:
    """Tell whether the tables of a finished run are those that are asked for now, as far as any are."""
    import pandas as pd

    known = {name: result.metadata.get(name) for name in ("contrasts", "probability")}
    asked = {"contrasts": [c.spec for c in contrasts], "probability": probability}
    if any(now and json.dumps(now) != json.dumps(known[name]) for name, now in asked.items()):
        return False
    table = out / "omnibus.tsv"
    if not omnibus or not table.exists():
        return True  # a table that is not there is written anyway
    return set(omnibus) <= set(pd.read_csv(table, sep="\t", usecols=["term"])["term"].astype(str))


def write(
    result: "Fit",
    out: Path,
    contrasts: Sequence[Contrast],
    *,
    omnibus: Sequence[str] = (),
    force: bool,
) -> dict[str, Path]:
    """Save the run, with the tables that were asked for besides, and return the table files.

    Ctrl-C and SIGTERM wait until it is written. Where the disk is full, the run goes to another folder that will do.
    """
    from bayes_mirglmm.interruption import deferred
    from bayes_mirglmm.results.deciding_samples import influence_asked, influence_table
    from bayes_mirglmm.results.fit_result import table_names
    from bayes_mirglmm.results.saving import save
    from bayes_mirglmm.results.terms import findings as finding_terms

    with deferred(f"Saving to {out}"):
        more = {}
        flags = influence_asked(result)
        if flags:
            more = result.tables(influence=True) | {"influential_samples": influence_table(result)}
        if contrasts:
            more["contrasts"] = result.effects(contrasts=[c.spec for c in contrasts], influence=flags)
        own = [c.spec for c in contrasts if c.variable in ("", result.slope) and of_isomirs(result, c)]
        if own:
            more["isomir_contrasts"] = result.isomir_effects(contrasts=own, influence=flags)
        if omnibus:
            more["omnibus"] = result.ml.omnibus(list(omnibus), lrt=True)
        if result.metadata.get("probability"):
            more["probability"] = result.probability(
                finding_terms(result.design), **result.metadata["probability"]
            )
        if result.samples_taken == "shared":
            more |= {
                "shared_samples": result.shared_samples(),
                "sample_directions": result.sample_directions(),
            }
        try:
            save(result, out, force=force, tables=more)
        except SaveError as error:
            rescue(result, out, more, error)
        remove_stale(out)
    return {name: out / f"{name}.tsv" for name in dict.fromkeys((*table_names(result), *more))}


def rescue(result: "Fit", out: Path, tables: "dict[str, pd.DataFrame]", error: SaveError) -> NoReturn:
    """Save a run that its own folder does not take to another one, and say where."""
    import tempfile

    from bayes_mirglmm.results.saving import save

    for folder in (Path.cwd(), Path.home(), Path(tempfile.gettempdir())):
        try:
            place = save(result, folder / f"{out.name}-{secrets.token_hex(4)}", tables=tables)
        except (OSError, MirglmmError):
            continue
        raise SaveError(f"{error} The run was saved to {place} instead: move it from there.") from error
    raise error


def of_isomirs(result: "Fit", contrast: Contrast) -> bool:
    """Tell whether isomiRs have effects of their own for all that a contrast weighs: interactions have none."""
    from bayes_mirglmm.design.build import contrast_weights

    weights = contrast_weights(result.design, contrast.spec)
    used = weights.columns[(weights != 0).any(axis=0)]
    return set(used) <= set(result.design.slope_terms)
