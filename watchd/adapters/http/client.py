"""The one module that speaks httpx: one call, streamed both ways, within one deadline.

What httpx leaves open is closed here: no redirects (they would post the picture to another host), no proxies from the
environment, no compressed answers, a deadline for the whole call (its own timeouts bound single reads only), and a
fresh connection for each call: a post on a kept one that the server is just closing would leave a doubt about money,
and a handshake is nothing beside the seconds that a picture takes.
"""

from __future__ import annotations

import threading
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import httpcore
import httpx

from watchd.adapters.http import answers, bodies, connecting, sockets
from watchd.core.calls import Answered, Lost, NotSent, Quota, Traffic
from watchd.core.endpoint import Answer, meaning
from watchd.errors import LaterError
from watchd.model import Outcome

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from watchd.interfaces import Upload
    from watchd.model import Api


STOPPED = "watchd was told to stop at once"


@dataclass(frozen=True, slots=True)
class Streamed:
    """A 200 whose body went into the sink. Implements `interfaces.Streamed`."""

    content_type: str
    encoding: str
    traffic: Traffic


class HttpEndpoint:
    """Implements `interfaces.Endpoint`; shared by all worker threads."""

    def __init__(self, api: Api, key: Callable[[], str]) -> None:
        """`key` is asked at each call, so that a changed key file is used at once; it may raise LaterError."""
        self._api = api
        self._key = key
        self._body = bodies.as_json if api.transfer == "json" else bodies.multipart
        self._calls: set[_Call] = set()
        self._aborted = False
        self._lock = threading.Lock()
        self._proxy_secrets = connecting.secrets_of(api.proxy)
        # A handshake that stalls heeds no deadline but its own.
        self._connect_timeout = min(api.connect_timeout, api.timeout)
        self._client = connecting.connect(api, httpx.Timeout(api.timeout, connect=self._connect_timeout))

    def close(self) -> None:
        """Close the idle connections."""
        self._client.close()

    def abort(self) -> None:
        """End every call in flight at once: the second signal to stop."""
        with self._lock:
            self._aborted = True
            for call in self._calls:
                call.shut(STOPPED)

    def call(
        self, upload: Upload, arm: Callable[[], None], sink: Callable[[bytes], bool]
    ) -> Streamed | Answered | NotSent | Lost:
        """Make one call; see `interfaces.Endpoint`."""
        try:
            key = self._key()
        except LaterError as error:
            return NotSent(str(error), uploading=False, traffic=Traffic())
        body = self._body(upload)
        call = _Call(body, arm)
        with self._in_flight(call), upload.open() as picture:
            try:
                return self._exchange(call, key, call.outgoing(body.pieces(picture)), sink)
            except _ArmingFailedError as failure:
                raise failure.reason from failure
            except httpx.HTTPError as error:
                return call.without_answer(self._words_of(error))

    def _exchange(
        self, call: _Call, key: str, content: Iterator[bytes], sink: Callable[[bytes], bool]
    ) -> Streamed | Answered | NotSent | Lost:
        headers = {
            "Authorization": f"Bearer {key}",
            "Content-Type": call.body.content_type,
            "Content-Length": str(call.body.length),
            "Accept": "image/png",
        }
        url = f"{self._api.base_url}/image/upscale"
        extensions = {"trace": call.trace}
        with self._client.stream("POST", url, content=content, headers=headers, extensions=extensions) as response:
            call.cf_ray = response.headers.get("cf-ray")
            call.quota = answers.quota(response.headers)
            if response.status_code != httpx.codes.OK:
                return call.answered(answers.read_error(response, key, *self._proxy_secrets))
            if not call.armed:
                return NotSent("answered 200 before it had the whole picture", uploading=True, traffic=call.traffic())
            for chunk in response.iter_raw():
                call.received += len(chunk)
                if not sink(chunk):
                    break
            said = response.headers
            return Streamed(said.get("content-type", ""), said.get("content-encoding", ""), call.traffic())

    def _words_of(self, error: httpx.HTTPError) -> str:
        if isinstance(error, httpx.ConnectTimeout):
            return f"no connection within {self._connect_timeout:g} s"
        return connecting.masked(str(error), self._proxy_secrets) or type(error).__name__

    @contextmanager
    def _in_flight(self, call: _Call) -> Iterator[None]:
        """The call's deadline: reads cannot be bounded as a whole, so its socket is shut down when time is up."""
        timer = threading.Timer(self._api.timeout, call.shut, [f"no answer within {self._api.timeout:g} s"])
        timer.daemon = True
        timer.start()
        with self._lock:
            self._calls.add(call)
            if self._aborted:
                call.shut(STOPPED)
        try:
            yield
        finally:
            timer.cancel()
            with self._lock:
                self._calls.discard(call)

    def permits(self) -> bool | None:
        """Whether the balance query, free of charge, says that calls are permitted; None where it does not answer."""
        try:
            response = self._client.get(
                f"{self._api.base_url}/api_keys/rate_limits",
                headers={"Authorization": f"Bearer {self._key()}"},
                timeout=self._api.connect_timeout,
            )
        except (httpx.HTTPError, LaterError):
            return None
        return answers.permitted(response)


class _ArmingFailedError(Exception):
    """What `arm` raised, carried through httpx, which knows nothing of it."""

    def __init__(self, reason: BaseException) -> None:
        super().__init__(str(reason))
        self.reason = reason


class _Call:
    """One call under way: how far it came decides what its end means."""

    def __init__(self, body: bodies.Body, arm: Callable[[], None]) -> None:
        self.body = body
        self.received = 0
        self.cf_ray: str | None = None
        self.quota = Quota()
        self._arm = arm
        self.armed = False
        self._sent = 0
        self._stream: Any = None
        self._shut_because: str | None = None
        self._lock = threading.Lock()

    def trace(self, event: str, info: dict[str, Any]) -> None:
        """The transport tells its steps here; the network stream is needed to look at the socket and to shut it."""
        # TLS puts a socket of its own in place of the one before; through a proxy that is told under another name.
        if event in {"connection.connect_tcp.complete", "connection.start_tls.complete", "proxy.start_tls.complete"}:
            self._hold(info["return_value"])

    def _hold(self, stream: Any) -> None:
        with self._lock:
            self._stream = stream
            late = self._shut_because is not None
        if late:
            sockets.shut_down(stream)

    def shut(self, reason: str) -> None:
        """End the call from another thread: its blocked read or write fails at once."""
        with self._lock:
            if self._shut_because is None:
                self._shut_because = reason
            stream = self._stream
        if stream is not None:
            sockets.shut_down(stream)

    def outgoing(self, pieces: Iterator[bytes]) -> Iterator[bytes]:
        """The body; its last bytes leave only when the ledger has the call as armed."""
        for piece, last in bodies.holding_back(pieces, self.body.length):
            if last:
                self._before_the_last_bytes()
            yield piece
            self._sent += len(piece)

    def _before_the_last_bytes(self) -> None:
        with self._lock:
            stopped = self._shut_because
        if stopped is not None:
            raise httpx.WriteError(stopped)
        if sockets.peer_has_left(self._stream):
            # Nothing has been run and nothing can be: better to know it before the call counts as armed. In the words
            # of the transport, which then looks whether an answer, such as an early 402, came before the end.
            raise httpcore.WriteError("the service closed the connection during the upload")
        try:
            self._arm()
        except Exception as reason:
            raise _ArmingFailedError(reason) from reason
        with self._lock:
            stopped = self._shut_because
        if stopped is not None:  # while the ledger waited for room, say: the last bytes have not left
            raise httpx.WriteError(stopped)
        self.armed = True

    def answered(self, answer: Answer) -> Answered | NotSent:
        """An answered error; one that leaves a doubt leaves none where the request was never complete."""
        if not self.armed and meaning(answer.status) is Outcome.LOST:
            return NotSent(f"answered {answer.status} during the upload", uploading=True, traffic=self.traffic())
        return Answered(answer, self.traffic())

    def without_answer(self, error: str) -> NotSent | Lost:
        """The meaning of a failed exchange: only a complete request can have been run."""
        reason = self._shut_because or error
        if self.armed:
            return Lost(f"sent, and then: {reason}", self.traffic())
        return NotSent(reason, uploading=self._sent > 0, traffic=self.traffic())

    def traffic(self) -> Traffic:
        """What went over the wire so far."""
        return Traffic(self._sent, self.received, self.cf_ray, self.quota)
