"""What an output is made of: the paid answers, how they lie, and what has to be joined to them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, BinaryIO

from watchd.core.outgoing import output_formats
from watchd.formats.png import png_chunks

if TYPE_CHECKING:
    from collections.abc import Callable

    from watchd.model import OutputFormat, Rect

HEAD_BYTES = 64 * 1024
"""As much of a PNG is looked at to tell whether it has alpha: what says so stands before the pixels."""
_COLOUR_TYPE_AT = 25
_WITH_ALPHA = frozenset({4, 6})


@dataclass(frozen=True, slots=True)
class Part:
    """One answer: where its part lies in the upright original, and how its PNG is opened."""

    rect: Rect
    open: Callable[[], BinaryIO]


@dataclass(frozen=True, slots=True)
class PaidPicture:
    """All that was paid for one picture. `width`, `height`: of the result; `scale`: the one applied.

    `alpha`: how opaque each pixel of the original is, as a grey PNG; None where all are.
    """

    parts: tuple[Part, ...]
    width: int
    height: int
    scale: float
    alpha: bytes | None = None


def has_alpha(head: bytes) -> bool:
    """Whether a PNG, of which HEAD_BYTES or all are given, says how opaque its pixels are."""
    if head[_COLOUR_TYPE_AT] in _WITH_ALPHA:
        return True
    return any(kind == b"tRNS" for kind, _, _ in png_chunks.chunks(head))


def passes(form: OutputFormat, *, parts: int, lacks_alpha: bool) -> bool:
    """Whether the answer is the output but for what is said beside its pixels: then nothing is encoded again.

    `lacks_alpha`: the original has alpha, and the answer has none.
    """
    return parts == 1 and output_formats.is_as_answered(form) and not lacks_alpha
