"""Is this path ours: include and exclude as people write them, and the junk of every NAS, system and browser."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from watchd.core.incoming.matching import Matcher, NotOurs, Ours, is_junk, why_not
from watchd.model import Folder, Profile

EVERYTHING = ("*",)
JUNK_OF_THE_FIELD = [
    "@eaDir", "#recycle", "#snapshot", "@Recycle", "@Recently-Snapshot", ".snapshot", "lost+found", ".DS_Store",
    "._photo.jpg", ".AppleDouble", ".Spotlight-V100", ".Trash", ".Trash-1000", ".Trashes", "Thumbs.db", "thumbs.db",
    "desktop.ini", "Desktop.ini", ".stfolder", ".stversions", ".syncthing.photo.jpg.tmp", "~syncthing~photo.jpg.tmp",
    "photo.jpg.part", "photo.jpg.partial", "photo.jpg.crdownload", "photo.jpg.download", "photo.tmp",
    "photo.jpg.filepart", "photo.jpg~", ".~lock.photo.jpg#", "~$photo.jpg", "__MACOSX", ".fuse_hidden0001", ".nfs0001",
    ".goutputstream-ABC", ".smbdeleteAAA1", ".hidden.jpg", ".watchd-0011.part",
    "$RECYCLE.BIN", "$Recycle.Bin", "RECYCLER", "RECYCLED", "System Volume Information", "$Extend", "FOUND.000",
    "ehthumbs_vista.db", "Network Trash Folder", "Temporary Items", "TheVolumeSettingsFolder", "Icon\r", "@tmp",
    "@sharebin", "photo.jpg@SynoEAStream", "@GMT-2026.11.26-03.00.00", "~snapshot",
]  # fmt: skip


def folder(**changes: Any) -> Folder:
    return Folder("hot", "/hot", Profile("p"), "/out", **changes)


def takes(path: str, **changes: Any) -> bool:
    return isinstance(Matcher(folder(**changes)).verdict(path), Ours)


@pytest.mark.parametrize("name", JUNK_OF_THE_FIELD)
def test_junk_is_never_ours_neither_as_a_file_nor_as_a_folder(name: str) -> None:
    matcher = Matcher(folder(include=EVERYTHING))
    assert is_junk(name)
    assert not matcher.takes(name, name)
    assert not matcher.enters(name, name)
    assert isinstance(matcher.verdict(f"deep/{name}/a.jpg"), NotOurs)
    assert isinstance(matcher.verdict(f"deep/{name}"), NotOurs)


@pytest.mark.parametrize(
    "name", ["a.jpg", "tmp.jpg", "part.png", "~a.jpg", "#1.jpg", "@home.png", "-rf.jpg", "a[1].png"]
)
def test_names_that_only_look_a_little_like_junk_are_ours(name: str) -> None:
    assert takes(name)


@pytest.mark.parametrize("name", ["a.JPG", "A.Jpeg", "b.PNG", "c.WebP"])
def test_the_case_of_an_ending_does_not_matter(name: str) -> None:
    assert takes(name)


@pytest.mark.parametrize("name", ["a.psd", "a.jpg.txt", "jpg", "a", "a.jp"])
def test_what_include_does_not_name_is_left_alone(name: str) -> None:
    assert not takes(name)


@pytest.mark.parametrize(
    "name", ["a\nb.jpg", "\n.jpg", " .jpg", "\udcff\udcfe.png", "日本.webp", "'\".jpg", "x" * 251 + ".jpg"]
)
def test_names_with_newlines_and_bytes_that_are_no_text_are_names_like_others(name: str) -> None:
    assert takes(name)
    assert takes(f"sub/{name}")


def test_a_pattern_without_a_slash_sees_the_name_at_any_depth() -> None:
    assert not takes("a/b/raw_1.jpg", exclude=("raw_*",))
    assert takes("raw_/b/1.jpg", exclude=("raw_?*.jpg",))


def test_a_pattern_with_a_slash_sees_the_whole_path() -> None:
    assert not takes("drafts/1.jpg", exclude=("drafts/*",))
    assert takes("final/drafts.jpg", exclude=("drafts/*",))
    assert takes("a/b/c.jpg", include=("a/**/*.jpg",))
    assert not takes("b/c.jpg", include=("a/**/*.jpg",))


def test_a_leading_slash_anchors_a_pattern_at_the_folder() -> None:
    assert not takes("old/1.jpg", exclude=("/old/*",))
    assert takes("new/old/1.jpg", exclude=("/old/*",))


def test_one_star_does_not_cross_a_slash() -> None:
    assert takes("a/1.jpg", include=("a/*.jpg",))
    assert not takes("a/b/1.jpg", include=("a/*.jpg",))


def test_an_excluded_folder_is_not_entered() -> None:
    matcher = Matcher(folder(exclude=("drafts", "deep/old")))
    assert not matcher.enters("drafts", "drafts")
    assert not matcher.enters("deep/old", "old")
    assert matcher.enters("deep", "deep")
    assert isinstance(matcher.verdict("deep/old/1.jpg"), NotOurs)


def test_sub_folders_of_a_folder_that_is_not_recursive_are_left_alone_and_it_says_so() -> None:
    matcher = Matcher(folder(recursive=False))
    assert not matcher.enters("sub", "sub")
    assert "recursive" in (why_not(matcher.verdict("sub/a.jpg")) or "")
    assert matcher.verdict("a.jpg") == Ours()


def test_every_refusal_has_a_reason_and_what_is_ours_has_none() -> None:
    matcher = Matcher(folder(exclude=("b.jpg",)))
    assert why_not(matcher.verdict("a.jpg")) is None
    assert "exclude" in (why_not(matcher.verdict("b.jpg")) or "")
    assert "include" in (why_not(matcher.verdict("a.txt")) or "")
    assert "Photoshop" in (why_not(matcher.verdict("a.psd")) or "")
    assert "hidden" in (why_not(matcher.verdict(".x/a.jpg")) or "")


NAMES = st.text(st.characters(exclude_characters="/\0", codec="utf-8"), min_size=1, max_size=8)


@given(st.lists(NAMES, min_size=1, max_size=4), st.sampled_from([(), ("*.tmp.jpg",), ("a*/b*",)]))
def test_the_quick_questions_of_a_scan_agree_with_the_verdict(parts: list[str], exclude: tuple[str, ...]) -> None:
    parts[-1] += ".jpg"
    matcher = Matcher(folder(exclude=exclude))
    entered = all(matcher.enters("/".join(parts[:depth]), parts[depth - 1]) for depth in range(1, len(parts)))
    path = "/".join(parts)
    assert (entered and matcher.takes(path, parts[-1])) == isinstance(matcher.verdict(path), Ours)
