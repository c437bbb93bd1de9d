"""Coding-independent code points: the numbers by which PNG, AVIF, HEIF and JPEG 2000 name primaries and transfer.

Source: ITU-T H.273 (2021), tables 2 and 3. The matrix (table 4) is the decoder's business. "Unspecified" is sRGB's, as
MIAF and the browsers have it. The curves of video (BT.709, BT.601, BT.2020) are those of cameras, and what displays do
with them is another matter: in a PNG Chromium has BT.1886 for them, and in an AVIF sRGB, as libavif has. So have we.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from watchd.formats.colour import icc_profile, transfer
from watchd.formats.colour.icc_profile import Primaries

_D65: Final = (0.3127, 0.3290)
_C: Final = (0.310, 0.316)
_BT709: Final = 1
_SRGB: Final = 13
_PRIMARIES: Final = {
    1: Primaries((0.640, 0.330), (0.300, 0.600), (0.150, 0.060), _D65),
    4: Primaries((0.67, 0.33), (0.21, 0.71), (0.14, 0.08), _C),
    5: Primaries((0.64, 0.33), (0.29, 0.60), (0.15, 0.06), _D65),
    6: Primaries((0.630, 0.340), (0.310, 0.595), (0.155, 0.070), _D65),
    7: Primaries((0.630, 0.340), (0.310, 0.595), (0.155, 0.070), _D65),
    8: Primaries((0.681, 0.319), (0.243, 0.692), (0.145, 0.049), _C),
    9: Primaries((0.708, 0.292), (0.170, 0.797), (0.131, 0.046), _D65),
    10: Primaries((1.0, 0.0), (0.0, 1.0), (0.0, 0.0), (1 / 3, 1 / 3)),
    11: Primaries((0.680, 0.320), (0.265, 0.690), (0.150, 0.060), (0.314, 0.351)),
    12: Primaries((0.680, 0.320), (0.265, 0.690), (0.150, 0.060), _D65),
    22: Primaries((0.630, 0.340), (0.295, 0.605), (0.155, 0.077), _D65),
}
BT709: Final = _PRIMARIES[_BT709]
_SPACES: Final = {
    1: "BT.709", 4: "BT.470 M", 5: "BT.601 (625 lines)", 6: "BT.601 (525 lines)", 7: "SMPTE 240M", 8: "film's",
    9: "BT.2020", 10: "CIE XYZ", 11: "DCI-P3", 12: "Display P3", 22: "EBU Tech. 3213",
}  # fmt: skip
_OF_VIDEO: Final = frozenset({1, 6, 11, 12, 14, 15})
_OF_SRGB: Final = frozenset({2, 13})
_PQ, _HLG = 16, 18
_HDR: Final = {_PQ: "PQ", _HLG: "HLG"}
_CURVES: Final = {
    4: icc_profile.gamma(2.2), 5: icc_profile.gamma(2.8), 7: transfer.SMPTE_240, 8: transfer.LINEAR,
    17: transfer.dci(), **dict.fromkeys(_OF_SRGB, transfer.SRGB), **dict.fromkeys(_OF_VIDEO, transfer.BT1886),
}  # fmt: skip
_SLOPES: Final = {
    4: "gamma 2.2", 5: "gamma 2.8", 7: "SMPTE 240M", 8: "linear", 17: "gamma 2.6",
    **dict.fromkeys(_OF_VIDEO, "gamma 2.4"),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Coded:
    """A space by its numbers. `hdr`: PQ or HLG; None where its white is the display's."""

    icc: bytes
    name: str
    hdr: str | None


def is_srgb(primaries: int, curve: int) -> bool:
    """Whether two numbers mean sRGB."""
    return primaries in {_BT709, 2} and curve in _OF_SRGB


def in_stills(curve: int) -> int:
    """The number of the curve that AVIF, HEIF and JPEG 2000 mean by one: sRGB's in place of video's."""
    return _SRGB if curve in _OF_VIDEO else curve


@lru_cache(maxsize=32)
def space(primaries: int, curve: int, *, grey: bool) -> Coded | None:
    """The space of two numbers; None: it is sRGB, or one of them is none of the table's."""
    chosen = _PRIMARIES.get(_BT709 if primaries == 2 else primaries)  # noqa: PLR2004 -- unspecified
    element = transfer.pq() if curve == _PQ else transfer.hlg() if curve == _HLG else _CURVES.get(curve)
    if chosen is None or element is None or is_srgb(primaries, curve) or (grey and curve in _OF_SRGB):
        return None
    profile = icc_profile.of_grey(element) if grey else icc_profile.of_rgb(chosen, [element])
    named = "" if grey or chosen is BT709 else _SPACES[primaries]
    name = ", ".join(part for part in (named, _SLOPES.get(curve, "")) if part)
    return None if profile is None else Coded(profile, name, _HDR.get(curve))
