"""Whatever happened to a store, it goes on and comes out the same, bit by bit.

Truth: the files of a store that was written without interruption.
"""

import os
import random
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import xarray as xr
from stored_example import SIX, every_file, made, opened, whole, write

HERE = Path(__file__).parent
LEDGER = Path(".doseline") / "ledger"


@pytest.fixture(scope="module")
def truth(tmp_path_factory):
    return every_file(made(tmp_path_factory.mktemp("whole") / "course.zarr"))


@pytest.fixture
def path(tmp_path):
    return tmp_path / "course.zarr"


def goes_on(path):
    """Open it, write what is missing; the parts that were, and what was said of it."""
    with opened(path) as store:
        missing, said = store.missing(), store.resumed
        write(store, missing)
    return missing, said


# ------------------------------------------------------------------ killed


@pytest.mark.skipif(sys.platform == "win32", reason="there is no SIGKILL")
def test_killed_at_any_moment(path, tmp_path):
    """Several times, at moments that differ from run to run: no bit may depend on them."""
    truth = every_file(made(tmp_path / "whole.zarr", range(22), rows_each=1))
    environment = dict(os.environ, PYTHONPATH=os.pathsep.join([*filter(None, sys.path), str(HERE)]))
    command = [sys.executable, str(HERE / "stored_writer.py"), str(path)]
    for _ in range(3):
        with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE) as writer:
            writer.stdout.readline()
            try:
                writer.wait(timeout=random.uniform(0, 0.5))
            except subprocess.TimeoutExpired:
                writer.send_signal(signal.SIGKILL)
        with opened(path, rows_each=1) as store:  # the lock went with the process
            assert "done again" not in store.resumed
    with opened(path, rows_each=1) as store:
        write(store, store.missing())
    assert every_file(path) == truth
    assert xr.open_zarr(path).identical(whole())


# ------------------------------------------------------------------ damaged


def files_of(path, part):
    with opened(path) as store:
        return sorted(store.layout.files_of(part))


def cut(file):
    file.write_bytes(file.read_bytes()[:-7])


def flip(file):
    data = bytearray(file.read_bytes())
    data[len(data) // 2] ^= 16
    file.write_bytes(data)


def swap(file):
    """A chunk that is sound, and not this one."""
    data = file.read_bytes()
    other = next(each for each in sorted(file.parents[3].rglob("*")) if each.is_file() and each.name != "zarr.json"
                 and each.read_bytes() != data)  # fmt: skip
    file.write_bytes(other.read_bytes())


def zero(file):
    """What a file system may leave after a power failure."""
    file.write_bytes(bytes(file.stat().st_size))


@pytest.mark.parametrize(
    ("harm", "said"),
    [(Path.unlink, "is missing"), (cut, "bytes"), (flip, "is corrupted"), (zero, "is corrupted"), (swap, "")],
)
def test_a_damaged_part_is_done_again(path, truth, harm, said):
    made(path)
    key = "plasma/c/1/0/2/0"
    harm(path / key)
    missing, told = goes_on(path)
    assert missing == [5]
    assert told.startswith(f"{path}: 5 of 6 parts are there; 1 part is done again: in part 5, {key} ")
    assert said in told
    assert every_file(path) == truth


def test_every_single_file_is_looked_at(path, truth):
    made(path)
    for key in files_of(path, 0):
        flip(path / key)
        missing, said = goes_on(path)
        assert missing == [0]
        assert f"in part 0, {key} is corrupted" in said
    assert every_file(path) == truth


def test_many_damaged_parts_are_counted(path, truth):
    made(path)
    for part in (1, 3, 4):
        (path / files_of(path, part)[0]).unlink()
    missing, said = goes_on(path)
    assert missing == [1, 3, 4]
    assert "3 of 6 parts are there; 3 parts are done again: in part 1, CL/c/0/1 is missing" in said
    assert every_file(path) == truth


def test_what_all_parts_share_is_mended(path, truth):
    made(path)
    with opened(path) as store:
        shared = [
            key for key in truth if key not in {each for part in SIX for each in store.layout.files_of(part)}
        ]
    assert {"zarr.json", "plasma/zarr.json", "subject/c/0"} <= set(shared)
    for key in ("plasma/zarr.json", "subject/c/0"):
        cut(path / key)
        assert goes_on(path) == ([], f"{path}: 6 of 6 parts are there; {key} was damaged and is mended")
        assert every_file(path) == truth
    for key in shared:
        cut(path / key)
    assert goes_on(path)[0] == []
    assert every_file(path) == truth


# ------------------------------------------------------------------ the ledger


def test_a_ledger_torn_anywhere(path, truth):
    """Cut at the ends of lines and within them, as a killed process or a power failure may leave it."""
    made(path)
    whole_ledger = (path / LEDGER).read_bytes()
    ends = [at + 1 for at, each in enumerate(whole_ledger) if each == ord("\n")]
    for count, start in [(0, 0), (3, ends[2]), (5, ends[4])]:
        for at in (start + 30 * (count % 2), ends[count] - 1):
            (path / LEDGER).write_bytes(whole_ledger[:at])
            missing, said = goes_on(path)
            assert missing == [*range(count, 6)]
            assert said == f"{path}: {count} of 6 parts are there"
    assert every_file(path) == truth


@pytest.mark.parametrize("rubbish", [bytes(4096), b'\xff\n\n00000000 {"part": 5}\n'])
def test_rubbish_behind_the_ledger(path, truth, rubbish):
    made(path, SIX[:4])
    with (path / LEDGER).open("ab") as file:
        file.write(rubbish)
    assert goes_on(path)[0] == [4, 5]
    assert goes_on(path)[0] == []
    assert every_file(path) == truth


def test_without_its_ledger_all_is_done_again(path, truth):
    made(path)
    (path / LEDGER).unlink()
    assert goes_on(path)[0] == [*SIX]
    assert every_file(path) == truth


def test_what_a_killed_process_was_writing_is_deleted(path, truth):
    made(path)
    (path / "plasma" / "c" / "0" / "0" / "0" / "0.12-34.new").write_bytes(b"half")
    (path / ".doseline" / "tmp12" / "plasma").mkdir(parents=True)
    assert goes_on(path)[0] == []
    assert sorted(os.listdir(path / ".doseline")) == ["holder.json", "ledger", "lock", "store.json"]
    assert every_file(path) == truth
