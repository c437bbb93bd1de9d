"""A JPEG written a band of rows at a time: each is encoded by itself, and their scans are joined at restart markers.

An encoder begins anew behind a restart marker, so what stands between two of them is the same whichever picture it is a
part of. Source: ITU-T T.81, B.2.1, E.1.4 and F.1.2.3.
"""

from __future__ import annotations

import io
import struct
from typing import TYPE_CHECKING, Any, BinaryIO, Final

from watchd.adapters.pixels import strips
from watchd.formats import jpeg

if TYPE_CHECKING:
    from collections.abc import Mapping

    from PIL import Image

_BAND: Final = 256
"""Rows that are encoded at a time: sixteen or thirty-two rows of blocks, so that each band ends before RST7."""
_BETWEEN: Final = b"\xff\xd7"
"""RST7: markers are counted from 0 to 7, one behind each row of blocks but the last."""
_START_OF_FRAME: Final = 0xC0
_HEIGHT_AT: Final = 1
"""In the payload of a frame's header: behind the bits of a sample."""
_SHORT: Final = struct.Struct(">H")
_MOST_ROWS: Final = 0xFFFF


class JpegStream:
    """Strips in, a file out."""

    def __init__(
        self, target: BinaryIO, size: tuple[int, int], options: Mapping[str, Any], beside: Mapping[str, Any]
    ) -> None:  # fmt: skip
        """Of Pillow's, `options`: for a baseline JPEG with the tables of the standard; `beside`: what else is said.

        Raises:
            ValueError: it is higher than a JPEG can be.
        """
        if size[1] > _MOST_ROWS:
            raise ValueError(f"a JPEG has {_MOST_ROWS:,} rows at most")
        self._target = target
        self._height = size[1]
        self._options = options
        self._beside = beside
        self._waiting: list[Image.Image] = []
        self._rows = 0
        self._begun = False

    def write(self, strip: Image.Image) -> None:
        """The next rows, of mode L or RGB."""
        self._waiting.append(strip)
        self._rows += strip.height
        if self._rows >= _BAND:
            rows = self._joined()
            whole = rows.height - rows.height % _BAND
            for top in range(0, whole, _BAND):
                self._encode(rows.crop((0, top, rows.width, top + _BAND)))
            self._keep(rows.crop((0, whole, rows.width, rows.height)))

    def finish(self) -> None:
        """The end of the file."""
        if self._rows:
            self._encode(self._joined())
        self._target.write(jpeg.END)

    def _joined(self) -> Image.Image:
        first = self._waiting[0]
        return strips.stacked(self._waiting, (first.width, self._rows), first.mode)

    def _keep(self, left: Image.Image) -> None:
        self._waiting, self._rows = ([left], left.height) if left.height else ([], 0)

    def _encode(self, band: Image.Image) -> None:
        file = io.BytesIO()
        beside = {} if self._begun else self._beside
        band.save(file, "JPEG", restart_marker_rows=1, **self._options, **beside)
        data = file.getvalue()
        walked = jpeg.walk(data)
        if not isinstance(walked, jpeg.JpegWalked):
            raise OSError("the encoder has written no JPEG")
        segments = {segment.marker: segment for segment in walked.segments}
        scan = segments[jpeg.SOS]
        (length,) = _SHORT.unpack_from(data, scan.body - _SHORT.size)
        pixels = scan.body - _SHORT.size + length
        self._target.write(_BETWEEN if self._begun else self._headed(data[:pixels], segments[_START_OF_FRAME]))
        self._target.write(data[pixels : scan.end])
        self._begun = True

    def _headed(self, head: bytes, frame: jpeg.Segment) -> bytes:
        """All that comes before the pixels, with the height of the whole."""
        at = frame.body + _HEIGHT_AT
        return head[:at] + _SHORT.pack(self._height) + head[at + _SHORT.size :]
