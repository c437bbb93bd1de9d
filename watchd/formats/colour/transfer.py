"""Curves from levels to light: those of ordinary pictures, and HDR's with a plain tone curve behind it.

Sources: ITU-T H.273 (2021), table 3; SMPTE ST 2084 (PQ); ITU-R BT.1886, BT.2100 (HLG) and BT.2408 (the reference white
of 203 cd/m²).

The tone curve, the same for PQ and HLG and for each of red, green and blue: light up to half the reference white stays
as it is; above that an extended Reinhard curve, smooth at the knee, brings 1000 cd/m² to full white, and what is
brighter too. The reference white itself comes to lie at 0.75 of full white.
"""

from __future__ import annotations

import math
from typing import Final

from watchd.formats.colour import icc_profile

SAMPLES: Final = 4096
REFERENCE_WHITE: Final = 203.0  # cd/m², as the next ones
PEAK: Final = 1000.0
_PQ_PEAK: Final = 10_000.0
_KNEE: Final = 0.5
_M1, _M2 = 2610 / 16384, 2523 / 4096 * 128
_C1, _C2, _C3 = 3424 / 4096, 2413 / 4096 * 32, 2392 / 4096 * 32
_A, _B, _C = 0.17883277, 0.28466892, 0.55991073
_HLG_SPLIT: Final = 0.5
_SYSTEM_GAMMA: Final = 1.2
"""Of a display of 1000 cd/m². BT.2100 applies it to the luminance; here to each channel, as a profile can."""

SRGB: Final = icc_profile.parametric(2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045)
BT1886: Final = icc_profile.gamma(2.4)
LINEAR: Final = icc_profile.gamma(1.0)
SMPTE_240: Final = icc_profile.parametric(1 / 0.45, 1 / 1.1115, 0.1115 / 1.1115, 1 / 4, 0.0913)


def dci() -> bytes:
    """The curve of SMPTE ST 428-1, whose white lies a little below the largest level."""
    return icc_profile.table([52.37 / 48 * (at / (SAMPLES - 1)) ** 2.6 for at in range(SAMPLES)])


def pq() -> bytes:
    """The curve of PQ, tone-mapped."""
    return icc_profile.table([toned(_pq_light(at / (SAMPLES - 1)) / REFERENCE_WHITE) for at in range(SAMPLES)])


def hlg() -> bytes:
    """The curve of HLG, tone-mapped."""
    return icc_profile.table([toned(_hlg_light(at / (SAMPLES - 1)) / REFERENCE_WHITE) for at in range(SAMPLES)])


def toned(light: float) -> float:
    """Light as a display without HDR shows it, 0 to 1; `light` in terms of the reference white."""
    if light <= _KNEE:
        return light
    reach = (PEAK / REFERENCE_WHITE - _KNEE) / (1 - _KNEE)
    over = (light - _KNEE) / (1 - _KNEE)
    return min(1.0, _KNEE + (1 - _KNEE) * over * (1 + over / reach**2) / (1 + over))


def _pq_light(level: float) -> float:
    power = level ** (1 / _M2)
    return _PQ_PEAK * float((max(0.0, power - _C1) / (_C2 - _C3 * power)) ** (1 / _M1))


def _hlg_light(level: float) -> float:
    scene = level**2 / 3 if level <= _HLG_SPLIT else (math.exp((level - _C) / _A) + _B) / 12
    return PEAK * float(scene**_SYSTEM_GAMMA)
