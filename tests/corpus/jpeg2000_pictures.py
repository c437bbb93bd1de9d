"""JPEG 2000: files and bare codestreams, grey, alpha, depth, tiles, sYCC. All generated here, by OpenJPEG.

Source: ISO/IEC 15444-1, annexes A (codestream) and I (boxes).
"""

from __future__ import annotations

import struct
from functools import partial
from typing import TYPE_CHECKING, Any

from tests.corpus import icc
from tests.corpus.chart import converted, saved
from tests.corpus.entry import Done, Failed, Shelf, grey
from tests.corpus.packets import packet, title
from tests.corpus.png_bytes import with_alpha

if TYPE_CHECKING:
    from PIL import Image

SHELF = Shelf("jpeg2000")
ISO = "ISO/IEC 15444-1"
FINE = Done(tolerance=4)
EOC = b"\xff\xd9"
XMP_UUID = bytes.fromhex("be7acfcb97a942e89c71999491e3afac")


def jp2(image: Image.Image, **options: Any) -> bytes:
    """Boxes around a codestream."""
    return saved(image, "JPEG2000", **options)


def j2k(image: Image.Image, **options: Any) -> bytes:
    """A bare codestream."""
    return saved(image, "JPEG2000", no_jp2=True, **options)


def box(name: bytes, body: bytes) -> bytes:
    """A box."""
    return struct.pack(">I", 8 + len(body)) + name + body


def before_the_stream(data: bytes, *boxes: bytes) -> bytes:
    """Boxes before the codestream's."""
    at = data.index(b"jp2c") - 4
    return data[:at] + b"".join(boxes) + data[at:]


CODED: dict[str, dict[str, Any]] = {
    "reversible": {}, "irreversible": {"irreversible": True, "quality_mode": "dB", "quality_layers": [44]},
    "tiles": {"tile_size": (128, 128)}, "tiles-uneven": {"tile_size": (150, 130)},
    "layers": {"quality_layers": [20, 5, 0]},
    "one-resolution": {"num_resolutions": 1}, "progression-rpcl": {"progression": "RPCL"},
    "progression-cprl": {"progression": "CPRL"},
    "no-mct": {"mct": 0}, "small-blocks": {"codeblock_size": (16, 16)}, "precincts": {"precinct_size": (128, 128)},
    "plt": {"plt": True},
}  # fmt: skip
for _name, _options in CODED.items():
    SHELF.add(f"{_name}.jp2", partial(jp2, **_options), ISO, Done(tolerance=10))
SHELF.add("bare.j2k", j2k, ISO, FINE)
SHELF.add("bare.j2c", j2k, "by another suffix", FINE)
SHELF.add("bare.jpc", j2k, "by another suffix", FINE)
SHELF.add("extended.jpf", jp2, "Photoshop's suffix", FINE)
SHELF.add("extended.jpx", jp2, "ISO/IEC 15444-2's suffix", FINE)
SHELF.add("bare-called.jp2", j2k, "a codestream by the file's name", FINE)
SHELF.add("grey.jp2", lambda chart: jp2(chart.convert("L")), ISO, Done(grey, tolerance=4))
SHELF.add("grey.j2k", lambda chart: j2k(chart.convert("L")), ISO, Done(grey, tolerance=4))
SHELF.add("alpha.jp2", lambda chart: jp2(with_alpha(chart)), f"{ISO}, I.5.3.6: cdef", Done(with_alpha, tolerance=4))
SHELF.add(
    "grey-alpha.jp2",
    lambda chart: jp2(with_alpha(chart).convert("LA")),
    f"{ISO}, I.5.3.6",
    Done(lambda chart: with_alpha(chart).convert("LA"), tolerance=4),
)
SHELF.add(
    "grey-16.jp2",
    lambda chart: jp2(chart.convert("L").convert("I").point(lambda level: level * 257).convert("I;16")),
    f"{ISO}: 16 bits",
    Done(grey, tolerance=4),
)
SHELF.add("sycc.jp2", lambda chart: jp2(chart.convert("YCbCr"), mct=0), f"{ISO}, I.5.3.3: sYCC", Done(tolerance=10))
SHELF.add(
    "odd-size.jp2",
    lambda chart: jp2(chart.resize((321, 259))),
    ISO,
    Done(lambda chart: chart.resize((321, 259)), tolerance=4),
)
SHELF.add(
    "xmp.jp2",
    lambda chart: before_the_stream(jp2(chart), box(b"uuid", XMP_UUID + packet("", title("Ein Titel")))),
    "XMP part 3, 1.1.4",
    Done(tolerance=4, says=("Ein Titel",)),
)
SHELF.add(
    "xmp-behind.jp2",
    lambda chart: jp2(chart) + box(b"uuid", XMP_UUID + packet("", title("Ein Titel"))),
    "exiftool appends it",
    Done(tolerance=4, says=("Ein Titel",)),
)
SHELF.add(
    "unknown-box.jp2",
    lambda chart: before_the_stream(jp2(chart), box(b"abcd", b"unknown" * 9)),
    f"{ISO}, I.8: readers skip it",
    FINE,
)
SHELF.add(
    "length-of-zero.jp2", lambda chart: _to_the_end(jp2(chart)), f"{ISO}, I.4: the last box goes to the end", FINE
)
SHELF.add("bytes-behind.j2k", lambda chart: j2k(chart) + b"and more" * 9, "readers end at EOC", FINE)
SHELF.add(
    "no-eoc.j2k",
    lambda chart: j2k(chart).removesuffix(EOC),
    "its pixels decode to the last, when nothing more comes",
    FINE,
)
SHELF.add("cut.jp2", lambda chart: jp2(chart)[:-4000], "a copy that broke off", Failed("truncated"))
SHELF.add("cut.j2k", lambda chart: j2k(chart)[:-4000], "a copy that broke off", Failed("truncated"))
SHELF.add("cut-in-its-header.jp2", lambda chart: jp2(chart)[:60], "a copy that broke off", Failed("truncated"))
ADOBE = icc.rgb_profile(icc.ADOBE_RGB, icc.gamma_curve(2.19921875))


def _to_the_end(data: bytes) -> bytes:
    at = data.index(b"jp2c") - 4
    return data[:at] + bytes(4) + data[at + 4 :]


@SHELF.entry("icc-adobe.jp2", f"{ISO}, I.5.3.3: a restricted profile in colr", Done(tolerance=10))
def _icc(chart: Image.Image) -> bytes:
    data = jp2(converted(chart, ADOBE))
    at = data.index(b"colr") - 4
    old = int.from_bytes(data[at : at + 4], "big")
    new = box(b"colr", b"\x02\0\0" + ADOBE)
    head = data.index(b"jp2h") - 4
    length = int.from_bytes(data[head : head + 4], "big") + len(new) - old
    return data[:head] + struct.pack(">I", length) + data[head + 4 : at] + new + data[at + old :]


SHELF.add(
    "lossy-strong.jp2",
    partial(jp2, irreversible=True, quality_mode="rates", quality_layers=[60]),
    ISO,
    Done(tolerance=40),
)
