"""From a sample table and a formula to the matrices of the model, and to contrasts between its coefficients.

From outside call :func:`~bayes_mirglmm.design.build.build_design` and read the
:class:`~bayes_mirglmm.design.build.Design` that comes back; the other files are its parts: what a formula may contain,
how a column becomes a factor or a number, which columns depend on each other, what a contrast may be.
"""
