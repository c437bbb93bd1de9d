"""What needs a picture decoded or encoded."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, BinaryIO, Protocol

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from watchd.core.outgoing.rendering import PaidPicture
    from watchd.formats.metadata.collecting import Metadata
    from watchd.formats.picture import Broken, Format
    from watchd.formats.reading import Original
    from watchd.model import OutputFormat, Rect


@dataclass(frozen=True, slots=True)
class Developed:
    """What came of an original's pixels.

    `kind`, `size`: of the file that was written to be sent; None and 0 where none was asked for, or none is small
    enough. `converted`: its colours were others than sRGB, and were converted. `has_alpha`: some pixels are not opaque.
    """

    kind: Format | None
    size: int
    converted: bool
    has_alpha: bool


class Studio(Protocol):
    """Works on pixels. Files that are given are real ones, with a descriptor.

    Raises:
        MemoryError: a picture takes more memory than there is.
        OSError: what is made of it cannot be written.
    """

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

    def prove(self, versions: Sequence[bytes], original: Original) -> Broken | None:
        """Why files cannot be this picture; None: all are decoded to their last pixel, and all to the same ones."""
        ...

    def develop(
        self, source: BinaryIO, original: Original, sent: tuple[BinaryIO, Rect | None, int] | None, alpha: BinaryIO
    ) -> Developed | Broken:
        """Decode the first picture of a file: upright, eight bits a channel, sRGB.

        `sent`: where all of it or a part is written, as a file of at most so many bytes that the service takes.
        `alpha`: where it is written how opaque each pixel is, as a grey PNG, unless all are.
        """
        ...

    def preview(
        self, data: bytes, original: Original, longest: int | None, target: BinaryIO, *, quality: int, on_white: bool
    ) -> Format | Broken:
        """Write the picture, its longer side of `longest` pixels at most (None: as it is), for a browser.

        A JPEG; where some of it is transparent and does not lie `on_white`, a WebP.
        """
        ...

    def render(self, answer: PaidPicture, form: OutputFormat, dressed: Metadata, target: BinaryIO) -> None:
        """Write the output: the answer's parts joined, its alpha joined again, in the format that the folder wants."""
        ...
