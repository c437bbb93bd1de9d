"""PNG by hand: every colour type at every depth, in one pass or in seven, and chunks in any order.

Source: PNG (third edition), clauses 8.1 (interlace), 9 (filters), 11 (chunks); Adam7's table of 8.2.
"""

from __future__ import annotations

import struct
import zlib
from typing import TYPE_CHECKING, Final

from PIL import Image

from tests.system.pictures import SIGNATURE, chunk

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

GREY, RGB, PALETTE, GREY_ALPHA, RGB_ALPHA = 0, 2, 3, 4, 6
DEPTHS: Final = {GREY: (1, 2, 4, 8, 16), RGB: (8, 16), PALETTE: (1, 2, 4, 8), GREY_ALPHA: (8, 16), RGB_ALPHA: (8, 16)}
MODES: Final = {GREY: "L", RGB: "RGB", PALETTE: "P", GREY_ALPHA: "LA", RGB_ALPHA: "RGBA"}
_ADAM7: Final = (
    (0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2),
)  # fmt: skip
END: Final = chunk(b"IEND", b"")


def header(
    size: tuple[int, int], colour: int = RGB, depth: int = 8, *, interlace: int = 0, rest: bytes = b"\0\0"
) -> bytes:
    """IHDR; `rest`: its compression and filter methods."""
    return chunk(b"IHDR", struct.pack(">IIBB", *size, depth, colour) + rest + bytes([interlace]))


def _row(samples: bytes, depth: int) -> bytes:
    """Samples of eight bits as the row of another depth holds them."""
    if depth == 8:
        return samples
    if depth == 16:
        doubled = bytearray(2 * len(samples))
        doubled[::2] = doubled[1::2] = samples
        return bytes(doubled)
    bits = "".join(f"{sample:0{depth}b}" for sample in samples)
    bits += "0" * (-len(bits) % 8)
    return int(bits, 2).to_bytes(len(bits) // 8, "big")


def rows(image: Image.Image, depth: int = 8, *, interlaced: bool = False, kind: int = 0) -> bytes:
    """All rows, each behind its filter's number. Samples of few bits are given as such: 0 to 3 for two."""
    channels, width, height = len(image.getbands()), *image.size
    pixels = image.tobytes()
    lines = []
    for x0, y0, dx, dy in _ADAM7 if interlaced else ((0, 0, 1, 1),):
        for y in range(y0, height, dy):
            whole = pixels[y * width * channels : (y + 1) * width * channels]
            taken = bytearray(len(range(x0, width, dx)) * channels)
            for channel in range(channels):
                taken[channel::channels] = whole[channel::channels][x0::dx]
            lines.append(bytes([kind]) + _row(bytes(taken), depth))
    return b"".join(lines)


def samples_of(chart: Image.Image, colour: int, depth: int) -> Image.Image:
    """The chart as that colour type stores it, before its bits are packed."""
    if colour == PALETTE:
        return chart.quantize(1 << depth)
    image = (
        with_alpha(chart).convert(MODES[colour]) if colour in {GREY_ALPHA, RGB_ALPHA} else chart.convert(MODES[colour])
    )
    return image.point(lambda level: level >> (8 - depth)) if depth < 8 else image


def look_of(chart: Image.Image, colour: int, depth: int) -> Image.Image:
    """The same as it is shown."""
    image = samples_of(chart, colour, depth)
    if colour == PALETTE:
        return image.convert("RGB")
    most = (1 << depth) - 1
    return image.point(lambda level: level * 255 // most) if depth < 8 else image


def with_alpha(chart: Image.Image) -> Image.Image:
    """The chart with its upper right corner half transparent, its lower left one wholly."""
    clear = chart.convert("RGBA")
    alpha = Image.new("L", chart.size, 255)
    alpha.paste(128, (chart.width - chart.width // 4, 0, chart.width, chart.height // 4))
    alpha.paste(0, (0, chart.height - chart.height // 4, chart.width // 4, chart.height))
    clear.putalpha(alpha)
    return clear


def palette_of(image: Image.Image) -> bytes:
    """PLTE of a picture of mode P."""
    levels = image.getpalette() or []
    used = max(image.tobytes()) + 1
    return chunk(b"PLTE", bytes(levels[: 3 * used]))


def png(chart: Image.Image, colour: int = RGB, depth: int = 8, *, interlaced: bool = False) -> bytes:
    """The chart as a PNG of that kind."""
    image = samples_of(chart, colour, depth)
    palette = palette_of(image) if colour == PALETTE else b""
    head = header(image.size, colour, depth, interlace=int(interlaced))
    return made(head, palette, data(rows(image, depth, interlaced=interlaced)))


def data(lines: bytes, level: int = 6) -> bytes:
    """One IDAT of all rows."""
    return chunk(b"IDAT", zlib.compress(lines, level))


def made(*chunks: bytes) -> bytes:
    """A file of these chunks and IEND."""
    return SIGNATURE + b"".join(chunks) + END


def chunks(file: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Name and body of each chunk."""
    at = len(SIGNATURE)
    while at < len(file):
        (size,) = struct.unpack_from(">I", file, at)
        yield file[at + 4 : at + 8], file[at + 8 : at + 8 + size]
        at += 12 + size


def before(name: bytes, *more: bytes) -> Callable[[Image.Image], bytes]:
    """A maker: the chart, these chunks before the first one of that name."""

    def make(chart: Image.Image) -> bytes:
        file = png(chart)
        at = file.index(name) - 4
        return file[:at] + b"".join(more) + file[at:]

    return make


def spoilt(chunk_of: bytes) -> bytes:
    """A chunk with a wrong checksum."""
    return chunk_of[:-4] + bytes(byte ^ 0x55 for byte in chunk_of[-4:])


def filtered(chart: Image.Image, kind: int) -> bytes:
    """RGB rows under one filter (9.2)."""
    pixels, stride, lines = chart.tobytes(), 3 * chart.width, []
    above = bytes(stride)
    for y in range(chart.height):
        row = pixels[y * stride : (y + 1) * stride]
        left, corner = bytes(3) + row[:-3], bytes(3) + above[:-3]
        if kind == 4:
            told = bytes(map(_paeth, left, above, corner))
        else:
            told = (bytes(stride), left, above, bytes((a + b) // 2 for a, b in zip(left, above, strict=True)))[kind]
        lines.append(bytes([kind]) + bytes((value - guess) & 255 for value, guess in zip(row, told, strict=True)))
        above = row
    return b"".join(lines)


def _paeth(left: int, above: int, corner: int) -> int:
    guess = left + above - corner
    return min((left, above, corner), key=lambda value: abs(guess - value))
