"""A TIFF written a strip at a time, with all that can be said beside its pixels.

Pillow writes compressed TIFFs through a library that takes no EXIF. Source: TIFF 6.0; Adobe's Technote 2 (Deflate).
"""

from __future__ import annotations

import io
import struct
import zlib
from typing import TYPE_CHECKING, BinaryIO, Final

from PIL import Image

from watchd.adapters.pixels import strips
from watchd.formats.metadata import ifd
from watchd.formats.metadata.ifd import Entry

if TYPE_CHECKING:
    from watchd.formats.metadata.collecting import Metadata

_NONE, _LZW, _DEFLATE = 1, 5, 8
COMPRESSIONS: Final = {"none": _NONE, "lzw": _LZW, "deflate": _DEFLATE}
_HEADER_BYTES: Final = 8
_MOST_BYTES: Final = 2**32 - 1
_HORIZONTAL: Final = 2
_UNASSOCIATED: Final = 2
_WIDE: Final = 16
_PER_CENTIMETRE: Final = 3
_STRIP_OFFSETS, _ROWS_IN_A_STRIP, _STRIP_BYTES = 0x0111, 0x0116, 0x0117
_LINKS: Final = frozenset({0x8769, 0x8825})
_RESOLUTION: Final = frozenset({0x011A, 0x011B, 0x0128})


class TiffStream:
    """Strips in, a file out. `compression`: one of COMPRESSIONS; `depth`: 8 or 16 bits a channel."""

    def __init__(
        self, target: BinaryIO, size: tuple[int, int], mode: str, *, compression: str, depth: int | None,
        exif: bytes | None = None,
    ) -> None:  # fmt: skip
        """`target` can be sought in: where the directory lies is known at the end.

        `exif`: a block that is a TIFF without pixels. The file begins with it, so that everything that it points at,
        MakerNotes included, lies where it lay.
        """
        self._target = target
        self._exif = exif or b""
        self._order = ifd.byte_order(self._exif)
        self._size = size
        self._bands = {"L": 1, "LA": 2, "RGB": 3, "RGBA": 4}[mode]
        self._compression = COMPRESSIONS[compression]
        self._depth = depth or 8
        self._predicts = self._compression != _NONE and self._depth != _WIDE
        self._offsets: list[int] = []
        self._counts: list[int] = []
        self._rows = 0
        self._at = 0
        self._put(bytes(_HEADER_BYTES) + self._exif[_HEADER_BYTES:] + bytes(len(self._exif) % 2))

    def write(self, strip: Image.Image) -> None:
        """The next rows; all strips but the last have as many."""
        self._rows = self._rows or strip.height
        data = (strips.differences_to_the_left(strip) if self._predicts else strip).tobytes()
        if self._depth == _WIDE:
            data = strips.widened(data)
        if self._compression == _DEFLATE:
            data = zlib.compress(data, strips.LEVEL)
        elif self._compression == _LZW:
            data = _lzw(data, strip.height)
        self._offsets.append(self._at)
        self._counts.append(len(data))
        self._put(data + bytes(len(data) % 2))

    def _put(self, data: bytes) -> None:
        if self._at + len(data) > _MOST_BYTES:
            raise ValueError("a TIFF ends at 4 GB")
        self._target.write(data)
        self._at += len(data)

    def finish(self, dressed: Metadata) -> None:
        """The directory, and where it is."""
        entries = self._of_the_pixels() + self._of_the_picture(dressed)
        start = self._at
        self._put(ifd.laid_out(entries, start, self._order))
        self._target.seek(0)
        self._target.write((b"II*\0" if self._order == "<" else b"MM\0*") + struct.pack(self._order + "I", start))

    def _of_the_pixels(self) -> list[Entry]:
        colours = self._bands - (self._bands + 1) % 2
        entries = [
            ifd.long(0x0100, self._size[0]), ifd.long(0x0101, self._size[1]),
            ifd.short(0x0102, *[self._depth] * self._bands), ifd.short(0x0103, self._compression),
            ifd.short(0x0106, 2 if colours > 1 else 1), ifd.long(0x0111, *self._offsets),
            ifd.short(0x0115, self._bands), ifd.long(0x0116, self._rows), ifd.long(0x0117, *self._counts),
            ifd.short(0x011C, 1),
        ]  # fmt: skip
        if self._predicts:
            entries.append(ifd.short(0x013D, _HORIZONTAL))
        if colours != self._bands:
            entries.append(ifd.short(0x0152, _UNASSOCIATED))
        return entries

    def _of_the_picture(self, dressed: Metadata) -> list[Entry]:
        entries = []
        across, down, unit = (*dressed.pixels_per_metre, _PER_CENTIMETRE) if dressed.pixels_per_metre else (100, 100, 1)
        entries += [ifd.rational(0x011A, across, 100), ifd.rational(0x011B, down, 100), ifd.short(0x0128, unit)]
        if dressed.xmp is not None:
            entries.append(Entry(0x02BC, ifd.BYTE, dressed.xmp))
        if dressed.iptc is not None:
            # Said to be whole numbers, as everybody does, and read as bytes: no order turns them.
            whole = dressed.iptc + bytes(-len(dressed.iptc) % 4)
            entries.append(Entry(0x83BB, ifd.LONG, ifd.little(whole, ifd.LONG, self._order)))
        if dressed.icc is not None:
            entries.append(Entry(0x8773, ifd.UNDEFINED, dressed.icc))
        return entries + self._of_exif()

    def _of_exif(self) -> list[Entry]:
        """The tags of its first directory that describe the picture, and links to the others where they have any."""
        first = ifd.read(self._exif, ifd.first_directory(self._exif))
        links = [entry for entry in first if entry.tag in _LINKS and ifd.read(self._exif, entry.first())]
        return [entry for entry in first if entry.tag not in ifd.STRUCTURAL | _RESOLUTION] + links


def _lzw(data: bytes, rows: int) -> bytes:
    """The bytes as TIFF's LZW has them: Pillow writes a grey picture of them, whose one strip is what is wanted."""
    file = io.BytesIO()
    grey = Image.frombytes("L", (len(data) // rows, rows), data)
    grey.save(file, "TIFF", compression="tiff_lzw", tiffinfo={_ROWS_IN_A_STRIP: rows})
    written = file.getvalue()
    found = {entry.tag: entry.first() or 0 for entry in ifd.read(written, ifd.first_directory(written))}
    return written[found[_STRIP_OFFSETS] : found[_STRIP_OFFSETS] + found[_STRIP_BYTES]]
