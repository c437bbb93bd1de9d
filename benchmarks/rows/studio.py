"""What pictures cost of our own: metadata that goes in, bytes that go out as they are, tiles that are joined."""

from __future__ import annotations

import hashlib
import io
import json
import subprocess
import sys
import time
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING

from PIL import Image

from benchmarks.figures import WATCHD, AtMost, Contender, Measure, Noted
from benchmarks.processes import BenchError
from watchd.adapters.filesystem.tree import FileTree
from watchd.adapters.pixels.pillow_studio import PillowStudio
from watchd.core.request import sendable, tiling
from watchd.core.request.appraising import Appraisal, appraise
from watchd.formats.metadata import dressing
from watchd.formats.metadata.collecting import Metadata
from watchd.formats.metadata.xmp import Done
from watchd.formats.png.rewriter import PngRewriter
from watchd.journey.examining import Examined, Examiner, FileRead
from watchd.model import Api, Folder, Profile, Sample

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

    from benchmarks.figures import Bench

SIDE = 4096
PIECE = 256 * 1024
TIMES = 5
LARGE = """
import io, json, sys, time
from functools import partial
from PIL import Image
from watchd.adapters.pixels.pillow_studio import PillowStudio
from watchd.core.request import tiling
from watchd.formats.metadata.collecting import Metadata
from watchd.core.outgoing.rendering import PaidPicture, Part
from watchd.model import OutputFormat
width, height, scale = json.loads(sys.argv[1])
rects = tiling.cut(width, height, scale, most_pixels=16_777_216)
with open(sys.argv[2], "wb") as file:
    size = rects[0].width * scale, rects[0].height * scale
    Image.effect_noise(size, 30).convert("RGB").save(file, "PNG", compress_level=1)
parts = tuple(Part(rect, partial(open, sys.argv[2], "rb")) for rect in rects)
answer = PaidPicture(parts, *tiling.result_size(width, height, scale), scale)
began = time.process_time()
with open(sys.argv[3], "wb") as file:
    PillowStudio().render(answer, OutputFormat(sys.argv[4]), Metadata(), file)
peak = next(line.split()[1] for line in open("/proc/self/status") if line.startswith("VmHWM"))
print(peak, time.process_time() - began)
"""


class Studio:
    """Work on pixels and beside them."""

    name = "studio"
    about = "CPU time and memory of what is done to a picture before its call and after it"

    def rounds(self, *, quick: bool) -> int:  # noqa: ARG002 -- as the others
        """Each turn is the least of several."""
        return 1

    def size(self, *, quick: bool) -> tuple[int, int]:
        """Of the original that is cut: the result is twice as wide and as high."""
        return (2400, 1600) if quick else (6124, 4083)

    def measures(self, *, quick: bool) -> Sequence[Measure]:
        """Those that have a bound, and two for comparison."""
        width, height = (2 * side for side in self.size(quick=quick))
        large = f"a result of {width * height / 1e6:.0f} megapixels joined from tiles"
        return (
            Measure("metadata", "metadata onto a PNG of 16 megapixels, CPU", "ms", AtMost(60.0)),
            Measure("copied", "the same PNG read in pieces and nothing done, CPU", "ms", Noted()),
            Measure("as_is", "whether a photo of 12 megapixels can go out as it is, beyond proving it, CPU", "ms",
                    AtMost(1.0)),
            Measure("admit", "that photo hashed, read, proven, known by what is sent of it, CPU", "x its SHA-256",
                    AtMost(4.6)),
            Measure("calls", "calls for a photo of 24 megapixels at 2x by tiles", "", AtMost(8)),
            Measure("png", f"{large}, PNG: peak memory", "MB", AtMost(300.0)),
            Measure("png_cpu", "the same, CPU", "s", Noted()),
            Measure("jpeg", f"{large}, JPEG: peak memory", "MB", AtMost(300.0)),
            Measure("jpeg_cpu", "the same, CPU", "s", Noted()),
        )  # fmt: skip

    @contextmanager
    def contenders(self, bench: Bench) -> Iterator[Sequence[Contender]]:
        """Watchd's own rooms, without the service."""
        bench.folder.mkdir(parents=True, exist_ok=True)
        yield (Contender(WATCHD, partial(_measure, bench.folder, self.size(quick=bench.quick))),)


def _measure(folder: Path, size: tuple[int, int]) -> Mapping[str, float]:
    metadata, copied = _metadata()
    rects = tiling.cut(6000, 4000, 2, most_pixels=16_777_216)
    return {
        "metadata": metadata, "copied": copied, "as_is": _as_is(), "admit": _admitted(), "calls": len(rects or ()),
        **_rendered(folder, size, "png"), **_rendered(folder, size, "jpeg"),
    }  # fmt: skip


def _cpu(step: Callable[[], object]) -> float:
    """Milliseconds: the least of several, as whatever else the machine does only adds."""
    taken = []
    for _ in range(TIMES):
        before = time.process_time()
        step()
        taken.append(time.process_time() - before)
    return 1000 * min(taken)


def _metadata() -> tuple[float, float]:
    target = io.BytesIO()
    Image.effect_noise((SIDE, SIDE), 20).convert("RGB").save(target, "PNG", compress_level=1)
    taken = Image.Exif()
    taken[0x010F] = "Camera maker"
    done = Done("1", "gold", 2.0, "2026-11-25T08:00:00+01:00")
    dressed = dressing.dress(
        Metadata(exif=taken.tobytes()[6:]), keep=True, width=SIDE, height=SIDE, done=done, srgb_profile=None
    )
    chunks, data = dressing.as_png_chunks(dressed.metadata), target.getvalue()
    return _cpu(partial(_rewrite, data, chunks)), _cpu(partial(_pieces, data))


def _rewrite(data: bytes, chunks: bytes) -> None:
    rewriter = PngRewriter(chunks)
    for piece in _pieces(data):
        rewriter.feed(piece)
    rewriter.finish()


def _pieces(data: bytes) -> list[bytes]:
    file = io.BytesIO(data)
    return list(iter(lambda: file.read(PIECE), b""))


def _as_is() -> float:
    target = io.BytesIO()
    icc = PillowStudio().srgb()
    Image.effect_noise((4000, 3000), 20).convert("RGB").save(target, "JPEG", quality=90, icc_profile=icc)
    data, studio = target.getvalue(), PillowStudio()
    folder = Folder("hot", "/hot", Profile("p", scale=1.1), "/out")
    found = appraise(data, folder, Api(), studio)
    if not isinstance(found, Appraisal) or found.original.metadata.icc is None:
        raise BenchError(f"the photo was not taken for one: {found}")

    def decide() -> object:
        space = found.original.colours
        other = space is not None and space.profile is not None and studio.is_other_than_srgb(space.profile)
        words = space.words if space is not None and other else None
        return sendable.reasons_to_convert(found.original, len(data), other_colours=words)

    if decide():
        raise BenchError("the photo would be converted")
    return _cpu(decide)


def _admitted() -> float:
    """As many times the hash of the file; it was 3.1 before payments were known by what is sent."""
    target = io.BytesIO()
    taken = Image.Exif()
    taken[0x010F] = "Camera maker"
    noise = Image.effect_noise((1000, 750), 60).convert("RGB").resize((4000, 3000))
    noise.save(target, "JPEG", quality=92, exif=taken.tobytes())
    data, folder = target.getvalue(), Folder("hot", "/hot", Profile("p", scale=1.1), "/out")
    examiner = Examiner(FileTree(), Api(), PillowStudio())

    def admit() -> object:
        file = FileRead(data, Sample(len(data), 1, 1, 1), hashlib.sha256(data).hexdigest())
        found = examiner.judge(file, folder)
        return found.known_by() if isinstance(found, Examined) else found

    if not isinstance(admit(), str):
        raise BenchError(f"the photo was not taken for one: {admit()}")
    return _cpu(admit) / _cpu(lambda: hashlib.sha256(data).hexdigest())


def _rendered(folder: Path, size: tuple[int, int], kind: str) -> Mapping[str, float]:
    """Peak memory in MB and CPU seconds of a process that joins the tiles of one large result."""
    given = [json.dumps([*size, 2]), str(folder / "tile.png"), str(folder / "result"), kind]
    ended = subprocess.run([sys.executable, "-c", LARGE, *given], capture_output=True, check=False, text=True)
    if ended.returncode:
        raise BenchError(f"the tiles were not joined: {ended.stderr[-500:]}")
    peak, seconds = ended.stdout.split()
    return {kind: int(peak) / 1000, f"{kind}_cpu": float(seconds)}
