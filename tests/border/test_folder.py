"""A results folder is whole or not there, whatever goes wrong, and only results of doseline are ever replaced.

Truth: the files of the folder and of the folder around it, listed after each attempt.
"""

import errno
import os
import shutil
from pathlib import Path
from types import SimpleNamespace

import pytest

from doseline.errors import ResultError, SolveError
from doseline.folder import MARK, new_folder, reserve

FREE = "free some space, or choose another folder with --out; nothing was written there"


def fill(folder, words="new"):
    """A run that writes two files."""
    with new_folder(folder, force=True) as draft:
        (draft / "a.csv").write_text(words)
        (draft / "b.png").write_text(words)


def fail(folder, error, *, force=False):
    """A run that is stopped half-way."""
    with new_folder(folder, force=force) as draft:
        (draft / "a.csv").write_text("half")
        raise error


def around(folder):
    return sorted(path.name for path in folder.parent.iterdir())


@pytest.fixture
def out(tmp_path):
    return tmp_path / "results"


@pytest.fixture
def old(out):
    fill(out, "old")
    return out


def refused(folder, *, force=False):
    with pytest.raises(ResultError) as caught, new_folder(folder, force=force):
        pytest.fail("the folder was opened")
    return str(caught.value)


# ------------------------------------------------------------------ when all goes well


def test_the_folder_has_its_name_only_at_the_end(out):
    with new_folder(out) as draft:
        assert draft.parent == out.parent
        assert not out.exists()
        (draft / "a.csv").write_text("x")
    assert sorted(os.listdir(out)) == [MARK, "a.csv"]
    assert around(out) == ["results"]


def test_parents_are_made_and_texts_taken_for_paths(tmp_path):
    fill(str(tmp_path / "deep" / "er" / "results"))
    assert (tmp_path / "deep" / "er" / "results" / "a.csv").read_text() == "new"


@pytest.mark.skipif(os.name == "nt", reason="permissions of POSIX")
def test_others_may_read_it_as_the_user_says(out):
    before = os.umask(0o027)
    try:
        fill(out)
    finally:
        os.umask(before)
    assert out.stat().st_mode & 0o777 == 0o750


def test_force_replaces_everything(old):
    with new_folder(old, force=True) as draft:
        assert (old / "a.csv").read_text() == "old"
        (draft / "c.csv").write_text("new")
    assert sorted(os.listdir(old)) == [MARK, "c.csv"]
    assert around(old) == ["results"]


def test_what_desktops_leave_there_does_not_matter(old):
    (old / ".DS_Store").write_text("")
    fill(old)
    assert not (old / ".DS_Store").exists()


# ------------------------------------------------------------------ what is never touched


def test_results_without_force(old):
    assert refused(old) == (
        f"{old}: it holds results already\n  give --force to replace them, or choose another folder with --out"
    )
    assert (old / "a.csv").read_text() == "old"


@pytest.mark.parametrize("force", [False, True])
def test_a_folder_of_somebody_else(out, force):
    out.mkdir()
    (out / "thesis.docx").write_text("years")
    assert refused(out, force=force) == (
        f"{out}: it exists and was not written by doseline\n"
        "  --force replaces results of doseline only: choose another folder with --out"
    )
    assert os.listdir(out) == ["thesis.docx"]


@pytest.mark.parametrize("force", [False, True])
def test_an_empty_folder_and_a_file(out, force):
    (out.parent / "empty").mkdir()
    out.write_text("a file")
    for path in (out, out.parent / "empty"):
        assert "it exists and was not written by doseline" in refused(path, force=force)
    assert out.read_text() == "a file"


@pytest.mark.parametrize("force", [False, True])
def test_results_that_somebody_added_to(old, force):
    for name in ("notes.txt", "my pictures", "x1", "x2"):
        (old / name).mkdir()
    assert refused(old, force=force) == (
        f"{old}: it holds what doseline did not write: my pictures, notes.txt, x1, ...\n"
        "  move that to another place, or choose another folder with --out"
    )
    assert len(os.listdir(old)) == 7


@pytest.mark.skipif(os.name == "nt", reason="links need rights there")
@pytest.mark.parametrize("force", [False, True])
def test_links(old, force):
    for name, target in (("link", old), ("dangling", old.parent / "nowhere")):
        link = old.parent / name
        link.symlink_to(target)
        assert "it exists and was not written by doseline" in refused(link, force=force)
        assert link.is_symlink()
    assert (old / "a.csv").read_text() == "old"


def test_something_that_came_meanwhile(out):
    def run():
        with new_folder(out) as draft:
            (draft / "a.csv").write_text("x")
            out.mkdir()
            (out / "thesis.docx").write_text("years")

    with pytest.raises(ResultError) as caught:
        run()
    assert "it exists and was not written by doseline" in str(caught.value)
    assert os.listdir(out) == ["thesis.docx"]
    assert around(out) == ["results"]


# ------------------------------------------------------------------ when it goes wrong

FAILURES = [
    (OSError(errno.ENOSPC, "No space left on device"), f"the disk is full\n  {FREE}"),
    (OSError(errno.EDQUOT, "Disk quota exceeded"), f"your disk quota is used up\n  {FREE}"),
    (PermissionError(errno.EACCES, "Permission denied"), "the folder cannot be written\n"
     "  look at its permissions, or choose another one with --out; nothing was written there"),
    (OSError(errno.EROFS, "Read-only file system"),
     "the disk is read-only\n  choose another folder with --out; nothing was written there"),
    (OSError(errno.EIO, "Input/output error"), "it cannot be written: [Errno 5] Input/output error\n"
     "  choose another folder with --out; nothing was written there"),
    # how HDF5 tells a full disk when it closes a file
    (RuntimeError("Can't decrement id ref count (unable to extend file properly, errno = 28, error message = '...')"),
     f"the disk is full\n  {FREE}"),
]  # fmt: skip


@pytest.mark.parametrize(("error", "message"), FAILURES, ids=[str(row[0])[:30] for row in FAILURES])
def test_nothing_half_written_stays(out, error, message):
    with pytest.raises(ResultError) as caught:
        fail(out, error)
    assert str(caught.value) == f"{out}: {message}"
    assert around(out) == []


@pytest.mark.parametrize(("error", "message"), FAILURES, ids=[str(row[0])[:30] for row in FAILURES])
def test_old_results_stay_whole(old, error, message):
    with pytest.raises(ResultError) as caught:
        fail(old, error, force=True)
    kept = message.replace("nothing was written there", "the results that were there are untouched")
    assert str(caught.value) == f"{old}: {kept}"
    assert (old / "a.csv").read_text() == "old"
    assert around(old) == ["results"]


def test_an_error_behind_an_error_is_found(out):
    error = RuntimeError("cannot close file")
    error.__context__ = OSError(errno.ENOSPC, "No space left on device")
    with pytest.raises(ResultError, match="the disk is full"):
        fail(out, error)


@pytest.mark.parametrize(
    "error", [KeyboardInterrupt(), SolveError("rows"), RuntimeError("a fault of ours"), MemoryError()]
)
def test_what_is_no_matter_of_folders_goes_on_as_it_is(old, error):
    with pytest.raises(type(error)) as caught:
        fail(old, error, force=True)
    assert caught.value is error
    assert (old / "a.csv").read_text() == "old"
    assert around(old) == ["results"]


@pytest.mark.parametrize("error", [OSError(errno.EIO, "Input/output error"), KeyboardInterrupt()])
def test_the_old_folder_comes_back_if_the_new_one_cannot_take_its_place(old, monkeypatch, error):
    rename = Path.rename

    def stuck(path, target):
        if path.name.startswith(".results-") and (path / MARK).exists():
            raise error
        return rename(path, target)

    monkeypatch.setattr(Path, "rename", stuck)
    with pytest.raises((ResultError, KeyboardInterrupt)):
        fill(old)
    assert (old / "a.csv").read_text() == "old"
    assert around(old) == ["results"]


def test_a_folder_that_cannot_be_made(out, monkeypatch):
    def refuse(*args, **kwargs):
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr("tempfile.mkdtemp", refuse)
    assert refused(out) == (
        f"{out}: the folder cannot be written\n"
        "  look at its permissions, or choose another one with --out; nothing was written there"
    )


def test_a_file_in_the_way(tmp_path):
    (tmp_path / "file").write_text("")
    for path in (tmp_path / "file" / "results", tmp_path / "file" / "deep" / "results"):
        assert refused(path) == (
            f"{path}: a part of the path is a file\n  choose another folder with --out; nothing was written there"
        )


@pytest.mark.skipif(os.name == "nt", reason="another limit, and another error")
def test_a_name_that_is_too_long(tmp_path):
    path = tmp_path / ("x" * 300)
    assert refused(path) == (
        f"{path}: the name is too long\n  choose a shorter one with --out; nothing was written there"
    )


# ------------------------------------------------------------------ room for large files


def test_room_is_asked_for_before(out):
    with new_folder(out) as draft:
        reserve(draft / "levels.nc", size=10_000)
        assert list(draft.iterdir()) == []


def test_no_room(out, monkeypatch):
    monkeypatch.setattr(shutil, "disk_usage", lambda path: SimpleNamespace(free=9_999))
    with pytest.raises(ResultError, match="the disk is full"), new_folder(out) as draft:
        reserve(draft / "levels.nc", size=10_000)
    assert around(out) == []


@pytest.mark.skipif(not hasattr(os, "posix_fallocate"), reason="not on this system")
@pytest.mark.parametrize(
    ("number", "full"), [(errno.ENOSPC, True), (errno.EDQUOT, True), (errno.EINVAL, False)]
)
def test_what_the_disk_answers(tmp_path, monkeypatch, number, full):
    """Some kinds of disk cannot reserve: that is no reason not to write."""

    def answer(*args):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "posix_fallocate", answer)
    if full:
        with pytest.raises(OSError, match=os.strerror(number)):
            reserve(tmp_path / "levels.nc", size=10)
    else:
        reserve(tmp_path / "levels.nc", size=10)
