"""A made-up result with every kind of variable that a simulation has, and its store."""

import hashlib

import numpy as np
import xarray as xr

from doseline.store import Store

SUBJECTS, ROWS_EACH, REPLICATES, TIMES = 11, 4, 2, 30
SIX = range(6)
"""Numbers of its parts: three of each replicate."""


def whole():
    """Levels that every position gives another value, by a formula of the position alone."""
    replicate, subject = np.arange(1, REPLICATES + 1), np.arange(101, 101 + SUBJECTS)
    hours = np.arange(TIMES) * 2.0
    at = np.meshgrid(replicate, np.arange(2), subject, hours, indexing="ij", sparse=True)
    levels = (at[0] + at[1] / 7) * at[2] * np.exp(-0.1 * at[3])
    rows = ("replicate", "regimen", "subject")
    data = {
        "plasma": ((*rows, "time"), levels, {"units": "ng/mL", "jumps_at_doses": 1}),
        "plasma_jumps": (("regimen",), np.array([True, False])),
        "plasma_typical": (("regimen", "subject", "time"), levels[0] / 2),
        "status": (rows, (levels[..., 0] % 3).astype(np.int8), {"flag_values": [0, 1, 2]}),
        "total_dose": (rows, levels[..., 3], {"units": "mg"}),
        "taken": (rows, levels[..., 1] % 2 > 1),
        "CL": (("replicate", "subject"), levels[:, 0, :, 5]),
        "scale": (("replicate",), np.array([0.5, 2.0])),
        "dose_time": (("regimen", "dose"), np.array([[0.0, 24.0], [0.0, np.nan]]), {"units": "h"}),
    }
    coords = {
        "replicate": replicate,
        "regimen": ["low", "standard"],
        "subject": subject,
        "time": ("time", hours, {"units": "h"}),
        "meal": "fed",
        "WT": ("subject", 50.0 + np.arange(SUBJECTS), {"units": "kg"}),
        "SEX": ("subject", np.where(np.arange(SUBJECTS) % 3, "F", "male")),
    }
    return xr.Dataset(data, coords, {"model": "made up", "provenance": '{"schema": "1"}'})


def known(levels):
    return {name: levels[name].values for name in ("replicate", "subject", "SEX")}


def opened(path, levels=None, **changed):
    levels = whole() if levels is None else levels
    asked = {"rows_each": ROWS_EACH, "fingerprint": {"seed": "7"}, **changed}
    template = levels.isel(replicate=[0], subject=slice(0, 2))
    return Store.open_or_create(path, template, known(levels), **asked)


def part_of(levels, store, part):
    place = store.layout.place(part)
    return levels.isel(replicate=[place.replicate], subject=slice(place.start, place.stop))


def write(store, parts, levels=None):
    levels = whole() if levels is None else levels
    for part in parts:
        store.record(store.write(part, part_of(levels, store, part)))


def made(path, parts=SIX, **changed):
    """A store with some of its parts, closed."""
    with opened(path, **changed) as store:
        write(store, parts)
    return path


def every_file(path):
    """Digest of every file that a reader sees; how far the work got and who did it are nobody's result."""
    files = sorted(each for each in path.rglob("*") if each.is_file() and ".doseline" not in each.parts)
    return {str(each.relative_to(path)): hashlib.sha256(each.read_bytes()).hexdigest() for each in files}
