"""Restart intervals of a JPEG counted: where an encoder has set them, a picture that lacks some shows without decoding.

Source: ITU-T T.81, A.2 (interleaving), B.2.4.4 (DRI), E.1.4 (restart markers, which count from 0 to 7 and again).
"""

from __future__ import annotations

import re
import struct
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

_BLOCK: Final = 8
_RESTART: Final = re.compile(rb"\xff([\xd0-\xd7])")
_MODULUS: Final = 8


def interval(body: bytes) -> int:
    """What a DRI segment says: MCUs between two restarts; 0: there are none."""
    return int(struct.unpack(">H", body[:2])[0]) if len(body) >= 2 else 0  # noqa: PLR2004 -- bytes


def missing(frame: bytes, scan: bytes, data: bytes, span: tuple[int, int], every: int) -> str | None:
    """Why the coded data at `span` cannot be a whole scan; None: nothing speaks against it.

    `frame`, `scan`: the bodies of SOF and SOS; `every`: MCUs between two restarts. Baseline and extended frames.
    """
    wanted = -(-_units(frame, scan) // every) - 1
    found = [mark[1][0] - 0xD0 for mark in _RESTART.finditer(data, *span)]
    if len(found) >= wanted and _counts(found[:wanted]):
        return None
    if len(found) < wanted:
        return f"its picture data ends after {len(found) + 1} of {wanted + 1} intervals"
    return "an interval of its picture data is missing"


def _counts(found: Sequence[int]) -> bool:
    return all(number == place % _MODULUS for place, number in enumerate(found))


def _units(frame: bytes, scan: bytes) -> int:
    """MCUs of a scan; 0 where its header makes no sense."""
    height, width = int.from_bytes(frame[1:3], "big"), int.from_bytes(frame[3:5], "big")
    factors = {frame[at]: (frame[at + 1] >> 4, frame[at + 1] & 15) for at in range(6, len(frame) - 2, 3)}
    across, down = (max(one[side] for one in factors.values()) for side in (0, 1))
    chosen = [factors.get(scan[at]) for at in range(1, 1 + 2 * scan[0], 2)]
    if not across or not down or None in chosen:
        return 0
    if len(chosen) > 1:
        return -(-width // (_BLOCK * across)) * -(-height // (_BLOCK * down))
    # A component by itself has blocks for its own pixels alone.
    (wide, high) = chosen[0] or (1, 1)
    columns, rows = -(-width * wide // across), -(-height * high // down)
    return -(-columns // _BLOCK) * -(-rows // _BLOCK)
