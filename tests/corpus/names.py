"""Names: suffixes of every kind that people use, and files that are not what their name says. All generated here.

Source: the registries of media types, and the trackers that are named with each entry.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.corpus.bmp import true_colour
from tests.corpus.chart import saved
from tests.corpus.entry import Done, Shelf, Unseen
from tests.corpus.isobmff_pictures import avif, heic
from tests.corpus.jpeg2000_pictures import jp2
from tests.corpus.jpeg_bytes import jpeg
from tests.corpus.png_bytes import png
from tests.corpus.tiff_bytes import baseline, tiff
from tests.corpus.webp import webp

if TYPE_CHECKING:
    from PIL import Image

    from tests.corpus.entry import Maker

SHELF = Shelf("names")
LOSSY = Done(tolerance=16)


def gif(chart: Image.Image) -> bytes:
    """Few colours."""
    return saved(chart.quantize(256), "GIF")


def raw_tiff(chart: Image.Image) -> bytes:
    """Uncompressed."""
    return tiff(baseline(chart))


BMP = true_colour()
SUFFIXES: dict[str, tuple[Maker, str]] = {
    "chrome.jfif": (jpeg, "upscayl PR#983: Windows and Chrome save JPEG so"), "old.jpe": (jpeg, "photoprism PR#2693"),
    "long.jpeg": (jpeg, "ISO/IEC 10918"), "camera.JPG": (jpeg, "cameras"), "camera.JPEG": (jpeg, "cameras"),
    "mixed.JpG": (jpeg, "people"), "one-picture.mpo": (jpeg, "a stereo camera's plain picture"),
    "still.apng": (png, "an APNG that does not move"), "shouted.PNG": (png, "Windows"),
    "shouted.WEBP": (webp, "people"),
    "fax.tiff": (raw_tiff, "TIFF 6.0"), "fax.TIF": (raw_tiff, "scanners"), "clip.dib": (BMP, "Windows' clipboard"),
    "shouted.BMP": (BMP, "Windows"), "shouted.GIF": (gif, "people"), "camera.HEIC": (heic, "phones"),
    "camera.hif": (heic, "Sony, Canon, Fuji"), "shouted.AVIF": (avif, "people"), "archive.j2k": (jp2, "libraries"),
    "archive.JP2": (jp2, "libraries"), "archive.jpx": (jp2, "libraries"),
}  # fmt: skip
for _name, (_make, _source) in SUFFIXES.items():
    SHELF.add(f"suffix-{_name}", _make, _source, LOSSY)

WRONG: dict[str, tuple[Maker, str]] = {
    "jpeg-called.png": (jpeg, "immich#15074 and kin: browsers rename"), "png-called.jpg": (png, "messengers rename"),
    "webp-called.jpg": (webp, "web sites serve one as the other"), "webp-called.png": (webp, "web sites"),
    "avif-called.jpg": (avif, "content delivery networks"),
    "heic-called.jpg": (heic, "phones' exports: photoprism#1390"),
    "heic-called.png": (heic, "phones' screenshots"), "gif-called.jpg": (gif, "old web pages"),
    "bmp-called.jpg": (BMP, "Windows' Paint"),
    "tiff-called.jpg": (raw_tiff, "scanners"), "jpeg-called.tif": (jpeg, "scanners"),
    "jp2-called.jpg": (jp2, "archives"),
    "jpeg-called.webp": (jpeg, "converters"), "jpeg-called.heic": (jpeg, "converters"),
    "png-called.bmp": (png, "converters"),
    "png-called.gif": (png, "converters"), "bmp-called.png": (BMP, "game tools"),
}  # fmt: skip
for _name, (_make, _source) in WRONG.items():
    SHELF.add(_name, _make, f"{_source}: the bytes have the word", LOSSY)

ODD = {
    "two.dots.in.it.jpg": "people", "a blank in it.jpg": "people", "Übergröße 灯台.jpg": "people everywhere",
    "-begins-with-a-dash.jpg": "programs that take it for an option",
    "100%.jpg": "formats of printf", "{stem}.jpg": "templates", "quote'it\".jpg": "shells", "semi;colon&.jpg": "shells",
    "ends.in.png.jpg": "a suffix within", "IMG_0001 (1).jpg": "browsers' copies", "[brackets].jpg": "globs",
    "star*.jpg": "globs",
    "tab\there.jpg": "archives", "e\u0301-decomposed.jpg": "macOS",
}  # fmt: skip
for _name, _source in ODD.items():
    SHELF.add(_name, jpeg, _source, LOSSY)

NONE_OF_OURS = Unseen("include|not a picture|suffix|none of")
OTHERS = ("no-suffix-at-all", "picture.jpg.txt", "picture.xyz", "picture.jpg_old", "picturejpg")
for _name in OTHERS:
    SHELF.add(_name, jpeg, "a name that no pattern of `include` matches", NONE_OF_OURS)
JUNK = Unseen("hidden|junk|list")
for _name in (
    ".hidden.jpg",
    "picture.jpg.part",
    "picture.jpg~",
    "._picture.jpg",
    "picture.crdownload",
    "~$picture.jpg",
):
    SHELF.add(_name, jpeg, "hidden, or not yet there", JUNK)
SHELF.add("._resource.jpg", lambda _: b"\0\x05\x16\x07" + bytes(4000), "macOS: the fork of a picture", JUNK)
