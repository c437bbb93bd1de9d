"""Where the output goes: names that stay in their folder, fit every file system and collide where a client would."""

from __future__ import annotations

import os
import posixpath
import unicodedata
from itertools import islice
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from watchd.core.outgoing.naming import NameFacts, candidates, collision_key, output_path, shorten
from watchd.core.text import display, on_one_line
from watchd.model import Folder, Profile

FIELDS = ("stem", "ext", "name", "folder", "profile", "scale", "width", "height", "date", "sha8")
FILE_NAMES = st.binary(min_size=1, max_size=120).map(
    lambda name: os.fsdecode(name.replace(b"/", b"_").replace(b"\0", b"_"))
).filter(lambda name: name not in {".", ".."})  # fmt: skip
PATHS = st.lists(FILE_NAMES, min_size=1, max_size=3).map("/".join)
TEMPLATES = st.lists(
    st.one_of(
        st.sampled_from([f"{{{field}}}" for field in FIELDS]),
        st.sampled_from(["/", "..", ".", "../", "/etc/", "{", "}", "{0}", "{stem.__class__}", "{unknown}", "-"]),
        st.text(st.characters(exclude_categories=("Cs", "Cc")), max_size=5),
    ),
    min_size=1, max_size=6,
).map("".join)  # fmt: skip


def facts(path: str = "sub/portrait.final.jpg", **changes: Any) -> NameFacts:
    given_facts: dict[str, Any] = {
        "path": path, "sha256": "0123456789abcdef" * 4, "width": 800, "height": 600, "scale": 2.0,
        "profile": "gold", "date": "2026-11-22", "extension": "png",
    }  # fmt: skip
    return NameFacts(**(given_facts | changes))


def folder(template: str = "{stem}.{ext}", profile: str = "gold") -> Folder:
    return Folder("hot", "/hot", Profile(profile), "/out", output_name=template)


@pytest.mark.parametrize(
    ("template", "name"),
    [
        ("{stem}.{ext}", "sub/portrait.final.png"),
        ("{name}.{ext}", "sub/portrait.final.jpg.png"),
        ("{stem}-{width}x{height}@{scale}.{ext}", "sub/portrait.final-800x600@2.png"),
        ("{date}/{folder}/{profile}/{stem}_{sha8}.{ext}", "sub/2026-11-22/hot/gold/portrait.final_01234567.png"),
        ("{unknown}{stem.__class__}{0}.{ext}", "sub/{unknown}{stem.__class__}{0}.png"),
        ("{{stem}}.{ext}", "sub/{portrait.final}.png"),
    ],
)
def test_a_template_is_filled_from_a_fixed_set_of_names_and_sub_folders_are_mirrored(template: str, name: str) -> None:
    assert output_path(folder(template), facts()) == name


def test_a_scale_that_is_no_whole_number_is_short() -> None:
    assert output_path(folder("{scale}.{ext}"), facts("a.jpg", scale=2.8444444)) == "2.84444.png"


def test_what_a_field_holds_is_not_filled_again() -> None:
    assert output_path(folder("{stem}.{ext}"), facts("{sha8}.jpg")) == "{sha8}.png"


def test_a_profile_with_a_slash_makes_no_folder() -> None:
    assert output_path(folder("{profile}.{ext}"), facts("x.jpg", profile="a/../b")) == "a_.._b.png"


@given(TEMPLATES, PATHS)
def test_no_template_and_no_name_walk_out_of_the_output_folder(template: str, path: str) -> None:
    found = output_path(folder(template + "-{ext}"), facts(path))
    assert not found.startswith("/")
    assert ".." not in found.split("/")
    assert posixpath.normpath(found) == found
    assert posixpath.dirname(path) == "" or found.startswith(posixpath.dirname(path) + "/")


@given(TEMPLATES, PATHS)
def test_every_part_of_an_output_fits_into_255_bytes(template: str, path: str) -> None:
    found = output_path(folder(template + "-{ext}"), facts(path))
    assert all(len(os.fsencode(part)) <= 255 for part in found.split("/"))


@given(st.text(st.characters(exclude_characters="/\0", codec="utf-8"), min_size=1, max_size=400))
def test_a_name_is_cut_between_characters_and_keeps_its_ending(stem: str) -> None:
    found = shorten(stem, "-12.png")
    assert len(found.encode()) <= 255
    assert found.endswith("-12.png")
    kept = found.removesuffix("-12.png")
    assert stem.startswith(kept)
    assert kept == stem or len(shorten(stem[: len(kept) + 1], "").encode()) + len("-12.png") > 255


def test_the_other_candidates_carry_a_number_before_their_ending() -> None:
    assert list(islice(candidates("sub/a.b.png"), 3)) == ["sub/a.b.png", "sub/a.b-1.png", "sub/a.b-2.png"]
    assert list(islice(candidates("a"), 2)) == ["a", "a-1"]


@given(FILE_NAMES)
def test_no_candidate_is_there_twice_however_long_its_name(name: str) -> None:
    first = list(islice(candidates(shorten(name + "x" * 200, ".png")), 120))
    assert len(set(first)) == len(first)
    assert all(len(os.fsencode(path)) <= 255 for path in first)


@pytest.mark.timeout(1)
@pytest.mark.parametrize("ending", [".png" + "x" * 252, "." + "é" * 127 + "x", "-1." + "x" * 253])
def test_an_ending_that_fills_the_name_alone_is_cut_as_well(ending: str) -> None:
    assert len(os.fsencode(shorten("a", ending))) <= 255
    assert all(len(os.fsencode(path)) <= 255 for path in islice(candidates("a." + ending[-253:]), 3))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Straße.PNG", "STRASSE.png"),
        ("café.png", "cafe\u0301.png"),
        ("A/B.png", "a/b.PNG"),
        ("Ångström", "a\u030angstro\u0308m"),
    ],
)
def test_names_that_a_client_of_smb_or_macos_cannot_tell_apart_collide(one: str, other: str) -> None:
    assert collision_key(one) == collision_key(other)


@pytest.mark.parametrize(
    ("one", "other"), [("a.png", "b.png"), ("a-1.png", "a1.png"), ("\udcff", "\udcfe"), ("a/b", "ab")]
)
def test_other_names_do_not_collide(one: str, other: str) -> None:
    assert collision_key(one) != collision_key(other)


@given(st.text(max_size=40).map(lambda text: text.encode("utf-8", "replace").decode()))
def test_the_two_forms_of_unicode_have_one_key(name: str) -> None:
    keys = {collision_key(unicodedata.normalize(form, name)) for form in ("NFC", "NFD")}
    assert keys == {collision_key(name)}


@given(FILE_NAMES)
def test_a_key_is_text_whatever_the_bytes(name: str) -> None:
    key = collision_key(name)
    assert key.encode("utf-8").decode("utf-8") == key


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        (b"caf\xe9.jpg", r"caf\xe9.jpg"),
        ("café.jpg".encode(), "café.jpg"),
        (b"a\nb", "a\nb"),
        (b"\xff\xfe", r"\xff\xfe"),
    ],
)
def test_bytes_that_are_no_text_are_shown_as_such(name: bytes, shown: str) -> None:
    assert display(os.fsdecode(name)) == shown


@given(st.binary(max_size=60))
def test_a_name_on_one_line_is_one_printable_line_of_text(name: bytes) -> None:
    shown = on_one_line(os.fsdecode(name))
    shown.encode("utf-8")
    assert shown.isprintable()


def test_a_name_cannot_fake_a_line_or_move_the_cursor() -> None:
    assert on_one_line("a\n2026 ERROR all is lost\r\x1b[2J\u202e.jpg") == (
        r"a\n2026 ERROR all is lost\r\x1b[2J\u202e.jpg"
    )
