"""A sandbox that runs: uvicorn on a loopback port in a thread, ready when it is entered and gone when it is left."""

import asyncio
import contextlib
import socket
import threading
from asyncio import AbstractEventLoop
from collections.abc import Callable
from concurrent.futures import Future
from decimal import Decimal
from types import TracebackType
from typing import Self

import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from watchd.sandbox.account import Charges, VendorAccount
from watchd.sandbox.enlarging import Enlarger
from watchd.sandbox.journal import JournalEntry
from watchd.sandbox.limits import Limits
from watchd.sandbox.options import SandboxOptions, microdollars, seconds, usd_of
from watchd.sandbox.replies import TRANSPORT
from watchd.sandbox.routes import BASE_PATH, application
from watchd.sandbox.scripting import Script
from watchd.sandbox.upscale_service import Service, Throttle

__all__ = ["Charges", "JournalEntry", "Sandbox", "SandboxOptions"]

_HOST = "127.0.0.1"
_BACKLOG = 512


class _Protocol(H11Protocol):
    """HTTP/1.1 whose requests can reach their connection: a cut has to happen below HTTP."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override] # as in H11Protocol
        super().connection_made(transport)
        # The server copies this state into the scope of each request.
        self.app_state = {**self.app_state, TRANSPORT: transport}


class _Server(uvicorn.Server):
    """uvicorn without its clock: it starts and stops on events, at once, and cuts whatever is open when it stops."""

    def __init__(self, config: uvicorn.Config, leaving: asyncio.Event, ready: Callable[[], None]) -> None:
        super().__init__(config)
        self._leaving = leaving
        self._ready = ready

    async def main_loop(self) -> None:
        await self.on_tick(0)
        self._ready()
        await self._leaving.wait()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        for server in self.servers:
            server.close()
        for listener in sockets or []:
            listener.close()
        while self.server_state.connections or self.server_state.tasks:
            for connection in list(self.server_state.connections):
                connection.transport.abort()
            await asyncio.gather(*self.server_state.tasks)
            # A connection is noticed as lost one turn of the loop after it was aborted.
            await asyncio.sleep(0)
        for server in self.servers:
            await server.wait_closed()


class Sandbox:
    """The endpoint on loopback, as a context manager to be entered once; methods may be called from any thread.

    Raises:
        ValueError: an option cannot be understood.
        OSError: the port cannot be had (on entering).
    """

    def __init__(self, options: SandboxOptions | None = None) -> None:
        self._options = options or SandboxOptions()
        self._service = Service(
            key=self._options.key,
            dialect=self._options.dialect,
            account=VendorAccount(microdollars(self._options.balance)),
            script=Script(self._options.fail, self._options.seed),
            pace=Throttle(seconds(self._options.latency), self._options.concurrency),
            limits=Limits(self._options.requests_per_minute, self._options.refusals),
            engine=Enlarger(self._options.engine),
        )
        self._loop: AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._port = 0

    @property
    def base_url(self) -> str:
        """What a client's ``base_url`` must be; known once the sandbox is entered."""
        return f"http://{_HOST}:{self._port}{BASE_PATH}"

    def charges(self) -> Charges:
        """Calls charged so far and their sum in USD."""
        return self._service.account.charges()

    def calls(self) -> tuple[JournalEntry, ...]:
        """The last calls that ended (or will never be answered), oldest first."""
        return self._service.journal.calls()

    def wait_for_charges(self, calls: int, timeout_s: float = 10.0) -> bool:
        """Wait until so many calls were charged, answered or not; False when the time is over."""
        return self._service.account.wait_for_calls(calls, timeout_s)

    def wait_for_calls(self, enough: Callable[[tuple[JournalEntry, ...]], bool], timeout_s: float = 10.0) -> bool:
        """Wait until ``enough`` holds for the calls so far; False when the time is over."""
        return self._service.journal.wait_for(enough, timeout_s)

    def top_up(self, usd: Decimal | float | str) -> Decimal:
        """Add to the balance; the new balance in USD."""
        return usd_of(self._service.account.top_up(microdollars(usd)))

    def script(
        self,
        fail: tuple[str, ...] | list[str] | None = None,
        latency: float | str | None = None,
        concurrency: int | None = None,
    ) -> None:
        """Change what is given, for calls that become complete from now on; None leaves as it is."""
        self._service.rescript(None if fail is None else tuple(fail), latency, concurrency)

    def __enter__(self) -> Self:
        listener = socket.create_server((_HOST, self._options.port), backlog=_BACKLOG)
        self._port = listener.getsockname()[1]
        ready: Future[AbstractEventLoop] = Future()
        self._thread = threading.Thread(target=self._run, args=(listener, ready), name="sandbox")
        self._thread.start()
        try:
            self._loop = ready.result()
        except BaseException:
            listener.close()
            self._thread.join()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._loop is not None and self._thread is not None:
            # A loop that has ended on its own needs no telling.
            with contextlib.suppress(RuntimeError):
                self._loop.call_soon_threadsafe(self._service.leave)
            self._thread.join()
        self._service.close()

    def _run(self, listener: socket.socket, ready: "Future[AbstractEventLoop]") -> None:
        try:
            asyncio.run(self._serve(listener, ready))
        except BaseException as problem:
            if ready.done():
                raise
            ready.set_exception(problem)

    async def _serve(self, listener: socket.socket, ready: "Future[AbstractEventLoop]") -> None:
        loop = asyncio.get_running_loop()
        config = uvicorn.Config(
            application(self._service),
            http=_Protocol,
            ws="none",
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
            date_header=False,
            timeout_keep_alive=60,
            backlog=_BACKLOG,
        )
        await _Server(config, self._service.leaving, lambda: ready.set_result(loop)).serve(sockets=[listener])
