"""Is a file's container proven whole, and how large is the picture in it: asked before a cent is spent on it.

No pixel is decoded, so that a hostile file costs no memory; what each format's proof covers stands in its own module.
Where only decoding can tell (`Unended`), `closings` are what is to be decoded, and `ended` is what the picture is then.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from watchd.formats import bmp, foreign, gif, isobmff, jpeg, jpeg2000, jpeg_closing, tiff, webp
from watchd.formats.picture import Format, Incomplete, Picture, Unreadable
from watchd.formats.png import mending, png_chunks
from watchd.formats.png.mending import PngWalked
from watchd.formats.png.proof import PngProof

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from watchd.formats.picture import Unended, Verdict

__all__ = ["Format", "Incomplete", "Picture", "PngProof", "Unreadable", "closings", "ended", "inspect", "mended"]

_FORMATS: Final = {
    png_chunks.SIGNATURE: mending.inspect, jpeg.START: jpeg.inspect, webp.RIFF: webp.inspect, bmp.START: bmp.inspect,
    jpeg2000.BOXES: jpeg2000.inspect, jpeg2000.CODESTREAM: jpeg2000.inspect,
    **dict.fromkeys(gif.STARTS, gif.inspect), **dict.fromkeys(tiff.STARTS, tiff.inspect),
}  # fmt: skip
_ENDS: Final[Mapping[Format, Callable[[bytes, int], bytes]]] = {
    Format.JPEG: jpeg_closing.ended, Format.PNG: lambda data, _: mending.mended(data), Format.GIF: gif.ended,
    Format.WEBP: webp.ended, Format.JPEG2000: jpeg2000.ended, Format.AVIF: lambda data, _: isobmff.ended(data),
}  # fmt: skip
_READ: Final = "JPEG, PNG, WebP, TIFF, BMP, GIF, AVIF, JPEG 2000 and HEIC"
_BOXES: Final = slice(4, 8)
# No signature is longer. A copy in progress may hold a part of one only, zeros after it.
_LEADING: Final = 12


def inspect(data: bytes) -> Verdict:
    """Judge all the bytes of a file (tens of MB; about 1 ms each MB).

    Picture: whole, with the size as stored (EXIF orientation not applied).
    Incomplete: empty, cut anywhere, or with zeros where a copying program has made room and not yet written.
    Unreadable: another format (named), damaged, or with a header that no decoder accepts.
    """
    if not data:
        return Incomplete("it is empty")
    for signature, look in _FORMATS.items():
        if data.startswith(signature):
            return look(data)
    if data[_BOXES] == b"ftyp" and (len(data) <= _LEADING or isobmff.kind_of(data) is not None):
        return isobmff.inspect(data)
    if not data[: _LEADING // 3].strip(b"\0"):
        return Incomplete("it begins with zeros: it may still be copied")
    written = data[:_LEADING].rstrip(b"\0")
    if any(signature.startswith(written) for signature in _FORMATS):
        return Incomplete("only its first bytes are there")
    return Unreadable(f"it is {foreign.name_of(data)}; only {_READ} are read")


def closings(data: bytes, unended: Unended) -> tuple[bytes, ...]:
    """Files that all decode, and to the same pixels, if and only if the picture of an `Unended` is all there."""
    if unended.picture.format is Format.JPEG:
        return jpeg_closing.closings(data, unended.end)
    return (ended(data, unended),)


def ended(data: bytes, unended: Unended) -> bytes:
    """The picture of an `Unended` as a file of its own, which `inspect` calls a Picture where its format can be ended.

    A TIFF, BMP or HEIC stays as it is: its decoder reads what is there.
    """
    end = _ENDS.get(unended.picture.format)
    return data if end is None else end(data, unended.end)


def mended(data: bytes, picture: Picture) -> bytes:
    """The same picture as strict decoders read it; mostly the same object."""
    is_sound = isinstance(picture.outline, PngWalked) and picture.outline.is_sound
    return data if is_sound or picture.format is not Format.PNG else mending.mended(data)
