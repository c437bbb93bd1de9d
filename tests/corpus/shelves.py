"""All shelves of the corpus."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from tests.corpus import (
    bmp,
    gif,
    isobmff_pictures,
    jpeg2000_pictures,
    jpeg_arithmetic,
    jpeg_beside,
    jpeg_coding,
    jpeg_ends,
    names,
    not_pictures,
    png_beside,
    png_pixels,
    png_streams,
    tiff_directories,
    tiff_pixels,
    tiff_samples,
    webp,
)

if TYPE_CHECKING:
    from tests.corpus.entry import Entry

SHELVES: Final = {
    "jpeg-coding": jpeg_coding.SHELF.entries + jpeg_arithmetic.SHELF.entries,
    "jpeg-ends": jpeg_ends.SHELF.entries,
    "jpeg-beside": jpeg_beside.SHELF.entries,
    "png-pixels": png_pixels.SHELF.entries,
    "png-streams": png_streams.SHELF.entries,
    "png-beside": png_beside.SHELF.entries,
    "tiff-pixels": tiff_pixels.SHELF.entries,
    "tiff-samples": tiff_samples.SHELF.entries,
    "tiff-directories": tiff_directories.SHELF.entries,
    "webp": webp.SHELF.entries,
    "gif": gif.SHELF.entries,
    "bmp": bmp.SHELF.entries,
    "isobmff": isobmff_pictures.SHELF.entries,
    "jpeg2000": jpeg2000_pictures.SHELF.entries,
    "names": names.SHELF.entries,
    "not-pictures": not_pictures.SHELF.entries,
}
"""One for each module: about as many entries as one run of the program has time for."""


def every_entry() -> list[Entry]:
    """The whole corpus."""
    return [entry for entries in SHELVES.values() for entry in entries]
