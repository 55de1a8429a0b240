"""The report: one HTML file about a fit, to open by double click and to send to a colleague.

From outside call :func:`write_report`. ``content`` gathers, ``verdict``, ``origin``, ``diagnostics`` and ``citation``
say in words what a fit says in numbers, ``comparisons`` and ``isomirs`` hold the numbers that the page draws, ``page``
puts them into ``templates/``. Nothing here fits or loads PyMC or matplotlib.
"""

from bayes_mirglmm.report.write import check_report_target, write_report

__all__ = ["check_report_target", "write_report"]
