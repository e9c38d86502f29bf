"""Whatever is wrong with the disk or the path is told in one sentence, and what was written stays.

Truth: the files that are there after each attempt, and the store that comes out when the work goes on.
"""

import errno
import os
import shutil
import socket
import sys
from pathlib import Path

import pytest
import xarray as xr
from stored_example import SIX, every_file, made, opened, part_of, whole, write

from doseline import store_files
from doseline.errors import InputError, ResultError
from doseline.store import Store

STAYS = "2 of 6 parts are there and stay"


@pytest.fixture
def path(tmp_path):
    return tmp_path / "course.zarr"


def refused(path, error=ResultError, **changed):
    with pytest.raises(error) as caught:
        opened(path, **changed)
    return str(caught.value)


# ------------------------------------------------------------------ what is there already


def test_nothing_of_others_is_touched(tmp_path):
    untouched = "\n  give another path: nothing of others is overwritten"
    file, folder, foreign, link = (tmp_path / name for name in ("file", "folder", "foreign", "link"))
    file.write_text("mine")
    folder.mkdir()
    (folder / "letter.txt").write_text("mine")
    xr.Dataset({"a": 1}).to_zarr(foreign, zarr_format=2, consolidated=False)
    link.symlink_to(tmp_path / "nowhere")
    before = every_file(tmp_path)
    assert refused(file) == f"{file}: it is a file{untouched}"
    assert refused(folder) == f"{folder}: it is a folder with other files in it{untouched}"
    assert refused(foreign) == f"{foreign}: it is a Zarr store that doseline has not begun{untouched}"
    assert refused(link) == f"{link}: it is a link to nowhere{untouched}"
    assert every_file(tmp_path) == before


def test_an_empty_folder_will_do_and_folders_on_the_way_are_made(tmp_path):
    (tmp_path / "a").mkdir()
    assert made(tmp_path / "a").is_dir()
    assert made(tmp_path / "b" / "c").is_dir()


def test_a_file_on_the_way(tmp_path):
    (tmp_path / "a").write_text("mine")
    place = tmp_path / "a" / "course.zarr"
    assert refused(place) == f"{place}: a part of the path is a file\n  give another path"


def test_joining_what_is_not_there(path):
    with pytest.raises(ResultError) as caught:
        Store.join(path)
    assert str(caught.value) == f"{path}: there is no store\n  look at the path, or make one first"


# ------------------------------------------------------------------ something else was computed there


@pytest.mark.parametrize(
    ("before", "now", "said"),
    [
        ({"seed": "7"}, {"seed": "8"}, "another seed (7, now 8)"),
        ({"seed": "7"}, {}, "another seed (7, now not given)"),
        (
            {"seed": "7", "times": "2 h", "solver": "exact", "subjects": "a"},
            {"seed": "8", "times": "1 h", "solver": "tsit5", "subjects": "b"},
            "another seed (7, now 8) and another times (2 h, now 1 h) and another solver (exact, now tsit5) and 1 more",
        ),
        (
            {"model": "name = 'a'\nCL = 5\nV = 50"},
            {"model": "name = 'a'\nCL = 6\nV = 50"},
            "another model (line 2: CL = 5, now CL = 6)",
        ),
        ({"model": "a\nb"}, {"model": "a"}, "another model (line 2: b, now nothing)"),
        ({"model": "a" * 60}, {"model": "b"}, f"another model ({'a' * 37}..., now b)"),
    ],
)
def test_what_has_changed_is_named(path, before, now, said):
    made(path, [0], fingerprint=before)
    files = every_file(path)
    assert refused(path, fingerprint=now) == (
        f"{path}: it was made with {said}\n  give another path, or delete it to begin anew"
    )
    assert every_file(path) == files


def test_another_dtype_or_cut(path):
    made(path, [0])
    assert "it was made with another dtype (float64, now float32)" in refused(path, dtype="float32")
    assert "it was made with another size of parts (4, now 5)" in refused(path, rows_each=5)
    assert "it was made with other variables" in refused(path, levels=whole().drop_vars("CL"))


def test_a_store_of_a_version_to_come(path):
    note = made(path, [0]) / ".doseline" / "store.json"
    for text in ('{"format": 99}', '{"form', ""):
        note.write_text(text)
        assert refused(path) == (
            f"{path}: its .doseline/store.json is damaged, or of another version of doseline\n"
            "  give another path, or delete it"
        )


# ------------------------------------------------------------------ two at once


def test_a_second_writer_is_told_who_the_first_is(path):
    with opened(path):
        told = refused(path)
    assert told.startswith(f"{path}: process {os.getpid()} on {socket.gethostname()}, since 20")
    assert told.endswith(" UTC, is writing to it\n  wait until that has ended, or give another path")
    opened(path).close()


def test_a_writer_who_has_not_said_yet_who_he_is(path):
    with opened(path):
        (path / ".doseline" / "holder.json").unlink()
        assert refused(path).startswith(f"{path}: another process is writing to it")


def test_who_fails_to_open_lets_others_write(path, monkeypatch):
    made(path, [0])
    with monkeypatch.context() as patch:
        patch.setattr("doseline.store_ledger.sweep", fails(errno.EIO))
        assert refused(path).startswith(f"{path}: it cannot be written: ")
    opened(path).close()


# ------------------------------------------------------------------ the disk


def fails(number):
    def call(*_, **__):
        raise OSError(number, os.strerror(number))

    return call


@pytest.mark.parametrize(
    ("number", "said"),
    [
        (errno.ENOSPC, "the disk is full\n  free some space, and run it again; "),
        (errno.EDQUOT, "your disk quota is used up\n  free some space, and run it again; "),
        (errno.EROFS, "the disk is read-only\n  give another path; "),
        (errno.EACCES, "it cannot be written\n  look at its permissions, or give another path; "),
        (
            errno.EIO,
            f"it cannot be written: [Errno {errno.EIO}] {os.strerror(errno.EIO)}\n  give another path; ",
        ),
    ],
)
def test_a_disk_that_refuses_midway(path, tmp_path, monkeypatch, number, said):
    levels = whole()
    with opened(path) as store:
        write(store, [0, 1])
        for what in ("write_all", "put"):  # chunks and everything else
            with monkeypatch.context() as patch:
                patch.setattr(store_files, what, fails(number))
                with pytest.raises(ResultError) as caught:
                    store.write(2, part_of(levels, store, 2))
            assert str(caught.value) == f"{path}: {said}{STAYS}"
        entry = store.write(2, part_of(levels, store, 2))
        with monkeypatch.context() as patch:
            patch.setattr("doseline.store_ledger.write_all", half_a_line)
            with pytest.raises(ResultError, match="the disk is full"):
                store.record(entry)
        assert not [each for each in path.rglob("*") if each.name.endswith(".new")]
        store.record(entry)  # there is room again
        write(store, store.missing())
    with opened(path) as store:
        assert store.missing() == []
    assert every_file(path) == every_file(made(tmp_path / "whole.zarr"))


def half_a_line(file, data):
    file.write(data[: len(data) // 2])
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such limit")
def test_a_real_limit_of_the_system(path):
    """Truth: the system itself refuses files above the limit, in the middle of one."""
    import resource

    with opened(path) as store:
        write(store, [0, 1])
        limits = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (300, limits[1]))
        try:
            with pytest.raises(ResultError) as caught:
                store.write(2, part_of(whole(), store, 2))
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        assert str(caught.value) == (
            f"{path}: a file is larger than the system allows\n  give another path; {STAYS}"
        )
        write(store, [2])


def test_no_room_for_a_beginning_leaves_nothing(path, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr("doseline.store_head.put", fails(errno.ENOSPC))
        assert refused(path) == f"{path}: the disk is full\n  free some space, and run it again"
    assert list(path.parent.iterdir()) == []


def test_a_folder_that_cannot_be_written(path, monkeypatch):
    made(path, [0])
    with monkeypatch.context() as patch:
        patch.setattr("doseline.store_lock.FileLock.acquire", fails(errno.EACCES))
        assert (
            refused(path) == f"{path}: it cannot be written\n  look at its permissions, or give another path"
        )


# ------------------------------------------------------------------ deleted meanwhile


DELETED = "it was deleted or replaced while it was written\n  run it again: it begins anew"


def test_deleted_while_it_was_written(path):
    with opened(path) as store:
        write(store, [0])
        entry = store.write(1, part_of(whole(), store, 1))
        shutil.rmtree(path)
        for call in (lambda: store.write(2, part_of(whole(), store, 2)), lambda: store.record(entry)):
            with pytest.raises(ResultError) as caught:
                call()
            assert str(caught.value) == f"{path}: {DELETED}"
        assert not path.exists()


def test_deleted_within_a_part(path, monkeypatch):
    with opened(path) as store:
        put = store_files.put

        def deleting(file: Path, data):
            shutil.rmtree(path, ignore_errors=True)
            put(file, data)

        monkeypatch.setattr(store_files, "put", deleting)
        with pytest.raises(ResultError) as caught:
            store.write(2, part_of(whole(), store, 2))
        assert "it was deleted" in str(caught.value)
        assert not path.exists()


def test_another_store_in_its_place(path):
    with opened(path) as first:
        shutil.rmtree(path)
        with opened(path) as second:
            with pytest.raises(ResultError) as caught:
                write(first, [0])
            assert str(caught.value) == f"{path}: {DELETED}"
            write(second, SIX)


# ------------------------------------------------------------------ arguments


def test_arguments_that_cannot_be_used(path):
    nobody = whole().isel(subject=slice(0, 0))
    assert refused(path, InputError, levels=nobody) == f"{path}: there are no subjects\n  give at least one"
    assert refused(path, InputError, dtype="float16") == (
        "dtype: found 'float16'\n  expected 'float64' or 'float32'"
    )
    assert not path.exists()


@pytest.mark.parametrize(
    ("module", "package"), [("zarr", "zarr"), ("filelock", "filelock"), ("google_crc32c", "google-crc32c")]
)
def test_a_package_that_is_not_installed(path, monkeypatch, module, package):
    monkeypatch.setitem(sys.modules, module, None)
    assert refused(path, InputError) == (
        f"store: storing on the disk needs {package}, which is not installed\n"
        "  python -m pip install 'doseline[scale]'"
    )
