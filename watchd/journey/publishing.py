"""Stage 7: the paid answer gets its name in the output folder, complete and durable, and replaces nothing unasked."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, BinaryIO

from watchd.core import naming
from watchd.core.metadata import PRIVATE_CHUNKS, png_chunks
from watchd.core.png_rewriter import PngRewriter
from watchd.errors import LaterError
from watchd.journey.receiving import reserve_bytes

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from watchd.interfaces import Clock, Ledger, Outputs, Spool
    from watchd.journey.claiming import Prepared
    from watchd.model import Folder, Job

    _Opener = Callable[[], BinaryIO]

CHUNK = 256 * 1024
OF_THE_ORIGINAL = frozenset({b"eXIf", b"iTXt", b"tEXt", b"zTXt", b"iCCP", b"pHYs", b"tIME"})
"""Chunks that an earlier output has from its own original; another of the same picture gets what its folder says."""


@dataclass(frozen=True, slots=True)
class Published:
    """Where the output is (absolute), and its SHA-256."""

    output: str
    sha256: str


def chunks_name(job: Job) -> str:
    """The spool file with the metadata that the output gets; it outlives the original."""
    return f"{job.id}.meta"


class Publisher:
    """Gives names and fills them."""

    def __init__(self, outputs: Outputs, spool: Spool, ledger: Ledger, clock: Clock) -> None:
        self._outputs = outputs
        self._spool = spool
        self._ledger = ledger
        self._clock = clock

    def reserve(self, job: Job, folder: Folder, prepared: Prepared) -> str | None:
        """Take the output's name before anything is paid; None: it is taken and the folder says `skip`.

        Lays the original's metadata into the spool too, since the original may be gone when the answer is published.
        """
        planned = prepared.parameters
        self._outputs.make_ready(folder.output, reserve_bytes(planned))
        extra = png_chunks(
            prepared.metadata, keep=folder.metadata == "keep", width=planned.width, height=planned.height
        )
        self._spool.write(chunks_name(job), extra)
        facts = naming.NameFacts(
            path=job.path, sha256=job.sha256, width=planned.width, height=planned.height,
            scale=planned.effective_scale, date=self._clock.local().date().isoformat(), extension="png",
        )  # fmt: skip
        wanted = naming.output_path(folder, facts)
        if folder.on_collision == "suffix":
            return self._take(job, folder, wanted)
        key = (naming.collision_key(f"{folder.output}/{wanted}"), wanted)
        share = folder.on_collision == "overwrite"
        return self._ledger.take_name(job, lambda: [key], lambda path: self._is_free(folder, path), share=share)

    def _take(self, job: Job, folder: Folder, wanted: str) -> str:
        def named() -> Iterator[tuple[str, str]]:
            for path in naming.candidates(wanted):
                yield naming.collision_key(f"{folder.output}/{path}"), path

        name = self._ledger.take_name(job, named, lambda path: self._is_free(folder, path), share=False)
        if name is None:
            raise LaterError(f"{naming.SUFFIXES:,} names like {wanted} are taken in {folder.output}: remove some")
        return name

    def _is_free(self, folder: Folder, path: str) -> bool:
        return not self._outputs.exists(folder.output, path)

    def publish(self, job: Job, folder: Folder, result: str) -> Published:
        """Publish the answer in the spool file `result`. Doing it again after a crash changes nothing more.

        Raises:
            FileNotFoundError: the answer is not in the spool.
        """
        # What the service says about its own answer may carry what it was told; `strip` lets none of it through.
        drop = frozenset() if folder.metadata == "keep" else PRIVATE_CHUNKS
        return self._publish(job, folder, lambda: self._spool.open(result), drop)

    def reuse(self, job: Job, folder: Folder, earlier: Job) -> Published | None:
        """Make the output from another's; None if that is no longer there as it was published."""
        if earlier.output is None or self._outputs.digest("/", earlier.output) != earlier.output_sha256:
            return None
        source = earlier.output
        try:
            return self._publish(job, folder, lambda: self._outputs.open("/", source), OF_THE_ORIGINAL)
        except FileNotFoundError:
            return None

    def _publish(self, job: Job, folder: Folder, source: _Opener, drop: frozenset[bytes]) -> Published:
        name = self._ledger.name_of(job) or self._take(job, folder, naming.shorten(f"{job.id}.png"))
        replace = folder.on_collision == "overwrite"
        while True:
            with source() as file:  # opened apart from the output, so that its trouble is not taken for the output's
                digest = self._outputs.publish(
                    self._rewritten(job, file, drop), folder.output, name, replace=replace, mtime_ns=job.mtime_ns
                )
            if digest is not None:
                return Published(f"{folder.output}/{name}", digest)
            # Taken: by ourselves, where the name was given and the ledger not yet told before a crash; or by somebody
            # else since it was reserved, and then the answer is paid for and goes under the next free name.
            with source() as file:
                digest = self._digest(self._rewritten(job, file, drop))
            if self._outputs.digest(folder.output, name) == digest:
                self._outputs.make_durable(folder.output, name)  # the sync may be what failed, or never came
                return Published(f"{folder.output}/{name}", digest)
            name = self._take(job, folder, name)

    @staticmethod
    def _digest(chunks: Iterator[bytes]) -> str:
        digest = hashlib.sha256()
        for chunk in chunks:
            digest.update(chunk)
        return digest.hexdigest()

    def _rewritten(self, job: Job, file: BinaryIO, drop: frozenset[bytes]) -> Iterator[bytes]:
        rewriter = PngRewriter(self._chunks(job), drop=drop)
        while piece := file.read(CHUNK):
            yield rewriter.feed(piece)
        yield rewriter.finish()

    def _chunks(self, job: Job) -> bytes:
        try:
            with self._spool.open(chunks_name(job)) as file:
                return file.read()
        except FileNotFoundError:
            return b""
