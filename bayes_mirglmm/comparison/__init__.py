"""Results side by side: what each says of the same miRNAs, where they agree, and where not and why.

``sources`` and ``exports`` bring a fit, a table of an R package or a data frame into one form, natural logs throughout;
``agreement`` and ``disagreement`` compare; ``result`` holds the answer. From outside, use
:func:`bayes_mirglmm.comparison.compare.compare` and the class :class:`Comparison` that it returns.
"""

from bayes_mirglmm.comparison.result import Comparison

__all__ = ["Comparison"]
