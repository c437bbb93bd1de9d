"""What a colour is, reckoned with plain floats and by nothing of watchd's: light, adaptation, sRGB, and differences.

Sources: IEC 61966-2-1 (sRGB); Lindbloom's summary of the Bradford adaptation; CIE 142 (ΔE2000), by Sharma, Wu and
Dalal, "The CIEDE2000 Color-Difference Formula" (2005), whose pairs `test_colours` checks it against.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

Triple: TypeAlias = tuple[float, float, float]
Corners: TypeAlias = tuple[tuple[float, float], tuple[float, float], tuple[float, float]]

D50: Triple = (0.96422, 1.0, 0.82521)
D65 = (0.3127, 0.3290)
SRGB: Corners = ((0.64, 0.33), (0.30, 0.60), (0.15, 0.06))
ADOBE: Corners = ((0.64, 0.33), (0.21, 0.71), (0.15, 0.06))
P3: Corners = ((0.68, 0.32), (0.265, 0.69), (0.15, 0.06))
BT2020: Corners = ((0.708, 0.292), (0.170, 0.797), (0.131, 0.046))
PROPHOTO: Corners = ((0.7347, 0.2653), (0.1596, 0.8404), (0.0366, 0.0001))
PROPHOTO_WHITE = (0.3457, 0.3585)

_BRADFORD = ((0.8951, 0.2664, -0.1614), (-0.7502, 1.7135, 0.0367), (0.0389, -0.0685, 1.0296))


def multiplied(matrix: Sequence[Sequence[float]], vector: Sequence[float]) -> Triple:
    first, second, third = (sum(a * b for a, b in zip(row, vector, strict=True)) for row in matrix)
    return first, second, third


def solved(matrix: Sequence[Sequence[float]], wanted: Sequence[float]) -> Triple:
    """The vector that a matrix makes `wanted` of, by Cramer's rule."""

    def determinant(m: Sequence[Sequence[float]]) -> float:
        return (
            m[0][0] * (m[1][1] * m[2][2] - m[1][2] * m[2][1])
            - m[0][1] * (m[1][0] * m[2][2] - m[1][2] * m[2][0])
            + m[0][2] * (m[1][0] * m[2][1] - m[1][1] * m[2][0])
        )

    whole = determinant(matrix)
    first, second, third = (
        determinant([[wanted[r] if c == at else matrix[r][c] for c in range(3)] for r in range(3)]) / whole
        for at in range(3)
    )
    return first, second, third


def xyz_of(x: float, y: float) -> Triple:
    return x / y, 1.0, (1 - x - y) / y


def to_xyz(corners: Corners, white: tuple[float, float] = D65) -> list[list[float]]:
    """The matrix from linear RGB to XYZ under its own white."""
    columns = [xyz_of(*corner) for corner in corners]
    rows = [[column[at] for column in columns] for at in range(3)]
    scales = solved(rows, xyz_of(*white))
    return [[row[at] * scales[at] for at in range(3)] for row in rows]


def adapted(colour: Triple, white: Triple, to: Triple) -> Triple:
    """A colour under one white as it looks under another (Bradford)."""
    seen, source, target = (multiplied(_BRADFORD, one) for one in (colour, white, to))
    return solved(_BRADFORD, [s * t / w for s, t, w in zip(seen, target, source, strict=True)])


def srgb_level(light: float) -> float:
    """0 to 255, of linear light that is clipped first."""
    light = min(1.0, max(0.0, light))
    return 255 * (12.92 * light if light <= 0.0031308 else 1.055 * light ** (1 / 2.4) - 0.055)


def srgb_light(level: float) -> float:
    level /= 255
    return level / 12.92 if level <= 0.04045 else ((level + 0.055) / 1.055) ** 2.4


def srgb_of_xyz(colour: Triple, white: Triple) -> Triple:
    """SRGB levels of a colour that is seen under a white."""
    red, green, blue = (srgb_level(one) for one in solved(to_xyz(SRGB), adapted(colour, white, xyz_of(*D65))))
    return red, green, blue


def srgb_of(
    levels: Sequence[float], light: Callable[[float], float], corners: Corners, white: tuple[float, float] = D65
) -> Triple:
    """SRGB levels of a colour of an RGB space; `levels` from 0 to 1."""
    linear = [light(level) for level in levels]
    return srgb_of_xyz(multiplied(to_xyz(corners, white), linear), xyz_of(*white))


def xyz_of_lab(lab: Sequence[float], white: Triple = D50) -> Triple:
    middle = (lab[0] + 16) / 116
    parts = (middle + lab[1] / 500, middle, middle - lab[2] / 200)
    x, y, z = (
        one * (part**3 if part > 6 / 29 else 3 * (6 / 29) ** 2 * (part - 4 / 29))
        for part, one in zip(parts, white, strict=True)
    )
    return x, y, z


def lab_of(levels: Sequence[float]) -> Triple:
    """CIE L*a*b* (D50) of sRGB levels."""
    colour = multiplied(to_xyz(SRGB), [srgb_light(level) for level in levels])
    parts = [one / white for one, white in zip(adapted(colour, xyz_of(*D65), D50), D50, strict=True)]
    x, y, z = (part ** (1 / 3) if part > (6 / 29) ** 3 else part / (3 * (6 / 29) ** 2) + 4 / 29 for part in parts)
    return 116 * y - 16, 500 * (x - y), 200 * (y - z)


def difference(one: Sequence[float], other: Sequence[float]) -> float:
    """ΔE2000 of two sRGB colours."""
    return delta_e(lab_of(one), lab_of(other))


def delta_e(one: Sequence[float], other: Sequence[float]) -> float:
    """ΔE2000 of two colours in L*a*b*."""
    (l1, a1, b1), (l2, a2, b2) = one, other
    mean = (math.hypot(a1, b1) + math.hypot(a2, b2)) / 2
    stretch = 1.5 - 0.5 * math.sqrt(mean**7 / (mean**7 + 25.0**7))
    a1, a2 = a1 * stretch, a2 * stretch
    c1, c2 = math.hypot(a1, b1), math.hypot(a2, b2)
    h1, h2 = math.degrees(math.atan2(b1, a1)) % 360, math.degrees(math.atan2(b2, a2)) % 360
    turn = 0.0 if not c1 * c2 else (h2 - h1 + 180) % 360 - 180
    if c1 * c2 and h2 - h1 == 180:
        turn = 180.0
    hue = h1 + h2 if not c1 * c2 else (h1 + h2) / 2 + (0 if abs(h1 - h2) <= 180 else 180 if h1 + h2 < 360 else -180)
    light, chroma = (l1 + l2) / 2, (c1 + c2) / 2
    weight = (
        1 - 0.17 * math.cos(math.radians(hue - 30)) + 0.24 * math.cos(math.radians(2 * hue))
        + 0.32 * math.cos(math.radians(3 * hue + 6)) - 0.20 * math.cos(math.radians(4 * hue - 63))
    )  # fmt: skip
    by_light = (l2 - l1) / (1 + 0.015 * (light - 50) ** 2 / math.sqrt(20 + (light - 50) ** 2))
    by_chroma = (c2 - c1) / (1 + 0.045 * chroma)
    by_hue = 2 * math.sqrt(c1 * c2) * math.sin(math.radians(turn / 2)) / (1 + 0.015 * chroma * weight)
    rotation = 2 * math.sqrt(chroma**7 / (chroma**7 + 25.0**7))
    rotation *= -math.sin(math.radians(60 * math.exp(-(((hue - 275) / 25) ** 2))))
    return math.sqrt(by_light**2 + by_chroma**2 + by_hue**2 + rotation * by_chroma * by_hue)
