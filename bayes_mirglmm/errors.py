"""The errors that a user can cause, each with a remedy in its message."""


class MirglmmError(Exception):
    """Base class of every error that this package raises on purpose."""


class InputError(MirglmmError, ValueError):
    """A file, table, formula or option that cannot be used.

    The message says what was found, where (file, line, column, miRNA, sample) and what to do about it.
    """


class SaveError(MirglmmError, OSError):
    """A run could not be written: the fault of the machine, such as a full disk. The fit in memory is not affected."""


class ClusterError(MirglmmError, OSError):
    """A cluster that does not answer, has no workers, or went away; what is finished stands in the ledger of a run."""


class UnknownMirnaError(InputError, KeyError):
    """A miRNA that a fit does not have, or has no estimates of; the message has near names, or the reason."""

    def __str__(self) -> str:
        return str(self.args[0])  # not its repr, as of other KeyErrors
