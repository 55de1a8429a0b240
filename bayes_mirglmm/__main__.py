"""``python -m bayes_mirglmm``: the command line, where scripts are not on PATH."""

from bayes_mirglmm.cli import main

main()
