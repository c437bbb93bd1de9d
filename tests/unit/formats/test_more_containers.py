"""TIFF, BMP, GIF, AVIF, HEIC and JPEG 2000; and what every format says of its pixels. Pillow makes the samples."""

from __future__ import annotations

import io
import random
import time
from typing import Any

import pillow_heif
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from watchd.formats import containers, tiff
from watchd.formats.metadata.collecting import Metadata, collect
from watchd.formats.picture import Colour, Format, Incomplete, Picture, Unreadable

pillow_heif.register_heif_opener()

SIZE = (53, 37)


def noise(mode: str = "RGB", size: tuple[int, int] = SIZE, seed: int = 1) -> Image.Image:
    dice = random.Random(seed)
    grey = [Image.frombytes("L", size, dice.randbytes(size[0] * size[1])) for _ in range(4)]
    if mode in {"L", "1", "P"}:
        return grey[0].convert(mode)
    if mode == "I;16":
        return Image.frombytes("I;16", size, dice.randbytes(2 * size[0] * size[1]))
    bands = {"RGB": 3, "RGBA": 4, "CMYK": 4, "LA": 2, "LAB": 3}[mode]
    return Image.merge(mode, grey[:bands])


def saved(kind: str, mode: str = "RGB", **options: Any) -> bytes:
    target = io.BytesIO()
    noise(mode).save(target, kind, **options)
    return target.getvalue()


FRAMES = [noise(seed=seed) for seed in (2, 3)]

SAMPLES: dict[str, tuple[bytes, Picture]] = {
    "tiff": (saved("TIFF"), Picture(Format.TIFF, *SIZE)),
    "tiff deflate": (saved("TIFF", compression="tiff_adobe_deflate"), Picture(Format.TIFF, *SIZE)),
    "tiff lzw": (saved("TIFF", compression="tiff_lzw"), Picture(Format.TIFF, *SIZE)),
    "tiff big": (saved("TIFF", big_tiff=True), Picture(Format.TIFF, *SIZE)),
    "tiff grey": (saved("TIFF", "L"), Picture(Format.TIFF, *SIZE, Colour.GREY)),
    "tiff bits": (saved("TIFF", "1"), Picture(Format.TIFF, *SIZE, Colour.GREY)),
    "tiff palette": (saved("TIFF", "P"), Picture(Format.TIFF, *SIZE, Colour.PALETTE)),
    "tiff 16": (saved("TIFF", "I;16"), Picture(Format.TIFF, *SIZE, Colour.GREY, 16)),
    "tiff cmyk": (saved("TIFF", "CMYK"), Picture(Format.TIFF, *SIZE, Colour.CMYK)),
    "tiff lab": (saved("TIFF", "LAB"), Picture(Format.TIFF, *SIZE, Colour.OTHER)),
    "tiff alpha": (saved("TIFF", "RGBA"), Picture(Format.TIFF, *SIZE, alpha=True)),
    "tiff pages": (saved("TIFF", save_all=True, append_images=FRAMES),
                   Picture(Format.TIFF, *SIZE, frames=3, besides=("2 more pages",))),
    "bmp": (saved("BMP"), Picture(Format.BMP, *SIZE)),
    "bmp grey": (saved("BMP", "L"), Picture(Format.BMP, *SIZE, Colour.PALETTE)),
    "bmp bits": (saved("BMP", "1"), Picture(Format.BMP, *SIZE, Colour.PALETTE)),
    "bmp 32": (saved("BMP", "RGBA"), Picture(Format.BMP, *SIZE)),
    "gif": (saved("GIF"), Picture(Format.GIF, *SIZE, Colour.PALETTE)),
    "gif animated": (saved("GIF", save_all=True, append_images=FRAMES),
                     Picture(Format.GIF, *SIZE, Colour.PALETTE, frames=3, besides=("2 more frames",))),
    "gif transparent": (saved("GIF", "P", transparency=3), Picture(Format.GIF, *SIZE, Colour.PALETTE, alpha=True)),
    "avif": (saved("AVIF"), Picture(Format.AVIF, *SIZE)),
    "avif alpha": (saved("AVIF", "RGBA"), Picture(Format.AVIF, *SIZE, alpha=True)),
    "avif animated": (saved("AVIF", save_all=True, append_images=FRAMES),
                      Picture(Format.AVIF, *SIZE, frames=3, besides=("2 more frames",))),
    "heic": (saved("HEIF"), Picture(Format.HEIC, *SIZE)),
    "heic alpha": (saved("HEIF", "RGBA"), Picture(Format.HEIC, *SIZE, alpha=True)),
    "jp2": (saved("JPEG2000"), Picture(Format.JPEG2000, *SIZE)),
    "jp2 grey": (saved("JPEG2000", "L"), Picture(Format.JPEG2000, *SIZE, Colour.GREY)),
    "jp2 alpha": (saved("JPEG2000", "RGBA"), Picture(Format.JPEG2000, *SIZE, alpha=True)),
    "j2k": (saved("JPEG2000", no_jp2=True), Picture(Format.JPEG2000, *SIZE)),
    "png 16": (saved("PNG", "I;16"), Picture(Format.PNG, *SIZE, Colour.GREY, 16)),
    "png alpha": (saved("PNG", "LA"), Picture(Format.PNG, *SIZE, Colour.GREY, alpha=True)),
    "png transparent": (saved("PNG", "P", transparency=3), Picture(Format.PNG, *SIZE, Colour.PALETTE, alpha=True)),
    "png animated": (saved("PNG", save_all=True, append_images=FRAMES),
                     Picture(Format.PNG, *SIZE, frames=3, besides=("2 more frames",))),
    "jpeg grey": (saved("JPEG", "L"), Picture(Format.JPEG, *SIZE, Colour.GREY)),
    "jpeg cmyk": (saved("JPEG", "CMYK"), Picture(Format.JPEG, *SIZE, Colour.CMYK)),
    "webp alpha": (saved("WEBP", "RGBA"), Picture(Format.WEBP, *SIZE, alpha=True)),
    "webp lossless alpha": (saved("WEBP", "RGBA", lossless=True), Picture(Format.WEBP, *SIZE, alpha=True)),
    "webp animated": (saved("WEBP", save_all=True, append_images=FRAMES),
                      Picture(Format.WEBP, *SIZE, frames=3, besides=("2 more frames",))),
}  # fmt: skip
NEW = [name for name, (_, found) in SAMPLES.items() if found.format not in {Format.JPEG, Format.PNG, Format.WEBP}]


@pytest.mark.parametrize("name", SAMPLES)
def test_a_whole_file_is_a_picture_and_says_what_its_pixels_are(name: str) -> None:
    data, expected = SAMPLES[name]
    assert containers.inspect(data) == expected


PADDING = 16
"""Pillow fills up the last page of a TIFF to so many bytes."""


@pytest.mark.parametrize("name", SAMPLES)
def test_a_file_that_is_cut_anywhere_is_no_picture_yet(name: str) -> None:
    data, _ = SAMPLES[name]
    end = len(data) - (PADDING if name == "tiff pages" else 0)
    cuts = sorted({*range(min(end, 400)), *range(0, end, 97), *range(max(0, end - 40), end)})
    whole = [cut for cut in cuts if isinstance(containers.inspect(data[:cut]), Picture)]
    assert whole == []


UNCOMPRESSED = {name for name in SAMPLES if name.startswith(("tiff", "bmp"))} - {"tiff deflate", "tiff lzw"}
"""Zeros are pixels there."""


@pytest.mark.parametrize("name", sorted(set(SAMPLES) - UNCOMPRESSED))
def test_a_file_with_its_size_and_not_yet_its_bytes_is_no_picture_yet(name: str) -> None:
    data, _ = SAMPLES[name]
    for there in (len(data) // 3, len(data) // 2):
        assert not isinstance(containers.inspect(data[:there].ljust(len(data) + 20_000, b"\0")), Picture)


@pytest.mark.parametrize("name", SAMPLES)
@given(seed=st.integers(0, 2**32))
def test_damage_of_any_kind_raises_nothing(name: str, seed: int) -> None:
    dice = random.Random(seed)
    data = bytearray(SAMPLES[name][0])
    for _ in range(dice.choice((1, 3, 20))):
        at = dice.randrange(min(len(data), dice.choice((40, 400, len(data)))))
        data[at] = dice.choice((0, 1, 0x7F, 0x80, 0xFF, dice.randrange(256)))
    verdict = containers.inspect(bytes(data))
    assert isinstance(verdict, Picture | Incomplete | Unreadable)
    if isinstance(verdict, Picture):
        collect(bytes(data), verdict.format)
    collect(bytes(data), SAMPLES[name][1].format)


@pytest.mark.parametrize(
    "start", [b"II*\0", b"MM\0*", b"II+\0", b"BM", b"GIF89a", b"\0\0\0\x20ftypheic", b"\0\0\0\x0cjP  \r\n\x87\n"]
)
@given(rest=st.binary(max_size=600))
def test_any_bytes_behind_a_signature_raise_nothing(start: bytes, rest: bytes) -> None:
    assert isinstance(containers.inspect(start + rest), Picture | Incomplete | Unreadable)
    for kind in Format:
        assert isinstance(collect(start + rest, kind), Metadata)


@pytest.mark.parametrize("kind", ["TIFF", "BMP", "GIF", "AVIF", "JPEG2000"])
def test_tens_of_megabytes_take_a_moment(kind: str) -> None:
    target = io.BytesIO()
    Image.effect_noise((1000, 1000), 90).convert("RGB").save(target, kind)
    data = target.getvalue() + b"\x01" * (50_000_000 if kind in {"BMP", "GIF"} else 0)
    began = time.process_time()
    assert isinstance(containers.inspect(data), Picture)
    assert time.process_time() - began < 0.5


def directory(*entries: tuple[int, int, int, int], following: int = 0, at: int = 8) -> bytes:
    body = len(entries).to_bytes(2, "little")
    for tag, kind, count, value in entries:
        body += tag.to_bytes(2, "little") + kind.to_bytes(2, "little") + count.to_bytes(4, "little")
        body += value.to_bytes(4, "little")
    return b"II*\0" + at.to_bytes(4, "little") + body + following.to_bytes(4, "little")


PIXELS = ((0x0100, 4, 1, 4), (0x0101, 4, 1, 4), (0x0111, 4, 1, 8), (0x0117, 4, 1, 8))


def test_a_chain_of_directories_that_bites_its_tail_ends() -> None:
    assert isinstance(containers.inspect(directory(*PIXELS, following=8)), Picture)


@pytest.mark.parametrize("extra", [(0xC612, 1, 4, 0x00000401), (0x0106, 3, 1, 32803)])
def test_a_camera_raw_that_is_made_like_a_tiff_is_none_to_send(extra: tuple[int, int, int, int]) -> None:
    verdict = containers.inspect(directory(*sorted([*PIXELS, extra])))
    assert isinstance(verdict, Unreadable)
    assert "camera raw" in verdict.reason


def test_a_tiff_whose_first_page_previews_a_raw_is_none_to_send() -> None:
    verdict = containers.inspect(directory((0x00FE, 4, 1, 1), *PIXELS, (0x014A, 4, 1, 8)))
    assert isinstance(verdict, Unreadable)


def test_numbers_beyond_the_file_are_no_numbers() -> None:
    reader = tiff.Reader(directory((0x0100, 4, 4_000_000_000, 8)))
    tags = next(iter(reader.pages()))
    assert tags is not None
    assert reader.integers(tags[0x0100]) == ()
