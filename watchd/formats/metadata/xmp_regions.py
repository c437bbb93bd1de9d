"""Regions that were marked in a picture, faces as a rule: turned with it.

Source: Metadata Working Group, Guidelines for Handling Image Metadata 2.0, 5.9.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from watchd.formats.metadata import xmp_packet
from watchd.formats.metadata.xml_tree import Element

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from watchd.formats.metadata.xmp_packet import Property, Scope

    _Structure = dict[tuple[str, str], Property]

REGIONS: Final = ("http://www.metadataworkinggroup.com/schemas/regions/", "Regions")
_AREA: Final = "http://ns.adobe.com/xmp/sType/Area#"
_DIMENSIONS: Final = "http://ns.adobe.com/xap/1.0/sType/Dimensions#"
_UPRIGHT: Final = 1
_ON_ITS_SIDE: Final = range(5, 9)
_TURNS: Final[Mapping[int, Callable[[float, float], tuple[float, float]]]] = {
    2: lambda x, y: (1 - x, y), 3: lambda x, y: (1 - x, 1 - y), 4: lambda x, y: (x, 1 - y), 5: lambda x, y: (y, x),
    6: lambda x, y: (1 - y, x), 7: lambda x, y: (1 - y, 1 - x), 8: lambda x, y: (y, 1 - x),
}  # fmt: skip
"""Where a place of the stored picture, in fractions of its sides, is in the upright one; by orientation."""


def turn(regions: Property, orientation: int, width: int, height: int) -> None:
    """The regions of a picture of `width` x `height` upright pixels, whose stored ones had to be turned.

    They are of the stored picture, unless the size that they name can only be that of the upright one.
    """
    if not isinstance(regions.written, Element):
        return
    structures = list(_structures(regions.written, regions.scope))
    for one in structures:
        size = _numbers(one, _DIMENSIONS, "w", "h")
        if size is not None:
            if orientation in _ON_ITS_SIDE and (size[0] > size[1]) == (width > height):
                orientation = _UPRIGHT
            one[_DIMENSIONS, "w"].set(str(width))
            one[_DIMENSIONS, "h"].set(str(height))
    for one in structures if orientation in _TURNS else []:
        _turn_area(one, orientation)


def _turn_area(area: _Structure, orientation: int) -> None:
    place, extent = _numbers(area, _AREA, "x", "y"), _numbers(area, _AREA, "w", "h")
    if place is not None:
        x, y = _TURNS[orientation](*place)
        area[_AREA, "x"].set(f"{x:.6g}")
        area[_AREA, "y"].set(f"{y:.6g}")
    if extent is not None and orientation in _ON_ITS_SIDE:
        area[_AREA, "w"].set(f"{extent[1]:.6g}")
        area[_AREA, "h"].set(f"{extent[0]:.6g}")


def _structures(element: Element, scope: Scope) -> Iterator[_Structure]:
    yield {(one.space, one.name): one for one in xmp_packet.properties(element, scope)}
    for child in element.elements():
        yield from _structures(child, xmp_packet.scope_of(child, scope))


def _numbers(structure: _Structure, space: str, *names: str) -> tuple[float, float] | None:
    try:
        first, second = (float(structure[space, name].value()) for name in names)
    except (KeyError, ValueError):
        return None
    return first, second
