"""Pictures of a sensitivity: a tornado of ends, bars of Sobol indices, Morris's elementary effects."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib import rc_context
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from doseline.canvas import DPI, GREY, LOOK, PALE, SMALL, colour, finish, legend_height, wrap
from doseline.errors import InputError
from doseline.sensitivity_scene import NEEDS, Shown, largest, lone, read_shown, row_names

if TYPE_CHECKING:
    import xarray as xr
    from matplotlib.axes import Axes

__all__ = ["bars", "effects", "picture", "tornado"]

PALER = 0.38
"""How much of its colour the second of two bars keeps."""
MOST = 15
MOST_NAMES = 24
LEAST = 0.02
"""Effects below this part of the largest are points without a name: they lie upon each other."""
AROUND = (
    (6, 4),
    (6, -14),
    (-6, 4),
    (-6, -14),
    (0, 8),
    (0, -18),
    (6, 15),
    (6, -25),
    (-6, 15),
    (0, 20),
    (16, 26),
)
"""Places for a name around a point, the best first. [points]"""
DASHED: dict[str, Any] = {"lw": 0.8, "ls": (0, (4, 3))}
NAME_WIDTH = 44
NEW_LINE = "\n"
WIDTH, RIGHT = 8.0, 0.25
"""Of a figure, and of the margin right of its axes. [inch]"""
CHARACTERS = 12.5
"""Of a title in an inch."""


def tornado(
    result: "xr.Dataset", *, metric: str | None = None, most: int = MOST, ax: "Axes | None" = None
) -> "Axes":
    """What each parameter does to a metric from one end of its range to the other, the strongest on top.

    Parameters
    ----------
    result : Dataset         From `doseline.sensitivity`, with the local method.
    metric : str, optional   Which metric; the first where nothing is given.
    most : int               Parameters that are shown.
    ax : Axes, optional      To draw on; one of a new Figure where nothing is given. The legend stands below it: save
                             with ``bbox_inches="tight"`` where there is no room.

    Raises
    ------
    InputError : a Dataset of another method, an unknown metric, a metric that is 0.

    >>> import doseline as dl
    >>> found = dl.sensitivity("one-compartment-oral", "100 mg every 12 h x 30", over={"CL": "20 %", "F": (0.4, 1)})
    >>> [label.get_text() for label in tornado(found).get_yticklabels()]
    ['F: 0.4 to 1', 'CL: 12 to 18 L/h']
    """
    shown = read_shown(result, metric, "tornado")
    if (shown.values["value"] == 0.0).any():
        raise InputError(
            f"'{shown.metric}' is 0, and changes are drawn in percent of it",
            place="metric",
            advice="choose another metric",
        )
    base = shown.values["value"][:, None]
    change = {f"change_{end}": 100.0 * (shown.values[f"value_{end}"] / base - 1.0) for end in ("low", "high")}
    shown = replace(shown, values={**shown.values, **change}).chosen(largest(*change.values()), most)
    entries = [Patch(color=GREY, lw=0, label="parameter at the high end of its range")]
    entries += [Patch(color=_paler(GREY), lw=0, label="parameter at the low end of its range")]
    entries += _row_keys(shown)
    value = f": {_number(shown.values['value'][0])} {shown.unit}" if lone(shown) else ""
    title = f"{shown.what}{value}\n{shown.about}"
    axes = ax or _new_axes(shown, title, entries, bars_each=1, right=0.75 if lone(shown) else RIGHT)
    for end, fade in (("low", _paler), ("high", _plain)):
        _draw_bars(axes, shown, shown.values[f"change_{end}"], 0, 1, fade)
    axes.axvline(0.0, color=GREY, lw=0.8)
    axes.set_xlabel(f"change of {shown.metric} (%)")
    if lone(shown):
        _write_elasticities(axes, shown.values["elasticity"][0])
    return _finished(axes, shown, title, entries)


def bars(
    result: "xr.Dataset", *, metric: str | None = None, most: int = MOST, ax: "Axes | None" = None
) -> "Axes":
    """Sobol indices with their intervals: what each parameter does alone (S1), and with all others (ST).

    ``result`` is from `doseline.sensitivity` with "sobol" or "efast"; the rest is as in `tornado`.
    """
    shown = read_shown(result, metric, "bars")
    if not np.isfinite(shown.values["ST"]).any():
        raise InputError(
            f"'{shown.metric}' does not change, so that there is nothing to share out",
            place="metric",
            advice="choose another metric",
        )
    shown = shown.chosen(largest(shown.values["ST"]), most)
    entries: list[Any] = [Patch(color=GREY, lw=0, label="S1: share of the variance, alone")]
    entries += [Patch(color=_paler(GREY), lw=0, label="ST: share of the variance, with all interactions")]
    entries += [_interval_key(shown)]
    entries += _row_keys(shown)
    title = f"{shown.what}: what makes it vary\n{shown.about}"
    axes = ax or _new_axes(shown, title, entries, bars_each=2)
    for at, (name, fade) in enumerate((("S1", _plain), ("ST", _paler))):
        ends = (shown.values[f"{name}_low"], shown.values[f"{name}_high"])
        _draw_bars(axes, shown, shown.values[name], at, 2, fade, ends)
    axes.axvline(0.0, color=GREY, lw=0.8)
    axes.set_xlabel(f"share of the variance of {shown.metric}")
    return _finished(axes, shown, title, entries)


def effects(
    result: "xr.Dataset", *, metric: str | None = None, most: int = MOST, ax: "Axes | None" = None
) -> "Axes":
    """Morris's effects: how strong each parameter is (to the right), and how much that depends on others (up).

    ``result`` is from `doseline.sensitivity` with "morris"; the rest is as in `tornado`.
    """
    shown = read_shown(result, metric, "effects")
    shown = shown.chosen(largest(shown.values["mu_star"]), most)
    x, y = shown.values["mu_star"], shown.values["sigma"]
    title = f"{shown.what}: effects\n{shown.about}"
    small = x.max(axis=0) < LEAST * x.max()
    entries: list[Any] = [
        _interval_key(shown),
        Line2D([], [], color=GREY, **DASHED, label="sigma is as large as mu*"),
        *_point_keys(shown),
    ]
    if small.any():
        names = ", ".join(name for name, each in zip(shown.parameters, small, strict=True) if each)
        entries.append(Line2D([], [], ls="", label=wrap(f"near 0, without a name: {names}", 90)))
    axes = ax or _new_axes(shown, title, entries, height=4.2, left=0.85)
    for row, look in enumerate(_points(shown)):
        spread = [x[row] - shown.values["mu_star_low"][row], shown.values["mu_star_high"][row] - x[row]]
        axes.errorbar(
            x[row], y[row], xerr=np.maximum(spread, 0.0), ecolor=look["color"], elinewidth=0.9, **look
        )
    right, top = float(np.max(shown.values["mu_star_high"])), float(np.max(y))
    axes.set_xlim(-0.02 * (right or 1.0), (right or 1.0) * 1.12)
    high = (max(top, 0.05 * right) or 1.0) * 1.15
    axes.set_ylim(-0.03 * high, high)
    end = min(axes.get_xlim()[1], high)
    axes.plot([0.0, end], [0.0, end], color=GREY, zorder=0.8, **DASHED)
    axes.grid(True, color=PALE, lw=0.6)
    axes.set_axisbelow(True)
    axes.set_xlabel(f"mu*: mean absolute effect on {shown.metric} ({shown.unit})")
    _write_names(axes, shown, ~small)
    return finish(axes, _fitted(axes, title), f"sigma of the effects ({shown.unit})", entries)


def picture(result: "xr.Dataset", *, metric: str | None = None, ax: "Axes | None" = None) -> "Axes":
    """The picture that belongs to the method."""
    draw = {"tornado": tornado, "bars": bars, "effects": effects}
    which = next((name for name, needed in NEEDS.items() if needed in result), "tornado")
    return draw[which](result, metric=metric, ax=ax)


def _plain(own: Any) -> Any:
    return own


def _paler(own: Any) -> Any:
    return tuple(1.0 - PALER * (1.0 - part) for part in to_rgb(own))


def _colours(shown: Shown) -> list[Any]:
    return [colour(arm, meal) for arm, meal in shown.rows]


def _row_keys(shown: Shown) -> list[Any]:
    """What the colours mean, where there are several."""
    if lone(shown):
        return []
    pairs = zip(row_names(shown), _colours(shown), strict=True)
    return [Patch(color=own, lw=0, label=wrap(name, 90)) for name, own in pairs]


def _points(shown: Shown) -> list[dict[str, Any]]:
    """How the points of each row look; those drawn first are larger, so that equal ones are all seen."""
    looks = []
    for at, ((_, meal), own) in enumerate(zip(shown.rows, _colours(shown), strict=True)):
        size = 5.0 + 2.4 * (len(shown.rows) - 1 - at)
        looks.append(
            {"fmt": "os^D"[meal % 4], "ms": size, "color": own, "mfc": own if meal == 0 else "white"}
        )
    return looks


def _point_keys(shown: Shown) -> list[Any]:
    """What colours and marks mean, where there are several."""
    if lone(shown):
        return []
    told = zip(row_names(shown), _points(shown), strict=True)
    return [
        Line2D(
            [],
            [],
            ls="",
            marker=look["fmt"],
            color=look["color"],
            mfc=look["mfc"],
            ms=5,
            label=wrap(name, 90),
        )
        for name, look in told
    ]


def _interval_key(shown: Shown) -> Any:
    return Line2D([], [], color=GREY, lw=1.0, label=f"interval of {shown.confidence:g} %")


def _draw_bars(
    axes: "Axes",
    shown: Shown,
    values: np.ndarray,
    at: int,
    count: int,
    fade: Callable[[Any], Any],
    ends: tuple[np.ndarray, np.ndarray] | None = None,
) -> None:
    """One bar for each row and parameter, the ``at``-th of ``count`` side by side, and its interval."""
    places, thick = np.arange(len(shown.parameters)), 0.8 / (count * len(shown.rows))
    for row, own in enumerate(_colours(shown)):
        middle = places - 0.4 + (row * count + at + 0.5) * thick
        axes.barh(middle, values[row], height=0.92 * thick, color=fade(own), lw=0, zorder=2)
        if ends is not None:
            axes.hlines(middle, ends[0][row], ends[1][row], color=GREY, lw=1.0, zorder=3)


def _write_elasticities(axes: "Axes", values: np.ndarray) -> None:
    """A column of numbers right of the bars."""
    told: dict[str, Any] = {"fontsize": SMALL, "color": GREY, "ha": "right", "annotation_clip": False}
    told |= {"textcoords": "offset points"}
    for at, value in enumerate(values):
        text = f"{value:+.2f}".replace("-", "−") if abs(value) >= 0.005 else "0"
        axes.annotate(text, (1.0, at), (48, 0), xycoords=axes.get_yaxis_transform(), va="center", **told)
    axes.annotate(
        "elasticity", (1.0, 0.0), (48, -6), xycoords="axes fraction", va="top", style="italic", **told
    )


def _write_names(axes: "Axes", shown: Shown, named: np.ndarray) -> None:
    """Names beside their points: each at the first place around it that no other point or name takes.

    With few points all have a name, else the strongest of each parameter.
    """
    figure: Any = axes.figure
    scale = figure.dpi / 72.0
    x, y = shown.values["mu_star"], shown.values["sigma"]
    at = axes.transData.transform(np.column_stack([x.ravel(), y.ravel()])).reshape(*x.shape, 2)
    taken = [(px - 4 * scale, py - 4 * scale, px + 4 * scale, py + 4 * scale) for px, py in at.reshape(-1, 2)]
    every = named.sum() * len(x) <= MOST_NAMES
    frame = axes.get_window_extent()
    for column in np.flatnonzero(named):
        name, done = shown.parameters[column], list[np.ndarray]()
        for row in range(len(x)) if every else [int(x[:, column].argmax())]:
            point = at[row, column]
            if any(np.hypot(*(point - other)) < 14 * scale for other in done):
                continue
            done.append(point)
            wide, high = 0.62 * SMALL * len(name) * scale, 1.15 * SMALL * scale
            boxes = [_box(point, dx * scale, dy * scale, wide, high) for dx, dy in AROUND]
            free = [
                place
                for place, box in enumerate(boxes)
                if frame.x0 < box[0]
                and box[2] < frame.x1
                and frame.y0 < box[1]
                and box[3] < frame.y1
                and not any(_overlap(box, other) for other in taken)
            ]
            place = free[0] if free else 0
            taken.append(boxes[place])
            dx, dy = AROUND[place]
            axes.annotate(
                name, (float(x[row, column]), float(y[row, column])), (dx, dy), textcoords="offset points",
                ha="right" if dx < 0 else "center" if dx == 0 else "left", va="bottom", fontsize=SMALL, color=GREY,
            )  # fmt: skip


def _box(
    point: np.ndarray, dx: float, dy: float, wide: float, high: float
) -> tuple[float, float, float, float]:
    """Where a name beside a point would stand: left, bottom, right, top."""
    left = point[0] + dx - (wide if dx < 0 else wide / 2 if dx == 0 else 0.0)
    return left, point[1] + dy, left + wide, point[1] + dy + high


def _overlap(one: Sequence[float], other: Sequence[float]) -> bool:
    return one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]


def _labels(shown: Shown) -> list[str]:
    """Names with their ranges, in lines that fit."""
    pairs = zip(shown.parameters, shown.ranges, strict=True)
    return [
        wrap(f"{name}:{' ' if len(name) + len(told) < NAME_WIDTH else NEW_LINE}{told}", NAME_WIDTH)
        for name, told in pairs
    ]


def _number(value: float) -> str:
    """Four digits, and no powers of ten where they are not needed."""
    return f"{value:,.0f}" if 1e4 <= abs(value) < 1e9 else f"{value:.4g}"


def _new_axes(
    shown: Shown,
    title: str,
    entries: Sequence[Any],
    *,
    bars_each: int = 1,
    height: float | None = None,
    left: float | None = None,
    right: float = RIGHT,
) -> "Axes":
    """Axes in a figure of their own, laid out in inches: room for names on the left, for the legend below."""
    if left is None:
        longest = max(len(line) for label in _labels(shown) for line in label.split("\n"))
        left = 0.3 + 0.068 * longest
    if height is None:
        lines = max(label.count("\n") + 1 for label in _labels(shown))
        each = max(0.3, 0.16 * lines, 0.08 + 0.13 * bars_each * len(shown.rows))
        height = max(1.0, each * len(shown.parameters))
    wide = max(WIDTH, left + right + 4.5)
    lines = wrap(title, min(80, int((wide - left) * CHARACTERS))).count("\n") + 1
    top, under = 0.35 + 0.2 * lines, 0.6 + legend_height(entries)
    tall = top + height + under
    figure = Figure(figsize=(wide, tall), dpi=DPI)
    FigureCanvasAgg(figure)
    with rc_context(LOOK):
        return figure.add_axes((left / wide, under / tall, (wide - left - right) / wide, height / tall))


def _fitted(axes: "Axes", title: str) -> str:
    """A title in lines that fit above the axes."""
    figure: Any = axes.figure
    inches = axes.get_position().width * figure.get_figwidth() + RIGHT
    return wrap(title, min(80, int(inches * CHARACTERS)))


def _finished(axes: "Axes", shown: Shown, title: str, entries: Sequence[Any]) -> "Axes":
    """Names at the bars, lines behind them, title and legend."""
    axes.set_yticks(np.arange(len(shown.parameters)), _labels(shown))
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)
    axes.set_ylim(len(shown.parameters) - 0.4, -0.6)
    axes.grid(True, axis="x", color=PALE, lw=0.6)
    axes.set_axisbelow(True)
    return finish(axes, _fitted(axes, title), "", entries)
