"""A store of a simulation on the disk that is written part by part: whatever stops it, it goes on where it was.

It is a Zarr store that ``xr.open_zarr`` opens like any other, also before it is complete. What belongs to one part
lies in files of its own, so parts may be written in any order, in threads and by other processes. The process that
has opened the store keeps its ledger; nobody else can open it meanwhile.
"""

import json
import socket
import threading
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from doseline.errors import InputError, ResultError
from doseline.store_layout import CUT, Layout, layout_of, read_dtype
from doseline.store_note import (
    FORMAT,
    NOTE,
    OURS,
    holder,
    identity,
    is_free,
    need_packages,
    read_note,
    refuse_other,
)
from doseline.version import __version__

if TYPE_CHECKING:
    import xarray as xr

    from doseline.store_files import Written
    from doseline.store_ledger import Entry, Ledger
    from doseline.store_lock import Hold

_THREADS = 4
"""Bands of a part that are written at once: while the codec packs one, another is cast and a third goes to the disk."""


class Store:
    """A store that is being written; see `open_or_create` and `join`."""

    def __init__(self, path: Path, *, hold: "Hold | None" = None) -> None:

        self.path = path
        note = read_note(path)
        self.layout = Layout.from_dict(note["layout"])
        self.resumed = ""
        """What was found when the store was opened; empty if it was new."""
        self._hold = hold
        self._ledger: Ledger | None = None
        self._arrays: dict[str, Any] = {}
        self._labels: dict[str, np.ndarray] = {}
        self._lock = threading.Lock()
        self._born = identity(path / NOTE)

    @classmethod
    def open_or_create(
        cls,
        path: Path | str,
        template: "xr.Dataset",
        known: Mapping[str, Any],
        *,
        rows_each: int,
        fingerprint: Mapping[str, str],
        dtype: str = "float64",
    ) -> Self:
        """Open a store to go on with it, or make a new one.

        Parameters
        ----------
        path : Path or str          Where it is, or will be; `.zarr` is a good ending.
        template : Dataset          The first subjects of the first replicate, complete in all other dimensions.
        known : mapping of arrays   Labels of ``subject`` and, where it is a dimension, ``replicate``; beside them other
            coordinates of the subjects, in full length. They are written at once.
        rows_each : int             Subjects of a part.
        fingerprint : mapping       What the numbers depend on, each by a name that completes "another ...".
        dtype : "float64" or "float32"    Of levels; everything else stays as it is.

        Raises
        ------
        InputError : arguments that cannot be used, packages that are not installed.
        ResultError : the path cannot be used, another process writes there, or something else was computed there.
        """
        need_packages()
        from doseline.disk import told
        from doseline.store_head import Head, create
        from doseline.store_lock import Hold

        path = Path(path)
        dtype = read_dtype(dtype, path)
        known = {name: np.asarray(values) for name, values in known.items()}
        if not len(known["subject"]) or rows_each < 1:
            raise InputError("there are no subjects", place=str(path), advice="give at least one")
        layout = layout_of(template, known, rows_each=rows_each, dtype=dtype)
        made = {
            **fingerprint,
            "dtype": dtype,
            "number of subjects": str(layout.subjects),
            "number of replicates": str(layout.replicates),
            "size of parts": str(layout.rows_each),
            "doseline version": __version__,
        }
        head = Head(layout, template, known)
        note = {"format": FORMAT, "fingerprint": made, "layout": layout.to_dict()}
        with told(path):
            new = is_free(path)
            if new:
                create(path, head, json.dumps(note).encode(), layout.incomplete(0))
        refuse_other(path, read_note(path), note)
        with told(path):
            hold = Hold((path / NOTE).parent, place=str(path))
        try:
            store = cls(path, hold=hold)
            with told(path):
                store._open(head, new=new)
        except BaseException:
            hold.release()
            raise
        return store

    @classmethod
    def join(cls, path: Path | str) -> Self:
        """A store that another process has opened, to write parts of it. That process must `record` them."""
        need_packages()
        return cls(Path(path))

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickled as where it is: another process joins it."""
        return joined, (str(self.path.absolute()), holder(self.path / OURS))

    def _open(self, head: Any, *, new: bool) -> None:
        """Find out what is there, and put right what is damaged."""
        from doseline.store_head import mend
        from doseline.store_ledger import Ledger, faults, sweep

        self._ledger = ledger = Ledger(self.path / OURS / "ledger")
        if new:
            return
        sweep(self.path, self.path / OURS)
        layout = self.layout
        ours = [each for part, each in ledger.entries.items() if set(each.files) == layout.files_of(part)]
        wrong = faults(self.path, ours)
        listed = len(ledger.entries)
        ledger.entries = {each.part: each for each in ours if each.part not in wrong}
        there = len(ledger.entries)
        if there == layout.parts:  # the last thing that a killed process may have been doing
            ledger.settle(self.path)
        mended = mend(self.path, head, layout.incomplete(there))
        self.resumed = f"{self.path}: {there:,} of {layout.parts:,} parts are there"
        if wrong:
            part = min(wrong)
            many = f"{listed - there:,} parts are" if listed - there > 1 else "1 part is"
            self.resumed += f"; {many} done again: in part {part}, {wrong[part]}"
        if mended:
            self.resumed += f"; {mended[0]} was damaged and is mended"

    # -- writing

    def missing(self) -> list[int]:
        """Numbers of the parts that are not there yet, in order."""
        done = self._kept().entries
        return [part for part in range(self.layout.parts) if part not in done]

    def write(self, part: int, levels: "xr.Dataset") -> "Entry":
        """Write one part; the entry must go to `record`. Different parts may be written at the same time.

        ``levels`` looks like the template, with the subjects and the replicate of this part.
        """
        from doseline.disk import told
        from doseline.store_ledger import Entry

        place, layout = self.layout.place(part), self.layout
        self._refuse_replaced()
        with told(self.path, kept=self._safe()):
            arrays = self._opened()
            self._refuse_others(part, levels)
            regions = [(name, region) for name in layout.parted if (region := layout.region(name, place))]
            for name, region in regions:
                self._refuse_shape(part, name, levels, region)
            bands = [(name, *band) for name, region in regions for band in layout.bands(name, region)]
            with ThreadPoolExecutor(_THREADS) as pool:
                list(pool.map(lambda band: self._write_band(levels, *band), bands))
            files: dict[str, Written] = {
                key: arrays[name].store.taken(key)
                for name, region in regions
                for key in layout.files(name, region)
            }
        self._refuse_replaced()
        return Entry(part, files)

    def record(self, entry: "Entry") -> None:
        """Note that a part is there; with the last one the store is complete, and on the disk."""
        from doseline.disk import told
        from doseline.store_head import say_how_much

        self._refuse_replaced()
        with self._lock, told(self.path, kept=self._safe()):
            ledger = self._kept()
            ledger.add(entry)
            words = self.layout.incomplete(len(ledger.entries))
            if not words:
                ledger.settle(self.path)
            say_how_much(self.path, words)

    def close(self) -> None:
        """Let others write."""
        if self._hold is not None:
            self._hold.release()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # -- what a part must look like

    def _opened(self) -> dict[str, Any]:
        """Every variable as zarr has it."""
        import zarr

        from doseline.store_files import Files

        with self._lock:
            if not self._arrays:
                # how an array is written is said when it is opened, and only there in all versions
                with zarr.config.set({"array.write_empty_chunks": True}):
                    files = Files(self.path)
                    group = zarr.open_group(files, mode="r+", zarr_format=3)
                    opened: dict[str, Any] = {name: group[name] for name in self.layout.variables}
                self._labels = {name: opened[name][...] for name in CUT if name in opened}
                self._arrays = opened
            return self._arrays

    def _refuse_others(self, part: int, levels: "xr.Dataset") -> None:
        """Rows must not land where those of others belong."""
        place = self.layout.place(part)
        rows = {
            "replicate": slice(place.replicate, place.replicate + 1),
            "subject": slice(place.start, place.stop),
        }
        for name, labels in self._labels.items():
            found = np.atleast_1d(levels[name].values) if name in levels.coords else np.empty(0)
            if labels.ndim and not np.array_equal(found, labels[rows[name]]):
                raise InputError(
                    f"it has other labels of '{name}' than belong there",
                    place=f"part {part}",
                    advice=f"give {_few(labels[rows[name]])}, found {_few(found)}",
                )

    def _refuse_shape(self, part: int, name: str, levels: "xr.Dataset", region: Sequence[slice]) -> None:
        """A variable of a part looks like that of the template."""
        stored, shape = self.layout.variables[name], tuple(each.stop - each.start for each in region)
        if name not in levels.variables:
            raise InputError(
                f"'{name}' is missing", place=f"part {part}", advice="give what the template has"
            )
        value, place = levels.variables[name], f"part {part}, '{name}'"
        if value.dims != stored.dims or value.shape != shape:
            raise InputError(
                f"found {dict(value.sizes)}",
                place=place,
                advice=f"expected {dict(zip(stored.dims, shape, strict=True))}, as in the template",
            )
        if not np.can_cast(value.dtype, stored.dtype, "same_kind"):
            raise InputError(f"found {value.dtype}", place=place, advice=f"expected {np.dtype(stored.dtype)}")

    def _write_band(
        self, levels: "xr.Dataset", name: str, region: tuple[slice, ...], own: tuple[slice, ...]
    ) -> None:
        """Write some rows of a variable; numpy and the codec leave Python to the other threads meanwhile."""
        kind, values = np.dtype(self.layout.variables[name].dtype), levels.variables[name].values[own]
        try:
            with np.errstate(over="raise"):
                cast = np.ascontiguousarray(values, dtype=kind)
        except FloatingPointError:
            raise _too_large(name, levels, kind) from None
        self._arrays[name][region] = cast

    # -- what can have happened meanwhile

    def _kept(self) -> "Ledger":
        if self._ledger is None:
            raise ResultError(
                "another process keeps its ledger",
                place=str(self.path),
                advice="hand what write() returns to the process that opened the store",
            )
        return self._ledger

    def _safe(self) -> str:
        if self._ledger is None:
            return ""
        return f"{len(self._ledger.entries):,} of {self.layout.parts:,} parts are there and stay"

    def _refuse_replaced(self) -> None:
        """Somebody may have deleted the folder, and even begun another store in its place."""
        if identity(self.path / NOTE) != self._born:
            raise ResultError(
                "it was deleted or replaced while it was written",
                place=str(self.path),
                advice="run it again: it begins anew",
            )


@lru_cache(maxsize=4)
def joined(path: str, mark: str) -> Store:
    """A store of another process, which has left its mark there: a folder of that name on another disk has not."""
    folder = Path(path) / OURS
    if holder(folder) != mark:
        raise ResultError(
            f"the worker on {socket.gethostname()} does not find the store there",
            place=path,
            advice="give a folder that this process and all workers share, by the same path",
        )
    return Store.join(path)


def _too_large(name: str, levels: "xr.Dataset", kind: np.dtype) -> InputError:
    """A number that a smaller dtype cannot hold, with its subject."""
    found = levels[name].values
    values = np.where(np.isfinite(found), np.abs(found), 0.0)
    at = dict(zip(levels[name].dims, np.unravel_index(int(np.argmax(values)), values.shape), strict=True))
    whose = f", subject {levels['subject'].values[at['subject']]}" if "subject" in at else ""
    return InputError(
        f"{values.max():.3g} is more than {kind} can hold ({np.finfo(kind).max:.3g})",
        place=f"{name}{whose}",
        advice="look at the model and the doses, or store with dtype='float64'",
    )


def _few(labels: np.ndarray) -> str:
    """Labels in short."""
    found = [str(each) for each in labels[:2]]
    return ", ".join(found) + (f", ... {labels[-1]}" if len(labels) > 2 else "") or "none"
