"""The report: one HTML file about a fit, to open by double click and to send to a colleague.

From outside call :func:`write_report`, and :func:`write_findings` for the files that a paper needs. ``content``
gathers, ``verdict``, ``origin``, ``diagnostics``, ``citation`` and ``methods_data`` say in words what a fit says in
numbers, ``comparisons`` and ``isomirs`` hold the numbers that the page draws, ``page`` puts them into ``templates/``.
Nothing here fits or loads PyMC or matplotlib.
"""

from bayes_mirglmm.report.findings_files import write_findings
from bayes_mirglmm.report.write import check_report_target, write_report

__all__ = ["check_report_target", "write_findings", "write_report"]
