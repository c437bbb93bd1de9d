"""What an XMP packet says of a picture's form, made true of the result: sizes, way up, colours, and what is gone.

Sources: ISO 16684-1; XMP specification part 2; Google's camera, depth and panorama metadata; Adobe's gain maps.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from watchd.formats.metadata import xmp_regions
from watchd.formats.metadata.xmp_packet import DC, EXIF, NOTE, PHOTOSHOP, TIFF, XMP, Packet, Property
from watchd.formats.picture import Format

_GOOGLE: Final = "http://ns.google.com/photos/"
_GONE_SPACES: Final = (
    f"{_GOOGLE}1.0/container/", f"{_GOOGLE}1.0/depthmap/", f"{_GOOGLE}1.0/image/", f"{_GOOGLE}dd/1.0/",
    "http://ns.adobe.com/hdr-gain-map/", "http://ns.apple.com/HDRGainMap/", "http://ns.apple.com/pixeldatainfo/",
    "http://ns.apple.com/depthData/", "http://ns.apple.com/depthBlurEffect/", "http://ns.xiaomi.com/photos/",
    "http://ns.apple.com/portraitLightingEffect", "http://ns.apple.com/semanticSegmentationMatte/",
)  # fmt: skip
"""Of films, gain maps, depth and second pictures, none of which a result has."""
_GONE_BEGINNINGS: Final = ("MotionPhoto", "MicroVideo")
_GONE: Final = frozenset({
    (NOTE, "HasExtendedXMP"), (XMP, "Thumbnails"), (PHOTOSHOP, "ICCProfile"), (PHOTOSHOP, "ColorMode"),
    (TIFF, "BitsPerSample"), (TIFF, "Compression"), (TIFF, "PhotometricInterpretation"), (TIFF, "SamplesPerPixel"),
    (TIFF, "PlanarConfiguration"), (TIFF, "YCbCrSubSampling"), (TIFF, "YCbCrPositioning"), (TIFF, "NativeDigest"),
    (EXIF, "NativeDigest"), (EXIF, "CompressedBitsPerPixel"),
    ("http://ns.oplus.com/photos/1.0/camera/", "VideoLength"),
})  # fmt: skip
_PANORAMA: Final = f"{_GOOGLE}1.0/panorama/"
_MIME: Final = {
    Format.PNG: "image/png", Format.JPEG: "image/jpeg", Format.WEBP: "image/webp", Format.TIFF: "image/tiff",
    Format.AVIF: "image/avif",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Rendition:
    """A result as what is said beside it must fit it: `width` x `height` upright pixels, `scale` times the original's.

    `orientation`: how the original's pixels had to be turned, 1 to 8. `in_srgb`: its colours were converted.
    """

    width: int
    height: int
    scale: float
    orientation: int
    in_srgb: bool
    format: Format


def make_true(packet: Packet, rendition: Rendition) -> None:
    """Take out what is true no longer, and put right what can be."""
    values = _values(rendition)
    for one in [*packet.properties()]:
        key = one.space, one.name
        if one.space.startswith(_GONE_SPACES) or one.name.startswith(_GONE_BEGINNINGS) or key in _GONE:
            one.remove()
        elif key in values:
            one.set(values[key])
        elif one.space == _PANORAMA:
            _scale(one, rendition.scale)
        elif key == xmp_regions.REGIONS:
            xmp_regions.turn(one, rendition.orientation, rendition.width, rendition.height)


def _values(rendition: Rendition) -> dict[tuple[str, str], str]:
    width, height = str(rendition.width), str(rendition.height)
    values = {
        (TIFF, "Orientation"): "1", (TIFF, "ImageWidth"): width, (TIFF, "ImageLength"): height,
        (EXIF, "PixelXDimension"): width, (EXIF, "PixelYDimension"): height,
    }  # fmt: skip
    if rendition.in_srgb:
        values[EXIF, "ColorSpace"] = "1"
    if rendition.format in _MIME:
        values[DC, "format"] = _MIME[rendition.format]
    return values


def _scale(one: Property, scale: float) -> None:
    """A length of the panorama that the picture is a part of; its angles stay."""
    if one.name.endswith("Pixels") or one.name.startswith("LargestValidInteriorRect"):
        try:
            one.set(str(round(float(one.value()) * scale)))
        except (ValueError, OverflowError):
            one.remove()
