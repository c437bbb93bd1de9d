"""The corpus of oddities through the real program: each to its end, paid as it should be, and read back by others."""

from __future__ import annotations

import os
import random
import re
import shutil
from typing import TYPE_CHECKING

import pillow_heif
import pytest
from PIL import Image

from tests.corpus import judging
from tests.corpus.entry import Done, Failed, Unseen
from tests.corpus.shelves import SHELVES, every_entry

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from tests.corpus.entry import Entry
    from tests.system.house import House

pillow_heif.register_heif_opener()

WHOLE = os.environ.get("WATCHD_FAULTS") == "full"
LONGEST_RUN_S = 280
SAMPLE = 60
"""Entries of a run that is no campaign, over all shelves."""
OTHER_FORMATS = {"jpeg": ("jpg", 14, 60), "webp": ("webp", 14, 40), "tiff": ("tif", 0, 60), "avif": ("avif", 14, 20)}
"""Their endings, the levels that they may lose, and entries in a campaign: as many as their encoders have time for."""
NOT_KEPT = re.compile("not kept|cannot (hold|keep|be kept)|left out|lost", re.IGNORECASE)
"""Words that a format has no room for are told in the log."""
IMAGEMAGICK_FORGIVES = 14


def chosen(entries: Sequence[Entry], about: str, most: int | None = None) -> list[Entry]:
    """All of them in a campaign; else a part drawn by the seed."""
    makeable = [entry for entry in entries if entry.needs is None or shutil.which(entry.needs)]
    share = most or max(3, round(SAMPLE * len(entries) / len(every_entry())))
    if (WHOLE and most is None) or len(makeable) <= share:
        return makeable
    return random.Random(f"{about} {os.environ['WATCHD_SEED']}").sample(makeable, share)


def run(house: House, entries: Sequence[Entry], *folders: Path) -> str:
    """Lay them down and have them done; the log."""
    for folder in folders or (house.hot,):
        for entry in entries:
            house.drop(entry.name, entry.data(), folder)
    ended = house.watchd("once", timeout=LONGEST_RUN_S)
    assert ended.returncode in {0, 1, 3}, ended.stderr  # 3: a job in doubt, which is complained of by name
    return ended.stderr


def configured(house: House, *folders: dict[str, object]) -> None:
    common = {"output_name": "{name}.{ext}"}
    house.configure(
        *[common | folder for folder in folders or ({},)], approval=None, budget={"day": None, "month": None}
    )


@pytest.mark.timeout(300)
@pytest.mark.parametrize("shelf", SHELVES)
def test_every_file_of_the_corpus_comes_to_its_end(house: House, shelf: str) -> None:
    entries = chosen(SHELVES[shelf], shelf)
    configured(house)
    log = run(house, entries)
    jobs = house.jobs()
    complaints = {
        entry.name: [*judging.complaints_about_job(entry, [job for job in jobs if job["path"] == entry.name])]
        for entry in entries
        if not isinstance(entry.end, Unseen)
    }
    for entry in entries:
        if isinstance(entry.end, Unseen) or not complaints[entry.name]:
            complaints[entry.name] = [*_complaints(house, entry, log)]
    _ask_others(house, [entry for entry in entries if not complaints[entry.name]], complaints)
    bought = [job for job in jobs if job["cost"]]
    assert house.sandbox.charges().calls == len(house.sent()) == len(bought)
    told = [f"{name}: {what}" for name, found in complaints.items() for what in found]
    assert told == [], f"{len(told)} complaints about {len(entries)} files:\n" + "\n".join(told)


def _complaints(house: House, entry: Entry, log: str) -> list[str]:
    match entry.end:
        case Done() as end:
            found = [*judging.complaints_about_pixels(entry, house.out / f"{entry.name}.png")]
            if end.told:
                found += _untold(house, entry, log, end.told)
            return found
        case Failed():
            left = house.out / f"{entry.name}.png"
            return [f"failed, and {left} is there"] if left.exists() else []
        case Unseen(told):
            listed = [f"a job: {job['state']}" for job in house.jobs() if job["path"] == entry.name]
            return listed + _untold(house, entry, "", (told,))


def _untold(house: House, entry: Entry, log: str, wanted: Sequence[str]) -> list[str]:
    """What neither `explain` nor a line of the log says; what stands in a path is no word."""
    own = re.compile(rf"(?<![\w.-]){re.escape(entry.name)}")
    lines = [line for line in log.splitlines() if own.search(line)]
    lines.append(house.watchd("explain", str(house.hot / entry.name)).stdout)
    text = "\n".join(lines).replace(str(house.root), "").replace(entry.name, "")
    return [f"{phrase!r} is not told" for phrase in wanted if re.search(phrase, text, re.IGNORECASE) is None]


def _ask_others(house: House, entries: Sequence[Entry], complaints: dict[str, list[str]]) -> None:
    """What exiftool and ImageMagick have to say of the outputs."""
    done = {f"{entry.name}.png": entry for entry in entries if isinstance(entry.end, Done)}
    if judging.EXIFTOOL is not None and done:
        read = judging.read_by_exiftool(house.out)
        for name, entry in done.items():
            complaints[entry.name] += judging.complaints_about_words(entry, read.get(name, {}))
    if judging.IMAGEMAGICK is None:
        return
    sizes = judging.read_by_imagemagick(house.out / name for name in done)
    for name, entry in done.items():
        with Image.open(house.out / name) as image:
            seen = image.convert("RGB").crop((24, 16, 40, 32))
        mean = seen.resize((1, 1), Image.Resampling.BOX).getpixel((0, 0))
        assert isinstance(mean, tuple)
        width, height, levels = sizes.get(name, (0, 0, ()))
        if (width, height) != (16, 16) or max(map(abs, map(int.__sub__, mean, levels))) > IMAGEMAGICK_FORGIVES:
            complaints[entry.name].append(f"ImageMagick reads {width}x{height} {levels} instead of {mean}")


@pytest.mark.timeout(300)
@pytest.mark.parametrize("kind", OTHER_FORMATS)
def test_a_part_of_the_corpus_comes_out_in_every_other_format(house: House, kind: str) -> None:
    done = [entry for entry in every_entry() if isinstance(entry.end, Done)]
    ending, loss, most = OTHER_FORMATS[kind]
    entries = chosen(done, kind, most if WHOLE else 8)
    configured(house, {"format": {"type": kind}})
    log = run(house, entries)
    jobs = house.jobs()
    told = []
    read = judging.read_by_exiftool(house.out) if judging.EXIFTOOL else {}
    for entry in entries:
        found = [*judging.complaints_about_job(entry, [job for job in jobs if job["path"] == entry.name])]
        output = house.out / f"{entry.name}.{ending}"
        if not found:
            found = [*judging.complaints_about_pixels(entry, output, lossy=loss, flat=kind == "jpeg")]
        if not found and judging.EXIFTOOL:
            found = [*judging.complaints_about_words(entry, read.get(output.name, {}))]
            if any(NOT_KEPT.search(line) for line in log.splitlines() if f"/{entry.name}" in line):
                found = [what for what in found if "is lost" not in what]
        told += [f"{entry.name}: {what}" for what in found]
    assert told == [], f"{len(told)} complaints about {len(entries)} files as {kind}:\n" + "\n".join(told)
    assert house.sandbox.charges().calls == len([job for job in jobs if job["cost"]])


def test_the_corpus_is_large_enough_and_no_two_of_its_files_are_alike() -> None:
    entries = every_entry()
    assert len(entries) >= 300
    assert len({entry.name.casefold() for entry in entries}) == len(entries), "a name serves once, whatever its case"
    assert [entry.name for entry in entries if not entry.source] == []
    shelves = chosen(entries, "alike", 24)
    alike = [entry.name for entry in shelves if isinstance(entry.end, Done) and entry.data() != entry.data()]
    assert alike == [], "an entry makes the same bytes each time"
    bodies = [entry.data() for entry in shelves if isinstance(entry.end, Done)]
    assert len(set(bodies)) == len(bodies)


OTHERS = {
    "ImageMagick": (judging.IMAGEMAGICK, judging.is_opened_by_imagemagick),
    "libvips": (judging.LIBVIPS, judging.is_opened_by_libvips),
}


@pytest.mark.parametrize("other", OTHERS)
@pytest.mark.parametrize("shelf", SHELVES)
def test_what_pillow_and_another_open_is_done_or_refused_for_a_reason(shelf: str, other: str, tmp_path: Path) -> None:
    program, is_opened = OTHERS[other]
    if program is None:
        pytest.skip(f"{other} is not installed")
    unexplained = []
    for entry in chosen(SHELVES[shelf], f"opened {shelf}"):
        if isinstance(entry.end, Failed) and not entry.end.although:
            path = tmp_path / "picture"  # told by its bytes alone
            path.write_bytes(entry.data())
            if judging.is_opened_by_pillow(path) and is_opened(path):
                unexplained.append(entry.name)
    assert unexplained == [], "others open it: say in `although` why it is right to refuse it"


MENDED = frozenset({"beside-between-the-pixels.png", "riff-size-too-large.webp", "no-eoc.j2k"})
"""Which other programs stumble over, and whose pixels are all there once they are put right."""


@pytest.mark.timeout(300)
@pytest.mark.parametrize("shelf", SHELVES)
def test_what_is_to_be_done_shows_its_chart_to_another_program(shelf: str, tmp_path: Path) -> None:
    """That an entry is what it is meant to be is proven by programs that are none of ours."""
    if judging.IMAGEMAGICK is None:
        pytest.skip("ImageMagick is not installed")
    unread = []
    for entry in chosen(SHELVES[shelf], f"read {shelf}"):
        if isinstance(entry.end, Done) and entry.name not in MENDED:
            path = tmp_path / "picture"  # told by its bytes alone
            path.write_bytes(entry.data())
            if not judging.is_opened_by_pillow(path) and not judging.is_opened_by_imagemagick(path):
                unread.append(entry.name)
    assert unread == []
