"""Which files are meant, and which sample each one is."""

import glob
import os
import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from bayes_mirglmm.counts.container import some
from bayes_mirglmm.errors import InputError
from bayes_mirglmm.readers._layout import normalised
from bayes_mirglmm.readers._notes import Note
from bayes_mirglmm.readers._open import is_zarr

#: Files of per-sample tools, the more telling first: a folder is searched for the first that it has.
FOLDER_PATTERNS = (
    "*.isoforms.quantification.txt",
    "*.mirna",
    "*mirbase-ready.counts",
    "microRNAannotation.txt",
    "reads.annotation",
    "*-exclusive-isomiRs.expression.txt",
    "*.isomir.sequence_info.tsv",
    "*out_result_mature_tag_unique.txt",
    "*tagMir-all.tab",
    "*.gff*",
    "mapped.csv",
    "*mirtop.tsv",
)
COMPRESSION = re.compile(r"\.(gz|bz2|xz)$", re.IGNORECASE)
#: What is cut from the end of a file name to get the sample.
ENDINGS = re.compile(
    r"([-_.](IsoMiRmap_v\d+|(exclusive|ambiguous)-isomiRs|expression|sequence_info|fastq_ready|tagMir-all))+$|"
    r"([-_.](mirbase[-_]ready|mirbase\d*|isoforms\.quantification|isomirs?|mirtop|mirtop_rawData))+$|"
    r"\.(mirna|counts|gff3?|txt|tsv|tab|csv|annotation|mat)$",
    re.IGNORECASE,
)
#: Names that tools give to every sample's file: then the folder names the sample.
GENERIC = {
    "reads",
    "micrornaannotation",
    "mirtop",
    "mapped",
    "expressioncounts",
    "tagmirall",
    "outresultmaturetagunique",
}
FILE_COLUMNS = {"filename", "file", "files", "path"}

PathLike = str | os.PathLike[str]


def find_files(paths: PathLike | Sequence[PathLike]) -> list[Path]:
    """Return the files that a path, a glob, a folder or a list of them stands for.

    A folder is searched, with its subfolders, for the files of one per-sample tool; globs and folders give their
    files in the order of their names, a list keeps its own.

    Raises
    ------
    InputError
        Nothing is there, or a folder holds files of several tools.
    """
    if isinstance(paths, str | os.PathLike):
        paths = [paths]
    found: list[Path] = []
    for item in paths:
        path = Path(item).expanduser()
        if path.is_dir() and not is_zarr(path):
            found += _in_folder(path)
        elif not path.exists() and glob.has_magic(str(path)):
            matches = [Path(p) for p in sorted(glob.glob(str(path), recursive=True))]
            if not matches:
                raise InputError(
                    f"no file matches {str(item)!r}: check the pattern and the working directory."
                )
            found += [p for p in matches if p.is_file() or is_zarr(p)]
        else:
            found.append(path)
    if not found:
        raise InputError(
            "no file was given: pass the path of a table, a folder, a pattern or a list of files."
        )
    path, times = Counter(found).most_common(1)[0]
    if times > 1:
        raise InputError(f"{path} was given more than once: give each file once.")
    return found


def sample_names(files: Sequence[Path], samples: pd.DataFrame | None) -> list[str]:
    """Name the sample of each file of a per-sample tool.

    Where the sample table has a column ``file``, ``File Name`` or the like (GDC sample sheets do), it decides; else
    the file name without its endings; else, where that says nothing (``reads.annotation``), the folder.

    Raises
    ------
    InputError
        A file is not in that column, or two files would get one name.
    """
    column = file_column(samples)
    if samples is not None and column is not None:
        return _from_table(files, samples[column])
    names = [_stem(path) for path in files]
    if any(normalised(name) in GENERIC for name in names) or len(set(names)) < len(names):
        folders = [path.resolve().parent.name for path in files]
        if len(set(folders)) < len(folders):
            times = Counter(folders)
            twice = next(f for f, folder in zip(files, folders, strict=True) if times[folder] > 1)
            raise InputError(
                f"{twice}: neither the name of the file nor that of its folder tells its sample from the "
                "others'. Put a column 'file' with the file names into the sample table."
            )
        return folders
    return names


def listed_files(files: Sequence[Path], samples: pd.DataFrame | None, notes: list[Note]) -> list[Path]:
    """Leave out the files that the file column of the sample table, where it has one, does not list.

    A column that lists none of them may be of other files, such as those that a table was made of: all stay, and a
    format of one file a sample refuses them (:func:`sample_names`).
    """
    column = file_column(samples)
    if samples is None or column is None:
        return list(files)
    listed = {COMPRESSION.sub("", Path(str(file)).name) for file in samples[column].dropna()}
    kept = [path for path in files if COMPRESSION.sub("", path.name) in listed]
    if not kept:
        return list(files)
    taken = set(kept)
    left = [path.name for path in files if path not in taken]
    if left:
        text = f"{{n}} file(s) are not in the sample table and were left out: {some(left)}"
        notes.append(Note(text, len(left)))
    return kept


def file_column(samples: pd.DataFrame | None) -> str | None:
    """Return the column of the sample table that holds file names."""
    if samples is None:
        return None
    return next((name for name in samples.columns if normalised(name) in FILE_COLUMNS), None)


def _from_table(files: Sequence[Path], column: pd.Series) -> list[str]:
    table: dict[str, list[str]] = {}
    for sample, file in column.dropna().items():
        table.setdefault(COMPRESSION.sub("", Path(str(file)).name), []).append(str(sample))
    found = [table.get(COMPRESSION.sub("", path.name), []) for path in files]
    if len(files) > 1 and not any(found):
        raise InputError(
            f"none of the {len(files)} files is in column {column.name!r} of the sample table, which has "
            f"{some(sorted(table), 3)}; the first file is {files[0].name}. Correct the column or the paths."
        )
    names = []
    for path, matches in zip(files, found, strict=True):
        if len(matches) != 1:
            problem = f"stands for {some(matches)}" if matches else "is not there"
            raise InputError(
                f"{path}: its name {problem} in column {column.name!r} of the sample table, which has "
                f"{some(sorted(table), 3)}. Give each file one row, or leave out the files that have none with "
                "samples_only=True (--samples-only)."
            )
        names.append(matches[0])
    return names


def _stem(path: Path) -> str:
    name = COMPRESSION.sub("", path.name)
    while (shorter := ENDINGS.sub("", name)) not in {name, ""}:
        name = shorter
    return name


def _in_folder(folder: Path) -> list[Path]:
    inside = sorted(
        p
        for p in folder.rglob("*")
        if p.is_file() and not any(q.startswith(".") for q in p.relative_to(folder).parts)
    )
    kinds = {
        pattern: hits
        for pattern in FOLDER_PATTERNS
        if (hits := [p for p in inside if Path(COMPRESSION.sub("", p.name)).match(pattern)])
    }
    if "microRNAannotation.txt" in kinds:  # sRNAbench writes both; this one holds the miRNAs only
        kinds.pop("reads.annotation", None)
    if (
        "*-exclusive-isomiRs.expression.txt" in kinds
    ):  # the GFF of IsoMiRmap is of the same reads, and ambiguous ones
        kinds.pop("*.gff*", None)
    if "*.gff*" in kinds:  # isomiR-SEA writes both; its GFF says which alignment to take
        kinds.pop("*tagMir-all.tab", None)
    if len(kinds) == 1:
        return next(iter(kinds.values()))
    if kinds:
        listed = ", ".join(f"{len(hits)} {pattern}" for pattern, hits in kinds.items())
        raise InputError(
            f"{folder} holds files of several kinds ({listed}): give a pattern such as "
            f"'{folder / next(iter(kinds))}', or a list of files."
        )
    if len(inside) == 1:
        return inside
    raise InputError(
        f"{folder} holds no file that is known by its name ({', '.join(FOLDER_PATTERNS)}); it has "
        f"{some([str(p.relative_to(folder)) for p in inside]) if inside else 'no file at all'}. Give the "
        "files, or a pattern."
    )
