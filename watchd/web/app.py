"""What is answered under which path."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from starlette.applications import Starlette
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from watchd.adapters.ledgers.sqlite.reader import LedgerReader
from watchd.errors import LedgerError
from watchd.web import metrics, prometheus
from watchd.web.site import Daemon, Site

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from starlette.requests import Request

    from watchd.model import GateReason, Settings

UNAVAILABLE = 503


@dataclass(frozen=True, slots=True)
class Health:
    """What is well, part by part, and why the others are not; `ready`: whether it works on files by now."""

    parts: Mapping[str, str | None]
    ready: bool

    @property
    def alive(self) -> bool:
        """Whether nothing is wrong that a new start would mend."""
        return not any(self.parts.values())


@dataclass(frozen=True, slots=True)
class Questions:
    """What the web room asks of the daemon, from its own thread; each is answered from memory, at once."""

    health: Callable[[], Health]
    status: Callable[[], dict[str, Any]]
    gates: Callable[[], Sequence[GateReason]]
    act: Callable[[dict[str, Any]], dict[str, Any]]
    settings: Callable[[], Settings]


def application(ledger: Path, ask: Questions) -> Starlette:
    """The application, unguarded."""

    def healthz(_request: Request) -> Response:
        health = ask.health()
        told = {"alive": health.alive, "parts": {name: trouble or "well" for name, trouble in health.parts.items()}}
        return JSONResponse(told, 200 if health.alive else UNAVAILABLE)

    def readyz(_request: Request) -> Response:
        health = ask.health()
        ready = health.ready and health.alive
        return JSONResponse({"ready": ready}, 200 if ready else UNAVAILABLE)

    def figures(_request: Request) -> Response:
        try:
            reader = LedgerReader(ledger)
            try:
                found = metrics.families(reader, ask.status(), ask.gates(), datetime.now(UTC).astimezone())
            finally:
                reader.close()
        except LedgerError as error:
            return PlainTextResponse(f"# {error}\n", UNAVAILABLE)
        return Response(prometheus.text(found), media_type=prometheus.CONTENT_TYPE)

    site = Site(ledger, Daemon(ask.status, ask.act, ask.settings))
    return Starlette(routes=[
        *site.routes(),
        Route("/healthz", healthz, methods=["GET"]),
        Route("/readyz", readyz, methods=["GET"]),
        Route("/metrics", figures, methods=["GET"]),
    ])  # fmt: skip
