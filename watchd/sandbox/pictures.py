"""A picture received: measured from its header, proven whole, and turned into pixels the engine can work on."""

import hashlib
import io
import struct
from dataclasses import dataclass

from PIL import Image

from watchd.sandbox.contract import ContractRefusal, Parameters, Plan, plan_result, refuse_field

FORMATS = ("JPEG", "PNG", "WEBP")
_ENDS = {"PNG": b"IEND\xaeB`\x82", "JPEG": b"\xff\xd9"}
# Some writers pad a file to a block; what follows the end of a picture is not looked at beyond this.
_TAIL_BYTES = 4096


@dataclass(frozen=True, slots=True)
class UploadedPicture:
    """Pixels in mode RGB or RGBA, as stored: an EXIF orientation is not applied."""

    pixels: Image.Image
    plan: Plan


def fingerprint(data: bytes) -> str:
    """SHA-256 of the bytes received, in hex."""
    return hashlib.sha256(data).hexdigest()


def examine(data: bytes, parameters: Parameters) -> UploadedPicture | ContractRefusal:
    """Decode a picture, once its header says that its size is acceptable.

    Foreign errors of a hostile file are many in Pillow; they are all one answer to the client.
    """
    corrupt = refuse_field("image", "Invalid image: it is damaged, incomplete, or neither JPEG, PNG nor WebP")
    try:
        image = Image.open(io.BytesIO(data), formats=FORMATS)
        plan = plan_result(parameters, *image.size)
        if isinstance(plan, ContractRefusal):
            return plan
        if image.format in _ENDS and _ENDS[image.format] not in data.rstrip(b"\0")[-_TAIL_BYTES:]:
            # Pillow takes a PNG without its end for a whole one, and many a JPEG too.
            return corrupt
        image.load()
        return UploadedPicture(_plain(image), plan)
    except (
        OSError,
        SyntaxError,
        ValueError,
        IndexError,
        EOFError,
        struct.error,
        Image.DecompressionBombError,
        Image.DecompressionBombWarning,
    ):
        return corrupt


def _plain(image: Image.Image) -> Image.Image:
    """The same pixels in RGB, or RGBA where anything is transparent, with nothing else attached."""
    if image.mode in {"I;16", "I;16B", "I;16L", "I;16N", "I"}:
        image = image.point(lambda value: value / 256).convert("L")
    transparent = image.mode in {"RGBA", "LA", "PA", "RGBa", "La"} or "transparency" in image.info
    plain = image.convert("RGBA" if transparent else "RGB")
    if plain is image:
        plain = image.copy()
    plain.info.clear()
    return plain
