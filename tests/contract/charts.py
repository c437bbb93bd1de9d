"""Charts of flat patches, written in every way in which files say what space they are in."""

from __future__ import annotations

import io
import struct
import zlib
from functools import cache
from typing import TYPE_CHECKING, Any

from PIL import Image

from tests.contract import colorimetry
from watchd.formats.metadata import ifd
from watchd.formats.png.png_chunks import SIGNATURE, chunk

if TYPE_CHECKING:
    from collections.abc import Sequence

SIDE = 16
ACROSS = 13
STEPS = (20, 75, 130, 190, 240)
PATCHES: list[tuple[int, int, int]] = [(red, green, blue) for red in STEPS for green in STEPS for blue in STEPS]
PATCHES += [(level, level, level) for level in (0, 45, 128, 255)] + [(255, 0, 0)]
ROWS = -(-len(PATCHES) // ACROSS)
SIZE = (ACROSS * SIDE, ROWS * SIDE)


def place(number: int) -> tuple[int, int]:
    """The middle of a patch."""
    return number % ACROSS * SIDE + SIDE // 2, number // ACROSS * SIDE + SIDE // 2


def chart(mode: str = "RGB", patches: Sequence[tuple[int, ...]] = PATCHES) -> Image.Image:
    """One patch beside the other; of grey the first number counts."""
    image = Image.new(mode, SIZE)
    for number, patch in enumerate(patches):
        x, y = number % ACROSS * SIDE, number // ACROSS * SIDE
        image.paste(patch[0] if mode == "L" else patch, (x, y, x + SIDE, y + SIDE))
    return image


def saved(image: Image.Image, kind: str, **options: Any) -> bytes:
    target = io.BytesIO()
    image.save(target, kind, **options)
    return target.getvalue()


def png(*extra: bytes, image: Image.Image | None = None) -> bytes:
    """A PNG whose header is followed by these chunks."""
    data = saved(image or chart(), "PNG")
    return data[:33] + b"".join(extra) + data[33:]


def iccp(profile: bytes) -> bytes:
    return chunk(b"iCCP", b"x\0\0" + zlib.compress(profile))


def cicp(primaries: int, transfer: int) -> bytes:
    return chunk(b"cICP", bytes((primaries, transfer, 0, 1)))


def gama(exponent: float) -> bytes:
    return chunk(b"gAMA", struct.pack(">I", round(100_000 / exponent)))


def chrm(corners: colorimetry.Corners, white: tuple[float, float] = colorimetry.D65) -> bytes:
    numbers = [round(number * 100_000) for point in (white, *corners) for number in point]
    return chunk(b"cHRM", struct.pack(">8I", *numbers))


def deep_rows(patches: Sequence[Sequence[int]], order: str) -> list[bytes]:
    """Rows of a chart of patches of sixteen bits."""
    channels = len(patches[0])
    rows = []
    for y in range(SIZE[1]):
        line = [patches[min(len(patches) - 1, y // SIDE * ACROSS + x // SIDE)] for x in range(SIZE[0])]
        rows.append(struct.pack(f"{order}{SIZE[0] * channels}H", *(level for patch in line for level in patch)))
    return rows


def deep_png(patches: Sequence[Sequence[int]], *extra: bytes) -> bytes:
    """A PNG of sixteen bits, grey or RGB."""
    header = struct.pack(">IIBBBBB", *SIZE, 16, 2 if len(patches[0]) == 3 else 0, 0, 0, 0)
    rows = b"".join(b"\0" + row for row in deep_rows(patches, ">"))
    parts = (chunk(b"IHDR", header), *extra, chunk(b"IDAT", zlib.compress(rows)), chunk(b"IEND", b""))
    return SIGNATURE + b"".join(parts)


def tiff(pixels: bytes, photometric: int, bits: Sequence[int], *extra: ifd.Entry) -> bytes:
    """An uncompressed little-endian TIFF of one strip."""
    entries = [
        ifd.long(0x0100, SIZE[0]), ifd.long(0x0101, SIZE[1]), ifd.short(0x0102, *bits), ifd.short(0x0103, 1),
        ifd.short(0x0106, photometric), ifd.long(0x0111, 8), ifd.short(0x0115, len(bits)), ifd.long(0x0116, SIZE[1]),
        ifd.long(0x0117, len(pixels)), *extra,
    ]  # fmt: skip
    assert len(pixels) % 2 == 0
    return b"II*\0" + struct.pack("<I", 8 + len(pixels)) + pixels + ifd.laid_out(entries, 8 + len(pixels))


def camera(space: int, index: bytes, order: str = "<") -> bytes:
    """EXIF as a camera writes it: a colour space, and the index of interoperability."""
    head = b"II*\0" if order == "<" else b"MM\0*"

    def directory(*entries: bytes) -> bytes:
        return struct.pack(order + "H", len(entries)) + b"".join(entries) + bytes(4)

    def entry(tag: int, kind: int, count: int, value: bytes) -> bytes:
        return struct.pack(order + "HHI", tag, kind, count) + value.ljust(4, b"\0")

    outer = directory(entry(0x8769, 4, 1, struct.pack(order + "I", 26)))
    inner = directory(
        entry(0xA001, 3, 1, struct.pack(order + "H", space)), entry(0xA005, 4, 1, struct.pack(order + "I", 56))
    )
    return head + struct.pack(order + "I", 8) + outer + inner + directory(entry(1, 2, 4, index))


def bmp(corners: Sequence[Sequence[float]], exponents: Sequence[float], profile: bytes = b"") -> bytes:
    """A BMP with a V5 header: calibrated, or with a profile behind its pixels."""
    rows = saved(chart(), "BMP")[54:]
    endpoints = struct.pack("<9i", *(round(number * 2**30) for corner in corners for number in corner))
    gammas = struct.pack("<3I", *(round(one * 65536) for one in exponents))
    info = struct.pack("<IiiHHIIiiII", 124, *SIZE, 1, 24, 0, len(rows), 0, 0, 0, 0) + bytes(16)
    space = struct.pack("<I", 0x4D424544 if profile else 0)
    tail = struct.pack("<4I", 4, 124 + len(rows) if profile else 0, len(profile), 0)
    header = info + space + endpoints + gammas + tail
    assert len(header) == 124
    return b"BM" + struct.pack("<IHHI", 14 + 124 + len(rows) + len(profile), 0, 0, 138) + header + rows + profile


@cache
def ink_profile() -> bytes:
    """A CMYK profile of our own making: what each ink leaves of red, green and blue light is multiplied."""
    nodes = [at / 8 for at in range(9)]
    table = b"".join(
        struct.pack(">3H", *_as_pcs(ink_lab((c, m, y, k))))
        for c in nodes for m in nodes for y in nodes for k in nodes
    )  # fmt: skip
    plain = struct.pack(">2H", 0, 65535)
    identity = struct.pack(">9i", 65536, 0, 0, 0, 65536, 0, 0, 0, 65536)
    lut = b"mft2" + bytes(4) + bytes((4, 3, 9, 0)) + identity + struct.pack(">HH", 2, 2) + plain * 4 + table + plain * 3
    lut += bytes(-len(lut) % 4)
    white = b"XYZ " + bytes(4) + struct.pack(">3i", 63190, 65536, 54061)
    words = b"text" + bytes(4) + b"ink\0"
    named = b"desc" + bytes(4) + struct.pack(">I", 4) + b"ink\0" + bytes(4 + 4 + 2 + 1 + 67)
    tags = {b"A2B0": lut, b"wtpt": white, b"cprt": words, b"desc": named + bytes(-len(named) % 4)}
    at = 128 + 4 + 12 * len(tags)
    entries, body = struct.pack(">I", len(tags)), b""
    for name, element in tags.items():
        entries += struct.pack(">4sII", name, at + len(body), len(element))
        body += element
    head = struct.pack(
        ">I4sI4s4s4s12s4s4sIII8sI3i48s", at + len(body), b"", 0x02400000, b"scnr", b"CMYK", b"Lab ", bytes(12), b"acsp",
        b"", 0, 0, 0, b"", 1, 63190, 65536, 54061, b"",
    )  # fmt: skip
    return head + entries + body


def ink_lab(ink: Sequence[float]) -> colorimetry.Triple:
    """L*a*b* of four inks, each 0 to 1."""
    cyan, magenta, yellow, black = ink
    light = [
        (1 - 0.95 * cyan) * (1 - 0.08 * magenta) * (1 - 0.02 * yellow) * (1 - black),
        (1 - 0.45 * cyan) * (1 - 0.92 * magenta) * (1 - 0.06 * yellow) * (1 - black),
        (1 - 0.20 * cyan) * (1 - 0.65 * magenta) * (1 - 0.90 * yellow) * (1 - black),
    ]
    return colorimetry.lab_of([colorimetry.srgb_level(one) for one in light])


def _as_pcs(lab: Sequence[float]) -> list[int]:
    """L*a*b* in sixteen bits as profiles of version 2 have it."""
    found = (lab[0] * 652.8, (lab[1] + 128) * 256, (lab[2] + 128) * 256)
    return [min(65535, max(0, round(one))) for one in found]
