"""How pictures are drawn: colours, axes with plain numbers, lines and bands, legends, figures laid out in inches."""

import textwrap
from collections.abc import Sequence
from itertools import product
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib import rc_context
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.collections import LineCollection
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import (
    FixedFormatter,
    FixedLocator,
    FuncFormatter,
    MaxNLocator,
    NullFormatter,
    NullLocator,
)
from matplotlib.transforms import ScaledTranslation

from doseline.scene import DAY, WEEK, Scene, Sweep, Window

if TYPE_CHECKING:
    from matplotlib.axes import Axes

COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
"""Okabe and Ito, https://jfly.uni-koeln.de/color/: told apart with any colour vision. One for each regimen."""
STYLES: tuple[Any, ...] = ("-", (0, (4, 1.6)), (0, (1, 1.2)), (0, (4, 1.2, 1, 1.2)))
"""One for each meal; from the second on the colour is lighter too."""
DECADES = 1e-3
"""A semi-log axis reaches down to this part of the highest level, unless most of the levels lie below."""
TICKS = {1.0: (1, 2, 3, 6, 12, 24), DAY: (1, 2, 7, 14), WEEK: (1, 2, 4, 8, 13, 26, 52)}
"""Steps between ticks on an axis that counts so many hours as one."""
MOST_MARKS = 60
"""More doses than this would make a black bar."""
EXPLAINED = {
    "band": "line: average of each day (or dosing interval); band: from its lowest to its highest level",
    "average": "lines: average of each day (or dosing interval)",
    "dose": "dose",
}
"""What a legend says beside the names of regimens and meals."""
DPI, SMALL, GREY, PALE = 110, 8.5, "#444444", "#e4e4e4"

LOOK: dict[Any, Any] = {
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.labelsize": SMALL,
    "xtick.labelsize": SMALL,
    "ytick.labelsize": SMALL,
    "xtick.minor.size": 0,
}
"""Settings of matplotlib for axes of our own: set when they are made, which is faster than afterwards."""

Limits = tuple[float, float]
"""Ends of the axis of levels; the lower one is above 0 where the axis is logarithmic."""


def limits_of(parts: Sequence[np.ndarray], log: bool, *, room: float = 0.05) -> Limits | None:
    """Limits that suit all values, with some room above them; None where there is nothing to show."""
    able = [part[np.isfinite(part) & (part > 0) if log else np.isfinite(part)] for part in parts]
    shown = np.concatenate(able)
    if not shown.size:
        return None
    high = float(shown.max())
    if not log:
        return 0.0, high * (1 + room) if high > 0 else 1.0
    low = 0.7 * float(shown.min())
    if low < high / 200:
        # levels that rise from nothing would leave the picture to their first hours
        usual, half = np.quantile(shown, (0.05, 0.5))
        low = max(0.8 * float(usual), high * (DECADES if half > high * DECADES else DECADES**2))
        smallest = min(float(part.max()) for part in able if part.size)
        low = max(min(low, smallest / 10), high * DECADES**2)
    low = min(low, high / 10)
    return low, high * (high / low) ** room * 1.05


def draw_levels(axes: "Axes", scene: Scene, arms: Sequence[int], window: Window, limits: Limits) -> set[str]:
    """Lines of some arms and marks of their doses; which of `EXPLAINED` there are.

    Bands are drawn for one arm only: those of several would cover each other.
    """
    extras = set()
    inside = scene.inside(window)
    time = scene.time[inside]
    wide = widths(scene.levels[..., inside]) if len(arms) > 1 else np.full(scene.levels.shape[:2], 1.5)
    for arm, meal in product(arms, range(len(scene.meals))):
        x, level, own = time, scene.levels[arm, meal, inside], colour(arm, meal)
        days = daily(time, level, scene.doses[arm]) if window.days is None else None
        if days:
            extras.add("average" if len(arms) > 1 else "band")
            x, low, high, level = days
            if len(arms) == 1:
                low, high = np.maximum(low, limits[0] / 2), np.maximum(high, limits[0] / 2)
                axes.fill_between(window.x(x), low, high, color=own, alpha=0.22, lw=0)
        axes.plot(window.x(x), level, color=own, lw=wide[arm, meal], ls=STYLES[meal % len(STYLES)])
    return extras | draw_doses(axes, scene, arms, window)


def draw_doses(axes: "Axes", scene: Scene, arms: Sequence[int], window: Window) -> set[str]:
    """Marks at the bottom where doses are taken, if they are not too many: ``{"dose"}`` where there are any."""
    extras = set()
    sharing: dict[bytes, list[int]] = {}
    for arm in arms:
        sharing.setdefault(scene.doses[arm].tobytes(), []).append(arm)
    for row, same in enumerate(sharing.values()):
        doses = scene.doses[same[0]]
        doses = doses[(doses >= window.start) & (doses < window.end)]
        if 0 < len(doses) <= MOST_MARKS:
            extras.add("dose")
            own = colour(same[0], 0) if len(same) == 1 < len(arms) else GREY
            heights = np.full(len(doses), 0.026 + 0.034 * row)
            axes.plot(
                window.x(doses), heights, **mark(own), transform=axes.get_xaxis_transform(), clip_on=False
            )
    return extras


def draw_sweep(axes: "Axes", sweep: Sweep, limits: Limits) -> None:
    """Exposure of all arms and meals: lines, or points where the subjects differ in more than one covariate."""
    wide = widths(sweep.values)
    for arm, meal in product(range(len(sweep.arms)), range(len(sweep.meals))):
        style: dict[str, Any] = {"ls": STYLES[meal % len(STYLES)], "lw": wide[arm, meal]}
        if not sweep.joined:
            filled = colour(arm, 0) if meal == 0 else "none"
            style = {"ls": "", "marker": "os^D"[meal % 4], "ms": 3.5 + wide[arm, meal], "mfc": filled}
        axes.plot(sweep.x, sweep.values[arm, meal], color=colour(arm, meal), **style)
    level_axis(axes, limits)
    axes.grid(True, axis="x", color=PALE, lw=0.6)
    axes.set_xlabel(sweep.xlabel)
    axes.set_ylabel(sweep.ylabel)


def daily(time: np.ndarray, level: np.ndarray, doses: np.ndarray) -> tuple[np.ndarray, ...] | None:
    """Middle, lowest, highest and average of each day (of each dosing interval where that is longer), if many."""
    gap = float(np.median(np.diff(np.unique(doses)))) if len(doses) > 1 else np.inf
    length = DAY * np.ceil(gap / DAY - 1e-9)
    if len(time) < 2 or time[-1] - time[0] < 8 * length or np.median(np.diff(time)) > length / 4:
        return None
    part = np.floor(time / length + 1e-9).astype(np.int64)
    part[-1] = part[-2]
    starts = np.flatnonzero(np.diff(part, prepend=part[0] - 1))
    edges = np.append(time[starts], time[-1])
    area = np.concatenate([[0.0], np.cumsum(np.diff(time) * (level[1:] + level[:-1]) / 2)])
    average = np.diff(np.interp(edges, time, area)) / np.diff(edges)
    return (
        (edges[1:] + edges[:-1]) / 2,
        np.minimum.reduceat(level, starts),
        np.maximum.reduceat(level, starts),
        average,
    )


def widths(values: np.ndarray) -> np.ndarray:
    """Line widths (arm, meal): a line that others will be drawn upon is wider, so that each of them is seen."""
    wide = np.full(values.shape[:2], 1.5)
    for arm, later in ((a, b) for a in range(len(values)) for b in range(a + 1, len(values))):
        same = np.isclose(values[arm], values[later], rtol=0.01, atol=0.0) & (values[arm] > 0)
        wide[arm] += np.where(same.sum(axis=-1) > 0.1 * same.shape[-1], 1.8, 0.0)
    return wide


def colour(arm: int, meal: int) -> Any:
    """Colour of an arm, lighter from the second meal on."""
    return tuple(part + (1 - part) * 0.3 * min(meal, 2) for part in to_rgb(COLOURS[arm % len(COLOURS)]))


def mark(own: Any) -> dict[str, Any]:
    """How a dose is marked."""
    return {"ls": "", "marker": "^", "ms": 5.5, "mew": 0, "color": own}


# ---------------------------------------------------------------- axes
def level_axis(axes: "Axes", limits: Limits, *, labels: bool = True) -> None:
    """Scale, limits and few ticks with plain numbers; without ``labels`` lines stand for ticks, which cost time."""
    low, high = limits
    if low > 0:
        axes.set_yscale("log")
        decades = np.log10(high / low)
        steps = (1, 2, 5) if decades < 2.2 else (1, 3) if decades < 3.2 else (1,)
        powers = range(int(np.floor(np.log10(low))), int(np.ceil(np.log10(high))) + 1)
        ticks = [float(f"{step}e{power}") for power in powers for step in steps]
    else:
        ticks = [float(tick) for tick in MaxNLocator(5).tick_values(low, high)]
    ticks = [tick for tick in ticks if low <= tick <= high]
    axes.yaxis.set_major_locator(FixedLocator(ticks) if labels else NullLocator())
    axes.yaxis.set_minor_locator(NullLocator())
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.9g}"))
    axes.set_ylim(low, high)
    _rule(axes, [((0, tick), (1, tick)) for tick in ticks], axes.get_yaxis_transform())


def time_axis(axes: "Axes", window: Window, *, labels: bool = True) -> None:
    """Ticks at round times; whole days have a line at either end and their number in the middle."""
    first, last = window.x(window.start), window.x(window.end)
    step = next(
        (step for step in TICKS[window.unit] if (last - first) / step <= 8), np.ceil((last - first) / 8)
    )
    by_day = window.days is not None and window.unit == DAY
    ticks = np.arange(first if by_day else np.ceil(first / step) * step, last * (1 + 1e-12), step)
    axes.set_xlim(first, last)
    _rule(axes, [((tick, 0), (tick, 1)) for tick in ticks], axes.get_xaxis_transform())
    axes.xaxis.set_major_locator(FixedLocator(ticks.tolist()) if labels else NullLocator())
    if not labels:
        return
    axes.set_xlabel(window.label)
    if not by_day:
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        return
    days = [int(day) for day in ticks if day < last - 0.5]
    axes.xaxis.set_major_formatter(NullFormatter())
    axes.xaxis.set_minor_locator(FixedLocator([day + 0.5 for day in days]))
    axes.xaxis.set_minor_formatter(
        FixedFormatter([f"day {day}" if len(days) < 5 else f"{day}" for day in days])
    )


def _rule(axes: "Axes", lines: Sequence[Any], transform: Any) -> None:
    """Pale lines behind the data."""
    axes.add_artist(LineCollection(lines, colors=PALE, linewidths=0.6, zorder=0.5, transform=transform))


def note(axes: "Axes", text: str) -> None:
    """A sentence where a picture would stand."""
    axes.text(0.5, 0.5, text, transform=axes.transAxes, ha="center", va="center", color=GREY, fontsize=SMALL)
    axes.set_xticks([])
    axes.set_yticks([])


# ---------------------------------------------------------------- legends and figures
def keys(
    arms: Sequence[str], meals: Sequence[str], extras: set[str] | frozenset[str] = frozenset()
) -> list[Any]:
    """What a legend explains: colours of several arms, line styles of meals that have names, bands, marks of doses."""
    found: list[Any] = []
    if len(arms) > 1:
        found += [
            Line2D([], [], color=colour(arm, 0), lw=2.5, label=wrap(name, 90))
            for arm, name in enumerate(arms)
        ]
    for meal, name in enumerate(meals):
        if name:
            own = colour(0, meal) if len(arms) == 1 else GREY
            found.append(Line2D([], [], color=own, lw=1.5, ls=STYLES[meal % len(STYLES)], label=name))
    if "band" in extras:
        found.append(Patch(color=GREY, alpha=0.25, lw=0, label=EXPLAINED["band"]))
    if "average" in extras:
        found.append(Line2D([], [], ls="", label=EXPLAINED["average"]))
    if "dose" in extras:
        found.append(Line2D([], [], **mark(GREY), label=EXPLAINED["dose"]))
    return found


def new_axes(entries: Sequence[Any], *, right: float = 0.03) -> "Axes":
    """Axes in a figure of their own, with room for a legend below; the margin ``right`` is a part of the width."""
    foot = 0.6 + legend_height(entries)
    figure = Figure(figsize=(8.0, 4.5 + foot), dpi=DPI)
    FigureCanvasAgg(figure)
    with rc_context(LOOK):
        return figure.add_axes((0.1, foot / (4.5 + foot), 0.9 - right, 3.95 / (4.5 + foot)))


def finish(axes: "Axes", title: str, ylabel: str, entries: Sequence[Any]) -> "Axes":
    """Title, label, and a legend below the axes, where it covers nothing."""
    if entries:
        figure: Any = axes.figure
        below = axes.transAxes + ScaledTranslation(0, -0.48, figure.dpi_scale_trans)
        place: dict[str, Any] = {"loc": "upper left", "bbox_to_anchor": (0, 0), "bbox_transform": below}
        axes.legend(handles=entries, frameon=False, fontsize=SMALL, borderaxespad=0, borderpad=0, **place)
    axes.set_ylabel(ylabel)
    axes.set_title(wrap(title, 80), fontsize=11, loc="left")
    return axes


def legend_height(entries: Sequence[Any]) -> float:
    """Height of a legend of one column. [inch]"""
    return 0.12 + sum(0.04 + 0.15 * (str(entry.get_label()).count("\n") + 1) for entry in entries)


def sheet(
    title: str,
    heads: Sequence[str],
    names: Sequence[str],
    *,
    panel: tuple[float, float],
    between: float = 0.85,
    under: Sequence[float],
    foot: float = 0.42,
) -> tuple[Figure, list[list["Axes"]]]:
    """A figure laid out in inches: columns with heads, rows with names and space below, room for a legend."""
    left, right, lines = 0.85, 0.2, [wrap(head, int(panel[0] * 12.5)) for head in heads]
    title = wrap(title, 100)
    named = 0.28 if any(names) else 0.1
    top = 0.45 + 0.2 * title.count("\n") + 0.16 * max(line.count("\n") + 1 for line in lines) + named
    width = left + len(heads) * panel[0] + (len(heads) - 1) * between + right
    height = top + len(names) * panel[1] + sum(under) + foot
    figure = Figure(figsize=(width, height), dpi=DPI)
    FigureCanvasAgg(figure)
    figure.text(left / width, 1 - 0.12 / height, title, fontsize=12, weight="bold", va="top")
    cells: list[list[Axes]] = []
    for row, name in enumerate(names):
        bottom = height - top - (row + 1) * panel[1] - sum(under[:row])
        figure.text(
            left / width, (bottom + panel[1] + 0.08) / height, name, fontsize=9, style="italic", color=GREY
        )
        offsets = [left + column * (panel[0] + between) for column in range(len(heads))]
        size = (panel[0] / width, panel[1] / height)
        with rc_context(LOOK):
            cells.append([figure.add_axes((x / width, bottom / height, *size)) for x in offsets])
        for x, line in zip(offsets, lines if row == 0 else (), strict=row == 0):
            at = 1 - (top - named) / height
            figure.text(x / width, at, line, fontsize=9.5, va="bottom", weight="bold", color=GREY)
    return figure, cells


def foot(figure: Figure, entries: Sequence[Any], *, columns: int = 4) -> Figure:
    """The legend of a whole figure, at its lower left."""
    if entries:
        place: dict[str, Any] = {"loc": "lower left", "bbox_to_anchor": (0.85 / figure.get_figwidth(), 0.0)}
        figure.legend(handles=entries, ncols=columns, frameon=False, fontsize=SMALL, borderpad=0.6, **place)
    return figure


def wrap(text: str, width: int) -> str:
    """Lines of at most so many characters."""
    return "\n".join("\n".join(textwrap.wrap(line, max(width, 12))) for line in text.split("\n"))
