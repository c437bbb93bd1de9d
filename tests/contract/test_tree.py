"""A hot folder on disk and one in memory keep the same promises to the intake."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import pytest

from tests.fakes.tree import FakeTree
from watchd.adapters.filesystem.tree import FileTree
from watchd.core.incoming.known import NOTHING, Known
from watchd.core.incoming.matching import Matcher
from watchd.errors import FolderOfflineError, SourceLostError
from watchd.model import Folder, Found, Profile, Writer

if TYPE_CHECKING:
    from watchd.interfaces import Tree

MATCHER = Matcher(Folder("hot", "/hot", Profile("p"), "/out", exclude=("skipped",)))


class Ground(Protocol):
    """A tree, and the hands of somebody else in it."""

    tree: Tree
    root: str

    def put(self, path: str, data: bytes) -> None: ...

    def drop(self, path: str) -> None: ...

    def take_away(self) -> None: ...


class InMemory:
    def __init__(self) -> None:
        self.root = "/srv/hot"
        self._tree = FakeTree()
        self.tree: Tree = self._tree
        self._tree.make(self.root)

    def put(self, path: str, data: bytes) -> None:
        self._tree.put(self.root, path, data)

    def drop(self, path: str) -> None:
        self._tree.drop(self.root, path)

    def take_away(self) -> None:
        self._tree.unmount(self.root)


class OnDisk:
    def __init__(self, root: Path) -> None:
        self.root = str(root)
        self.tree: Tree = FileTree()
        root.mkdir()

    def put(self, path: str, data: bytes) -> None:
        target = Path(self.root, path)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.unlink(missing_ok=True)
        target.write_bytes(data)

    def drop(self, path: str) -> None:
        Path(self.root, path).unlink()

    def take_away(self) -> None:
        Path(self.root).rename(self.root + ".away")


@pytest.fixture(params=["memory", "disk"])
def ground(request: pytest.FixtureRequest, tmp_path: Path) -> Ground:
    return InMemory() if request.param == "memory" else OnDisk(tmp_path / "hot")


def found_by(tree: Tree, root: str, below: str) -> list[Found]:
    return [found for listing in tree.scan(root, below, MATCHER, lambda _: NOTHING) for found in listing.fresh]


def scanned(ground: Ground, below: str = "") -> list[str]:
    return sorted(found.path for found in found_by(ground.tree, ground.root, below))


def test_a_scan_finds_what_is_ours_at_any_depth_and_nothing_else(ground: Ground) -> None:
    for path in ("a.png", "sub/deep/b.JPG", "a.txt", ".hidden.png", "@eaDir/c.png", "skipped/d.png", "sub/x.png.part"):
        ground.put(path, b"bytes")
    assert scanned(ground) == ["a.png", "sub/deep/b.JPG"]


def test_a_scan_below_a_folder_finds_what_is_there_under_its_whole_path(ground: Ground) -> None:
    for path in ("a.png", "sub/b.png", "sub/deep/c.png", "subway/d.png"):
        ground.put(path, b"bytes")
    assert scanned(ground, "sub") == ["sub/b.png", "sub/deep/c.png"]


def test_a_scan_below_a_folder_that_went_finds_nothing(ground: Ground) -> None:
    assert scanned(ground, "sub") == []


def test_a_scan_a_look_and_a_read_see_the_same_sample(ground: Ground) -> None:
    ground.put("sub/a.png", b"some bytes")
    (found,) = found_by(ground.tree, ground.root, "")
    data, sample = ground.tree.read(ground.root, "sub/a.png", 100)
    assert found.sample == ground.tree.look(ground.root, "sub/a.png") == sample
    assert (data, sample.size) == (b"some bytes", 10)


def test_a_file_written_anew_has_another_sample_even_at_the_same_size(ground: Ground) -> None:
    ground.put("a.png", b"one")
    before = ground.tree.look(ground.root, "a.png")
    ground.put("b.png", b"---")
    ground.put("a.png", b"two")
    assert ground.tree.look(ground.root, "a.png") != before


@pytest.mark.parametrize(("limit", "read"), [(9, 10), (10, 10), (5, 6)])
def test_a_read_stops_one_byte_beyond_its_limit(ground: Ground, limit: int, read: int) -> None:
    ground.put("a.png", b"some bytes")
    data, sample = ground.tree.read(ground.root, "a.png", limit)
    assert (len(data), sample.size) == (read, 10)


def test_a_digest_is_of_all_bytes(ground: Ground) -> None:
    ground.put("a.png", b"some bytes")
    assert ground.tree.digest(ground.root, "a.png") == hashlib.sha256(b"some bytes").hexdigest()


def test_what_is_gone_is_told_by_each_in_its_way(ground: Ground) -> None:
    ground.put("a.png", b"bytes")
    ground.drop("a.png")
    assert ground.tree.look(ground.root, "a.png") is None
    with pytest.raises(SourceLostError):
        ground.tree.read(ground.root, "a.png", 100)
    with pytest.raises(SourceLostError):
        ground.tree.digest(ground.root, "a.png")
    assert ground.tree.writer(ground.root, "a.png") is Writer.UNKNOWN


def test_a_folder_is_the_same_place_at_every_look(ground: Ground) -> None:
    assert ground.tree.locate(ground.root, None) == ground.tree.locate(ground.root, None)


def test_a_folder_that_is_away_is_offline_for_every_question(ground: Ground) -> None:
    ground.put("a.png", b"bytes")
    ground.take_away()
    with pytest.raises(FolderOfflineError):
        ground.tree.locate(ground.root, None)
    with pytest.raises(FolderOfflineError):
        scanned(ground)
    assert ground.tree.look(ground.root, "a.png") is None


def test_a_folder_is_offline_while_its_mount_marker_is_missing(ground: Ground) -> None:
    with pytest.raises(FolderOfflineError, match=r"\.watchd-mounted"):
        ground.tree.locate(ground.root, ".watchd-mounted")
    ground.put(".watchd-mounted", b"")
    assert ground.tree.locate(ground.root, ".watchd-mounted") == ground.tree.locate(ground.root, None)


def test_names_that_are_no_text_are_found_and_read(ground: Ground) -> None:
    name = os.fsdecode(b"caf\xe9\n.png")
    ground.put(name, b"bytes")
    assert scanned(ground) == [name]
    assert ground.tree.read(ground.root, name, 100)[0] == b"bytes"


def test_a_scan_passes_over_what_is_known_as_it_is_and_tells_of_everything_else(ground: Ground) -> None:
    known = Known()
    for path in ("a.png", "sub/b.png", "sub/c.png", "sub/gone.png"):
        ground.put(path, b"first")
    for found in found_by(ground.tree, ground.root, ""):
        known.add(found.path, found.sample)
    ground.put("sub/c.png", b"second")
    ground.put("sub/d.png", b"new")
    ground.drop("sub/gone.png")
    listed = {listing.folder: listing for listing in ground.tree.scan(ground.root, "", MATCHER, known.within)}
    assert {folder: sorted(found.path for found in listing.fresh) for folder, listing in listed.items()} == {
        "": [], "sub": ["sub/c.png", "sub/d.png"],
    }  # fmt: skip
    assert {folder: sorted(listing.unchanged) for folder, listing in listed.items()} == {
        "": ["a.png"],
        "sub": ["b.png"],
    }


def test_a_scan_tells_a_folder_that_holds_nothing_from_one_that_holds_nothing_of_ours(ground: Ground) -> None:
    (bare,) = ground.tree.scan(ground.root, "", MATCHER, lambda _: NOTHING)
    ground.put("notes.txt", b"words")
    (junk,) = ground.tree.scan(ground.root, "", MATCHER, lambda _: NOTHING)
    assert (bare.empty, junk.empty, junk.fresh) == (True, False, [])
