"""What a JPEG says beside its pixels, segment by segment.

Sources: Exif 2.32 (CIPA DC-008), JFIF 1.02, ICC.1:2022 annex B.4, XMP specification part 3, Photoshop's resources.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Final

from watchd.formats import jpeg
from watchd.formats.metadata import exif as exif_tags
from watchd.formats.metadata import extended_xmp, textual
from watchd.formats.metadata.extended_xmp import EXTENSION_SEGMENT, XMP_SEGMENT
from watchd.formats.metadata.findings import Findings
from watchd.formats.metadata.stripping import ICC_SEGMENT, JFIF_SEGMENT

if TYPE_CHECKING:
    from collections.abc import Iterable

_APP11, _APP13 = 0xEB, 0xED
_PHOTOSHOP_SEGMENT: Final = b"Photoshop 3.0\0"
_CREDENTIALS: Final = b"JP"
_OF_THE_PIXELS: Final = frozenset({jpeg.APP0, jpeg.APP2, jpeg.APP14})
"""Beside what is collected, these hold thumbnails, further pictures, and how the colours were encoded."""
_METRES_PER_INCH: Final = 0.0254
_JFIF_HEADER: Final = struct.Struct(">BBBHH")  # version, units, densities
_JFIF_PER_METRE: Final = {1: 1 / _METRES_PER_INCH, 2: 100.0}  # inch, centimetre; 0 is a mere aspect ratio


def read(data: bytes, outline: object = None) -> Findings:
    """All of it; nothing where the segments lead to no end. `outline`: as its Picture has it."""
    walked = outline or jpeg.walk(data)
    found = Findings()
    if not isinstance(walked, jpeg.JpegWalked):
        return found
    payloads: dict[int, list[bytes]] = {}
    for segment in walked.segments:
        if segment.marker == jpeg.COM or jpeg.APP0 <= segment.marker <= jpeg.APP15:
            payloads.setdefault(segment.marker, []).append(segment.payload(data))
    found.pixels_per_metre = _jfif_resolution(_after(JFIF_SEGMENT, payloads.get(jpeg.APP0, [])))
    found.icc = _joined_profile(payloads.get(jpeg.APP2, []))
    found.resources = b"".join(_each(_PHOTOSHOP_SEGMENT, payloads.get(_APP13, [])))
    _app1(payloads.get(jpeg.APP1, []), found)
    _comments(payloads.get(jpeg.COM, []), found)
    _others(payloads, found)
    return found


def _app1(payloads: list[bytes], found: Findings) -> None:
    # The second zero is padding, and not everybody's is zero (Exiv2).
    found.exif = next((one[len(exif_tags.PREFIX) :] for one in payloads if one.startswith(exif_tags.PREFIX[:5])), None)
    packet = _after(XMP_SEGMENT, payloads)
    if packet is not None:
        found.xmp, complaint = extended_xmp.joined(packet, _each(EXTENSION_SEGMENT, payloads))
        if complaint is not None:
            found.miss(complaint)


def _comments(payloads: list[bytes], found: Findings) -> None:
    for payload in payloads[: textual.MOST_TEXTS]:
        said = textual.comment(payload)
        if said is not None and said not in found.texts:
            found.texts.append(said)
        elif said is None and payload.strip(b"\0 "):
            found.miss("a comment that is no text")
    if len(payloads) > textual.MOST_TEXTS:
        found.miss(f"all comments after the first {textual.MOST_TEXTS}")


def _others(payloads: dict[int, list[bytes]], found: Findings) -> None:
    """What makers and programs keep in segments of their own."""
    known = {
        jpeg.APP1: (exif_tags.PREFIX, XMP_SEGMENT, EXTENSION_SEGMENT), _APP13: (_PHOTOSHOP_SEGMENT,),
        0xEC: (b"Ducky",),  # how well it was encoded, which is of the old file
    }  # fmt: skip
    for marker, bodies in payloads.items():
        if marker == _APP11 and any(body.startswith(_CREDENTIALS) for body in bodies):
            found.miss("its content credentials (C2PA)")
        elif (
            marker not in _OF_THE_PIXELS and marker != jpeg.COM
            and any(body and not body.startswith(known.get(marker, ())) for body in bodies)
        ):  # fmt: skip
            found.miss(f"its APP{marker - jpeg.APP0} segment, which is none of those in common use")


def _each(prefix: bytes, payloads: Iterable[bytes]) -> list[bytes]:
    """The rest of every payload that begins with `prefix`."""
    return [payload[len(prefix) :] for payload in payloads if payload.startswith(prefix)]


def _after(prefix: bytes, payloads: Iterable[bytes]) -> bytes | None:
    """The rest of the first of them."""
    return next(iter(_each(prefix, payloads)), None)


def _joined_profile(payloads: Iterable[bytes]) -> bytes | None:
    """The profile of all its segments (ICC.1:2022, B.4: number from 1, count, data); None if one is missing."""
    parts: dict[int, bytes] = {}
    count = 0
    for payload in _each(ICC_SEGMENT, payloads):
        if len(payload) > 1:
            number, count = payload[:2]
            parts.setdefault(number, payload[2:])
    if not count or any(number not in parts for number in range(1, count + 1)):
        return None
    return b"".join(parts[number] for number in range(1, count + 1))


def _jfif_resolution(header: bytes | None) -> tuple[int, int] | None:
    if header is None or len(header) < _JFIF_HEADER.size:
        return None
    _, _, units, x, y = _JFIF_HEADER.unpack_from(header)
    per_metre = _JFIF_PER_METRE.get(units)
    return (round(x * per_metre), round(y * per_metre)) if per_metre and x and y else None
