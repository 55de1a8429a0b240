"""From a design and counts to the record of every miRNA, by each method, and the loop over miRNAs.

What belongs here: how one miRNA is fitted by each method, how many are (``loop.py``), and what a preset chooses
(``options.py``). What comes out are the records of :mod:`bayes_mirglmm.records`: no tables here.
"""
