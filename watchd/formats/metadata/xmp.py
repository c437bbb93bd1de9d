"""XMP packets of a result: what was done to it is added, and what the original's said of its form is made true.

Source: ISO 16684-1 (the data model and its RDF).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from watchd.formats.metadata import textual, xmp_packet, xmp_truth

if TYPE_CHECKING:
    from watchd.formats.metadata.xmp_packet import Packet
    from watchd.formats.metadata.xmp_truth import Rendition

NAMESPACE: Final = "urn:watchd:1.0/"
PREFIX: Final = "watchd"
_TURNED: Final = re.compile(rb'tiff:Orientation(?:="|>)([0-9])')
"""Pillow, and what is built on it, turns pictures by exactly this."""
_ORIENTATIONS: Final = range(1, 9)


@dataclass(frozen=True, slots=True)
class Done:
    """What was done to a picture: watchd's version, the profile's name, the scale applied, when (ISO 8601)."""

    version: str
    profile: str
    scale: float
    date: str


def of_result(packet: bytes | None, done: Done, rendition: Rendition) -> tuple[bytes, str | None]:
    """The packet as it is true of the result, with what was done, and why the original's was left out if it was.

    An earlier word of ours is replaced; there is a new packet where there was none that can be read.
    """
    tree = xmp_packet.parsed(packet) if packet is not None else None
    if tree is None or isinstance(tree, str):
        return with_done(_empty(), done).as_bytes(), tree
    xmp_truth.make_true(tree, rendition)
    # Decoders look for the letters wherever they stand, in a namespace of somebody's own too.
    return _TURNED.sub(lambda said: said[0][:-1] + b"1", with_done(tree, done).as_bytes()), None


def with_done(packet: Packet, done: Done) -> Packet:
    """The packet with what was done in it, and no earlier word of ours."""
    for one in [*packet.properties()]:
        if one.space == NAMESPACE:
            one.remove()
    xmp_packet.tidy(packet)
    said = xmp_packet.description(PREFIX, NAMESPACE)
    said.attributes |= {
        f"{PREFIX}:Version": _shown(done.version), f"{PREFIX}:Profile": _shown(done.profile),
        f"{PREFIX}:Scale": f"{done.scale:g}", f"{PREFIX}:Date": _shown(done.date),
    }  # fmt: skip
    packet.add(said)
    return packet


def orientation(packet: bytes | None) -> int | None:
    """How the packet says that the stored pixels are turned, where it says so in a form that decoders look for."""
    said = _TURNED.search(packet or b"")
    value = int(said[1]) if said is not None else 0
    return value if value in _ORIENTATIONS else None


def _empty() -> Packet:
    tree = xmp_packet.parsed(xmp_packet.EMPTY)
    if isinstance(tree, str):
        raise TypeError(tree)
    return tree


def parsed_or_new(packet: bytes | None) -> Packet:
    """The packet as a tree; an empty one where it is none."""
    tree = xmp_packet.parsed(packet) if packet is not None else None
    return _empty() if tree is None or isinstance(tree, str) else tree


def _shown(value: str) -> str:
    """A value; what no XML may hold is shown instead."""
    return textual.as_xml("".join(char if char.isprintable() else "\ufffd" for char in value))
