"""Pictures that are not read, told by their names: whoever drops them waits for nothing, and is to know.

Sources: the makers' own names for their raw files, as LibRaw lists them; the programs' own for the others.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

_ENDINGS: Final = {
    "camera raw": (
        "dng cr2 cr3 crw nef nrw arw sr2 srf raf orf rw2 rwl pef ptx srw x3f 3fr fff iiq mos mef mrw kdc dcr erf raw"
    ),
    "Photoshop": "psd psb", "SVG": "svg svgz", "PDF": "pdf", "PostScript": "ai eps ps", "JPEG XL": "jxl", "GIMP": "xcf",
    "OpenEXR": "exr", "Radiance": "hdr", "TGA": "tga", "icon": "ico", "Affinity Photo": "afphoto", "CorelDRAW": "cdr",
}  # fmt: skip
_KINDS: Final = {ending: kind for kind, endings in _ENDINGS.items() for ending in endings.split()}


def kind_of(name: str) -> str | None:
    """The kind of a file that looks like a picture and is not read, by its name's ending; None: it is none."""
    return _KINDS.get(name.rpartition(".")[2].lower())


def in_words(unread: Mapping[str, int]) -> str:
    """How many files of which kinds are not read."""
    return ", ".join(f"{number} {kind}" for kind, number in sorted(unread.items()))
