"""Forest plots: ratios to a reference with their intervals, on a logarithmic axis, and the numbers beside them."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib import rc_context
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

from doseline.canvas import DPI, GREY, LOOK, PALE, SMALL, colour, finish, legend_height, wrap
from doseline.errors import InputError
from doseline.forest_scene import Ratios, read_ratios

if TYPE_CHECKING:
    import xarray as xr
    from matplotlib.axes import Axes

__all__ = ["ratios"]

EQUIVALENCE = (0.8, 1.25)
"""Between these, two formulations count as bioequivalent."""
NUMBERS, COUNTS, BESIDE = 92, 102, 2.4
"""Where numbers end and counts begin, right of the axes [points], and the room for both [inch]."""
LINE, PANEL, TOP, FOOT = 0.3, 3.8, 0.6, 0.6
"""Height of a row, width of the axes, room above and below them. [inch]"""
NAMES, LIFT = 36, 20
"""Characters of a name in one line, and how far the title stands above the heads of the numbers. [points]"""
FINE = (0.5, 0.6, 0.7, 0.8, 0.9, 1.0, 1.1, 1.25, 1.5, 1.75, 2.0)
"""Ticks where all ratios are near 1."""


def ratios(
    result: "xr.Dataset",
    *,
    metric: str | None = None,
    shade: tuple[float, float] | None = EQUIVALENCE,
    ax: "Axes | None" = None,
) -> "Axes":
    """Ratios to the reference with their intervals, one row each, and the same in numbers at the right.

    Parameters
    ----------
    result : Dataset               From `doseline.forest`.
    metric : str, optional         Which metric; all of them below each other where nothing is given.
    shade : (low, high) or None    Ratios between which there is no difference to speak of.
    ax : Axes, optional            To draw on; one of a new Figure where nothing is given. Names, numbers and the legend
                                   stand beside and below it: save with ``bbox_inches="tight"`` where there is no room.

    Raises
    ------
    InputError : a Dataset from elsewhere, an unknown metric, no ratio or too many, a shade that is none.

    >>> import doseline as dl
    >>> found = dl.exposure("isotretinoin", "40 mg once", dl.cohort(WT=[50, 70, 90]), meal=["fed", "fasted"])
    >>> axes = ratios(dl.forest(found, "course_AUC", along="meal", reference="fed"))
    >>> [label.get_text() for label in axes.get_yticklabels()], axes.get_xlabel()
    (['fasted'], 'ratio to fed')
    """
    shaded = _shade(shade)
    shown = read_ratios(result, metric)
    title = f"{', '.join(shown.metrics)}: ratio to {shown.reference}\n{shown.about}".rstrip()
    entries = _entries(shown, shaded)
    places, heads = _places(shown)
    axes = ax or _new_axes(shown, max(places) + 1.2, title, entries)
    if shaded:
        axes.axvspan(*shaded, color=PALE, lw=0, zorder=0.4)
    axes.axvline(1.0, color=GREY, lw=0.8, zorder=1)
    for row, place in zip(shown.rows, places, strict=True):
        own = colour(row.metric, 0)
        axes.plot([row.low, row.high], [place, place], color=own, lw=1.6, solid_capstyle="butt", zorder=2)
        axes.plot([row.ratio], [place], marker="s", ms=5.5, mew=0, color=own, ls="", zorder=3)
    _ratio_axis(axes, shown, shaded)
    axes.set_xlabel(f"ratio to {shown.reference}")
    axes.set_yticks(places, [wrap(row.label, NAMES) for row in shown.rows])
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)
    axes.set_ylim(max(places) + 0.6, -0.6)
    _write_numbers(axes, shown, places, heads)
    finish(axes, title, "", entries).set_title(wrap(title, 80), fontsize=11, loc="left", pad=LIFT)
    return axes


def _shade(given: Any) -> tuple[float, float] | None:
    if given is None:
        return None
    try:
        low, high = (float(end) for end in given if not isinstance(end, (str, bool)))
    except (TypeError, ValueError):
        low = high = np.nan
    if not 0 < low < high < np.inf:
        raise InputError(
            f"found {given!r:.60}", place="shade", advice="give two ratios above 0: shade=(0.8, 1.25)"
        )
    return low, high


def _entries(shown: Ratios, shaded: tuple[float, float] | None) -> list[Any]:
    """What the legend explains."""
    label = f"geometric mean ratio, interval of {shown.confidence:g} %"
    found: list[Any] = [Line2D([], [], color=colour(0, 0), lw=1.6, marker="s", ms=5.5, mew=0, label=label)]
    if shaded:
        found.append(Patch(color=PALE, lw=0, label=f"{shaded[0]:g} to {shaded[1]:g}"))
    return found


def _places(shown: Ratios) -> tuple[list[float], dict[int, float]]:
    """Where each row stands, counted from the top, and the head of each metric where there are several."""
    if len(shown.metrics) == 1:
        return [float(at) for at in range(len(shown.rows))], {}
    places: list[float] = []
    heads: dict[int, float] = {}
    at = 0.0
    for row in shown.rows:
        if row.metric not in heads:
            at += 0.3 if heads else 0.0
            heads[row.metric] = at
            at += 1.0
        places.append(at)
        at += 1.0
    return places, heads


def _new_axes(shown: Ratios, height: float, title: str, entries: list[Any]) -> "Axes":
    """Axes in a figure of their own, laid out in inches: names on the left, numbers on the right."""
    longest = max(len(line) for row in shown.rows for line in wrap(row.label, NAMES).split("\n"))
    left = max(0.35 + 0.068 * longest, 0.08 * max(map(len, shown.metrics)) + 0.2)
    top = TOP + 0.2 * wrap(title, 80).count("\n")
    under = FOOT + legend_height(entries)
    wide, tall = left + PANEL + BESIDE, top + LINE * height + under
    figure = Figure(figsize=(wide, tall), dpi=DPI)
    FigureCanvasAgg(figure)
    with rc_context(LOOK):
        return figure.add_axes((left / wide, under / tall, PANEL / wide, (tall - top - under) / tall))


def _write_numbers(axes: "Axes", shown: Ratios, places: list[float], heads: dict[int, float]) -> None:
    """Numbers and counts at the right, with what they are; names of metrics above their rows."""
    told: dict[str, Any] = {"fontsize": SMALL, "annotation_clip": False, "textcoords": "offset points"}
    edge: dict[str, Any] = {"xycoords": axes.get_yaxis_transform(), "va": "center", "color": GREY}
    for row, place in zip(shown.rows, places, strict=True):
        axes.annotate(row.numbers, (1.0, place), (NUMBERS, 0), ha="right", **edge, **told)
        axes.annotate(row.count, (1.0, place), (COUNTS, 0), ha="left", **edge, **told)
    above: dict[str, Any] = {"xycoords": "axes fraction", "va": "bottom", "style": "italic", "color": GREY}
    axes.annotate(
        f"ratio ({shown.confidence:g} % interval)", (1.0, 1.0), (NUMBERS, 2), ha="right", **above, **told
    )
    axes.annotate(shown.counted, (1.0, 1.0), (COUNTS, 2), ha="left", **above, **told)
    for metric, place in heads.items():
        axes.annotate(shown.metrics[metric], (0.0, place), (-4, 0), ha="right", weight="bold", **edge, **told)


def _ratio_axis(axes: "Axes", shown: Ratios, shaded: tuple[float, float] | None) -> None:
    """A logarithmic axis that holds all intervals, 1 and the shade, with few ticks in plain numbers."""
    ends = [end for row in shown.rows for end in (row.ratio, row.low, row.high) if np.isfinite(end)]
    ends += [1.0, *(shaded or ())]
    room = (max(ends) / min(ends)) ** 0.05 * 1.02
    low, high = min(ends) / room, max(ends) * room
    axes.set_xscale("log")
    axes.set_xlim(low, high)
    axes.xaxis.set_major_locator(FixedLocator([tick for tick in _ticks(low, high) if low <= tick <= high]))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.9g}"))


def _ticks(low: float, high: float) -> Iterator[float]:
    if 0.9 * FINE[0] <= low and high <= 1.1 * FINE[-1]:
        yield from FINE
        return
    decades = np.log10(high / low)
    steps = (1, 2, 3, 5) if decades < 1.2 else (1, 2, 5) if decades < 2.5 else (1,)
    for power in range(int(np.floor(np.log10(low))), int(np.ceil(np.log10(high))) + 1):
        yield from (float(f"{step}e{power}") for step in steps)
    if decades < 1.2:
        yield from EQUIVALENCE
