"""Noncompartmental analysis: what a pharmacologist reports of measured or simulated profiles."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from doseline.analysis.nca_metrics import (
    BOLUS,
    CLEARANCE,
    DERIVED,
    GEOMETRIC,
    INFUSION,
    MEDIAN,
    NO_DOSE,
    NO_SUCH_DOSE,
    NOT_FINITE,
    PRIMARY,
    REASONS,
    ROUTES,
    ROWS,
    VOLUME,
    WINDOW,
    Row,
)
from doseline.analysis.nca_profiles import Profiles, refuse_negative
from doseline.errors import InputError, did_you_mean
from doseline.kernels.noncompartmental import COLUMNS as KERNEL_COLUMNS
from doseline.kernels.noncompartmental import DROP, HALF, LINEAR, LINEAR_LOG, LOG, TOO_SHORT, ZERO
from doseline.kernels.noncompartmental import profiles as examine
from doseline.spread import OnThreads
from doseline.units import dimension, factor, read_quantity

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr

AREAS = {"linear": LINEAR, "linear up, log down": LINEAR_LOG, "log": LOG}
"""Rules of areas, and the numbers that the kernel knows them by."""
BELOW = {"zero": ZERO, "drop": DROP, "half": HALF}
WHERE = ("before", "between", "after")
BLQ = {"before": "zero", "between": "drop", "after": "zero"}
"""What becomes of levels below the limit of quantification before, between and after those that were measured."""
AT_ONCE = 16_384
"""Profiles of one part."""


@dataclass(frozen=True)
class Asked:
    """What is asked for, as the kernel is told it.

    ``how`` is (route, rule of areas, least points, dosing interval or 0); ``span`` of the terminal slope, or NaN;
    ``below`` what becomes of levels below ``limit`` before, between and after those that were measured.
    """

    route: str
    how: tuple[float, float, float, float]
    duration: float
    limit: float
    below: tuple[int, int, int]
    span: tuple[float, float]
    windows: np.ndarray


def read_asked(
    *,
    route: str,
    duration: Any,
    tau: Any,
    area: str,
    lloq: Any,
    blq: Any,
    windows: Any,
    terminal: Any,
    points: int,
    units: Mapping[str, str],
) -> Asked:
    """What a user asked for, checked."""
    how = _how(route, area, points, tau, units["time"])
    below = _below(blq, route)
    if lloq is None and BELOW["half"] in below:
        raise InputError("half of what?", place="blq", advice="give lloq=, the limit of quantification")
    return Asked(
        route, how,
        0.0 if route != INFUSION else _time(duration, "duration", units["time"]),
        0.0 if lloq is None else _positive(lloq, units["level"], "lloq"),
        below,
        (np.nan, np.nan) if terminal is None else tuple(_windows([terminal], "terminal")[0]),
        _windows(windows),
    )  # fmt: skip


def analyse(
    found: Profiles, asked: "Asked", *, slope_points: bool, threads: int, attrs: Mapping[str, str]
) -> "xr.Dataset":
    """All metrics of all profiles, on so many threads."""
    refuse_negative(found)
    parts = [slice(at, at + AT_ONCE) for at in range(0, len(found.level), AT_ONCE)]
    out = np.empty((len(found.level), KERNEL_COLUMNS))
    why = np.empty((len(found.level), KERNEL_COLUMNS), dtype=np.uint8)
    areas = np.empty((len(found.level), len(asked.windows)))
    told = (asked.limit, asked.below, asked.how, asked.span, asked.windows)

    def work(part: slice) -> None:
        own = found.time[part] if len(found.time) > 1 else found.time
        span = found.span[part] if len(found.span) > 1 else found.span
        examine(own, found.level[part], span, *told, out[part], why[part], areas[part])

    for _ in OnThreads(threads)(work, parts):
        pass
    why[~np.isfinite(out) & (why == 0)] = NOT_FINITE
    out[np.isinf(out)] = np.nan
    why[np.isnan(np.broadcast_to(found.span[:, 0], len(why)))] = NO_SUCH_DOSE
    given = {"dose": found.dose, "tau": asked.how[3], "duration": asked.duration}
    values, reasons = _all(out, why, given, asked.route)
    made = _dataset(found, values, reasons, (asked.windows, areas, why), attrs)
    return made.assign(_marked(found, values, asked.limit)) if slope_points else made


def _marked(found: Profiles, values: Mapping[str, np.ndarray], limit: float) -> dict[str, Any]:
    """Which samples the terminal slope goes through: those that were measured, from its first point to its last."""
    after = found.time - found.span[:, :1]
    inside = (after >= values["LAMZLL"][:, None]) & (after <= values["LAMZUL"][:, None]) & (found.level > 0)
    inside &= found.level >= limit
    along = "time" if len(found.time) == 1 else "sample"
    label = {"long_name": "whether the terminal slope goes through the sample"}
    marked: dict[str, Any] = {"slope_point": ((*found.dims, along), inside.reshape(*found.shape, -1), label)}
    if along == "sample":
        marked["sample_time"] = (
            (*found.dims, along),
            found.time.reshape(*found.shape, -1),
            {"units": found.units["time"]},
        )
    else:
        marked["time"] = ("time", found.time[0], {"units": found.units["time"]})
    return marked


def _how(route: str, area: str, points: int, tau: Any, time: str) -> tuple[float, float, float, float]:
    """Numbers that the kernel is told: route, rule of areas, least points, and dosing interval (0: none)."""
    if route not in ROUTES:
        raise InputError(f"found {route!r}", place="route", advice=did_you_mean(str(route), list(ROUTES)))
    if area not in AREAS:
        raise InputError(f"found {area!r}", place="area", advice=did_you_mean(str(area), list(AREAS)))
    if isinstance(points, bool) or not isinstance(points, (int, np.integer)) or points < 3:
        raise InputError(f"found {points!r}", place="points", advice="expected a whole number from 3 on")
    every = 0.0 if tau is None else _positive(tau, time, "tau")
    return float(ROUTES.index(route)), float(AREAS[area]), float(points), every


def _time(value: Any, place: str, unit: str) -> float:
    number = float(read_quantity(value, unit, place=place))
    if not number >= 0 or not np.isfinite(number):
        raise InputError(f"found {value!r}", place=place, advice="expected a time from 0 on")
    return number


def _positive(value: Any, unit: str, place: str) -> float:
    number = float(read_quantity(value, unit, place=place))
    if not number > 0 or not np.isfinite(number):
        raise InputError(f"found {value!r}", place=place, advice=f"expected a number above 0 [{unit}]")
    return number


def _windows(windows: Any, place: str = "windows") -> np.ndarray:
    """Pairs of times as an array (window, 2)."""
    try:
        spans = np.asarray(windows, dtype=np.float64).reshape(-1, 2)
    except (ValueError, TypeError) as error:
        raise InputError(
            f"found {windows!r}", place=place, advice="expected pairs of times, such as (0, 12)"
        ) from error
    if not ((spans[:, 0] < spans[:, 1]) & (spans[:, 0] >= 0) & np.isfinite(spans[:, 1])).all():
        raise InputError(
            f"found {windows!r}",
            place=place,
            advice="expected pairs of times from 0 on, the smaller one first",
        )
    return spans


def _below(blq: str | Mapping[str, str], route: str) -> tuple[int, int, int]:
    """What becomes of levels below the limit, before, between and after those that were measured."""
    each = dict.fromkeys(WHERE, blq) if isinstance(blq, str) else {**BLQ, **blq}
    for name, rule in each.items():
        if name not in WHERE:
            raise InputError(f"unknown '{name}'", place="blq", advice=did_you_mean(name, list(WHERE)))
        if rule not in BELOW:
            raise InputError(f"found {rule!r}", place="blq", advice=did_you_mean(str(rule), list(BELOW)))
    first = "drop" if route == BOLUS else each["before"]
    return BELOW[first], BELOW[each["between"]], BELOW[each["after"]]


def _all(
    out: np.ndarray, why: np.ndarray, given: Mapping[str, Any], route: str
) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    """Values and reasons of all metrics there are: of the points, and of formulas, each after what it needs."""
    count, periodic = len(out), given["tau"] > 0
    values: dict[str, np.ndarray] = {}
    reasons: dict[str, np.ndarray] = {}
    for column, row in enumerate(PRIMARY):
        values[row.code], reasons[row.code] = out[:, column], why[:, column]
    kept = [
        row
        for row in (*PRIMARY, *DERIVED)
        if route in row.routes and not (row.single if periodic else row.periodic)
    ]
    for row in kept:
        if row.formula is None:
            continue
        reason = np.zeros(count, dtype=np.uint8)
        for need in sorted(row.needs, key="dose".__eq__):
            if need in reasons:
                reason = np.where(reason == 0, reasons[need], reason)
            elif need == "dose":
                lacking = given[need] is None or np.isnan(given[need])
                reason = np.where((reason == 0) & lacking, np.uint8(NO_DOSE), reason)
        needed = [values.get(need, given.get(need)) for need in row.needs]
        if any(each is None for each in needed):
            value = np.full(count, np.nan)
        else:
            with np.errstate(all="ignore"):
                value = row.formula(*needed)
            value = np.where((reason == 0) & np.isfinite(value), value, np.nan)
            reason = np.where((reason == 0) & np.isnan(value), np.uint8(NOT_FINITE), reason)
        values[row.code], reasons[row.code] = value, reason.astype(np.uint8)
    return {row.code: values[row.code] for row in kept}, {row.code: reasons[row.code] for row in kept}


def unit_of(row: Row, units: Mapping[str, str]) -> tuple[float, str]:
    """Factor to the unit in which a metric is given, and that unit."""
    if row.units not in (CLEARANCE, VOLUME):
        return 1.0, row.units.format(**units)
    time = units["time"]
    area = f"({units['level']}) * {time}" if row.units == CLEARANCE else f"({units['level']})"
    raw, target = f"({units['dose']}) / ({area})", f"L/{time}" if row.units == CLEARANCE else "L"
    for wanted in (target, f"{target}/kg"):
        if dimension(raw) == dimension(wanted):
            return factor(raw, wanted), wanted
    return 1.0, raw


def _dataset(
    found: Profiles,
    values: Mapping[str, np.ndarray],
    reasons: Mapping[str, np.ndarray],
    windows: tuple[np.ndarray, np.ndarray, np.ndarray],
    attrs: Mapping[str, str],
) -> "xr.Dataset":
    """Everything with its labels."""
    import xarray as xr

    data: dict[str, Any] = {}
    for code, value in values.items():
        scale, unit = unit_of(ROWS[code], found.units)
        scaled = value if scale == 1.0 else value * scale
        data[code] = (found.dims, np.ascontiguousarray(scaled).reshape(found.shape), _told(ROWS[code], unit))
    flags = {
        "flag_values": list(range(len(REASONS))),
        "flag_meanings": "; ".join(REASONS),
        "long_name": "why a value is missing",
    }
    told = np.stack([reasons[code].reshape(found.shape) for code in values])
    data["reason"] = (("metric", *found.dims), told, flags)
    coords: dict[str, Any] = {**found.coords, "metric": list(values)}
    spans, areas, why = windows
    if len(spans):
        data[WINDOW.code] = (
            (*found.dims, "window"),
            areas.reshape(*found.shape, len(spans)),
            _told(WINDOW, unit_of(WINDOW, found.units)[1]),
        )
        coords["window"] = [f"{begin:g}-{end:g}" for begin, end in spans]
        lacking = np.where(np.isnan(areas), np.where(why[:, :1] > 0, why[:, :1], TOO_SHORT), 0).astype(
            np.uint8
        )
        data["window_reason"] = ((*found.dims, "window"), lacking.reshape(*found.shape, len(spans)), flags)
    return xr.Dataset(data, coords, dict(attrs))


def _told(row: Row, unit: str) -> dict[str, str]:
    return {
        "units": unit,
        "long_name": row.name,
        "alias": row.alias,
        "summary": row.summary,
        "needs": " ".join(row.needs),
    }


def _metrics(found: "xr.Dataset") -> list[str]:
    """Codes of the metrics in a result of `nca`."""
    if "reason" not in getattr(found, "data_vars", ()) or "metric" not in found.coords:
        raise InputError("these are no results of dl.nca", place="found", advice="give what dl.nca made")
    return [str(code) for code in np.atleast_1d(found["metric"].values)]


def nca_table(found: "xr.Dataset") -> "pd.DataFrame":
    """One row for each profile and metric, as CDISC's PP domain has them.

    ``PPTESTCD`` and ``PPTEST`` are code and name, ``PPORRES`` the value and ``PPORRESU`` its unit; ``PPREASND`` says
    why there is none.

    >>> import doseline as dl
    >>> found = dl.nca({"subject": [1] * 5, "time": [0, 1, 2, 4, 8], "conc": [0, 4, 8, 4, 1]}, dose=100)
    >>> table = nca_table(found).set_index("PPTESTCD")
    >>> table.loc["LAMZHL", "PPREASND"]
    'there are too few measured levels for a terminal slope'
    """
    import pandas as pd

    codes, parts = _metrics(found), []
    meaning = np.array(["", *REASONS[1:]], dtype=object)
    if found[codes[0]].ndim == 0:
        found = found.expand_dims("profile")
    dims = [dim for dim in found["reason"].dims if dim != "metric"]
    index = found[codes[0]].to_dataframe().drop(columns=codes[0]).reset_index()
    for code in codes:
        value, why = found[code], found["reason"].sel(metric=code)
        part = index.copy()
        part["PPTESTCD"], part["PPTEST"] = code, value.attrs["long_name"]
        part["PPORRES"], part["PPORRESU"] = value.transpose(*dims).values.ravel(), value.attrs["units"]
        part["PPREASND"] = meaning[why.transpose(*dims).values.ravel()]
        parts.append(part)
    return pd.concat(parts, ignore_index=True)


def nca_summary(found: "xr.Dataset", *, over: str | None = None) -> "pd.DataFrame":
    """Metrics of several subjects summed up, each by its rule: geometric mean and CV, median and range, mean and SD.

    ``over`` is the dimension that is summed up: subjects, or profiles. Other dimensions give rows of their own.
    ``n`` counts those with a value (of geometric means, a value above 0), and ``missing`` the others.

    >>> import doseline as dl
    >>> found = dl.nca({"subject": [1] * 4 + [2] * 4, "time": [0, 1, 2, 4] * 2, "conc": [0, 4, 2, 1, 0, 16, 8, 4]})
    >>> print(f"{nca_summary(found).set_index('metric').loc['CMAX', 'typical']:.1f}")
    8.0
    """
    import pandas as pd

    codes = _metrics(found)
    dims = [str(dim) for dim in found["reason"].dims if dim != "metric"]
    along = over or next((dim for dim in ("subject", "profile") if dim in dims), "")
    if along not in dims:
        raise InputError(f"there is no dimension '{along}'", place="over", advice=did_you_mean(along, dims))
    rows = []
    for code in codes:
        value = found[code]
        flat = (
            value.stack(every=[dim for dim in dims if dim != along])
            if len(dims) > 1
            else value.expand_dims("every")
        )
        for at in range(flat.sizes["every"]):
            one = flat.isel(every=at)
            own = {dim: one.coords[dim].item() for dim in dims if dim != along}
            rows.append(
                {
                    **own,
                    "metric": code,
                    "unit": value.attrs["units"],
                    **_summed(one.values, value.attrs["summary"]),
                }
            )
    return pd.DataFrame(rows)


def _summed(values: np.ndarray, rule: str) -> dict[str, Any]:
    """One row of a summary: what is typical, how far values spread, and by which rule."""
    known = values[~np.isnan(values)]
    if rule == GEOMETRIC:
        known = known[known > 0]
    told: dict[str, Any] = {"n": len(known), "missing": len(values) - len(known)}
    if not len(known):
        return {**told, "typical": np.nan, "spread": np.nan, "low": np.nan, "high": np.nan, "rule": rule}
    spread = np.nan
    if rule == GEOMETRIC:
        logs = np.log(known)
        typical = float(np.exp(logs.mean()))
        spread = 100 * float(np.sqrt(np.expm1(logs.var(ddof=1)))) if len(known) > 1 else np.nan
    elif rule == MEDIAN:
        typical = float(np.median(known))
    else:
        typical, spread = float(known.mean()), float(known.std(ddof=1)) if len(known) > 1 else np.nan
    return {
        **told,
        "typical": typical,
        "spread": spread,
        "low": known.min(),
        "high": known.max(),
        "rule": rule,
    }
