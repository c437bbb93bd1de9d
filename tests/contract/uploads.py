"""A picture with what is asked for it, as a call gets it."""

from __future__ import annotations

import io
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, BinaryIO

from tests.fakes.pictures import picture
from watchd.core.request import endpoint
from watchd.model import Parameters, Price, Profile

if TYPE_CHECKING:
    from watchd.core.request.endpoint import Dialect

GOLD = Profile(
    "gold", enhance=True, enhance_prompt='g\u00f6ld, "marble"\r\n--x', enhance_creativity=0.25, replication=0.1
)
PLAIN = Profile("plain")


@dataclass(frozen=True)
class PictureUpload:
    """Implements `interfaces.Upload`."""

    data: bytes
    parameters: Parameters
    picture_format: str = "png"

    @property
    def size(self) -> int:
        return len(self.data)

    def open(self) -> BinaryIO:
        return io.BytesIO(self.data)


def parameters(profile: Profile = PLAIN, dialect: Dialect = "enhance") -> Parameters:
    """For a picture of 256 x 256 pixels."""
    planned = endpoint.plan(profile, 256, 256, dialect=dialect, oversize="fit", price=Price())
    assert isinstance(planned, Parameters)
    return planned


def upload(profile: Profile = PLAIN, seed: int = 1, dialect: Dialect = "enhance") -> PictureUpload:
    """A picture that the service takes."""
    return PictureUpload(picture(seed), parameters(profile, dialect))


def heavy(size: int = 12_000_000) -> PictureUpload:
    """More bytes than sockets hold on their way; only for servers that do not look at them."""
    return PictureUpload(os.urandom(size), parameters())
