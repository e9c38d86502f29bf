"""Global sensitivity by SALib: which points of the unit cube to run, and what follows from a metric there."""

import random
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np

from doseline.errors import InputError

LEVELS = 4
"""Levels of the grid on which Morris moves."""
CURVES = 5
"""Search curves of eFAST for each parameter, each with phases of its own: their spread gives the intervals."""
HARMONICS = 4
"""Harmonics that eFAST counts to a parameter."""
RESAMPLES = 500
"""Bootstrap samples behind the intervals of Sobol indices and of Morris."""
FLAT = 1e-12
"""A metric that changes by less than this part of itself does not change: the rest is rounding."""
HOW_TO_INSTALL = 'pip install "doseline[sensitivity]", or take method="local", which needs nothing more'

Indices = dict[str, np.ndarray]


@dataclass(frozen=True)
class Asked:
    """What a design is made for."""

    names: Sequence[str]
    samples: int
    seed: int
    confidence: float
    second_order: bool = False

    @property
    def problem(self) -> dict[str, Any]:
        """The unit cube, as SALib wants it."""
        count = len(self.names)
        return {"num_vars": count, "names": list(self.names), "bounds": [[0.0, 1.0]] * count}

    def number(self, at: int) -> int:
        """A seed of one of several steps; never 0, which SALib takes for none."""
        return 1 + int(np.random.SeedSequence([self.seed, at]).generate_state(1)[0]) % (2**31 - 2)


@dataclass(frozen=True)
class Method:
    """One way to look at everything at once; `METHODS` is the table of them.

    Attributes
    ----------
    label : str              Name and source.
    samples : int            How many where nothing is said.
    least : int              How many there have to be.
    counts : str             What ``samples`` counts.
    runs : str               How many runs that makes with D parameters.
    points : callable        Points of the unit cube (run, parameter).
    read : callable          Indices from points and a metric (run,).
    grid : bool              Points lie on the faces of the cube.
    tells : dict             Each variable with its meaning; intervals are ``NAME_low`` and ``NAME_high``.
    """

    label: str
    samples: int
    least: int
    counts: str
    runs: str
    points: Callable[[Asked], np.ndarray]
    read: Callable[[Asked, np.ndarray, np.ndarray], Indices]
    grid: bool
    tells: dict[str, str]


@contextmanager
def _undisturbed() -> Iterator[None]:
    """SALib may seed the global generators of Python and numpy: they are the caller's, and stay as they were."""
    plain, of_numpy = random.getstate(), np.random.get_state()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        random.setstate(plain)
        np.random.set_state(of_numpy)


def salib() -> Any:
    """SALib, or a sentence on how to get it."""
    try:
        import SALib
        from SALib.analyze import fast, morris, sobol  # noqa: F401
        from SALib.sample import fast_sampler  # noqa: F401
        from SALib.sample import morris as _morris  # noqa: F401
        from SALib.sample import sobol as _sobol  # noqa: F401
    except ImportError as error:
        raise InputError(
            f"it needs SALib 1.5.2 or later, which cannot be imported here ({error})",
            place="method",
            advice=HOW_TO_INSTALL,
        ) from None
    return SALib


def points_of(method: str, asked: Asked) -> np.ndarray:
    """Points of the unit cube (run, parameter), the same for the same seed."""
    row = METHODS[method]
    if asked.samples < row.least:
        raise InputError(
            f"found {asked.samples}",
            place="samples",
            advice=f"with method='{method}' they are {row.counts}: give at least {row.least}",
        )
    if method == "sobol" and asked.samples & (asked.samples - 1):
        near = 2 ** int(np.log2(asked.samples))
        raise InputError(
            f"found {asked.samples}",
            place="samples",
            advice=f"a Sobol sequence is even at powers of 2 only: give {near} or {2 * near}",
        )
    with _undisturbed():
        return np.asarray(row.points(asked), dtype=np.float64)


def indices_of(method: str, asked: Asked, points: np.ndarray, y: np.ndarray) -> Indices:
    """Indices of a metric y (run,): each (parameter,), or (parameter, parameter) for pairs.

    A metric that does not change has no variance to be shared out: its Sobol indices are NaN, its effects are 0.
    """
    flat = np.ptp(y) <= FLAT * np.abs(y).max()
    with _undisturbed():
        found = METHODS[method].read(asked, points, np.full(len(y), y[0]) if flat else y)
    if flat and not METHODS[method].grid:
        return {name: np.full_like(values, np.nan) for name, values in found.items()}
    return found


def _within(name: str, value: Any, half: Any) -> Indices:
    """A value and its interval."""
    value, half = np.asarray(value, dtype=np.float64), np.asarray(half, dtype=np.float64)
    return {name: value, f"{name}_low": value - half, f"{name}_high": value + half}


def _sobol_points(asked: Asked) -> Any:
    return salib().sample.sobol.sample(
        asked.problem, asked.samples, calc_second_order=asked.second_order, seed=asked.number(0)
    )


def _sobol(asked: Asked, points: np.ndarray, y: np.ndarray) -> Indices:
    told = {"num_resamples": RESAMPLES, "conf_level": asked.confidence / 100.0, "seed": asked.number(1)}
    with np.errstate(all="ignore"):
        found = salib().analyze.sobol.analyze(asked.problem, y, calc_second_order=asked.second_order, **told)
    indices: Indices = {}
    for name in ("S1", "ST", *(["S2"] if asked.second_order else [])):
        value, half = (np.array(found[key], dtype=np.float64) for key in (name, f"{name}_conf"))
        if name == "S2":  # SALib fills one half
            value, half = (np.where(np.isnan(each), each.T, each) for each in (value, half))
        indices |= _within(name, value, half)
    return indices


def _morris_points(asked: Asked) -> Any:
    return salib().sample.morris.sample(asked.problem, asked.samples, num_levels=LEVELS, seed=asked.number(0))


def _morris(asked: Asked, points: np.ndarray, y: np.ndarray) -> Indices:
    told = {"num_resamples": RESAMPLES, "conf_level": asked.confidence / 100.0, "seed": asked.number(1)}
    found = salib().analyze.morris.analyze(asked.problem, points, y, num_levels=LEVELS, **told)
    told_of = {name: np.array(found[name], dtype=np.float64) for name in ("mu", "sigma")}
    return told_of | _within("mu_star", found["mu_star"], found["mu_star_conf"])


def _fast_points(asked: Asked) -> Any:
    sample = salib().sample.fast_sampler.sample
    parts = [sample(asked.problem, asked.samples, M=HARMONICS, seed=asked.number(at)) for at in range(CURVES)]
    return np.concatenate(parts)


def _fast(asked: Asked, points: np.ndarray, y: np.ndarray) -> Indices:
    """The mean over independent curves, and Student's interval of it (Marino 2008, J Theor Biol 254:178).

    SALib's own intervals resample one curve, which it calls unreliable: the order of points on a curve is what carries
    the frequencies.
    """
    from scipy.stats import t as student

    with np.errstate(all="ignore"):
        analyze = salib().analyze.fast.analyze
        found = [analyze(asked.problem, part, M=HARMONICS, num_resamples=0) for part in np.split(y, CURVES)]
    indices: Indices = {}
    for name in ("S1", "ST"):
        own = np.array([each[name] for each in found], dtype=np.float64)
        width = float(student.ppf(0.5 + asked.confidence / 200.0, CURVES - 1)) / np.sqrt(CURVES)
        indices |= _within(name, own.mean(axis=0), width * own.std(axis=0, ddof=1))
    return indices


_SHARES = {
    "S1": "share of the variance that is gone on average once this parameter is known",
    "ST": "share of the variance that is left on average when all others are known",
}
METHODS = {
    "sobol": Method(
        "Sobol indices (Saltelli 2010, Comput Phys Commun 181:259) by SALib",
        1024, 2, "points of the sequence, a power of 2", "samples (D + 2), or samples (2 D + 2) with pairs",
        _sobol_points, _sobol, False,
        _SHARES | {"S2": "share of the variance that two parameters make together and neither alone"},
    ),
    "morris": Method(
        "elementary effects (Morris 1991, Technometrics 33:161) by SALib",
        50, 4, "trajectories", "samples (D + 1)",
        _morris_points, _morris, True,
        {
            "mu_star": "mean absolute effect of going through the whole range of this parameter",
            "mu": "mean effect of going through the whole range of this parameter",
            "sigma": "standard deviation of the effects: large where it is not linear, or depends on others",
        },
    ),
    "efast": Method(
        "extended Fourier amplitude sensitivity test (Saltelli 1999, Technometrics 41:39) by SALib",
        257, 4 * HARMONICS**2 + 1, "points on each search curve", f"{CURVES} samples D",
        _fast_points, _fast, False, _SHARES,
    ),
}  # fmt: skip
