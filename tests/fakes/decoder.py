"""Whoever decodes pictures, as far as judging a file asks."""

from __future__ import annotations

from watchd.formats.picture import Format


class Decodes:
    """Every format; no profile is another than sRGB."""

    reads = tuple(Format)

    def is_other_than_srgb(self, icc: bytes) -> bool:
        return not icc
