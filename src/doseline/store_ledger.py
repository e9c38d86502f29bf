"""The ledger of a store: which parts are there, and what each of their files must hold.

A line is added when all files of a part are written. Nothing waits for the disk then: a killed process loses nothing
that it has written, and after a power failure the ledger may say more than the disk holds, or less. Either is found by
reading every file against its size and digest before the work goes on, so the ledger needs to be right about nothing
but what should be there.
"""

import json
import os
import shutil
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

from doseline.store_files import NEW, Written, fault, line, read_lines, settle, write_all

_THREADS = 8
"""Files that are read at once: a disk answers many questions faster than one after the other."""


class Entry(NamedTuple):
    """One part that is written."""

    part: int
    files: Mapping[str, Written]

    def text(self) -> str:
        """As a line of the ledger."""
        return json.dumps({"part": self.part, "files": self.files})

    @classmethod
    def read(cls, text: str) -> "Entry":
        """Back from a line."""
        told = json.loads(text)
        return cls(told["part"], {key: Written(*each) for key, each in told["files"].items()})


class Ledger:
    """The file; one process adds to it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        data = path.read_bytes() if path.exists() else b""
        self.entries = {entry.part: entry for entry in map(Entry.read, read_lines(data))}
        # a line that was torn ends here, so that the next one begins a line of its own
        self._size = data.rfind(b"\n") + 1

    def add(self, entry: Entry) -> None:
        """Say that a part is there."""
        data = line(entry.text())
        with self.path.open("r+b" if self.path.exists() else "wb", buffering=0) as file:
            file.truncate(self._size)
            file.seek(self._size)
            write_all(file, data)
        self._size += len(data)
        self.entries[entry.part] = entry

    def settle(self, root: Path) -> None:
        """Wait until everything that is listed is on the disk."""
        keys = [key for entry in self.entries.values() for key in entry.files]
        folders = {(root / key).parent for key in keys}
        with ThreadPoolExecutor(_THREADS) as pool:
            list(pool.map(settle, [*(root / key for key in keys), *folders, self.path]))


def faults(root: Path, entries: Iterable[Entry]) -> dict[int, str]:
    """Parts that are not as the ledger says, each with what is wrong with the first of its files."""
    listed = [(entry.part, key, each) for entry in entries for key, each in entry.files.items()]
    with ThreadPoolExecutor(_THREADS) as pool:
        found = pool.map(lambda row: fault(root / row[1], row[2]), listed)
        wrong = [(part, f"{key} {each}") for (part, key, _), each in zip(listed, found, strict=True) if each]
    return dict(reversed(wrong))


def sweep(root: Path, ours: Path) -> None:
    """Delete what a killed process was writing; ``ours`` keeps no folders."""
    for left in (each for each in ours.iterdir() if each.is_dir()):
        shutil.rmtree(left, ignore_errors=True)
    for folder, _, names in os.walk(root):
        for name in names:
            if name.endswith(NEW):
                Path(folder, name).unlink(missing_ok=True)
