"""Every format at every orientation, in every mode and depth, whoever says it: upright once, and said to be so."""

from __future__ import annotations

import os
import random
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import pillow_heif
import pytest
from PIL import Image, ImageOps

from tests.corpus import judging
from tests.corpus.chart import chart_of, opened, saved, shown
from tests.corpus.isobmff_pictures import avif, heic, ten_bits
from tests.corpus.jpeg2000_pictures import XMP_UUID, box, jp2
from tests.corpus.jpeg_beside import EXIF
from tests.corpus.jpeg_bytes import jpeg, segment, with_first
from tests.corpus.packets import packet, xmp_segment
from tests.corpus.png_beside import international, raw_profile
from tests.corpus.png_bytes import (
    GREY,
    GREY_ALPHA,
    PALETTE,
    RGB,
    RGB_ALPHA,
    data,
    header,
    made,
    palette_of,
    rows,
    with_alpha,
)
from tests.corpus.tiff_bytes import BYTE, ORIENTATION, SHORT, Page, Value, described, tiff, turned
from tests.corpus.tiff_pixels import deep
from tests.corpus.webp import EXIF as WEBP_EXIF
from tests.corpus.webp import XMP as WEBP_XMP
from tests.corpus.webp import chunk as webp_chunk
from tests.corpus.webp import extended, pixels, riff
from tests.system.pictures import chunk as png_chunk

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tests.system.house import House

pillow_heif.register_heif_opener()

WHOLE = os.environ.get("WATCHD_FAULTS") == "full"
SAMPLE: Final = 9
"""Cases of each format in a run that is no campaign."""
STORED: Final = {
    1: None, 2: Image.Transpose.FLIP_LEFT_RIGHT, 3: Image.Transpose.ROTATE_180, 4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE, 6: Image.Transpose.ROTATE_90, 7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_270,
}  # fmt: skip
"""How an upright picture is turned before it is stored under that orientation."""
SUFFIXES: Final = {
    "jpeg": "jpg",
    "png": "png",
    "webp": "webp",
    "tiff": "tif",
    "avif": "avif",
    "heic": "heic",
    "jpeg2000": "jp2",
}
MODES: Final[dict[str, dict[str, tuple[int, ...]]]] = {
    "jpeg": {"L": (8,), "RGB": (8,), "CMYK": (8,)},
    "png": {"L": (8, 16), "RGB": (8, 16), "P": (8,), "LA": (8, 16), "RGBA": (8, 16)},
    "webp": {"RGB": (8,), "RGBA": (8,)},
    "tiff": {"1": (1,), "L": (8, 16), "RGB": (8, 16), "P": (8,), "LA": (8,), "RGBA": (8, 16), "CMYK": (8, 16)},
    "avif": {"L": (8,), "RGB": (8,), "RGBA": (8,)},
    "heic": {"L": (8,), "RGB": (8, 10), "RGBA": (8,)},
    "jpeg2000": {"L": (8,), "RGB": (8,), "RGBA": (8,)},
}  # fmt: skip
DEEP: Final = 16
SAYERS: Final = {
    "jpeg": ("exif", "xmp"), "png": ("exif", "raw", "xmp"), "webp": ("exif", "xmp"), "tiff": ("tag", "lzw", "xmp"),
    "avif": ("properties",), "heic": ("properties",), "jpeg2000": ("xmp",),
}  # fmt: skip
TOLERANCE: Final = {"jpeg": 24, "webp": 4, "png": 4, "tiff": 24, "avif": 18, "heic": 18, "jpeg2000": 4}


@dataclass(frozen=True, slots=True)
class Case:
    """One file of the matrix."""

    kind: str
    mode: str
    depth: int
    sayer: str
    orientation: int

    @property
    def name(self) -> str:
        return f"{self.mode}-{self.depth}-{self.sayer}-{self.orientation}.{SUFFIXES[self.kind]}"

    @property
    def upright(self) -> Image.Image:
        """What has to come out, in the mode that it is stored in."""
        chart = chart_of(f"{self.kind}-{self.name}")
        if self.mode in {"LA", "RGBA"}:
            return with_alpha(chart).convert(self.mode)
        return chart.quantize(256) if self.mode == "P" else chart.convert(self.mode)

    @property
    def stored(self) -> Image.Image:
        """What lies in the file."""
        turn = STORED[self.orientation]
        return self.upright if turn is None else self.upright.transpose(turn)

    @property
    def wanted(self) -> Image.Image:
        """What the output looks like."""
        upright = self.upright
        return upright if upright.mode in {"1", "L", "LA", "RGB", "RGBA"} else upright.convert("RGB")

    def file(self) -> bytes:
        """The file."""
        return globals()[f"as_{self.kind}"](self, self.stored)  # type: ignore[no-any-return]  # a maker of this module


def said(orientation: int) -> bytes:
    return packet(f'tiff:Orientation="{orientation}"')


def as_jpeg(case: Case, image: Image.Image) -> bytes:
    word = (
        xmp_segment(said(case.orientation)) if case.sayer == "xmp" else segment(0xE1, EXIF + turned(case.orientation))
    )
    return with_first(jpeg(image), word)


def as_png(case: Case, image: Image.Image) -> bytes:
    body = turned(case.orientation, ">")
    word = {
        "exif": png_chunk(b"eXIf", body),
        "raw": raw_profile("exif", EXIF + body),
        "xmp": international("XML:com.adobe.xmp", said(case.orientation).decode()),
    }[case.sayer]
    colour = {"L": GREY, "RGB": RGB, "P": PALETTE, "LA": GREY_ALPHA, "RGBA": RGB_ALPHA}[case.mode]
    colours = palette_of(image) if case.mode == "P" else b""
    return made(header(image.size, colour, case.depth), colours, word, data(rows(image, case.depth)))


def as_webp(case: Case, image: Image.Image) -> bytes:
    flag, name, body = (
        (WEBP_XMP, b"XMP ", said(case.orientation))
        if case.sayer == "xmp"
        else (WEBP_EXIF, b"EXIF", turned(case.orientation))
    )
    alpha = 0x10 if case.mode == "RGBA" else 0
    return riff(extended(flag | alpha, image.size), pixels(image, exact=True), webp_chunk(name, body))


def as_tiff(case: Case, image: Image.Image) -> bytes:
    if case.sayer == "lzw":
        return saved(image, "TIFF", compression="tiff_lzw", tiffinfo={ORIENTATION: case.orientation})
    photometric = {"1": 1, "L": 1, "LA": 1, "P": 3, "CMYK": 5}.get(case.mode, 2)
    tags: dict[int, Value] = described(image.size, (case.depth,) * len(image.getbands()), photometric)
    if case.mode in {"LA", "RGBA"}:
        tags[338] = (SHORT, [2])
    if case.mode == "P":
        levels = (image.getpalette() or []) + [0] * 768
        tags[320] = (SHORT, [257 * levels[3 * index + band] for band in range(3) for index in range(256)])
    tags |= {700: (BYTE, said(case.orientation))} if case.sayer == "xmp" else {ORIENTATION: (SHORT, [case.orientation])}
    return tiff(Page(tags, [deep(image) if case.depth == DEEP else image.tobytes()]))


def as_avif(case: Case, image: Image.Image) -> bytes:
    return avif(image, exif=EXIF + turned(case.orientation))


def as_heic(case: Case, image: Image.Image) -> bytes:
    if case.depth == 10:
        return ten_bits(image, exif=EXIF + turned(case.orientation))
    return heic(image, exif=EXIF + turned(case.orientation))


def as_jpeg2000(case: Case, image: Image.Image) -> bytes:
    return jp2(image) + box(b"uuid", XMP_UUID + said(case.orientation))


def matrix(kind: str) -> list[Case]:
    return [
        Case(kind, mode, depth, sayer, orientation)
        for mode, depths in MODES[kind].items()
        for depth in depths
        for sayer in SAYERS[kind]
        for orientation in STORED
        if not (sayer == "lzw" and depth == DEEP)  # which Pillow does not write
    ]


def chosen(kind: str) -> Sequence[Case]:
    cases = matrix(kind)
    if WHOLE or len(cases) <= SAMPLE:
        return cases
    return random.Random(f"{kind} {os.environ['WATCHD_SEED']}").sample(cases, SAMPLE)


@pytest.mark.timeout(300)
@pytest.mark.parametrize("kind", SUFFIXES)
def test_whatever_says_how_a_picture_is_turned_it_comes_out_upright_once(house: House, kind: str) -> None:
    cases = chosen(kind)
    house.configure({"output_name": "{name}.{ext}"}, approval=None, budget={"day": None, "month": None})
    for case in cases:
        house.drop(case.name, case.file())
    ended = house.watchd("once", timeout=280)
    jobs = {job["path"]: job for job in house.jobs()}
    read = judging.read_by_exiftool(house.out) if judging.EXIFTOOL else {}
    complaints = []
    for case in cases:
        found = (
            [f"{jobs[case.name]['state']}: {jobs[case.name]['error']}"]
            if jobs[case.name]["state"] != "done"
            else [*_seen(house, case)]
        )
        turns = {
            key: value
            for key, value in read.get(f"{case.name}.png", {}).items()
            if key.endswith(":Orientation") and value != 1
        }
        complaints += [f"{case.name}: {what}" for what in (*found, *([f"exiftool reads {turns}"] if turns else []))]
    assert complaints == [], f"{len(complaints)} complaints about {len(cases)}:\n" + "\n".join(complaints)
    assert ended.returncode == 0, ended.stderr
    assert house.sandbox.charges().calls == len(cases), "one call for each"


def _seen(house: House, case: Case) -> Iterator[str]:
    output = opened((house.out / f"{case.name}.png").read_bytes())
    if output.getexif().get(0x0112, 1) != 1:
        yield "Pillow reads another orientation than upright"
    yield from judging.differences(case.wanted, shown(output), TOLERANCE[case.kind])


def test_the_matrix_covers_what_it_is_said_to() -> None:
    cases = [case for kind in SUFFIXES for case in matrix(kind)]
    assert len(cases) >= 400
    assert {case.orientation for case in cases} == set(range(1, 9))
    assert {case.sayer for case in cases} == {"exif", "raw", "xmp", "tag", "lzw", "properties"}


@pytest.mark.parametrize("kind", [kind for kind in SUFFIXES if kind != "jpeg2000"])  # of which Pillow reads no EXIF
def test_a_file_of_the_matrix_is_turned_by_pillow_as_it_should_be(kind: str) -> None:
    """That the files say what they are meant to is proven by a program that is none of ours."""
    for orientation in STORED:
        case = next(
            case
            for case in matrix(kind)
            if case.mode == "RGB" and case.orientation == orientation and case.sayer != "tag"
        )
        image = ImageOps.exif_transpose(opened(case.file()))
        doubled = image.resize((2 * image.width, 2 * image.height), Image.Resampling.NEAREST)
        assert [*judging.differences(case.wanted, doubled.convert("RGB"), TOLERANCE[kind])] == [], case.name
