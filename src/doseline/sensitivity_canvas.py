"""How pictures of a sensitivity are drawn: bars side by side, points with names, axes with room for both."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib import rc_context
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from doseline.canvas import DPI, GREY, LOOK, PALE, SMALL, colour, finish, legend_height, wrap
from doseline.sensitivity_scene import Shown, lone, row_names

if TYPE_CHECKING:
    from matplotlib.axes import Axes

PALER = 0.38
"""How much of its colour the second of two bars keeps."""
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


def plain(own: Any) -> Any:
    return own


def paler(own: Any) -> Any:
    return tuple(1.0 - PALER * (1.0 - part) for part in to_rgb(own))


def colours(shown: Shown) -> list[Any]:
    return [colour(arm, meal) for arm, meal in shown.rows]


def row_keys(shown: Shown) -> list[Any]:
    """What the colours mean, where there are several."""
    if lone(shown):
        return []
    pairs = zip(row_names(shown), colours(shown), strict=True)
    return [Patch(color=own, lw=0, label=wrap(name, 90)) for name, own in pairs]


def points(shown: Shown) -> list[dict[str, Any]]:
    """How the points of each row look; those drawn first are larger, so that equal ones are all seen."""
    looks = []
    for at, ((_, meal), own) in enumerate(zip(shown.rows, colours(shown), strict=True)):
        size = 5.0 + 2.4 * (len(shown.rows) - 1 - at)
        looks.append(
            {"fmt": "os^D"[meal % 4], "ms": size, "color": own, "mfc": own if meal == 0 else "white"}
        )
    return looks


def point_keys(shown: Shown) -> list[Any]:
    """What colours and marks mean, where there are several."""
    if lone(shown):
        return []
    told = zip(row_names(shown), points(shown), strict=True)
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


def interval_key(shown: Shown) -> Any:
    return Line2D([], [], color=GREY, lw=1.0, label=f"interval of {shown.confidence:g} %")


def draw_bars(
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
    for row, own in enumerate(colours(shown)):
        middle = places - 0.4 + (row * count + at + 0.5) * thick
        axes.barh(middle, values[row], height=0.92 * thick, color=fade(own), lw=0, zorder=2)
        if ends is not None:
            axes.hlines(middle, ends[0][row], ends[1][row], color=GREY, lw=1.0, zorder=3)


def write_elasticities(axes: "Axes", values: np.ndarray) -> None:
    """A column of numbers right of the bars."""
    told: dict[str, Any] = {"fontsize": SMALL, "color": GREY, "ha": "right", "annotation_clip": False}
    told |= {"textcoords": "offset points"}
    for at, value in enumerate(values):
        text = f"{value:+.2f}".replace("-", "−") if abs(value) >= 0.005 else "0"
        axes.annotate(text, (1.0, at), (48, 0), xycoords=axes.get_yaxis_transform(), va="center", **told)
    axes.annotate(
        "elasticity", (1.0, 0.0), (48, -6), xycoords="axes fraction", va="top", style="italic", **told
    )


def write_names(axes: "Axes", shown: Shown, named: np.ndarray) -> None:
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


def number(value: float) -> str:
    """Four digits, and no powers of ten where they are not needed."""
    return f"{value:,.0f}" if 1e4 <= abs(value) < 1e9 else f"{value:.4g}"


def new_axes(
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


def fitted(axes: "Axes", title: str) -> str:
    """A title in lines that fit above the axes."""
    figure: Any = axes.figure
    inches = axes.get_position().width * figure.get_figwidth() + RIGHT
    return wrap(title, min(80, int(inches * CHARACTERS)))


def finished(axes: "Axes", shown: Shown, title: str, entries: Sequence[Any]) -> "Axes":
    """Names at the bars, lines behind them, title and legend."""
    axes.set_yticks(np.arange(len(shown.parameters)), _labels(shown))
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)
    axes.set_ylim(len(shown.parameters) - 0.4, -0.6)
    axes.grid(True, axis="x", color=PALE, lw=0.6)
    axes.set_axisbelow(True)
    return finish(axes, fitted(axes, title), "", entries)
