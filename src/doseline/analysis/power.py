"""Power of a bioequivalence study, and how many subjects it needs."""

from collections.abc import Callable, Sequence
from itertools import product
from typing import TYPE_CHECKING, Any

import numpy as np

from doseline.analysis.contrasts import LIMITS
from doseline.analysis.equivalence import SCALED, check_scaling
from doseline.analysis.plans import PLANS, Study, Variances
from doseline.errors import InputError, did_you_mean
from doseline.streams import seed_of
from doseline.version import __version__

if TYPE_CHECKING:
    import xarray as xr

MOST_SUBJECTS = 5000
"""Where the search for a number of subjects ends."""
METHOD = "simulated studies, from the distributions of their means and sums of squares; decided as dl.equivalence does"


def equivalence_power(
    design: str,
    *,
    n: int | Sequence[int],
    cv: float | Sequence[float],
    gmr: float | Sequence[float] = 0.95,
    cv_reference: float | None = None,
    scaled: str | None = None,
    pooled: bool = False,
    limits: tuple[float, float] = LIMITS,
    alpha: float = 0.05,
    runs: int = 100_000,
    seed: int = 1,
) -> "xr.Dataset":
    """Probability that a study shows bioequivalence, simulated.

    Parameters
    ----------
    design : str
        "parallel", "2x2", "2x2x3" (TRT, RTR), "2x2x4" (TRTR, RTRT) or "2x3x3" (TRR, RTR, RRT).
    n : int or list of int            Subjects of the whole study, spread over its sequences as evenly as can be.
    cv : float or list of float       Coefficient of variation within subjects; of all subjects in parallel groups. [1]
    gmr : float or list of float      The true ratio of geometric means. [1]
    cv_reference : float, optional    That under the reference, where ``cv`` is that under the test alone. [1]
    scaled, pooled, limits, alpha     How the study will be analysed, as in `equivalence`.
    runs : int                        Studies that are simulated.
    seed : int                        The same one gives the same studies.

    Returns
    -------
    xarray.Dataset
        ``power`` and its ``standard_error`` from the number of runs. What is a list becomes a dimension.

    Raises
    ------
    InputError : arguments that no study has.

    >>> found = equivalence_power("2x2", n=20, cv=0.2)
    >>> print(f"{float(found['power']):.2f} +- {float(found['standard_error']):.3f}")
    0.83 +- 0.001
    """
    study = _study(design, scaled, pooled, limits, alpha, runs, seed)
    given = {"n": n, "cv": cv, "gmr": gmr}
    axes = {name: _numbers(name, value) for name, value in given.items()}
    fewest = 2 * len(study.sequences)
    wrong = [count for count in axes["n"] if count < fewest or count != int(count)]
    if wrong:
        raise InputError(
            f"found {wrong[0]:g}",
            place="n",
            advice=f"{design} needs a whole number of at least {fewest}: 2 in every {_part(study)}",
        )
    power = np.empty([len(values) for values in axes.values()])
    for place, (count, spread, ratio) in zip(np.ndindex(*power.shape), product(*axes.values()), strict=True):
        counts = np.array([len(part) for part in np.array_split(np.arange(int(count)), len(study.sequences))])
        power[place] = study.power(counts, _variances(spread, cv_reference), ratio)
    axes["n"] = [int(count) for count in axes["n"]]
    return _dataset(study, {}, power, axes, given, cv_reference)


def equivalence_subjects(
    design: str,
    *,
    cv: float | Sequence[float],
    gmr: float | Sequence[float] = 0.95,
    target: float = 0.8,
    cv_reference: float | None = None,
    scaled: str | None = None,
    pooled: bool = False,
    limits: tuple[float, float] = LIMITS,
    alpha: float = 0.05,
    runs: int = 100_000,
    seed: int = 1,
) -> "xr.Dataset":
    """Find the smallest balanced study that shows bioequivalence with a probability of at least ``target``.

    The other arguments are those of `equivalence_power`. Where the power is within a few standard errors of the target,
    another seed may give a study one step, a subject in every sequence, smaller or larger.

    Returns
    -------
    xarray.Dataset
        ``subjects`` of the whole study, its ``power`` and the ``standard_error`` of that.

    Raises
    ------
    InputError : arguments that no study has; no study of up to 5000 subjects that is large enough.

    >>> int(equivalence_subjects("2x2", cv=0.2)["subjects"])
    20
    """
    study = _study(design, scaled, pooled, limits, alpha, runs, seed)
    given = {"cv": cv, "gmr": gmr}
    axes = {name: _numbers(name, value) for name, value in given.items()}
    if not isinstance(target, int | float) or not 0 < target < 1:
        raise InputError(
            f"found {target!r}", place="target", advice="expected more than 0 and less than 1, such as 0.8"
        )
    for ratio in axes["gmr"]:
        if not limits[0] < ratio < limits[1]:
            raise InputError(
                f"found {ratio:g}, which is not between the limits {limits[0]:g} and {limits[1]:g}",
                place="gmr",
                advice="such treatments are not equivalent, and no study is to show that they are",
            )
    power = np.empty([len(values) for values in axes.values()])
    subjects = np.empty(power.shape, dtype=int)
    for place, (spread, ratio) in zip(np.ndindex(*power.shape), product(*axes.values()), strict=True):
        each, power[place] = _smallest(study, _variances(spread, cv_reference), ratio, target)
        subjects[place] = each * len(study.sequences)
        if subjects[place] > MOST_SUBJECTS:
            raise InputError(
                f"a power of {target:g} takes more than {MOST_SUBJECTS} subjects at a CV of {spread:g} and a ratio of "
                f"{ratio:g}",
                place="target",
                advice="take a design with replicates, a lower target, or a ratio nearer to 1",
            )
    told = {"subjects": (subjects, {"long_name": "subjects of the whole study"})}
    return _dataset(study, told, power, axes, given, cv_reference).assign_attrs(target=target)


def _smallest(study: Study, variances: Variances, ratio: float, target: float) -> tuple[int, float]:
    """Subjects of each sequence, and the power; too many where no number is enough."""
    known: dict[int, float] = {}

    def power(each: int) -> float:
        if each not in known:
            known[each] = study.power(np.full(len(study.sequences), each), variances, ratio)
        return known[each]

    each = _first(lambda count: power(count) >= target, 2, MOST_SUBJECTS // len(study.sequences) + 1)
    return each, power(each)


def _first(enough: Callable[[int], bool], low: int, most: int) -> int:
    """The first number from ``low`` on that is enough, where every larger one is; ``most`` where none is."""
    step = 8
    if enough(low):
        return low
    high = low + step
    while high < most and not enough(high):
        low, step = high, 2 * step
        high += step
    high = min(high, most)
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if enough(middle) else (middle, high)
    return high


def _study(design: Any, scaled: Any, pooled: bool, limits: Any, alpha: Any, runs: Any, seed: Any) -> Study:
    """Refuse what no study is."""
    if design not in PLANS:
        raise InputError(
            f"found {design!r}", place="design", advice=did_you_mean(str(design), PLANS, "there are")
        )
    check_scaling(scaled, limits, alpha)
    if scaled and max(sequence.count("R") for sequence in PLANS[design]) < 2:
        raise InputError(
            f"found {scaled!r} with a {design} design, in which nobody takes the reference twice",
            place="scaled",
            advice=f"plan one of: {', '.join(name for name, order in PLANS.items() if order[-1].count('R') > 1)}",
        )
    if pooled and design != "parallel":
        raise InputError(
            f"found True with a {design} design",
            place="pooled",
            advice="it is for parallel groups: leave it out",
        )
    if isinstance(runs, bool) or not isinstance(runs, int) or runs < 100:
        raise InputError(f"found {runs!r}", place="runs", advice="give a whole number from 100 on")
    return Study(
        design, scaled, pooled, (float(limits[0]), float(limits[1])), float(alpha), runs, seed_of(seed)
    )


def _part(study: Study) -> str:
    return "group" if study.design == "parallel" else "sequence"


def _numbers(name: str, value: Any) -> list[float]:
    try:
        numbers = [float(number) for number in np.atleast_1d(np.asarray(value, dtype=float)).ravel()]
    except (TypeError, ValueError):
        numbers = []
    if not numbers or not all(0 < number < np.inf for number in numbers):
        raise InputError(
            f"found {value!r}", place=name, advice="expected a number above 0, or a list of them"
        )
    if name.startswith("cv") and max(numbers) > 5:
        raise InputError(
            f"found {max(numbers):g}", place=name, advice="expected a fraction, such as 0.3 for 30 %"
        )
    return numbers


def _variances(test: float, reference: float | None) -> Variances:
    of_reference = test if reference is None else _numbers("cv_reference", reference)[0]
    return Variances(float(np.log1p(test**2)), float(np.log1p(of_reference**2)))


def _dataset(
    study: Study,
    before: dict[str, tuple[np.ndarray, dict[str, str]]],
    power: np.ndarray,
    axes: dict[str, list[Any]],
    given: dict[str, Any],
    cv_reference: float | None,
) -> "xr.Dataset":
    """Power along what was given as a list."""
    import xarray as xr

    error = np.sqrt(power * (1 - power) / study.runs)
    found = {
        **before,
        "power": (power, {"long_name": "probability to show equivalence", "units": "1"}),
        "standard_error": (error, {"long_name": "standard error of power, from the runs", "units": "1"}),
    }
    result = xr.Dataset({name: (list(axes), values, told) for name, (values, told) in found.items()}, axes)
    result.attrs = {
        "design": study.design,
        "sequences": ", ".join(study.sequences),
        "method": METHOD,
        "scaling": SCALED[study.scaled] if study.scaled else "none",
        "cv_reference": "that of the test" if cv_reference is None else cv_reference,
        "limits": list(study.limits),
        "alpha": study.alpha,
        "runs": study.runs,
        "seed": study.seed,
        "doseline_version": __version__,
    }
    return result.isel({name: 0 for name, value in given.items() if np.ndim(value) == 0})
