"""A name appears only when the file behind it is whole and durable, and it replaces nothing unasked."""

from __future__ import annotations

import ctypes
import errno
import hashlib
import os
import stat
import threading
from typing import TYPE_CHECKING, Any

import pytest

from watchd.adapters.filesystem import outputs
from watchd.adapters.filesystem.outputs import FileOutputs
from watchd.errors import LaterError, NoSpaceError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

MTIME = 1_234_567_890_123_456_789
BODY = [b"one", b"two", b"", b"three"]
WHOLE = b"".join(BODY)


def publish(root: Path, path: str = "a.png", *, replace: bool = False, body: list[bytes] | None = None) -> str | None:
    return FileOutputs().publish(BODY if body is None else body, str(root), path, replace=replace, mtime_ns=MTIME)


def everything(root: Path) -> list[str]:
    return sorted(str(path.relative_to(root)) for path in root.rglob("*") if not path.is_dir())


def without_tmpfile(patch: pytest.MonkeyPatch) -> None:
    """A file system on which a file cannot be without a name."""
    real = os.open

    def refuse(path: Any, flags: int, *arguments: Any, **names: Any) -> int:
        if flags & os.O_TMPFILE == os.O_TMPFILE:
            raise OSError(errno.EOPNOTSUPP, os.strerror(errno.EOPNOTSUPP))
        return real(path, flags, *arguments, **names)

    patch.setattr(os, "open", refuse)


def without_links(patch: pytest.MonkeyPatch) -> None:
    """Nor hard links."""
    without_tmpfile(patch)

    def refuse(*_: Any, **__: Any) -> None:
        raise OSError(errno.EPERM, os.strerror(errno.EPERM))

    patch.setattr(os, "link", refuse)


class _NoRename:
    """Nor renameat2."""

    @staticmethod
    def renameat2(*_: Any) -> int:
        ctypes.set_errno(errno.EINVAL)
        return -1


def without_anything(patch: pytest.MonkeyPatch) -> None:
    without_links(patch)
    patch.setattr(outputs, "_libc", _NoRename)


WAYS: dict[str, Callable[[pytest.MonkeyPatch], None]] = {
    "nameless file": lambda _: None,
    "hard link": without_tmpfile,
    "renameat2": without_links,
    "placeholder": without_anything,
}


@pytest.fixture(params=WAYS)
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Each way of giving a name that some file system needs."""
    WAYS[request.param](monkeypatch)
    return str(request.param)


@pytest.mark.usefixtures("way")
def test_what_is_published_is_whole_dated_as_told_and_alone(tmp_path: Path) -> None:
    assert publish(tmp_path) == hashlib.sha256(WHOLE).hexdigest()
    assert (tmp_path / "a.png").read_bytes() == WHOLE
    assert (tmp_path / "a.png").stat().st_mtime_ns == MTIME
    assert everything(tmp_path) == ["a.png"]


@pytest.mark.usefixtures("way")
def test_a_name_that_is_taken_is_left_alone_and_told(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(b"somebody else's")
    assert publish(tmp_path) is None
    assert (tmp_path / "a.png").read_bytes() == b"somebody else's"
    assert everything(tmp_path) == ["a.png"]


@pytest.mark.usefixtures("way")
@pytest.mark.parametrize("what", ["folder", "dangling link", "fifo"])
def test_whatever_bears_the_name_it_is_taken(tmp_path: Path, what: str) -> None:
    taken = tmp_path / "a.png"
    if what == "folder":
        taken.mkdir()
    elif what == "fifo":
        os.mkfifo(taken)
    else:
        taken.symlink_to("none")
    assert publish(tmp_path) is None
    assert FileOutputs().exists(str(tmp_path), "a.png")


@pytest.mark.usefixtures("way")
def test_told_to_replace_it_replaces(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(b"an older one")
    assert publish(tmp_path, replace=True) is not None
    assert (tmp_path / "a.png").read_bytes() == WHOLE
    assert publish(tmp_path, "new.png", replace=True) is not None
    assert everything(tmp_path) == ["a.png", "new.png"]


@pytest.mark.usefixtures("way")
def test_of_many_who_want_one_name_exactly_one_gets_it(tmp_path: Path) -> None:
    barrier, won = threading.Barrier(8), []

    def race(number: int) -> None:
        barrier.wait(10)
        if publish(tmp_path, body=[b"%d" % number]) is not None:
            won.append(number)

    threads = [threading.Thread(target=race, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    (winner,) = won
    assert (tmp_path / "a.png").read_bytes() == b"%d" % winner
    assert everything(tmp_path) == ["a.png"]


@pytest.mark.usefixtures("way")
def test_a_source_that_breaks_off_leaves_no_name_and_no_litter(tmp_path: Path) -> None:
    def broken() -> Iterator[bytes]:
        yield b"one"
        raise RuntimeError("the source broke off")

    with pytest.raises(RuntimeError):
        FileOutputs().publish(broken(), str(tmp_path), "a.png", replace=False, mtime_ns=MTIME)
    assert everything(tmp_path) == []


@pytest.mark.parametrize(("umask", "mode"), [(0o022, 0o644), (0o002, 0o664), (0o077, 0o600)])
@pytest.mark.usefixtures("way")
def test_the_mode_follows_the_umask(tmp_path: Path, umask: int, mode: int) -> None:
    before = os.umask(umask)
    try:
        publish(tmp_path, "sub/a.png")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "sub/a.png").stat().st_mode) == mode
    assert stat.S_IMODE((tmp_path / "sub").stat().st_mode) == 0o777 & ~umask


def test_folders_on_the_way_are_made_and_the_output_folder_itself(tmp_path: Path) -> None:
    assert publish(tmp_path / "out", "2026/spring/a.png") is not None
    assert everything(tmp_path) == ["out/2026/spring/a.png"]


def test_what_lies_above_the_output_folder_is_never_made(tmp_path: Path) -> None:
    with pytest.raises(LaterError):
        publish(tmp_path / "mnt/nas/out")
    assert list(tmp_path.iterdir()) == []


def test_a_link_on_the_way_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "out").mkdir()
    (tmp_path / "out/sub").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(LaterError):
        publish(tmp_path / "out", "sub/a.png")
    assert everything(tmp_path / "elsewhere") == []


def test_a_file_where_a_folder_is_needed_is_told(tmp_path: Path) -> None:
    (tmp_path / "sub").write_bytes(b"")
    with pytest.raises(LaterError):
        publish(tmp_path, "sub/a.png")


@pytest.mark.parametrize("name", [b"caf\xe9\n.png", b"-rf.png", b"x" * 255, "\u65e5\u672c.png".encode()])
def test_any_name_of_a_file_can_be_published(tmp_path: Path, name: bytes) -> None:
    assert publish(tmp_path, os.fsdecode(name)) is not None
    assert [os.fsencode(found.name) for found in tmp_path.iterdir()] == [name]


def test_file_then_folder_are_synced_in_this_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced: list[tuple[str, bool]] = []
    real = os.fsync

    def sync(descriptor: int) -> None:
        kind = "folder" if stat.S_ISDIR(os.fstat(descriptor).st_mode) else "file"
        synced.append((kind, (tmp_path / "a.png").exists()))
        real(descriptor)

    monkeypatch.setattr(os, "fsync", sync)
    publish(tmp_path)
    # The folder's own name comes first, once; then the file while it has no name, and its name at last.
    assert synced == [("folder", False), ("file", False), ("folder", True)]


def test_a_folder_made_on_the_way_has_its_own_name_synced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced: list[int] = []
    real = os.fsync

    def sync(descriptor: int) -> None:
        synced.append(os.fstat(descriptor).st_ino)
        real(descriptor)

    monkeypatch.setattr(os, "fsync", sync)
    publish(tmp_path / "out", "sub/a.png")
    wanted = [(tmp_path / part).stat().st_ino for part in ("", "out", "out/sub")]
    assert set(wanted) <= set(synced)


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT])
def test_a_full_disk_is_told_as_such(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int) -> None:
    def fail(*_: Any) -> int:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(os, "write", fail)
    with pytest.raises(NoSpaceError):
        publish(tmp_path)


@pytest.mark.usefixtures("way")
def test_on_a_disk_that_is_really_full_nothing_appears(small_disk: Path) -> None:
    with pytest.raises(NoSpaceError):
        publish(small_disk, body=[bytes(500_000)] * 4)
    assert everything(small_disk) == []
    assert publish(small_disk, body=[bytes(500_000)]) is not None


def test_room_is_asked_for_before_anything_is_paid(small_disk: Path) -> None:
    FileOutputs().make_ready(str(small_disk / "out"), 500_000)
    with pytest.raises(NoSpaceError):
        FileOutputs().make_ready(str(small_disk / "out"), 2_000_000)


def test_an_output_folder_that_cannot_be_written_is_told_before_anything_is_paid(tmp_path: Path) -> None:
    if os.geteuid() == 0:
        pytest.skip("root may write everywhere")
    (tmp_path / "out").mkdir(mode=0o555)
    with pytest.raises(LaterError):
        FileOutputs().make_ready(str(tmp_path / "out"), 1000)


def test_a_digest_is_of_a_regular_file_or_there_is_none(tmp_path: Path) -> None:
    publish(tmp_path)
    (tmp_path / "folder").mkdir()
    found = FileOutputs()
    assert found.digest(str(tmp_path), "a.png") == hashlib.sha256(WHOLE).hexdigest()
    assert found.digest(str(tmp_path), "folder") is None
    assert found.digest(str(tmp_path), "none") is None
    with found.open("/", str(tmp_path / "a.png")) as file:
        assert file.read() == WHOLE
    with pytest.raises(FileNotFoundError):
        found.open(str(tmp_path), "none")


@pytest.mark.timeout(2)
def test_a_fifo_under_the_name_of_an_earlier_output_holds_nobody(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a.png")
    assert FileOutputs().digest(str(tmp_path), "a.png") is None
