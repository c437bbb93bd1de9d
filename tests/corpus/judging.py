"""Holds an end against what was expected: the ledger's row, the output's pixels, what other programs read in it."""

from __future__ import annotations

import json
import re
import shutil
import struct
import subprocess
import warnings
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, Final

from PIL import Image, ImageChops, ImageStat

from tests.corpus.chart import shown
from tests.corpus.entry import Done, Failed

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from tests.corpus.entry import Entry

EXIFTOOL: Final = shutil.which("exiftool")
IMAGEMAGICK: Final = shutil.which("convert")
LIBVIPS: Final = shutil.which("vips")
SCALE: Final = 2
_UNREAD: Final = (
    OSError, SyntaxError, ValueError, TypeError, IndexError, KeyError, EOFError, OverflowError, RuntimeError,
    struct.error, Image.DecompressionBombError,
)  # fmt: skip
"""What Pillow raises for a file that it does not read."""
_BATCH: Final = 20
_OPAQUE: Final = 255
_GREY: Final = (128, 128, 128)
_PROBED: Final = (0.03, 0.16)
"""Where a corner is looked at, in parts of a side: inside of its patch however small the picture is."""


def complaints_about_job(entry: Entry, jobs: Sequence[dict[str, Any]]) -> Iterator[str]:
    """What the ledger says against what the entry wants."""
    if not jobs:
        yield "no job"
        return
    job = jobs[-1]
    match entry.end:
        case Done():
            if job["state"] != "done":
                yield f"{job['state']}: {job['error']}"
            elif len(jobs) > 1 or job["cost"] != 0.02:
                yield f"{len(jobs)} jobs, the last one at {job['cost']}"
        case Failed(reason):
            if job["state"] != "failed":
                yield f"{job['state']}, at {job['cost']}"
            elif re.search(reason, job["error"], re.IGNORECASE) is None:
                yield f"failed for another reason than {reason!r}: {job['error']}"
            elif job["cost"]:
                yield f"failed, and paid {job['cost']}: {job['error']}"
        case _:
            yield f"a job, {job['state']}"


def complaints_about_pixels(entry: Entry, output: Path, *, lossy: int = 0, flat: bool = False) -> Iterator[str]:
    """Size, orientation, alpha and colours of an output. `lossy`: more levels to forgive; `flat`: it holds no alpha."""
    assert isinstance(entry.end, Done)
    with warnings.catch_warnings(action="ignore"), Image.open(output) as image:  # exiftool tells what is odd beside it
        image.load()
        orientation = image.getexif().get(0x0112, 1)
        seen = shown(image)
    wanted = entry.end.look(entry.chart)
    if orientation != 1:
        yield f"it says orientation {orientation}"
    yield from differences(wanted, seen, entry.end.tolerance + lossy, flat=flat)


def differences(wanted: Image.Image, seen: Image.Image, tolerance: int, *, flat: bool = False) -> Iterator[str]:
    """How an output differs from what it should be the enlargement of."""
    size = wanted.width * SCALE, wanted.height * SCALE
    if seen.size != size:
        yield f"{seen.size} pixels instead of {size}"
        return
    # Where every pixel is opaque, an output may leave out that it says so.
    transparent = "A" in wanted.getbands() and (
        seen.mode == "RGBA" or wanted.getchannel("A").getextrema()[0] != _OPAQUE
    )
    if not flat and transparent != (seen.mode == "RGBA"):
        yield f"mode {seen.mode} for one of {wanted.mode}"
        return
    small = seen.resize(wanted.size, Image.Resampling.BOX)
    if transparent and not flat:
        off = ImageStat.Stat(ImageChops.difference(small.getchannel("A"), wanted.getchannel("A"))).mean[0]
        if off > tolerance / 2:
            yield f"its alpha is {off:.0f} levels off"
    ours, theirs = _over_grey(small), _over_grey(wanted)
    if flat and transparent:
        return
    boxes = corner_boxes(wanted.size)
    corners = {name: _difference(ours.crop(box), theirs.crop(box)) for name, box in boxes.items()}
    wrong = [f"{name} by {levels:.0f}" for name, levels in corners.items() if levels > tolerance]
    at_large = _difference(ours, theirs)
    if wrong or at_large > tolerance / 2:
        yield f"its colours are off: {', '.join((*wrong, f'at large by {at_large:.0f} levels'))}"


def corner_boxes(size: tuple[int, int]) -> dict[str, tuple[int, int, int, int]]:
    """Where the corners are looked at."""
    (left, right), (upper, lower) = ([round(side * part) for part in _PROBED] for side in size)
    width, height = size
    return {
        "upper left": (left, upper, right, lower),
        "upper right": (width - right, upper, width - left, lower),
        "lower left": (left, height - lower, right, height - upper),
        "lower right": (width - right, height - lower, width - left, height - upper),
    }


def _over_grey(image: Image.Image) -> Image.Image:
    """As it is seen on grey: what is under transparent pixels does not matter."""
    if "A" not in image.getbands():
        return image.convert("RGB")
    clear = image.convert("RGBA")
    ground = Image.new("RGB", image.size, _GREY)
    ground.paste(clear.convert("RGB"), mask=clear.getchannel("A"))
    return ground


def _difference(one: Image.Image, other: Image.Image) -> float:
    return max(ImageStat.Stat(ImageChops.difference(one, other)).mean)


def complaints_about_words(entry: Entry, found: dict[str, Any]) -> Iterator[str]:
    """What exiftool reads in an output against what it should and should not say."""
    assert isinstance(entry.end, Done)
    text = json.dumps(found, ensure_ascii=False)
    yield from (f"{word!r} is lost" for word in entry.end.says if word not in text)
    yield from (f"{word!r} is said still" for word in entry.end.silent if word in text)
    turned = {key: value for key, value in found.items() if key.endswith(":Orientation") and value != 1}
    if turned:
        yield f"exiftool reads {turned}"


def is_opened_by_pillow(path: Path) -> bool:
    """Whether it decodes the whole picture."""
    try:
        with warnings.catch_warnings(action="ignore"), Image.open(path) as image:
            image.load()
    except _UNREAD:
        return False
    return True


def is_opened_by_imagemagick(path: Path) -> bool:
    """Whether it decodes the picture, complaining as much as it likes, with no word of an error."""
    assert IMAGEMAGICK is not None
    answer = subprocess.run([IMAGEMAGICK, f"{path}[0]", "null:"], capture_output=True, check=False)
    return answer.returncode == 0


def is_opened_by_libvips(path: Path) -> bool:
    """Whether it decodes the whole picture, complaining as much as it likes, with no word of an error."""
    assert LIBVIPS is not None
    return subprocess.run([LIBVIPS, "avg", path], capture_output=True, check=False).returncode == 0


def read_by_exiftool(folder: Path) -> dict[str, dict[str, Any]]:
    """What it reads in each file of a folder, by name.

    `-b`: a text of megabytes is "binary data" to it without, and so is then every text of that name in every file.
    """
    assert EXIFTOOL is not None
    answer = subprocess.run(
        [EXIFTOOL, "-json", "-b", "-G1:4", "-n", "-a", "-ignoreMinorErrors", str(folder)],
        capture_output=True,
        check=False,
        text=True,
    )
    return {str(found["SourceFile"]).rpartition("/")[2]: found for found in json.loads(answer.stdout or "[]")}


def read_by_imagemagick(paths: Iterable[Path]) -> dict[str, tuple[int, int, tuple[int, ...]]]:
    """Width and height of a piece at the upper left, and its mean RGB as it decodes that, by name."""
    assert IMAGEMAGICK is not None
    form = "%f\t%w\t%h\t%[fx:round(255*mean.r)]\t%[fx:round(255*mean.g)]\t%[fx:round(255*mean.b)]\\n"
    found: dict[str, tuple[int, int, tuple[int, ...]]] = {}
    with TemporaryDirectory() as folder:
        names = {}
        for number, path in enumerate(sorted(paths)):  # its own syntax knows names with % and *, [ and :
            link = Path(folder) / f"{number}.png"
            link.symlink_to(path)
            names[link.name] = path.name
        links = [f"{folder}/{name}" for name in names]
        for start in range(0, len(links), _BATCH):
            piece = ["-alpha", "off", "-gravity", "northwest", "-crop", "16x16+24+16", "-format", form, "info:"]
            command = [IMAGEMAGICK, *links[start : start + _BATCH], *piece]
            answer = subprocess.run(command, capture_output=True, check=False, text=True)
            for line in answer.stdout.splitlines():
                name, width, height, *levels = line.split("\t")
                found[names[name]] = int(width), int(height), tuple(int(level) for level in levels)
    return found
