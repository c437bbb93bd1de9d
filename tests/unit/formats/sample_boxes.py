"""AVIF files made by hand: as many items as a test wants, each of so many bytes, and how they belong together."""

from __future__ import annotations

import struct
from dataclasses import dataclass


def box(kind: bytes, *parts: bytes) -> bytes:
    body = b"".join(parts)
    return struct.pack(">I4s", 8 + len(body), kind) + body


def full(kind: bytes, version: int, *parts: bytes, flags: int = 0) -> bytes:
    return box(kind, struct.pack(">I", version << 24 | flags), *parts)


@dataclass(frozen=True)
class Item:
    """An item: its number, its kind, what it is an auxiliary of (its name for that), whether it is hidden."""

    number: int
    kind: bytes = b"av01"
    auxiliary: bytes = b""
    hidden: bool = False
    size: int = 100


def avif(items: list[Item], references: list[tuple[bytes, int, list[int]]] | None = None, after: bytes = b"") -> bytes:
    """The first of the items is the primary one; their bytes lie in their order at the end of the file."""
    ftyp = box(b"ftyp", b"avif", bytes(4), b"avifmif1miaf")
    sizes = full(b"ispe", 0, struct.pack(">II", 64, 48))
    names = [full(b"auxC", 0, one.auxiliary + b"\0") for one in items if one.auxiliary]
    auxiliary = iter(range(2, 2 + len(names)))
    owned = [(one.number, [1, next(auxiliary)] if one.auxiliary else [1]) for one in items]
    ipma = b"".join(struct.pack(">HB", number, len(its)) + bytes(its) for number, its in owned)
    infos = [
        full(b"infe", 2, struct.pack(">HH", one.number, 0), one.kind, b"\0", flags=int(one.hidden)) for one in items
    ]  # fmt: skip
    links = [box(kind, struct.pack(">HH", start, len(ends)), *(struct.pack(">H", end) for end in ends))
             for kind, start, ends in references or []]  # fmt: skip

    def meta(base: int) -> bytes:
        places, at = [], base
        for one in items:
            places.append(struct.pack(">HHHII", one.number, 0, 1, at, one.size))
            at += one.size
        return full(
            b"meta", 0,
            full(b"pitm", 0, struct.pack(">H", items[0].number)),
            full(b"iinf", 0, struct.pack(">H", len(infos)), *infos),
            full(b"iloc", 0, b"\x44\0", struct.pack(">H", len(items)), *places),
            box(b"iprp", box(b"ipco", sizes, *names), full(b"ipma", 0, struct.pack(">I", len(owned)), ipma)),
            full(b"iref", 0, *links),
        )  # fmt: skip

    length = len(ftyp) + len(meta(0)) + 8
    body = b"".join(bytes((one.number,)) * one.size for one in items)
    return ftyp + meta(length) + box(b"mdat", body) + after
