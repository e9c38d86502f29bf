"""Levels as a long table in Parquet files, for R and for whatever reads columns, with little memory at a time."""

import importlib
import math
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from doseline.dataset import DIMENSIONS, refuse_other_than_dataset
from doseline.disk import told
from doseline.errors import InputError, ResultError

if TYPE_CHECKING:
    import xarray as xr

ENDINGS = (".parquet", ".pq")
_ROWS = 2**20
"""Rows of the table that are in memory at once; they become one row group, which is what readers take at a time."""
_ROWS_OF_FILE = 16 * _ROWS


def export_parquet(levels: "xr.Dataset | Path | str", path: Path | str) -> Path:
    """Write levels as a long table: a row for each replicate, regimen, formulation, meal, subject and time.

    Outputs and covariates of the subjects are columns, with their units in the names, as in `exposure_table`:
    ``plasma (ng/mL)``. The metadata of each field say unit and meaning too. In R::

        library(arrow)
        open_dataset("course") |> filter(regimen == "low") |> collect()

    Parameters
    ----------
    levels : Dataset, Path or str    From `simulate`; or where a complete store of it is, which is read piece by piece.
    path : Path or str               A file that ends in ``.parquet`` or ``.pq``; else a folder of such files, which
        is what many readers at once want. It appears in one piece or not at all.

    Raises
    ------
    InputError : there are no levels with subjects and times, the store is incomplete, pyarrow is not installed.
    ResultError : the path exists or cannot be written.
    """
    try:
        importlib.import_module("pyarrow.parquet")
    except ImportError:
        raise InputError(
            "Parquet files need pyarrow, which is not installed",
            place=str(path),
            advice="python -m pip install 'doseline[parquet]'",
        ) from None
    table = Table.of(_opened(levels) if isinstance(levels, Path | str) else levels)
    path = Path(path)
    with _draft(path) as draft:
        if path.suffix.lower() in ENDINGS:
            _write(table, [draft], math.inf)
        else:
            draft.mkdir()
            _write(table, (draft / f"part-{number:05d}.parquet" for number in range(10**5)), _ROWS_OF_FILE)
    return path


def _opened(path: Path | str) -> "xr.Dataset":
    """A store, read when it is needed."""
    import xarray as xr

    try:
        levels = xr.open_zarr(path, chunks=None)
    except (OSError, ValueError, KeyError, ImportError) as error:
        raise InputError(
            f"it cannot be read as a store: {str(error).splitlines()[0]:.200}",
            place=str(path),
            advice="give a Dataset, or where a simulation was stored",
        ) from None
    if "incomplete" in levels.attrs:
        raise InputError(
            levels.attrs["incomplete"].split(";")[0],
            place=str(path),
            advice="run the simulation again to its end first",
        )
    return levels


@dataclass(frozen=True)
class Table:
    """The long table of a Dataset."""

    levels: "xr.Dataset"
    keys: list[str]
    covariates: list[str]
    outputs: list[str]
    words: dict[str, np.ndarray]

    @classmethod
    def of(cls, levels: "xr.Dataset") -> "Table":
        """Find keys, covariates and outputs.

        Raises
        ------
        InputError : there is nothing with subjects and times.
        """
        refuse_other_than_dataset(levels)
        lone = [name for name in DIMENSIONS[-2:] if name in levels.coords and not levels[name].ndim]
        whole = levels.expand_dims(lone)
        outputs = [
            str(name) for name, each in whole.data_vars.items() if {"subject", "time"} <= set(each.dims)
        ]
        others = {str(name) for each in outputs for name in whole[each].dims} - set(DIMENSIONS)
        if not outputs or others:
            raise InputError(
                f"'{min(others)}' has no column" if others else "there are no levels of subjects at times",
                place="levels",
                advice="give a Dataset as dl.simulate made it, of regimens or with times=...",
            )
        keys = [name for name in DIMENSIONS if name in whole.coords]
        beside = [str(name) for name, each in whole.coords.items() if each.dims == ("subject",)]
        covariates = [name for name in beside if name not in keys]
        labels = {name: whole[name].values for name in (*keys, *covariates)}
        words = {
            name: np.unique(each.astype(str)) for name, each in labels.items() if each.dtype.kind in "OUT"
        }
        return cls(whole, keys, covariates, outputs, words)

    @property
    def arms(self) -> list[str]:
        """Dimensions before subject and time."""
        return [name for name in DIMENSIONS[:-2] if name in self.levels.dims]

    def title(self, name: str) -> str:
        """The name of a column, with its unit where it has one."""
        units = self.levels[name].attrs.get("units", "1")
        return name if units in ("", "1") else f"{name} ({units})"

    def schema(self) -> Any:
        """Columns with their kinds; what they mean stands in the metadata of each."""
        import pyarrow as pa

        fields = []
        for name in (*self.keys, *self.covariates, *self.outputs):
            value = self.levels[name]
            words = pa.dictionary(pa.int32(), pa.string())
            kind = words if name in self.words else pa.from_numpy_dtype(value.dtype)
            fields.append(pa.field(self.title(name), kind, metadata=_said(value.attrs, "units", "long_name")))
        return pa.schema(fields, metadata=_said(self.levels.attrs, "model", "doseline_version"))

    def blocks(self) -> Iterator["xr.Dataset"]:
        """Some subjects of one replicate at a time, in memory: whole chunks of a store where that is not too much."""
        levels, sizes = self.levels, self.levels.sizes
        arms = math.prod(sizes[name] for name in self.arms if name != "replicate")
        rows = max(1, _ROWS // max(1, arms * sizes["time"]))
        chunk = max(self._stored_rows(name) for name in self.outputs)
        rows = max(rows // chunk, 1) * chunk
        for replicate in range(sizes.get("replicate", 1)):
            one = levels.isel(replicate=[replicate]) if "replicate" in levels.dims else levels
            for start in range(0, sizes["subject"], rows):
                yield one[[*self.outputs, *self.covariates]].isel(subject=slice(start, start + rows)).load()

    def _stored_rows(self, name: str) -> int:
        """Subjects in a file of a store; 1 in memory."""
        value = self.levels[name]
        chunks = value.encoding.get("chunks")
        return chunks[value.dims.index("subject")] if chunks and len(chunks) == value.ndim else 1

    def pieces(self) -> Iterator[Any]:
        """The table, some rows at a time."""
        import pyarrow as pa

        schema = self.schema()
        known = {name: pa.array(each.tolist(), pa.string()) for name, each in self.words.items()}
        for block in self.blocks():
            arms = [
                dict(zip(self.arms, at, strict=True))
                for at in product(*(range(block.sizes[name]) for name in self.arms))
            ]
            yield pa.Table.from_batches(
                [pa.record_batch(list(self._columns(block.isel(at), known)), schema=schema) for at in arms]
            )

    def _columns(self, arm: "xr.Dataset", known: dict[str, Any]) -> Iterator[Any]:
        """Columns of one arm: a course after the other."""
        import pyarrow as pa

        rows, times = arm.sizes["subject"], arm.sizes["time"]
        shapes = {
            (): (1, 1),
            ("subject",): (rows, 1),
            ("time",): (1, times),
            ("subject", "time"): (rows, times),
        }
        for name in (*self.keys, *self.covariates, *self.outputs):
            value = arm[name].transpose(*(each for each in ("subject", "time") if each in arm[name].dims))
            plain, words = value.values, self.words.get(name)
            if words is not None:
                plain = np.searchsorted(words, plain.astype(str)).astype(np.int32)
            full = np.broadcast_to(plain.reshape(shapes[tuple(map(str, value.dims))]), (rows, times)).ravel()
            yield pa.array(full) if words is None else pa.DictionaryArray.from_arrays(full, known[name])


def _said(attrs: Any, *names: str) -> dict[str, str]:
    """Attributes that are there, as text."""
    return {name: str(attrs[name]) for name in names if name in attrs}


def _write(table: Table, files: Any, most: float) -> None:
    """Write the pieces, into the next file whenever one is full."""
    import pyarrow.parquet as pq

    schema, files = table.schema(), iter(files)
    # levels hardly repeat: looking for the same ones again would take time and memory for nothing
    repeating = [table.title(name) for name in (*table.keys, *table.covariates)]
    writer, rows = None, 0
    try:
        for piece in table.pieces():
            if writer is None or rows >= most:
                if writer is not None:
                    writer.close()
                writer, rows = pq.ParquetWriter(next(files), schema, use_dictionary=repeating), 0
            writer.write_table(piece, row_group_size=_ROWS)
            rows += piece.num_rows
    finally:
        if writer is not None:
            writer.close()


@contextmanager
def _draft(path: Path) -> Iterator[Path]:
    """A place to write to, which gets its name at the end."""
    if os.path.lexists(path):
        raise ResultError("it exists", place=str(path), advice="give another path, or delete it")
    with told(path, kept="nothing was written there"):
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=f".{path.name}-", dir=path.parent) as folder:
            draft = Path(folder, path.name)
            yield draft
            draft.rename(path)
