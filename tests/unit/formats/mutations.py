"""Mutated files through admission, in a process of its own whose memory is bounded.

`python -m tests.unit.formats.mutations SEED COUNT` prints each finding as a line, then how many files it tried and what
they came to. Each file depends on SEED and its own number alone, so that one can be made again.
"""

from __future__ import annotations

import gc
import random
import resource
import signal
import sys
import time
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from tests.fakes.decoder import Decodes
from tests.unit.formats import sample_pictures as sample
from tests.unit.formats.sample_boxes import Item, avif
from tests.unit.formats.test_besides import JPEGS as BEHIND
from tests.unit.formats.test_containers import JPEGS, PNGS, WEBPS
from tests.unit.formats.test_more_containers import SAMPLES
from tests.unit.formats.test_taken import SLOPPY
from tests.unit.formats.test_unended import is_proven, pixels
from watchd.core.request.appraising import appraise
from watchd.core.request.sendable import TAKEN
from watchd.formats import containers
from watchd.formats.metadata.stripping import without_private
from watchd.formats.picture import Incomplete, Picture
from watchd.model import Api, Folder, Profile

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

LONGEST_S: Final = 5.0
MOST_MORE_BYTES: Final = 300_000_000
_PROVEN_ONE_IN: Final = 25
_FOLDER: Final = Folder("hot", "/hot", Profile("plain", 2.0), "/out")
_EDGES: Final = (b"\0\0\0\0", b"\xff\xff\xff\xff", b"\x7f\xff\xff\xff", b"\x80\0\0\0", b"\0\0\0\1", b"\1\0\0\0")


def originals() -> list[bytes]:
    """Whole files of every format, and sloppy ones."""
    made = [make() for group in (PNGS, JPEGS, WEBPS, SLOPPY) for make in group.values()]
    made += [data for data, _ in SAMPLES.values()] + [data for data, _ in BEHIND.values()]
    made.append(avif([Item(1, b"grid"), Item(2), Item(3, b"Exif")], [(b"dimg", 1, [2]), (b"cdsc", 3, [1])]))
    large = sample.image(size=(500, 400))
    made += [sample.encoded(large, kind) for kind in ("PNG", "JPEG", "WEBP", "GIF", "TIFF", "BMP", "JPEG2000")]
    return made


def _flip(data: bytearray, dice: random.Random) -> None:
    for _ in range(dice.choice((1, 1, 3, 20))):
        data[dice.randrange(min(len(data), dice.choice((64, 1024, len(data)))))] ^= dice.randrange(1, 256)


def _edge(data: bytearray, dice: random.Random) -> None:
    at = dice.randrange(min(len(data), dice.choice((64, 1024, len(data)))))
    data[at : at + 4] = dice.choice(_EDGES)


def _drop(data: bytearray, dice: random.Random) -> None:
    at = dice.randrange(len(data))
    del data[at : at + dice.choice((1, 2, 12, 200, 5000))]


def _repeat(data: bytearray, dice: random.Random) -> None:
    at, size = dice.randrange(len(data)), dice.choice((1, 12, 300))
    data[at:at] = data[at : at + size] * dice.choice((1, 2, 50))


def _zero(data: bytearray, dice: random.Random) -> None:
    at = dice.randrange(len(data)) // 512 * 512
    size = min(dice.choice((1, 8, 512, 4096, len(data))), len(data) - at)
    data[at : at + size] = bytes(size)


def _grow(data: bytearray, dice: random.Random) -> None:
    data += dice.choice((bytes(dice.randrange(5000)), dice.randbytes(300)))


_CHANGES: Final[tuple[Callable[[bytearray, random.Random], None], ...]] = (_flip, _edge, _drop, _repeat, _zero, _grow)


@dataclass(frozen=True)
class Mutant:
    """A file made from another. `whole`: what it is the beginning of, if it is only that."""

    data: bytes
    whole: bytes | None


def mutant(files: list[bytes], seed: int, number: int) -> Mutant:
    dice = random.Random(f"{seed} {number}")
    data = dice.choice(files)
    kind = dice.randrange(10)
    if kind < 2:
        near = dice.random() < 0.5
        return Mutant(
            data[: len(data) - dice.randrange(1, min(len(data), 200)) if near else dice.randrange(len(data))], data
        )
    if kind == 2:
        other = dice.choice(files)
        return Mutant(data[: dice.randrange(len(data))] + other[dice.randrange(len(other)) :], None)
    changed = bytearray(data)
    for _ in range(dice.choice((1, 1, 1, 2, 4))):
        if changed:
            dice.choice(_CHANGES)(changed, dice)
    return Mutant(bytes(changed), None)


def objections(one: Mutant, number: int) -> Iterator[str]:
    """What is wrong with how a file is admitted; nothing where all is well."""
    appraise(one.data, _FOLDER, Api(), Decodes())
    verdict = containers.inspect(one.data)
    if isinstance(verdict, Picture):
        clean = containers.mended(one.data, verdict)
        if verdict.format in TAKEN:
            without_private(clean, verdict.format)
        if one.whole is not None and pixels(one.data) != pixels(one.whole):
            yield "the beginning of a file is a picture, and lacks pixels"
    elif isinstance(verdict, Incomplete) and verdict.perhaps is not None:
        files = containers.closings(one.data, verdict.perhaps)
        ended = containers.ended(one.data, verdict.perhaps)
        is_asked = one.whole is not None and number % _PROVEN_ONE_IN == 0
        # A whole one may be too sloppy for the decoder, which is given it without what is wrong beside the pixels.
        whole = pixels(one.whole) if is_asked and one.whole is not None else None
        if whole is not None and is_proven(files) and pixels(ended) != whole:
            yield "the beginning of a file is proven whole, and lacks pixels"


def _hangs(*_: object) -> None:
    raise TimeoutError


def main(seed: int, count: int) -> int:
    files = originals()
    for data in files:  # what is loaded once is no matter of one file
        appraise(data, _FOLDER, Api(), Decodes())
        pixels(data)
    gc.collect()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    with open("/proc/self/statm") as file:  # noqa: PTH123 -- what the kernel counts against the limit
        mapped = int(file.read().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (mapped + MOST_MORE_BYTES, resource.RLIM_INFINITY))
    signal.signal(signal.SIGALRM, _hangs)
    found: list[str] = []
    came_to: Counter[str] = Counter()
    for number in range(count):
        one = mutant(files, seed, number)
        signal.setitimer(signal.ITIMER_REAL, LONGEST_S)
        began = time.monotonic()
        try:
            found += [f"{number}: {why}" for why in objections(one, number)]
        except BaseException as error:  # whatever it is, admission must not raise it
            found.append(f"{number}: {error!r}")
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
        came_to["slow" if time.monotonic() - began > LONGEST_S else "quick"] += 1
        came_to[type(containers.inspect(one.data)).__name__] += 1
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 - before
    if grown > MOST_MORE_BYTES:
        found.append(f"memory grew by {grown:,} bytes")
    sys.stdout.writelines(f"{line}\n" for line in found)
    sys.stdout.write(f"tried {count} with seed {seed}: {dict(came_to)}, {grown:,} bytes more\n")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]), int(sys.argv[2])))
