"""What a store has before its first part: the description of every variable, labels, and a note of how it was made."""

import json
import os
import shutil
import tempfile
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import zarr
from zarr.codecs import BloscCodec, Crc32cCodec
from zarr.storage import LocalStore

from doseline.store_files import put, settle
from doseline.store_layout import Layout, Stored, plain
from doseline.store_note import NOTE, OURS

if TYPE_CHECKING:
    import xarray as xr

ROOT = "zarr.json"
_UNSTABLE = "The data type .* does not have a Zarr V3 specification"
_CONSOLIDATED = "Consolidated metadata is currently not part"


@dataclass(frozen=True)
class Head:
    """What all parts of a store have in common."""

    layout: Layout
    template: "xr.Dataset"
    known: Mapping[str, np.ndarray]

    def write(self, folder: Path) -> None:
        """Write it into an empty folder; the same bytes each time."""
        template, known = self.template, self.known
        group = zarr.create_group(LocalStore(folder), zarr_format=3)
        told = attributes(template.attrs)
        # any dimension has a coordinate of its own name; of the others xarray must be told
        beside = [str(name) for name in template.coords if name not in template.dims]
        if beside:
            told["coordinates"] = " ".join(beside)
        group.attrs.update(told)
        with warnings.catch_warnings():
            # Words of a width are what xarray has and what it reads back; the other kind that zarr knows does not come
            # back as it went. One description of all variables is what xarray looks for first.
            warnings.filterwarnings("ignore", message=_UNSTABLE)
            warnings.filterwarnings("ignore", message=_CONSOLIDATED)
            for name, stored in self.layout.variables.items():
                array = _create(group, name, stored, attributes(template[name].attrs))
                if not stored.parted:
                    array[...] = plain(known[name] if name in known else template[name].values)
            zarr.consolidate_metadata(group.store)
        # zarr puts names in the order of the alphabet; the first output of a result is the one that is meant
        described = json.loads((folder / ROOT).read_bytes())
        every = described["consolidated_metadata"]["metadata"]
        described["consolidated_metadata"]["metadata"] = {name: every[name] for name in self.layout.variables}
        put(folder / ROOT, json.dumps(described, indent=2).encode())


def _create(group: Any, name: str, stored: Stored, attrs: Mapping[str, Any]) -> Any:
    """One variable.

    LZ4 after a shuffle of bytes is three times as fast as zstd and as small within an eighth on levels of a regular
    regimen; the checksum behind it lets every reader notice a damaged file. Chunks full of NaN are written too: what is
    not there was not computed.
    """
    codecs = [
        BloscCodec(cname="lz4", clevel=1, shuffle="shuffle", typesize=np.dtype(stored.dtype).itemsize),
        Crc32cCodec(),
    ]
    return group.create_array(
        name,
        shape=stored.shape,
        chunks=stored.chunks,
        dtype=stored.dtype,
        fill_value=stored.fill,
        dimension_names=stored.dims,
        attributes=attrs,
        compressors=codecs,
        config={"write_empty_chunks": True},
    )


def attributes(attrs: Mapping[Any, Any]) -> dict[str, Any]:
    """Attributes as JSON can hold them."""
    return {
        str(name): each.item()
        if isinstance(each, np.generic)
        else each.tolist()
        if isinstance(each, np.ndarray)
        else each
        for name, each in attrs.items()
    }


def create(path: Path, head: "Head", note: bytes, words: str) -> None:
    """Make a store that has no part yet. It has its name only when it is whole; nothing happens if there is one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = Path(tempfile.mkdtemp(prefix=f".{path.name}-", dir=path.parent))
    try:
        head.write(draft)
        say_how_much(draft, words)
        (draft / OURS).mkdir()
        put(draft / NOTE, note)
        settle(draft / NOTE)
        mask = os.umask(0)
        os.umask(mask)
        draft.chmod(0o777 & ~mask)
        try:
            draft.rename(path)
        except OSError:
            if not (path / NOTE).exists():  # else another process was faster, and the lock will say so
                raise
        settle(path.parent)
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def mend(path: Path, head: "Head", words: str) -> list[str]:
    """Write it again and put right what differs from that; the files that did."""
    mended = []
    with tempfile.TemporaryDirectory(dir=path / OURS) as folder:
        draft = Path(folder)
        head.write(draft)
        say_how_much(draft, words)
        for new in sorted(each for each in draft.rglob("*") if each.is_file()):
            key = new.relative_to(draft).as_posix()
            old, data = path / key, new.read_bytes()
            if old.is_file() and old.read_bytes() == data:
                continue
            old.parent.mkdir(parents=True, exist_ok=True)
            put(old, data)
            if key != ROOT:  # how much is there may well have changed
                mended.append(key)
    return mended


def say_how_much(path: Path, words: str) -> None:
    """Put into the attributes of the store what is missing; nothing when it is complete."""
    told = json.loads((path / ROOT).read_bytes())
    told["attributes"].pop("incomplete", None)
    if words:
        told["attributes"]["incomplete"] = words
    put(path / ROOT, json.dumps(told, indent=2).encode())
