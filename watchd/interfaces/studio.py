"""What needs a picture decoded or encoded."""

from __future__ import annotations

from typing import TYPE_CHECKING, BinaryIO, Protocol

if TYPE_CHECKING:
    from collections.abc import Collection

    from watchd.core.outgoing.rendering import PaidPicture
    from watchd.formats.metadata.collecting import Metadata
    from watchd.formats.picture import Broken, Format, Picture
    from watchd.model import OutputFormat, Rect


class Raster(Protocol):
    """The pixels of an original as they are to be sent: upright, eight bits a channel, sRGB."""

    @property
    def converted(self) -> bool:
        """Whether its colours were others than sRGB, and were converted."""
        ...

    def upload(self, rect: Rect | None, most: int) -> tuple[Format, bytes] | None:
        """All of it or a part, as a file of at most `most` bytes that the service takes; None: there is none."""
        ...

    def alpha(self) -> bytes | None:
        """How opaque each pixel is, as a grey PNG; None where all are."""
        ...


class Studio(Protocol):
    """Works on pixels."""

    @property
    def reads(self) -> Collection[Format]:
        """What can be decoded here."""
        ...

    def is_other_than_srgb(self, icc: bytes) -> bool:
        """Whether a profile means visibly other colours than sRGB."""
        ...

    def srgb(self) -> bytes:
        """The profile of converted pixels."""
        ...

    def decode(self, data: bytes, picture: Picture, metadata: Metadata) -> Raster | Broken:
        """The first picture in a file whose container is whole."""
        ...

    def render(self, answer: PaidPicture, form: OutputFormat, dressed: Metadata, target: BinaryIO) -> None:
        """Write the output: the answer's parts joined, its alpha joined again, in the format that the folder wants."""
        ...
