"""What can be said about a file's bytes: a picture, one that may still be growing, or never one."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final, TypeAlias


class Format(StrEnum):
    """The containers that can be read. The service takes the first three safely; the others are converted."""

    PNG = "png"
    JPEG = "jpeg"
    WEBP = "webp"
    TIFF = "tiff"
    BMP = "bmp"
    GIF = "gif"
    AVIF = "avif"
    JPEG2000 = "jp2"
    HEIC = "heic"


class Colour(StrEnum):
    """How a picture says its colours, alpha aside."""

    GREY = "grey"
    RGB = "rgb"
    """YCbCr and its kin too: whatever every decoder turns into RGB by itself."""
    PALETTE = "palette"
    CMYK = "cmyk"
    """YCCK too."""
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class Picture:
    """The container is whole. `width` and `height` are pixels as stored, before whatever turns them upright.

    `depth`: bits of each channel. `alpha`: some pixels may be transparent. `frames`: pictures of an animation; 1 is a
    still. `besides`: what else the file holds that no output will have, each a phrase with its article ("2 more pages",
    "a film", "a gain map").
    """

    format: Format
    width: int
    height: int
    colour: Colour = Colour.RGB
    depth: int = 8
    alpha: bool = False
    frames: int = 1
    besides: tuple[str, ...] = ()
    outline: object = field(default=None, compare=False, repr=False)
    """What its format's reader has found out about the parts of the file, so that none has to look for them again."""


@dataclass(frozen=True, slots=True)
class Unended:
    """A picture whose end is not marked: its pixels may all lie before the offset `end`. Only decoding can tell."""

    picture: Picture
    end: int


@dataclass(frozen=True, slots=True)
class Incomplete:
    """Bytes are missing, and more may come. `reason` completes the sentence "NAME: …".

    `perhaps`: where nothing more comes, this may be the picture all the same.
    """

    reason: str
    perhaps: Unended | None = None


@dataclass(frozen=True, slots=True)
class Unreadable:
    """However long we wait, these bytes are no picture to send. `reason` completes the sentence "NAME: …"."""

    reason: str


@dataclass(frozen=True, slots=True)
class Broken:
    """The container is whole and what lies in it is not; `reason` completes the sentence "its pixels …"."""

    reason: str


Verdict: TypeAlias = Picture | Incomplete | Unreadable

A_FILM: Final = "a film (motion photo)"
A_GAIN_MAP: Final = "a gain map (HDR)"
A_DEPTH_MAP: Final = "a depth map"
A_SOUND: Final = "a sound"


def counted(more: int, what: str) -> str:
    """How `besides` says that a file holds so many more than the one that is sent: "a second page", "3 more pages"."""
    return f"a second {what}" if more == 1 else f"{more} more {what}s"
