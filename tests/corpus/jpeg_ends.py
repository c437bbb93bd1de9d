"""JPEG: where the picture ends, what follows it, and what is cut. All generated here."""

from __future__ import annotations

import io
import struct
import zipfile
from functools import partial
from typing import TYPE_CHECKING

from tests.corpus.chart import saved
from tests.corpus.entry import Done, Failed, Shelf
from tests.corpus.jpeg_bytes import EOI, before, each, jpeg, marker_of, mpf, parts, segment, with_first, with_mpf
from tests.corpus.packets import container, packet, xmp_segment

if TYPE_CHECKING:
    from PIL import Image

SHELF = Shelf("jpeg")


def film(size: int = 3000) -> bytes:
    """An mp4 as far as a reader of pictures looks at one."""
    kind = b"mp42" + bytes(4) + b"isommp42"
    return struct.pack(">I", 8 + len(kind)) + b"ftyp" + kind + struct.pack(">I", 8 + size) + b"mdat" + b"\x47" * size


def samsung(body: bytes) -> bytes:
    """A maker's trailer: the body, a directory that names it, how long that is."""
    entry = struct.pack("<HHII", 0, 0x0A30, len(body), len(body))
    directory = b"SEFH" + struct.pack("<II", 107, 1) + entry
    return body + directory + struct.pack("<I", len(directory)) + b"SEFT"


def negative(chart: Image.Image) -> Image.Image:
    """Another picture, of the same size."""
    return chart.point(lambda level: 255 - level)


# Behind EOI.

TAILS = {
    "zero": b"\0", "zeros-in-a-sector": bytes(512), "zeros-in-pages": bytes(8192), "line-feed": b"\n",
    "blank-lines": b"\r\n\r\n", "text": b"taken with a camera that signs what it takes" * 20, "ff": b"\xff" * 300,
    "eight-bytes": b"\x00\x11\x22\x33\x44\x55\x66\x77", "eoi-again": EOI,
}  # fmt: skip


def tailed(chart: Image.Image, tail: bytes) -> bytes:
    """Whole, and bytes behind it."""
    return jpeg(chart) + tail


for _name, _tail in TAILS.items():
    SHELF.add(
        f"tail-{_name}.jpg", partial(tailed, tail=_tail), "every decoder ends at EOI; block-wise copies pad", Done(),
    )  # fmt: skip


@SHELF.entry("tail-zip.jpg", "files that are a picture and an archive", Done())
def _zip_behind(chart: Image.Image) -> bytes:
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as packed:
        packed.writestr("note.txt", "read me" * 50)
    return jpeg(chart) + archive.getvalue()


SECOND = ("picture|second|further|2 pictures",)
SHELF.add(
    "tail-second-jpeg.jpg",
    lambda chart: jpeg(chart) + jpeg(negative(chart)),
    "phones: the unblurred picture behind the blurred",
    Done(),
)
SHELF.add(
    "two-pictures.mpo", lambda chart: saved(chart, "MPO", save_all=True, append_images=[negative(chart)], quality=92),
    "CIPA DC-007; Pillow PR#6444", Done(told=SECOND),
)  # fmt: skip
SHELF.add(
    "stereo-as-jpg.jpg", lambda chart: with_mpf(jpeg(chart), jpeg(negative(chart)), 0x020002),
    "CIPA DC-007: disparity pairs of stereo cameras", Done(told=SECOND),
)  # fmt: skip
SHELF.add(
    "large-thumbnail.jpg", lambda chart: with_mpf(jpeg(chart), jpeg(chart.resize((160, 128))), 0x010001),
    "CIPA DC-007: cameras keep a preview behind the picture", Done(),
)  # fmt: skip
SHELF.add(
    "mpo-dropped.jpg", lambda chart: with_mpf(jpeg(chart), b"", announced=5000),
    "editors drop the second picture and keep its index", Done(),
)  # fmt: skip
SHELF.add(
    "mpo-half-copied.jpg", lambda chart: with_mpf(jpeg(chart), jpeg(negative(chart))[:1500], announced=5000),
    "a copy that broke off behind its first picture, which is taken when nothing more comes", Done(),
)  # fmt: skip
SHELF.add(
    "mpf-broken.jpg", lambda chart: with_first(jpeg(chart), segment(0xE2, mpf([1], [1], [0])[:20])) + b"more",
    "exiv2#1340 and kin: an index cut short", Done(),
)  # fmt: skip


@SHELF.entry(
    "gain-map.jpg", "google/libultrahdr PR#472; ISO 21496-1", Done(told=("gain map",), silent=("hdrgm", "GainMap"))
)
def _gain_map(chart: Image.Image) -> bytes:
    values = 'hdrgm:Version="1.0" hdrgm:GainMapMax="2.3" hdrgm:HDRCapacityMax="2.3"'
    gain = with_first(jpeg(chart.convert("L").resize((80, 64))), xmp_segment(packet(values)))
    told = packet('hdrgm:Version="1.0"', container(("Primary", "image/jpeg", 0), ("GainMap", "image/jpeg", len(gain))))
    return with_mpf(with_first(jpeg(chart), xmp_segment(told)), gain)


# Films.

FILM = Done(told=("film|video|motion",), silent=("MotionPhoto", "MicroVideo"))


@SHELF.entry("motion-photo.jpg", "immich PR#6337, #30654: GCamera:MotionPhoto and a container", FILM)
def _motion_photo(chart: Image.Image) -> bytes:
    items = container(("Primary", "image/jpeg", 0), ("MotionPhoto", "video/mp4", len(film())))
    told = packet('GCamera:MotionPhoto="1" GCamera:MotionPhotoVersion="1"', items)
    return with_first(jpeg(chart), xmp_segment(told)) + film()


@SHELF.entry("micro-video.jpg", "the older form: GCamera:MicroVideoOffset counts from the end", FILM)
def _micro_video(chart: Image.Image) -> bytes:
    told = packet(f'GCamera:MicroVideo="1" GCamera:MicroVideoVersion="1" GCamera:MicroVideoOffset="{len(film())}"')
    return with_first(jpeg(chart), xmp_segment(told)) + film()


@SHELF.entry(
    "motion-photo-without-its-film.jpg", "immich#30654: an editor has dropped it", Done(silent=("MotionPhoto",))
)
def _motion_photo_bare(chart: Image.Image) -> bytes:
    return with_first(jpeg(chart), xmp_segment(packet('GCamera:MotionPhoto="1" GCamera:MotionPhotoVersion="1"')))


SHELF.add(
    "samsung-film.jpg",
    lambda chart: jpeg(chart) + samsung(b"MotionPhoto_Data" + film()),
    "photoprism#1739: the maker's trailer",
    Done(told=("film|video|motion",)),
)
SHELF.add(
    "samsung-note.jpg",
    lambda chart: jpeg(chart) + samsung(b"Image_UTC_Data1764012345678"),
    "a trailer without a film",
    Done(),
)
SHELF.add(
    "film-alone.jpg",
    lambda chart: jpeg(chart) + film(),
    "other phones: an mp4 right behind EOI",
    Done(told=("film|video|motion",)),
)

# No EOI.

PANORAMA = "libjpeg-turbo#163, photoprism#1944, darktable#3178: panoramas of common phones have no EOI"
SHELF.add(
    "panorama-no-eoi.jpg",
    lambda chart: jpeg(chart).removesuffix(EOI) + samsung(b"Panorama_Shot_Info" + bytes(60)),
    PANORAMA,
    Done(),
)
SHELF.add(
    "panorama-no-eoi-film.jpg", lambda chart: jpeg(chart).removesuffix(EOI) + samsung(b"MotionPhoto_Data" + film()),
    PANORAMA, Done(told=("film|video|motion",)),
)  # fmt: skip
NO_END = "SixLabors/ImageSharp#440, OpenImageIO#951: every MCU is there, EOI is not"
SHELF.add("no-eoi.jpg", lambda chart: jpeg(chart).removesuffix(EOI), NO_END, Done())
SHELF.add("no-eoi-progressive.jpg", lambda chart: jpeg(chart, progressive=True).removesuffix(EOI), NO_END, Done())
SHELF.add(
    "no-eoi-grey.jpg",
    lambda chart: jpeg(chart.convert("L")).removesuffix(EOI),
    NO_END,
    Done(lambda chart: chart.convert("L")),
)
SHELF.add("no-eoi-restarts.jpg", lambda chart: jpeg(chart, restart_marker_rows=1).removesuffix(EOI), NO_END, Done())
SHELF.add("half-an-eoi.jpg", lambda chart: jpeg(chart).removesuffix(b"\xd9"), NO_END, Done())

# Cut.

CUT = Failed("truncated|cut|missing|incomplete|decoded|intervals", "its last pixels are not there; others make them up")


def scan_cut(data: bytes, part: float) -> bytes:
    """Only so much of the last scan's coded data, and nothing behind."""
    pieces = parts(data)
    last = max(place for place, piece in enumerate(pieces) if marker_of(piece) == 0xDA)
    return b"".join(pieces[:last]) + pieces[last][: int(len(pieces[last]) * part)]


def cut_at(chart: Image.Image, part: float) -> bytes:
    """Cut inside its picture data."""
    return scan_cut(jpeg(chart), part)


for _part in (10, 50, 90, 99):
    SHELF.add(
        f"cut-at-{_part}-percent.jpg",
        partial(cut_at, part=_part / 100),
        "a copy that broke off",
        CUT,
    )
SHELF.add("cut-panorama.jpg", lambda chart: scan_cut(jpeg(chart), 0.7) + samsung(b"Panorama_Shot_Info"), PANORAMA, CUT)
SHELF.add(
    "cut-restarts.jpg",
    lambda chart: scan_cut(jpeg(chart, restart_marker_rows=1), 0.6) + EOI,
    "a copy that broke off",
    CUT,
)
SHELF.add(
    "cut-progressive.jpg",
    lambda chart: scan_cut(jpeg(chart, progressive=True), 0.3),
    "a copy that broke off in its last scan",
    CUT,
)
SHELF.add("cut-in-its-header.jpg", lambda chart: jpeg(chart)[:300], "a copy that broke off", Failed("truncated"))
SHELF.add("cut-after-soi.jpg", lambda chart: jpeg(chart)[:2], "a copy that broke off", Failed("truncated"))


@SHELF.entry("hole-of-zeros.jpg", "rsync --inplace, SMB: a page that was never written", CUT)
def _hole(chart: Image.Image) -> bytes:
    data = bytearray(jpeg(chart.resize((1280, 1024)), quality=98))
    data[8192:16384] = bytes(8192)
    return bytes(data)


@SHELF.entry("zeros-to-the-end.jpg", "a file system gave the file its size and a power cut took the rest", CUT)
def _zeros_to_the_end(chart: Image.Image) -> bytes:
    data = jpeg(chart.resize((1280, 1024)), quality=98)
    return data[: len(data) // 2].ljust(len(data), b"\0")


@SHELF.entry("missing-restart-interval.jpg", "a dropped packet: decoders skip to the next restart and leave grey", CUT)
def _missing_interval(chart: Image.Image) -> bytes:
    def changed(piece: bytes) -> bytes:
        if marker_of(piece) != 0xDA:
            return piece
        third, fourth = piece.index(b"\xff\xd3"), piece.index(b"\xff\xd4")
        return piece[:third] + piece[fourth:]

    return each(jpeg(chart, restart_marker_rows=1), changed)


# Between the segments.

SHELF.add(
    "fill-bytes.jpg", lambda chart: each(jpeg(chart), lambda piece: b"\xff" * (piece != b"\xff\xd8") * 5 + piece),
    "T.81 B.1.1.2: any number of FF before a marker", Done(),
)  # fmt: skip
SHELF.add(
    "stray-bytes.jpg", lambda chart: before(jpeg(chart), 0xDB, b"\x12\x34\x56"),
    "libjpeg: JWRN_EXTRANEOUS_DATA, extraneous bytes before a marker", Done(),
)  # fmt: skip
SHELF.add(
    "text-before-eoi.jpg",
    lambda chart: before(jpeg(chart), 0xD9, segment(0xFE, b"said last")),
    "T.81 B.2: a comment behind the scan",
    Done(says=("said last",)),
)
SHELF.add(
    "comment-empty.jpg",
    lambda chart: with_first(jpeg(chart), segment(0xFE, b"")),
    "a segment of its own length alone",
    Done(),
)
SHELF.add(
    "comment-longest.jpg",
    lambda chart: with_first(jpeg(chart), segment(0xFE, b"long " * 13106)),
    "65,533 bytes",
    Done(),
)
SHELF.add(
    "comments-many.jpg",
    lambda chart: before(jpeg(chart), 0xDB, *[segment(0xFE, f"remark {number}".encode()) for number in range(40)]),
    "scanners write a line a comment",
    Done(says=("remark 7",)),
)
SHELF.add(
    "comment-latin.jpg",
    lambda chart: with_first(jpeg(chart), segment(0xFE, b"Stra\xdfe in M\xfcnchen")),
    "a comment in Latin-1",
    Done(),
)
SHELF.add(
    "comment-binary.jpg",
    lambda chart: with_first(jpeg(chart), segment(0xFE, bytes(range(256)))),
    "no text at all",
    Done(),
)
