"""WebP: lossy, lossless, extended, animated, and chunks that are odd. All generated here, by libwebp or by hand.

Source: RFC 9649 (container, chunks, order, padding).
"""

from __future__ import annotations

import struct
from functools import partial
from typing import TYPE_CHECKING, Any

from PIL import Image

from tests.corpus import icc
from tests.corpus.chart import converted, saved, srgb
from tests.corpus.entry import Done, Failed, Shelf, of, tailed
from tests.corpus.packets import packet, title
from tests.corpus.png_beside import frames
from tests.corpus.png_bytes import with_alpha
from tests.corpus.tiff_bytes import ASCII, MAKE, exif, turned

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.corpus.entry import Look, Maker

SHELF = Shelf("webp")
RFC = "RFC 9649"
LOSSY = Done(tolerance=14)
FINE = Done(tolerance=4)
ICC, ALPHA, EXIF, XMP, ANIMATION = 0x20, 0x10, 0x08, 0x04, 0x02


def webp(image: Image.Image, **options: Any) -> bytes:
    """What libwebp writes, without loss unless asked otherwise."""
    return saved(image, "WEBP", **({"lossless": True} | options))


def chunk(name: bytes, body: bytes, *, pad: bytes = b"\0") -> bytes:
    """A chunk, padded to an even length."""
    return name + struct.pack("<I", len(body)) + body + pad * (len(body) % 2)


def riff(*chunks: bytes, size: int | None = None) -> bytes:
    """The file around them."""
    body = b"WEBP" + b"".join(chunks)
    return b"RIFF" + struct.pack("<I", len(body) if size is None else size) + body


def chunks(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Name and body of each."""
    at = 12
    while at < len(data):
        (size,) = struct.unpack_from("<I", data, at + 4)
        yield data[at : at + 4], data[at + 8 : at + 8 + size]
        at += 8 + size + size % 2


def pixels(image: Image.Image, **options: Any) -> bytes:
    """The bitstream's chunk alone."""
    return next(chunk(name, body) for name, body in chunks(webp(image, **options)) if name in {b"VP8 ", b"VP8L"})


def extended(flags: int, size: tuple[int, int]) -> bytes:
    """VP8X."""
    width, height = ((side - 1).to_bytes(3, "little") for side in size)
    return chunk(b"VP8X", bytes([flags, 0, 0, 0]) + width + height)


def wrapped(flags: int, *behind: bytes, before: tuple[bytes, ...] = ()) -> Maker:
    """A maker: VP8X with these flags, some chunks, the pixels, more chunks."""
    return lambda chart: riff(extended(flags, chart.size), *before, pixels(chart), *behind)


def _shortened(chart: Image.Image) -> bytes:
    (body,) = (body for name, body in chunks(webp(chart, lossless=False, quality=90)) if name == b"VP8 ")
    return riff(chunk(b"VP8 ", body[: len(body) // 2]))


MADE = exif({MAKE: (ASCII, b"Camera maker\0")})
CAMERA = Done(tolerance=4, says=("Camera maker",))
TITLED = Done(tolerance=4, says=("Ein Titel",))
WORDS = packet("", title("Ein Titel"))
RIGHT = Done(lambda chart: chart.transpose(Image.Transpose.ROTATE_270), tolerance=4)

for _name, _options in {
    "quality-90": {"quality": 90},
    "quality-100": {"quality": 100},
    "fast": {"quality": 90, "method": 0},
    "slow": {"quality": 90, "method": 6},
}.items():
    SHELF.add(f"lossy-{_name}.webp", of(webp, lossless=False, **_options), RFC, LOSSY)
SHELF.add("lossy-quality-5.webp", partial(webp, lossless=False, quality=5), RFC, Done(tolerance=50))
SHELF.add("lossless.webp", webp, RFC, FINE)
SHELF.add("lossless-fast.webp", partial(webp, method=0, quality=0), RFC, FINE)
SHELF.add("near-lossless.webp", partial(webp, near_lossless=60), RFC, Done(tolerance=8))
SHELF.add(
    "lossless-few-colours.webp",
    lambda chart: webp(chart.quantize(16).convert("RGB")),
    f"{RFC}: a palette within",
    Done(lambda chart: chart.quantize(16).convert("RGB"), tolerance=4),
)
SHELF.add(
    "grey.webp",
    lambda chart: webp(chart.convert("L").convert("RGB")),
    RFC,
    Done(lambda chart: chart.convert("L").convert("RGB"), tolerance=4),
)
SEEN_THROUGH = Done(with_alpha, tolerance=16)
SHELF.add("alpha-lossless.webp", lambda chart: webp(with_alpha(chart), exact=True), RFC, Done(with_alpha, tolerance=4))
SHELF.add(
    "alpha-lossy.webp", lambda chart: webp(with_alpha(chart), lossless=False, quality=90), f"{RFC}: ALPH", SEEN_THROUGH
)
SHELF.add(
    "alpha-coarse.webp",
    lambda chart: webp(with_alpha(chart), lossless=False, quality=90, alpha_quality=50),
    f"{RFC}: ALPH",
    SEEN_THROUGH,
)
for _name, _size in {"odd": (321, 257), "prime": (317, 263), "narrow": (70, 1001)}.items():
    _sized: Look = partial(Image.Image.resize, size=_size)
    SHELF.add(
        f"size-{_name}.webp",
        of(webp, _sized),
        RFC,
        Done(_sized, tolerance=6),
    )

SHELF.add("extended.webp", wrapped(0), f"{RFC}: VP8X that says nothing", FINE)
SHELF.add("exif.webp", wrapped(EXIF, chunk(b"EXIF", MADE)), RFC, CAMERA)
SHELF.add(
    "exif-introduced.webp",
    wrapped(EXIF, chunk(b"EXIF", b"Exif\0\0" + MADE)),
    "libwebp, Pillow: written so by many",
    CAMERA,
)
SHELF.add("exif-turned.webp", wrapped(EXIF, chunk(b"EXIF", turned(6))), RFC, RIGHT)
SHELF.add("exif-turned-introduced.webp", wrapped(EXIF, chunk(b"EXIF", b"Exif\0\0" + turned(6))), RFC, RIGHT)
SHELF.add("exif-unannounced.webp", wrapped(0, chunk(b"EXIF", MADE)), "a flag that was forgotten", Done(tolerance=4))
SHELF.add("exif-announced-and-missing.webp", wrapped(EXIF), "a flag that was left", FINE)
SHELF.add(
    "exif-before-the-pixels.webp",
    wrapped(EXIF, before=(chunk(b"EXIF", MADE),)),
    f"{RFC}: order of metadata is free for readers",
    Done(tolerance=4),
)
SHELF.add("exif-empty.webp", wrapped(EXIF, chunk(b"EXIF", b"")), "Pillow's tracker", FINE)
SHELF.add("xmp.webp", wrapped(XMP, chunk(b"XMP ", WORDS)), RFC, TITLED)
SHELF.add("xmp-turned.webp", wrapped(XMP, chunk(b"XMP ", packet('tiff:Orientation="6"'))), "XMP alone says it", RIGHT)
SHELF.add(
    "xmp-before-exif.webp",
    wrapped(XMP | EXIF, chunk(b"XMP ", WORDS), chunk(b"EXIF", MADE)),
    RFC,
    Done(tolerance=4, says=("Ein Titel", "Camera maker")),
)
SHELF.add(
    "xmp-odd-length.webp",
    wrapped(XMP, chunk(b"XMP ", WORDS + b" " * (1 - len(WORDS) % 2))),
    "padding to an even length",
    TITLED,
)
SHELF.add("icc-srgb.webp", wrapped(ICC, before=(chunk(b"ICCP", srgb().tobytes()),)), RFC, FINE)
P3 = icc.rgb_profile(icc.DISPLAY_P3, icc.srgb_curve())
SHELF.add("icc-p3.webp", lambda chart: webp(converted(chart, P3), icc_profile=P3), RFC, Done(tolerance=8))
SHELF.add("icc-garbage.webp", wrapped(ICC, before=(chunk(b"ICCP", b"no profile" * 20),)), RFC, FINE)
SHELF.add("chunk-unknown.webp", wrapped(0, chunk(b"ABCD", b"unknown" * 9)), f"{RFC}: readers skip it", FINE)
SHELF.add(
    "chunk-unknown-first.webp", wrapped(0, before=(chunk(b"ABCD", b"unknown" * 9),)), f"{RFC}: readers skip it", FINE
)
SHELF.add(
    "padding-of-ff.webp",
    lambda chart: riff(
        extended(XMP, chart.size), pixels(chart), chunk(b"XMP ", WORDS + b" " * (1 - len(WORDS) % 2), pad=b"\xff")
    ),
    f"{RFC}: padding is zero, readers do not look",
    Done(tolerance=4),
)

for _name, _tail in {"zero": b"\0", "zeros": bytes(4096), "text": b"and more\n", "line-feed": b"\n"}.items():
    SHELF.add(
        f"tail-{_name}.webp",
        tailed(webp, _tail),
        f"{RFC}: what is behind RIFF's size is ignored",
        FINE,
    )
SHELF.add(
    "riff-size-too-large.webp",
    lambda chart: riff(pixels(chart), size=len(webp(chart)) + 5000),
    "a copy in progress, or a writer that lies",
    FINE,
)
SHELF.add("cut.webp", lambda chart: webp(chart, lossless=False)[:-700], "a copy that broke off", Failed("truncated"))
SHELF.add("cut-in-its-header.webp", lambda chart: webp(chart)[:18], "a copy that broke off", Failed("truncated"))
SHELF.add(
    "cut-and-put-right.webp",
    _shortened,
    "a recovery tool",
    Failed("decoded|pixels|damaged|truncated"),
)
SHELF.add(
    "no-pixels.webp", lambda chart: riff(extended(0, chart.size)), RFC, Failed("picture|pixels|VP8|damaged|frame")
)
SHELF.add(
    "sizes-that-differ.webp",
    lambda chart: riff(extended(0, (400, 300)), pixels(chart)),
    f"{RFC}: the canvas is the picture's size",
    Failed("size|canvas|claims|decoded|damaged"),
)


MOVING = Done(tolerance=6, told=("frame|picture|animat",))


def animated(chart: Image.Image, **options: Any) -> bytes:
    """Three frames."""
    first, *others = frames(chart)
    return saved(first, "WEBP", save_all=True, append_images=others, duration=100, lossless=True, **options)


SHELF.add("animated.webp", animated, f"{RFC}: ANIM, ANMF", MOVING)
SHELF.add("animated-exif.webp", partial(animated, exif=MADE), RFC, MOVING)
SHELF.add(
    "animated-lossy.webp",
    lambda chart: saved(chart, "WEBP", save_all=True, append_images=frames(chart)[1:], quality=90),
    RFC,
    Done(tolerance=14, told=("frame|picture|animat",)),
)
SHELF.add(
    "animated-alpha.webp",
    lambda chart: saved(
        with_alpha(chart),
        "WEBP",
        save_all=True,
        append_images=[with_alpha(frame) for frame in frames(chart)[1:]],
        lossless=True,
    ),
    RFC,
    Done(with_alpha, tolerance=6, told=("frame|picture|animat",)),
)


@SHELF.entry("animated-of-one.webp", "an animation of one frame is a still", FINE)
def _one_frame(chart: Image.Image) -> bytes:
    width, height = ((side - 1).to_bytes(3, "little") for side in chart.size)
    frame = chunk(b"ANMF", bytes(6) + width + height + b"\x64\0\0\0" + pixels(chart))
    return riff(extended(ANIMATION, chart.size), chunk(b"ANIM", bytes(6)), frame)
