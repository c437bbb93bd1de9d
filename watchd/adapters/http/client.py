"""One call over HTTP, streamed both ways: an upload that has to move, and an answer that has its time.

What httpx leaves open is closed here and beside: no redirects (they would post the picture to another host), no proxies
from the environment, no compressed answers, a deadline for the whole answer (its own timeouts bound single reads only),
and a fresh connection for each call: a post on a kept one that the server is just closing would leave a doubt about
money, and a handshake is nothing beside the seconds that a picture takes.
"""

from __future__ import annotations

import threading
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import httpx

from watchd.adapters.http import answers, bodies, connecting, redactor
from watchd.adapters.http.deadline import CallDeadline
from watchd.adapters.http.exchange import ArmingFailedError, Exchange
from watchd.adapters.http.free_query import ask
from watchd.adapters.http.redactor import BodyVeil, Redactor
from watchd.core.calls.outcomes import Answered, Lost, NotSent, Traffic
from watchd.errors import LaterError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from watchd.interfaces import Upload
    from watchd.model import Api


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
        # Nobody but the deadline ends a read or a write: it knows whether an upload moves, and says why it ended it.
        self._client = connecting.connect(api, httpx.Timeout(None, connect=self._connect_timeout))

    def close(self) -> None:
        """Close the idle connections."""
        self._client.close()

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
        body = self._body(upload)
        with self._tethered() as tether, upload.open() as picture:
            exchange = Exchange(body, arm, tether)
            try:
                return self._conduct(exchange, tether, key, exchange.outgoing(body.pieces(picture)), sink, hidden)
            except ArmingFailedError as failure:
                raise failure.reason from failure
            except httpx.HTTPError as error:
                return exchange.without_answer(hidden(self._words_of(error)))

    def _conduct(
        self, exchange: Exchange, tether: CallDeadline, key: str, content: Iterator[bytes],
        sink: Callable[[bytes], bool], hidden: Redactor,
    ) -> HttpStreamed | Answered | NotSent | Lost:  # fmt: skip
        headers = {
            "Authorization": f"Bearer {key}",
            "Content-Type": exchange.body.content_type,
            "Content-Length": str(exchange.body.length),
            "Accept": "image/png",
        }
        url = f"{self._api.base_url}/image/upscale"
        extensions = {"trace": tether.trace}
        with self._client.stream("POST", url, content=content, headers=headers, extensions=extensions) as response:
            said = response.headers
            if "cf-ray" in said:
                exchange.cf_ray = hidden(said["cf-ray"])[:LONGEST_RAY_CHARACTERS]
            exchange.quota = answers.quota(said)
            if response.status_code != httpx.codes.OK:
                return exchange.answered(answers.read_error(response, hidden))
            if not exchange.armed:
                reason = "answered 200 before it had the whole picture"
                return NotSent(reason, uploading=True, traffic=exchange.traffic())
            # What echoes the request would otherwise lie on the disk, as evidence or in the words of a picture.
            echo = BodyVeil(key)
            for chunk in response.iter_raw():
                exchange.received += len(chunk)
                if not sink(echo.feed(chunk)):
                    break
            else:
                sink(echo.finish())
            kind, encoding = said.get("content-type", ""), said.get("content-encoding", "")
            return HttpStreamed(hidden(kind), hidden(encoding), exchange.traffic())

    def _words_of(self, error: httpx.HTTPError) -> str:
        if isinstance(error, httpx.ConnectTimeout):
            return f"no connection within {self._connect_timeout:g} s"
        return str(error) or type(error).__name__

    @contextmanager
    def _tethered(self) -> Iterator[CallDeadline]:
        """What ends a call at its deadline, and when all stops at once."""
        with CallDeadline(self._api.timeout) as tether:
            with self._lock:
                self._deadlines.add(tether)
                if self._hurried:
                    tether.hurry(self._connect_timeout)
                if self._aborted:
                    tether.cut(STOPPED, ours=True)
            try:
                yield tether
            finally:
                with self._lock:
                    self._deadlines.discard(tether)

    def permits(self) -> bool | None:
        """Whether the balance query, free of charge, says that calls are permitted; None where it does not answer."""
        url = f"{self._api.base_url}/api_keys/rate_limits"
        try:
            headers = {"Authorization": f"Bearer {self._key()}"}
            return answers.permitted(ask(self._client, url, self._connect_timeout, headers=headers).document())
        except (httpx.HTTPError, LaterError):
            return None
