"""JPEG by hand: segments put in, taken out and moved, and an encoder for what common encoders do not write.

Source: ITU-T T.81 (B.1 markers, B.2 syntax, F.1 coding, H.1 lossless), JFIF 1.02, Adobe TN 5116 (APP14), CIPA DC-007.
"""

from __future__ import annotations

import re
import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from tests.corpus.chart import saved

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from PIL import Image

EOI: Final = b"\xff\xd9"
_STANDS_ALONE: Final = {0x01, 0xD8, 0xD9, *range(0xD0, 0xD8)}
_AFTER_SCAN: Final = re.compile(rb"\xff[^\x00\xff\xd0-\xd7]")


def jpeg(image: Image.Image, **options: Any) -> bytes:
    """A JPEG of good quality."""
    return saved(image, "JPEG", **{"quality": 92, **options})


def segment(marker: int, payload: bytes) -> bytes:
    """A marker, its length, its payload."""
    return struct.pack(">BBH", 0xFF, marker, len(payload) + 2) + payload


def parts(data: bytes) -> list[bytes]:
    """SOI, each segment (a scan with its coded data), EOI: joined they are the file again."""
    found, at = [data[:2]], 2
    while at < len(data):
        marker = data[at + 1]
        if marker in _STANDS_ALONE:
            end = at + 2
        else:
            end = at + 2 + int.from_bytes(data[at + 2 : at + 4], "big")
            if marker == 0xDA:
                after = _AFTER_SCAN.search(data, end)
                assert after is not None
                end = after.start()
        found.append(data[at:end])
        at = end
    return found


def marker_of(part: bytes) -> int:
    """Which segment it is."""
    return part[1]


def with_first(data: bytes, *segments: bytes) -> bytes:
    """These segments right behind SOI."""
    return data[:2] + b"".join(segments) + data[2:]


def before(data: bytes, marker: int, *segments: bytes) -> bytes:
    """These segments before the first one of that marker."""
    pieces = parts(data)
    at = next(place for place, piece in enumerate(pieces) if marker_of(piece) == marker)
    return b"".join([*pieces[:at], *segments, *pieces[at:]])


def without(data: bytes, *markers: int) -> bytes:
    """No segment of these markers."""
    return b"".join(piece for piece in parts(data) if marker_of(piece) not in markers)


def each(data: bytes, change: Callable[[bytes], bytes]) -> bytes:
    """Every segment changed, SOI, EOI and scans included."""
    return b"".join(change(piece) for piece in parts(data))


def frame_changed(data: bytes, change: Callable[[bytearray], None]) -> bytes:
    """The frame header's segment changed in place."""

    def changed(piece: bytes) -> bytes:
        if marker_of(piece) not in {0xC0, 0xC1, 0xC2}:
            return piece
        edited = bytearray(piece)
        change(edited)
        return bytes(edited)

    return each(data, changed)


def mpf(sizes: Sequence[int], offsets: Sequence[int], kinds: Sequence[int]) -> bytes:
    """An MP index of so many pictures; offsets count from its byte order mark (CIPA DC-007, 5.2)."""
    count = len(sizes)
    rows = b"".join(
        struct.pack(">IIIHH", kind, size, offset, 0, 0)
        for kind, size, offset in zip(kinds, sizes, offsets, strict=True)
    )
    tags = struct.pack(">HHI4s", 0xB000, 7, 4, b"0100") + struct.pack(">HHII", 0xB001, 4, 1, count)
    tags += struct.pack(">HHII", 0xB002, 7, 16 * count, 50)
    return b"MPF\0MM\0*" + struct.pack(">IH", 8, 3) + tags + bytes(4) + rows


def with_mpf(first: bytes, second: bytes, kind: int = 0, announced: int | None = None) -> bytes:
    """Two pictures, and the index that says so in the first."""
    index = segment(0xE2, mpf([0, 0], [0, 0], [0x030000, kind]))
    length = len(first) + len(index)
    origin = 2 + 4 + 4  # SOI, marker and length, "MPF" and its zero
    index = segment(0xE2, mpf([length, announced or len(second)], [0, length - origin], [0x030000, kind]))
    return with_first(first, index) + second


@dataclass(frozen=True, slots=True)
class Component:
    """One component: its id, its sampling factors, its samples at full size (mode L)."""

    number: int
    across: int
    down: int
    samples: Image.Image


class _Bits:
    """Bits to bytes, a zero stuffed behind each FF."""

    def __init__(self) -> None:
        self._text: list[str] = []

    def put(self, value: int, count: int) -> None:
        if count:
            self._text.append(f"{value:0{count}b}")

    def magnitude(self, difference: int, codes: Sequence[tuple[int, int]]) -> None:
        """A difference: the code of its size, then its bits (F.1.2.1)."""
        size = abs(difference).bit_length()
        self.put(*codes[size])
        self.put(difference if difference > 0 else difference + (1 << size) - 1, size)

    def done(self) -> bytes:
        text = "".join(self._text)
        text += "1" * (-len(text) % 8)
        return int(text, 2).to_bytes(len(text) // 8, "big").replace(b"\xff", b"\xff\0")


_DC_CODES: Final = [(code, 4) for code in range(12)]
"""Twelve codes of four bits: no optimum, and valid."""
_QUANT: Final = 8
"""Of a DC difference: eight times the mean of a block is its DC, so that one step is one level."""


def _dht(kind: int, lengths: dict[int, Sequence[int]]) -> bytes:
    counts = bytes(len(lengths.get(length, ())) for length in range(1, 17))
    return segment(
        0xC4, bytes([kind]) + counts + bytes(value for length in sorted(lengths) for value in lengths[length])
    )


def _up(number: int, by: int) -> int:
    """Divided, and rounded up."""
    return -(-number // by)


def _blocks(component: Component, most: tuple[int, int], mcus: tuple[int, int]) -> Image.Image:
    """The means of a component's blocks, one pixel each."""
    size = mcus[0] * component.across, mcus[1] * component.down
    wide = size[0] * 8 * most[0] // component.across, size[1] * 8 * most[1] // component.down
    grown = component.samples.crop((0, 0, *wide))
    grown.paste(component.samples)
    return grown.resize(size, resample=4)  # a box filter: the mean


def blocky(components: Sequence[Component], *between: bytes, interleaved: bool = True, marker: int = 0xC0) -> bytes:
    """A baseline JPEG of flat blocks, each with the mean of its pixels; `between`: segments behind SOI.

    `interleaved`: one scan of all components, as nearly all files have it; else a scan for each.
    """
    width, height = components[0].samples.size
    most = max(part.across for part in components), max(part.down for part in components)
    mcus = _up(width, 8 * most[0]), _up(height, 8 * most[1])
    frame = struct.pack(">BHHB", 8, height, width, len(components))
    frame += b"".join(bytes([part.number, part.across << 4 | part.down, 0]) for part in components)
    head = [b"\xff\xd8", *between, segment(0xDB, b"\0" + bytes([_QUANT] * 64)), segment(marker, frame)]
    head += [_dht(0x00, {4: range(12)}), _dht(0x10, {1: [0]})]
    means = [_blocks(part, most, mcus) for part in components]
    scans = [list(range(len(components)))] if interleaved else [[number] for number in range(len(components))]
    for scan in scans:
        chosen = [(components[number], means[number]) for number in scan]
        said = bytes([len(scan)]) + b"".join(bytes([part.number, 0]) for part, _ in chosen) + b"\0\x3f\0"
        head += [segment(0xDA, said), _coded(chosen, mcus, most, (width, height))]
    return b"".join([*head, EOI])


def _coded(
    chosen: Sequence[tuple[Component, Image.Image]], mcus: tuple[int, int], most: tuple[int, int], size: tuple[int, int]
) -> bytes:
    bits, last = _Bits(), [0] * len(chosen)
    columns, rows = mcus
    if len(chosen) == 1:  # a scan of its own holds the blocks that have pixels, row by row (A.2.2)
        part, _ = chosen[0]
        columns = _up(_up(size[0] * part.across, most[0]), 8)
        rows = _up(_up(size[1] * part.down, most[1]), 8)
    for row in range(rows):
        for column in range(columns):
            for number, (part, means) in enumerate(chosen):
                levels = means.tobytes()
                across, down = (1, 1) if len(chosen) == 1 else (part.across, part.down)
                for y in range(down):
                    for x in range(across):
                        level = int(levels[(row * down + y) * means.width + column * across + x])
                        bits.magnitude(level - 128 - last[number], _DC_CODES)
                        last[number] = level - 128
                        bits.put(0, 1)  # end of block
    return bits.done()


def lossless(image: Image.Image) -> bytes:
    """A lossless JPEG (SOF3) of a grey picture, each pixel foretold by the one before it (H.1)."""
    width, height = image.size
    bits, pixels = _Bits(), image.tobytes()
    for row in range(height):
        line = pixels[row * width : (row + 1) * width]
        before_it = 128 if row == 0 else pixels[(row - 1) * width]
        for level in line:
            bits.magnitude(level - before_it, _DC_CODES)
            before_it = level
    frame = struct.pack(">BHHB", 8, height, width, 1) + b"\x01\x11\0"
    scan = segment(0xDA, b"\x01\x01\0\x01\0\0") + bits.done()
    return b"\xff\xd8" + segment(0xC3, frame) + _dht(0x00, {4: range(12)}) + scan + EOI
