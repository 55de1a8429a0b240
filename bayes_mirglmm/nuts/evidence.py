"""The evidence of a model from its NUTS draws, by bridge sampling in the coordinates in which they were drawn."""

import numpy as np

from bayes_mirglmm.evidence.bridge import BridgeEstimate, bridge_sampling
from bayes_mirglmm.nuts.data import Prepared
from bayes_mirglmm.nuts.density import log_densities


def log_evidence(prepared: Prepared, points: np.ndarray, seed: int) -> BridgeEstimate:
    """Return ln Z of the readable model, with its error.

    IsomiRs are independent of each other given everything else, which keeps the proposal sparse.

    Parameters
    ----------
    prepared : Prepared
    points : array, shape (chains, S, d)
        Draws of :func:`bayes_mirglmm.nuts.sample`.
    seed : int
    """
    layout, pack = prepared.layout, prepared.pack()

    def density(where: np.ndarray) -> np.ndarray:
        values = np.empty(len(where))
        log_densities(np.ascontiguousarray(where), pack, values)
        return np.where(np.isnan(values), -np.inf, values)  # far out exp overflows: the density is 0 there

    first = layout.size - layout.n_isomirs * layout.k
    groups = [range(first + layout.k * j, first + layout.k * (j + 1)) for j in range(layout.n_isomirs)]
    return bridge_sampling(points, density, groups=groups, seed=seed)
