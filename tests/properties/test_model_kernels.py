"""Compiled functions of different models, loaded from the disk, stay apart.

Truth: each function writes a number that stands in its text.
"""

import os
import subprocess
import sys

COMPILE = """
from doseline.kernels.kernel import model_kernel
model_kernel("def rhs(w):\\n    w[0] = {}.0\\n", "rhs")
"""
CALL = """
import numba, numpy as np
from numba import types
from doseline.kernels.kernel import model_kernel

@numba.njit(types.void(types.FunctionType(types.void(types.float64[::1])), types.float64[::1]))
def call(function, w):
    function(w)

def value(number):
    w = np.zeros(1)
    call(model_kernel(f"def rhs(w):\\n    w[0] = {number}.0\\n", "rhs"), w)
    return w[0]

print(value(1), value(2), value(1))
"""


def test_models_compiled_by_different_processes(tmp_path):
    def python(code):
        around = {**os.environ, "DOSELINE_CACHE_DIR": str(tmp_path)}
        ran = subprocess.run(
            [sys.executable, "-c", code], env=around, capture_output=True, text=True, timeout=300
        )
        assert ran.returncode == 0, ran.stderr
        return ran.stdout.split()

    for number in (1, 2):
        python(COMPILE.format(number))
    assert python(CALL) == ["1.0", "2.0", "1.0"]
