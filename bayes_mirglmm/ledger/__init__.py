"""The ledger of a fit: each finished miRNA on disk as soon as it is there, so that a killed run loses none of them.

From outside call :class:`Ledger` (a file of records that grows), :func:`read_ledger` and :func:`differences` (why two
fits are not the same one). Knows records, no tables, and no counts but those that a record carries.
"""

from bayes_mirglmm.ledger.file import Ledger, read_ledger
from bayes_mirglmm.ledger.identity import differences, digest

__all__ = ["Ledger", "differences", "digest", "read_ledger"]
