"""Adobe RGB as cameras say it: by two tags of EXIF and without a profile (DCF's optional files, named with a "_").

Sources: CIPA DC-009 (DCF 2.0), 4.5 and annex B; Exif 2.32 (CIPA DC-008), 4.6.5 and 4.6.7; Adobe RGB (1998), 4.3.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Final

from watchd.formats import tiff
from watchd.formats.colour import icc_profile
from watchd.formats.colour.icc_profile import Primaries

_COLOUR_SPACE, _INTEROPERABILITY, _INDEX = 0xA001, 0xA005, 0x0001
_SRGB, _ADOBE, _UNCALIBRATED = 1, 2, 0xFFFF
"""2 is no number of the standard's, and written all the same."""
_OPTION_FILE: Final = b"R03\0"
_BASIC_FILE: Final = b"R98\0"
_SHORT: Final = 3
_PRIMARIES: Final = Primaries((0.64, 0.33), (0.21, 0.71), (0.15, 0.06), (0.3127, 0.3290))
_GAMMA: Final = 563 / 256


def is_adobe_rgb(block: bytes) -> bool:
    """Whether a block of EXIF, or a TIFF itself, says so."""
    space, index = _tags(tiff.Reader(block))
    reader = tiff.Reader(block)
    said = reader.integer(space)
    of_kind = reader.raw(index) or b""
    if said == _ADOBE:
        return not of_kind.startswith(_BASIC_FILE)
    return said == _UNCALIBRATED and of_kind.startswith(_OPTION_FILE)


@lru_cache(maxsize=1)
def adobe_rgb() -> bytes | None:
    """Its profile."""
    return icc_profile.of_rgb(_PRIMARIES, [icc_profile.gamma(_GAMMA)])


def _tags(reader: tiff.Reader) -> tuple[tiff.Tag | None, tiff.Tag | None]:
    """The colour space, and the index of interoperability."""
    first = next(iter(reader.pages()), None) or {}
    taken = _linked(reader, first.get(tiff.EXIF))
    return taken.get(_COLOUR_SPACE), _linked(reader, taken.get(_INTEROPERABILITY)).get(_INDEX)


def _linked(reader: tiff.Reader, link: tiff.Tag | None) -> dict[int, tiff.Tag]:
    found = reader.directory(reader.integer(link)) if link is not None else None
    return found[0] if found is not None else {}
