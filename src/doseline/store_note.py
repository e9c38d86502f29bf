"""Whether a path can be a store, and what a store says of how it was made."""

import importlib
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from doseline.errors import InputError, ResultError

OURS = ".doseline"
"""A folder inside: zarr reads the list of variables in the description of the store and never looks into it."""
NOTE = f"{OURS}/store.json"
HOLDER = "holder.json"
"""Beside it: who has the store open."""
FORMAT = 1
"""Rises when a store cannot go on that a version before has begun."""
_NEEDED = {"zarr": "zarr", "filelock": "filelock", "google_crc32c": "google-crc32c"}
_LONG = 40


def read_note(path: Path) -> dict[str, Any]:
    """What a store says of how it was made.

    Raises
    ------
    ResultError : there is none, or another program has written it.
    """
    from doseline.disk import told

    is_free(path)
    with told(path):
        try:
            note = json.loads((path / NOTE).read_bytes())
        except FileNotFoundError:
            raise ResultError(
                "there is no store", place=str(path), advice="look at the path, or make one first"
            ) from None
        except ValueError:
            note = {}
    if note.get("format") != FORMAT:
        raise ResultError(
            f"its {NOTE} is damaged, or of another version of doseline",
            place=str(path),
            advice="give another path, or delete it",
        )
    return dict(note)


def is_free(path: Path) -> bool:
    """Whether a store can be made there; False where there is one of ours.

    Raises
    ------
    ResultError : something else is there.
    """
    if not os.path.lexists(path):
        return True
    if not path.is_dir():
        problem = "it is a file" if path.exists() else "it is a link to nowhere"
    elif (path / NOTE).is_file():
        return False
    elif not any(path.iterdir()):
        return True
    elif any((path / name).exists() for name in ("zarr.json", ".zgroup", ".zarray")):
        problem = "it is a Zarr store that doseline has not begun"
    else:
        problem = "it is a folder with other files in it"
    raise ResultError(problem, place=str(path), advice="give another path: nothing of others is overwritten")


def refuse_other(path: Path, before: Mapping[str, Any], now: Mapping[str, Any]) -> None:
    """Refuse to go on with something else."""
    old, new = before["fingerprint"], now["fingerprint"]
    names = [name for name in {**old, **new} if old.get(name) != new.get(name)]
    different = [f"another {name} {_change(old.get(name), new.get(name))}" for name in names]
    if not names and json.loads(json.dumps(now["layout"])) != before["layout"]:
        different = ["other variables"]
    if not different:
        return
    some = " and ".join(different[:3]) + (f" and {len(different) - 3} more" if len(different) > 3 else "")
    raise ResultError(
        f"it was made with {some}",
        place=str(path),
        advice="give another path, or delete it to begin anew",
    )


def _change(before: str | None, now: str | None) -> str:
    """Two texts, or the first lines in which they differ."""
    if before is None or now is None:
        given = ["not given" if each is None else _short(each) for each in (before, now)]
        return f"({given[0]}, now {given[1]})"
    rows, others = before.splitlines(), now.splitlines()
    if len(rows) < 2 and len(others) < 2:
        return f"({_short(before)}, now {_short(now)})"
    pairs = list(zip([*rows, *[""] * len(others)], [*others, *[""] * len(rows)], strict=False))
    at = next(at for at, (one, other) in enumerate(pairs) if one != other)
    one, other = pairs[at]
    return f"(line {at + 1}: {_short(one.strip()) or 'nothing'}, now {_short(other.strip()) or 'nothing'})"


def _short(text: str) -> str:
    return text if len(text) <= _LONG else f"{text[: _LONG - 3]}..."


def holder(folder: Path) -> str:
    """Which process has a store open, and since when; nothing if that cannot be read."""
    try:
        return (folder / HOLDER).read_text()
    except (OSError, ValueError):
        return ""


def identity(path: Path) -> tuple[int, int] | None:
    """Which file has this name now."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


def need_packages() -> None:
    """Refuse where a package is not installed."""
    for module, package in _NEEDED.items():
        try:
            importlib.import_module(module)
        except ImportError:
            raise InputError(
                f"storing on the disk needs {package}, which is not installed",
                place="store",
                advice="python -m pip install 'doseline[scale]'",
            ) from None
