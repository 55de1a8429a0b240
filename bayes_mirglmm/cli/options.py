"""Options that several commands share, and the small languages that some of them speak."""

import csv
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from bayes_mirglmm.errors import InputError

if TYPE_CHECKING:
    import pandas as pd

INPUT = "Input"
MODEL = "Model"
NUTS = "Sampling, with --method nuts"
OUTPUT = "Output"


def complete_format(incomplete: str) -> list[str]:
    """Return the formats that start with what was typed, for the shell."""
    from bayes_mirglmm.readers._formats import FORMATS

    return [name for name in ("auto", *(m.NAME for m in FORMATS)) if name.startswith(incomplete)]


def complete_offset(incomplete: str) -> list[str]:
    """Return the offsets that start with what was typed, for the shell."""
    from bayes_mirglmm.counts.offsets import COLUMN, LOG_COLUMN, METHODS

    return [name for name in ("total", *METHODS, COLUMN, LOG_COLUMN) if name.startswith(incomplete)]


def complete_model(incomplete: str) -> list[str]:
    """Return the shipped models that start with what was typed, for the shell."""
    from bayes_mirglmm.model.files import shipped_models

    return [name for name in shipped_models() if name.startswith(incomplete)]


Counts = Annotated[
    list[Path],
    typer.Argument(
        help="Count files, or a folder of files with one sample each. The format is found from the content.",
        show_default=False,
    ),
]
Run = Annotated[
    Path, typer.Argument(help="Folder that fit wrote (--out).", metavar="RUN", show_default=False)
]
Samples = Annotated[
    Path | None,
    typer.Option(
        "--samples",
        "-s",
        help="Sample table (TSV or CSV), a row per sample, its name in the first column.",
        rich_help_panel=INPUT,
        show_default=False,
    ),
]
Format = Annotated[
    str,
    typer.Option(
        help="Format of the counts, where it should not be guessed.",
        rich_help_panel=INPUT,
        autocompletion=complete_format,
    ),
]
Read = Annotated[
    list[str] | None,
    typer.Option(
        metavar="OPTION=VALUE",
        help="Option of the reader, as its messages name them: isomir=COLUMN, mirna=COLUMN, missing=zero, "
        "duplicates=sum, annotation=COLUMN,COLUMN, ... May be repeated.",
        rich_help_panel=INPUT,
        show_default=False,
    ),
]
SamplesOnly = Annotated[
    bool,
    typer.Option(
        "--samples-only",
        help="Leave out the samples of the counts that the sample table does not list.",
        rich_help_panel=INPUT,
    ),
]
SumBy = Annotated[
    str | None,
    typer.Option(
        "--sum-by",
        metavar="COLUMN",
        help="Add up the samples with the same value in this column: runs or lanes of one library.",
        rich_help_panel=INPUT,
        show_default=False,
    ),
]
Mirnas = Annotated[
    list[str] | None,
    typer.Option(
        "--mirnas",
        metavar="NAME,NAME",
        help="These miRNAs alone: names, or a file with one in each line. May be repeated.",
        rich_help_panel=INPUT,
        show_default=False,
    ),
]
Filter = Annotated[
    bool,
    typer.Option("--filter/--no-filter", help="Leave out what is hardly expressed.", rich_help_panel=INPUT),
]
MinMirna = Annotated[
    float,
    typer.Option(
        help="Keep a miRNA whose summed counts have a log(median CPM) above this "
        "(natural log; 5 is 148 CPM).",
        rich_help_panel=INPUT,
    ),
]
MinIsomir = Annotated[
    float,
    typer.Option(
        help="Keep an isomiR with a log(median CPM) above this (natural log; -1 is 0.37 CPM).",
        rich_help_panel=INPUT,
    ),
]
Groups = Annotated[str, typer.Option(help="Names of the groups, the reference first.", rich_help_panel=INPUT)]
DataSeed = Annotated[
    int, typer.Option("--seed", help="The same seed gives the same data.", rich_help_panel=INPUT)
]
DataFolder = Annotated[
    Path, typer.Option("--out", "-o", help="Folder for the files.", rich_help_panel=OUTPUT)
]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Print errors only.", rich_help_panel=OUTPUT)]
Json = Annotated[
    bool,
    typer.Option("--json", help="Print the result as one JSON object on stdout.", rich_help_panel=OUTPUT),
]
Debug = Annotated[
    bool, typer.Option("--debug", help="Show the traceback of an error.", rich_help_panel=OUTPUT)
]
Force = Annotated[
    bool,
    typer.Option("--force", "-f", help="Replace what an earlier run wrote there.", rich_help_panel=OUTPUT),
]

Influence = Annotated[
    bool,
    typer.Option(
        "--influence",
        help="Also say which called results rest on one sample: every called miRNA is fitted again by maximum "
        "likelihood without each sample, which takes time (some 4 ms for each miRNA and sample of a small study).",
        rich_help_panel=MODEL,
    ),
]


def reading(pairs: Sequence[str], *, samples_only: bool, sum_by: str | None) -> dict[str, Any]:
    """Return what ``--read``, ``--samples-only`` and ``--sum-by`` stand for: keyword arguments of ``read_counts``."""
    return parse_reads(pairs) | {"samples_only": samples_only, "sum_replicates": sum_by}


def parse_reads(pairs: Sequence[str]) -> dict[str, Any]:
    """Turn ``["missing=zero", "annotation=a,b"]`` into the keyword arguments of a reader."""
    options: dict[str, Any] = {}
    for pair in pairs:
        name, equals, value = (part.strip() for part in pair.partition("="))
        if not (name.isidentifier() and equals and value):
            raise InputError(f"--read {pair!r} is not OPTION=VALUE: write for example --read missing=zero.")
        options[name] = [part.strip() for part in value.split(",")] if "," in value else value
    return options


def parse_mirnas(texts: Sequence[str] | None) -> list[str] | None:
    """Return the names that ``--mirnas`` gives, those of files among them; None where all are meant."""
    if not texts:
        return None
    names: list[str] = []
    for text in texts:
        path = Path(text)
        cells = path.read_text(encoding="utf-8").splitlines() if path.is_file() else text.split(",")
        names += [cell.strip() for cell in cells if cell.strip()]
    if not names:
        raise InputError(f"--mirnas {texts[0]}: no name is in it. Write for example --mirnas hsa-miR-21-5p.")
    return list(dict.fromkeys(names))


def parse_references(pairs: Sequence[str]) -> dict[str, str]:
    """Turn ``["group=ctrl"]`` into ``{"group": "ctrl"}``."""
    references: dict[str, str] = {}
    for pair in pairs:
        name, equals, level = (part.strip() for part in pair.partition("="))
        if not (name and equals and level):
            raise InputError(
                f"--reference {pair!r} is not FACTOR=LEVEL: write for example --reference group=ctrl."
            )
        if name in references:
            raise InputError(f"--reference names factor {name!r} twice: keep one.")
        references[name] = level
    return references


def ordered_references(references: Mapping[str, str], table: "pd.DataFrame") -> dict[str, str | list[str]]:
    """Split ``none,low,high`` into levels in that order, where it is not the name of one level."""
    found: dict[str, str | list[str]] = {}
    for name, text in references.items():
        levels = {str(value) for value in table[name]} if name in table else set()
        cells = [cell.strip() for cell in next(csv.reader([text], skipinitialspace=True), [])]
        found[name] = cells if len(cells) > 1 and text not in levels else text
    return found


def parse_pairs(option: str, pairs: Sequence[str], example: str) -> dict[str, str]:
    """Turn ``["group=ctrl"]`` into ``{"group": "ctrl"}``, for any option that takes NAME=VALUE."""
    found: dict[str, str] = {}
    for pair in pairs:
        name, equals, value = (part.strip() for part in pair.partition("="))
        if not (name and equals and value):
            raise InputError(f"{option} {pair!r} is not NAME=VALUE: write for example {option} {example}.")
        if name in found:
            raise InputError(f"{option} names {name!r} twice: keep one.")
        found[name] = value
    return found


def claim_folder(path: Path, *, force: bool, resume: bool = False) -> Path:
    """Check, before any work is done, that a run may be written to the folder ``path``; return it as absolute."""
    from bayes_mirglmm.results import check_target
    from bayes_mirglmm.results.run_folder import clear_leftovers

    target = check_target(path, force=force, resume=resume)
    check_writable(path)
    clear_leftovers(target)
    return target


def claim_simulation_folder(path: Path, *, force: bool) -> None:
    """Check, before any work is done, that simulated files may be written to the folder ``path``."""
    from bayes_mirglmm.simulation.export import check_simulation_target

    check_simulation_target(path, force=force)
    check_writable(path)


def check_writable(path: Path) -> None:
    """Refuse a path that this user may not write to."""
    nearest = next(folder for folder in (path, *path.absolute().parents) if folder.exists())
    if not os.access(nearest, os.W_OK):
        raise InputError(f"--out {path}: no permission to write to {nearest}. Choose another folder.")


def parse_groups(text: str) -> list[str]:
    """Turn ``ctrl,case`` into names of groups."""
    names = [name.strip() for name in text.split(",")]
    if len(names) < 2 or not all(names):
        raise InputError(f"--groups {text!r}: give two names or more, as in --groups ctrl,case.")
    return names
