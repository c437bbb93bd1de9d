"""A JPEG in arithmetic coding by hand, of flat blocks: what no common encoder is built to write, and decoders read.

Source: ITU-T T.81, annex D (the coder and table D.3) and F.1.4 (which decisions a block comes to).
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from PIL import Image

from tests.corpus.entry import Done, Shelf, grey
from tests.corpus.jpeg_bytes import EOI, segment

if TYPE_CHECKING:
    from collections.abc import Sequence

SHELF = Shelf("jpeg")
_ESTIMATES: Final = bytes.fromhex(
    "5a1d25861114080b03d801da00e5006f0036001a000d0006000300015a7f3f252cf2207c17b911820cef09a1072f055c0406030302400"
    "1b1014400f500b7008a0068004e003b002c5ae1484c3a0d2ef1261f1f3319a8151811770e740bfb09f80861070605cd04de040f036302"
    "d4025c01f801a40160012500f600cb00ab008f5b124d04412c37d82fe8293c23791edf1aa9174e1424119c0f6b0d510bb60a4058324d1"
    "c438e3bdd34ee2eae299a251655704ca944d93e22382432b42e1756a84f4647e541cf3c3d375e52314c0f4639415e562750e74b855597"
    "504f5a10552259eb"
)
_AFTER_LESS: Final = (
    1, 14, 16, 18, 20, 23, 25, 28, 30, 33, 35, 9, 10, 12, 15, 36, 38, 39, 40, 42, 43, 45, 46, 48, 49, 51, 52, 54, 56,
    57,
    59, 60, 62, 63, 32, 33, 37, 64, 65, 67, 68, 69, 70, 72, 73, 74, 75, 77, 78, 79, 48, 50, 50, 51, 52, 53, 54, 55, 56,
    57,
    58, 59, 61, 61, 65, 80, 81, 82, 83, 84, 86, 87, 87, 72, 72, 74, 74, 75, 77, 77, 80, 88, 89, 90, 91, 92, 93, 86, 88,
    95,
    96, 97, 99, 99, 93, 95, 101, 102, 103, 104, 99, 105, 106, 107, 103, 105, 108, 109, 110, 111, 110, 112, 112,
)  # fmt: skip
_AFTER_MORE: Final = {
    13: 13,
    35: 9,
    63: 32,
    79: 48,
    87: 71,
    94: 86,
    100: 93,
    104: 99,
    107: 103,
    109: 107,
    111: 109,
    112: 111,
}
"""Where it is not the next one."""
_EXCHANGED: Final = {0, 14, 36, 64, 80, 88, 95, 105, 110, 112}


@dataclass(slots=True)
class _Coder:
    """The binary coder of annex D: bins by number, each with its state and its more probable symbol."""

    out: bytearray = field(default_factory=bytearray)
    bins: dict[tuple[str, int], list[int]] = field(default_factory=dict)
    low: int = 0
    range: int = 0x10000
    stacked: int = 0
    room: int = 11

    def code(self, key: tuple[str, int], bit: int) -> None:
        """One decision (D.1.4)."""
        state = self.bins.setdefault(key, [0, 0])
        index = state[0]
        (estimate,) = struct.unpack_from(">H", _ESTIMATES, 2 * index)
        self.range -= estimate
        probable = bit == state[1]
        if probable and self.range >= 0x8000:
            return
        if (self.range < estimate) == probable:
            self.low += self.range
            self.range = estimate
        if probable:
            state[0] = _AFTER_MORE.get(index, index + 1)
        else:
            state[0] = _AFTER_LESS[index]
            state[1] ^= index in _EXCHANGED
        while self.range < 0x8000:
            self.range <<= 1
            self.low <<= 1
            self.room -= 1
            if self.room == 0:
                self._give()
                self.room = 8

    def _give(self) -> None:
        """A byte, once no carry can change it (D.1.6)."""
        top = self.low >> 19
        self.low &= 0x7FFFF
        if top == 0xFF:
            self.stacked += 1
            return
        if top > 0xFF:
            self.out[-1] += 1
            if self.out[-1] == 0xFF:
                self.out.append(0)
            self.out += bytes(self.stacked)
        else:
            self.out += b"\xff\0" * self.stacked
        self.stacked = 0
        self.out.append(top & 0xFF)

    def done(self) -> bytes:
        """All bytes, those at the end that are zeros left out (D.1.8)."""
        last = (self.low + self.range - 1) & ~0xFFFF
        self.low = last + 0x8000 if last < self.low else last
        self.low <<= self.room
        self._give()
        self.low <<= 8
        self._give()
        return bytes(self.out.rstrip(b"\0"))


def _difference(coder: _Coder, value: int, context: int) -> int:
    """A DC difference under what the last one was like (F.1.4.1); what this one is like."""
    coder.code(("dc", context), int(value != 0))
    if value == 0:
        return 0
    coder.code(("dc", context + 1), int(value < 0))
    place, like, rest, power = context + (3 if value < 0 else 2), 8 if value < 0 else 4, abs(value) - 1, 0
    if rest:
        coder.code(("dc", place), 1)
        power, place, left = 1, 20, rest >> 1
        while left:
            coder.code(("dc", place), 1)
            power, place, left = power << 1, place + 1, left >> 1
    coder.code(("dc", place), 0)
    like += 8 if power > 1 else 0
    power >>= 1
    while power:
        coder.code(("dc", place + 14), int(bool(power & rest)))
        power >>= 1
    return like


def arithmetic(planes: Sequence[Image.Image], marker: int = 0xC9) -> bytes:
    """Grey or YCbCr in flat blocks of 8x8; all of one size, a multiple of eight."""
    width, height = planes[0].size
    means = [plane.resize((width // 8, height // 8), Image.Resampling.BOX).tobytes() for plane in planes]
    coder, last, context = _Coder(), [0] * len(planes), [0] * len(planes)
    for block in range(len(means[0])):
        for number, levels in enumerate(means):
            value = levels[block] - 128
            # Each component has bins of its own kind only by its table, and all use the first.
            context[number] = _difference(coder, value - last[number], context[number])
            last[number] = value
            coder.code(("ac", 0), 1)  # end of block
    frame = struct.pack(">BHHB", 8, height, width, len(planes))
    frame += b"".join(bytes([number, 0x11, 0]) for number in range(1, len(planes) + 1))
    scan = bytes([len(planes)]) + b"".join(bytes([number, 0]) for number in range(1, len(planes) + 1)) + b"\0\x3f\0"
    tables = segment(0xDB, b"\0" + bytes([8] * 64))
    return b"\xff\xd8" + tables + segment(marker, frame) + segment(0xDA, scan) + coder.done() + EOI


ANNEX = "ITU-T T.81 SOF9: jpegtran -arithmetic; libjpeg-turbo, Pillow and ImageMagick read it"
SHELF.add("arithmetic.jpg", lambda chart: arithmetic(chart.convert("YCbCr").split()), ANNEX, Done(tolerance=20))
SHELF.add("arithmetic-grey.jpg", lambda chart: arithmetic([chart.convert("L")]), ANNEX, Done(grey, tolerance=20))
