"""Readers: one file for each upstream format, each returning the container of :mod:`bayes_mirglmm.counts`.

To be called from outside: :func:`read_counts`, :func:`convert`, :func:`from_dataframe` and :func:`read_samples`. A
format is a module
with ``NAME``, ``POLICY`` (what to do with duplicate rows), ``detect(head)`` and ``read(heads, samples, **options)``,
listed in ``_formats``. Modules with a leading underscore are what the formats share. Nothing heavy (rdata, anndata)
is imported before a file needs it.
"""

from bayes_mirglmm.readers._read import convert, from_dataframe, read_counts
from bayes_mirglmm.readers.sampletable import read_samples

__all__ = ["convert", "from_dataframe", "read_counts", "read_samples"]
