"""Originals that the service does not take as they are, and outputs that are not what it answers."""

from __future__ import annotations

import hashlib
import io
from typing import TYPE_CHECKING, Any

import pytest
from PIL import Image, ImageCms

from tests.fakes.endpoint import Says
from tests.unit.journey.test_job_runner import rows
from watchd.model import JobState, OutputFormat

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.fakes.endpoint import FakeEndpoint
    from tests.unit.journey.workshop import Workshop
    from watchd.interfaces import Upload

SIZE = (320, 256)
ORIENTATION = 0x0112


def saved(image: Image.Image, kind: str, **options: Any) -> bytes:
    target = io.BytesIO()
    image.save(target, kind, **options)
    return target.getvalue()


def photo(size: tuple[int, int] = SIZE) -> Image.Image:
    """Red at the top left, then green, then blue at the bottom right."""
    image = Image.new("RGB", size, (0, 160, 0))
    image.paste((200, 0, 0), (0, 0, size[0] // 3, size[1] // 3))
    image.paste((0, 0, 200), (2 * size[0] // 3, 2 * size[1] // 3, size[0], size[1]))
    return image


class Enlarger:
    """Wraps the fake service so that it really enlarges what it is sent, without its alpha."""

    def __init__(self, service: FakeEndpoint, mode: str | None = None) -> None:
        self.bodies: list[bytes] = []
        self.mode = mode
        inner = service.call

        def call(upload: Upload, arm: Callable[[], None], sink: Callable[[bytes], bool]) -> Any:
            with upload.open() as file:
                self.bodies.append(file.read())
            service.script.insert(0, Says(self.enlarged(upload)))
            return inner(upload, arm, sink)

        service.call = call  # type: ignore[method-assign]  # the one way to look at the bytes on their way

    def enlarged(self, upload: Upload) -> bytes:
        with Image.open(io.BytesIO(self.bodies[-1])) as image:
            turned = image.convert(self.mode or ("L" if image.mode in {"L", "LA"} else "RGB"))
        return saved(turned.resize((upload.parameters.width, upload.parameters.height)), "PNG")

    @property
    def image(self) -> Image.Image:
        """The last picture that was sent."""
        image = Image.open(io.BytesIO(self.bodies[-1]))
        image.load()
        return image


@pytest.fixture
def enlarger(shop: Workshop) -> Enlarger:
    return Enlarger(shop.endpoint)


def output(shop: Workshop, name: str) -> Image.Image:
    image = Image.open(shop.place / "out" / name)
    image.load()
    return image


def near(one: Any, other: Any, within: int = 12) -> bool:
    return all(abs(a - b) <= within for a, b in zip(one, other, strict=True))


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("a.jpg", saved(photo(), "JPEG", quality=90)),
        ("a.png", saved(photo(), "PNG")),
        ("a.webp", saved(photo(), "WEBP")),
        ("grey.jpg", saved(photo().convert("L"), "JPEG")),
        ("palette.png", saved(photo().quantize(16), "PNG")),
    ],
)
def test_what_needs_nothing_is_sent_byte_for_byte(shop: Workshop, enlarger: Enlarger, name: str, data: bytes) -> None:
    assert shop.run(name, data).state is JobState.DONE
    assert enlarger.bodies == [data]


OTHERS = {
    "a.tif": saved(photo(), "TIFF", compression="tiff_deflate"),
    "a.bmp": saved(photo(), "BMP"),
    "a.gif": saved(photo(), "GIF"),
    "a.avif": saved(photo(), "AVIF", quality=95),
    "a.jp2": saved(photo(), "JPEG2000"),
    "cmyk.jpg": saved(photo().convert("CMYK"), "JPEG", quality=95),
    "cmyk.tif": saved(photo().convert("CMYK"), "TIFF"),
    "deep.png": saved(Image.new("I;16", SIZE, 0x8080), "PNG"),
}


@pytest.mark.parametrize("name", OTHERS)
def test_what_the_service_does_not_take_is_converted_and_told(shop: Workshop, enlarger: Enlarger, name: str) -> None:
    job = shop.run(name, OTHERS[name])
    assert job.state is JobState.DONE, job.error
    assert enlarger.image.format == "PNG"
    assert enlarger.image.size == SIZE
    (told,) = rows(shop, "SELECT detail FROM event WHERE step = 'converted'")
    assert "sent as png" in told[0]
    expected = (128, 128, 128) if name == "deep.png" else (0, 160, 0)
    assert near(enlarger.image.convert("RGB").getpixel((160, 128)), expected)


def test_only_the_first_picture_of_an_animation_is_sent_and_that_is_told(shop: Workshop, enlarger: Enlarger) -> None:
    frames = [photo(), Image.new("RGB", SIZE), Image.new("RGB", SIZE, "white")]
    shop.run("a.webp", saved(frames[0], "WEBP", save_all=True, append_images=frames[1:], lossless=True))
    assert near(enlarger.image.getpixel((160, 128)), (0, 160, 0))
    (told,) = rows(shop, "SELECT detail FROM event WHERE step='converted'")
    assert "only the first of its 3 pictures is sent" in told[0]


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.usefixtures("enlarger")
def test_a_turned_photo_comes_out_upright_and_says_so_once(shop: Workshop, orientation: int) -> None:
    turns = {
        2: Image.Transpose.FLIP_LEFT_RIGHT, 3: Image.Transpose.ROTATE_180, 4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE, 6: Image.Transpose.ROTATE_90, 7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_270,
    }  # fmt: skip
    stored = photo() if orientation == 1 else photo().transpose(turns[orientation])
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    job = shop.run("a.jpg", saved(stored, "JPEG", quality=95, exif=exif))
    assert job.state is JobState.DONE
    result = output(shop, "a.png")
    assert result.size == (640, 512)
    assert near(result.getpixel((40, 40)), (200, 0, 0))
    assert near(result.getpixel((600, 480)), (0, 0, 200))
    assert result.getexif().get(ORIENTATION, 1) == 1


def test_colours_of_a_wide_profile_are_right_in_what_is_sent_and_in_what_comes_out(
    shop: Workshop, enlarger: Enlarger
) -> None:
    profile = adobe_like()
    meant = (200, 60, 40)
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB"))
    wide = ImageCms.ImageCmsProfile(io.BytesIO(profile))
    stored = ImageCms.profileToProfile(Image.new("RGB", SIZE, meant), srgb, wide)
    assert stored is not None
    assert not near(stored.getpixel((0, 0)), meant, within=8), "the profile is too near to sRGB to prove anything"
    shop.run("a.png", saved(stored, "PNG", icc_profile=profile))
    assert near(enlarger.image.getpixel((5, 5)), meant, within=2)
    result = output(shop, "a.png")
    assert near(result.getpixel((5, 5)), meant, within=2)
    assert result.info["icc_profile"] != profile


def adobe_like() -> bytes:
    """The sRGB profile with red and green exchanged for wider ones: primaries of Adobe RGB, its own curve."""
    made = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    count = int.from_bytes(made[128:132], "big")
    primaries = {
        b"rXYZ": (0.60974, 0.31111, 0.01947), b"gXYZ": (0.20528, 0.62567, 0.06087),
        b"bXYZ": (0.14919, 0.06322, 0.74457),
    }  # fmt: skip
    for entry in range(count):
        at = 132 + 12 * entry
        signature, offset = bytes(made[at : at + 4]), int.from_bytes(made[at + 4 : at + 8], "big")
        if signature in primaries:
            for number, value in enumerate(primaries[signature]):
                made[offset + 8 + 4 * number : offset + 12 + 4 * number] = round(value * 65536).to_bytes(4, "big")
    return bytes(made)


def transparent() -> Image.Image:
    image = photo().convert("RGBA")
    image.putalpha(Image.linear_gradient("L").resize(SIZE))
    return image


@pytest.mark.usefixtures("enlarger")
@pytest.mark.parametrize("kind", ["PNG", "WEBP", "TIFF"])
def test_alpha_that_the_answer_lacks_is_joined_again(shop: Workshop, kind: str) -> None:
    name = {"PNG": "a.png", "WEBP": "a.webp", "TIFF": "a.tif"}[kind]
    shop.run(name, saved(transparent(), kind, **({"lossless": True} if kind == "WEBP" else {})))
    result = output(shop, "a.png")
    assert result.mode == "RGBA"
    expected = Image.linear_gradient("L").resize(SIZE).resize((640, 512), Image.Resampling.LANCZOS)
    for y in (20, 256, 500):
        assert abs(result.getpixel((300, y))[3] - expected.getpixel((300, y))) <= 2  # type: ignore[index,operator]


def test_alpha_that_the_answer_has_is_the_answers(shop: Workshop) -> None:
    Enlarger(shop.endpoint, mode="RGBA")
    shop.run("a.png", saved(transparent(), "PNG"))
    assert output(shop, "a.png").mode == "RGBA"
    assert rows(shop, "SELECT count(*) FROM attempt")[0] == (1,)


@pytest.mark.parametrize("kind", ["jpeg", "webp", "tiff", "avif"])
def test_the_output_is_in_the_format_that_the_folder_wants(build: Callable[..., Workshop], kind: str) -> None:
    shop = build()
    shop.restart(shop.folder(format=OutputFormat(kind)))  # type: ignore[arg-type]  # one of the five
    Enlarger(shop.endpoint)
    job = shop.run("a.png", saved(photo(), "PNG"))
    assert job.state is JobState.DONE, job.error
    ending = {"jpeg": "jpg", "webp": "webp", "tiff": "tif", "avif": "avif"}[kind]
    result = output(shop, f"a.{ending}")
    assert result.format == kind.upper()
    assert near(result.convert("RGB").getpixel((320, 256)), (0, 160, 0))
    assert list(shop.spool.names()) == []
    data = (shop.place / "out" / f"a.{ending}").read_bytes()
    assert job.output_sha256 == hashlib.sha256(data).hexdigest()


def test_a_copy_in_a_folder_with_another_format_is_made_from_the_paid_result(build: Callable[..., Workshop]) -> None:
    shop = build()
    second = "/srv/hot/second"
    shop.tree.make(second)
    shop.restart(shop.folder(), shop.folder("second", second, format=OutputFormat("jpeg")))
    Enlarger(shop.endpoint)
    shop.run("a.png", saved(photo(), "PNG"))
    shop.put("b.png", saved(photo(), "PNG"), folder=1)
    shop.settle()
    shop.work()
    assert shop.endpoint.calls == 1
    assert output(shop, "b.jpg").size == (640, 512)


def test_pixels_that_cannot_be_decoded_fail_before_anything_is_paid(shop: Workshop) -> None:
    data = bytearray(saved(photo(), "TIFF", compression="tiff_deflate"))
    data[60:400] = bytes(340)
    job = shop.run("a.tif", bytes(data))
    assert job.state is JobState.FAILED
    assert shop.endpoint.calls == 0
