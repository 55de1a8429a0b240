"""From a design and counts to the record of every miRNA, by each method, and the loop over miRNAs.

What belongs here: how one miRNA is fitted (``maximum_likelihood.py``), how many are (``loop.py``), and what a preset
chooses (``options.py``). Called by :mod:`bayes_mirglmm.methods.fit` alone.
"""
