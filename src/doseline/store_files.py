"""Files of a store: each is whole or not there, and what was written is remembered."""

import asyncio
import os
import socket
import threading
import zlib
from collections.abc import Iterator
from io import RawIOBase
from pathlib import Path
from typing import NamedTuple

from google_crc32c import value as crc32c
from zarr.core.buffer import Buffer
from zarr.storage import LocalStore

NEW = ".new"
"""Ending of a file that is being written; one that is found later was left by a process that was killed."""
_HOST = socket.gethostname()[:32]


class Written(NamedTuple):
    """What one file holds."""

    size: int
    digest: int


def written(data: "memoryview | bytes") -> Written:
    """Size and digest of a chunk as it stands in its file.

    The digest is the crc32c that the last codec has put at the end: it costs nothing to keep, and the crc32c over
    the whole file would be the same number for all of them.
    """
    return Written(len(data), int.from_bytes(data[-4:], "little"))


def fault(path: Path, expected: Written) -> str:
    """What is wrong with the file of a chunk, read back from the disk; nothing if all is well."""
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        return "is missing"
    except OSError as error:
        return f"cannot be read ({error.strerror})"
    if len(data) != expected.size:
        return f"has {len(data):,} of {expected.size:,} bytes"
    if written(data) != expected or crc32c(data[:-4]) != expected.digest:
        return "is corrupted"
    return ""


def write_all(file: RawIOBase, data: "memoryview | bytes") -> None:
    """Write it all, or fail: the system may take less than it is given, as when the disk fills up."""
    view = memoryview(data).cast("B")
    while view.nbytes:
        view = view[file.write(view) or 0 :]


def put(path: Path, data: "memoryview | bytes") -> None:
    """Write a file that has its name only when it is whole.

    The name it has before is different in every process and thread of every machine: two may write the same, with the
    same bytes.
    """
    draft = path.with_name(f"{path.name}.{_HOST}-{os.getpid()}-{threading.get_ident()}{NEW}")
    try:
        with draft.open("wb", buffering=0) as file:
            write_all(file, data)
        draft.replace(path)
    except BaseException:
        draft.unlink(missing_ok=True)
        raise


def settle(path: Path) -> None:
    """Wait until a file or folder is on the disk, for the day the power fails."""
    try:
        handle = os.open(path, os.O_RDONLY)
    except PermissionError:  # pragma: no cover (Windows opens no folders)
        return
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def line(text: str) -> bytes:
    """One line of a file that is only ever added to, with a checksum in front: a torn one is known as such.

    >>> line("part 1")
    b'48267e9c part 1\\n'
    """
    data = text.encode()
    return b"%08x %s\n" % (zlib.crc32(data), data)


def read_lines(data: bytes) -> Iterator[str]:
    """The lines that are whole; what stands behind the last end of a line is none."""
    for row in data.split(b"\n")[:-1]:
        if line_of(row):
            yield row[9:].decode()


def line_of(row: bytes) -> bool:
    """Whether a line is as it was written."""
    try:
        return row[8:9] == b" " and int(row[:8], 16) == zlib.crc32(row[9:])
    except ValueError:
        return False


class Files(LocalStore):
    """The folder of a store as zarr sees it.

    Unlike zarr's own it never makes the folder itself again when somebody has deleted it, and it remembers what it
    has written until that is asked for.
    """

    def __init__(self, root: Path | str, *, read_only: bool = False) -> None:
        super().__init__(root, read_only=read_only)
        self._written: dict[str, Written] = {}

    async def _set(self, key: str, value: Buffer, exclusive: bool = False) -> None:
        await asyncio.to_thread(self._put, key, value)

    def set_sync(self, key: str, value: Buffer) -> None:
        """Write one file."""
        self._put(key, value)

    def _put(self, key: str, value: Buffer) -> None:
        data: memoryview = value.as_numpy_array().data.cast("B")
        path = self.root / key
        if not path.parent.is_dir():
            self.root.joinpath(key.split("/", 1)[0]).stat()  # fails if the folder is gone
            path.parent.mkdir(parents=True, exist_ok=True)
        put(path, data)
        self._written[key] = written(data)

    def taken(self, key: str) -> Written:
        """What was written to a file just now; asked once."""
        return self._written.pop(key, None) or written((self.root / key).read_bytes())
