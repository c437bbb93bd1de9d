"""Stage 7: the paid answer gets its name in the output folder, complete and durable, and replaces nothing unasked."""

from __future__ import annotations

import hashlib
import threading
from dataclasses import replace
from typing import TYPE_CHECKING, BinaryIO

from watchd.core.outgoing import naming, output_formats, rendering, spool_names
from watchd.core.outgoing.rendering import PaidPicture, Part
from watchd.core.request import endpoint
from watchd.errors import NameUnavailableError
from watchd.formats.metadata import dressing
from watchd.formats.metadata.collecting import Metadata, collect
from watchd.formats.metadata.fitting import fitted
from watchd.formats.picture import Format
from watchd.formats.png import png_chunks
from watchd.formats.png.rewriter import PRIVATE_CHUNKS, PngRewriter
from watchd.model import ClaimLost, Published, Rect

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from watchd.interfaces import NameBook, Outputs, Spool, Studio
    from watchd.journey.work.reserving import Reserver
    from watchd.model import Folder, Job

    _Opener = Callable[[], BinaryIO]
    _Content = Callable[[BinaryIO], Iterator[bytes]]

CHUNK_BYTES = 256 * 1024
OF_THE_ORIGINAL = frozenset({b"eXIf", b"iTXt", b"tEXt", b"zTXt", b"iCCP", b"pHYs", b"tIME"})
"""Chunks that an earlier output has from its own original; another of the same picture gets what its folder says."""


class Publisher:
    """Fills names with what was paid for.

    Threads: every worker's; one at a time renders, behind its lock, as whole pictures are in memory then.
    """

    def __init__(self, outputs: Outputs, spool: Spool, studio: Studio, ledger: NameBook, reserver: Reserver) -> None:
        self._outputs = outputs
        self._studio = studio
        self._one_at_a_time = threading.Lock()
        self._spool = spool
        self._ledger = ledger
        self._reserver = reserver

    def publish(self, job: Job, folder: Folder, tiles: Mapping[int, Rect]) -> Published | ClaimLost:
        """Publish the paid answer in the spool: its `tiles`, or the whole. Again after a crash it changes nothing more.

        Raises:
            FileNotFoundError: the answer is not in the spool, or not all of it.
        """
        answer = self._answer(job, tiles)
        if self._passes(folder, answer):
            # What the service says about its own answer may carry what it was told; `strip` lets none of it through.
            drop = frozenset() if folder.metadata == "keep" else PRIVATE_CHUNKS
            return self._publish(job, folder, answer.parts[0].open, lambda file: self._rewritten(job, file, drop))
        return self._render(job, folder, answer)

    def _answer(self, job: Job, tiles: Mapping[int, Rect], paid: Job | None = None) -> PaidPicture:
        """What was paid for `job`, or for an earlier one of the same picture, with the transparency of this one."""
        paid = paid or job

        def part(rect: Rect, name: str) -> Part:
            self._spool.size(name)  # raises where it is gone
            return Part(rect, lambda: self._spool.open(name))

        parts = [part(rect, spool_names.answer(paid, number)) for number, rect in sorted(tiles.items())]
        if not parts:
            parts = [part(Rect(0, 0, paid.width, paid.height), spool_names.answer(paid))]
        scale = endpoint.effective_scale(paid.parameters)
        return PaidPicture((*parts,), paid.width, paid.height, scale, self._read(spool_names.alpha(job)) or None)

    def _passes(self, folder: Folder, answer: PaidPicture) -> bool:
        lacks_alpha = False
        if answer.alpha is not None and len(answer.parts) == 1:
            with answer.parts[0].open() as file:
                lacks_alpha = not rendering.has_alpha(file.read(rendering.HEAD_BYTES))
        return rendering.passes(folder.format, parts=len(answer.parts), lacks_alpha=lacks_alpha)

    def _render(self, job: Job, folder: Folder, answer: PaidPicture) -> Published | ClaimLost:
        """Make the output in the spool first: what is published is the same bytes however often that is tried."""
        with self._one_at_a_time, self._spool.draft(spool_names.rendered(job)) as target:
            self._studio.render(answer, folder.format, self._dressed(job), target)
        return self._publish(job, folder, lambda: self._spool.open(spool_names.rendered(job)), _pieces)

    def _dressed(self, job: Job) -> Metadata:
        return dressing.from_png_chunks(self._read(spool_names.dress(job)))

    def fetch(self, job: Job, folder: Folder, earlier: Job) -> bool:
        """Have another's output at hand; False if it is no longer there as it was published.

        It is copied into the spool, through one descriptor and hashed on the way: what is read from then on is what was
        published then, whatever is put in its place meanwhile.

        Raises:
            LaterError: it cannot be read at present.
        """
        if earlier.output is None or earlier.output_sha256 is None:
            return False
        root, path = naming.beneath(earlier.output, folder.output)
        with self._spool.draft(spool_names.earlier(job)) as target:
            return self._outputs.fetch(root, path, earlier.output_sha256, target)

    def publish_kept(
        self, job: Job, folder: Folder, earlier: Job, tiles: Mapping[int, Rect]
    ) -> Published | ClaimLost | None:  # fmt: skip
        """Make the output from another's paid answer, which is kept in the spool; None if it is not there."""
        try:
            answer = self._answer(job, tiles, earlier)
        except FileNotFoundError:
            return None
        if self._passes(folder, answer):
            return self._publish(
                job, folder, answer.parts[0].open, lambda file: self._rewritten(job, file, OF_THE_ORIGINAL)
            )  # fmt: skip
        return self._render(job, folder, answer)

    def publish_fetched(self, job: Job, folder: Folder, earlier: Job) -> Published | ClaimLost:
        """The same result as this folder wants it: without encoding it again wherever that can be."""

        def source() -> BinaryIO:
            return self._spool.open(spool_names.earlier(job))

        answer = PaidPicture(
            (Part(Rect(0, 0, earlier.width, earlier.height), source),),
            earlier.width, earlier.height, endpoint.effective_scale(earlier.parameters),
            self._read(spool_names.alpha(job)) or None,
        )  # fmt: skip
        with source() as file:
            head = file.read(len(png_chunks.SIGNATURE))
        if head == png_chunks.SIGNATURE:
            if self._passes(folder, answer):
                return self._publish(job, folder, source, lambda file: self._rewritten(job, file, OF_THE_ORIGINAL))
        elif earlier.written in {None, output_formats.written(folder.format)} and self._is_the_same(
            job, folder, head, source
        ):
            return self._publish(job, folder, source, _pieces)
        return self._render(job, folder, answer)

    def _is_the_same(self, job: Job, folder: Folder, head: bytes, source: _Opener) -> bool:
        """Whether an earlier output is what would be made of it, but for its date."""
        return head.startswith(output_formats.START[folder.format.type]) and self._is_dressed_alike(job, folder, source)

    def _is_dressed_alike(self, job: Job, folder: Folder, source: _Opener) -> bool:
        """Whether an output of the same picture says as much beside its pixels as this one is to say."""
        with source() as file:
            data = file.read()
        kind = Format(folder.format.type)
        found, wanted = collect(data, kind), fitted(self._dressed(job), kind, (0, 0)).metadata
        return [bool(part) for part in (found.exif, found.xmp)] == [bool(part) for part in (wanted.exif, wanted.xmp)]

    def _read(self, name: str) -> bytes:
        try:
            with self._spool.open(name) as file:
                return file.read()
        except FileNotFoundError:
            return b""

    def _publish(self, job: Job, folder: Folder, source: _Opener, content: _Content) -> Published | ClaimLost:
        """Under its own name; where that cannot be had, under a safe one: it is paid for."""
        ending = output_formats.extension(folder.format)
        name = self._ledger.name_of(job) or self._reserver.take(job, folder, naming.shorten(f"{job.id}.{ending}"))
        if isinstance(name, ClaimLost):
            return name
        safe = iter(naming.safe_names(name, job.id, ending))
        reason = None
        while True:
            try:
                done = self._publish_as(name, job, folder, source, content)
                return done if isinstance(done, ClaimLost) else replace(done, instead_of=reason)
            except NameUnavailableError as error:
                reason = reason or str(error)
                wanted = next(safe, None)
                if wanted is None:
                    raise
                taken = self._reserver.take(job, folder, wanted)
                if isinstance(taken, ClaimLost):
                    return taken
                name = taken

    def _publish_as(
        self, name: str | ClaimLost, job: Job, folder: Folder, source: _Opener, content: _Content
    ) -> Published | ClaimLost:
        may_replace, hidden = folder.on_collision == "overwrite", naming.hidden_name(job.id, job.sha256)
        while not isinstance(name, ClaimLost):
            with source() as file:  # opened apart from the output, so that its trouble is not taken for the output's
                digest = self._outputs.publish(
                    content(file), folder.output, name, replace=may_replace, mtime_ns=job.mtime_ns, hidden=hidden
                )
            if digest is not None:
                return Published(f"{folder.output}/{name}", digest)
            # Taken: by ourselves, where the name was given and the ledger not yet told before a crash; or by somebody
            # else since it was reserved, and then the answer is paid for and goes under the next free name.
            with source() as file:
                digest = self._digest(content(file))
            if self._outputs.digest(folder.output, name) == digest:
                self._outputs.make_durable(folder.output, name)  # the sync may be what failed, or never came
                return Published(f"{folder.output}/{name}", digest)
            name = self._reserver.take(job, folder, name)
        return name

    @staticmethod
    def _digest(chunks: Iterator[bytes]) -> str:
        digest = hashlib.sha256()
        for chunk in chunks:
            digest.update(chunk)
        return digest.hexdigest()

    def _rewritten(self, job: Job, file: BinaryIO, drop: frozenset[bytes]) -> Iterator[bytes]:
        rewriter = PngRewriter(self._read(spool_names.dress(job)), drop=drop)
        for piece in _pieces(file):
            yield rewriter.feed(piece)
        yield rewriter.finish()


def _pieces(file: BinaryIO) -> Iterator[bytes]:
    while piece := file.read(CHUNK_BYTES):
        yield piece
