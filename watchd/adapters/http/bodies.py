"""Request bodies of known length, produced piece by piece: multipart, or JSON with base64.

The length must be known before the first byte leaves, since the last bytes are held back until the ledger has them
as armed; a request whose last bytes never came cannot have been run.
"""

from __future__ import annotations

import base64
import json
import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING, BinaryIO

if TYPE_CHECKING:
    from collections.abc import Iterator

    from watchd.interfaces import Upload

CHUNK_BYTES = 256 * 1024
HELD_BACK_BYTES = 512
"""Bytes held back until the call is armed: the end of the picture with the end of the body."""


@dataclass(frozen=True, slots=True)
class Body:
    """One request's body: its type, its whole length in bytes, and what stands before and behind the picture."""

    content_type: str
    length: int
    head: bytes
    tail: bytes
    as_base64: bool

    def pieces(self, picture: BinaryIO) -> Iterator[bytes]:
        """The body in order, in pieces of some 256 KiB."""
        held = self.head
        for chunk in _encoded(picture) if self.as_base64 else _plain(picture):
            yield held
            held = chunk
        yield held + self.tail


def multipart(upload: Upload) -> Body:
    """A form with the fields and one file under a neutral name: what the owner calls it is nobody's business."""
    boundary = f"watchd-{secrets.token_hex(16)}"
    parts = [
        f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{_as_text(value)}\r\n'
        for name, value in upload.parameters.fields
    ]
    parts.append(
        f'--{boundary}\r\nContent-Disposition: form-data; name="image"; filename="image.{_extension(upload)}"\r\n'
        f"Content-Type: image/{upload.picture_format}\r\n\r\n"
    )
    head, tail = "".join(parts).encode(), f"\r\n--{boundary}--\r\n".encode()
    length = len(head) + upload.size + len(tail)
    return Body(f"multipart/form-data; boundary={boundary}", length, head, tail, as_base64=False)


def as_json(upload: Upload) -> Body:
    """The fields with the picture as raw base64, last."""
    empty = json.dumps({**dict(upload.parameters.fields), "image": ""})
    head, tail = empty[:-2].encode(), empty[-2:].encode()
    length = len(head) + 4 * ((upload.size + 2) // 3) + len(tail)
    return Body("application/json", length, head, tail, as_base64=True)


def holding_back(pieces: Iterator[bytes], total: int) -> Iterator[tuple[bytes, bool]]:
    """The pieces again, cut so that the last `HELD_BACK_BYTES` bytes come alone, marked True."""
    before_last = max(0, total - HELD_BACK_BYTES)
    gone, end = 0, b""
    for piece in pieces:
        cut = max(0, min(len(piece), before_last - gone))
        gone += cut
        if cut:
            yield piece[:cut], False
        end += piece[cut:]
    yield end, True


def _as_text(value: str | float | bool) -> str:  # noqa: FBT001 -- a field of the form is what it is
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


def _extension(upload: Upload) -> str:
    return "jpg" if upload.picture_format == "jpeg" else upload.picture_format


def _plain(picture: BinaryIO) -> Iterator[bytes]:
    while chunk := picture.read(CHUNK_BYTES):
        yield chunk


def _encoded(picture: BinaryIO) -> Iterator[bytes]:
    while chunk := picture.read(CHUNK_BYTES // 4 * 3):
        yield base64.b64encode(chunk)
