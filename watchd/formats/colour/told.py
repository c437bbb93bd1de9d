"""Which space a file's pixels are in: all that it says of that, in the order that its format gives, as one ICC profile.

The order: PNG (third edition, 4.3): cICP, iCCP, sRGB, gAMA and cHRM. AVIF and HEIF: a profile before `nclx`, as libavif
and Chromium have it for stills. JPEG 2000: a profile before numbers. TIFF, BMP: a profile before figures. Last, in all
of them, Adobe RGB by EXIF (DCF). A profile that says by a `cicp` tag of its own that it is HDR is taken by that.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from watchd.formats import isobmff, jpeg2000
from watchd.formats.colour import calibrated, cicp, dcf, icc_profile
from watchd.formats.picture import Colour, Format
from watchd.formats.png import png_chunks

if TYPE_CHECKING:
    from watchd.formats.colour.calibrated import Calibrated
    from watchd.formats.metadata.collecting import Metadata
    from watchd.formats.picture import Picture

_OF_COLOUR: Final = frozenset({b"cICP", b"sRGB", b"gAMA", b"cHRM"})
_CICP_BYTES: Final = 4
_RGB_MATRIX: Final = 0


@dataclass(frozen=True, slots=True)
class ColourTold:
    """What a file says of its colours. `profile`: the space that they are in; None: sRGB.

    `words`: why they are converted, where that is done, completing the sentence "it is converted: …". `hdr`: they are
    brighter than a display's white, and are tone-mapped. `overrules`: the profile that the metadata has is not theirs.
    """

    profile: bytes | None
    words: str
    hdr: bool = False
    overrules: bool = False


def told_by(data: bytes, picture: Picture, metadata: Metadata) -> ColourTold | None:
    """Whatever the bytes are, nothing is raised. None: nothing is said, or that they are sRGB."""
    if picture.format is Format.PNG:
        return _by_png(data, picture, metadata)
    if metadata.icc is not None:
        return _by_profile(metadata.icc)
    grey = picture.colour is Colour.GREY
    match picture.format:
        case Format.AVIF | Format.HEIC:
            found = _by_numbers(_in_stills(isobmff.nclx(data)), "nclx box", grey=grey)
        case Format.JPEG2000:
            found = _by_numbers(_in_stills(jpeg2000.coding_points(data)), "colour box", grey=grey)
        case Format.TIFF:
            found = _by_figures(calibrated.of_tiff(data, picture))
        case Format.BMP:
            found = _by_figures(calibrated.of_bmp(data))
        case _:
            found = None
    return found or _by_camera(data, picture, metadata)


def _by_png(data: bytes, picture: Picture, metadata: Metadata) -> ColourTold | None:
    chunks, grey = _chunks_of_colour(data), picture.colour is Colour.GREY
    numbers = chunks.get(b"cICP", b"")
    if len(numbers) == _CICP_BYTES and numbers[2] == _RGB_MATRIX:
        overrules = metadata.icc is not None
        if cicp.is_srgb(numbers[0], numbers[1]):
            return ColourTold(None, "its cICP chunk says sRGB", overrules=True) if overrules else None
        found = _by_numbers((numbers[0], numbers[1]), "cICP chunk", grey=grey, overrules=overrules)
        if found is not None:
            return found
    if metadata.icc is not None:
        return _by_profile(metadata.icc)
    if b"sRGB" in chunks:
        return None
    if b"gAMA" in chunks or b"cHRM" in chunks:
        return _by_figures(calibrated.of_png(chunks, grey=grey))
    return _by_camera(data, picture, metadata)


def _chunks_of_colour(data: bytes) -> dict[bytes, bytes]:
    found: dict[bytes, bytes] = {}
    for kind, start, end in png_chunks.chunks(data):
        if kind == b"IDAT":
            break
        if kind in _OF_COLOUR:
            found.setdefault(kind, data[start + png_chunks.HEADER_BYTES : end - png_chunks.CRC_BYTES])
    return found


def _by_profile(profile: bytes) -> ColourTold:
    numbers = icc_profile.coding_points(profile)
    if numbers is not None:
        coded = cicp.space(*numbers, grey=False)
        if coded is not None and coded.hdr is not None:
            return ColourTold(coded.icc, _in_hdr(coded.hdr), hdr=True)
    return ColourTold(profile, "its colour profile is no sRGB")


def _in_stills(numbers: tuple[int, int] | None) -> tuple[int, int] | None:
    return None if numbers is None else (numbers[0], cicp.in_stills(numbers[1]))


def _in_hdr(kind: str) -> str:
    return f"its colours are HDR ({kind}): tone-mapped to sRGB"


def _by_numbers(
    numbers: tuple[int, int] | None, where: str, *, grey: bool, overrules: bool = False
) -> ColourTold | None:
    coded = cicp.space(*numbers, grey=grey) if numbers is not None else None
    if coded is None:
        return None
    words = _in_hdr(coded.hdr) if coded.hdr is not None else f"its colours are {coded.name} by its {where}"
    return ColourTold(coded.icc, words, coded.hdr is not None, overrules)


def _by_figures(found: Calibrated | None) -> ColourTold | None:
    return None if found is None else ColourTold(found.icc, f"its colours are no sRGB by {found.by}")


def _by_camera(data: bytes, picture: Picture, metadata: Metadata) -> ColourTold | None:
    block = data if picture.format is Format.TIFF else metadata.exif or b""
    if picture.colour in {Colour.CMYK, Colour.OTHER} or not dcf.is_adobe_rgb(block):
        return None
    return ColourTold(dcf.adobe_rgb(), "its colours are Adobe RGB by its EXIF (DCF)")
