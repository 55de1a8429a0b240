"""The formats, their other names, and detection by content."""

from collections.abc import Sequence
from types import ModuleType

from bayes_mirglmm.errors import InputError
from bayes_mirglmm.readers import (
    anndata,
    gdc,
    isomirmap,
    isomirsea,
    mirge,
    mirgff3,
    mirtop,
    quagmir,
    r,
    seqbuster,
    srnabench,
    store,
    table,
)
from bayes_mirglmm.readers._open import Head
from bayes_mirglmm.readers._refused import refuse

#: In the order of detection: the particular ones first, any table last.
FORMATS: tuple[ModuleType, ...] = (
    *(r, store, anndata, mirgff3, mirge, gdc, seqbuster, mirtop, srnabench, isomirsea, isomirmap, quagmir),
    table,
)
ALIASES = {
    **{module.NAME: module for module in FORMATS},
    **dict.fromkeys(("mirge2", "mirge3", "mirge3.0"), mirge),
    **dict.fromkeys(("gff", "gff3", "optimir"), mirgff3),
    **dict.fromkeys(("isomirs", "miraligner", "bcbio"), seqbuster),
    **dict.fromkeys(("srnade",), srnabench),
    **dict.fromkeys(("isomir-sea",), isomirsea),
    **dict.fromkeys(("tcga", "tcgabiolinks"), gdc),
    **dict.fromkeys(("tsv", "csv"), table),
    **dict.fromkeys(("rds", "rda", "rdata"), r),
    **dict.fromkeys(("h5ad", "zarr"), anndata),
}


def choose(heads: Sequence[Head], format: str) -> ModuleType:
    """Return the reader: the named one, or the one that knows the content of every file.

    Raises
    ------
    InputError
        The name is unknown, a file holds no isomiR counts, or the files are of different formats.
    """
    if format != "auto":
        module = ALIASES.get(format.lower())
        if module is None:
            names = ", ".join(["auto", *(m.NAME for m in FORMATS)])
            raise InputError(f"format={format!r} is unknown. Formats: {names}.")
        for head in heads:
            kinds = {r: ("r",), anndata: ("hdf5", "zarr"), store: ("zarr",)}.get(module, ("text",))
            if head.kind not in kinds:
                raise InputError(
                    f"{head.source} is not of format {module.NAME!r}: leave out format=, or correct it."
                )
        return module
    found = [_detect(head) for head in heads]
    for head, module in zip(heads, found, strict=True):
        if module is not found[0]:
            raise InputError(
                f"{heads[0].source} is of format {found[0].NAME!r} and {head.source} of {module.NAME!r}: "
                "give files of one format at a time."
            )
    return found[0]


def _detect(head: Head) -> ModuleType:
    for module in FORMATS:
        if module is table:
            refuse(head)
        if module.detect(head):
            return module
    raise InputError(f"{head.source} is of no known format: give format=... (one of {', '.join(ALIASES)}).")
