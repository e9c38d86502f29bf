r"""The exponential of a compartmental matrix, without a single subtraction.

A linear model is ``x' = A x`` with transfers off the diagonal, all of them >= 0: a Metzler matrix. Its exponential
holds what fraction of the amount in compartment j has come to compartment i, and no entry is negative. Shifting by
the fastest loss ``q`` leaves a matrix without negative entries,

.. math:: e^{A t} = e^{-q t} e^{(A + q I) t},

whose Taylor series and squarings only add and multiply numbers >= 0: nothing cancels, whatever the rate constants,
equal ones included. Derivation and error bound: docs/theory/linear_engine.md.

Matrices are flat (n * n,), row after row. ``size`` is a tuple of length n: its length is part of its type, so each
number of states gets code of its own with every small loop unrolled (5 times faster than loops over a variable n).
"""

import math

from doseline.kernels.kernel import kernel

TERMS = 15
"""Taylor terms: with column sums of at most 0.5 the first one left out is below 1e-18 of the largest entry."""


@kernel
def multiply(a, b, out, size):
    """``out = a @ b``; ``out`` must be neither of them."""
    n = len(size)
    for i in range(n):
        for j in range(n):
            total = 0.0
            for k in range(n):
                total += a[i * n + k] * b[k * n + j]
            out[i * n + j] = total


@kernel
def propagator(matrix, t, out, scratch, size):
    """``out = exp(matrix * t)`` for a finite Metzler ``matrix`` [1/h] and ``t`` >= 0 [h]; ``scratch`` is (2, n * n)."""
    n = len(size)
    fastest = 0.0
    largest = 0.0
    for j in range(n):
        fastest = max(fastest, -matrix[j * n + j])
    for j in range(n):
        column = fastest
        for i in range(n):
            column += matrix[i * n + j]
        largest = max(largest, column)
    squarings = 0
    step = t
    while largest * step > 0.5 and squarings < 1100:
        step *= 0.5
        squarings += 1
    shifted, power = scratch[0], scratch[1]
    for i in range(n):
        for j in range(n):
            shifted[i * n + j] = matrix[i * n + j] * step
            out[i * n + j] = 0.0
        shifted[i * n + i] = (matrix[i * n + i] + fastest) * step
        out[i * n + i] = 1.0
    # Horner: I + S/1 (I + S/2 (I + S/3 ( ... )))
    for term in range(TERMS, 0, -1):
        multiply(shifted, out, power, size)
        share = 1.0 / term
        for i in range(n * n):
            out[i] = power[i] * share
        for i in range(n):
            out[i * n + i] += 1.0
    decay = math.exp(-fastest * step)
    for i in range(n * n):
        out[i] *= decay
    for _ in range(squarings):
        multiply(out, out, power, size)
        for i in range(n * n):
            out[i] = power[i]
