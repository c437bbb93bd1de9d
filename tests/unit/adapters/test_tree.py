"""What a hot folder on disk may hold that is no picture: links, pipes, devices, and files that change underfoot."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from watchd.adapters.filesystem import tree as tree_module
from watchd.adapters.filesystem.tree import FileTree
from watchd.core.incoming.known import NOTHING
from watchd.core.incoming.matching import Matcher
from watchd.errors import FolderOfflineError, SourceLostError
from watchd.model import Folder, Profile, Writer

if TYPE_CHECKING:
    from collections.abc import Callable

    from watchd.model import Sample

MATCHER = Matcher(Folder("hot", "/hot", Profile("p"), "/out"))


@pytest.fixture
def hot(tmp_path: Path) -> Path:
    folder = tmp_path / "hot"
    folder.mkdir()
    return folder


def scanned(root: Path, below: str = "") -> list[str]:
    return sorted(
        found.path
        for listing in FileTree().scan(str(root), below, MATCHER, lambda _: NOTHING)
        for found in listing.fresh
    )


def link(target: str) -> Callable[[Path], None]:
    return lambda path: path.symlink_to(target)


def device(path: Path) -> None:
    try:
        os.mknod(path, stat.S_IFCHR | 0o666, os.makedev(1, 5))
    except PermissionError:
        pytest.skip("a device can be made by root alone")


NO_FILES: dict[str, Callable[[Path], None]] = {
    "link to a secret": link("/etc/passwd"),
    "link to a neighbour": link("real.png"),
    "dangling link": link("none"),
    "link to itself": link("a.png"),
    "fifo": os.mkfifo,
    "folder": Path.mkdir,
    "endless device": device,
}


@pytest.mark.parametrize("kind", NO_FILES)
@pytest.mark.timeout(10)
def test_what_is_no_regular_file_is_neither_found_nor_read_and_holds_nobody(hot: Path, kind: str) -> None:
    (hot / "real.png").write_bytes(b"real")
    NO_FILES[kind](hot / "a.png")
    found = FileTree()
    assert scanned(hot) == ["real.png"]
    assert found.look(str(hot), "a.png") is None
    with pytest.raises(SourceLostError):
        found.read(str(hot), "a.png", 1000)
    assert found.writer(str(hot), "a.png") is Writer.UNKNOWN


@pytest.mark.timeout(2)
@pytest.mark.parametrize(
    "kind",
    [
        "link to a secret",
        pytest.param("endless device"),
        pytest.param("fifo"),
    ],
)
def test_what_is_no_regular_file_has_no_digest(hot: Path, kind: str) -> None:
    NO_FILES[kind](hot / "a.png")
    with pytest.raises(SourceLostError):
        FileTree().digest(str(hot), "a.png")


def test_a_linked_sub_folder_is_not_entered_by_any_way(hot: Path, tmp_path: Path) -> None:
    (tmp_path / "secret").mkdir()
    (tmp_path / "secret/a.png").write_bytes(b"secret")
    (hot / "sub").symlink_to(tmp_path / "secret")
    assert scanned(hot) == []
    assert scanned(hot, "sub") == []
    assert FileTree().look(str(hot), "sub/a.png") is None
    with pytest.raises(SourceLostError):
        FileTree().read(str(hot), "sub/a.png", 1000)


def test_a_folder_that_becomes_a_link_between_the_scan_and_the_read_leads_nowhere(hot: Path, tmp_path: Path) -> None:
    (tmp_path / "secret").mkdir()
    (tmp_path / "secret/a.png").write_bytes(b"secret")
    (hot / "sub").mkdir()
    (hot / "sub/a.png").write_bytes(b"public")
    assert scanned(hot) == ["sub/a.png"]
    (hot / "sub").rename(tmp_path / "moved")
    (hot / "sub").symlink_to(tmp_path / "secret")
    with pytest.raises(SourceLostError):
        FileTree().read(str(hot), "sub/a.png", 1000)


def test_a_link_to_the_hot_folder_itself_is_followed_once(hot: Path, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(hot)
    (hot / "a.png").write_bytes(b"bytes")
    place = FileTree().locate(str(tmp_path / "link"), None)
    assert place.root == str(hot)
    assert scanned(Path(place.root)) == ["a.png"]


def test_a_file_is_no_hot_folder(tmp_path: Path) -> None:
    (tmp_path / "hot").write_bytes(b"")
    with pytest.raises(FolderOfflineError, match="no folder"):
        FileTree().locate(str(tmp_path / "hot"), None)


def test_a_folder_deleted_and_made_again_is_another_place(hot: Path) -> None:
    found = FileTree()
    before = found.locate(str(hot), None)
    aside = hot.rename(hot.with_name("aside"))
    hot.mkdir()
    after = found.locate(str(hot), None)
    assert aside.is_dir()
    assert (before.inode, before.mount) != (after.inode, after.mount)
    assert before.mount == after.mount


def test_a_mounted_folder_is_known_by_its_mount(small_disk: Path) -> None:
    found = FileTree()
    assert found.locate(str(small_disk), None).mount == str(small_disk)
    assert found.locate(str(small_disk.parent), None).mount != str(small_disk)


# --- files that change while they are read --------------------------------------------------------------------------


def meanwhile(patch: pytest.MonkeyPatch, happening: Callable[[], None]) -> None:
    """Let something happen once, between opening a file and reading it."""
    real = tree_module.sample_of
    done: list[bool] = []

    def look(status: os.stat_result, *, fleeting: bool) -> Sample:
        if not done:
            done.append(True)
            happening()
        return real(status, fleeting=fleeting)

    patch.setattr(tree_module, "sample_of", look)


@pytest.mark.parametrize("change", [b"longer than before", b"xx", b"more"])
def test_a_file_that_changes_while_it_is_read_is_not_believed(
    hot: Path, monkeypatch: pytest.MonkeyPatch, change: bytes
) -> None:
    target = hot / "a.png"
    target.write_bytes(b"four")
    os.utime(target, ns=(1, 1))
    meanwhile(monkeypatch, lambda: (target.write_bytes(change), None)[1])
    with pytest.raises(SourceLostError, match="changed"):
        FileTree().read(str(hot), "a.png", 1000)


def test_a_file_replaced_by_another_while_it_is_read_is_read_as_it_was_opened_or_not_at_all(
    hot: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target, other = hot / "a.png", hot / "b.png"
    target.write_bytes(b"the first")
    other.write_bytes(b"the other")
    meanwhile(monkeypatch, lambda: (other.replace(target), None)[1])
    with pytest.raises(SourceLostError):
        FileTree().read(str(hot), "a.png", 1000)
    assert FileTree().read(str(hot), "a.png", 1000)[0] == b"the other"


def test_the_kernel_vouches_for_a_file_that_nobody_has_open_for_writing(hot: Path) -> None:
    (hot / "a.png").write_bytes(b"bytes")
    if FileTree().writer(str(hot), "a.png") is not Writer.DONE:
        pytest.skip("this file system grants no leases")
    with (hot / "a.png").open("ab"):
        assert FileTree().writer(str(hot), "a.png") is Writer.AT_WORK
    assert FileTree().writer(str(hot), "a.png") is Writer.DONE


# --- rights ---------------------------------------------------------------------------------------------------------


def test_an_unreadable_file_is_found_and_told_as_such(public: Path, unprivileged: Any) -> None:
    (public / "a.png").write_bytes(b"bytes")
    (public / "a.png").chmod(0)
    with unprivileged():
        assert scanned(public) == ["a.png"]
        with pytest.raises(PermissionError):
            FileTree().read(str(public), "a.png", 1000)


def test_an_unreadable_sub_folder_is_passed_over_and_the_rest_is_found(public: Path, unprivileged: Any) -> None:
    for folder in ("open", "shut"):
        (public / folder).mkdir()
        (public / folder / "a.png").write_bytes(b"bytes")
    (public / "shut").chmod(0)
    with unprivileged():
        assert scanned(public) == ["open/a.png"]


def test_an_unreadable_sub_folder_that_an_event_named_is_passed_over_as_well(public: Path, unprivileged: Any) -> None:
    (public / "shut").mkdir(mode=0)
    with unprivileged():
        assert scanned(public, "shut") == []


def test_an_unreadable_hot_folder_is_offline(public: Path, unprivileged: Any) -> None:
    (public / "hot").mkdir(mode=0)
    with unprivileged(), pytest.raises(FolderOfflineError):
        scanned(public / "hot")


def test_a_sub_folder_that_may_not_be_entered_is_told_once_and_the_others_are_seen(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    for name in ("closed", "open"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "a.png").write_bytes(b"x")
    real = os.open

    def refuse(path: Any, *arguments: Any, **named: Any) -> int:
        if path == "closed":
            raise OSError(errno.EACCES, os.strerror(errno.EACCES))
        return real(path, *arguments, **named)

    monkeypatch.setattr(os, "open", refuse)
    tree, matcher = FileTree(), Matcher(Folder("hot", str(tmp_path), Profile("p"), f"{tmp_path}-out"))
    for _ in range(3):
        listings = list(tree.scan(str(tmp_path), "", matcher, lambda _: {}))
        assert [found.path for listing in listings for found in listing.fresh] == ["open/a.png"]
    assert caplog.text.count("closed may not be entered") == 1
