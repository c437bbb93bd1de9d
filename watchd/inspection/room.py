"""Whether a disk has room."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

from watchd.inspection.finding import Finding, warning, well

if TYPE_CHECKING:
    from pathlib import Path

ROOM_BYTES = 1_000_000_000
"""Bytes: below this a disk is told to be nearly full; it holds some answers yet."""


def room(subject: str, path: Path) -> Finding:
    """What is free where a folder is, or will be."""
    while not path.exists():
        path = path.parent
    free = shutil.disk_usage(path).free
    text = f"{free / 1e9:.1f} GB free at {path}"
    if free > ROOM_BYTES:
        return well(subject, text)
    return warning(subject, text, "make room: a full disk stops the calls, and whatever else writes there")
