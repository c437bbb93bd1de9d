"""What the bytes of a file come to under its folder: a picture with what is asked of the service, or why it is none.

Asked when a file is admitted, again when it is claimed, and by whoever only wants to know.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Protocol, assert_never

from watchd.core.outgoing import output_formats
from watchd.core.request import endpoint, sendable
from watchd.formats import reading
from watchd.formats.picture import Format, Incomplete, Unreadable
from watchd.formats.reading import Original

if TYPE_CHECKING:
    from collections.abc import Collection

    from watchd.model import Api, Folder, OutputFormat, Parameters

MISSING: Final = {Format.HEIC: "it is a HEIC picture, which needs an extra: pip install 'watchd[heic]'"}


class Decoder(Protocol):
    """What has to be known of whoever decodes pictures."""

    @property
    def reads(self) -> Collection[Format]:
        """The formats that can be decoded here."""
        ...

    def is_other_than_srgb(self, icc: bytes) -> bool:
        """Whether a colour profile means visibly other colours than sRGB."""
        ...


@dataclass(frozen=True, slots=True)
class Appraisal:
    """A picture, what is asked for it, and for which `reasons` it has to be converted first."""

    original: Original
    parameters: Parameters
    reasons: tuple[str, ...]

    @property
    def goes_as_it_is(self) -> bool:
        """Whether the file's own bytes are sent, but for what is private in them."""
        return not self.reasons and not self.parameters.tiles


@dataclass(frozen=True, slots=True)
class Refused:
    """Nothing is asked for it, and why; waiting helps nothing."""

    reason: str


def appraise(data: bytes, folder: Folder, api: Api, decoder: Decoder) -> Appraisal | Incomplete | Refused:
    """Judge all the bytes of a file."""
    match reading.read(data):
        case Original() as original:
            return assess(original, len(data), folder, api, decoder)
        case Incomplete() as incomplete:
            return incomplete
        case Unreadable(reason):
            return Refused(f"not a picture that can be sent: {reason}")
        case unexpected:
            assert_never(unexpected)


def assess(original: Original, size: int, folder: Folder, api: Api, decoder: Decoder) -> Appraisal | Refused:
    """What a picture in a file of `size` bytes comes to under its folder as it is now."""
    planned = plan(original, folder, api, decoder.reads)
    if isinstance(planned, str):
        return Refused(planned)
    space = original.colours
    is_other = space is not None and space.profile is not None and decoder.is_other_than_srgb(space.profile)
    other = space.words if space is not None and is_other else None
    return Appraisal(original, planned, sendable.reasons_to_convert(original, size, other_colours=other))


def plan(original: Original, folder: Folder, api: Api, reads: Collection[Format]) -> Parameters | str:
    """What is asked of the service for a picture under its folder as it is now, or why nothing is."""
    picture = original.picture
    if picture.format not in reads:
        return MISSING.get(picture.format, f"{picture.format} pictures cannot be decoded here")
    if folder.pages == "fail" and original.besides is not None:
        return f"beside its first picture it holds {original.besides}, and this folder has `pages: fail`"
    objection = sendable.objection(picture)
    if objection is not None:
        return objection
    width, height = original.upright
    planned = endpoint.plan(
        folder.profile, width, height, dialect=api.dialect, oversize=folder.oversize, price=api.price
    )
    if isinstance(planned, endpoint.Refusal):
        return planned.reason
    return _cannot_hold(folder.format, planned.width, planned.height) or planned


def _cannot_hold(form: OutputFormat, width: int, height: int) -> str | None:
    """Why a result could not be written as the folder wants it; None: it can."""
    side, pixels = output_formats.limits(form)
    if max(width, height) <= side and width * height <= pixels:
        return None
    return f"its result of {width}x{height} pixels is more than {form.type} can be written with here: png or tiff can"


def too_large(size: int) -> str:
    """The words for a file that is not even read whole."""
    return f"{size:,} bytes: files up to {sendable.MOST_FILE_BYTES:,} are read"
