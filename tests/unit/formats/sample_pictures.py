"""Pictures for the tests of containers and metadata: made by Pillow, or by hand where Pillow cannot make them."""

from __future__ import annotations

import io
import struct
import zlib

from PIL import Image, ImageCms, ImageFilter, PngImagePlugin

from watchd.formats.png.png_chunks import SIGNATURE, chunk, chunks

ADAM7 = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2))  # x y dx dy
SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
GREY_PROFILE = SRGB[:16] + b"GRAY" + SRGB[20:]
XMP = (
    b"<?xpacket begin='\xef\xbb\xbf' id='W5M0MpCehiHzreSzNTczkc9d'?><x:xmpmeta xmlns:x='adobe:ns:meta/'>"
    b"<rdf:RDF xmlns:rdf='http://www.w3.org/1999/02/22-rdf-syntax-ns#'><rdf:Description rdf:about='' "
    b"xmlns:tiff='http://ns.adobe.com/tiff/1.0/' tiff:Orientation='6'/></rdf:RDF></x:xmpmeta><?xpacket end='w'?>"
)


def image(mode: str = "RGB", size: tuple[int, int] = (37, 23)) -> Image.Image:
    """A picture with gradients and noise, so that no part of a file is like another."""
    red = Image.linear_gradient("L").resize(size)
    green = Image.effect_noise(size, 80)
    blue = Image.radial_gradient("L").resize(size).filter(ImageFilter.SHARPEN)
    picture = Image.merge("RGB", (red, green, blue))
    if mode == "RGBA":
        picture.putalpha(green)
        return picture
    if mode == "I;16":
        return picture.convert("L").convert("I").point(lambda value: value * 257).convert("I;16")
    return picture.convert(mode)


def encoded(picture: Image.Image, kind: str, **options: object) -> bytes:
    """The file that Pillow writes."""
    file = io.BytesIO()
    picture.save(file, kind, **options)
    return file.getvalue()


def png(mode: str = "RGB", size: tuple[int, int] = (37, 23), **options: object) -> bytes:
    return encoded(image(mode, size), "PNG", **options)


def jpeg(mode: str = "RGB", size: tuple[int, int] = (64, 48), **options: object) -> bytes:
    return encoded(image(mode, size), "JPEG", **{"quality": 90, **options})


def webp(mode: str = "RGB", size: tuple[int, int] = (37, 23), **options: object) -> bytes:
    return encoded(image(mode, size), "WEBP", **options)


def assembled(*parts: bytes) -> bytes:
    """A PNG of whole chunks."""
    return SIGNATURE + b"".join(parts)


def taken_apart(data: bytes) -> list[tuple[bytes, bytes]]:
    """Kind and body of each chunk of a PNG."""
    return [(kind, data[start + 8 : end - 4]) for kind, start, end in chunks(data)]


def ihdr(width: int, height: int, depth: int = 8, colour: int = 2, interlace: int = 0) -> bytes:
    return chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, interlace))


def raw_png(header: bytes, rows: bytes, *between: bytes) -> bytes:
    """A PNG of a header, filtered rows not yet compressed, and chunks between the two."""
    return assembled(header, *between, chunk(b"IDAT", zlib.compress(rows)), chunk(b"IEND", b""))


def interlaced(picture: Image.Image) -> bytes:
    """An Adam7 PNG of an RGB, L or 1 picture: what Pillow reads and does not write."""
    width, height = picture.size
    depth, colour = {"1": (1, 0), "L": (8, 0), "RGB": (8, 2)}[picture.mode]
    rows = bytearray()
    for x0, y0, dx, dy in ADAM7:
        across = range(x0, width, dx)
        for y in range(y0, height, dy) if across else ():
            row = Image.new(picture.mode, (len(across), 1))
            for column, x in enumerate(across):
                row.putpixel((column, 0), picture.getpixel((x, y)) or 0)
            rows += b"\0" + row.tobytes()
    return raw_png(ihdr(width, height, depth, colour, 1), bytes(rows))


def exif(orientation: int | None = 6, size: tuple[int, int] | None = (64, 48)) -> Image.Exif:
    """EXIF with a camera, a place and a resolution."""
    tags = Image.Exif()
    if orientation is not None:
        tags[0x0112] = orientation
    tags[0x010F] = "Camera maker with a name"
    tags[0x011A], tags[0x011B], tags[0x0128] = 300.0, 300.0, 2
    if size is not None:
        tags.get_ifd(0x8769).update({0xA002: size[0], 0xA003: size[1]})
    tags.get_ifd(0x8825).update({1: "N", 2: (48.0, 51.0, 29.5), 3: "E", 4: (2.0, 17.0, 40.2)})
    return tags


def xmp_text(packet: bytes = XMP) -> PngImagePlugin.PngInfo:
    """XMP as Pillow puts it into a PNG."""
    info = PngImagePlugin.PngInfo()
    info.add_itxt("XML:com.adobe.xmp", packet.decode())
    info.add_text("Comment", "a private remark")
    return info


def opened(data: bytes) -> Image.Image:
    """The picture, decoded whole."""
    picture = Image.open(io.BytesIO(data))
    picture.load()
    return picture
