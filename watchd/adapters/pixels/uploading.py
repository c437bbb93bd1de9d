"""What is sent of a picture that cannot go out as it is: as little lost as the service's limit on a file allows."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Final

from watchd.formats.picture import Format

if TYPE_CHECKING:
    from PIL import Image

_LEVEL: Final = 4
"""Of zlib: the upload is a few percent larger than at the best level, and made in a third of the time."""
_QUALITIES: Final = (98, 95, 92, 88)
"""Tried in turn where a file without any loss is too large; below the last one a loss could be seen."""


class _FullError(Exception):
    """It would be larger than it may be."""


class _Bounded(io.BytesIO):
    """A file in memory that ends an encoder which writes more than it may."""

    def __init__(self, most: int) -> None:
        super().__init__()
        self._most = most

    def write(self, data: object) -> int:
        written = super().write(data)  # type: ignore[arg-type]  # as the encoder has it
        if self.tell() > self._most:
            raise _FullError
        return written


def encode(image: Image.Image, most: int) -> tuple[Format, bytes] | None:
    """A PNG of at most `most` bytes, else a JPEG (with alpha: a WebP) of the highest quality that is; None: nothing is.

    `image`: of mode L, LA, RGB or RGBA.
    """
    whole = _saved(image, most, "PNG", compress_level=_LEVEL)
    if whole is not None:
        return Format.PNG, whole
    for quality in _QUALITIES:
        if image.mode in {"LA", "RGBA"}:
            kind, lossy = Format.WEBP, _saved(image.convert("RGBA"), most, "WEBP", quality=quality, method=2)
        else:
            kind, lossy = Format.JPEG, _saved(image, most, "JPEG", quality=quality, subsampling=0)
        if lossy is not None:
            return kind, lossy
    return None


def _saved(image: Image.Image, most: int, kind: str, **options: int) -> bytes | None:
    target = _Bounded(most)
    try:
        image.save(target, kind, **options)
    except _FullError:
        return None
    return target.getvalue()
