"""Data with known truth.

:func:`~bayes_mirglmm.simulation.from_model.simulate` draws counts from the model; its parts are here: parameters,
made-up sequences, tables of the truth. :func:`simulate_into` multiplies effects into real counts. Files for R and the
readers are in ``export.py``, the data of the demo in ``demo.py``.

From outside, use these two functions and the classes that they return.
"""

from bayes_mirglmm.simulation.into import IntoSimulation, IntoTruth, simulate_into
from bayes_mirglmm.simulation.truth import Simulation, Truth

__all__ = ["IntoSimulation", "IntoTruth", "Simulation", "Truth", "simulate_into"]
