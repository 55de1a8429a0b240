"""The command line ``bayes-mirglmm``: one command a file, each a thin layer over the public functions.

:func:`main` is the door. ``app`` gathers the commands, ``console`` says what goes to stdout and to stderr,
``options`` holds the options that commands share. Commands import what they need when they run, so that
``--help`` and completion answer at once.
"""

from bayes_mirglmm.cli.app import main

__all__ = ["main"]
