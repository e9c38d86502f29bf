"""How much memory there is for a result: what the machine has free, and what this process may take of it.

In a container, or under a batch system, the machine has more than the process may take: control groups set a limit.
"""

import ctypes
import os
import re
import sys
from collections.abc import Iterator
from pathlib import Path

from doseline.errors import InputError

VARIABLE = "DOSELINE_MEMORY"
"""Says how much may be taken, whatever the machine has free."""
SMALL = 2**28
"""What every machine has: runs that take less do not ask how much there is. [byte]"""
UNKNOWN = 2**63 - 1
"""Where nothing says how much there is. [byte]"""
BYTES = {
    "": 1, "b": 1, "byte": 1, "bytes": 1, "kb": 10**3, "mb": 10**6, "gb": 10**9, "tb": 10**12,
    "kib": 2**10, "mib": 2**20, "gib": 2**30, "tib": 2**40,
}  # fmt: skip
_SIZE = re.compile(r"\s*(?P<number>\d+(?:\.\d+)?(?:e\d+)?)\s*(?P<unit>[a-z]*)\s*")


def available_memory(root: Path = Path("/")) -> int:
    """Memory that this process can take without harm [byte]; ``root`` is where files of the system are.

    Raises
    ------
    InputError : `DOSELINE_MEMORY` is set to something that is no size.
    """
    said = os.environ.get(VARIABLE)
    if said:
        return read_bytes(said, place=VARIABLE)
    try:
        if sys.platform == "win32":
            return _windows()
        if sys.platform == "darwin":
            return _mac()
        return min([_linux(root), *_groups(root)])
    except (OSError, ValueError, AttributeError, LookupError):
        return _total()


def lacking(needed: int) -> int | None:
    """How much memory is free, where that is less than is needed [byte]; None where there is enough."""
    if needed <= SMALL and VARIABLE not in os.environ:
        return None
    free = available_memory()
    return free if needed > free else None


def read_bytes(text: str, *, place: str) -> int:
    """A size such as "8 GB" or "4096". [byte]

    >>> read_bytes("8 GB", place="memory"), read_bytes("1.5GiB", place="memory")
    (8000000000, 1610612736)
    """
    match = _SIZE.fullmatch(text.lower())
    if match is None or match["unit"] not in BYTES:
        raise InputError(
            f"found {text!r:.60}",
            place=place,
            advice="give a number of bytes, or a size such as '8 GB' or '500 MB'",
        )
    return int(float(match["number"]) * BYTES[match["unit"]])


def size_told(count: float) -> str:
    """A number of bytes as people say it.

    >>> size_told(53_792_000_000), size_told(1234), size_told(999)
    ('53.8 GB', '1.2 kB', '999 B')
    """
    if count < 1000:
        return f"{count:.0f} B"
    for unit in ("kB", "MB", "GB"):
        count /= 1000
        if count < 999.95:
            return f"{count:.1f} {unit}"
    return f"{count / 1000:,.1f} TB"


def _linux(root: Path) -> int:
    """What the kernel says could be taken without swapping, caches that can go included."""
    for line in (root / "proc/meminfo").read_text(encoding="ascii").splitlines():
        if line.startswith("MemAvailable:"):
            return int(line.split()[1]) * 1024
    raise LookupError("MemAvailable")


def _groups(root: Path) -> Iterator[int]:
    """What is left in each control group of this process, of version 2 or 1, and in those that hold it.

    In a container the path of a group may be one of the machine outside: then only the uppermost is there.
    """
    try:
        lines = (root / "proc/self/cgroup").read_text(encoding="utf-8").splitlines()
    except OSError:
        return
    for line in lines:
        _, controllers, path = line.split(":", 2)
        if controllers == "":
            base, names = root / "sys/fs/cgroup", ("memory.max", "memory.current", "inactive_file")
        elif "memory" in controllers.split(","):
            base = root / "sys/fs/cgroup/memory"
            names = ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file")
        else:
            continue
        parts = [part for part in path.split("/") if part not in ("", "..")]
        for depth in range(len(parts), -1, -1):
            left = _left(base.joinpath(*parts[:depth]), *names)
            if left is not None:
                yield left


def _left(group: Path, limit: str, used: str, cached: str) -> int | None:
    """What is left in one control group; None where it has no limit. Files that it holds cached can go."""
    try:
        most = int((group / limit).read_text(encoding="ascii"))
        taken = int((group / used).read_text(encoding="ascii"))
    except (OSError, ValueError):  # not there, or the word "max"
        return None
    try:
        stat = (group / "memory.stat").read_text(encoding="ascii").splitlines()
        taken -= next((int(line.split()[1]) for line in stat if line.split()[0] == cached), 0)
    except (OSError, ValueError, IndexError):
        pass
    return max(0, most - max(0, taken))


def _mac() -> int:
    """Pages that are free, or held for what was used once and may not be again."""
    libc = ctypes.CDLL(None)
    pages = (
        ctypes.c_uint32 * 64
    )()  # vm_statistics64: free, active, inactive, ... and more that nobody reads
    count = ctypes.c_uint32(38)
    libc.mach_host_self.restype = ctypes.c_uint32
    if libc.host_statistics64(libc.mach_host_self(), 4, pages, ctypes.byref(count)):
        raise OSError("host_statistics64")
    return (pages[0] + pages[2]) * os.sysconf("SC_PAGE_SIZE")


class _MemoryStatus(ctypes.Structure):
    """MEMORYSTATUSEX of Windows."""

    _fields_ = (
        ("length", ctypes.c_uint32),
        ("load", ctypes.c_uint32),
        ("total", ctypes.c_uint64),
        ("available", ctypes.c_uint64),
        ("more", ctypes.c_uint64 * 5),
    )


def _windows() -> int:
    """Physical memory that is free."""
    status = _MemoryStatus(length=ctypes.sizeof(_MemoryStatus))
    kernel = getattr(ctypes, "windll").kernel32  # noqa: B009 (it is there on Windows only)
    if not kernel.GlobalMemoryStatusEx(ctypes.byref(status)):
        raise OSError("GlobalMemoryStatusEx")
    return int(status.available)


def _total() -> int:
    """All memory of the machine, where nothing says how much of it is free."""
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (OSError, ValueError, AttributeError):
        return UNKNOWN
