"""Sixteen bits a channel, of which Pillow keeps the upper eight of colour: enough to look at, too few to convert.

The lower ones are read by opening the same image again and having its samples unpacked in the other byte order. A
table of 65,536 levels for each channel then makes eight bits of both, so that only well-spread levels are rounded.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from PIL import Image

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

LEVELS: Final = 65536
_MOST_PIXELS: Final = 40_000_000
"""Beyond it the upper bits have to do: both halves of 40 megapixels take as much memory as the largest picture."""
_BAND: Final = 256
"""Rows that are worked on at a time."""
_OTHER_ORDER: Final = {";16B": ";16L", ";16L": ";16B", ";16N": ";16B"}
_COLOURS: Final = ("RGB", "RGBA")


def low_bytes(again: Callable[[], Image.Image | None]) -> Image.Image | None:
    """The lower halves of an image's samples, as an image; None: it has not sixteen bits of colour, or is too large."""
    image = again()
    tiles = getattr(image, "tile", [])
    if image is None or image.mode not in _COLOURS or image.width * image.height > _MOST_PIXELS or not tiles:
        return None
    turned = []
    for tile in tiles:
        given = (tile.args,) if isinstance(tile.args, str) else tuple(tile.args or ())
        raw = str(given[0]) if given else ""
        other = _OTHER_ORDER.get(raw[-4:])
        if other is None or raw.startswith("RGBa"):
            return None
        args = (raw[:-4] + other, *given[1:])
        turned.append(tile._replace(args=args[0] if isinstance(tile.args, str) else args))
    image.tile = turned  # type: ignore[attr-defined]  # each file's image has it, and plain images are none
    image.load()
    return image


def looked_up(high: Image.Image, low: Image.Image, tables: Sequence[Sequence[int]], mode: str) -> Image.Image:
    """Each of three channels, its halves joined, by its table; an image of `mode`."""
    result = Image.new(mode, high.size)
    for top in range(0, high.height, _BAND):
        area = (0, top, high.width, min(high.height, top + _BAND))
        upper, lower = high.crop(area), low.crop(area)
        channels = []
        for at, table in enumerate(tables):
            pairs = Image.merge("LA", (lower.getchannel(at), upper.getchannel(at)))  # as they lie in memory
            channels.append(of_grey(Image.frombytes("I;16", pairs.size, pairs.tobytes()), table))
        result.paste(Image.merge(mode, channels), (0, top))
    return result


def of_grey(image: Image.Image, table: Sequence[int]) -> Image.Image:
    """Grey levels of sixteen bits by a table of so many entries."""
    return image.convert("I").point([*table], "L")
