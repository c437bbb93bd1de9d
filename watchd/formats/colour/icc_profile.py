"""Small ICC profiles, written from what a file says otherwise, so that one engine does all the converting.

Source: ICC.1:2022 (profile version 4.4), 8.3 (three-component matrix-based), 8.4 (monochrome), 10 (tag types),
annex E (chromatic adaptation by the Bradford matrix).
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

Vector: TypeAlias = tuple[float, float, float]
Matrix: TypeAlias = tuple[Vector, Vector, Vector]
"""Three rows."""
Point: TypeAlias = tuple[float, float]
"""A chromaticity, CIE 1931 x and y."""

HEADER_BYTES: Final = 128
_ENTRY: Final = struct.Struct(">4sII")
_MOST_TAGS: Final = 100
_COLORANTS: Final = (b"rXYZ", b"gXYZ", b"bXYZ")
_TRCS: Final = (b"rTRC", b"gTRC", b"bTRC")
_TABLES: Final = frozenset({b"A2B0", b"A2B1", b"D2B0", b"D2B1"})
_VERSION: Final = 0x04400000
_MADE: Final = (2026, 1, 1, 0, 0, 0)
_D50: Final[Vector] = (0.9642, 1.0, 0.8249)
_BRADFORD: Final[Matrix] = ((0.8951, 0.2664, -0.1614), (-0.7502, 1.7135, 0.0367), (0.0389, -0.0685, 1.0296))
_MOST_ENTRIES: Final = 4096
_FULL: Final = 65535
_LEAST_DETERMINANT: Final = 1e-6
_LEAST_WHITE: Final = 0.01
_MOST_FIXED: Final = 32767.0


@dataclass(frozen=True, slots=True)
class Primaries:
    """The chromaticities of full red, green and blue, and of all three together."""

    red: Point
    green: Point
    blue: Point
    white: Point


def gamma(exponent: float) -> bytes:
    """A curve element: light is the level to a power."""
    return b"para" + bytes(4) + struct.pack(">HH", 0, 0) + _fixed(exponent)


def parametric(power: float, slope: float, offset: float, linear: float, knee: float) -> bytes:
    """A curve element: (slope·x + offset) ^ power from `knee` on, and linear·x below it (function type 3)."""
    return b"para" + bytes(4) + struct.pack(">HH", 3, 0) + _fixed(power, slope, offset, linear, knee)


def table(light: Sequence[float]) -> bytes:
    """A curve element of 2 to 4096 samples, 0 to 1, at even steps; of more, the nearest of so many are taken."""
    if len(light) > _MOST_ENTRIES:
        last = len(light) - 1
        light = [light[round(at * last / (_MOST_ENTRIES - 1))] for at in range(_MOST_ENTRIES)]
    samples = (round(min(1.0, max(0.0, one)) * _FULL) for one in light)
    return b"curv" + bytes(4) + struct.pack(f">I{len(light)}H", len(light), *samples)


def of_rgb(primaries: Primaries, curves: Sequence[bytes]) -> bytes | None:
    """The profile of an RGB space, its `curves` one for all or one for each; None: the primaries span no space."""
    white, columns = _tristimulus(primaries.white), _colorants(primaries)
    if white is None or columns is None:
        return None
    adaptation = _to_d50(white)
    adapted = [_times(adaptation, column) for column in columns]
    if any(abs(one) > _MOST_FIXED for vector in (*adapted, *adaptation) for one in vector):
        return None
    red, green, blue = curves if len(curves) == len(columns) else (curves[0],) * 3
    return _profile(b"RGB ", {
        b"chad": b"sf32" + bytes(4) + _fixed(*(one for row in adaptation for one in row)),
        b"rXYZ": _xyz(adapted[0]), b"gXYZ": _xyz(adapted[1]), b"bXYZ": _xyz(adapted[2]),
        b"rTRC": red, b"gTRC": green, b"bTRC": blue,
    })  # fmt: skip


def of_grey(curve: bytes) -> bytes:
    """The profile of grey levels."""
    return _profile(b"GRAY", {b"kTRC": curve})


def coding_points(profile: bytes) -> tuple[int, int] | None:
    """Primaries and transfer of a profile's `cicp` tag (9.2.17): how HDR is said in one; None: it has none."""
    body = _elements(profile).get(b"cicp", b"")
    return (body[8], body[9]) if body[:4] == b"cicp" and len(body) >= 12 else None  # noqa: PLR2004 -- bytes of it


@dataclass(frozen=True, slots=True)
class Split:
    """A matrix-based RGB profile in two steps: levels to sRGB's by `curves`, each a grey profile, then `matrix`."""

    curves: tuple[bytes, bytes, bytes]
    matrix: bytes


def split(profile: bytes, curve: bytes) -> Split | None:
    """`curve`: that of the levels in between. None: the profile is made of tables, or for another space than RGB."""
    found = _elements(profile)
    if profile[16:20] != b"RGB " or not found.keys() >= {*_COLORANTS, *_TRCS} or found.keys() & _TABLES:
        return None
    red, green, blue = (of_grey(found[name]) for name in _TRCS)
    tags = {name: found[name] for name in _COLORANTS} | dict.fromkeys(_TRCS, curve)
    return Split((red, green, blue), _profile(b"RGB ", tags))


def _elements(profile: bytes) -> dict[bytes, bytes]:
    """Each tag's element, of a profile that may be hostile."""
    count = int.from_bytes(profile[HEADER_BYTES : HEADER_BYTES + 4], "big")
    found: dict[bytes, bytes] = {}
    for number in range(min(count, _MOST_TAGS)):
        at = HEADER_BYTES + 4 + number * _ENTRY.size
        if at + _ENTRY.size > len(profile):
            break
        name, start, size = _ENTRY.unpack_from(profile, at)
        found.setdefault(name, profile[start : start + size])
    return found


def _profile(space: bytes, tags: Mapping[bytes, bytes]) -> bytes:
    """Header, table of tags, and their elements, each aligned to four bytes and laid down once."""
    whole = {b"desc": _text("watchd"), b"cprt": _text("CC0"), b"wtpt": _xyz(_D50), **tags}
    at = HEADER_BYTES + 4 + _ENTRY.size * len(whole)
    entries, body, laid = struct.pack(">I", len(whole)), bytearray(), dict[bytes, int]()
    for name, element in whole.items():
        if element not in laid:
            laid[element] = at + len(body)
            body += element + bytes(-len(element) % 4)
        entries += _ENTRY.pack(name, laid[element], len(element))
    header = struct.pack(
        ">I4sI4s4s4s6H4s4sII4s8sI12s4s16s28s", at + len(body), b"", _VERSION, b"mntr", space, b"XYZ ", *_MADE,
        b"acsp", b"", 0, 0, b"", b"", 1, _fixed(*_D50), b"", b"", b"",
    )  # fmt: skip
    return header + entries + bytes(body)


def _fixed(*values: float) -> bytes:
    """As s15Fixed16Number."""
    return struct.pack(f">{len(values)}i", *(round(value * 65536) for value in values))


def _xyz(value: Vector) -> bytes:
    return b"XYZ " + bytes(4) + _fixed(*value)


def _text(words: str) -> bytes:
    """A multiLocalizedUnicodeType of one record."""
    coded = words.encode("utf-16-be")
    return b"mluc" + bytes(4) + struct.pack(">II2s2sII", 1, 12, b"en", b"US", len(coded), 28) + coded


def _tristimulus(point: Point) -> Vector | None:
    """XYZ of a white, Y being 1."""
    x, y = point
    return (x / y, 1.0, (1 - x - y) / y) if y > _LEAST_WHITE else None


def _colorants(primaries: Primaries) -> tuple[Vector, Vector, Vector] | None:
    """XYZ of each primary, so that all three make the white."""
    white = _tristimulus(primaries.white)
    red, green, blue = ((x, y, 1 - x - y) for x, y in (primaries.red, primaries.green, primaries.blue))
    inverse = _inverse((
        (red[0], green[0], blue[0]), (red[1], green[1], blue[1]), (red[2], green[2], blue[2]),
    ))  # fmt: skip
    if white is None or inverse is None:
        return None
    scales = _times(inverse, white)
    if min(scales) <= 0:
        return None
    first, second, third = (
        (one[0] * scale, one[1] * scale, one[2] * scale)
        for one, scale in zip((red, green, blue), scales, strict=True)
    )  # fmt: skip
    return first, second, third


def _to_d50(white: Vector) -> Matrix:
    """The Bradford adaptation of a white to that of the profile connection space."""
    from_cones = _inverse(_BRADFORD) or _BRADFORD
    seen, wanted = _times(_BRADFORD, white), _times(_BRADFORD, _D50)
    ratios = [to / (by or 1.0) for to, by in zip(wanted, seen, strict=True)]
    scaled = [[ratio * one for one in row] for ratio, row in zip(ratios, _BRADFORD, strict=True)]
    first, second, third = (
        (
            sum(row[at] * scaled[at][0] for at in range(3)),
            sum(row[at] * scaled[at][1] for at in range(3)),
            sum(row[at] * scaled[at][2] for at in range(3)),
        )
        for row in from_cones
    )
    return first, second, third


def _times(matrix: Matrix, vector: Vector) -> Vector:
    first, second, third = (sum(a * b for a, b in zip(row, vector, strict=True)) for row in matrix)
    return first, second, third


def _inverse(matrix: Matrix) -> Matrix | None:
    (a, b, c), (d, e, f), (g, h, i) = matrix
    determinant = a * (e * i - f * h) - b * (d * i - f * g) + c * (d * h - e * g)
    if abs(determinant) < _LEAST_DETERMINANT:
        return None
    rows = (
        (e * i - f * h, c * h - b * i, b * f - c * e),
        (f * g - d * i, a * i - c * g, c * d - a * f),
        (d * h - e * g, b * g - a * h, a * e - b * d),
    )
    first, second, third = ((x / determinant, y / determinant, z / determinant) for x, y, z in rows)
    return first, second, third
