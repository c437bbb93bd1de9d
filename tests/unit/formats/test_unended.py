"""Pictures whose end is missing: offered as perhaps whole, and proven by decoding, or not."""

from __future__ import annotations

import io
import os
import random
import struct
import warnings
from typing import TYPE_CHECKING, Any

import pytest
from PIL import Image

from tests.unit.formats import sample_pictures as sample
from tests.unit.formats.test_more_containers import FRAMES, noise, saved
from watchd.formats import containers, jpeg
from watchd.formats.containers import Incomplete, Picture, Unreadable, inspect

if TYPE_CHECKING:
    from watchd.formats.picture import Unended

SEED = int(os.environ.get("WATCHD_SEED", "1"))
KINDS: dict[str, tuple[str, dict[str, Any]]] = {
    "baseline": ("RGB", {"quality": 90}),
    "best": ("RGB", {"quality": 100, "subsampling": 0}),
    "poor": ("RGB", {"quality": 20, "subsampling": 2}),
    "optimised": ("RGB", {"quality": 75, "optimize": True}),
    "progressive": ("RGB", {"quality": 90, "progressive": True}),
    "progressive 4:2:0": ("RGB", {"quality": 60, "progressive": True, "subsampling": 2}),
    "restarts each two blocks": ("RGB", {"quality": 90, "restart_marker_blocks": 2}),
    "restarts each row": ("RGB", {"quality": 75, "restart_marker_rows": 1}),
    "grey": ("L", {"quality": 90}),
    "grey, progressive": ("L", {"quality": 90, "progressive": True}),
    "cmyk": ("CMYK", {"quality": 90}),
}
SIZES = [(64, 48), (97, 61)]


def pixels(data: bytes) -> bytes | None:
    """What Pillow decodes; None where it refuses."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            picture = Image.open(io.BytesIO(data))
            picture.load()
            return picture.tobytes()
    except (OSError, SyntaxError, ValueError):
        return None


def is_proven(files: tuple[bytes, ...]) -> bool:
    """As the daemon proves it: each decodes, and all to the same."""
    seen = {pixels(one) for one in files}
    return len(seen) == 1 and None not in seen


def perhaps(data: bytes) -> Unended:
    verdict = inspect(data)
    assert isinstance(verdict, Incomplete)
    assert verdict.perhaps is not None, verdict
    return verdict.perhaps


def is_taken(data: bytes) -> bool:
    """Whether a file is a picture, or one once nothing more comes."""
    verdict = inspect(data)
    if isinstance(verdict, Incomplete) and verdict.perhaps is not None:
        return is_proven(containers.closings(data, verdict.perhaps))
    return isinstance(verdict, Picture)


def smooth(mode: str, size: tuple[int, int]) -> Image.Image:
    """What most photographs are, where few bits say much."""
    grey = Image.linear_gradient("L").resize(size)
    other = Image.radial_gradient("L").resize(size)
    return Image.merge("RGB", (grey, other, grey.transpose(Image.Transpose.ROTATE_180))).convert(mode)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("kind", KINDS)
def test_a_jpeg_without_its_end_marker_is_whole_and_one_that_is_cut_is_not(kind: str, size: tuple[int, int]) -> None:
    mode, options = KINDS[kind]
    dice = random.Random(f"{SEED} {kind} {size}")
    for picture in (sample.image("RGB", size).convert(mode), smooth(mode, size)):
        data = sample.encoded(picture, "JPEG", **options)
        whole = data[:-2]
        assert is_taken(whole)
        assert pixels(containers.ended(whole, perhaps(whole))) == pixels(data)
        scan = data.rindex(b"\xff\xda") + 2
        scan += int.from_bytes(data[scan : scan + 2], "big")
        left = len(whole) - scan
        cuts = {1, 2, 3, 5, 10, 32, 100, *(dice.randrange(1, max(2, left)) for _ in range(8))}
        passed = [
            cut
            for cut in cuts
            if cut < left and is_taken(whole[:-cut]) and pixels(whole[:-cut] + jpeg.END) != pixels(data)
        ]
        assert passed == []


def test_a_jpeg_cut_between_two_restarts_is_not_whole() -> None:
    data = sample.jpeg(restart_marker_blocks=1)
    last = max(data.rindex(bytes((0xFF, 0xD0 + number))) for number in range(8))
    for end in (last, last + 1, last + 2):
        assert not is_taken(data[:end])


def test_a_progressive_jpeg_without_its_last_scans_is_not_even_perhaps_whole() -> None:
    data = sample.jpeg(progressive=True)
    at = data.rindex(b"\xff\xda")
    for cut in (at, at + 9):
        verdict = inspect(data[:cut])
        assert isinstance(verdict, Incomplete)
        assert verdict.perhaps is None


def test_a_jpeg_whose_colours_were_not_all_sent_is_not_even_perhaps_whole() -> None:
    data = bytearray(sample.jpeg(subsampling=0)[:-2])
    at = data.index(b"\xff\xda")
    data[at + 4 : at + 11] = bytes((1, 1, 0, 0, 63, 0, 0))  # the first component alone
    data[at + 2 : at + 4] = b"\0\x08"
    verdict = inspect(bytes(data))
    assert isinstance(verdict, Incomplete)
    assert verdict.perhaps is None


def samsung(film: bytes) -> bytes:
    """A trailer of blocks, their directory, and its length."""
    block = b"\0\0\x30\x0a\x10\0\0\0MotionPhoto_Data" + film
    entry = b"\0\0\x30\x0a" + struct.pack("<II", len(block), len(block))
    directory = b"SEFH" + struct.pack("<II", 107, 1) + entry
    return block + directory + struct.pack("<I", len(directory)) + b"SEFT"


FILM = b"\0\0\0\x18ftypmp42\0\0\0\0isommp42" + random.Random(5).randbytes(5000)
STRAY = b"\x12\x34\x56\x78" * 40


@pytest.mark.parametrize(
    "trailer",
    [
        samsung(FILM),
        samsung(FILM + jpeg.END + FILM),
        FILM + b"SEFH" + bytes(range(20)) + b"SEFT",
        FILM,
        b"ftypmp42" + bytes(range(256)),
        bytes(10_000),
        b"\xff",
        b"\xff\xe1\xff\xff" + bytes(range(256)),
        b"\xff\xc8" + bytes(range(256)),
        STRAY,
        sample.jpeg(size=(16, 16)),
    ],
)
def test_what_follows_a_scan_without_end_marker_is_no_part_of_the_picture(trailer: bytes) -> None:
    data = sample.jpeg()
    file = data[:-2] + trailer
    assert is_taken(file)
    ended = containers.ended(file, perhaps(file))
    assert pixels(ended) == pixels(data)
    assert isinstance(inspect(ended), Picture)
    assert b"ftyp" not in ended
    if trailer != STRAY:  # it would be taken for the rest of the scan, by every decoder
        assert not is_taken(data[:-60] + trailer)


def test_an_end_marker_inside_the_film_of_a_panorama_is_not_its_own() -> None:
    data = sample.jpeg()
    film = FILM[:24] + b"mdat" + jpeg.END + FILM[24:]
    found = perhaps(data[:-2] + samsung(film))
    assert found.end == len(data) - 2
    assert found.picture.besides == ("a film (motion photo)",)


def test_the_pictures_that_an_mpo_announces_and_never_gets_do_not_refuse_the_first() -> None:
    data = sample.encoded(sample.image(), "MPO", save_all=True, append_images=[sample.image(size=(32, 24))])
    assert is_taken(data[:-5])
    assert containers.ended(data[:-5], perhaps(data[:-5])).endswith(jpeg.END)


def test_a_hole_in_a_scan_without_end_marker_is_never_whole() -> None:
    data = sample.encoded(sample.image(size=(400, 300)), "JPEG", quality=95)[:-2]
    holed = data[:8192] + bytes(4096) + data[12288:]
    verdict = inspect(holed)
    assert isinstance(verdict, Incomplete)
    assert verdict.perhaps is None


@pytest.mark.parametrize("cut", range(1, 17))
def test_a_png_without_iend_is_whole_while_all_its_pixels_are_there(cut: int) -> None:
    data = sample.png()
    assert is_taken(data[:-cut])
    mended = containers.ended(data[:-cut], perhaps(data[:-cut]))
    assert pixels(mended) == pixels(data)
    assert inspect(mended) == inspect(data)


@pytest.mark.parametrize("cut", [30, 60, 200, 1000])
def test_a_png_whose_pixels_are_cut_is_not_whole(cut: int) -> None:
    assert not is_taken(sample.png()[:-cut])


ENDS = {
    "gif": (saved("GIF"), 1),
    "gif of frames": (saved("GIF", save_all=True, append_images=FRAMES), 1),
    "webp": (saved("WEBP", exif=b"Exif\0\0II*\0" + bytes(40)), 30),
    "webp of frames": (saved("WEBP", save_all=True, append_images=FRAMES), 1000),
    "jp2": (saved("JPEG2000"), 2),
    "j2k": (saved("JPEG2000", no_jp2=True), 2),
    "j2k of tiles": (saved("JPEG2000", no_jp2=True, tile_size=(20, 20)), 2),
    "bmp": (saved("BMP"), 1),
    "avif of frames": (saved("AVIF", save_all=True, append_images=FRAMES), 10),
    "tiff of pages": (saved("TIFF", save_all=True, append_images=FRAMES), 2000),
}


@pytest.mark.parametrize("name", ENDS)
def test_the_first_picture_is_whole_without_what_it_does_not_need(name: str) -> None:
    data, spared = ENDS[name]
    assert isinstance(inspect(data[:-spared]), Incomplete)
    assert is_taken(data[:-spared])
    assert pixels(containers.ended(data[:-spared], perhaps(data[:-spared]))) == pixels(data)


@pytest.mark.parametrize("name", sorted({*ENDS} - {"tiff of pages"}))
def test_the_first_picture_is_not_whole_without_its_own_pixels(name: str) -> None:
    data, _ = ENDS[name]
    for share in (0.1, 0.2, 0.3):
        assert not is_taken(data[: int(len(data) * share)])


def test_a_gif_that_is_cut_in_its_pixels_is_not_whole() -> None:
    data = saved("GIF")
    assert [cut for cut in (8, 20, 100, 1000) if is_taken(data[:-cut])] == []


def test_a_webp_whose_riff_has_no_length_yet_is_whole_if_its_picture_is() -> None:
    data = sample.webp()
    streamed = data[:4] + bytes(4) + data[8:]
    assert is_taken(streamed)
    assert containers.ended(streamed, perhaps(streamed)) == data


@pytest.mark.parametrize("extra", [1, 2, 1000])
def test_a_webp_whose_riff_is_too_long_is_whole_if_its_picture_is(extra: int) -> None:
    data = sample.webp()
    longer = data[:4] + (len(data) - 8 + extra).to_bytes(4, "little") + data[8:]
    assert is_taken(longer)


def test_a_bmp_may_lack_what_fills_up_its_last_row_and_no_pixel() -> None:
    picture = noise(size=(5, 5))  # rows of 15 bytes
    data = sample.encoded(picture, "BMP")
    assert perhaps(data[:-1]).picture == Picture(containers.Format.BMP, 5, 5)
    verdict = inspect(data[:-2])
    assert isinstance(verdict, Incomplete)
    assert verdict.perhaps is None


def test_a_jpeg_that_is_no_picture_is_not_perhaps_one() -> None:
    assert isinstance(inspect(b"\xff\xd8\xff\xda\0\x02abc"), Unreadable | Incomplete)
    for data in (b"\xff\xd8\xff\xda\0\x02abc", b"\xff\xd8\xff\xc0\0\x02", b"\xff\xd8\xff\xe0\0\x10JFIF"):
        verdict = inspect(data)
        assert getattr(verdict, "perhaps", None) is None
