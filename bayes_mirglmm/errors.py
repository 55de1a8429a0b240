"""The errors that a user can cause, each with a remedy in its message."""


class MirglmmError(Exception):
    """Base class of every error that this package raises on purpose."""


class InputError(MirglmmError, ValueError):
    """A file, table, formula or option that cannot be used.

    The message says what was found, where (file, line, column, miRNA, sample) and what to do about it.
    """
