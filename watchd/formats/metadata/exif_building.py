"""Adds to a block of EXIF without moving what is in it, makes a new one, or lays one out anew where it has to shrink.

Source: Exif 2.32 (CIPA DC-008), 4.6.8 (what every block must say), TIFF 6.0.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Final

from watchd.formats.metadata import ifd
from watchd.formats.metadata.ifd import Entry
from watchd.formats.picture import Format

if TYPE_CHECKING:
    from collections.abc import Mapping

_EXIF, _GPS, _INTEROP = 0x8769, 0x8825, 0xA005
_MAKER_NOTE: Final = 0x927C
_USER_COMMENT: Final = 0x9286
_CODE_BYTES: Final = 8  # of the name of its encoding, with which a user's comment begins
_X_RESOLUTION, _Y_RESOLUTION, _RESOLUTION_UNIT = 0x011A, 0x011B, 0x0128
_POSITIONING: Final = 0x0213
_VERSION, _COMPONENTS, _FLASHPIX = 0x9000, 0x9101, 0xA000
_GPS_VERSION: Final = 0x0000
_COLOUR_SPACE, _PIXEL_X, _PIXEL_Y = 0xA001, 0xA002, 0xA003
_UNCALIBRATED: Final = 0xFFFF
_INCH, _CENTIMETRE = 2, 3
_ENTRY_BYTES: Final = 12
_UNKNOWN_PER_INCH: Final = 72  # what EXIF says where nobody knows
_EMPTY: Final = b"MM\0*\0\0\0\x08" + bytes(6)
"""High byte first, as programs that generate pictures read what others of them wrote."""
_LINKS: Final = frozenset({_EXIF, _GPS, _INTEROP})


def completed(block: bytes | None, kind: Format, size: tuple[int, int], *, is_srgb: bool) -> bytes:
    """The block, or a new one, with what a file of `kind` must say and it does not: what goes without saying."""
    block = block or _EMPTY
    first = ifd.read(block, ifd.first_directory(block))
    missing: dict[int | None, list[Entry]] = {}
    for link, usual in _usual(kind, size, is_srgb=is_srgb).items():
        there = first if link is None else ifd.read(block, _linked(block, link))
        if there or link == _EXIF or (link is None and kind is Format.JPEG):
            known = {entry.tag for entry in there}
            missing[link] = [entry for entry in usual if entry.tag not in known]
    return _with(block, missing)


def _usual(kind: Format, size: tuple[int, int], *, is_srgb: bool) -> dict[int | None, list[Entry]]:
    """By the link to their directory, the first one last: its links are known then."""
    inner = [
        Entry(_VERSION, ifd.UNDEFINED, b"0232"), Entry(_FLASHPIX, ifd.UNDEFINED, b"0100"),
        ifd.short(_COLOUR_SPACE, 1 if is_srgb else _UNCALIBRATED),
    ]  # fmt: skip
    place = [Entry(_GPS_VERSION, ifd.BYTE, b"\2\3\0\0")]
    if kind is Format.TIFF:
        return {_EXIF: inner, _GPS: place}
    inner += [
        Entry(_COMPONENTS, ifd.UNDEFINED, b"\1\2\3\0"), ifd.long(_PIXEL_X, size[0]), ifd.long(_PIXEL_Y, size[1]),
    ]  # fmt: skip
    outer = [ifd.rational(tag, _UNKNOWN_PER_INCH, 1) for tag in (_X_RESOLUTION, _Y_RESOLUTION)]
    outer += [ifd.short(_RESOLUTION_UNIT, _INCH), ifd.short(_POSITIONING, 1)]
    return {_EXIF: inner, _GPS: place, None: outer}


def with_resolution(block: bytes, pixels_per_metre: tuple[int, int]) -> bytes:
    """The block with a resolution in it, an earlier one replaced."""
    return _with(block, {None: _resolution(pixels_per_metre)})


def _resolution(pixels_per_metre: tuple[int, int]) -> list[Entry]:
    across, down = pixels_per_metre
    return [
        ifd.rational(_X_RESOLUTION, across, 100), ifd.rational(_Y_RESOLUTION, down, 100),
        ifd.short(_RESOLUTION_UNIT, _CENTIMETRE),
    ]  # fmt: skip


def with_user_comment(block: bytes, comment: str) -> bytes:
    """The block with a comment of the user's, where programs that generate pictures put how they did; never a second.

    A text of ASCII says so: of sixteen bits, programs do not agree which half comes first.
    """
    inner = _linked(block, _EXIF)
    there = next((entry.values for entry in ifd.read(block, inner) if entry.tag == _USER_COMMENT), b"")
    if there[_CODE_BYTES:].strip(b"\0 "):
        return block
    if comment.isascii():
        said = b"ASCII\0\0\0" + comment.encode()
    else:
        order = "utf-16-le" if ifd.byte_order(block) == "<" else "utf-16-be"
        said = b"UNICODE\0" + comment.encode(order, "replace")
    return _with(block, {_EXIF: [Entry(_USER_COMMENT, ifd.UNDEFINED, said)]})


def _linked(block: bytes, tag: int) -> int | None:
    first = ifd.read(block, ifd.first_directory(block))
    return next((entry.first() for entry in first if entry.tag == tag), None)


def _with(block: bytes, more: Mapping[int | None, list[Entry]]) -> bytes:
    """The block with more entries, by the link that leads to their directory; None is the first one.

    A directory that grows is written anew at the end, and its old place stays empty: no value moves.
    """
    order = ifd.byte_order(block)
    grown = bytearray(block + bytes(len(block) % 2))
    outer = [*more.get(None, ())]
    for link, entries in more.items():
        if link is not None and entries:
            at = len(grown)
            grown += _grown_directory(block, _linked(block, link), entries, at, order)
            outer.append(ifd.long(link, at))
    if not outer:
        return block
    at = len(grown)
    grown += _grown_directory(block, ifd.first_directory(block), outer, at, order)
    struct.pack_into(order + "I", grown, 4, at)
    return bytes(grown)


def _grown_directory(block: bytes, old: int | None, entries: list[Entry], at: int, order: str) -> bytes:
    """The directory at `old` with entries more, each in its place, as it is to stand at `at`."""
    found: dict[int, bytes] = {}
    values = bytearray()
    if old is not None and old + 2 <= len(block):
        (count,) = struct.unpack_from(order + "H", block, old)
        for start in range(old + 2, min(old + 2 + count * _ENTRY_BYTES, len(block) - _ENTRY_BYTES + 1), _ENTRY_BYTES):
            found.setdefault(struct.unpack_from(order + "H", block, start)[0], block[start : start + _ENTRY_BYTES])
    number = len(found.keys() | {entry.tag for entry in entries})
    after = at + 2 + number * _ENTRY_BYTES + 4
    after += after % 2
    for entry in entries:
        said = ifd.little(entry.values, entry.type, order)
        place = said.ljust(4, b"\0") if len(said) <= 4 else struct.pack(order + "I", after + len(values))  # noqa: PLR2004 -- bytes that stand in an entry
        found[entry.tag] = struct.pack(order + "HHI", entry.tag, entry.type, entry.count) + place
        if len(said) > 4:  # noqa: PLR2004 -- bytes that stand in an entry
            values += said + bytes(len(said) % 2)
    head = struct.pack(order + "H", number) + b"".join(found[tag] for tag in sorted(found)) + bytes(4)
    return head + bytes(len(head) % 2) + bytes(values)


def has_maker_note(block: bytes) -> bool:
    """Whether it has what only its camera's maker can read."""
    return any(entry.tag == _MAKER_NOTE for entry in ifd.read(block, _linked(block, _EXIF)))


def without_maker_note(block: bytes) -> bytes:
    """The block laid out anew, with nothing in it that no directory points at."""
    laid = bytearray(b"II*\0" + bytes(4))
    first = _laid(laid, block, ifd.read(block, ifd.first_directory(block)), 2)
    struct.pack_into("<I", laid, 4, first)
    return bytes(laid)


def _laid(laid: bytearray, block: bytes, entries: list[Entry], depth: int) -> int:
    """Lay a directory out behind those that it leads to; where it begins."""
    kept = [entry for entry in entries if entry.tag not in _LINKS | {_MAKER_NOTE}]
    for entry in entries if depth else []:
        inner = ifd.read(block, entry.first()) if entry.tag in _LINKS else []
        if inner:
            kept.append(ifd.long(entry.tag, _laid(laid, block, inner, depth - 1)))
    at = len(laid)
    laid += ifd.laid_out(kept, at)
    return at
