"""Pictures of many subjects: the median of each regimen and meal within a band, and the window it should keep to."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from doseline.band_canvas import Curve, curves_of, draw_curves, draw_window, explained
from doseline.band_scene import read_bands
from doseline.canvas import Limits, draw_doses, finish, level_axis, limits_of, new_axes, time_axis
from doseline.errors import InputError

if TYPE_CHECKING:
    import xarray as xr
    from matplotlib.axes import Axes

__all__ = ["population"]


def population(
    levels: "xr.Dataset",
    *,
    output: str | None = None,
    band: tuple[float, float] | None = (5, 95),
    window: tuple[float, float] | None = None,
    log: bool = False,
    days: tuple[int, int] | None = None,
    doses: bool = True,
    ax: "Axes | None" = None,
) -> "Axes":
    """The median of all subjects over time within a band: a colour for each regimen, a line style for each meal.

    A long course shows averages over each day. Where there is one regimen with one meal, a paler band behind them
    reaches from the lowest to the highest level of the day.

    Parameters
    ----------
    levels : Dataset                  From `doseline.simulate`. All replicates are drawn together.
    output : str, optional            Which output, also ``plasma_observed``; the first where nothing is given.
    band : (low, high) or None        Ends of the band. [%]
    window : (low, high), optional    A therapeutic window. [unit of the output]
    log : bool                        Levels on a logarithmic scale.
    days : (first, last), optional    Whole days, counted from 1.
    doses : bool                      Marks where the regimens have doses, if there are not too many.
    ax : Axes, optional               To draw on; one of a new Figure where nothing is given, with the legend below it.

    Raises
    ------
    InputError : an unknown output, days outside the course, a band or a window that is none, ``log`` where no level is
        above 0.

    >>> import doseline as dl
    >>> levels = dl.simulate("isotretinoin", "80 mg once fed", dl.cohort(WT=[50, 70, 90]), times="0.5 h for 72 h")
    >>> population(levels, band=(10, 90), log=True).get_title(loc="left").splitlines()[0]
    'Isotretinoin in plasma: 3 subjects'
    """
    wanted = _window(window)
    found, shown = read_bands(levels, output=output, band=band, days=days)
    scene, curves = found.scene, curves_of(found, shown)
    limits = _limits(curves, wanted, log, scene.who)
    # room for the marks of doses, of which it is known when they are drawn whether there are any
    room = explained(found, curves, wanted, marked=doses)
    axes = ax or new_axes(room, right=0.08 if wanted else 0.03)
    level_axis(axes, limits)
    time_axis(axes, shown)
    if wanted:
        draw_window(axes, wanted, limits)
    draw_curves(axes, curves, limits)
    marked = doses and bool(draw_doses(axes, scene, range(len(scene.arms)), shown))
    entries = explained(found, curves, wanted, marked=marked)
    return finish(axes, scene.title(), f"{scene.label} ({scene.units})", entries)


def _window(window: Any) -> tuple[float, float] | None:
    """The therapeutic window, or what is wrong with it."""
    if window is None:
        return None
    try:
        low, high = (float(end) for end in window if not isinstance(end, (str, bool)))
    except (TypeError, ValueError):
        low = high = np.nan
    if not 0 <= low < high < np.inf:
        raise InputError(
            f"found {window!r:.60}",
            place="window",
            advice="give its two ends in the unit of the output, the lower one first: window=(100, 400)",
        )
    return low, high


def _limits(curves: Sequence[Curve], window: tuple[float, float] | None, log: bool, who: str) -> Limits:
    """Limits of the axis of levels that suit the curves, and show as much of the window as leaves them room."""
    parts = [part for curve in curves for part in curve.drawn(alone=len(curves) == 1)]
    limits = limits_of(parts, log)
    if limits is None and limits_of(parts, False):
        raise InputError("no value is above 0", place="log", advice="draw it with log=False")
    if limits is None:
        raise InputError(
            f"there are no levels of {who}",
            place="plot",
            advice="look at levels['status'], and at whether the times are close enough",
        )
    if window is None:
        return limits
    (low, high), (least, most) = limits, window
    if not log:
        return low, max(high, 1.08 * min(most, max(2.0 * high, 1.5 * least)))
    return min(low, 0.8 * least) if least > 0 else low, max(high, 1.25 * most)
