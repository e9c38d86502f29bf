"""Exposure and bands, of levels that are there or while solving: the same verbs for both."""

from collections.abc import Callable, Sequence
from inspect import signature
from pathlib import Path
from typing import TYPE_CHECKING, Any, Unpack

from doseline.analysis.bands import bands as of_levels
from doseline.analysis.bands import read_parts
from doseline.analysis.exposure import exposure as sampled
from doseline.asking import DEFAULTS, Asking, refuse_unknown, settle
from doseline.banding import Banding, bands_of, read_outputs
from doseline.cluster import spread_of
from doseline.dosing.records import Records
from doseline.errors import InputError
from doseline.exposing import read_wanted
from doseline.exposure_dataset import exposures
from doseline.model.spec import Model
from doseline.origin import AskedRegimens
from doseline.population.groups import read_groups
from doseline.sketch_scale import ERROR

if TYPE_CHECKING:
    import xarray as xr


def exposure(
    levels_or_model: "xr.Dataset | Model | str | Path",
    regimens: Any = None,
    people: Any = None,
    *,
    output: str | None = None,
    intervals: Any = "all",
    thresholds: Any = None,
    steady: bool = True,
    until: Any = None,
    threads: int | None = None,
    progress: Any = None,
    client: Any = None,
    **asking: Unpack[Asking],
) -> "xr.Dataset":
    """Exposure: of levels from `simulate`, or of a model, regimens and people while solving, without any levels.

    While solving, nothing depends on a grid: for linear models highest and lowest levels, areas and times above
    thresholds are exact, for others as exact as the steps of the solver. Only the results are kept, so a million
    subjects need no more memory than their results.

    Parameters
    ----------
    levels_or_model : Dataset, or Model, str or Path
        Levels with ``dose_time``; how fine their times are decides how fine Cmax, Tmax and AUC are. Or a model, as
        `simulate` takes it; everything below but ``output`` is for it.
    regimens, people        As in `simulate`.
    output : str, optional  Which output; the first where nothing is given.
    intervals : "all", "last", or numbers from 1 on
        Of which dosing intervals. "last" is the last one of each subject.
    thresholds : level, list of levels or mapping of names to them, optional
        As in ``["100 ng/mL", "200 ng/mL"]`` or ``{"target": 150}``; plain numbers are in the unit of the output.
    steady : bool
        Also what the last stage of the regimen comes to if it goes on for ever, taken as prescribed.
    until : "24 weeks" or hours, optional
        End of the course that ``course_`` is about, the same for all rows; that of the longest regimen where nothing is
        given.
    threads : int, optional                  As in `simulate`.
    progress : bool or function, optional    Whether progress is shown; in a terminal and in a notebook it is.
    client : dask.distributed.Client, optional    Of a cluster whose workers do the work, as in `simulate`.
    **asking                                 Meal, seed, adherence, ... as in `simulate`.

    Returns
    -------
    xarray.Dataset
        ``Cmax``, ``Tmax``, ``Cmin``, ``Cavg``, ``AUC`` of each dosing ``interval``: from one dose time to the next, the
        last one to the end of the course; the same names behind ``course_`` hold for the whole simulated time: while
        solving from 0 to the end of the longest regimen, or ``until``.
        ``interval_start`` and ``interval_end`` are in hours. Where doses can be missed, intervals are those of the
        regimen. What belongs to the subjects, covariates and random effects among it, goes along.
        While solving also ``fluctuation``; for each ``threshold`` ``time_above``, ``time_below`` and
        ``first_above`` [h]; all of these again behind ``steady_``, and ``accumulation``. Of levels also ``taken`` and
        ``meal_taken``, which say what became of the dose at the start of an interval.

    Raises
    ------
    InputError, UnitError, RegimenError : what was given. SolveError : subjects that could not be solved.

    Source
    ------
    docs/theory/exposure.md.

    >>> import doseline as dl
    >>> table = dl.exposure("isotretinoin", "40 mg twice daily for 1 week", meal="fed", thresholds="200 ng/mL")
    >>> table["AUC"].dims, table["AUC"].attrs["units"], table["course_time_above"].dims
    (('subject', 'interval'), 'ng/mL * h', ('subject', 'threshold'))
    """
    if _is_dataset(levels_or_model):
        refuse_unknown(asking, "exposure")
        given = {"regimens": regimens, "people": people, "intervals": intervals, "thresholds": thresholds}
        given |= {"steady": steady, "until": until, "threads": threads, "progress": progress}
        _refuse_beside_levels(exposure, {**given, "client": client, **asking})
        return sampled(levels_or_model, output=output)  # type: ignore[arg-type]
    _refuse_records(regimens)
    model: Any = levels_or_model
    settled = settle(
        model, regimens, people, times=None, asking=asking, verb="exposure", gridless=True, until=until
    )
    asked, end = settled.asked, float(settled.times[-1])
    wanted = read_wanted(asked.model, output, intervals, thresholds, steady)
    return exposures(asked, end, wanted, spread=spread_of(client, threads), progress=progress)


def bands(
    levels_or_model: "xr.Dataset | Model | str | Path",
    regimens: Any = None,
    people: Any = None,
    *,
    q: Sequence[float] = (5, 50, 95),
    output: str | None = None,
    over: str | Sequence[str] = "subject",
    times: Any = None,
    by: Any = None,
    error: float = ERROR,
    threads: int | None = None,
    progress: Any = None,
    client: Any = None,
    **asking: Unpack[Asking],
) -> "xr.Dataset":
    """Quantiles of every output over subjects: of levels from `simulate`, or of a model while solving.

    While solving, levels are counted in sketches and forgotten: any number of subjects takes the memory of some
    thousand. Each quantile is then within ``error`` of its value; of levels that are there it is exact.

    Parameters
    ----------
    levels_or_model : Dataset, or Model, str or Path
        From `simulate`; also the `exposure` of one. Or a model, as `simulate` takes it.
    regimens, people : as in `simulate`       Of levels the second argument may be ``q``.
    q : list of numbers      Which quantiles, ascending. [%]
    output : str, optional   One output only, also ``plasma_observed``; all of them where nothing is given.
    over : str or list       The dimension that is summed up, or several together: ``["subject", "replicate"]``.
    times : as in `simulate`, for a model
    by : str, list or mapping, optional
        Groups by covariates, a dimension for each, for a model: ``"SEX"``, or where numbers part, ``{"WT": [60, 80]}``.
    error : float            Relative error of a quantile while solving.
    threads, progress, client, **asking : as in `exposure`

    Returns
    -------
    xarray.Dataset
        Each output with ``quantile`` (a new dimension, [%]) and the dimensions that are left; and ``subjects``, how
        many rows have been counted: those that could not be solved (NaN at all times) are left out. A row that is NaN
        at some times only is left out at these. Attributes, and what else is said of the regimens, stay.

    Raises
    ------
    InputError : quantiles that do not ascend from 0 to 100, an unknown output, a dimension that is not there; what was
        given of a simulation. SolveError : subjects that could not be solved.

    Source
    ------
    Hyndman and Fan, The American Statistician 50 (1996) 361, definition 7; docs/theory/sketches.md.

    >>> import doseline as dl
    >>> people = dl.cohort(1000, seed=7, WT="normal(70 kg, 14 kg) within 40..120", SEX="F: 0.5, M: 0.5")
    >>> found = dl.bands("isotretinoin", "40 mg once fed", people, times="1 h for 24 h", by="SEX")
    >>> found["plasma"].dims
    ('quantile', 'SEX', 'time')
    """
    if _is_dataset(levels_or_model):
        refuse_unknown(asking, "bands")
        given = {"people": people, "times": times, "by": by, "error": error, "threads": threads}
        _refuse_beside_levels(bands, {**given, "progress": progress, "client": client, **asking})
        if regimens is not None and _given(q, bands, "q"):
            raise InputError(
                "found twice", place="q", advice="of levels give it once: dl.bands(levels, [5, 95])"
            )
        percents = q if regimens is None else regimens
        return of_levels(levels_or_model, percents, output=output, over=over)  # type: ignore[arg-type]
    _refuse_records(regimens)
    model: Any = levels_or_model
    percents = read_parts(q)
    settled = settle(model, regimens, people, times=times, asking=asking, verb="bands")
    asked = settled.asked
    groups = read_groups(by, asked.people)
    outputs = read_outputs(asked.model, output, asked.draws.observed)
    banding = Banding(asked, settled.times, groups, outputs, _error(error), _pooled(over, asked))
    spread = spread_of(client, threads)
    return bands_of(banding, percents, spread=spread, apart=client is not None, progress=progress)


def _error(given: Any) -> float:
    """Relative error of a quantile."""
    if isinstance(given, bool) or not isinstance(given, (int, float)) or not 1e-4 <= given <= 0.1:
        raise InputError(
            f"found {given!r:.60}",
            place="error",
            advice="expected a relative error from 0.0001 to 0.1; 0.005 is 0.5 %",
        )
    return float(given)


def _pooled(over: Any, asked: AskedRegimens) -> bool:
    """Whether replicates are summed up with the subjects."""
    summed = list(over) if isinstance(over, (list, tuple)) else [over]
    known = ["subject"] if asked.draws.replicates is None else ["subject", "replicate"]
    if "subject" not in summed or any(name not in known for name in summed):
        raise InputError(
            f"found {over!r:.60}",
            place="over",
            advice="while solving it is over='subject'"
            + (", or ['subject', 'replicate'] together" if len(known) > 1 else ""),
        )
    return len(summed) > 1


def _is_dataset(given: Any) -> bool:
    """Whether these are levels, and not a model; `analysis` says what is wrong with other things of xarray."""
    return hasattr(given, "data_vars") or hasattr(given, "coords")


def _given(value: Any, verb: Callable[..., Any], name: str) -> bool:
    """Whether an argument is not what it is where nothing is given."""
    own = signature(verb).parameters.get(name)
    default = DEFAULTS.get(name) if own is None else own.default
    # arrays have no one answer to whether they are equal
    return value is not default and not (type(value) is type(default) and value == default)


def _refuse_beside_levels(verb: Callable[..., Any], given: dict[str, Any]) -> None:
    """Levels are what they are: nothing about their simulation can be said any more."""
    extra = [name for name, value in given.items() if _given(value, verb, name)]
    if extra:
        advice = f"give the model: dl.{verb.__name__}(model, regimens, people, ...) finds it while solving"
        raise InputError(
            "these are levels, and this is for a model", place=extra[0], advice=f"leave it out, or {advice}"
        )


def _refuse_records(regimens: Any) -> None:
    """An event table has no dosing intervals that all subjects share."""
    if isinstance(regimens, Records):
        raise InputError(
            "found an event table, in which every subject has dosing intervals of their own",
            place="regimens",
            advice="simulate it on a grid, and take what you need, such as levels['plasma'].max('time')",
        )
    if regimens is None:
        raise InputError(
            "there are none", place="regimens", advice="give a text such as '40 mg twice daily for 20 weeks'"
        )
