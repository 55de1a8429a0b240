"""Writing the numbers of one miRNA into the arrays of the dataset, every shape checked."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from bayes_mirglmm.design.blocks import reduced_columns, slope_columns
from bayes_mirglmm.errors import InputError
from bayes_mirglmm.results.draws import draw_name

if TYPE_CHECKING:
    from bayes_mirglmm.design.build import Design
    from bayes_mirglmm.records import Draws, MirnaRecord, ModelNumbers


class Filler:
    """Writes records into ``arrays``, the variables of the dataset by name."""

    def __init__(
        self, arrays: dict[str, np.ndarray], design: "Design", models: Sequence[str], method: str
    ) -> None:
        self.arrays = arrays
        self.method = method
        self.models = models
        self.drawn = 0  # miRNAs with draws so far
        self.width = len(design.slope_terms)
        self.reduced, self.omitted = reduced_columns(design.blocks), slope_columns(design.blocks)
        self.beta_of = {k: design.terms.index(design.slope_terms[k]) for k in self.omitted}

    def put(self, name: str, where: tuple[Any, ...], value: Any, mirna: str) -> None:
        """Write ``value`` to one place of one variable, or say whose shape is wrong."""
        target = self.arrays[name][where]
        value = np.asarray(value)
        if value.shape != target.shape:
            raise InputError(f"{mirna}: {name} has shape {value.shape}, expected {target.shape}.")
        target[...] = value

    def record(self, i: int, rows: slice, record: "MirnaRecord") -> None:
        """Write one miRNA: number ``i`` of the dataset, with its isomiRs at ``rows``."""
        arrays = self.arrays
        arrays["status"][i] = record.status
        arrays["reason"][i] = record.reason
        arrays["n_isomirs"][i] = len(record.isomirs) if record.n_isomirs is None else record.n_isomirs
        arrays["seconds"][i] = record.seconds
        arrays["coefficients_from"][i] = record.coefficients_from
        for m, model in enumerate(self.models):
            numbers = record.full if model == "full" else record.reduced
            if numbers is not None:
                self.numbers(m, i, numbers, record.mirna, reduced=model == "reduced")
                if model == record.coefficients_from:
                    self.modes(i, rows, numbers, record.mirna, reduced=model == "reduced")
        if record.draws is not None:
            self.draws(self.drawn, rows, record.draws, record.mirna)
            self.drawn += 1

    def numbers(self, m: int, i: int, numbers: "ModelNumbers", mirna: str, *, reduced: bool) -> None:
        """Write what every model of a miRNA has."""
        arrays = self.arrays
        for name in ("theta", "log_theta_se", "sigma_sample", "log_likelihood", "iterations", "evaluations"):
            arrays[name][m, i] = getattr(numbers, name)
        for name, value in numbers.extra.items():
            arrays[name][m, i] = value
        arrays["model_status"][m, i] = numbers.status
        arrays["model_reason"][m, i] = numbers.reason
        for name in ("beta", "beta_cov", "beta_cov_theta_fixed", "beta_df"):
            value = getattr(numbers, name)
            if value is not None:
                self.put(name, (m, i), value, mirna)
        if numbers.random_cov is not None:
            self.put("random_cov", (m, i), numbers.random_cov, mirna)
        if numbers.omega is not None:
            omega = self.widen(numbers.omega, 2) if reduced else numbers.omega
            self.put("omega", (m, i), omega, mirna)

    def modes(self, i: int, rows: slice, numbers: "ModelNumbers", mirna: str, *, reduced: bool) -> None:
        """Write the random effects, which the dataset has of one model only."""
        for name, axes in (("b", 1), ("b_se", 1), ("effect", 1), ("effect_cov", 2)):
            value = getattr(numbers, name)
            if value is not None:
                self.put(name, (rows,), self.widen(value, axes) if reduced else value, mirna)
        for name in ("u", "u_se", "random_effect"):
            value = getattr(numbers, name)
            if value is not None:
                self.put(name, (i,), value, mirna)
        narrow = numbers.effect is not None and np.shape(numbers.effect)[-1] != self.width
        if reduced and narrow:
            self.omitted_effects(rows, numbers)

    def draws(self, d: int, rows: slice, draws: "Draws", mirna: str) -> None:
        """Write joint draws, those of number ``d`` with draws; the columns that a reduced model leaves out are 0."""
        for name in ("weight", "beta", "sigma_sample", "log_theta", "u"):
            self.put(draw_name(name, self.method), (d,), getattr(draws, name), mirna)
        for name in ("random_cov", "random_effect"):
            value = getattr(draws, name)
            if value is not None:
                self.put(draw_name(name, self.method), (d,), value, mirna)
        for name, values in draws.stats.items():
            self.put(f"draw_{name}", (d,), values, mirna)
        self.put(draw_name("omega", self.method), (d,), self.widen(draws.omega, 2), mirna)
        self.put(draw_name("b", self.method), (rows,), self.widen(draws.b, 1).transpose(1, 0, 2), mirna)

    def omitted_effects(self, rows: slice, numbers: "ModelNumbers") -> None:
        """Without a random slope every isomiR has the miRNA's own effect."""
        for k in self.omitted:
            self.arrays["effect"][rows, k] = numbers.beta[self.beta_of[k]]
            # The covariance with the isomiR's intercept is not among the engine's numbers.
            self.arrays["effect_cov"][rows, k, :] = np.nan
            self.arrays["effect_cov"][rows, :, k] = np.nan
        if numbers.beta_cov is not None:
            of = [self.beta_of[k] for k in self.omitted]
            block = np.ix_(range(rows.start, rows.stop), self.omitted, self.omitted)
            self.arrays["effect_cov"][block] = np.asarray(numbers.beta_cov)[np.ix_(of, of)]

    def widen(self, value: np.ndarray, axes: int) -> np.ndarray:
        """Give the columns that the reduced model leaves out, as zeros, on the last ``axes`` axes."""
        value = np.asarray(value, dtype=float)
        if value.shape[-1] == self.width or value.shape[-1] != len(self.reduced):
            return value
        wide = np.zeros((*value.shape[: value.ndim - axes], *([self.width] * axes)))
        places: tuple[Any, ...] = (..., *np.ix_(*[self.reduced] * axes))
        wide[places] = value
        return wide
