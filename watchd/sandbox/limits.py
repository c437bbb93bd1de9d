"""How often the service lets itself be asked: so many requests a minute, and a ban after too many failed attempts."""

import threading
import time
from collections import deque
from collections.abc import Callable

PERIOD_S = 60.0
REFUSALS_WITHIN_S = 30.0
BAN_S = 30.0


class Limits:
    """Counts requests and refusals; 0 switches either limit off. Times are Unix seconds."""

    def __init__(self, per_minute: int, refusals: int, now: Callable[[], float] = time.time) -> None:
        self._per_minute = per_minute
        self._most_refusals = refusals
        self._now = now
        self._lock = threading.Lock()
        self._begun_at = now()
        self._asked = 0
        self._refused: deque[float] = deque()
        self._banned_until = float("-inf")

    def is_banned(self) -> bool:
        """Whether the key met too many refusals a moment ago, so that every call is refused."""
        with self._lock:
            return self._now() < self._banned_until

    def take(self) -> bool:
        """Count one request; False where the minute has had as many as it may."""
        with self._lock:
            if self._now() - self._begun_at >= PERIOD_S:
                self._begun_at, self._asked = self._now(), 0
            if self._per_minute and self._asked >= self._per_minute:
                return False
            self._asked += 1
            return True

    def refused(self) -> None:
        """A 4xx was answered."""
        with self._lock:
            now = self._now()
            self._refused.append(now)
            while self._refused and now - self._refused[0] >= REFUSALS_WITHIN_S:
                self._refused.popleft()
            if self._most_refusals and len(self._refused) > self._most_refusals:
                self._banned_until = now + BAN_S

    def headers(self) -> dict[str, str]:
        """What an answer says of the limit; nothing where there is none."""
        if not self._per_minute:
            return {}
        with self._lock:
            return {
                "x-ratelimit-limit-requests": str(self._per_minute),
                "x-ratelimit-remaining-requests": str(self._per_minute - self._asked),
                "x-ratelimit-reset-requests": str(int(self._begun_at + PERIOD_S) + 1),
            }

    def listed(self) -> list[dict[str, object]]:
        """The limits as the key's own page lists them."""
        if not self._per_minute:
            return []
        return [{"apiModelId": "upscaler", "rateLimits": [{"type": "RPM", "amount": self._per_minute}]}]
