"""From a parsed R object to counts: SummarizedExperiment, IsomirDataSeq, DGEList, data frames."""

from typing import Any

import numpy as np
import pandas as pd
from rdata.parser import RObject, RObjectType

from bayes_mirglmm.counts.container import some
from bayes_mirglmm.errors import InputError
from bayes_mirglmm.readers._notes import Note
from bayes_mirglmm.readers._open import Head
from bayes_mirglmm.readers._part import Part
from bayes_mirglmm.readers._robject import FRAMES, attributes, classes, frame, items, matrix, pairs, vector
from bayes_mirglmm.readers._rparse import parse_r_file
from bayes_mirglmm.readers.table import part_from_frame

EXPERIMENTS = {"SummarizedExperiment", "RangedSummarizedExperiment", "IsomirDataSeq", "DESeqDataSet"}
_WRITE = 'write.table({}, "counts.tsv", sep = "\\t", quote = FALSE, row.names = FALSE)'


def read_object(
    head: Head, samples: pd.DataFrame | None, name: str | None, assay: str | None, options: dict[str, Any]
) -> Part:
    """Read the object ``name`` (or the only usable one) of an R file; see :func:`bayes_mirglmm.readers.r.read`."""
    try:
        label, thing = _pick(head, parse_r_file(head.path), name)
        kind = _kind(thing)
        if kind == "frame":
            return _from_frame(f"{head.source} ({label})", thing, samples, options)
        if kind == "experiment":
            coldata = frame(attributes(thing)["colData"])
            raw = (
                items(attributes(thing)["metadata"]).get("rawData")
                if "IsomirDataSeq" in classes(thing)
                else None
            )
            if raw is not None:
                known = samples if samples is not None else coldata
                part = _from_frame(f"{head.source} ({label}, metadata rawData)", raw, known, options)
            else:
                part = _from_experiment(head, label, thing, assay, coldata, options)
            part.sample_table = coldata
            return part
        if kind == "list":
            return _from_dgelist(head, label, thing, options)
    except InputError:
        raise
    except Exception as error:  # a parser of a foreign binary format fails in many ways
        raise InputError(
            f"{head.source} cannot be read without R ({type(error).__name__}: {error}). {_export(head)}"
        ) from error
    raise InputError(
        f"{head.source}: {label} is of class {_class_of(thing)}, not a table of isomiRs known here. "
        f"{_export(head, thing)}"
    )


def read_data_frame(head: Head) -> pd.DataFrame:
    """Read a sample table: the one data frame (or ``colData``) of an R file, indexed by its row names.

    Raises
    ------
    InputError
        The file is damaged, or holds something else.
    """
    try:
        label, thing = _pick(head, parse_r_file(head.path), None)
        kind = _kind(thing)
        if kind == "frame":
            found = frame(thing)
        else:
            found = frame(attributes(thing)["colData"]) if kind == "experiment" else None
    except InputError:
        raise
    except Exception as error:  # a parser of a foreign binary format fails in many ways
        raise InputError(
            f"{head.source} cannot be read without R ({type(error).__name__}: {error}). Give the sample table as TSV."
        ) from error
    if found is None:
        raise InputError(
            f"{head.source}: {label} is of class {_class_of(thing)}, not a data frame: give the sample table as TSV, "
            "or as saveRDS(data.frame, ...) with the samples as row names."
        )
    return found


def _pick(head: Head, top: RObject, name: str | None) -> tuple[str, RObject]:
    if top.info.type is not RObjectType.LIST:
        return "its object", top
    objects = pairs(top)
    if name is not None:
        if name not in objects:
            raise InputError(f"{head.source} has no object {name!r}, only {', '.join(objects)}.")
        return name, objects[name]
    good = [label for label, thing in objects.items() if _kind(thing)] or list(objects)
    if len(good) > 1:
        raise InputError(
            f"{head.source} holds several objects ({', '.join(good)}): name one with object={good[0]!r}."
        )
    return good[0], objects[good[0]]


def _kind(thing: RObject) -> str:
    if FRAMES & set(classes(thing)):
        return "frame"
    if "DGEList" in classes(thing):
        return "list"
    is_experiment = thing.info.type is RObjectType.S4 and {"assays", "colData"} <= set(attributes(thing))
    return "experiment" if is_experiment else ""


def _class_of(thing: RObject) -> str:
    """Return what R's class() says."""
    kind = "list" if thing.info.type is RObjectType.VEC else thing.info.type.name.lower()
    return " / ".join(classes(thing)) or ("matrix" if matrix(thing) is not None else kind)


def _from_frame(source: str, thing: RObject, samples: pd.DataFrame | None, options: dict[str, Any]) -> Part:
    table = frame(thing)
    if table is None:
        raise ValueError("it is not a data frame")
    return part_from_frame(table, source=source, samples=samples, **options)


def _from_experiment(
    head: Head,
    label: str,
    thing: RObject,
    assay: str | None,
    coldata: pd.DataFrame | None,
    options: dict[str, Any],
) -> Part:
    slots = attributes(thing)
    assays = items(attributes(slots["assays"]).get("data", slots["assays"]))
    name = assay or ("counts" if "counts" in assays else next(iter(assays), "counts"))
    if name not in assays:
        raise InputError(f"{head.source}: {label} has no assay {name!r}, only {', '.join(assays) or 'none'}.")
    found = matrix(assays[name])
    if found is None:
        kind = " / ".join(classes(assays[name])) or assays[name].info.type.name.lower()
        raise InputError(
            f"{head.source}: assay {name!r} ({kind}) is not kept in the file itself. {_export(head)}"
        )
    counts, rows, columns = found
    names = columns or ([str(n) for n in coldata.index] if coldata is not None else [])
    if len(names) != counts.shape[1]:
        raise InputError(
            f"{head.source}: {label} has no sample names. In R: colnames(x) <- ...; and save it again."
        )
    table = _row_data(head, label, slots)
    overlap = [column for column in table.columns if column in set(names)]
    if overlap:
        raise InputError(
            f"{head.source}: {overlap[0]!r} is both a column of rowData and a sample. Rename one in R."
        )
    rows = rows or _names(slots.get("NAMES"), counts.shape[0])
    table = pd.concat([table, pd.DataFrame(counts, columns=names)], axis=1)
    if rows is not None:
        table.index = pd.Index(rows, dtype=object)
    if options["sample_columns"] is None:
        options = {**options, "sample_columns": names}
    return part_from_frame(table, source=f"{head.source} ({label}, assay {name})", **options)


def _from_dgelist(head: Head, label: str, thing: RObject, options: dict[str, Any]) -> Part:
    """Read edgeR's DGEList: ``counts``, ``genes`` with the miRNA of each row, ``samples``."""
    parts = items(thing)
    found = matrix(parts["counts"]) if "counts" in parts else None
    genes = frame(parts["genes"]) if "genes" in parts else None
    counts, rows, names = found or (None, None, None)
    if names is None:
        raise InputError(f"{head.source}: {label} is a DGEList without counts that have column names.")
    if genes is None or genes.shape[1] == 0:
        raise InputError(
            f"{head.source}: {label} is a DGEList without genes, so the miRNA of each row is not known. In R: "
            "x$genes <- data.frame(miRNA = ...); and save it again."
        )
    samples = frame(parts["samples"]) if "samples" in parts else None
    table = pd.concat([genes.reset_index(drop=True), pd.DataFrame(counts, columns=names)], axis=1)
    if rows is not None:
        table.index = pd.Index(rows, dtype=object)
    if options["sample_columns"] is None:
        options = {**options, "sample_columns": names}
    part = part_from_frame(table, source=f"{head.source} ({label}, a DGEList)", **options)
    if samples is not None:
        part.sample_table = samples.set_axis(names) if len(samples) == len(names) else None
        _note_library_sizes(part, samples)
    return part


def _note_library_sizes(part: Part, samples: pd.DataFrame) -> None:
    """Note where edgeR's library sizes are not the sums of the counts: rows were left out, or sizes were set."""
    if "lib.size" not in samples or len(samples) != part.counts.shape[1]:
        return
    sizes = pd.to_numeric(samples["lib.size"], errors="coerce").to_numpy(dtype=float)
    differ = ~np.isclose(sizes, part.counts.sum(axis=0, dtype=float), rtol=1e-6)
    if differ.any():
        text = "lib.size of {n} sample(s) is not the sum of the counts: to use it, offset='column:lib.size'"
        part.notes.append(Note(text, int(differ.sum())))


def _row_data(head: Head, label: str, slots: dict[str, RObject]) -> pd.DataFrame:
    """Return rowData; a RangedSummarizedExperiment keeps it with its ranges."""
    described = slots.get("elementMetadata")
    if "rowRanges" in slots:
        described = attributes(slots["rowRanges"]).get("elementMetadata", described)
    table = None if described is None else frame(described)
    if table is None or table.shape[1] == 0:
        raise InputError(
            f"{head.source}: rowData of {label} is empty, so the miRNA of each row is not known. In R: "
            "rowData(x)$miRNA <- ...; and save it again."
        )
    return table.reset_index(drop=True)


def _names(thing: RObject | None, n: int) -> list[str] | None:
    names = None if thing is None else vector(thing)
    return (
        [str(name) for name in names]
        if names is not None and names.dtype == object and len(names) == n
        else None
    )


def _export(head: Head, thing: RObject | None = None) -> str:
    """Return the lines of R that write a table, by the class of the object."""
    load = f'x <- readRDS("{head.path.name}")'
    if head.path.suffix.lower() != ".rds":
        load = f'x <- get(load("{head.path.name}")[1])'
    kinds = set() if thing is None else set(classes(thing))
    if kinds & {"DGEList", "EList", "MArrayLM"}:
        what = "data.frame(isomir = rownames(x), miRNA = x$genes$miRNA, x$counts, check.names = FALSE)"
    elif thing is not None and matrix(thing) is not None:
        what = "data.frame(isomir = rownames(x), miRNA = ..., as.matrix(x), check.names = FALSE)"
    elif thing is None or kinds & EXPERIMENTS or thing.info.type is RObjectType.S4:
        what = "data.frame(rowData(x), as.matrix(assay(x)), check.names = FALSE)"
        return (
            f"Export it in R: {load}; library(SummarizedExperiment); {_WRITE.format(what)} "
            "(of an IsomirDataSeq: write.table(metadata(x)$rawData, ...)), and read counts.tsv."
        )
    else:
        inside = f" (it holds {some(list(items(thing)))})" if items(thing) else ""
        return (
            f"Export it in R: {load}; str(x, max.level = 1) shows what is in it{inside}; {_WRITE.format('x$...')} "
            "of a table with a column of isomiRs, one of miRNAs and one for each sample, and read counts.tsv."
        )
    return f"Export it in R: {load}; {_WRITE.format(what)}, and read counts.tsv."
