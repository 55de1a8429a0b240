"""The parts of :func:`bayes_mirglmm.simulate.simulate`: parameters, made-up sequences, tables of the truth.

From outside, use that function and the classes :class:`Simulation` and :class:`Truth`.
"""

from bayes_mirglmm.simulation.truth import Simulation, Truth

__all__ = ["Simulation", "Truth"]
