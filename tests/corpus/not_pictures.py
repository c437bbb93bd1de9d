"""What is no picture, or one that is not read: each is told for what it is, and costs nothing. All generated here.

Sources: the signatures of each format's own specification.
"""

from __future__ import annotations

import gzip
import io
import json
import random
import struct
import tarfile
import zipfile
from typing import TYPE_CHECKING

from tests.corpus.chart import saved
from tests.corpus.entry import Failed, Shelf, Unseen, always
from tests.corpus.tiff_bytes import ASCII, BYTE, LONG, MAKE, SHORT, Page, baseline, described, tiff

if TYPE_CHECKING:
    from PIL import Image

SHELF = Shelf("not-pictures")
EVIDENT = "its first bytes"
NOT_READ = "none of the formats that are read"


def zipped(name: str, body: bytes) -> bytes:
    """An archive of one file."""
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as archive:
        archive.writestr(name, body)
    return target.getvalue()


def tarred(body: bytes) -> bytes:
    """An archive of one file."""
    target = io.BytesIO()
    with tarfile.open(fileobj=target, mode="w") as archive:
        told = tarfile.TarInfo("picture.jpg")
        told.size = len(body)
        archive.addfile(told, io.BytesIO(body))
    return target.getvalue()


SVG = b'<svg xmlns="http://www.w3.org/2000/svg" width="320" height="256"><rect width="320" height="256"/></svg>'
HTML = b"<!DOCTYPE html>\n<html><head><title>404 Not Found</title></head><body>gone</body></html>"
PSD = b"8BPS" + struct.pack(">H6xHIIHH", 1, 3, 256, 320, 8, 3) + bytes(12) + bytes(2 + 320 * 256 * 3)
PDF = b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n1 0 obj\n<< /Type /Catalog >>\nendobj\ntrailer << /Root 1 0 R >>\n%%EOF\n"
FILM = struct.pack(">I", 24) + b"ftypmp42" + bytes(4) + b"isommp42" + struct.pack(">I", 5008) + b"mdat" + bytes(5000)
FOREIGN: dict[str, tuple[bytes, str]] = {
    "svg": (SVG, "SVG"), "svg-with-its-declaration": (b'<?xml version="1.0"?>\n<!-- drawn -->\n' + SVG, "SVG|XML"),
    "html": (HTML, "HTML|web page"), "html-after-blank-lines": (b"\r\n\r\n" + HTML, "HTML|web page"),
    "xml": (b'<?xml version="1.0"?><Error><Code>AccessDenied</Code></Error>', "XML"),
    "json": (json.dumps({"error": "not found"}).encode(), "JSON"), "psd": (PSD, "Photoshop"), "pdf": (PDF, "PDF"),
    "postscript": (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 320 256\n", "PostScript"),
    "film": (FILM, "video|film|MP4"),
    "quicktime": (struct.pack(">I", 20) + b"ftypqt  " + bytes(8) + bytes(3000), "QuickTime|video"),
    "matroska": (b"\x1aE\xdf\xa3" + bytes(2000), "Matroska|video"),
    "avi": (b"RIFF" + struct.pack("<I", 2000) + b"AVI LIST" + bytes(1992), "AVI|video"),
    "wave": (b"RIFF" + struct.pack("<I", 2000) + b"WAVEfmt " + bytes(1992), "WAV|sound"),
    "zip": (zipped("picture.jpg", b"x" * 500), "ZIP"), "docx": (zipped("word/document.xml", b"<w/>"), "ZIP"),
    "gzip": (gzip.compress(b"x" * 5000), "gzip"),
    "tar": (tarred(b"x" * 3000), "only .* are read"), "elf": (b"\x7fELF" + bytes(500), "program"),
    "windows-program": (b"MZ" + bytes(500), "program|only .* are read"),
    "icon": (b"\0\0\1\0\1\0\x20\x20" + bytes(4000), "icon"), "xcf": (b"gimp xcf v011\0" + bytes(500), "GIMP"),
    "exr": (b"v/1\x01\x02\0\0\0" + bytes(500), "OpenEXR"),
    "jxl": (b"\xff\x0a" + random.Random(1).randbytes(3000), "JPEG XL"),
    "jxl-boxes": (b"\0\0\0\x0cJXL \r\n\x87\n" + bytes(200), "JPEG XL"),
    "mng": (b"\x8aMNG\r\n\x1a\n" + bytes(200), "MNG"),
    "jng": (b"\x8bJNG\r\n\x1a\n" + bytes(200), "JNG"), "raf": (b"FUJIFILMCCD-RAW 0201" + bytes(3000), "raw"),
    "rw2": (b"IIU\0\x18\0\0\0" + bytes(3000), "raw"),
    "orf": (b"IIRO\x08\0\0\0" + bytes(3000), "raw"), "cr2": (b"II*\0\x10\0\0\0CR\x02\0" + bytes(3000), "raw|copied"),
    "cr3": (struct.pack(">I", 24) + b"ftypcrx " + bytes(12) + bytes(3000), "raw"),
    "x3f": (b"FOVb" + bytes(3000), "raw"), "text": (b"This is no picture, it is a note.\n" * 20, "text"),
    "text-utf16": ("no picture".encode("utf-16"), "text|only .* are read"),
    "noise": (random.Random(2).randbytes(5000), "only .* are read"),
    "one-byte": (b"\x2a", "only .* are read|first bytes|truncated"),
    "zeros": (bytes(70_000), "zeros"), "ff": (b"\xff" * 70_000, "only .* are read|damaged|SOI|marker"),
    "link-of-windows": (b"L\0\0\0\x01\x14\x02\0" + bytes(300), "only .* are read"),
    "url-file": (b"[InternetShortcut]\r\nURL=https://example.org/picture.jpg\r\n", "text"),
    "git-lfs": (b"version https://git-lfs.github.com/spec/v1\noid sha256:0000\nsize 12345\n", "text"),
    "base64": (b"data:image/jpeg;base64,/9j/4AAQSkZJRgABAQ", "text"),
    "sqlite": (b"SQLite format 3\0" + bytes(500), "only .* are read"),
    "bom-and-html": (b"\xef\xbb\xbf" + HTML, "HTML|web page|text"),
    "wmf": (b"\xd7\xcd\xc6\x9a" + bytes(400), "only .* are read"),
    "dds": (b"DDS \x7c\0\0\0" + bytes(400), "only .* are read"),
    "ktx": (b"\xabKTX 11\xbb\r\n\x1a\n" + bytes(400), "only .* are read"),
    "fits": (b"SIMPLE  =                    T".ljust(2880), "text|only .* are read"),
    "dicom": (bytes(128) + b"DICM" + bytes(400), "zeros|only .* are read"),
}  # fmt: skip
for _name, (_body, _told) in FOREIGN.items():
    SHELF.add(f"{_name}.jpg", always(_body), EVIDENT, Failed(_told, NOT_READ))
for _suffix in ("png", "webp", "tif"):
    SHELF.add(f"html-called.{_suffix}", always(HTML), "a download that failed", Failed("HTML|web page"))
PORTABLE = "only .* are read|PPM|portable|text"
SHELF.add("ppm.jpg", lambda chart: saved(chart, "PPM"), "Netpbm", Failed(PORTABLE, NOT_READ))
SHELF.add("tga.jpg", lambda chart: saved(chart, "TGA"), "Truevision", Failed("only .* are read|zeros|copied", NOT_READ))
SHELF.add("pcx.jpg", lambda chart: saved(chart, "PCX"), "ZSoft", Failed("only .* are read", NOT_READ))
SHELF.add("sgi.jpg", lambda chart: saved(chart, "SGI"), "Silicon Graphics", Failed("only .* are read", NOT_READ))
SHELF.add(
    "icns.jpg", lambda chart: saved(chart.resize((256, 256)), "ICNS"), "Apple", Failed("only .* are read", NOT_READ)
)
SHELF.add("dds-whole.jpg", lambda chart: saved(chart, "DDS"), "Microsoft", Failed("only .* are read", NOT_READ))


def digital_negative(chart: Image.Image) -> bytes:
    """A DNG: a small picture first, the sensor's levels in a directory of its own."""
    tags = described((80, 64), subfile=(LONG, [1])) | {
        MAKE: (ASCII, b"Camera maker\0"), 50706: (BYTE, [1, 4, 0, 0]), 50708: (ASCII, b"A camera\0"),
    }  # fmt: skip
    small = Page(tags, [chart.resize((80, 64)).tobytes()])
    levels = Page(
        described(chart.size, (8,), 32803, subfile=(LONG, [0])) | {33421: (SHORT, [2, 2])},
        [chart.convert("L").tobytes()],
    )
    return tiff(small, levels)


SHELF.add("empty.jpg", always(b""), "a copy that has not begun: it waits, for as long as it takes", Unseen("empty"))
RAW = Unseen("raw")
for _name in ("a.dng", "a.nef", "a.arw", "a.cr2"):
    SHELF.add(_name, digital_negative, "camera raw by its own suffix: counted, and told once a folder", RAW)
for _name, _body in {"a.psd": PSD, "a.svg": SVG, "a.pdf": PDF}.items():
    SHELF.add(_name, always(_body), "looks like a picture, and is not read", Unseen("Photoshop|PSD|SVG|PDF"))
SHELF.add(
    "dng-called.tif",
    digital_negative,
    "a raw file by another name: its one picture in colours is 80 pixels wide",
    Failed("raw|DNG|pixels|decoded|photometric", "what is shown of it is its preview"),
)
SMALL = "65,536|64|small|pixels"
SHELF.add(
    "too-small.jpg",
    lambda chart: saved(chart.resize((200, 160)), "JPEG"),
    "the service's least size",
    Failed(SMALL, "the service takes 65,536 pixels at least"),
)
SHELF.add(
    "too-narrow.png",
    lambda chart: saved(chart.resize((60, 1200)), "PNG"),
    "the service's least side",
    Failed(SMALL, "the service takes sides of 64 pixels at least"),
)
SHELF.add(
    "one-pixel.gif",
    lambda chart: saved(chart.resize((1, 1)).convert("P"), "GIF"),
    "web beacons",
    Failed(SMALL, "the service takes 65,536 pixels at least"),
)
SHELF.add(
    "too-large.tif",
    lambda chart: tiff(baseline(chart, width=(LONG, [20_000]), height=(LONG, [20_000]))),
    "a header that promises too much",
    Failed("pixels|truncated|missing"),
)
