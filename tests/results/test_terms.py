"""Which coefficients a table is about: what is asked for, and what is no coefficient."""

import numpy as np
import pytest

from bayes_mirglmm.errors import InputError
from bayes_mirglmm.results.terms import unit_weights

TERMS = ("Intercept", "group[T.high]", "group[T.low]")


def test_wanted_coefficients_are_picked_in_their_order():
    weights = unit_weights(TERMS, ["group[T.low]", "Intercept"])
    np.testing.assert_array_equal(weights, [[0.0, 0.0, 1.0], [1.0, 0.0, 0.0]])
    assert list(weights.index) == ["group[T.low]", "Intercept"]


def test_a_contrast_in_the_place_of_coefficients_is_answered_with_its_own_place():
    with pytest.raises(InputError, match=r"is a contrast.*give it as contrasts="):
        unit_weights(TERMS, {"group": ("high", "low")})
    with pytest.raises(InputError, match=r"no coefficient 'group'"):
        unit_weights(TERMS, "group")
