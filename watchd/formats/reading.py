"""One reading of a picture: whatever is asked about it later, it is told here once, for every format."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from watchd.formats import containers
from watchd.formats.colour.told import told_by
from watchd.formats.metadata.collecting import collect
from watchd.formats.picture import Picture

if TYPE_CHECKING:
    from watchd.formats.colour.told import ColourTold
    from watchd.formats.metadata.collecting import Metadata
    from watchd.formats.picture import Incomplete, Unreadable

_ON_ITS_SIDE: Final = range(5, 9)


@dataclass(frozen=True, slots=True)
class Original:
    """What a file holds: its picture as stored, and what it says beside the pixels, its way up included.

    `colours`: which space they are in; None: sRGB, or nothing is said.
    """

    picture: Picture
    metadata: Metadata
    colours: ColourTold | None = None

    @property
    def upright(self) -> tuple[int, int]:
        """Width and height in pixels as the picture is shown: what everything is planned by."""
        if self.metadata.orientation in _ON_ITS_SIDE:
            return self.picture.height, self.picture.width
        return self.picture.width, self.picture.height

    @property
    def besides(self) -> str | None:
        """What else the file holds, that no output of its picture has; None: nothing."""
        more = self.picture.frames - 1
        told = self.picture.besides or ((f"{more} more picture{'s' if more > 1 else ''}",) if more > 0 else ())
        return ", ".join(told) or None


def read(data: bytes) -> Original | Incomplete | Unreadable:
    """Judge all the bytes of a file; see `containers.inspect`. No pixel is decoded."""
    seen = containers.inspect(data)
    return read_as(seen, data) if isinstance(seen, Picture) else seen


def read_as(picture: Picture, data: bytes) -> Original:
    """What a file says of a picture that it is known to hold."""
    metadata = collect(data, picture.format, picture.outline)
    return Original(picture, metadata, told_by(data, picture, metadata))
