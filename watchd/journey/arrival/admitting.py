"""Stage 3: a settled file is opened safely, read once, proven whole, measured and hashed; then the ledger has it."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, assert_never

from watchd.core.incoming import settling
from watchd.core.outgoing.disposition import is_due_when_failed
from watchd.core.request import endpoint, sendable
from watchd.core.request.appraising import Appraisal, Refused, appraise, too_large
from watchd.errors import SourceLostError
from watchd.formats.picture import Incomplete
from watchd.model import Admission, Asked, Delay, DelayKind, Failure, FailureKind

if TYPE_CHECKING:
    from collections.abc import Collection

    from watchd.formats.picture import Format
    from watchd.interfaces import Clock, Tree
    from watchd.journey.arrival.hot_folder import HotFolder
    from watchd.model import Api, Folder, Parameters, Sample


@dataclass(frozen=True, slots=True)
class NotYet:
    """The file is looked at again at `until` (steady seconds)."""

    until: float
    delay: Delay


class Admitter:
    """Judges one settled file at a time; nothing is paid for here, and no pixel is decoded."""

    def __init__(self, tree: Tree, clock: Clock, api: Api, reads: Collection[Format], *, once: bool) -> None:
        """`reads`: what can be decoded here. `once`: a truncated file is given up sooner: nobody waits for its rest."""
        self._tree = tree
        self._reads = reads
        self._clock = clock
        self._api = api
        self._once = once

    def admit(self, hot: HotFolder, path: str) -> Admission | NotYet | None:
        """What becomes of it; None: it changed or went while it was read, and is seen anew."""
        try:
            data, sample = self._tree.read(hot.root, path, sendable.MOST_FILE_BYTES)
            if sample.size > sendable.MOST_FILE_BYTES:
                digest = self._tree.digest(hot.root, path)
                return _unfit(hot.folder, path, sample, digest, too_large(sample.size))
        except SourceLostError as error:
            return self._seen_anew(hot, path, str(error))
        except OSError as error:
            until = settling.look_again(hot.making[path], self._clock.steady())
            return NotYet(until, Delay(DelayKind.UNREADABLE, f"it cannot be read: {error.strerror}"))
        if sample != hot.making[path].sample:
            return self._seen_anew(hot, path, "it changed a moment ago")
        return self._judge(hot, path, data, sample)

    def _seen_anew(self, hot: HotFolder, path: str, reason: str) -> NotYet | None:
        """It was not what the last look saw; if a new look sees that all the same, it is given time."""
        before = hot.making[path]
        hot.look_at_file(path, proven=False)
        if hot.making.get(path) == before:
            return NotYet(settling.look_again(before, self._clock.steady()), Delay(DelayKind.CHANGED, reason))
        return None

    def _judge(self, hot: HotFolder, path: str, data: bytes, sample: Sample) -> Admission | NotYet:
        digest = hashlib.sha256(data).hexdigest()
        match appraise(data, hot.folder, self._api, self._reads):
            case Appraisal(_, _, planned):
                return _admission(hot.folder, path, sample, digest, asked(planned, hot.folder))
            case Incomplete(reason):
                now = self._clock.steady()
                observation = hot.making[path]
                given_up = settling.truncated_at(observation, hot.folder.settle, once=self._once)
                if now < given_up:
                    delay = Delay(DelayKind.INCOMPLETE, f"it is not complete: {reason}")
                    return NotYet(min(given_up, settling.look_again(observation, now)), delay)
                failure = Failure(FailureKind.TRUNCATED, f"truncated: {reason}, and nothing more came")
                return _refused(hot.folder, path, sample, digest, failure)
            case Refused(reason):
                return _unfit(hot.folder, path, sample, digest, reason)
            case unexpected:
                assert_never(unexpected)


def asked(planned: Parameters, folder: Folder) -> Asked:
    """What of it the ledger keeps."""
    words = endpoint.in_words(planned, folder.profile)
    return Asked(planned.identity, planned.price, planned.width, planned.height, words)


def _admission(folder: Folder, path: str, sample: Sample, digest: str, asked_for: Asked) -> Admission:
    name = folder.name
    return Admission(name, path, sample, digest, folder.profile.name, folder.priority, folder.chain, asked_for)


def _unfit(folder: Folder, path: str, sample: Sample, digest: str, words: str) -> Admission:
    return _refused(folder, path, sample, digest, Failure(FailureKind.UNFIT, words))


def _refused(folder: Folder, path: str, sample: Sample, digest: str, failure: Failure) -> Admission:
    name = folder.name
    due = is_due_when_failed(folder, failure.kind)
    return Admission(name, path, sample, digest, folder.profile.name, folder.priority, folder.chain, None, failure, due)
