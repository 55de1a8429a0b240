"""R objects in ``.rds`` and ``.rda``, without R: SummarizedExperiment, IsomirDataSeq, data frames."""

from collections.abc import Sequence

import pandas as pd

from bayes_mirglmm.readers._open import Head
from bayes_mirglmm.readers._part import Part

NAME = "r"
POLICY = "refuse"


def detect(head: Head) -> bool:
    """Whether the file was written by R's ``save`` or ``saveRDS``."""
    return head.kind == "r"


def read(
    heads: Sequence[Head],
    samples: pd.DataFrame | None = None,
    *,
    object: str | None = None,
    assay: str | None = None,
    isomir: str | None = None,
    mirna: str | None = None,
    sequence: str | None = None,
    annotation: Sequence[str] = (),
    sample_columns: Sequence[str] | None = None,
    samples_only: bool = False,
    missing: str = "refuse",
) -> list[Part]:
    """Read R files.

    * IsomirDataSeq (Bioconductor isomiRs): the raw table ``metadata(x)$rawData``; its assay is per miRNA.
    * SummarizedExperiment and its kin: an assay (dense or sparse), ``rowData`` with the miRNA, ``colData``.
    * A data.frame, tibble, data.table or DataFrame: like any table.

    Parameters
    ----------
    object : str, optional
        Name of the object, where an ``.rda`` holds several.
    assay : str, optional
        Name of the assay; ``counts`` or the first when not given.
    isomir, mirna, sequence, annotation, sample_columns, samples_only, missing
        As for a table: columns of ``rowData`` or of the data frame.

    Raises
    ------
    InputError
        The file is damaged, or holds no such object; the message has the R code that exports it.
    """
    from bayes_mirglmm.readers._rexperiment import read_object  # rdata takes 0.3 s to import

    options = {
        "isomir": isomir,
        "mirna": mirna,
        "sequence": sequence,
        "annotation": annotation,
        "sample_columns": sample_columns,
        "samples_only": samples_only,
        "missing": missing,
    }
    return [read_object(head, samples, object, assay, options) for head in heads]
