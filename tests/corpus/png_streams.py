"""PNG: how its stream is cut and compressed, headers that lie, and where the file ends. All generated here.

Sources: PNG (third edition), RFC 1950, and the trackers that are named with each entry.
"""

from __future__ import annotations

import zlib
from functools import partial
from typing import TYPE_CHECKING, Any

from tests.corpus.entry import Done, Failed, Shelf, always, tailed
from tests.corpus.png_bytes import END, RGB_ALPHA, data, filtered, header, made, png, rows, spoilt, with_alpha
from tests.system.pictures import SIGNATURE, chunk

if TYPE_CHECKING:
    from PIL import Image

SHELF = Shelf("png")
PNG = "PNG (third edition)"
FINE = Done(tolerance=4)

# Compression.


def cut(chart: Image.Image, size: int, *, empty: bool = False, level: int = 6) -> bytes:
    """IDAT in pieces of that size, perhaps with empty ones between."""
    stream = zlib.compress(filtered(chart, 4) if level else rows(chart), level)
    pieces = [chunk(b"IDAT", stream[start : start + size]) for start in range(0, len(stream), size)]
    return made(header(chart.size), (chunk(b"IDAT", b"") if empty else b"").join(pieces))


SHELF.add(
    "idat-of-one-byte.png",
    partial(cut, size=1),
    f"{PNG}, 11.2.3: any number of chunks of any length",
    FINE,
)
SHELF.add("idat-of-seven.png", partial(cut, size=7), f"{PNG}, 11.2.3", FINE)
SHELF.add(
    "idat-empty-between.png",
    partial(cut, size=300, empty=True),
    f"{PNG}, 11.2.3: empty chunks are valid",
    FINE,
)
SHELF.add("idat-stored.png", partial(cut, size=8192, level=0), "zlib level 0", FINE)
SHELF.add(
    "idat-empty-first.png",
    lambda chart: made(header(chart.size), chunk(b"IDAT", b""), data(rows(chart))),
    f"{PNG}, 11.2.3",
    FINE,
)


def under(chart: Image.Image, kind: int) -> bytes:
    """All rows under one filter."""
    return made(header(chart.size), data(filtered(chart, kind)))


for _kind, _name in enumerate(("none", "sub", "up", "average", "paeth")):
    SHELF.add(f"filter-{_name}.png", partial(under, kind=_kind), f"{PNG}, 9.2", FINE)


@SHELF.entry("zlib-small-window.png", "RFC 1950: a window of 512 bytes", FINE)
def _small_window(chart: Image.Image) -> bytes:
    packer = zlib.compressobj(6, zlib.DEFLATED, 9)
    return made(header(chart.size), chunk(b"IDAT", packer.compress(rows(chart)) + packer.flush()))


TOO_MUCH = "libpng: too much image data, a warning"
SHELF.add(
    "idat-rows-to-spare.png",
    lambda chart: made(header(chart.size), data(rows(chart) + bytes(961))),
    TOO_MUCH,
    FINE,
)
SHELF.add(
    "idat-bytes-behind-its-stream.png",
    lambda chart: made(header(chart.size), chunk(b"IDAT", zlib.compress(rows(chart)) + b"\0" * 9)),
    TOO_MUCH,
    FINE,
)
SHELF.add(
    "idat-one-more-empty.png",
    lambda chart: made(header(chart.size), data(rows(chart)), chunk(b"IDAT", b"")),
    TOO_MUCH,
    FINE,
)
DAMAGED = Failed("IDAT|pixel|checksum|CRC|rows|filter|decoded|missing|damaged")
FORGIVEN = Failed(
    "IDAT|pixel|data|rows|decoded|missing|truncated|400",
    "its last rows are not there; others show what they make of it",
)
PROVEN = Failed("IDAT|checksum|CRC|decoded|damaged", "its pixels are proven wrong")
SHELF.add(
    "idat-cut.png",
    lambda chart: made(header(chart.size), chunk(b"IDAT", zlib.compress(rows(chart))[:-900])),
    "a writer that stopped early",
    FORGIVEN,
)
SHELF.add(
    "idat-wrong-checksum.png",
    lambda chart: made(header(chart.size), spoilt(data(rows(chart)))),
    f"{PNG}, 5.3",
    PROVEN,
)
SHELF.add(
    "idat-wrong-adler.png",
    lambda chart: made(header(chart.size), chunk(b"IDAT", _wrong_adler(chart))),
    "RFC 1950",
    PROVEN,
)
SHELF.add("idat-none.png", lambda chart: made(header(chart.size)), PNG, DAMAGED)
SHELF.add("idat-no-zlib.png", lambda chart: made(header(chart.size), chunk(b"IDAT", rows(chart))), "RFC 1950", DAMAGED)
SHELF.add(
    "filter-unknown.png", lambda chart: made(header(chart.size), data(rows(chart, kind=7))), f"{PNG}, 9.2", DAMAGED
)


def _wrong_adler(chart: Image.Image) -> bytes:
    stream = zlib.compress(rows(chart))
    return stream[:-4] + bytes(4)


# Headers that lie.

WRONG = Failed("header|IHDR|depth|colour|interlace|compression|0 x|pixels|bits|damaged")
HEADERS: dict[str, dict[str, Any]] = {
    "depth-of-3": {"depth": 3}, "colour-of-1": {"colour": 1}, "rgb-of-4": {"depth": 4},
    "interlace-of-2": {"interlace": 2},
    "compression-of-1": {"rest": b"\1\0"}, "filter-of-1": {"rest": b"\0\1"},
}  # fmt: skip


def headed(chart: Image.Image, **said: Any) -> bytes:
    """The chart under another header."""
    return made(header(chart.size, **said), data(rows(chart)))


for _name, _said in HEADERS.items():
    SHELF.add(f"header-{_name}.png", partial(headed, **_said), f"{PNG}, 11.2.1", WRONG)
SHELF.add(
    "header-no-width.png", lambda chart: made(header((0, chart.height)), data(rows(chart))), f"{PNG}, 11.2.1", WRONG
)
SHELF.add(
    "header-huge.png", lambda chart: made(header((60_000, 60_000)), data(rows(chart))), "a bomb", Failed("pixels")
)
SHELF.add(
    "header-wrong-checksum.png",
    lambda chart: made(spoilt(header(chart.size)), data(rows(chart))),
    f"{PNG}, 5.3",
    Failed("IHDR|CRC|checksum|damaged", "its size cannot be trusted"),
)
SHELF.add(
    "header-twice.png",
    lambda chart: made(header(chart.size), header(chart.size), data(rows(chart))),
    f"{PNG}, 5.6",
    Failed("two headers|IHDR"),
)
SHELF.add(
    "header-late.png",
    lambda chart: made(chunk(b"tEXt", b"a\0b"), header(chart.size), data(rows(chart))),
    f"{PNG}, 5.6",
    Failed("header|IHDR"),
)
SHELF.add(
    "apple-cgbi.png",
    lambda chart: made(
        chunk(b"CgBI", b"\x50\0\x20\x02"),
        header(chart.size, RGB_ALPHA),
        chunk(b"IDAT", zlib.compress(rows(with_alpha(chart)))[2:-4]),
    ),
    "Pillow#1737 and kin: Xcode's own PNG",
    Failed("CgBI|Apple|IHDR"),
)
SHELF.add("text-mode.png", lambda chart: png(chart).replace(b"\r\n", b"\n"), "FTP in ASCII mode", Failed("text mode"))
SHELF.add(
    "text-mode-back.png",
    lambda chart: png(chart).replace(b"\n", b"\r\n"),
    "FTP in ASCII mode",
    Failed("text mode|damaged|PNG"),
)
SHELF.add("empty-but-signed.png", always(SIGNATURE), "a copy that has just begun", Failed("truncated"))

# Ends.

TAILS = {
    "two-zeros": bytes(2), "zeros-in-a-block": bytes(4096), "text": b"\nand so it ends\n", "line-feed": b"\n",
    "one-zero": b"\0", "eight-bytes": b"\x12\x34\x56\x78\x9a\xbc\xde\xf0", "iend-again": END,
}  # fmt: skip
for _name, _tail in TAILS.items():
    SHELF.add(
        f"tail-{_name}.png",
        tailed(png, _tail),
        "libjxl#4383, libplum#22, zopfli#132: bytes behind IEND",
        FINE,
    )


@SHELF.entry("tail-of-an-older-picture.png", "infobyte/CVE-2023-21036#1: cropped in place", FINE)
def _acropalypse(chart: Image.Image) -> bytes:
    older = png(chart.resize((640, 512)).point(lambda level: 255 - level))
    return png(chart) + older[-9000:]


SHELF.add(
    "tail-another-png.png",
    lambda chart: png(chart) + png(chart.convert("L").convert("RGB")),
    "two files joined",
    FINE,
)
SHELF.add(
    "iend-missing.png",
    lambda chart: png(chart).removesuffix(END),
    "a writer that was killed; every pixel is there and proven by its Adler-32",
    FINE,
)
SHELF.add(
    "iend-half.png",
    lambda chart: png(chart)[:-4],
    "a writer that was killed; every pixel is there",
    FINE,
)
SHELF.add(
    "iend-wrong-checksum.png",
    lambda chart: png(chart)[:-4] + bytes(4),
    "a writer with a fault of its own",
    FINE,
)
SHELF.add("cut-in-idat.png", lambda chart: png(chart)[:-3000], "a copy that broke off", Failed("truncated"))
SHELF.add(
    "cut-in-idat-and-ended.png",
    lambda chart: png(chart)[:-3000] + END,
    "a recovery tool",
    Failed("CRC|damaged|truncated|IDAT|checksum"),
)


@SHELF.entry("private-critical.png", "PNG 5.4: an unknown critical chunk", Failed("critical|vpAg|VPAG"))
def _critical(chart: Image.Image) -> bytes:
    return made(header(chart.size), chunk(b"VPAG", b"1"), data(rows(chart)))
