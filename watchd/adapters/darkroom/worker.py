"""The process in which pixels are worked on, with a socket as its stdin.

It ends when the daemon does, whose end of the socket is closed then. A stop signal is the daemon's business: what is
being rendered is paid for, and is finished.
"""

from __future__ import annotations

import os
import resource
import signal
import socket
import sys
import traceback
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Final

from watchd.adapters.darkroom import wire
from watchd.adapters.pixels.pillow_studio import PillowStudio
from watchd.core.outgoing.rendering import PaidPicture, Part
from watchd.formats.picture import Broken

if TYPE_CHECKING:
    from collections.abc import Sequence

    from watchd.formats.metadata.collecting import Metadata
    from watchd.formats.reading import Original
    from watchd.model import OutputFormat, Rect

_FIRST_TO_GO: Final = "900"
"""Where the kernel must end a process for want of memory, it is this one, not the daemon."""


class _Worker:
    """Does what a request says; each answer is what JSON can hold."""

    def __init__(self) -> None:
        self._studio = PillowStudio()

    def do(self, request: wire.Request) -> Any:
        """Answer a request."""
        match request.verb:
            case "other":
                return self._studio.is_other_than_srgb(*request.arguments)
            case "srgb":
                return self._studio.srgb().hex()
            case "prove":
                return _said(self._studio.prove(*request.arguments))
            case "develop":
                return self._develop(*request.arguments, files=request.files)
            case "preview":
                return self._preview(*request.arguments, files=request.files)
            case "render":
                return self._render(*request.arguments, files=request.files)
            case verb:
                raise ValueError(f"nobody knows how to {verb}")

    def _develop(self, original: Original, wanted: tuple[Rect | None, int] | None, *, files: Sequence[int]) -> Any:
        with _opened(files[0], "rb") as source, _opened(files[1], "wb") as alpha:
            if wanted is None:
                developed = self._studio.develop(source, original, None, alpha)
            else:
                with _opened(files[2], "wb") as sent:
                    developed = self._studio.develop(source, original, (sent, *wanted), alpha)
        if isinstance(developed, Broken):
            return _said(developed)
        return [developed.kind, developed.size, developed.converted, developed.has_alpha]

    def _preview(
        self, data: bytes, original: Original, longest: int | None, quality: int, on_white: bool, *,  # noqa: FBT001 -- as it comes over the line
        files: Sequence[int],
    ) -> Any:  # fmt: skip
        with _opened(files[0], "wb") as target:
            kind = self._studio.preview(data, original, longest, target, quality=quality, on_white=on_white)
        return _said(kind) if isinstance(kind, Broken) else kind

    def _render(
        self, picture: PaidPicture, rects: Sequence[Rect], form: OutputFormat, dressed: Metadata, *,
        files: Sequence[int],
    ) -> None:  # fmt: skip
        parts = [Part(rect, partial(_again, number)) for rect, number in zip(rects, files, strict=False)]
        answer = PaidPicture((*parts,), picture.width, picture.height, picture.scale, picture.alpha)
        with _opened(files[-1], "wb") as target:
            self._studio.render(answer, form, dressed, target)


def _opened(number: int, mode: str) -> BinaryIO:
    return os.fdopen(number, mode, closefd=False)  # type: ignore[return-value]  # both modes are binary


def _again(number: int) -> BinaryIO:
    """An open file of the same name, read from its start."""
    return Path(f"/proc/self/fd/{number}").open("rb")


def _said(broken: Broken | None) -> Any:
    return None if broken is None else {"broken": broken.reason}


def _answer_to(worker: _Worker, request: wire.Request) -> dict[str, Any]:
    """What comes of a request; of trouble, which kind it is."""
    try:
        return {"done": worker.do(request)}
    except MemoryError:
        return {"trouble": "memory"}
    except OSError as error:
        return {"trouble": "os", "errno": error.errno, "words": str(error)}
    except Exception:
        return {"trouble": "fault", "words": traceback.format_exc()}


def _bound(memory: int) -> None:
    """No more memory than a picture of its size can need: a bomb ends here."""
    _, hard = resource.getrlimit(resource.RLIMIT_AS)
    size = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0]) * resource.getpagesize() + memory
    wanted = size if hard == resource.RLIM_INFINITY else min(size, hard)
    resource.setrlimit(resource.RLIMIT_AS, (wanted, hard))


def main() -> None:
    """Answer requests until there are no more."""
    for stop in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(stop, signal.SIG_IGN)
    with suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text(_FIRST_TO_GO, encoding="ascii")
    line = socket.socket(fileno=os.dup(sys.stdin.fileno()))
    worker = _Worker()
    while (request := wire.receive(line)) is not None:
        memory, *arguments = request.arguments
        _bound(memory)
        answer = _answer_to(worker, wire.Request(request.verb, (*arguments,), request.files))
        for number in request.files:
            os.close(number)
        wire.reply(line, answer)
