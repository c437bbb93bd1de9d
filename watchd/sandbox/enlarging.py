"""The work itself: pixels in, the enlarged and enhanced PNG out."""

import io
import struct
import threading
import zlib
from typing import assert_never

from PIL import Image, ImageFilter

from watchd.sandbox.contract import Parameters
from watchd.sandbox.options import EngineName
from watchd.sandbox.pictures import UploadedPicture
from watchd.sandbox.tone import finish
from watchd.sandbox.waifu2x import StoppingError, Waifu2x, is_installed

# Beyond these, in pixels that go into the network, a call would take longer than the service itself; then Lanczos.
_MOST_FIRST_PASS = 2_000_000
_MOST_SECOND_PASS = 600_000
_BAND_BYTES = 1_000_000

Size = tuple[int, int]


class Enlarger:
    """One way to enlarge, shared by all calls; ``render`` may run in several threads.

    Raises:
        ValueError: the engine asked for is not installed.
    """

    def __init__(self, name: EngineName) -> None:
        if name == "waifu2x" and not is_installed():
            raise ValueError("engine waifu2x is not installed: pip install 'watchd[local]', or take lanczos")
        if name == "auto":
            name = "waifu2x" if is_installed() else "lanczos"
        self.name = name
        self._loading = threading.Lock()
        self._stopping = threading.Event()
        self._network: Waifu2x | None = None

    def stop(self) -> None:
        """Begin nothing more, and leave off what is under way where it can be left off."""
        self._stopping.set()

    def close(self) -> None:
        """Let go of what was loaded."""
        if self._network is not None:
            self._network.close()

    def render(self, picture: UploadedPicture, parameters: Parameters) -> bytes:
        """A PNG of exactly the planned size, without metadata; transparency is kept.

        Raises:
            StoppingError: the sandbox is ending.
        """
        if self._stopping.is_set():
            raise StoppingError
        size = (picture.plan.width, picture.plan.height)
        if self.name == "fast":
            return encode_fast(picture.pixels.resize(size, Image.Resampling.NEAREST))
        base = picture.pixels.convert("RGB")
        plain = base.resize(size, Image.Resampling.LANCZOS)
        result = finish(self._enlarge(base, plain), plain, parameters)
        if picture.pixels.mode == "RGBA":
            result.putalpha(picture.pixels.getchannel("A").resize(size, Image.Resampling.LANCZOS))
        return encode(result)

    def _enlarge(self, base: Image.Image, plain: Image.Image) -> Image.Image:
        """The base at the size of ``plain``, which is what Lanczos alone makes of it."""
        match self.name:
            case "waifu2x" | "auto":
                return self._enlarge_by_network(base, plain)
            case "lanczos" | "fast":
                return _sharpened(plain) if plain.size != base.size else plain
            case _:
                assert_never(self.name)

    def _enlarge_by_network(self, base: Image.Image, plain: Image.Image) -> Image.Image:
        if plain.size == base.size:
            return plain
        if base.width * base.height > _MOST_FIRST_PASS:
            return _sharpened(plain)
        network = self._loaded()
        large = network.double(base)
        if large.width < plain.width and large.width * large.height <= _MOST_SECOND_PASS:
            large = network.double(large)
        return large if large.size == plain.size else large.resize(plain.size, Image.Resampling.LANCZOS)

    def _loaded(self) -> Waifu2x:
        with self._loading:
            if self._network is None:
                self._network = Waifu2x(self._stopping)
            return self._network


def _sharpened(image: Image.Image) -> Image.Image:
    return image.filter(ImageFilter.UnsharpMask(1.0, 50, 0))


def encode(image: Image.Image) -> bytes:
    """The picture as a compact PNG with nothing but pixels in it."""
    image.info.clear()
    out = io.BytesIO()
    # Level 1: a third of the default's time, for a tenth more bytes.
    image.save(out, "PNG", compress_level=1)
    return out.getvalue()


def encode_fast(image: Image.Image) -> bytes:
    """The picture (RGB or RGBA) as PNG in the least time: no row is filtered, which suits pixels that repeat."""
    channels = len(image.getbands())
    stride = image.width * channels
    colour_type = {3: 2, 4: 6}[channels]
    header = struct.pack(">IIBBBBB", image.width, image.height, 8, colour_type, 0, 0, 0)
    compressor = zlib.compressobj(1)
    data = []
    rows = max(1, _BAND_BYTES // stride)
    for top in range(0, image.height, rows):
        raw = image.crop((0, top, image.width, min(top + rows, image.height))).tobytes()
        lines = (b"\0" + raw[start : start + stride] for start in range(0, len(raw), stride))
        data.append(compressor.compress(b"".join(lines)))
    data.append(compressor.flush())
    chunks = (_chunk(b"IHDR", header), _chunk(b"IDAT", b"".join(data)), _chunk(b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(data, zlib.crc32(kind)))
