"""A name appears only when the file behind it is whole and durable, and it replaces nothing unasked."""

from __future__ import annotations

import ctypes
import errno
import hashlib
import io
import os
import re
import stat
import threading
from typing import TYPE_CHECKING, Any

import pytest

from watchd.adapters.filesystem import mounts, placing
from watchd.adapters.filesystem.outputs import FileOutputs
from watchd.adapters.filesystem.roots import Roots
from watchd.adapters.filesystem.target_folders import TargetFolders
from watchd.errors import LaterError, NameUnavailableError, TargetOfflineError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

HIDDEN = ".watchd-7-c0ffee00.part"
MTIME = 1_234_567_890_123_456_789
BODY = [b"one", b"two", b"", b"three"]
WHOLE = b"".join(BODY)


def publish(root: Path, path: str = "a.png", *, replace: bool = False, body: list[bytes] | None = None) -> str | None:
    chunks = BODY if body is None else body
    hidden = f".watchd-{threading.get_ident()}-c0ffee00.part"  # each job has its own
    return FileOutputs().publish(chunks, str(root), path, replace=replace, mtime_ns=MTIME, hidden=hidden)


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
    """Nor renameat2, nor anything else that it could be asked."""

    @staticmethod
    def fallocate(*_: Any) -> int:
        return 0

    @staticmethod
    def renameat2(*_: Any) -> int:
        ctypes.set_errno(errno.EINVAL)
        return -1


def without_anything(patch: pytest.MonkeyPatch) -> None:
    without_links(patch)
    patch.setattr(placing, "_libc", _NoRename)


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
        FileOutputs().publish(broken(), str(tmp_path), "a.png", replace=False, mtime_ns=MTIME, hidden=HIDDEN)
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
    with pytest.raises(TargetOfflineError):
        publish(tmp_path / "mnt/nas/out")
    assert list(tmp_path.iterdir()) == []


def test_a_link_on_the_way_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "out").mkdir()
    (tmp_path / "out/sub").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(NameUnavailableError):
        publish(tmp_path / "out", "sub/a.png")
    assert everything(tmp_path / "elsewhere") == []


def test_a_file_where_a_folder_is_needed_is_told(tmp_path: Path) -> None:
    (tmp_path / "sub").write_bytes(b"")
    with pytest.raises(NameUnavailableError):
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
    with pytest.raises(TargetOfflineError):
        publish(tmp_path)


@pytest.mark.usefixtures("way")
def test_on_a_disk_that_is_really_full_nothing_appears(small_disk: Path) -> None:
    with pytest.raises(TargetOfflineError):
        publish(small_disk, body=[bytes(500_000)] * 4)
    assert everything(small_disk) == []
    assert publish(small_disk, body=[bytes(500_000)]) is not None


def test_room_is_asked_for_before_anything_is_paid(small_disk: Path) -> None:
    FileOutputs().make_ready(str(small_disk / "out"), 500_000)
    with pytest.raises(TargetOfflineError):
        FileOutputs().make_ready(str(small_disk / "out"), 2_000_000)


def test_an_output_folder_that_cannot_be_written_is_told_before_anything_is_paid(tmp_path: Path) -> None:
    if os.geteuid() == 0:
        pytest.skip("root may write everywhere")
    (tmp_path / "out").mkdir(mode=0o555)
    with pytest.raises(TargetOfflineError):
        FileOutputs().make_ready(str(tmp_path / "out"), 1000)


def test_a_digest_is_of_a_regular_file_or_there_is_none(tmp_path: Path) -> None:
    publish(tmp_path)
    (tmp_path / "folder").mkdir()
    found = FileOutputs()
    assert found.digest(str(tmp_path), "a.png") == hashlib.sha256(WHOLE).hexdigest()
    assert found.digest(str(tmp_path), "folder") is None
    assert found.digest(str(tmp_path), "none") is None


def test_an_earlier_output_is_fetched_as_it_was_published_or_not_at_all(tmp_path: Path) -> None:
    digest = publish(tmp_path)
    assert digest is not None
    found, copy = FileOutputs(), io.BytesIO()
    assert found.fetch(str(tmp_path), "a.png", digest, copy)
    assert copy.getvalue() == WHOLE
    assert not found.fetch(str(tmp_path), "none", digest, io.BytesIO())
    (tmp_path / "a.png").write_bytes(b"other bytes")
    assert not found.fetch(str(tmp_path), "a.png", digest, io.BytesIO())
    (tmp_path / "elsewhere.png").write_bytes(WHOLE)
    (tmp_path / "link.png").symlink_to("elsewhere.png")
    assert not found.fetch(str(tmp_path), "link.png", digest, io.BytesIO())


@pytest.mark.timeout(2)
def test_a_fifo_under_the_name_of_an_earlier_output_holds_nobody(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a.png")
    assert FileOutputs().digest(str(tmp_path), "a.png") is None


# --- what cannot be kept is told, and no reason not to publish ------------------------------------------------------


def refusing(patch: pytest.MonkeyPatch, name: str, code: int, when: Callable[..., bool] = lambda *_: True) -> list[int]:
    """Have one call of `os` fail with this error; answers how often it did."""
    real, fired = getattr(os, name), []

    def call(*arguments: Any, **named: Any) -> Any:
        if when(*arguments):
            fired.append(code)
            raise OSError(code, os.strerror(code))
        return real(*arguments, **named)

    patch.setattr(os, name, call)
    return fired


def is_folder(descriptor: int) -> bool:
    return stat.S_ISDIR(os.fstat(descriptor).st_mode)


@pytest.mark.parametrize(
    ("name", "code", "when"),
    [
        ("utime", errno.EPERM, lambda *_: True),
        ("utime", errno.ERANGE, lambda *_: True),
        ("fsync", errno.EINVAL, is_folder),
        ("fsync", errno.EOPNOTSUPP, is_folder),
    ],
)
def test_what_the_file_system_does_not_keep_is_told_once_and_the_output_is_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, name: str, code: int,
    when: Callable[..., bool],
) -> None:  # fmt: skip
    fired = refusing(monkeypatch, name, code, when)
    outputs = FileOutputs()
    for number in range(3):
        assert outputs.publish(
            BODY, str(tmp_path), f"{number}.png", replace=False, mtime_ns=MTIME, hidden=HIDDEN
        ) is not None  # fmt: skip
    assert fired
    assert everything(tmp_path) == ["0.png", "1.png", "2.png"]
    told = [record.message for record in caplog.records if "said once" in record.message]
    assert len(told) == len(set(told)) > 0


@pytest.mark.parametrize("code", [errno.EACCES, errno.EXDEV, errno.EPERM])
def test_where_a_file_without_a_name_can_be_made_and_not_given_one_it_gets_it_otherwise(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    fired = refusing(monkeypatch, "link", code)
    assert publish(tmp_path) == hashlib.sha256(WHOLE).hexdigest()
    assert fired
    assert (tmp_path / "a.png").read_bytes() == WHOLE
    assert everything(tmp_path) == ["a.png"]


# --- whose trouble it is --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("code", [errno.ENAMETOOLONG, errno.EINVAL, errno.EILSEQ])
def test_a_name_that_cannot_be_had_concerns_that_name_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    without_links(monkeypatch)
    real = placing.rename_no_replace

    def rename(here: int, source: str, there: int, name: str) -> bool:
        if ":" in name:
            raise OSError(code, os.strerror(code))
        return real(here, source, there, name)

    monkeypatch.setattr(placing, "rename_no_replace", rename)
    with pytest.raises(NameUnavailableError, match="photo:1"):
        publish(tmp_path, "photo:1.png")
    assert publish(tmp_path, "photo-1.png") is not None
    assert everything(tmp_path) == ["photo-1.png"]


@pytest.mark.parametrize("code", [errno.EIO, errno.EROFS, errno.ENODEV, errno.ESTALE])
def test_a_root_in_which_nothing_can_be_made_is_the_whole_folders_trouble(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    publish(tmp_path)
    refusing(monkeypatch, "open", code, lambda _path, flags, *_: bool(flags & (os.O_CREAT | os.O_RDWR)))
    with pytest.raises(TargetOfflineError, match=re.escape(os.strerror(code))):
        publish(tmp_path, "b.png")


def test_the_same_within_one_sub_folder_is_not(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    publish(tmp_path, "sub/a.png")
    inner = (tmp_path / "sub").stat().st_ino
    real = os.open

    def refuse(path: Any, flags: int, *arguments: Any, dir_fd: int | None = None, **named: Any) -> int:
        if dir_fd is not None and flags & os.O_RDWR and os.fstat(dir_fd).st_ino == inner:
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        return real(path, flags, *arguments, dir_fd=dir_fd, **named)

    monkeypatch.setattr(os, "open", refuse)
    with pytest.raises(LaterError, match="sub"):
        publish(tmp_path, "sub/b.png")
    assert publish(tmp_path, "c.png") is not None


@pytest.mark.parametrize("name", ["folder", "link", "file"])
def test_a_name_is_proven_before_anything_is_paid(tmp_path: Path, name: str) -> None:
    outputs = FileOutputs()
    (tmp_path / "elsewhere").mkdir()
    if name == "folder":
        (tmp_path / "2024" / "a.png").mkdir(parents=True)
    elif name == "link":
        (tmp_path / "2024").symlink_to("elsewhere")
    else:
        (tmp_path / "2024").write_bytes(b"")
    with pytest.raises(NameUnavailableError, match="2024"):
        outputs.prove(str(tmp_path), "2024/a.png", 1000, replace=True)
    outputs.prove(str(tmp_path), "2025/a:?*.png", 1000, replace=True)
    assert [path.name for path in (tmp_path / "2025").iterdir()] == []


@pytest.mark.parametrize("where", ["root", "sub-folder"])
def test_what_cannot_be_read_says_nothing_of_where_anything_is_to_go(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    digest = publish(tmp_path, "sub/a.png")
    assert digest is not None
    barred = str(tmp_path) if where == "root" else "sub"
    refusing(monkeypatch, "open", errno.EACCES, lambda path, *_: path == barred)
    outputs = FileOutputs()
    with pytest.raises(LaterError):
        outputs.fetch(str(tmp_path), "sub/a.png", digest, io.BytesIO())
    with pytest.raises(LaterError):
        outputs.digest(str(tmp_path), "sub/a.png")


# --- what a run that was killed leaves ------------------------------------------------------------------------------


def test_what_was_left_under_the_hidden_name_of_a_job_goes_with_the_next_try(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    without_tmpfile(monkeypatch)
    hidden = ".watchd-7-c0ffee00.part"
    (tmp_path / hidden).write_bytes(b"half of it")
    (tmp_path / ".watchd-8-c0ffee00.part").write_bytes(b"another's, on its way")
    FileOutputs().publish(BODY, str(tmp_path), "a.png", replace=False, mtime_ns=MTIME, hidden=hidden)
    assert everything(tmp_path) == [".watchd-8-c0ffee00.part", "a.png"]


def test_a_name_that_was_held_for_this_very_job_is_its_own_and_no_other(tmp_path: Path) -> None:
    hidden = ".watchd-7-c0ffee00.part"
    for name, holder in (("a.png", hidden), ("b.png", ".watchd-8-c0ffee00.part")):
        (tmp_path / name).write_bytes(placing.placeholder(holder))
    outputs = FileOutputs()
    assert outputs.publish(BODY, str(tmp_path), "a.png", replace=False, mtime_ns=MTIME, hidden=hidden) is not None
    assert outputs.publish(BODY, str(tmp_path), "b.png", replace=False, mtime_ns=MTIME, hidden=hidden) is None


# --- what a root is on ----------------------------------------------------------------------------------------------


def test_of_many_who_make_the_root_at_once_nobody_fails(tmp_path: Path) -> None:
    for number in range(20):
        outputs, barrier = FileOutputs(), threading.Barrier(8)
        errors: list[Exception] = []

        def make(root: str, outputs: FileOutputs, barrier: threading.Barrier, errors: list[Exception]) -> None:
            barrier.wait(10)
            try:
                outputs.make_ready(root, 0)
            except TargetOfflineError as error:
                errors.append(error)

        told = str(tmp_path / f"out{number}"), outputs, barrier, errors
        threads = [threading.Thread(target=make, args=told) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(10)
        assert errors == []


def test_nothing_is_made_where_something_else_was_mounted_before(tmp_path: Path) -> None:
    noted: list[tuple[str, str]] = []
    root = str(tmp_path / "NAS" / "out")
    (tmp_path / "NAS").mkdir()
    roots = Roots({root: str(tmp_path / "NAS")}, lambda *told: noted.append(told))
    outputs = FileOutputs(TargetFolders(roots))
    with pytest.raises(TargetOfflineError, match="unmounted"):
        outputs.make_ready(root, 0)
    assert list((tmp_path / "NAS").iterdir()) == []
    roots.accept_as_they_are()
    outputs.make_ready(root, 0)
    assert [known for known, _ in noted] == [root]


def test_nothing_is_made_below_a_mount_point_of_fstab_that_is_bare(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    point = tmp_path / "my NAS"
    point.mkdir()
    fstab = tmp_path / "fstab"
    escaped = str(point).replace(" ", "\\040")
    fstab.write_text(f"# what\twhere\n//nas/out {escaped} cifs noauto 0 0\nproc /proc proc defaults 0 0\n")
    monkeypatch.setattr(mounts, "FSTAB", fstab)
    with pytest.raises(TargetOfflineError, match="fstab"):
        publish(point / "out")
    assert list(point.iterdir()) == []
    assert publish(tmp_path / "out") is not None
