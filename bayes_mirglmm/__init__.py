"""Differential expression of microRNAs from isomiR-level counts, as a probabilistic program."""

from importlib.metadata import version

__version__ = version("bayes-mirglmm")
