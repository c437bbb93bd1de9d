"""What an output may be written as: how large, how it is called, and what of the answer it can hold."""

from __future__ import annotations

from typing import Final

from watchd.model import OutputFormat

_EXTENSIONS: Final = {"png": "png", "jpeg": "jpg", "webp": "webp", "tiff": "tif", "avif": "avif"}
_ON_ONE_CANVAS: Final = 150_000_000
"""Pixels that lie in memory as a whole where a format can only be written so: 600 MB."""
_LIMITS: Final = {
    "png": (2**31 - 1, 2_000_000_000),
    "tiff": (2**31 - 1, 900_000_000),  # a classic TIFF ends at 4 GB, and a pixel has four bytes at most
    "jpeg": (65_500, _ON_ONE_CANVAS),
    "webp": (16_383, _ON_ONE_CANVAS),
    "avif": (65_535, _ON_ONE_CANVAS),
}

START: Final = {
    "png": b"\x89PNG\r\n\x1a\n", "tiff": b"II*\0", "jpeg": b"\xff\xd8\xff", "webp": b"RIFF", "avif": b"\0\0\0",
}  # fmt: skip
"""How a file of each type begins."""


def limits(form: OutputFormat) -> tuple[int, int]:
    """The longest side and the most pixels that can be written."""
    side, pixels = _LIMITS[form.type]
    return side, pixels // 2 if form.bit_depth == 16 else pixels  # noqa: PLR2004 -- bits


def extension(form: OutputFormat) -> str:
    """What the name of such a file ends with, without the dot."""
    return _EXTENSIONS[form.type]


def holds_alpha(form: OutputFormat) -> bool:
    """Whether it can say how opaque a pixel is; else the output lies on white."""
    return form.type != "jpeg"


def is_lossless(form: OutputFormat) -> bool:
    """Whether every pixel comes back as it was."""
    return form.type in {"png", "tiff"} or (form.type == "webp" and bool(form.lossless))


LOSSLESS: Final = OutputFormat()
"""The answer as it came."""
DEFAULT_QUALITY: Final = {"jpeg": 92, "webp": 90, "avif": 85}
"""Where nobody would tell the output from the result."""


def quality(form: OutputFormat) -> int:
    """1 to 100; 100 where nothing is lost."""
    return 100 if is_lossless(form) else form.quality or DEFAULT_QUALITY[form.type]


def written(form: OutputFormat) -> str | None:
    """How an output is written, for the ledger: type and, where it is lossy, quality; None: its name says it."""
    if form.type in {"png", "tiff"}:
        return None
    return form.type if is_lossless(form) else f"{form.type} {quality(form)}"


def is_as_answered(form: OutputFormat) -> bool:
    """Whether the service's answer, a PNG, is such a file already, encoded as the folder wants it."""
    return form.type == "png" and form.compression is None and form.bit_depth is None
