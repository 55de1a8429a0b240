"""exp and log in arithmetic alone, so that LLVM can work on several cells at once: calls of the C library stand alone.

Each is within 4.4e-16 of the truth, relative to it, and knows infinity, nan, zero and numbers below the normal ones.
Both split off a power of two and take a polynomial of what is left; the coefficients are interpolations at Chebyshev
points, with relative errors of 2e-17 (exp) and 4e-18 (log).
"""

import numpy as np

from bayes_mirglmm.kernels.compilation import inlined_kernel

LOG2_E = 1.4426950408889634
LN2_HIGH = 0.6931471805582987  # of 36 bits, so that its product with an exponent is exact
LN2_LOW = 1.6465949582897082e-12  # ln 2 less LN2_HIGH
INTEGER = 6755399441055744.0  # 1.5 * 2^52: adding it rounds to an integer, which stands in the lowest bits
ONE_BITS = 0x3FF0000000000000  # of 1.0
ROOT_BITS = 0x3FE6A09E667F3BCD  # of sqrt(1/2)
MANTISSA = 0x000FFFFFFFFFFFFF
SHIFTED = 0x4330000000000000  # of 2^52: an integer in the lowest bits reads as 2^52 plus itself
EXPONENT_ONE = 4503599627370496.0 + 1023.0
SMALLEST_NORMAL = 2.2250738585072014e-308
TWO_54 = 18014398509481984.0


@inlined_kernel
def fast_exp(x: float) -> float:
    """Return e^x."""
    x = 710.0 if x > 710.0 else x
    x = -746.0 if x < -746.0 else x
    k = (x * LOG2_E + INTEGER) - INTEGER
    r = (x - k * LN2_HIGH) - k * LN2_LOW
    q = 2.7620088445409746e-07 + r * 2.510038549551032e-08
    q = 2.7557268459997064e-06 + r * q
    q = 2.4801521295954376e-05 + r * q
    q = 0.00019841269863053618 + r * q
    q = 0.0013888888917213717 + r * q
    q = 0.008333333333330062 + r * q
    q = 0.04166666666662413 + r * q
    q = 0.16666666666666669 + r * q
    q = 0.5 + r * q
    power = 1.0 + (r + r * r * q)
    # 2^k in two factors, for neither infinity nor what is below the normal numbers is a power of two.
    half = k * 0.5 + INTEGER
    rest = (k - (half - INTEGER)) + INTEGER
    return power * _two_to_the(half) * _two_to_the(rest)


@inlined_kernel
def _two_to_the(shifted: float) -> float:
    """Return 2^k, ``shifted`` being k + INTEGER."""
    bits = np.float64(shifted).view(np.int64)
    return np.int64((bits << np.int64(52)) + np.int64(ONE_BITS)).view(np.float64)


@inlined_kernel
def fast_log(x: float) -> float:
    """Return log x."""
    return log_ratio(x, x - 1.0)


@inlined_kernel
def log_ratio(ratio: float, less_one: float) -> float:
    """Return log of ``ratio``, where ``less_one``, the ratio less 1, is known without cancellation: log1p of that."""
    k, f, correction = _reduced(ratio, less_one)
    value = k * LN2_HIGH - ((correction - k * LN2_LOW) - f)
    value = value if ratio < np.inf else ratio  # infinity and nan
    value = value if ratio > 0.0 else (-np.inf if ratio == 0.0 else np.nan)
    return value


@inlined_kernel
def log_ratio_minus(ratio: float, less_one: float) -> float:
    """Return log of ``ratio`` less ``less_one``, without cancellation near 1."""
    k, f, correction = _reduced(ratio, less_one)
    value = -correction if k == 0.0 else (k * LN2_HIGH - ((correction - k * LN2_LOW) - f)) - less_one
    value = value if ratio < np.inf else np.nan if ratio != ratio else -ratio
    value = value if ratio > 0.0 else (-np.inf if ratio == 0.0 else np.nan)
    return value


@inlined_kernel
def _reduced(ratio: float, less_one: float) -> tuple[float, float, float]:
    """Return k, f and c of log(ratio) = k log 2 + f - c, with 1 + f between sqrt(1/2) and sqrt(2)."""
    tiny = ratio < SMALLEST_NORMAL
    normal = ratio * TWO_54 if tiny else ratio
    bits = np.float64(normal).view(np.int64) + np.int64(ONE_BITS - ROOT_BITS)
    exponent = (bits >> np.int64(52)) | np.int64(SHIFTED)
    k = np.int64(exponent).view(np.float64) - EXPONENT_ONE
    m = np.int64((bits & np.int64(MANTISSA)) + np.int64(ROOT_BITS)).view(np.float64)
    f = less_one if k == 0.0 else m - 1.0
    k = k - 54.0 if tiny else k
    s = f / (2.0 + f)  # log(1 + f) = 2 atanh s, and 2 s = f - s f
    z = s * s
    q = 0.1533171061820642 + z * 0.14616585424934123
    q = 0.18182889455675105 + z * q
    q = 0.22222211130259875 + z * q
    q = 0.2857142862600327 + z * q
    q = 0.39999999999899444 + z * q
    q = 0.666666666666667 + z * q
    return k, f, s * (f - z * q)
