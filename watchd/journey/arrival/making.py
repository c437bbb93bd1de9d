"""Files in the making: seen in a hot folder, and no jobs yet."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from watchd.core.incoming import settling
from watchd.model import DelayKind, Sighting

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from watchd.core.incoming.settling import Observation
    from watchd.model import Delay, Sample, Steady


@dataclass(slots=True)
class _Made:
    """One file. `look_at`: when it is judged next (steady); `delay`: why it was not admitted then.

    `is_change`: its path was known before, so it is not one more call to come.
    """

    observation: Observation
    look_at: Steady
    is_change: bool
    delay: Delay | None = None

    def waits_for_marker(self) -> bool:
        """Whether only a marker, and no time, lets it go on."""
        return self.delay is not None and self.delay.kind is DelayKind.UNMARKED


class Making:
    """All of one folder, with what the ledger has noted of them.

    Threads: the intake's owns it; `newcomers` and `unreadable` count for others what was there at some moment.
    """

    def __init__(self) -> None:
        self._made: dict[str, _Made] = {}
        self._changes = 0
        """How many have a path that was known before: counted along, as floods are asked for it often."""
        self._noted: dict[str, str] = {}
        self._gone: set[str] = set()

    def __len__(self) -> int:
        return len(self._made)

    def remember(self, path: str, words: str) -> None:
        """The ledger has noted it, in an earlier run, for this reason."""
        self._noted[path] = words

    def observe(self, path: str, sample: Sample, now: Steady, *, proven: bool, is_change: bool) -> None:
        """A look has seen this of it. What is new about it is judged at once."""
        made = self._made.get(path)
        if made is None:
            first = settling.observe(None, sample, now, proven=proven)
            self._made[path] = _Made(first, now, is_change)
            self._changes += is_change
            return
        observation = settling.observe(made.observation, sample, now, proven=proven)
        if observation != made.observation:
            made.observation, made.look_at = observation, now

    def keep(self, present: Iterable[str]) -> None:
        """A whole scan has met these, and no others."""
        met = set(present)
        for path in [path for path in {*self._made, *self._noted} if path not in met]:
            self.vanished(path)

    def vanished(self, path: str) -> None:
        """It went before it became a job."""
        self._drop(path)
        if self._noted.pop(path, None) is not None:
            self._gone.add(path)

    def admitted(self, path: str) -> None:
        """It is a job now."""
        self._drop(path)
        self._noted.pop(path, None)

    def _drop(self, path: str) -> None:
        made = self._made.pop(path, None)
        if made is not None:
            self._changes -= made.is_change

    def due(self, now: Steady) -> Mapping[str, bool]:
        """Paths that are to be judged now, and whether their time came without anything new about them."""
        return {path: made.look_at > made.observation.since for path, made in self._made.items() if made.look_at <= now}

    def observation(self, path: str) -> Observation | None:
        """What is known of a file; None: it is not in the making."""
        made = self._made.get(path)
        return None if made is None else made.observation

    def wait(self, path: str, until: Steady, delay: Delay) -> None:
        """It is judged again at `until`."""
        made = self._made[path]
        made.look_at, made.delay = until, delay

    def judge_unmarked(self, now: Steady) -> None:
        """A marker came: whose it is, the next look at those that wait for one tells."""
        for made in self._made.values():
            if made.waits_for_marker():
                made.look_at, made.delay = now, None

    def take_unnoted(self) -> tuple[list[Sighting], set[str]]:
        """Files that wait, as far as the ledger does not have that yet; and paths that went before they were jobs."""
        fresh = []
        for path, made in self._made.items():
            if made.delay is not None and self._noted.get(path) != made.delay.words:
                self._noted[path] = made.delay.words
                fresh.append(Sighting(path, made.observation.sample, None, made.delay.words))
        gone, self._gone = self._gone, set()
        return fresh, gone

    def next_look(self) -> Steady | None:
        """Steady time at which a file is to be judged next."""
        return min((made.look_at for made in self._made.values()), default=None)

    def pending(self, now: Steady, settle: float) -> bool:
        """Whether a file may still become a job by waiting alone; an empty or unreadable one need not ever."""
        for made in self._made.values():
            given_up = settling.truncated_at(made.observation, settle, once=True)
            if not made.waits_for_marker() and (now < given_up or made.look_at <= given_up):
                return True
        return False

    def newcomers(self) -> int:
        """Those whose path was not known before: as far as anyone can tell, calls to come."""
        return len(self._made) - self._changes

    def unreadable(self) -> int:
        """Those that cannot be read at present."""
        delays = [made.delay for made in [*self._made.values()]]
        return sum(delay is not None and delay.kind is DelayKind.UNREADABLE for delay in delays)
