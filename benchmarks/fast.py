"""The service in C (fast_service.c), compiled when it is first needed: for rows that measure a client's own work."""

from __future__ import annotations

import subprocess
import zlib
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.contenders import needed
from benchmarks.service import Listening, listening

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

SOURCE = Path(__file__).with_name("fast_service.c")


@dataclass(frozen=True, slots=True)
class Told:
    """What it saw since it was last asked: each picture by its length and Adler-32."""

    pictures: Sequence[tuple[int, int]]
    peak: int


class FastService(Listening):
    """The one in C."""

    __slots__ = ()

    def report(self) -> Told:
        """Everything since the last report."""
        told = self.told()
        return Told([(size, total) for size, total in told["pictures"]], told["peak"])


def known_as(picture: bytes) -> tuple[int, int]:
    """What the service tells a picture by."""
    return len(picture), zlib.adler32(picture)


@contextmanager
def serving(folder: Path, answers: Sequence[Path], *, latency: float = 0.0, at_once: int = 8) -> Iterator[FastService]:
    """The service until the context is left. `latency`: seconds of one call; `answers`: PNGs of twice the sizes."""
    program = folder / "fast_service"
    if not program.exists():
        subprocess.run([needed("cc"), "-O2", "-o", str(program), str(SOURCE)], check=True, timeout=60)
    command = [str(program), str(latency * 1000), str(at_once), *map(str, answers)]
    with listening(command, folder / "service.log") as port:
        yield FastService(port)
