"""What was done to a picture is added to what its packet says; what is true no longer goes, and nothing else."""

from __future__ import annotations

import time
import tracemalloc
import xml.etree.ElementTree as ET

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.formats import sample_pictures as sample
from watchd.formats.metadata import xmp_packet
from watchd.formats.metadata.xmp import NAMESPACE, Done, of_result, orientation
from watchd.formats.metadata.xmp_truth import Rendition
from watchd.formats.picture import Format

DONE = Done("1.2.3", "gold", 2.5, "2026-11-25T08:00:00+01:00")
RDF = "xmlns:rdf='http://www.w3.org/1999/02/22-rdf-syntax-ns#'"
SPACES = (
    "xmlns:tiff='http://ns.adobe.com/tiff/1.0/' xmlns:exif='http://ns.adobe.com/exif/1.0/' "
    "xmlns:GCamera='http://ns.google.com/photos/1.0/camera/' xmlns:hdrgm='http://ns.adobe.com/hdr-gain-map/1.0/' "
    "xmlns:Container='http://ns.google.com/photos/1.0/container/' xmlns:xmpNote='http://ns.adobe.com/xmp/note/' "
    "xmlns:Item='http://ns.google.com/photos/1.0/container/item/' xmlns:dc='http://purl.org/dc/elements/1.1/' "
    "xmlns:HDRGainMap='http://ns.apple.com/HDRGainMap/1.0/' xmlns:xmp='http://ns.adobe.com/xap/1.0/' "
    "xmlns:GDepth='http://ns.google.com/photos/1.0/depthmap/' xmlns:GImage='http://ns.google.com/photos/1.0/image/' "
    "xmlns:GPano='http://ns.google.com/photos/1.0/panorama/' xmlns:photoshop='http://ns.adobe.com/photoshop/1.0/' "
    "xmlns:mwg-rs='http://www.metadataworkinggroup.com/schemas/regions/' "
    "xmlns:stDim='http://ns.adobe.com/xap/1.0/sType/Dimensions#' xmlns:stArea='http://ns.adobe.com/xmp/sType/Area#'"
)


def packet(inside: str, *, attributes: str = "") -> bytes:
    """A packet with one description."""
    return (
        "<?xpacket begin='\ufeff' id='W5M0MpCehiHzreSzNTczkc9d'?><x:xmpmeta xmlns:x='adobe:ns:meta/'>"
        f"<rdf:RDF {RDF}><rdf:Description rdf:about='' {SPACES} {attributes}>{inside}</rdf:Description></rdf:RDF>"
        "</x:xmpmeta><?xpacket end='w'?>"
    ).encode()


def rendition(**said: object) -> Rendition:
    usual = {"width": 200, "height": 160, "scale": 2.0, "orientation": 1, "in_srgb": False, "format": Format.JPEG}
    return Rendition(**(usual | said))  # type: ignore[arg-type]  # by name


def of(original: bytes | None, **told: object) -> bytes:
    return of_result(original, DONE, rendition(**told))[0]


def values(found: bytes) -> dict[str, str]:
    """Every plain property by its local name."""
    tree = xmp_packet.parsed(found)
    assert not isinstance(tree, str), tree
    return {one.name: one.value() for one in tree.properties()}


def said(found: bytes) -> list[dict[str, str]]:
    """Every description of ours in a packet, which has to be well-formed."""
    root = ET.fromstring(found)  # noqa: S314 -- made here
    ours = f"{{{NAMESPACE}}}"
    return [
        {name.removeprefix(ours): value for name, value in node.attrib.items() if name.startswith(ours)}
        for node in root.iter()
        if any(name.startswith(ours) for name in node.attrib)
    ]


def test_a_new_packet_says_what_was_done() -> None:
    assert said(of(None)) == [
        {"Version": "1.2.3", "Profile": "gold", "Scale": "2.5", "Date": "2026-11-25T08:00:00+01:00"}
    ]


def test_a_packet_keeps_what_it_said_and_its_prefixes() -> None:
    strange = (
        b"<?xpacket begin='' id='W5M0MpCehiHzreSzNTczkc9d'?><m:xmpmeta xmlns:m='adobe:ns:meta/'>"
        b"<r:RDF xmlns:r='http://www.w3.org/1999/02/22-rdf-syntax-ns#'><r:Description r:about='uuid:1' "
        b"xmlns:a.b='urn:somebody' a.b:one='&lt;1&gt; &#10; &quot;'><!-- a remark --><a.b:two r:parseType='Resource'>"
        b"<a.b:three>\xc3\xa4 &amp; b</a.b:three></a.b:two></r:Description></r:RDF></m:xmpmeta><?xpacket end='r'?>"
    )
    found = of(strange)
    assert b"a.b:one=" in found
    assert b"<!-- a remark -->" in found
    assert b'<a.b:two r:parseType="Resource"><a.b:three>\xc3\xa4 &amp; b</a.b:three></a.b:two>' in found
    assert values(found)["one"] == '<1> \n "'
    assert len(said(found)) == 1


def test_an_earlier_word_of_ours_is_replaced() -> None:
    twice = of_result(of(None), Done("1.2.4", "plain", 4.0, "2027-01-01T00:00:00+01:00"), rendition())[0]
    assert [found["Profile"] for found in said(twice)] == ["plain"]


@settings(deadline=None)
@given(profile=st.text(max_size=40))
def test_any_name_of_a_profile_leaves_the_packet_well_formed(profile: str) -> None:
    found = said(of_result(None, Done("1", profile, 2.0, "2026"), rendition())[0])
    assert len(found) == 1
    if profile.isprintable():
        assert found[0]["Profile"] == profile


@pytest.mark.parametrize(
    ("broken", "why"),
    [
        (b"\xff\xfe\xff", "not UTF-8"),
        (b"", "not well-formed"),
        (b"no packet", "not well-formed"),
        (b"<x:xmpmeta>", "not well-formed"),
        (b"<x:xmpmeta/>", "without RDF"),
        (b"<!DOCTYPE a [<!ENTITY b 'c'>]>" + sample.XMP, "it has a DOCTYPE"),
        (b"<a>" * 100 + b"</a>" * 100, "nested or cut up without end"),
    ],
)
def test_a_packet_that_cannot_be_read_gives_way_to_a_new_one_and_that_is_told(broken: bytes, why: str) -> None:
    found, reason = of_result(broken, DONE, rendition())
    assert reason == why
    assert len(said(found)) == 1


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-8-sig"])
def test_a_packet_in_any_encoding_is_read(encoding: str) -> None:
    text = sample.XMP.decode().partition("?>")[2]
    assert values(of(text.encode(encoding)))["Orientation"] == "1"


@settings(deadline=None)
@given(junk=st.binary(max_size=300))
def test_no_packet_can_hurt(junk: bytes) -> None:
    assert len(said(of(junk))) == 1
    assert orientation(junk) is None


def test_size_and_way_up_are_made_true_in_either_form() -> None:
    original = packet(
        "<tiff:ImageLength>80</tiff:ImageLength><tiff:Orientation>8</tiff:Orientation>",
        attributes="exif:PixelXDimension='100' exif:ColorSpace='65535' dc:format='image/png'",
    )
    found = values(of(original, orientation=8, in_srgb=True))
    assert (found["ImageLength"], found["Orientation"], found["PixelXDimension"]) == ("160", "1", "200")
    assert (found["ColorSpace"], found["format"]) == ("1", "image/jpeg")


GONE = {
    "motion photo": "GCamera:MotionPhoto='1' GCamera:MotionPhotoVersion='1' GCamera:MicroVideoOffset='12'",
    "gain map": "hdrgm:Version='1.0' HDRGainMap:HDRGainMapVersion='65536'",
    "depth": "GDepth:Data='AAAA' GImage:Mime='image/jpeg'",
    "form": "tiff:BitsPerSample='16' tiff:Compression='5' photoshop:ICCProfile='Adobe RGB (1998)'",
}
GONE_ELEMENTS = {
    "container": "<Container:Directory><rdf:Seq><rdf:li rdf:parseType='Resource'><Container:Item Item:Length='9'/>"
    "</rdf:li></rdf:Seq></Container:Directory>",
    "thumbnail": "<xmp:Thumbnails><rdf:Alt/></xmp:Thumbnails>",
    "gain map": "<hdrgm:GainMapMax><rdf:Seq><rdf:li>1</rdf:li></rdf:Seq></hdrgm:GainMapMax>",
    "motion photo": "<GCamera:MotionPhoto>1</GCamera:MotionPhoto>",
}


@pytest.mark.parametrize("what", GONE)
def test_what_is_true_no_longer_goes_and_the_rest_stays(what: str) -> None:
    original = packet("<dc:source>kept</dc:source>", attributes=GONE[what] + " GCamera:BurstID='7' xmp:Rating='5'")
    found = of(original)
    assert [name for name in (part.split("=")[0] for part in GONE[what].split()) if name.encode() in found] == []
    assert {"source": "kept", "BurstID": "7", "Rating": "5"}.items() <= values(found).items()


@pytest.mark.parametrize("what", GONE_ELEMENTS)
def test_structures_that_are_true_no_longer_go_whole(what: str) -> None:
    found = of(packet(f"{GONE_ELEMENTS[what]}<dc:source>kept</dc:source>"))
    name = GONE_ELEMENTS[what][1:].split(">")[0]
    assert name.encode() not in found
    assert b"Item:" not in found
    assert name.split(":")[0].encode() + b"=" not in found, "its prefix is declared for nothing"
    assert values(found)["source"] == "kept"


def test_lengths_of_a_panorama_grow_and_its_angles_stay() -> None:
    original = packet(
        "<GPano:CroppedAreaTopPixels>7</GPano:CroppedAreaTopPixels>",
        attributes="GPano:FullPanoWidthPixels='4000' GPano:PoseHeadingDegrees='45' GPano:FullPanoHeightPixels='many'",
    )
    found = values(of(original))
    assert (found["FullPanoWidthPixels"], found["CroppedAreaTopPixels"], found["PoseHeadingDegrees"]) == (
        "8000", "14", "45",
    )  # fmt: skip
    assert "FullPanoHeightPixels" not in found


def regions(width: int, height: int) -> bytes:
    return packet(
        f"<mwg-rs:Regions rdf:parseType='Resource'><mwg-rs:AppliedToDimensions stDim:w='{width}' stDim:h='{height}'/>"
        "<mwg-rs:RegionList><rdf:Bag><rdf:li><rdf:Description mwg-rs:Name='A'>"
        "<mwg-rs:Area stArea:x='0.1' stArea:y='0.3' stArea:w='0.02' stArea:h='0.04'/></rdf:Description></rdf:li>"
        "</rdf:Bag></mwg-rs:RegionList></mwg-rs:Regions>"
    )


@pytest.mark.parametrize(
    ("turned", "place"),
    [(1, "0.1 0.3"), (2, "0.9 0.3"), (3, "0.9 0.7"), (4, "0.1 0.7"), (5, "0.3 0.1"), (6, "0.7 0.1"), (7, "0.7 0.9"),
     (8, "0.3 0.9")],
)  # fmt: skip
def test_marked_faces_are_turned_with_the_picture(turned: int, place: str) -> None:
    found = of(regions(80, 100) if turned >= 5 else regions(100, 80), orientation=turned).decode()
    x, y = place.split()
    assert f'stArea:x="{x}" stArea:y="{y}"' in found
    assert ('stArea:w="0.04"' in found) == (turned >= 5)
    assert 'stDim:w="200" stDim:h="160"' in found


def test_faces_that_were_marked_in_the_upright_picture_stay_where_they_are() -> None:
    assert b'stArea:x="0.1" stArea:y="0.3"' in of(regions(100, 80), orientation=6)


def test_padding_is_used_up_before_a_packet_grows() -> None:
    padded = packet("<dc:source>kept</dc:source>").replace(b"<?xpacket end", b"\n" + b" " * 3000 + b"<?xpacket end")
    assert len(of(padded)) == len(padded)
    assert of(padded).endswith(b"<?xpacket end='w'?>")


@pytest.mark.parametrize(
    ("form", "expected"),
    [
        (packet("", attributes='tiff:Orientation="6"'), 6),
        (packet("<tiff:Orientation>8</tiff:Orientation>"), 8),
        (packet("", attributes='tiff:Orientation="9"'), None),
        (packet("<dc:source>Orientation</dc:source>"), None),
    ],
)
def test_a_packet_tells_how_a_picture_is_turned_in_either_form(form: bytes, expected: int | None) -> None:
    assert orientation(form) == expected


@pytest.mark.parametrize(
    "hostile",
    [
        "<r:RDF " + " ".join(f"xmlns:a{n}='u'" for n in range(30_000)) + "/>",
        "<r:RDF>" + "<r:Description xmlns:b='urn:b' b:c='d'/>" * 40_000 + "</r:RDF>",
        "<r:RDF><r:Description " + " ".join(f"g:MotionPhoto{n}='1'" for n in range(40_000)) + "/></r:RDF>",
        "<r:RDF>" + "<r:Description><g:a/></r:Description>" * 20_000 + "</r:RDF>",
    ],
)
def test_a_packet_that_is_made_to_keep_a_reader_busy_does_not(hostile: str) -> None:
    space = "<x xmlns:g='urn:g' xmlns:r='http://www.w3.org/1999/02/22-rdf-syntax-ns#'>"
    started = time.process_time()
    tracemalloc.start()
    try:
        of(f"{space}{hostile}</x>".encode())
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert time.process_time() - started < 10
    assert peak < 100_000_000


def test_a_way_up_in_a_namespace_of_somebody_s_own_turns_no_result() -> None:
    strange = packet("", attributes="tiff:Orientation='6'").replace(b"adobe.com/tiff", b"nobody.com/tiff")
    assert orientation(of(strange, orientation=6)) == 1
