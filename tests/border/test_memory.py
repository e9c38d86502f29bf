"""How much memory a process may take: what files of the system say, and what people say.

Truth: files written here, in the layout that the kernel documents, with numbers whose difference is plain; the memory
of the machine that runs this.
"""

import os
import sys
from pathlib import Path

import pytest

from doseline.errors import InputError
from doseline.memory import SMALL, available_memory, lacking, read_bytes, size_told

GIB = 2**30


@pytest.fixture
def system(tmp_path, monkeypatch):
    """A machine with 10 GiB free; more files are written with `write(path, text)`."""
    monkeypatch.delenv("DOSELINE_MEMORY", raising=False)
    monkeypatch.setattr(sys, "platform", "linux")

    def write(path, text):
        file = tmp_path / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")

    write("proc/meminfo", f"MemTotal: 99 kB\nMemFree: 1 kB\nMemAvailable:   {10 * 2**20} kB\n")
    return tmp_path, write


def test_free_memory_of_the_machine(system):
    root, _ = system
    assert available_memory(root) == 10 * GIB


def test_a_control_group_of_version_2_sets_a_limit(system):
    """Truth: 4 GiB, of which 3 are taken, and of these one is a cache that can go: 2 GiB are left."""
    root, write = system
    write("proc/self/cgroup", "0::/user.slice/job:7\n")
    write("sys/fs/cgroup/user.slice/job:7/memory.max", f"{4 * GIB}\n")
    write("sys/fs/cgroup/user.slice/job:7/memory.current", f"{3 * GIB}\n")
    write("sys/fs/cgroup/user.slice/job:7/memory.stat", f"anon 5\ninactive_file {GIB}\nslab 1\n")
    assert available_memory(root) == 2 * GIB


def test_so_does_one_that_holds_it(system):
    root, write = system
    write("proc/self/cgroup", "0::/user.slice/job\n")
    write("sys/fs/cgroup/user.slice/job/memory.max", "max\n")
    write("sys/fs/cgroup/user.slice/job/memory.current", "1\n")
    write("sys/fs/cgroup/user.slice/memory.max", f"{GIB}\n")
    write("sys/fs/cgroup/user.slice/memory.current", f"{2 * GIB}\n")
    assert available_memory(root) == 0


def test_in_a_container_only_the_uppermost_group_is_seen(system):
    root, write = system
    write("proc/self/cgroup", "0::/docker/4c7d\n")
    write("sys/fs/cgroup/memory.max", f"{3 * GIB}\n")
    write("sys/fs/cgroup/memory.current", f"{GIB}\n")
    assert available_memory(root) == 2 * GIB


def test_control_groups_of_version_1(system):
    root, write = system
    write("proc/self/cgroup", "5:devices:/a\n4:cpu,memory:/batch/job\n0::/\n")
    write("sys/fs/cgroup/memory/batch/job/memory.limit_in_bytes", f"{5 * GIB}\n")
    write("sys/fs/cgroup/memory/batch/job/memory.usage_in_bytes", f"{4 * GIB}\n")
    write("sys/fs/cgroup/memory/batch/job/memory.stat", f"inactive_file 1\ntotal_inactive_file {2 * GIB}\n")
    write("sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n")  # none
    write("sys/fs/cgroup/memory/memory.usage_in_bytes", f"{GIB}\n")
    assert available_memory(root) == 3 * GIB


def test_without_any_of_it_all_memory_counts(system):
    root, _ = system
    (root / "proc/meminfo").unlink()
    assert available_memory(root) == os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has /proc/meminfo")
def test_what_this_machine_has_is_what_the_kernel_says(monkeypatch):
    """Truth: /proc/meminfo, read here: a limit can only take away from MemAvailable, which others change meanwhile."""
    monkeypatch.delenv("DOSELINE_MEMORY", raising=False)
    lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
    said = {name: 1024 * int(rest.split()[0]) for name, rest in (line.split(":") for line in lines)}
    assert 0 < available_memory() <= said["MemTotal"]
    monkeypatch.setattr("doseline.memory._groups", lambda root: iter(()))
    assert abs(available_memory() - said["MemAvailable"]) < 0.1 * said["MemTotal"]


@pytest.mark.parametrize(
    ("text", "bytes_"),
    [
        ("4096", 4096),
        ("8 GB", 8e9),
        ("1.5GiB", 1.5 * GIB),
        (" 500 mb ", 5e8),
        ("2e3 kB", 2e6),
        ("7 bytes", 7),
    ],
)
def test_people_may_say_it_themselves(monkeypatch, text, bytes_):
    monkeypatch.setenv("DOSELINE_MEMORY", text)
    assert available_memory() == bytes_


@pytest.mark.parametrize("text", ["much", "8 gallons", "-1 GB", "1,5 GB", "nan"])
def test_what_is_no_size_is_refused(text):
    with pytest.raises(InputError) as caught:
        read_bytes(text, place="DOSELINE_MEMORY")
    assert str(caught.value) == (
        f"DOSELINE_MEMORY: found {text!r}\n  give a number of bytes, or a size such as '8 GB' or '500 MB'"
    )


def test_nobody_asks_for_a_little_memory(monkeypatch):
    """Truth: every machine that can import doseline has it; asking would cost more than a small run."""
    monkeypatch.delenv("DOSELINE_MEMORY", raising=False)
    monkeypatch.setattr("doseline.memory.available_memory", lambda: 5)
    assert lacking(SMALL) is None
    assert lacking(SMALL + 1) == 5
    monkeypatch.setenv("DOSELINE_MEMORY", "5")
    assert lacking(6) == 5
    assert lacking(5) is None


@pytest.mark.parametrize(
    ("count", "told"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (1000, "1.0 kB"),
        (999_960, "1.0 MB"),
        (2**40, "1.1 TB"),
        (3e15, "3,000.0 TB"),
    ],
)
def test_sizes_are_told_in_three_digits(count, told):
    assert size_told(count) == told
