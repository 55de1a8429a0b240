"""Small dense linear algebra on upper Cholesky factors; every inner loop runs along a row."""

import math

import numpy as np

from bayes_mirglmm.kernels.compilation import kernel, spliced_kernel, summing_kernel
from bayes_mirglmm.kernels.elementary import fast_log

MOST_SWEEPS = 50
ROUNDING = 1e-32  # square of what is left beside the diagonal, relative to all


@kernel
def times(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Matrix product a b by BLAS. Named so that each layout is compiled once for all kernels."""
    return np.dot(a, b)


@kernel
def transposed_times(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Matrix product a' b."""
    return np.dot(a.T, b)


@kernel
def times_transposed(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Matrix product a b'."""
    return np.dot(a, b.T)


@kernel
def transposed_times_rows(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Matrix product a' b, row by row: without the cost of a call of BLAS, which few columns of ``a`` do not repay."""
    out = np.zeros((a.shape[1], b.shape[1]))
    for i in range(a.shape[0]):
        for k in range(a.shape[1]):
            c = a[i, k]
            for j in range(b.shape[1]):
                out[k, j] += c * b[i, j]
    return out


@summing_kernel
def times_vector(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Product of a matrix and a vector."""
    out = np.empty(a.shape[0])
    for i in range(a.shape[0]):
        total = 0.0
        for j in range(a.shape[1]):
            total += a[i, j] * b[j]
        out[i] = total
    return out


@summing_kernel
def row_sums(a: np.ndarray) -> np.ndarray:
    """Sum of every row."""
    out = np.empty(a.shape[0])
    for i in range(a.shape[0]):
        total = 0.0
        for j in range(a.shape[1]):
            total += a[i, j]
        out[i] = total
    return out


@kernel
def overwrite(target: np.ndarray, source: np.ndarray) -> None:
    """Write ``source`` into ``target``; numba's own assignment of arrays takes a second to compile, for its errors."""
    one, two = target.ravel(), source.ravel()
    for i in range(one.shape[0]):
        one[i] = two[i]


@kernel
def largest(a: np.ndarray) -> float:
    """Largest absolute value of a vector; nan where there is one."""
    value = 0.0
    for i in range(a.shape[0]):
        one = abs(a[i])
        if one > value or one != one:
            value = one
        if one != one:
            break
    return value


@kernel
def cholesky(a: np.ndarray) -> bool:
    """Overwrite the upper triangle of ``a`` with U, a = U'U; return False where ``a`` is not positive definite."""
    size = a.shape[0]
    for k in range(0, size - 1, 2):  # two rows at a time: what is left is read and written half as often
        if not (a[k, k] > 0.0):
            return False
        a[k, k] = math.sqrt(a[k, k])
        inverse_root = 1.0 / a[k, k]
        for j in range(k + 1, size):
            a[k, j] *= inverse_root
        c = a[k, k + 1]
        for j in range(k + 1, size):
            a[k + 1, j] -= c * a[k, j]
        if not (a[k + 1, k + 1] > 0.0):
            return False
        a[k + 1, k + 1] = math.sqrt(a[k + 1, k + 1])
        inverse_root = 1.0 / a[k + 1, k + 1]
        for j in range(k + 2, size):
            a[k + 1, j] *= inverse_root
        for i in range(k + 2, size):
            c = a[k, i]
            d = a[k + 1, i]
            for j in range(i, size):
                a[i, j] -= c * a[k, j] + d * a[k + 1, j]
    if size % 2:
        if not (a[size - 1, size - 1] > 0.0):
            return False
        a[size - 1, size - 1] = math.sqrt(a[size - 1, size - 1])
    return True


@summing_kernel
def log_determinant(u: np.ndarray) -> float:
    """Log determinant of U'U."""
    value = 0.0
    for k in range(u.shape[0]):
        value += fast_log(u[k, k])
    return 2.0 * value


@summing_kernel
def solve(u: np.ndarray, b: np.ndarray) -> None:
    """Overwrite the vector ``b`` with the solution of U'U x = b."""
    size = u.shape[0]
    for k in range(size):
        b[k] /= u[k, k]
        for j in range(k + 1, size):
            b[j] -= u[k, j] * b[k]
    for k in range(size - 1, -1, -1):
        value = b[k]
        for j in range(k + 1, size):
            value -= u[k, j] * b[j]
        b[k] = value / u[k, k]


@kernel
def inverse(u: np.ndarray) -> np.ndarray:
    """Inverse of U'U, full and symmetric."""
    size = u.shape[0]
    lower = np.zeros((size, size))  # the inverse of U'
    for i in range(size):
        lower[i, i] = 1.0
        for k in range(i):
            c = u[k, i]
            for j in range(k + 1):
                lower[i, j] -= c * lower[k, j]
        inverse_root = 1.0 / u[i, i]
        for j in range(i + 1):
            lower[i, j] *= inverse_root
    return transposed_times(lower, lower)


@summing_kernel
def frobenius(a: np.ndarray) -> float:
    """Square root of the sum of squares."""
    total = 0.0
    for i in range(a.shape[0]):
        for j in range(a.shape[1]):
            total += a[i, j] * a[i, j]
    return math.sqrt(total)


@kernel
def eigen(a: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Eigenvalues of a symmetric matrix in ascending order, and its eigenvectors in rows, by Jacobi's rotations."""
    size = a.shape[0]
    m = a.copy()
    vectors = np.zeros((size, size))
    for i in range(size):
        vectors[i, i] = 1.0
    for _ in range(MOST_SWEEPS):
        off = 0.0
        for p in range(size):
            for q in range(p + 1, size):
                off += m[p, q] * m[p, q]
        if not off > ROUNDING * frobenius(m) ** 2:
            break
        for p in range(size):
            for q in range(p + 1, size):
                if m[p, q] != 0.0:
                    _rotate(m, vectors, p, q)
    values = np.empty(size)
    in_order = np.empty((size, size))
    for k in range(size):
        least = 0
        for i in range(size):
            if m[i, i] < m[least, least]:
                least = i
        values[k] = m[least, least]
        for i in range(size):
            in_order[k, i] = vectors[least, i]
        m[least, least] = np.inf
    return values, in_order


@spliced_kernel
def _rotate(m: np.ndarray, vectors: np.ndarray, p: int, q: int) -> None:
    """Make ``m[p, q]`` zero."""
    theta = (m[q, q] - m[p, p]) / (2.0 * m[p, q])
    t = 1.0 / (abs(theta) + math.sqrt(theta * theta + 1.0))
    if theta < 0.0:
        t = -t
    c = 1.0 / math.sqrt(t * t + 1.0)
    s = t * c
    for i in range(m.shape[0]):
        one, two = m[p, i], m[q, i]
        m[p, i] = c * one - s * two
        m[q, i] = s * one + c * two
        one, two = vectors[p, i], vectors[q, i]
        vectors[p, i] = c * one - s * two
        vectors[q, i] = s * one + c * two
    for i in range(m.shape[0]):
        one, two = m[i, p], m[i, q]
        m[i, p] = c * one - s * two
        m[i, q] = s * one + c * two
