"""What the service saw: one entry for each call that ended, or that will never be answered, for tests to ask."""

import threading
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Literal

KEPT = 10_000

Outcome = Literal["ok", "refused", "scripted", "cut", "stall", "lie", "gone"]


@dataclass(frozen=True, slots=True)
class JournalEntry:
    """One call to ``image/upscale``.

    ``status`` is what was answered, None where nothing was; ``outcome`` ``gone`` means that the client left before its
    last byte. ``sha256`` and ``sent_bytes`` are of the picture received; ``charged`` is USD; ``at`` is UTC.
    """

    at: datetime
    status: int | None
    outcome: Outcome
    sha256: str | None
    sent_bytes: int
    filename: str | None
    content_type: str | None
    parameters: Mapping[str, Any]
    charged: Decimal
    user_agent: str | None
    cf_ray: str

    def as_json(self) -> dict[str, Any]:
        """The entry as plain JSON values; USD as a number, the time as ISO 8601."""
        return asdict(self) | {"at": self.at.isoformat(), "charged": float(self.charged)}


def now() -> datetime:
    """The time that entries are stamped with."""
    return datetime.now(UTC)


class Journal:
    """The last calls, oldest first, and a way to wait for them without asking over and over."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._calls: deque[JournalEntry] = deque(maxlen=KEPT)

    def add(self, call: JournalEntry) -> None:
        """Keep the entry and wake who waits for it."""
        with self._changed:
            self._calls.append(call)
            self._changed.notify_all()

    def calls(self) -> tuple[JournalEntry, ...]:
        """The last calls, oldest first."""
        with self._changed:
            return tuple(self._calls)

    def wait_for(self, enough: Callable[[tuple[JournalEntry, ...]], bool], timeout_s: float) -> bool:
        """Wait until ``enough`` holds for the calls so far; False when the time is over."""
        with self._changed:
            return self._changed.wait_for(lambda: enough(tuple(self._calls)), timeout_s)
