"""What was done to a picture is added to what its packet says, and nothing else is lost."""

from __future__ import annotations

import xml.etree.ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.formats import sample_pictures as sample
from watchd.formats.metadata.xmp import NAMESPACE, Done, true_of, with_done

DONE = Done("1.2.3", "gold", 2.5, "2026-11-25T08:00:00+01:00")


def said(packet: bytes | None) -> list[dict[str, str]]:
    """Every description of ours in a packet, which has to be well-formed."""
    assert packet is not None
    start, end = packet.index(b"<x:xmpmeta"), packet.rindex(b"</x:xmpmeta>") + len(b"</x:xmpmeta>")
    root = ET.fromstring(packet[start:end])  # noqa: S314 -- made here
    ours = f"{{{NAMESPACE}}}"
    return [
        {name.removeprefix(ours): value for name, value in node.attrib.items() if name.startswith(ours)}
        for node in root.iter()
        if any(name.startswith(ours) for name in node.attrib)
    ]


def test_a_new_packet_says_what_was_done() -> None:
    assert said(with_done(None, DONE)) == [
        {"Version": "1.2.3", "Profile": "gold", "Scale": "2.5", "Date": "2026-11-25T08:00:00+01:00"}
    ]


def test_a_packet_keeps_what_it_said() -> None:
    packet = with_done(sample.XMP, DONE)
    assert packet is not None
    assert b"tiff:Orientation" in packet
    assert len(said(packet)) == 1


def test_an_earlier_word_of_ours_is_replaced() -> None:
    once = with_done(None, DONE)
    twice = with_done(once, Done("1.2.4", "plain", 4.0, "2027-01-01T00:00:00+01:00"))
    assert [found["Profile"] for found in said(twice)] == ["plain"]


@given(profile=st.text(max_size=40))
def test_any_name_of_a_profile_leaves_the_packet_well_formed(profile: str) -> None:
    found = said(with_done(None, Done("1", profile, 2.0, "2026")))
    assert len(found) == 1
    if profile.isprintable():
        assert found[0]["Profile"] == profile


@pytest.mark.parametrize("packet", [b"\xff\xfe<\0x\0", b"", b"no packet", b"<x:xmpmeta>", b"<rdf:RDF></rdf:RDF> more"])
def test_a_packet_that_cannot_be_extended_safely_stays_as_it_is(packet: bytes) -> None:
    assert with_done(packet, DONE) == packet


@given(packet=st.binary(max_size=300))
def test_no_packet_can_hurt(packet: bytes) -> None:
    done = with_done(packet, DONE)
    assert done == packet or len(said(done)) == 1
    assert true_of(packet, 10, 20) == packet, "no size or orientation is in it that could be made true"


def test_size_and_way_up_are_made_true_in_either_form() -> None:
    packet = (
        b"<rdf:Description tiff:Orientation='6' exif:PixelXDimension=\"100\"><tiff:ImageLength>80</tiff:ImageLength>"
        b"<tiff:Orientation>8</tiff:Orientation></rdf:Description>"
    )
    assert true_of(packet, 200, 160) == (
        b"<rdf:Description tiff:Orientation='1' exif:PixelXDimension=\"200\"><tiff:ImageLength>160</tiff:ImageLength>"
        b"<tiff:Orientation>1</tiff:Orientation></rdf:Description>"
    )
