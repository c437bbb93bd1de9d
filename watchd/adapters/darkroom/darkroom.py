"""Implements `interfaces.Studio` by processes that do the work: a bomb or a crash of a codec costs its picture alone.

They are started when they are needed, since most pictures go out as they are, and end when nobody has needed them for
a while.
"""

from __future__ import annotations

import importlib.util
import logging
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from contextlib import ExitStack, suppress
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Final

import watchd
from watchd.adapters.darkroom import wire
from watchd.core.outgoing.rendering import PaidPicture
from watchd.formats.picture import Broken, Format
from watchd.interfaces.studio import Developed

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from watchd.formats.metadata.collecting import Metadata
    from watchd.formats.reading import Original
    from watchd.model import OutputFormat, Rect

logger = logging.getLogger(__name__)

AT_ONCE: Final = 2
"""Pictures that are in memory at once: one on its way out, one that has come back."""
IDLE_S: Final = 60.0
_BASE_BYTES: Final = 768_000_000
"""Of address space beside the pixels: codecs map more than they use."""
_BYTES_A_PIXEL: Final = 24
"""Decoded, converted, turned and encoded, each once, and what a codec keeps beside."""
_BASE_S: Final = 30.0
_MEGAPIXELS_A_SECOND: Final = 1_000_000.0
"""So slow no machine is that runs at all."""


# The package that this very process runs, wherever another may be installed.
_PROGRAM: Final = (
    f"import sys; sys.path.insert(0, {str(Path(watchd.__file__).parents[1])!r});"
    " from watchd.adapters.darkroom.worker import main; main()"
)


class DecoderDiedError(Exception):
    """The process that worked on a picture ended, or had to be ended; str() says how, as in "it …"."""


class _Process:
    """One process and the line to it."""

    def __init__(self) -> None:
        ours, theirs = socket.socketpair()
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-I", "-c", _PROGRAM],
                stdin=theirs.fileno(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            )  # fmt: skip
        self._line = ours

    def ask(self, request: wire.Request, seconds: float) -> dict[str, Any]:
        """Raises DecoderDiedError."""
        self._line.settimeout(seconds)
        try:
            wire.send(self._line, request)
            answer = wire.answer(self._line)
        except TimeoutError:
            raise DecoderDiedError(f"takes more than {seconds:.0f} s") from None
        except OSError:
            answer = None
        if answer is None:
            raise DecoderDiedError(self._how_it_ended())
        return answer

    def _how_it_ended(self) -> str:
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(5)
        status = self._process.poll()
        if status is not None and status < 0:
            return f"makes its decoder crash ({signal.Signals(-status).name})"
        return f"makes its decoder end (status {status})"

    def end(self) -> None:
        """End it, whatever it is at."""
        self._line.close()
        self._process.kill()
        self._process.wait()


class Darkroom:
    """Hands pictures to processes, so many `at_once`.

    Threads: any worker's; the list of idle processes is kept behind a lock, a process is in one thread's hands alone.
    """

    def __init__(self, at_once: int = AT_ONCE) -> None:
        has_heic = importlib.util.find_spec("pillow_heif") is not None
        self._reads = tuple(kind for kind in Format if kind is not Format.HEIC or has_heic)
        self._places = threading.BoundedSemaphore(at_once)
        self._lock = threading.Lock()
        self._idle: list[tuple[_Process, float]] = []
        self._is_other = lru_cache(maxsize=64)(self._ask_whether_other)
        self._srgb: bytes | None = None
        self._timer: threading.Timer | None = None

    @property
    def reads(self) -> Collection[Format]:
        """What can be decoded here: HEIC with its extra alone."""
        return self._reads

    def is_other_than_srgb(self, icc: bytes) -> bool:
        """Whether a profile means visibly other colours than sRGB."""
        return self._is_other(icc)

    def _ask_whether_other(self, icc: bytes) -> bool:
        try:
            return bool(self._do("other", (icc,), pixels=0))
        except DecoderDiedError:
            return False  # of a profile that cannot be read nothing is converted

    def srgb(self) -> bytes:
        """The profile of converted pixels."""
        if self._srgb is None:
            self._srgb = bytes.fromhex(self._do("srgb", (), pixels=0))
        return self._srgb

    def prove(self, versions: Sequence[bytes], original: Original) -> Broken | None:
        """Why files cannot be this picture; None: all are decoded to their last pixel, and all to the same ones."""
        try:
            found = self._do("prove", (versions, original), pixels=_pixels(original) * len(versions))
        except DecoderDiedError as died:
            return Broken(f"cannot be decoded: it {died}")
        return None if found is None else Broken(str(found["broken"]))

    def develop(
        self, source: BinaryIO, original: Original, sent: tuple[BinaryIO, Rect | None, int] | None, alpha: BinaryIO
    ) -> Developed | Broken:
        """The first picture of a file as it is sent, or a part of it."""
        files = wire.numbers((source, alpha) if sent is None else (source, alpha, sent[0]))
        wanted = None if sent is None else sent[1:]
        try:
            found = self._do("develop", (original, wanted), files, pixels=_pixels(original))
        except DecoderDiedError as died:
            return Broken(f"cannot be decoded: it {died}")
        if isinstance(found, dict):
            return Broken(str(found["broken"]))
        kind, size, converted, has_alpha = found
        return Developed(None if kind is None else Format(kind), int(size), bool(converted), bool(has_alpha))

    def preview(
        self, data: bytes, original: Original, longest: int | None, target: BinaryIO, *, quality: int, on_white: bool
    ) -> Format | Broken:
        """The picture for a browser."""
        arguments = data, original, longest, quality, on_white
        try:
            found = self._do("preview", arguments, wire.numbers([target]), pixels=_pixels(original))
        except DecoderDiedError as died:
            return Broken(f"cannot be decoded: it {died}")
        return Broken(str(found["broken"])) if isinstance(found, dict) else Format(found)

    def render(self, answer: PaidPicture, form: OutputFormat, dressed: Metadata, target: BinaryIO) -> None:
        """Write the output. What ends its process is a fault of ours: the answer was proven when it came."""
        with ExitStack() as files:
            parts = [files.enter_context(part.open()) for part in answer.parts]
            picture = PaidPicture((), answer.width, answer.height, answer.scale, answer.alpha)
            arguments = picture, [part.rect for part in answer.parts], form, dressed
            try:
                self._do("render", arguments, wire.numbers([*parts, target]), pixels=answer.width * answer.height)
            except DecoderDiedError as died:
                raise ValueError(f"a paid answer cannot be written as {form.type}: it {died}") from died

    def _do(self, verb: str, arguments: tuple[Any, ...], files: tuple[int, ...] = (), *, pixels: int) -> Any:
        memory = _BASE_BYTES + _BYTES_A_PIXEL * pixels
        request = wire.Request(verb, (memory, *arguments), files)
        with self._places:
            process = self._take()
            try:
                answer = process.ask(request, _BASE_S + pixels / _MEGAPIXELS_A_SECOND)
            except BaseException:
                process.end()
                raise
            self._give_back(process)
        return _done(answer)

    def _take(self) -> _Process:
        with self._lock:
            return self._idle.pop()[0] if self._idle else _Process()

    def _give_back(self, process: _Process) -> None:
        with self._lock:
            self._idle.append((process, time.monotonic()))
            self._tidy_later()

    def _tidy_later(self) -> None:
        """Behind the lock: one timer at a time."""
        if self._timer is None:
            self._timer = threading.Timer(IDLE_S, self._tidy)
            self._timer.name, self._timer.daemon = "darkroom", True
            self._timer.start()

    def _tidy(self) -> None:
        """End the processes that nobody has needed for a while."""
        until = time.monotonic() - IDLE_S
        with self._lock:
            ended = [process for process, since in self._idle if since <= until]
            self._idle = [(process, since) for process, since in self._idle if since > until]
            self._timer = None
            if self._idle:
                self._tidy_later()
        for process in ended:
            process.end()

    def close(self) -> None:
        """End all that are idle; those at work end with what they do, as their line ends with this process."""
        with self._lock:
            ended, self._idle = self._idle, []
            if self._timer is not None:
                self._timer.cancel()
        for process, _ in ended:
            process.end()


def _pixels(original: Original) -> int:
    return original.picture.width * original.picture.height


def _done(answer: dict[str, Any]) -> Any:
    match answer.get("trouble"):
        case None:
            return answer["done"]
        case "memory":
            raise MemoryError
        case "os":
            number = answer.get("errno")
            raise OSError(number, os.strerror(number) if isinstance(number, int) else str(answer.get("words")))
        case _:
            raise RuntimeError(f"in the process that works on pixels:\n{answer.get('words')}")
