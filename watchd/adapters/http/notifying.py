"""Notices on their way: a thread of its own, a short queue, and an end to every try. The work never waits for them.

An http or https address gets plain JSON by POST; any other one is Apprise's, with the extra `notify`.
"""

from __future__ import annotations

import logging
import queue
import threading
from contextlib import suppress
from typing import TYPE_CHECKING, Final

import httpx

if TYPE_CHECKING:
    from collections.abc import Sequence

    from watchd.core.notices import Notice

logger = logging.getLogger(__name__)

MOST_WAITING: Final = 50
"""Notices beyond are dropped: a mail server that is down must not make a flood when it is back."""
PATIENCE: Final = 10.0
TRIES: Final = (0.0, 5.0, 60.0)
"""Seconds of waiting before each try."""
_FIRST_REFUSAL: Final = 300


class Notifier:
    """Tells every address of every notice, a few times at most.

    Threads: any may tell, into a short queue; its own takes from that and waits for the addresses.
    """

    def __init__(self, urls: Sequence[str]) -> None:
        """`urls` may hold secrets, and are never told."""
        self._urls = tuple(urls)
        self._waiting: queue.Queue[Notice | None] = queue.Queue(MOST_WAITING)
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="notices", daemon=True)

    def start(self) -> None:
        """Tell from now on."""
        self._thread.start()

    def tell(self, notice: Notice) -> None:
        """Put a notice on its way; it is dropped where too many wait."""
        try:
            self._waiting.put_nowait(notice)
        except queue.Full:
            logger.warning(
                "A notice was dropped, since %d wait already: %s", MOST_WAITING, notice.title,
                extra={"action": "notice_dropped"},
            )  # fmt: skip

    def is_alive(self) -> bool:
        """Whether its thread lives."""
        return self._thread.is_alive()

    def stop(self) -> None:
        """End after the try at hand, whatever still waits."""
        self._stopping.set()
        with suppress(queue.Full):  # the thread finds that it is to stop when it takes the next
            self._waiting.put_nowait(None)
        if self._thread.is_alive():
            self._thread.join(PATIENCE)

    def _run(self) -> None:
        while not self._stopping.is_set():
            notice = self._waiting.get()
            if notice is None or self._stopping.is_set():
                return
            for number, url in enumerate(self._urls, 1):
                self._deliver(notice, number, url)

    def _deliver(self, notice: Notice, number: int, url: str) -> None:
        trouble = None
        for pause in TRIES:
            if self._stopping.wait(pause):
                return
            trouble = _post(url, notice) if url.startswith(("http://", "https://")) else _by_apprise(url, notice)
            if trouble is None:
                return
        logger.warning(
            "The notice %r did not reach address %d of `notify`: %s. It is not tried again; all else goes on.",
            notice.title, number, trouble, extra={"action": "notice_failed"},
        )  # fmt: skip


def _post(url: str, notice: Notice) -> str | None:
    """Why a notice did not get through; None: it did. The address stands in no word of it."""
    body = {"source": "watchd", "kind": notice.kind.value, "title": notice.title, "text": notice.text}
    try:
        answer = httpx.post(url, json=body, timeout=PATIENCE, trust_env=False, follow_redirects=False)
    except httpx.HTTPError as error:
        return type(error).__name__
    except (httpx.InvalidURL, ValueError):
        return "it is no address"
    return None if answer.status_code < _FIRST_REFUSAL else f"answered {answer.status_code}"


def _by_apprise(url: str, notice: Notice) -> str | None:
    try:
        from apprise import Apprise  # noqa: PLC0415 -- an extra, wanted by some
    except ImportError:
        return "it needs an extra: pip install 'watchd[notify]'"
    try:
        apprise = Apprise()
        if not apprise.add(url):
            return "Apprise does not know its kind"
        return None if apprise.notify(title=notice.title, body=notice.text) else "Apprise could not deliver it"
    except Exception as error:  # a hundred plugins of other people's, and what they load: anything may come out
        return f"Apprise failed with {type(error).__name__}"
