"""One call over HTTP, streamed both ways: an upload that has to move, and an answer that has its time.

No redirects (they would post the picture to another host), no proxies from the environment, no compressed answers, a
deadline for the whole answer (timeouts of reads bound single ones only), and a connection for each call. What is asked
free of charge goes through httpx.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, BinaryIO

import httpcore
import httpx

from watchd.adapters.http import answers, bodies, connecting, redactor
from watchd.adapters.http.deadline import CallDeadline, Timekeeper
from watchd.adapters.http.dialogue import Dialogue
from watchd.adapters.http.exchange import ArmingFailedError, Exchange
from watchd.adapters.http.free_query import ask
from watchd.adapters.http.redactor import BodyVeil, Redactor
from watchd.core.calls.outcomes import Answered, Lost, NotSent, Traffic
from watchd.errors import LaterError

if TYPE_CHECKING:
    from collections.abc import Callable

    from watchd.interfaces import Upload
    from watchd.model import Api


FAILURES = (
    httpcore.TimeoutException, httpcore.NetworkError, httpcore.ProtocolError, httpcore.ProxyError,
    httpcore.UnsupportedProtocol,
)  # fmt: skip
STOPPED = "watchd was told to stop at once"
LONGEST_RAY_CHARACTERS = 100


@dataclass(frozen=True, slots=True)
class HttpStreamed:
    """A 200 whose body went into the sink. Implements `interfaces.Streamed`."""

    content_type: str
    encoding: str
    traffic: Traffic


class HttpEndpoint:
    """Implements `interfaces.Endpoint`.

    Threads: every worker's; whoever cuts the calls in flight comes from another, so those are behind its lock.
    """

    def __init__(self, api: Api, key: Callable[[], str]) -> None:
        """`key` is asked at each call, so that a changed key file is used at once; it may raise LaterError."""
        self._api = api
        self._key = key
        self._body = bodies.as_json if api.transfer == "json" else bodies.multipart
        self._deadlines: set[CallDeadline] = set()
        self._aborted = False
        self._hurried = False
        self._lock = threading.Lock()
        self._proxy_secrets = redactor.of_proxy(api.proxy)
        # A handshake that stalls heeds no deadline but its own.
        self._connect_timeout = min(api.connect_timeout, api.timeout)
        self._timekeeper = Timekeeper()
        self._way = connecting.Way(api.base_url, api.proxy, self._connect_timeout)
        url = httpx.URL(f"{api.base_url}/image/upscale")
        self._target = str(url).encode("ascii") if self._way.passes_on else url.raw_path
        self._headers = [*self._way.headers, (b"Accept", b"image/png")]

    def close(self) -> None:
        """Look at no deadline any more."""
        self._timekeeper.close()

    def hurry(self) -> None:
        """Give uploads that are not complete in `connect_timeout` up: a stop is to take no longer than one answer."""
        with self._lock:
            self._hurried = True
            for tether in self._deadlines:
                tether.hurry(self._connect_timeout)

    def abort(self) -> None:
        """End every call in flight at once: the second signal to stop."""
        with self._lock:
            self._aborted = True
            for tether in self._deadlines:
                tether.cut(STOPPED, ours=True)

    def call(
        self, upload: Upload, arm: Callable[[], None], sink: Callable[[bytes], bool]
    ) -> HttpStreamed | Answered | NotSent | Lost:
        """Make one call; see `interfaces.Endpoint`."""
        try:
            key = self._key()
        except LaterError as error:
            return NotSent(str(error), uploading=False, traffic=Traffic())
        hidden = Redactor(key, *self._proxy_secrets)
        with CallDeadline(self._api.timeout, self._timekeeper) as tether, upload.open() as picture:
            exchange = Exchange(self._body(upload), arm, tether)
            self._keep_hold_of(tether)
            try:
                return self._conduct(exchange, tether, key, picture, sink, hidden)
            except ArmingFailedError as failure:
                raise failure.reason from failure
            except FAILURES as error:
                return exchange.without_answer(hidden(self._words_of(error)))
            finally:
                self._let_go_of(tether)

    def _conduct(
        self, exchange: Exchange, tether: CallDeadline, key: str, picture: BinaryIO, sink: Callable[[bytes], bool],
        hidden: Redactor,
    ) -> HttpStreamed | Answered | NotSent | Lost:  # fmt: skip
        stream = self._way.open(tether.hold)
        try:
            return self._converse(exchange, Dialogue(stream), key, picture, sink, hidden)
        finally:
            tether.let_go()
            stream.close()

    def _converse(
        self, exchange: Exchange, dialogue: Dialogue, key: str, picture: BinaryIO, sink: Callable[[bytes], bool],
        hidden: Redactor,
    ) -> HttpStreamed | Answered | NotSent | Lost:  # fmt: skip
        body = exchange.body
        headers = [
            *self._headers,
            (b"Authorization", f"Bearer {key}".encode("ascii")),
            (b"Content-Type", body.content_type.encode("ascii")),
            (b"Content-Length", b"%d" % body.length),
        ]
        dialogue.say("POST", self._target, headers, exchange.outgoing(body.pieces(picture)))
        head = dialogue.head()
        if "cf-ray" in head.headers:
            exchange.cf_ray = hidden(head.headers["cf-ray"])[:LONGEST_RAY_CHARACTERS]
        exchange.quota = answers.quota(head.headers)
        if head.status != httpx.codes.OK:
            return exchange.answered(answers.read_error(head, dialogue.body(head), hidden))
        if not exchange.armed:
            reason = "answered 200 before it had the whole picture"
            return NotSent(reason, uploading=True, traffic=exchange.traffic())
        # What echoes the request would otherwise lie on the disk, as evidence or in the words of a picture.
        echo = BodyVeil(key)
        for chunk in dialogue.body(head):
            exchange.received += len(chunk)
            if not sink(echo.feed(chunk)):
                break
        else:
            sink(echo.finish())
        kind, encoding = head.headers.get("content-type", ""), head.headers.get("content-encoding", "")
        return HttpStreamed(hidden(kind), hidden(encoding), exchange.traffic())

    def _words_of(self, error: Exception) -> str:
        if isinstance(error, httpcore.ConnectTimeout):
            return f"no connection within {self._connect_timeout:g} s"
        return str(error) or type(error).__name__

    def _keep_hold_of(self, tether: CallDeadline) -> None:
        """A call ends at its deadline, and when all stops at once."""
        with self._lock:
            self._deadlines.add(tether)
            if self._hurried:
                tether.hurry(self._connect_timeout)
            if self._aborted:
                tether.cut(STOPPED, ours=True)

    def _let_go_of(self, tether: CallDeadline) -> None:
        with self._lock:
            self._deadlines.discard(tether)

    def permits(self) -> bool | None:
        """Whether the balance query, free of charge, says that calls are permitted; None where it does not answer."""
        url = f"{self._api.base_url}/api_keys/rate_limits"
        try:
            headers = {"Authorization": f"Bearer {self._key()}"}
            with connecting.connect(self._api, self._connect_timeout) as client:
                return answers.permitted(ask(client, url, self._connect_timeout, headers=headers).document())
        except (httpx.HTTPError, LaterError):
            return None
