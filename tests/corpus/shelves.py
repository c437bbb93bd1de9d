"""All shelves of the corpus."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from tests.corpus import jpeg_beside, jpeg_coding, jpeg_ends

if TYPE_CHECKING:
    from tests.corpus.entry import Entry

SHELVES: Final = {
    "jpeg-coding": jpeg_coding.SHELF.entries,
    "jpeg-ends": jpeg_ends.SHELF.entries,
    "jpeg-beside": jpeg_beside.SHELF.entries,
}


def every_entry() -> list[Entry]:
    """The whole corpus."""
    return [entry for entries in SHELVES.values() for entry in entries]
