"""What is answered under which path."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from starlette.applications import Starlette
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from watchd.adapters.ledgers import choosing
from watchd.errors import LedgerError
from watchd.web import metrics, prometheus
from watchd.web.site import PATIENCE_S, Site

if TYPE_CHECKING:
    from starlette.requests import Request

    from watchd.reports.daemon_view import DaemonView

UNAVAILABLE = 503


def application(state_dir: str, daemon: DaemonView, base_path: str) -> Starlette:
    """The application, unguarded; it sees paths below `base_path`, and puts that before where it sends a visitor."""

    # On the loop itself, and from memory: the few threads may all be busy with pictures of a share that hangs.
    async def healthz(_request: Request) -> Response:
        troubles = daemon.troubles()
        alive = not any(troubles.values())
        told = {"alive": alive, "parts": {name: trouble or "well" for name, trouble in troubles.items()}}
        return JSONResponse(told, 200 if alive else UNAVAILABLE)

    async def readyz(_request: Request) -> Response:
        silent = daemon.silent()
        ready = daemon.is_ready() and not any(daemon.troubles().values()) and not silent
        told: dict[str, object] = {"ready": ready, "waits_for": dict(silent)} if silent else {"ready": ready}
        return JSONResponse(told, 200 if ready else UNAVAILABLE)

    def figures(_request: Request) -> Response:
        closed = [gate.reason for gate in daemon.gates()]
        try:
            with choosing.view(state_dir, PATIENCE_S) as view:
                found = metrics.families(view, daemon.status(), closed, datetime.now(UTC).astimezone())
        except LedgerError as error:
            return PlainTextResponse(f"# {error}\n", UNAVAILABLE)
        return Response(prometheus.text(found), media_type=prometheus.CONTENT_TYPE)

    def unread(_request: Request, error: Exception) -> Response:
        return PlainTextResponse(f"{error}\n", UNAVAILABLE)

    site = Site(state_dir, daemon, base_path)
    routes = [
        *site.routes(),
        Route("/healthz", healthz, methods=["GET"]),
        Route("/readyz", readyz, methods=["GET"]),
        Route("/metrics", figures, methods=["GET"]),
    ]
    return Starlette(routes=routes, exception_handlers={LedgerError: unread})
