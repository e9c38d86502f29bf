"""One writer at a time: a lock that vanishes with its process, and a note that says who has it."""

import json
import os
import socket
from datetime import UTC, datetime
from pathlib import Path

from filelock import FileLock, Timeout

from doseline.errors import ResultError
from doseline.store_files import put
from doseline.store_note import HOLDER


class Hold:
    """The right to write to a store.

    The system keeps the lock and takes it back when the process ends, however it ends. The note lies in another file,
    as the system does not let everybody read one that is locked.
    """

    def __init__(self, folder: Path, *, place: str) -> None:
        self._note = folder / HOLDER
        self._lock = FileLock(folder / "lock", timeout=0, thread_local=False)
        try:
            self._lock.acquire()
        except Timeout:
            raise ResultError(
                f"{self._holder()} is writing to it",
                place=place,
                advice="wait until that has ended, or give another path",
            ) from None
        now = datetime.now(UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
        told = {"pid": os.getpid(), "host": socket.gethostname(), "since": now}
        put(self._note, json.dumps(told).encode())

    def _holder(self) -> str:
        try:
            told = json.loads(self._note.read_bytes())
            return f"process {told['pid']} on {told['host']}, since {told['since']},"
        except (OSError, ValueError, KeyError, TypeError):  # it has the lock and no note yet
            return "another process"

    def release(self) -> None:
        """Let others write."""
        self._lock.release()
