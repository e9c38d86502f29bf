r"""The exponential of a compartmental matrix, without a single subtraction.

A linear model is ``x' = A x`` with transfers off the diagonal, all of them >= 0: a Metzler matrix. Its exponential
holds what fraction of the amount in compartment j has come to compartment i, and no entry is negative. Shifting by
the fastest loss ``q`` leaves a matrix without negative entries,

.. math:: e^{A t} = e^{-q t} e^{(A + q I) t},

whose Taylor series and squarings only add and multiply numbers >= 0: nothing cancels, whatever the rate constants,
equal ones included. Derivation and error bound: docs/theory/linear_engine.md.

Matrices are flat (n * n,), row after row. ``size`` has length n. For regimens it is a tuple: its length is part of its
type, so each number of states gets code of its own with every small loop unrolled, and tables are 5 times as fast. For
event tables it is an array, and one code serves all numbers.
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
def conserve(out, gone, loss, size):
    """Scale the columns of conserved amounts so that what is still there and what has left add up to one.

    A slow loss is a small number with all its digits in ``gone``, but a number close to 1 without them in ``out``; each
    squaring would double that error.
    """
    n = len(size)
    for j in range(n):
        if loss[j] >= 0.0:
            total = gone[j]
            for i in range(n):
                total += out[i * n + j]
            share = 1.0 / total
            gone[j] *= share
            for i in range(n):
                out[i * n + j] *= share
        else:
            out[j * n + j] = 1.0


@kernel
def square(out, gone, going, power, loss, size):
    """``out = out @ out``, and ``gone`` (n,) with it: what has left after twice the time. The rest is scratch."""
    n = len(size)
    for j in range(n):
        total = gone[j]
        for k in range(n):
            total += gone[k] * out[k * n + j]
        going[j] = total
    multiply(out, out, power, size)
    for i in range(n * n):
        out[i] = power[i]
    for j in range(n):
        gone[j] = going[j]
    conserve(out, gone, loss, size)


@kernel
def propagator(matrix, loss, t, out, scratch, size):
    """``out = exp(matrix * t)`` for ``t`` >= 0 [h]; ``scratch`` is (4, n * n).

    ``matrix`` [1/h] is finite; each column belongs to an amount that moves on or leaves, or to the rate of an infusion,
    which stays as it is (a row of zeros). ``loss`` (n,) is what leaves the body [1/h], with all its digits, and -1 for
    the rate of an infusion: what it adds to is not conserved. What has left by then is in ``scratch[2]``.
    """
    n = len(size)
    shifted, power = scratch[0], scratch[1]
    gone, going = scratch[2], scratch[3]
    fastest = 0.0
    for j in range(n):
        fastest = max(fastest, -matrix[j * n + j])
    squarings = 0
    step = t
    # what the rate of an infusion adds needs no shorter step: its terms are t / k! (fastest t)^(k - 1)
    while fastest * step > 0.5 and squarings < 1100:
        step *= 0.5
        squarings += 1
    for i in range(n):
        for j in range(n):
            shifted[i * n + j] = matrix[i * n + j] * step
            out[i * n + j] = 0.0
        shifted[i * n + i] = (matrix[i * n + i] + fastest) * step
        out[i * n + i] = 1.0
        gone[i] = 0.0
    # Horner: I + S/1 (I + S/2 (I + S/3 ( ... ))), with what leaves as one more row
    for term in range(TERMS, 0, -1):
        share = 1.0 / term
        for j in range(n):
            total = fastest * gone[j]
            for k in range(n):
                total += max(loss[k], 0.0) * out[k * n + j]
            gone[j] = total * step * share
        multiply(shifted, out, power, size)
        for i in range(n * n):
            out[i] = power[i] * share
        for i in range(n):
            out[i * n + i] += 1.0
    decay = math.exp(-fastest * step)
    for i in range(n * n):
        out[i] *= decay
    for j in range(n):
        gone[j] *= decay
    conserve(out, gone, loss, size)
    for _ in range(squarings):
        square(out, gone, going, power, loss, size)
