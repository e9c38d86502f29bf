"""Pictures of a sensitivity: a tornado of ends, bars of Sobol indices, Morris's elementary effects."""

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from doseline.canvas import GREY, PALE, finish, wrap
from doseline.errors import InputError
from doseline.sensitivity_canvas import (
    DASHED,
    LEAST,
    RIGHT,
    draw_bars,
    finished,
    fitted,
    interval_key,
    new_axes,
    number,
    paler,
    plain,
    point_keys,
    points,
    row_keys,
    write_elasticities,
    write_names,
)
from doseline.sensitivity_scene import NEEDS, largest, lone, read_shown

if TYPE_CHECKING:
    import xarray as xr
    from matplotlib.axes import Axes

__all__ = ["bars", "effects", "picture", "tornado"]

MOST = 15
"""Parameters that are shown."""


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
    entries += [Patch(color=paler(GREY), lw=0, label="parameter at the low end of its range")]
    entries += row_keys(shown)
    value = f": {number(shown.values['value'][0])} {shown.unit}" if lone(shown) else ""
    title = f"{shown.what}{value}\n{shown.about}"
    axes = ax or new_axes(shown, title, entries, bars_each=1, right=0.75 if lone(shown) else RIGHT)
    for end, fade in (("low", paler), ("high", plain)):
        draw_bars(axes, shown, shown.values[f"change_{end}"], 0, 1, fade)
    axes.axvline(0.0, color=GREY, lw=0.8)
    axes.set_xlabel(f"change of {shown.metric} (%)")
    if lone(shown):
        write_elasticities(axes, shown.values["elasticity"][0])
    return finished(axes, shown, title, entries)


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
    entries += [Patch(color=paler(GREY), lw=0, label="ST: share of the variance, with all interactions")]
    entries += [interval_key(shown)]
    entries += row_keys(shown)
    title = f"{shown.what}: what makes it vary\n{shown.about}"
    axes = ax or new_axes(shown, title, entries, bars_each=2)
    for at, (name, fade) in enumerate((("S1", plain), ("ST", paler))):
        ends = (shown.values[f"{name}_low"], shown.values[f"{name}_high"])
        draw_bars(axes, shown, shown.values[name], at, 2, fade, ends)
    axes.axvline(0.0, color=GREY, lw=0.8)
    axes.set_xlabel(f"share of the variance of {shown.metric}")
    return finished(axes, shown, title, entries)


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
        interval_key(shown),
        Line2D([], [], color=GREY, **DASHED, label="sigma is as large as mu*"),
        *point_keys(shown),
    ]
    if small.any():
        names = ", ".join(name for name, each in zip(shown.parameters, small, strict=True) if each)
        entries.append(Line2D([], [], ls="", label=wrap(f"near 0, without a name: {names}", 90)))
    axes = ax or new_axes(shown, title, entries, height=4.2, left=0.85)
    for row, look in enumerate(points(shown)):
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
    write_names(axes, shown, ~small)
    return finish(axes, fitted(axes, title), f"sigma of the effects ({shown.unit})", entries)


def picture(result: "xr.Dataset", *, metric: str | None = None, ax: "Axes | None" = None) -> "Axes":
    """The picture that belongs to the method."""
    draw = {"tornado": tornado, "bars": bars, "effects": effects}
    which = next((name for name, needed in NEEDS.items() if needed in result), "tornado")
    return draw[which](result, metric=metric, ax=ax)
