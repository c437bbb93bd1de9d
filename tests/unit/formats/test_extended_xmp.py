"""XMP beyond what one segment of a JPEG holds: read as one packet, and cut as Adobe says."""

from __future__ import annotations

import hashlib
import struct

import pytest

from tests.unit.formats import sample_pictures as sample
from tests.unit.formats.test_xmp import packet, values
from watchd.formats.metadata import jpeg_segments
from watchd.formats.metadata.collecting import Metadata, collect
from watchd.formats.metadata.extended_xmp import EXTENSION_SEGMENT, MOST_MAIN, XMP_SEGMENT, cut, joined
from watchd.formats.picture import Format

EXTENSION = (
    b"<x:xmpmeta xmlns:x='adobe:ns:meta/'><rdf:RDF xmlns:rdf='http://www.w3.org/1999/02/22-rdf-syntax-ns#'>"
    b"<rdf:Description rdf:about='' xmlns:e='urn:extended' e:long='" + b"y" * 100_000 + b"'/></rdf:RDF></x:xmpmeta>"
)
GUID = hashlib.md5(EXTENSION).hexdigest().upper().encode()  # noqa: S324 -- Adobe's choice
MAIN = packet("<dc:source>kept</dc:source>", attributes=f"xmpNote:HasExtendedXMP='{GUID.decode()}'")


def parts(extension: bytes = EXTENSION, guid: bytes = GUID) -> list[bytes]:
    places = range(0, len(extension), 60_000)
    return [guid + struct.pack(">II", len(extension), at) + extension[at : at + 60_000] for at in places]


def jpeg_with(main: bytes, extension: list[bytes]) -> bytes:
    payloads = [XMP_SEGMENT + main, *(EXTENSION_SEGMENT + part for part in extension)]
    segments = b"".join(struct.pack(">BBH", 0xFF, 0xE1, len(one) + 2) + one for one in payloads)
    data = sample.jpeg()
    return data[:2] + segments + data[2:]


def test_main_and_extension_are_read_as_one_packet_in_any_order() -> None:
    found = collect(jpeg_with(MAIN, parts()[::-1]), Format.JPEG)
    assert found.xmp is not None
    said = values(found.xmp)
    assert (said["source"], said["long"]) == ("kept", "y" * 100_000)
    assert "HasExtendedXMP" not in said
    assert found.unread == ()


@pytest.mark.parametrize(
    "damaged",
    [[], parts()[:1], parts()[1:], parts(guid=b"0" * 32), parts(EXTENSION[:-1] + b" "), [b"", b"x"], [GUID + b"1234"]],
)
def test_an_extension_that_is_not_all_there_is_told_and_no_longer_announced(damaged: list[bytes]) -> None:
    found = collect(jpeg_with(MAIN, damaged), Format.JPEG)
    assert found.xmp is not None
    assert b"HasExtendedXMP" not in found.xmp
    assert values(found.xmp)["source"] == "kept"
    assert found.unread == ("its extended XMP (not all of it is there)",)


def test_an_old_extension_that_nothing_announces_is_left_alone() -> None:
    plain = packet("<dc:source>kept</dc:source>")
    assert joined(plain, parts()) == (plain, None)


def test_a_packet_with_room_is_not_cut() -> None:
    assert cut(MAIN) == (MAIN, [])


def test_padding_goes_before_anything_is_cut_off() -> None:
    padded = MAIN.replace(b"<?xpacket end", b" " * 70_000 + b"<?xpacket end")
    found = cut(padded)
    assert found is not None
    assert found[1] == []
    assert len(found[0]) < 3000


@pytest.mark.parametrize(
    "inside", ["<dc:title>{}</dc:title>", "<dc:subject><rdf:Bag><rdf:li>{}</rdf:li></rdf:Bag></dc:subject>"]
)
def test_the_largest_property_goes_into_the_extension_and_comes_back(inside: str) -> None:
    long = packet(inside.format("z" * 200_000) + "<dc:source>kept</dc:source>", attributes="dc:format='image/jpeg'")
    found = cut(long)
    assert found is not None
    main, extension = found
    assert len(main) <= MOST_MAIN
    assert b"kept" in main
    assert all(len(EXTENSION_SEGMENT + part) <= 65_533 for part in extension)
    data = sample.jpeg()
    whole = data[:2] + jpeg_segments.segments(Metadata(xmp=long)) + data[2:]
    again = collect(whole, Format.JPEG)
    assert again.unread == ()
    assert again.xmp is not None
    assert again.xmp.count(b"z" * 200_000) == 1
    assert {"source": "kept", "format": "image/jpeg"}.items() <= values(again.xmp).items()
