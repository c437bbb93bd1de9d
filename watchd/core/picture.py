"""What can be said about a file's bytes: a picture we can send, one that may still be growing, or never one."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TypeAlias


class Format(StrEnum):
    """The containers that the service reads safely (the vendor names these three as safe)."""

    PNG = "png"
    JPEG = "jpeg"
    WEBP = "webp"


@dataclass(frozen=True, slots=True)
class Picture:
    """The container is whole. `width` and `height` are pixels as stored, before any EXIF orientation."""

    format: Format
    width: int
    height: int


@dataclass(frozen=True, slots=True)
class Incomplete:
    """Bytes are missing, and more may come. `reason` completes the sentence "NAME: …"."""

    reason: str


@dataclass(frozen=True, slots=True)
class Unreadable:
    """However long we wait, these bytes are no picture to send. `reason` completes the sentence "NAME: …"."""

    reason: str


Verdict: TypeAlias = Picture | Incomplete | Unreadable
