"""What the bytes of a file come to under its folder: a picture with what is asked of the service, or why it is none.

Asked when a file is admitted, again when it is claimed, and by whoever only wants to know.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, assert_never

from watchd.core.outgoing import output_formats
from watchd.core.request import endpoint, sendable
from watchd.formats import containers
from watchd.formats.metadata.collecting import Metadata, collect
from watchd.formats.picture import Format, Incomplete, Picture, Unreadable

if TYPE_CHECKING:
    from collections.abc import Collection

    from watchd.model import Api, Folder, OutputFormat, Parameters

MISSING: Final = {Format.HEIC: "it is a HEIC picture, which needs an extra: pip install 'watchd[heic]'"}


@dataclass(frozen=True, slots=True)
class Appraisal:
    """A picture, what its file says beside the pixels, and what is asked for it."""

    picture: Picture
    metadata: Metadata
    parameters: Parameters


@dataclass(frozen=True, slots=True)
class Refused:
    """Nothing is asked for it, and why; waiting helps nothing."""

    reason: str


def appraise(data: bytes, folder: Folder, api: Api, reads: Collection[Format]) -> Appraisal | Incomplete | Refused:
    """Judge all the bytes of a file. `reads`: the formats that can be decoded here."""
    match containers.inspect(data):
        case Picture() as picture:
            metadata = collect(data, picture.format)
            planned = plan(picture, metadata, folder, api, reads)
            return Refused(planned) if isinstance(planned, str) else Appraisal(picture, metadata, planned)
        case Incomplete() as incomplete:
            return incomplete
        case Unreadable(reason):
            return Refused(f"not a picture that can be sent: {reason}")
        case unexpected:
            assert_never(unexpected)


def plan(picture: Picture, metadata: Metadata, folder: Folder, api: Api, reads: Collection[Format]) -> Parameters | str:
    """What is asked of the service for a picture under its folder as it is now, or why nothing is."""
    if picture.format not in reads:
        return MISSING.get(picture.format, f"{picture.format} pictures cannot be decoded here")
    objection = sendable.objection(picture)
    if objection is not None:
        return objection
    width, height = sendable.upright(picture, metadata)
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
