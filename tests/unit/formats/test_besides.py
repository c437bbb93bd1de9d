"""What a file holds beside the picture that is sent is told: it keeps originals from being deleted."""

from __future__ import annotations

import struct

import pytest
from PIL import Image

from tests.unit.formats import sample_pictures as sample
from tests.unit.formats.sample_boxes import Item, avif
from tests.unit.formats.test_more_containers import FRAMES, directory, noise, saved
from tests.unit.formats.test_unended import FILM, samsung
from watchd.formats.containers import Picture, inspect
from watchd.formats.picture import counted


def besides(data: bytes) -> tuple[str, ...]:
    found = inspect(data)
    assert isinstance(found, Picture), found
    return found.besides


def with_xmp(data: bytes, said: str) -> bytes:
    """A JPEG with an XMP packet in front of its own segments."""
    body = b"http://ns.adobe.com/xap/1.0/\0" + f"<x:xmpmeta><rdf:Description {said}/></x:xmpmeta>".encode()
    return data[:2] + b"\xff\xe1" + struct.pack(">H", len(body) + 2) + body + data[2:]


def mpo(second: bytes, kind: int = 0) -> bytes:
    """A JPEG with an MP index of two, and the second behind it."""
    first = sample.jpeg()
    for _ in range(2):  # the index tells its own file's size
        size = len(first) + 4 + 4 + 50 + 32
        entries = struct.pack("<IIII", 0x030000, size, 0, 0) + struct.pack("<IIII", kind, len(second), size - 28 + 0, 0)
        index = b"II*\0" + struct.pack("<IH", 8, 3) + struct.pack("<HHI4s", 0xB000, 7, 4, b"0100")
        index += struct.pack("<HHII", 0xB001, 4, 1, 2) + struct.pack("<HHII", 0xB002, 7, 32, 50) + bytes(4) + entries
    body = b"MPF\0" + index
    segment = b"\xff\xe2" + struct.pack(">H", len(body) + 2) + body
    data = first[:2] + segment + first[2:]
    at = data.index(b"II*\0")
    place = len(data) - at
    patched = bytearray(data)
    struct.pack_into("<II", patched, at + 50 + 16 + 4, len(second), place)
    return bytes(patched) + second


SECOND = sample.jpeg(size=(32, 24))
JPEGS = {
    "nothing": (sample.jpeg(), ()),
    "zeros": (sample.jpeg() + bytes(5000), ()),
    "junk": (sample.jpeg() + b"\x01\x02\x03" * 500, ()),
    "an index": (mpo(SECOND), ("a second picture",)),
    "a stereo pair": (mpo(SECOND, 0x020002), ("a second picture",)),
    "a preview for a screen": (mpo(SECOND, 0x010002), ()),
    "no index": (sample.jpeg() + SECOND, ("a second picture",)),
    "no index, and zeros between": (sample.jpeg() + bytes(100) + SECOND, ("a second picture",)),
    "a gain map": (mpo(with_xmp(SECOND, 'hdrgm:Version="1.0"')), ("a gain map (HDR)",)),
    "Apple's gain map": (mpo(with_xmp(SECOND, 'a="urn:com:apple:photo:2020:aux:hdrgainmap"')), ("a gain map (HDR)",)),
    "a gain map without index": (sample.jpeg() + with_xmp(SECOND, 'hdrgm:Version="1.0"'), ("a gain map (HDR)",)),
    "a depth map": (mpo(with_xmp(SECOND, 'a="urn:com:apple:photo:2018:aux:depth"')), ("a depth map",)),
    "a depth map inside": (with_xmp(sample.jpeg(), 'GDepth:Mime="image/png"'), ("a depth map",)),
    "a film": (sample.jpeg() + FILM, ("a film (motion photo)",)),
    "a phone's film": (sample.jpeg() + samsung(FILM), ("a film (motion photo)",)),
    "a gain map and a film": (
        mpo(with_xmp(SECOND, 'hdrgm:Version="1.0"')) + FILM, ("a gain map (HDR)", "a film (motion photo)"),
    ),
    "a thumbnail in EXIF": (sample.jpeg(exif=sample.exif()), ()),
}  # fmt: skip


@pytest.mark.parametrize("name", JPEGS)
def test_what_lies_behind_a_jpeg_is_told(name: str) -> None:
    data, expected = JPEGS[name]
    assert besides(data) == expected


def test_the_sound_and_the_depth_of_a_phone_s_trailer_are_told() -> None:
    trailer = samsung(b"pcm")
    assert besides(sample.jpeg() + trailer.replace(b"MotionPhoto_Data", b"SoundShot_000AAA")) == ("a sound",)
    assert besides(sample.jpeg() + trailer.replace(b"MotionPhoto_Data", b"DualShot_DepthMa")) == ()
    assert besides(sample.jpeg() + trailer.replace(b"MotionPhoto_Data", b"DualShotDepthMap")) == ("a depth map",)


ANIMATED = {"GIF", "PNG", "WEBP", "AVIF"}


@pytest.mark.parametrize("kind", sorted(ANIMATED))
@pytest.mark.parametrize(("more", "said"), [(0, ()), (1, ("a second frame",)), (11, ("11 more frames",))])
def test_further_frames_are_told(kind: str, more: int, said: tuple[str, ...]) -> None:
    frames = [noise(seed=seed) for seed in range(2, 2 + more)]
    assert besides(saved(kind, save_all=True, append_images=frames)) == said


def test_further_pages_are_told_and_smaller_copies_and_masks_are_not() -> None:
    assert besides(saved("TIFF", save_all=True, append_images=FRAMES)) == ("2 more pages",)
    for kind in (1, 4):
        first = directory((0x0100, 4, 1, 4), (0x0101, 4, 1, 4), (0x0111, 4, 1, 8), (0x0117, 4, 1, 8))
        second = directory((0x00FE, 4, 1, kind), (0x0100, 4, 1, 2), (0x0101, 4, 1, 2), (0x0111, 4, 1, 8))[8:]
        linked = first[:-4] + len(first).to_bytes(4, "little") + second
        assert besides(linked) == ()


def heif(**options: object) -> bytes:
    return sample.encoded(Image.new("RGB", (64, 64), "red"), "HEIF", **options)


def test_further_pictures_of_a_heic_are_told_and_its_thumbnail_is_not() -> None:
    assert besides(heif()) == ()
    assert besides(heif(thumbnails=[32])) == ()
    assert besides(heif(save_all=True, append_images=[Image.new("RGB", (64, 64), "blue")])) == ("a second picture",)
    three = [Image.new("RGB", (64, 64), "blue"), Image.new("RGB", (32, 32), "green")]
    assert besides(heif(save_all=True, append_images=three)) == ("2 more pictures",)


def test_the_film_of_a_heic_is_told_wherever_it_lies() -> None:
    for trailer in (FILM, struct.pack(">I4s", 8 + len(FILM), b"mpvd") + FILM, samsung(FILM)):
        assert besides(heif() + trailer) == ("a film (motion photo)",)


MAP = b"urn:com:apple:photo:2020:aux:hdrgainmap"
DEPTH = b"urn:mpeg:mpegB:cicp:systems:auxiliary:depth"
ALPHA = b"urn:mpeg:mpegB:cicp:systems:auxiliary:alpha"
ITEMS: dict[str, tuple[list[Item], list[tuple[bytes, int, list[int]]], tuple[str, ...]]] = {
    "one": ([Item(1)], [], ()),
    "two": ([Item(1), Item(2)], [], ("a second picture",)),
    "four": ([Item(1), Item(2), Item(3), Item(4)], [], ("3 more pictures",)),
    "a hidden one": ([Item(1), Item(2, hidden=True)], [], ()),
    "a thumbnail": ([Item(1), Item(2)], [(b"thmb", 2, [1])], ()),
    "tiles": ([Item(1, b"grid"), Item(2), Item(3)], [(b"dimg", 1, [2, 3])], ()),
    "words": ([Item(1), Item(2, b"Exif"), Item(3, b"mime")], [(b"cdsc", 2, [1])], ()),
    "transparency": ([Item(1), Item(2, auxiliary=ALPHA)], [(b"auxl", 2, [1])], ()),
    "a gain map": ([Item(1), Item(2, auxiliary=MAP)], [(b"auxl", 2, [1])], ("a gain map (HDR)",)),
    "a tone map": ([Item(1), Item(2), Item(3, b"tmap")], [(b"dimg", 3, [1, 2])], ("a gain map (HDR)",)),
    "depth": ([Item(1), Item(2, auxiliary=DEPTH)], [(b"auxl", 2, [1])], ("a depth map",)),
    "Apple's depth": (
        [Item(1), Item(2, auxiliary=b"urn:com:apple:photo:2018:aux:depth")], [(b"auxl", 2, [1])], ("a depth map",)
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", ITEMS)
def test_the_items_beside_the_picture_of_an_avif_are_told(name: str) -> None:
    items, references, said = ITEMS[name]
    assert besides(avif(items, references)) == said


def test_one_more_has_an_article_and_several_a_number() -> None:
    assert (counted(1, "page"), counted(2, "page")) == ("a second page", "2 more pages")
