"""GIF: both versions, transparency, interlace, animations, frames smaller than their screen. All generated here.

Source: GIF89a specification (blocks, extensions, appendix E on interlaced rows and F on LZW).
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Any

from PIL import Image

from tests.corpus.chart import saved
from tests.corpus.entry import Done, Failed, Shelf
from tests.corpus.png_beside import frames

if TYPE_CHECKING:
    from collections.abc import Iterable

SHELF = Shelf("gif")
GIF = "GIF89a"
FEW = 64


def coloured(chart: Image.Image, colours: int = FEW) -> Image.Image:
    """The chart in that many colours."""
    return chart.quantize(colours)


def seen(chart: Image.Image) -> Image.Image:
    """The same as it is shown."""
    return coloured(chart).convert("RGB")


LIKE = Done(seen, tolerance=4)


def packed(pixels: bytes, depth: int = 8) -> bytes:
    """LZW that never learns: each code is its pixel, the table cleared before it grows a bit (appendix F)."""
    bits, room, width = [], (1 << depth) - 2, depth + 1
    for used, pixel in enumerate(pixels):
        if used % room == 0:
            bits.append(f"{1 << depth:0{width}b}")
        bits.append(f"{pixel:0{width}b}")
    bits.append(f"{(1 << depth) + 1:0{width}b}")
    text = "".join(code for code in reversed(bits))
    text = "0" * (-len(text) % 8) + text
    stream = int(text, 2).to_bytes(len(text) // 8, "little")
    blocks = b"".join(bytes([len(piece)]) + piece for piece in pieces(stream, 255))
    return bytes([depth]) + blocks + b"\0"


def pieces(data: bytes, size: int) -> Iterable[bytes]:
    """Data in pieces of that size."""
    return (data[start : start + size] for start in range(0, len(data), size))


def palette(image: Image.Image) -> bytes:
    """256 colours."""
    return bytes((image.getpalette() or [])[:768]).ljust(768, b"\0")


def picture(
    image: Image.Image, at: tuple[int, int] = (0, 0), *, local: bool = False, interlaced: bool = False
) -> bytes:
    """An image descriptor, perhaps colours of its own, and its pixels."""
    width, height = image.size
    lines = list(pieces(image.tobytes(), width))
    if interlaced:
        passes = ((0, 8), (4, 8), (2, 4), (1, 2))
        lines = [lines[y] for first, step in passes for y in range(first, height, step)]
    flags = (0x87 if local else 0) | (0x40 if interlaced else 0)
    return (
        b","
        + struct.pack("<4HB", *at, width, height, flags)
        + (palette(image) if local else b"")
        + packed(b"".join(lines))
    )


def gif(
    size: tuple[int, int], colours: bytes, *blocks: bytes, version: bytes = b"GIF89a", background: int = 0
) -> bytes:
    """The screen, its colours, the blocks, the trailer."""
    flags = 0xF7 if colours else 0x70
    return version + struct.pack("<HHBBB", *size, flags, background, 0) + colours + b"".join(blocks) + b";"


def control(*, transparent: int | None = None, disposal: int = 0, delay: int = 10) -> bytes:
    """A graphic control extension."""
    flags = disposal << 2 | (transparent is not None)
    return b"!\xf9\x04" + struct.pack("<BHB", flags, delay, transparent or 0) + b"\0"


def still(chart: Image.Image, **options: Any) -> bytes:
    """One frame, by hand."""
    image = coloured(chart)
    return gif(image.size, palette(image), picture(image, **options))


SHELF.add("89a.gif", lambda chart: saved(coloured(chart), "GIF"), GIF, LIKE)
SHELF.add("87a.gif", lambda chart: still(chart).replace(b"GIF89a", b"GIF87a", 1), "GIF87a", LIKE)
SHELF.add("by-hand.gif", still, GIF, LIKE)
SHELF.add("interlaced.gif", lambda chart: still(chart, interlaced=True), f"{GIF}, appendix E", LIKE)
SHELF.add(
    "256-colours.gif",
    lambda chart: saved(chart.quantize(256), "GIF"),
    GIF,
    Done(lambda chart: chart.quantize(256).convert("RGB"), tolerance=4),
)
SHELF.add(
    "4-colours.gif",
    lambda chart: saved(chart.quantize(4), "GIF"),
    GIF,
    Done(lambda chart: chart.quantize(4).convert("RGB"), tolerance=4),
)
SHELF.add(
    "grey.gif", lambda chart: saved(chart.convert("L"), "GIF"), GIF, Done(lambda chart: chart.convert("L"), tolerance=4)
)
SHELF.add(
    "local-colours.gif",
    lambda chart: gif(chart.size, b"", picture(coloured(chart), local=True)),
    f"{GIF}: no global table",
    LIKE,
)
SHELF.add(
    "local-before-global.gif",
    lambda chart: gif(chart.size, b"\x80" * 768, picture(coloured(chart), local=True)),
    GIF,
    LIKE,
)
SHELF.add(
    "comment.gif",
    lambda chart: saved(coloured(chart), "GIF", comment=b"a remark"),
    GIF,
    Done(seen, tolerance=4, says=("a remark",)),
)
SHELF.add("no-trailer.gif", lambda chart: still(chart)[:-1], "browsers, Pillow: the frame is whole", LIKE)
SHELF.add(
    "bytes-behind.gif", lambda chart: still(chart) + b"and more\n" * 20, "every decoder ends at the trailer", LIKE
)
SHELF.add("zeros-behind.gif", lambda chart: still(chart) + bytes(512), "block-wise copies", LIKE)
SHELF.add(
    "unknown-extension.gif",
    lambda chart: gif(chart.size, palette(coloured(chart)), b"!\x77\x04some\0", picture(coloured(chart))),
    GIF,
    LIKE,
)
SHELF.add(
    "plain-text.gif",
    lambda chart: gif(
        chart.size, palette(coloured(chart)), b"!\x01\x0c" + bytes(12) + b"\x02hi\0", picture(coloured(chart))
    ),
    f"{GIF}: plain text extension",
    LIKE,
)


def clear_of(chart: Image.Image, key: int) -> Image.Image:
    """The chart without one of its colours."""
    image = coloured(chart)
    clear = image.convert("RGBA")
    clear.putalpha(Image.frombytes("L", image.size, bytes(0 if pixel == key else 255 for pixel in image.tobytes())))
    return clear


SHELF.add(
    "transparent.gif",
    lambda chart: gif(chart.size, palette(coloured(chart)), control(transparent=3), picture(coloured(chart))),
    GIF,
    Done(lambda chart: clear_of(chart, 3), tolerance=4),
)
SHELF.add(
    "transparent-by-pillow.gif",
    lambda chart: saved(coloured(chart), "GIF", transparency=5),
    GIF,
    Done(lambda chart: clear_of(chart, 5), tolerance=4),
)
SHELF.add(
    "transparent-nowhere.gif",
    lambda chart: gif(chart.size, palette(coloured(chart)), control(transparent=200), picture(coloured(chart))),
    "a key that no pixel has",
    Done(lambda chart: seen(chart).convert("RGBA"), tolerance=4),
)


def _cut_short(chart: Image.Image) -> bytes:
    image = coloured(chart)
    whole = packed(image.tobytes()[: 320 * 100])
    descriptor = b"," + struct.pack("<4HB", 0, 0, *image.size, 0)
    return gif(image.size, palette(image), descriptor + whole)


# Frames.

MOVING = Done(seen, tolerance=4, told=("frame|picture|animat",))


def reel(chart: Image.Image) -> list[Image.Image]:
    """Three frames in few colours."""
    return [coloured(frame) for frame in frames(chart)]


SHELF.add(
    "animated.gif",
    lambda chart: saved(reel(chart)[0], "GIF", save_all=True, append_images=reel(chart)[1:], duration=80, loop=0),
    GIF,
    MOVING,
)
SHELF.add(
    "animated-local.gif",
    lambda chart: gif(
        chart.size, b"", *[part for frame in reel(chart) for part in (control(), picture(frame, local=True))]
    ),
    GIF,
    MOVING,
)
SHELF.add(
    "animated-no-trailer.gif",
    lambda chart: gif(
        chart.size, b"", *[part for frame in reel(chart) for part in (control(), picture(frame, local=True))]
    )[:-1],
    GIF,
    MOVING,
)
SHELF.add(
    "animated-patch-second.gif",
    lambda chart: gif(
        chart.size,
        palette(coloured(chart)),
        control(),
        picture(coloured(chart)),
        control(disposal=1),
        picture(coloured(chart).crop((0, 0, 80, 64)), (100, 100)),
    ),
    f"{GIF}: a second frame smaller than the screen",
    MOVING,
)


SHELF.add(
    "frame-larger-than-its-screen.gif",
    lambda chart: gif((200, 150), palette(coloured(chart)), picture(coloured(chart))),
    "libnsgif, Pillow: the screen grows",
    LIKE,
)
SHELF.add(
    "screen-of-nothing.gif",
    lambda chart: gif((0, 0), palette(coloured(chart)), picture(coloured(chart))),
    "writers that leave the screen's size out",
    LIKE,
)
SHELF.add("no-frame.gif", lambda chart: gif(chart.size, palette(coloured(chart))), GIF, Failed("picture|frame|image"))
SHELF.add("cut.gif", lambda chart: still(chart)[:-9000], "a copy that broke off", Failed("truncated"))
SHELF.add(
    "cut-and-ended.gif",
    _cut_short,
    "LZW data that ends early",
    Failed("decoded|truncated|pixels|missing|LZW", "its last rows are not there"),
)
SHELF.add("cut-in-its-screen.gif", lambda chart: still(chart)[:9], "a copy that broke off", Failed("truncated"))
