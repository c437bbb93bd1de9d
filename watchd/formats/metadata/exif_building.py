"""Adds to a block of EXIF without moving what is in it, makes a new one, or lays one out anew where it has to shrink.

Source: Exif 2.32 (CIPA DC-008), 4.6.8 (what every block must say), TIFF 6.0.
"""

from __future__ import annotations

import struct
from typing import Final

from watchd.formats.metadata import ifd
from watchd.formats.metadata.ifd import Entry

_EXIF, _GPS, _INTEROP = 0x8769, 0x8825, 0xA005
_MAKER_NOTE: Final = 0x927C
_USER_COMMENT: Final = 0x9286
_CODE_BYTES: Final = 8  # of the name of its encoding, with which a user's comment begins
_X_RESOLUTION, _Y_RESOLUTION, _RESOLUTION_UNIT = 0x011A, 0x011B, 0x0128
_POSITIONING: Final = 0x0213
_VERSION, _COMPONENTS, _FLASHPIX = 0x9000, 0x9101, 0xA000
_COLOUR_SPACE, _PIXEL_X, _PIXEL_Y = 0xA001, 0xA002, 0xA003
_UNCALIBRATED: Final = 0xFFFF
_CENTIMETRE: Final = 3
_ENTRY_BYTES: Final = 12
_USUAL_PER_METRE: Final = (2835, 2835)  # 72 an inch: what EXIF has where nobody knows
_LINKS: Final = frozenset({_EXIF, _GPS, _INTEROP})


def new(size: tuple[int, int], pixels_per_metre: tuple[int, int] | None, *, is_srgb: bool) -> bytes:
    """A block that says what every block must."""
    space = 1 if is_srgb else _UNCALIBRATED
    inner = [
        Entry(_VERSION, ifd.UNDEFINED, b"0232"), Entry(_COMPONENTS, ifd.UNDEFINED, b"\1\2\3\0"),
        Entry(_FLASHPIX, ifd.UNDEFINED, b"0100"), ifd.short(_COLOUR_SPACE, space),
        ifd.long(_PIXEL_X, size[0]), ifd.long(_PIXEL_Y, size[1]),
    ]  # fmt: skip
    block = b"II*\0" + bytes(4) + ifd.laid_out(inner, 8)
    first = [*_resolution(pixels_per_metre or _USUAL_PER_METRE), ifd.short(_POSITIONING, 1), ifd.long(_EXIF, 8)]
    return b"II*\0" + struct.pack("<I", len(block)) + block[8:] + ifd.laid_out(first, len(block))


def with_resolution(block: bytes, pixels_per_metre: tuple[int, int]) -> bytes:
    """The block with a resolution in it, an earlier one replaced."""
    return _with(block, _resolution(pixels_per_metre), None)


def _resolution(pixels_per_metre: tuple[int, int]) -> list[Entry]:
    across, down = pixels_per_metre
    return [
        ifd.rational(_X_RESOLUTION, across, 100), ifd.rational(_Y_RESOLUTION, down, 100),
        ifd.short(_RESOLUTION_UNIT, _CENTIMETRE),
    ]  # fmt: skip


def with_user_comment(block: bytes, comment: str) -> bytes:
    """The block with a comment of the user's, where programs that generate pictures put how they did; never a second.

    They write its sixteen bits with the high byte first, whatever the order of the block.
    """
    inner = _linked(block, _EXIF)
    there = next((entry.values for entry in ifd.read(block, inner) if entry.tag == _USER_COMMENT), b"")
    if there[_CODE_BYTES:].strip(b"\0 "):
        return block
    said = b"UNICODE\0" + comment.encode("utf-16-be", "replace")
    return _with(block, [Entry(_USER_COMMENT, ifd.UNDEFINED, said)], _EXIF)


def _linked(block: bytes, tag: int) -> int | None:
    first = ifd.read(block, ifd.first_directory(block))
    return next((entry.first() for entry in first if entry.tag == tag), None)


def _with(block: bytes, entries: list[Entry], link: int | None) -> bytes:
    """The block with entries more, in its first directory or in the one that `link` leads to.

    The directory is written anew at the end, and its old place stays empty: no value moves.
    """
    order = ifd.byte_order(block)
    grown = bytearray(block + bytes(len(block) % 2))
    if link is not None:
        at = len(grown)
        grown += _grown_directory(block, _linked(block, link), entries, at, order)
        entries = [ifd.long(link, at)]
    at = len(grown)
    grown += _grown_directory(block, ifd.first_directory(block), entries, at, order)
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
