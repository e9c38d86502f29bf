"""How levels of many subjects are drawn: lines within bands, a therapeutic window, and what the legend says of them."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import product
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.colors import to_rgb
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from doseline.band_scene import BandScene
from doseline.canvas import (
    EXPLAINED,
    GREY,
    SMALL,
    STYLES,
    Limits,
    colour,
    daily,
    keys,
    mark,
    widths,
)
from doseline.scene import DAY, Window

if TYPE_CHECKING:
    from matplotlib.axes import Axes

WINDOW, WINDOW_EDGE, WINDOW_TEXT = "#f6f0da", "#cdbb74", "#8a7726"
"""Colours of a therapeutic window: paler than any band, and none of theirs."""
TYPICAL: dict[str, Any] = {"lw": 0.9, "ls": (0, (2.6, 1.6))}
"""How a typical prediction is drawn."""
DENSE, PALE = 0.26, 0.11
"""How much of what lies behind them bands cover: one alone, and one that others may lie upon."""


@dataclass(frozen=True)
class Curve:
    """One regimen with one meal: line, band (low, high) and typical prediction at x, which is time as the axis counts.

    Over a long course they are averages of days, or of dosing intervals where these are longer, of which `step` is the
    length [h]; `swing` are then the lowest of ``low`` and the highest of ``high`` of each.
    """

    x: np.ndarray
    middle: np.ndarray
    low: np.ndarray | None
    high: np.ndarray | None
    typical: np.ndarray | None
    look: tuple[Any, Any, float]
    """Colour, line style and width."""
    step: float | None = None
    swing: tuple[np.ndarray, np.ndarray] | None = None

    def drawn(self, *, alone: bool) -> list[np.ndarray]:
        """All values that the axis has to hold."""
        parts = [self.middle, self.low, self.high, self.typical, *(self.swing or () if alone else ())]
        return [part for part in parts if part is not None]


def curves_of(found: BandScene, window: Window) -> list[Curve]:
    """A curve for each regimen with each meal."""
    scene = found.scene
    wide = widths(scene.levels)
    curves = []
    for arm, meal in product(range(len(scene.arms)), range(len(scene.meals))):
        look = (colour(arm, meal), STYLES[meal % len(STYLES)], float(wide[arm, meal]))
        low, high, typical = (
            None if part is None else part[arm, meal] for part in (found.low, found.high, found.typical)
        )
        curve = Curve(scene.time, scene.levels[arm, meal], low, high, typical, look)
        if window.days is None:
            curve = _condensed(curve, scene.doses[arm])
        if not found.many:
            # the level of one subject is no band
            curve = replace(curve, low=None, high=None)
        curves.append(replace(curve, x=window.x(curve.x)))
    return curves


def _condensed(curve: Curve, doses: np.ndarray) -> Curve:
    """Averages of days, where there are many of them."""
    days = {
        name: daily(curve.x, part, doses)
        for name in ("middle", "low", "high", "typical")
        if (part := getattr(curve, name)) is not None
    }
    line = days["middle"]
    if line is None:
        return curve
    averages: dict[str, Any] = {name: each[3] for name, each in days.items() if each}
    low, high = days.get("low"), days.get("high")
    swing = (low[1], high[2]) if low and high else None
    return replace(curve, x=line[0], step=float(np.diff(line[0])[0]), swing=swing, **averages)


def draw_curves(axes: "Axes", curves: Sequence[Curve], limits: Limits) -> None:
    """All bands, and all lines upon them; thin edges tell bands apart that lie upon each other."""
    alone = len(curves) == 1
    for curve in curves:
        own, style, _ = curve.look
        if alone and curve.swing:
            _fill(
                axes, curve.x, *curve.swing, limits, color=own, alpha=PALE if curve.low is not None else DENSE
            )
        if curve.low is not None and curve.high is not None:
            _fill(axes, curve.x, curve.low, curve.high, limits, color=own, alpha=DENSE if alone else PALE)
            for edge in () if alone else (curve.low, curve.high):
                axes.plot(curve.x, np.maximum(edge, limits[0] / 2), color=own, lw=0.8, alpha=0.6, ls=style)
    for curve in curves:
        own, style, width = curve.look
        axes.plot(curve.x, curve.middle, color=own, lw=width, ls=style)
        if curve.typical is not None:
            axes.plot(curve.x, curve.typical, color=_darker(own), **TYPICAL)


def _fill(axes: "Axes", x: np.ndarray, low: np.ndarray, high: np.ndarray, limits: Limits, **how: Any) -> None:
    # on a logarithmic axis nothing lies at 0
    axes.fill_between(x, np.maximum(low, limits[0] / 2), np.maximum(high, limits[0] / 2), lw=0, **how)


def draw_window(axes: "Axes", window: tuple[float, float], limits: Limits) -> None:
    """The window behind everything else, its ends written beside the axes."""
    axes.axhspan(*window, color=WINDOW, lw=0, zorder=0.2)
    shown = [end for end in window if limits[0] <= end <= limits[1]]
    height = axes.transAxes.transform((0, 1))[1] - axes.transAxes.transform((0, 0))[1]
    places = [
        float(axes.transLimits.transform(axes.transScale.transform((1, end)))[1]) * height for end in shown
    ]
    # ends that lie close together are pushed apart
    apart = 0.16 * axes.figure.dpi
    push = max(0.0, apart - (places[1] - places[0])) / 2 if len(places) == 2 else 0.0
    for end, sign in zip(shown, (-1, 1) if len(shown) == 2 else (0,), strict=len(shown) > 0):
        axes.axhline(end, color=WINDOW_EDGE, lw=0.9, zorder=1.5)
        axes.annotate(
            f"{end:,.6g}",
            (1.0, end),
            xycoords=axes.get_yaxis_transform(),
            xytext=(4, sign * push * 72 / axes.figure.dpi),
            textcoords="offset points",
            fontsize=SMALL,
            color=WINDOW_TEXT,
            va="center",
        )


def explained(
    found: BandScene, curves: Sequence[Curve], window: tuple[float, float] | None, *, marked: bool
) -> list[Any]:
    """What the legend says."""
    scene, alone = found.scene, len(curves) == 1
    entries = keys(scene.arms, scene.meals)
    own = curves[0].look[0] if alone else GREY
    entries += _of_lines(found, curves, own)
    if found.typical is not None:
        told = "typical prediction, without random effects"
        entries.append(Line2D([], [], color=_darker(own), label=told, **TYPICAL))
    if window:
        told = f"therapeutic window, {window[0]:,.6g} to {window[1]:,.6g} {scene.units}"
        entries.append(Patch(facecolor=WINDOW, edgecolor=WINDOW_EDGE, lw=0.9, label=told))
    if marked:
        entries.append(Line2D([], [], **mark(GREY), label=EXPLAINED["dose"]))
    return entries


def _of_lines(found: BandScene, curves: Sequence[Curve], own: Any) -> list[Any]:
    """What lines and bands are."""
    alone = len(curves) == 1
    steps = [curve.step for curve in curves if curve.step]
    if not found.many:
        swinging = alone and steps and found.low is not None
        told = EXPLAINED["band" if swinging else "average"] if steps else ""
        shown = (
            Patch(color=own, alpha=DENSE, lw=0, label=told) if swinging else Line2D([], [], ls="", label=told)
        )
        return [shown] if told else []
    word = "dosing interval" if steps and min(steps) > DAY else "day"
    averaged = f", averaged over each {word}" if steps else ""
    if not found.ends:
        how: dict[str, Any] = {"color": own, "lw": 1.5} if alone else {"ls": ""}
        return [
            Line2D([], [], label=f"{'line' if alone else 'lines'}: median of the subjects{averaged}", **how)
        ]
    low, high = (f"{end:g} %" for end in found.ends)
    told = f"line and band: median and {low} to {high} of the subjects{averaged}"
    entries: list[Any] = [Patch(color=own, alpha=DENSE, lw=0, label=told)]
    if alone and steps:
        told = f"pale: from the lowest {low} to the highest {high} within each {word}"
        entries.append(Patch(color=own, alpha=PALE, lw=0, label=told))
    return entries


def _darker(own: Any) -> Any:
    return tuple(0.5 * part for part in to_rgb(own))
