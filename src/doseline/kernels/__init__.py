"""Compiled numerics: numpy, numba, math and themselves; no labels, no units, no names."""
