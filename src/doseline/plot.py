"""Pictures of levels and of exposure: matplotlib Axes in and out, no window, nothing global.

`course`, `meals` and `exposure` draw on one Axes. The functions that end in ``_picture`` lay out a whole Figure, linear
and semi-log, and write a note where there is nothing to draw. Colours tell regimens apart, line styles meals.

>>> import doseline as dl
>>> levels = dl.simulate("isotretinoin", "40 mg twice daily for 6 weeks", times="1 h", meal=["fed", "fasted"])
>>> course(levels, days=(40, 42), log=True).get_ylabel()
'isotretinoin in plasma (ng/mL)'
"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from doseline.canvas import (
    GREY,
    SMALL,
    Limits,
    draw_levels,
    draw_sweep,
    finish,
    foot,
    keys,
    legend_height,
    level_axis,
    limits_of,
    new_axes,
    note,
    sheet,
    time_axis,
    wrap,
)
from doseline.errors import InputError, did_you_mean
from doseline.scene import DAY, Scene, Window, read_scene, read_sweep

if TYPE_CHECKING:
    import xarray as xr
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["course", "course_picture", "exposure", "exposure_picture", "meals", "meals_picture"]

MOST_PANELS = 5
"""More regimens than this do not fit side by side."""


def course(
    levels: "xr.Dataset",
    *,
    output: str | None = None,
    subject: Any = None,
    days: tuple[int, int] | None = None,
    log: bool = False,
    ax: "Axes | None" = None,
) -> "Axes":
    """One subject's levels over the course or some days of it: a colour for each regimen, a line style for each meal.

    A long course shows each day's average, for one regimen within a band from its lowest to its highest level.

    Parameters
    ----------
    levels : Dataset                 From `doseline.simulate`.
    output : str, optional           Which output; the first where nothing is given.
    subject : optional               Label of a subject; the one of median weight where nothing is given.
    days : (first, last), optional   Whole days, counted from 1.
    log : bool                       Levels on a logarithmic scale.
    ax : Axes, optional              To draw on; one of a new Figure where nothing is given. The legend stands below it:
                                     save with ``bbox_inches="tight"`` where there is no room.

    Raises
    ------
    InputError : an unknown subject or output, days outside the course, ``log`` where no level is above 0.

    >>> import doseline as dl
    >>> levels = dl.simulate("isotretinoin", "80 mg once fed", times="0.5 h for 72 h")
    >>> course(levels).get_xlabel()
    'time (hours)'
    """
    scene = read_scene(levels, output=output, subject=subject)
    return _levels(scene, range(len(scene.arms)), scene.window(days), log, ax, scene.meals)


def meals(
    levels: "xr.Dataset",
    *,
    regimen: str | None = None,
    output: str | None = None,
    subject: Any = None,
    log: bool = False,
    ax: "Axes | None" = None,
) -> "Axes":
    """The meals against each other in the last days with doses of one regimen, the average of each in the legend.

    ``regimen`` is the first where nothing is given; the rest is as in `course`.
    """
    if regimen is not None:
        known = [str(name) for name in np.atleast_1d(levels["regimen"])] if "regimen" in levels.coords else []
        if regimen not in known:
            raise InputError(
                f"unknown regimen '{regimen}'", place="regimen", advice=did_you_mean(str(regimen), known)
            )
        levels = levels.isel(regimen=known.index(regimen)) if "regimen" in levels.dims else levels
    scene = read_scene(levels, output=output, subject=subject).first(1)
    window = scene.window(scene.last_days(0, count=2))
    averages = zip(scene.meals, scene.averages(0, window), strict=True)
    named = [
        f"{meal}: {average:.3g} {scene.units} on average".removeprefix(": ") for meal, average in averages
    ]
    return _levels(scene, [0], window, log, ax, named)


def exposure(
    table: "xr.Dataset",
    *,
    metric: str = "AUC",
    against: str = "WT",
    log: bool = False,
    ax: "Axes | None" = None,
) -> "Axes":
    """Exposure in the last complete dosing interval, or over the course, against a covariate.

    Parameters
    ----------
    table : Dataset   From `doseline.exposure`.
    metric : str      ``"AUC"``, ``"Cmax"``, ... or ``"course_AUC"``, ... Where the regimens' dosing intervals differ in
                      length, AUC is scaled to 24 h.
    against : str     A covariate of the subjects.
    log, ax           As in `course`.

    Raises
    ------
    InputError : an unknown metric or covariate, or no complete dosing interval.

    >>> import doseline as dl
    >>> levels = dl.simulate("isotretinoin", "20 mg daily for 2 weeks", {"WT": [50, 60, 70]}, times="1 h")
    >>> exposure(dl.exposure(levels), metric="Cmax").get_xlabel()
    'body weight (kg)'
    """
    sweep = read_sweep(table, metric=metric, against=against)
    limits = _limits(sweep.values, log, "no dosing interval is complete")
    entries = keys(sweep.arms, sweep.meals)
    axes = ax or new_axes(entries)
    draw_sweep(axes, sweep, limits)
    return finish(axes, sweep.title, sweep.ylabel, entries)


def course_picture(
    levels: "xr.Dataset",
    *,
    output: str | None = None,
    subject: Any = None,
    days: tuple[int, int] | None = None,
) -> "Figure":
    """The whole course above and some days of it below, linear and semi-log, a column for each regimen.

    ``days`` are the last ones with doses where nothing is given; the rest is as in `course`. At most five regimens are
    drawn: choose them with ``levels.sel(regimen=[...])``.
    """
    full = read_scene(levels, output=output, subject=subject)
    scene = full.first(MOST_PANELS)
    arms = range(len(scene.arms))
    rows = {"Whole course": [scene.whole()] * len(arms)}
    if days or scene.time[-1] - scene.time[0] > 4 * DAY:
        name = "Some days" if days else "Last days with doses"
        rows[name] = [scene.window(days or scene.last_days(arm, count=3)) for arm in arms]
    figure, _ = _picture(scene, scene.title() + _left_out(scene, full), rows)
    return figure


def meals_picture(levels: "xr.Dataset", *, output: str | None = None, subject: Any = None) -> "Figure":
    """The meals against each other in the last days with doses, linear and semi-log, a column for each regimen."""
    full = read_scene(levels, output=output, subject=subject)
    scene = full.first(MOST_PANELS)
    windows = [scene.window(scene.last_days(arm, count=2)) for arm in range(len(scene.arms))]
    versus = f", {' against '.join(scene.meals)}" if len(scene.meals) > 1 else ""
    title = scene.title(versus) + _left_out(scene, full)
    figure, panels = _picture(scene, title, {"Last days with doses": windows}, room=0.2)
    for arm, axes in panels:
        averages = scene.averages(arm, windows[arm])
        told = ", ".join(
            f"{meal} {average:.3g}".strip() for meal, average in zip(scene.meals, averages, strict=True)
        )
        ratio = f" ({averages[0] / averages[1]:.2g} : 1)" if len(averages) == 2 and averages[1] > 0 else ""
        text = f"average: {told} {scene.units}{ratio}"
        box = {"facecolor": "white", "edgecolor": "none", "pad": 1.5}
        axes.text(0.03, 0.97, text, transform=axes.transAxes, fontsize=SMALL, va="top", color=GREY, bbox=box)
    return figure


def exposure_picture(table: "xr.Dataset", *, metric: str = "AUC", against: str = "WT") -> "Figure":
    """Exposure against a covariate as in `exposure`: linear on the left, semi-log on the right."""
    sweep = read_sweep(table, metric=metric, against=against)
    entries = keys(sweep.arms, sweep.meals)
    size = legend_height(entries)
    figure, cells = sheet(
        sweep.title, ("linear", "semi-log"), ("",), panel=(4.6, 3.6), under=[0.5], foot=size
    )
    for log, axes in zip((False, True), cells[0], strict=True):
        limits = limits_of([sweep.values], log)
        if limits:
            draw_sweep(axes, sweep, limits)
        else:
            note(axes, "no dosing interval is complete, or nothing is above 0")
    return foot(figure, entries, columns=1)


def _levels(
    scene: Scene, arms: Sequence[int], window: Window, log: bool, ax: "Axes | None", meal_names: Sequence[str]
) -> "Axes":
    """Some arms of a scene on one Axes."""
    shown = scene.levels[..., scene.inside(window)]
    limits = _limits(
        shown, log, f"{scene.who} could not be solved" if shown.size else "no times in these days"
    )
    # room for the marks of doses and the band, which are known when they are drawn
    axes = ax or new_axes(keys(scene.arms, meal_names, {"dose", "band"}))
    level_axis(axes, limits)
    time_axis(axes, window)
    extras = draw_levels(axes, scene, arms, window, limits)
    return finish(axes, scene.title(), f"{scene.label} ({scene.units})", keys(scene.arms, meal_names, extras))


def _limits(values: np.ndarray, log: bool, reason: str) -> Limits:
    """Limits of an axis, or the reason why there are none."""
    limits = limits_of([values], log)
    if limits:
        return limits
    if limits_of([values], False):
        raise InputError("no value is above 0", place="log", advice="draw it with log=False")
    raise InputError(
        reason, place="plot", advice="look at levels['status'], and at whether the times are close enough"
    )


def _left_out(scene: Scene, full: Scene) -> str:
    return f" ({len(scene.arms)} of {len(full.arms)} regimens)" if len(scene.arms) < len(full.arms) else ""


def _picture(
    scene: Scene, title: str, rows: Mapping[str, Sequence[Window]], *, room: float = 0.05
) -> tuple["Figure", list[tuple[int, "Axes"]]]:
    """A panel for each row, scale and arm, and which arm each shows.

    The scales stand side by side for one arm, one below the other for several, which then share their labels.
    """
    arms = range(len(scene.arms))
    lone = len(arms) == 1
    if lone:
        under = [0.75] * (len(rows) - 1) + [0.5]
        figure, cells = sheet(title, ("linear", "semi-log"), tuple(rows), panel=(4.6, 2.6), under=under)
    else:
        names = [f"{row}, {scale}" for row in rows for scale in ("linear", "semi-log")]
        size = (max(2.3, 12.0 / len(arms)), 1.8)
        under = [*([0.4, 0.85] * len(rows))[:-1], 0.5]
        figure, cells = sheet(title, scene.arms, names, panel=size, between=0.25, under=under)
    extras: set[str] = set()
    panels = []
    for row, windows in enumerate(rows.values()):
        shown = [scene.levels[arm][:, scene.inside(windows[arm])] for arm in arms]
        for log in (False, True):
            limits = limits_of(shown, log, room=room)
            for arm in arms:
                axes = cells[row][int(log)] if lone else cells[2 * row + int(log)][arm]
                panels.append((arm, axes))
                if limits is None or not np.isfinite(shown[arm]).any():
                    note(axes, _reason(shown[arm], log))
                    continue
                level_axis(axes, limits, labels=lone or arm == 0)
                time_axis(axes, windows[arm], labels=lone or log)
                extras |= draw_levels(axes, scene, [arm], windows[arm], limits)
                if lone or arm == 0:
                    axes.set_ylabel(f"{wrap(scene.label, 24)}\n({scene.units})")
    foot(figure, keys(scene.arms if lone else (), scene.meals, extras))
    return figure, panels


def _reason(shown: np.ndarray, log: bool) -> str:
    """Why a panel is empty."""
    if not shown.size:
        return "no times in these days"
    return "nothing above 0" if log and np.isfinite(shown).any() else "could not be solved"
