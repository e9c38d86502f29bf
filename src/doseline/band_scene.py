"""What a picture of many subjects shows: median and band of their levels, for each regimen and meal."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from doseline.analysis.bands import bands, measured
from doseline.errors import InputError
from doseline.scene import Scene, Window, by_arm, doses_of, pretty, refuse_dimensions, refuse_without_times

if TYPE_CHECKING:
    import xarray as xr

POOLED = ("replicate", "subject")
"""Dimensions whose rows are drawn as one band."""


@dataclass(frozen=True)
class BandScene:
    """Levels of many subjects: the medians are those of the `scene`, the rest is (arm, meal, time) as they are."""

    scene: Scene
    low: np.ndarray | None
    high: np.ndarray | None
    typical: np.ndarray | None
    """Predictions without random effects: their median where the subjects differ in covariates."""
    ends: tuple[float, float] | None
    """Which quantiles low and high are [%]; None where there is only one row, or where no band is wanted."""
    many: bool
    """There is more than one row."""


def read_bands(
    levels: "xr.Dataset", *, output: str | None, band: Any, days: tuple[int, int] | None
) -> tuple[BandScene, Window]:
    """Median and band of a Dataset from `simulate`, at the times that will be drawn."""
    refuse_without_times(levels)
    name = measured(levels, output)[0]
    made = "quantile" in levels[name].dims
    refuse_dimensions(levels[name].isel(quantile=0) if made else levels[name])
    ends = _ends(band)
    time = levels["time"].values.astype(np.float64)
    label = str(levels[name].attrs.get("long_name", name))
    empty = Scene(label, pretty(levels[name].attrs.get("units", "")), "", time, (), (), np.empty(0), ())
    window = empty.window(days)
    inside = np.flatnonzero(empty.inside(window))
    if not inside.size:
        raise InputError("no times in these days", place="days", advice="give finer times to dl.simulate")
    # a stretch of the times is looked at where it stands
    shown = levels.isel(time=slice(int(inside[0]), int(inside[-1]) + 1))
    pooled = [dim for dim in POOLED if dim in levels[name].dims]
    level, subjects = _medians(shown, name, ends, pooled)
    middle, arms, meals = by_arm(level.isel(quantile=1))
    size = (len(arms), len(meals), -1)
    values = middle.values.reshape(size)
    solved = np.isfinite(values).any(axis=(1, 2))
    scene = replace(
        empty,
        who=_who(levels, pooled, subjects),
        time=shown["time"].values.astype(np.float64),
        arms=tuple(
            arm if well else f"{arm} (could not be solved)" for arm, well in zip(arms, solved, strict=True)
        ),
        meals=meals,
        levels=values,
        doses=_planned(levels, len(arms)),
    )
    low, high = (by_arm(level.isel(quantile=at))[0].values.reshape(size) if ends else None for at in (0, 2))
    typical = _typical(shown, name, pooled)
    many = made or _rows(levels, pooled) > 1
    typical = None if typical is None else typical.reshape(size)
    return BandScene(scene, low, high, typical, ends if many else None, many), window


def _ends(band: Any) -> tuple[float, float] | None:
    """Lower and upper quantile of the band [%]."""
    if band is None:
        return None
    try:
        low, high = (float(end) for end in band if not isinstance(end, (str, bool)))
    except (TypeError, ValueError):
        low = high = np.nan
    if not 0 <= low < 50 < high <= 100 or 0 < high < 1:
        raise InputError(
            f"found {band!r:.60}",
            place="band",
            advice="give percentages on both sides of the median, such as band=(5, 95), or None for no band",
        )
    return low, high


def _medians(
    levels: "xr.Dataset", name: str, ends: tuple[float, float] | None, pooled: Sequence[str]
) -> tuple["xr.DataArray", "xr.DataArray | None"]:
    """Lower end, median and upper end (quantile, ..., time), and how many rows they are made of."""
    if "quantile" in levels[name].dims:
        return _chosen(levels[name], ends or (50.0, 50.0)), levels.get("subjects")
    if not pooled:
        return levels[name].drop_vars("quantile", errors="ignore").expand_dims(quantile=3), None
    low, high = ends or (25.0, 75.0)
    summed = bands(levels[[name]], [low, 50.0, high], output=name, over=list(pooled))
    return summed[name], summed["subjects"]


def _chosen(level: "xr.DataArray", ends: tuple[float, float]) -> "xr.DataArray":
    """Lower end, median and upper end of bands that are made already."""
    known = [float(part) for part in level["quantile"].values]
    for part in (50.0, *ends):
        if part not in known:
            raise InputError(
                f"these bands have no quantile {part:g} %",
                place="band",
                advice=f"they have {', '.join(f'{each:g}' for each in known)}: choose two of them and make 50 one of "
                "them, as in dl.bands(..., q=[5, 50, 95])",
            )
    return level.sel(quantile=[ends[0], 50.0, ends[1]])


def _rows(levels: "xr.Dataset", pooled: Sequence[str]) -> int:
    return int(np.prod([levels.sizes[dim] for dim in pooled], dtype=np.int64))


def _who(levels: "xr.Dataset", pooled: Sequence[str], counted: "xr.DataArray | None") -> str:
    """Whose levels these are, and how many of them are missing."""
    # of bands that are made already only the number of subjects is left
    if "subject" not in pooled and "subjects" in levels:
        return f"{int(np.max(levels['subjects'].values)):,} subjects"
    if "subject" not in pooled:
        who = f"subject {levels['subject'].item()}" if "subject" in levels.coords else "one profile"
    else:
        count = levels.sizes["subject"]
        who = f"{count:,} subjects" if count > 1 else f"subject {levels['subject'].values[0]}"
    if "replicate" in pooled:
        who += f" in {levels.sizes['replicate']:,} replicates, all together"
    failed = 0 if counted is None else _rows(levels, pooled) - counted
    most, least = int(np.max(failed)), int(np.min(failed))
    if most:
        who += f"; {'' if most == least else 'up to '}{most:,} could not be solved"
    return who


def _planned(levels: "xr.Dataset", arms: int) -> tuple[np.ndarray, ...]:
    """Dose times of each arm as the regimen has them; some subjects may miss or shift doses, or end early."""
    return doses_of(levels[[name for name in ("dose_time",) if name in levels]], arms)


def _typical(levels: "xr.Dataset", name: str, pooled: Sequence[str]) -> np.ndarray | None:
    """The typical prediction (arm, meal, time), where there is one that belongs to the output."""
    known = f"{name.removesuffix('_observed')}_typical"
    if known not in levels or known == name:
        return None
    own = [dim for dim in pooled if dim in levels[known].dims]
    if not own:
        return by_arm(levels[known])[0].values
    middle = bands(
        levels[[known]].assign({known: levels[known].assign_attrs(jumps_at_doses=0)}), [50], over=own
    )
    return by_arm(middle[known].isel(quantile=0))[0].values
