"""`watchd compare`: one HTML file that needs nothing else, whatever the files are called."""

from __future__ import annotations

import base64
import hashlib
import io
import re
from html.parser import HTMLParser
from typing import TYPE_CHECKING

import pytest
from PIL import Image

from tests.system.house import House
from tests.system.pictures import picture

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

HOSTILE = "<script>alert(1)</script>&\"'{{rows}}\n.png"


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    with House(tmp_path) as made:
        made.configure()
        yield made


class Read(HTMLParser):
    """Collects what a browser would load, and the text that it would show."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.loaded: list[str] = []
        self.text: list[str] = []
        self.raw: dict[str, str] = {}
        self.policy = ""
        self._within = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self._within = tag
        given = dict(attrs)
        self.loaded += [value or "" for name, value in attrs if name in {"src", "href", "action", "srcset", "data"}]
        if given.get("http-equiv") == "Content-Security-Policy":
            self.policy = given["content"] or ""

    def handle_endtag(self, _tag: str) -> None:
        self._within = ""

    def handle_data(self, data: str) -> None:
        if self._within in {"script", "style"}:
            self.raw[self._within] = data
        else:
            self.text.append(data)


def compared(house: House, *arguments: str) -> str:
    ended = house.watchd("compare", *arguments)
    assert ended.returncode == 0, ended.stderr
    return (house.root / ended.stdout.strip()).read_text()


def pictures(page: Read) -> list[Image.Image]:
    found: list[Image.Image] = []
    for address in page.loaded:
        assert address.startswith("data:image/")
        found.append(Image.open(io.BytesIO(base64.b64decode(address.partition(",")[2]))))
    return found


def test_both_pictures_are_in_it_with_the_figures_of_the_job(house: House) -> None:
    house.drop("sub/a.png", picture(1))
    house.once()
    page = Read(compared(house, "1"))
    after, before = pictures(page)
    assert (before.size, after.size) == ((300, 300), (600, 600))
    shown = " ".join(page.text)
    for figure in ("sub/a.png", "$0.02", "300 x 300 pixels", "600 x 600 pixels", "hot"):
        assert figure in shown


def test_nothing_is_loaded_from_anywhere_and_only_our_own_script_may_run(house: House) -> None:
    house.drop("a.png", picture(1))
    house.once()
    page = Read(compared(house, "1"))
    assert all(address.startswith("data:image/") for address in page.loaded)
    assert not {"link", "iframe", "object", "embed", "form", "base"} & set(page.tags)
    for kind in ("script", "style"):
        digest = base64.b64encode(hashlib.sha256(page.raw[kind].encode()).digest()).decode()
        assert f"{kind}-src 'sha256-{digest}'" in page.policy
    assert "default-src 'none'" in page.policy
    assert "http" not in page.raw["script"]


def test_a_name_is_text_and_never_anything_else(house: House) -> None:
    house.drop(HOSTILE.replace("/", "-"), picture(1))
    house.once()
    text = compared(house, "1")
    assert text.count("<script>") == 1
    assert "alert(1)" not in Read(text).raw["script"]
    assert re.search(r"<title>[^<]*&lt;script&gt;alert\(1\)[^<]*\{\{rows\}\}[^<]*</title>", text)


def test_a_job_is_found_by_its_original_and_by_its_output_too(house: House) -> None:
    path = house.drop("a.png", picture(1))
    house.once()
    assert compared(house, str(path)) == compared(house, str(house.out / "a.png"), "--force")


def test_a_file_that_is_there_is_replaced_only_when_told_to(house: House) -> None:
    house.drop("a.png", picture(1))
    house.once()
    (house.root / "mine.html").write_text("mine")
    ended = house.watchd("compare", "1", "--output", "mine.html")
    assert ended.returncode == 2
    assert "--force" in ended.stderr
    assert (house.root / "mine.html").read_text() == "mine"
    compared(house, "1", "--output", "mine.html", "--force")


@pytest.mark.parametrize("named", ["7", "nowhere.png", "../x", ""])
def test_what_is_no_job_is_a_usage_error_in_words(house: House, named: str) -> None:
    house.once()
    ended = house.watchd("compare", named)
    assert ended.returncode == 2
    assert "Traceback" not in ended.stderr


def test_a_job_without_a_result_says_why(house: House) -> None:
    house.drop("a.png", b"no picture at all, and long enough to be told from one")
    house.once(1)
    ended = house.watchd("compare", "1")
    assert ended.returncode == 2
    assert "not a picture" in ended.stderr


def test_without_its_original_the_result_is_shown_alone(house: House) -> None:
    path = house.drop("a.png", picture(1))
    house.once()
    path.unlink()
    text = compared(house, "1")
    assert len(pictures(Read(text))) == 1
    assert "not shown, it cannot be read" in text


def test_an_archived_original_is_found_where_it_is(house: House) -> None:
    house.configure({"originals": "archive", "archive": str(house.root / "archive")})
    house.drop("a.png", picture(1))
    house.once()
    assert len(pictures(Read(compared(house, "1")))) == 2
