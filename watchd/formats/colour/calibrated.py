"""Spaces that a file describes by figures of its own: chromaticities, exponents, tables.

Sources: Portable Network Graphics (PNG) Specification, Third Edition, 11.3.2; TIFF 6.0, section 20; Microsoft's
BITMAPV4HEADER and BITMAPV5HEADER.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from watchd.formats import tiff
from watchd.formats.colour import cicp, icc_profile
from watchd.formats.colour.icc_profile import Primaries

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from watchd.formats.colour.icc_profile import Point
    from watchd.formats.metadata import ifd
    from watchd.formats.picture import Picture

_HUNDRED_THOUSAND: Final = 100_000
_CHRM: Final = struct.Struct(">8I")
_GAMMA_OF_SRGB: Final = range(45_000, 46_000)
"""What says sRGB where nothing else is said: everybody writes 45455 beside it, and many write that alone."""
_GAMMAS: Final = range(10_000, 1_000_000)
_WHITE_POINT, _CHROMATICITIES, _TRANSFER = 0x013E, 0x013F, 0x012D
_RGB, _YCBCR, _BLACK_IS_ZERO = 2, 6, 1
_TIFF_GAMMA: Final = 2.2
_MOST_BITS: Final = 16
_FULL: Final = 65535
_V4_BYTES, _V5_BYTES = 108, 124
_HEADER_AT: Final = 14
_CALIBRATED, _EMBEDDED = 0, 0x4D424544  # "MBED"
_SPACE_AT, _ENDPOINTS, _PROFILE_AT = 70, struct.Struct("<9i3I"), 126
_TWO_POINT_THIRTY: Final = 1 << 30
_SIXTEEN_POINT_SIXTEEN: Final = 1 << 16
_NEARLY_ONE: Final = 0.02
_EXPONENTS: Final = (0.1, 10.0)


@dataclass(frozen=True, slots=True)
class Calibrated:
    """A space as a file describes it, and by what."""

    icc: bytes
    by: str


def of_png(chunks: Mapping[bytes, bytes], *, grey: bool) -> Calibrated | None:
    """The space of gAMA and cHRM; None: they say sRGB, or nothing that makes sense."""
    encoded, corners = _png_gamma(chunks.get(b"gAMA")), _png_primaries(chunks.get(b"cHRM"))
    # Chromaticities alone are passed over by browsers and ImageMagick: without a curve they describe no space.
    if encoded is None or (encoded in _GAMMA_OF_SRGB and (corners is None or grey)):
        return None
    curve = icc_profile.gamma(_HUNDRED_THOUSAND / encoded)
    by = "its gAMA" if corners is None or grey else "its gAMA and cHRM"
    return _calibrated(corners or cicp.BT709, [curve], by, grey=grey)


def _png_gamma(body: bytes | None) -> int | None:
    found = int.from_bytes(body, "big") if body is not None and len(body) == 4 else 0  # noqa: PLR2004 -- bytes
    return found if found in _GAMMAS else None


def _png_primaries(body: bytes | None) -> Primaries | None:
    if body is None or len(body) != _CHRM.size:
        return None
    white, red, green, blue = _points([number / _HUNDRED_THOUSAND for number in _CHRM.unpack(body)])
    return Primaries(red, green, blue, white)


def _points(numbers: Sequence[float]) -> list[Point]:
    return [(numbers[at], numbers[at + 1]) for at in range(0, len(numbers) - 1, 2)]


def of_tiff(data: bytes, picture: Picture) -> Calibrated | None:
    """The space of WhitePoint, PrimaryChromaticities and TransferFunction; None: there is none of them."""
    reader = tiff.Reader(data)
    tags = _page(reader, picture)
    entries = {entry.tag: entry for entry in reader.entries(tags)}
    kind = reader.integer(tags.get(tiff.PHOTOMETRIC), _BLACK_IS_ZERO)
    if kind not in {_RGB, _YCBCR, _BLACK_IS_ZERO}:
        return None
    bits = max(reader.integers(tags.get(tiff.BITS)), default=1)
    curves = _tiff_curves(entries.get(_TRANSFER), bits)
    if kind == _BLACK_IS_ZERO:
        return _calibrated(cicp.BT709, curves, "its TransferFunction", grey=True) if len(curves) == 1 else None
    white = _points(_fractions(entries.get(_WHITE_POINT)))
    corners = _points(_fractions(entries.get(_CHROMATICITIES)))
    primaries = cicp.BT709
    if len(corners) == 3:  # noqa: PLR2004 -- red, green, blue
        red, green, blue = corners
        primaries = Primaries(red, green, blue, white[0] if len(white) == 1 else cicp.BT709.white)
    elif not curves:
        return None
    return _calibrated(primaries, curves or [icc_profile.gamma(_TIFF_GAMMA)], "its TIFF tags", grey=False)


def _page(reader: tiff.Reader, picture: Picture) -> dict[int, tiff.Tag]:
    """The directory of the page that is the picture."""
    pages = [tags for tags in reader.pages() if tags]
    for tags in pages:
        if (reader.integer(tags.get(tiff.WIDTH)), reader.integer(tags.get(tiff.HEIGHT))) == (
            picture.width, picture.height,
        ):  # fmt: skip
            return tags
    return pages[0] if pages else {}


def _tiff_curves(entry: ifd.Entry | None, bits: int) -> list[bytes]:
    """One curve, or one of each of three channels; none where the tag is not as long as its bits ask for."""
    if entry is None or not 1 < bits <= _MOST_BITS or len(entry.values) not in {2 << bits, 6 << bits}:
        return []
    samples = [value / _FULL for (value,) in struct.iter_unpack("<H", entry.values)]
    return [icc_profile.table(samples[at : at + (1 << bits)]) for at in range(0, len(samples), 1 << bits)]


def _fractions(entry: ifd.Entry | None) -> list[float]:
    if entry is None or entry.type != 5 or len(entry.values) > 48:  # noqa: PLR2004 -- six RATIONALs
        return []
    pairs = list(struct.iter_unpack("<II", entry.values))
    return [above / below for above, below in pairs] if all(below for _, below in pairs) else []


def of_bmp(data: bytes) -> Calibrated | None:
    """The endpoints and gammas of a V4 or V5 header, or the profile that a V5 header embeds."""
    header = int.from_bytes(data[_HEADER_AT : _HEADER_AT + 4], "little")
    if header < _V4_BYTES or len(data) < _HEADER_AT + header:
        return None
    space = int.from_bytes(data[_SPACE_AT : _SPACE_AT + 4], "little")
    if space == _EMBEDDED and header >= _V5_BYTES:
        start, size = struct.unpack_from("<II", data, _PROFILE_AT)
        profile = data[_HEADER_AT + start : _HEADER_AT + start + size]
        return Calibrated(profile, "its embedded profile") if profile[36:40] == b"acsp" else None
    if space != _CALIBRATED:
        return None
    *numbers, red, green, blue = _ENDPOINTS.unpack_from(data, _SPACE_AT + 4)
    primaries = _endpoints([number / _TWO_POINT_THIRTY for number in numbers])
    gammas = [number / _SIXTEEN_POINT_SIXTEEN for number in (red, green, blue)]
    if primaries is None or not all(_EXPONENTS[0] <= one <= _EXPONENTS[1] for one in gammas):
        return None
    return _calibrated(primaries, [icc_profile.gamma(one) for one in gammas], "its BMP header", grey=False)


def _endpoints(numbers: Sequence[float]) -> Primaries | None:
    """Three times XYZ. Some write chromaticities there, each of which adds up to 1; their white is then D65."""
    rows = [numbers[at : at + 3] for at in range(0, 9, 3)]
    sums = [sum(row) for row in rows]
    if min(sums) <= 0:
        return None
    red, green, blue = ((row[0] / whole, row[1] / whole) for row, whole in zip(rows, sums, strict=True))
    white = cicp.BT709.white
    if any(abs(whole - 1) > _NEARLY_ONE for whole in sums):
        white = sum(row[0] for row in rows) / sum(sums), sum(row[1] for row in rows) / sum(sums)
    return Primaries(red, green, blue, white)


def _calibrated(primaries: Primaries, curves: Sequence[bytes], by: str, *, grey: bool) -> Calibrated | None:
    profile = icc_profile.of_grey(curves[0]) if grey else icc_profile.of_rgb(primaries, curves)
    return None if profile is None else Calibrated(profile, by)
