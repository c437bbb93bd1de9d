"""The page and what it asks for: shown to people, changed by POST alone, told by events that something has changed."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from importlib.resources import files
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

from starlette.requests import ClientDisconnect
from starlette.responses import HTMLResponse, PlainTextResponse, RedirectResponse, Response, StreamingResponse
from starlette.routing import Route

from watchd.adapters.darkroom.darkroom import Darkroom
from watchd.adapters.ledgers import choosing
from watchd.model import MICROS_PER_USD, JobState
from watchd.web import pages
from watchd.web.changes import Changes
from watchd.web.thumbnails import LARGE, SMALL, Gallery

if TYPE_CHECKING:
    from collections.abc import Mapping

    from starlette.requests import Request

    from watchd.model import Job
    from watchd.reports.daemon_view import DaemonView

ASSETS = {
    "/page.css": ("watchd.web", "page.css", "text/css"),
    "/page.js": ("watchd.web", "page.js", "text/javascript"),
    "/compare.css": ("watchd.reports", "compare.css", "text/css"),
    "/compare.js": ("watchd.reports", "compare.js", "text/javascript"),
}
MOST_BODY_BYTES = 4096
PATIENCE_S = 3.0
"""Seconds after which a question of the page's to the ledger is broken off: a reader that stays lets its log grow."""
SEARCH_S = 0.8
"""Seconds after which a search shows what it has found so far; it goes on from there when it is asked to."""
LAST = 2**63 - 1
"""No job has a larger number, and SQLite knows none."""
NOT_FOUND = 404


class Site:
    """Its routes; each request reads the ledger through a connection of its own. `base_path`: where it lies."""

    def __init__(self, state_dir: str, daemon: DaemonView, base_path: str) -> None:
        self._base_path = base_path
        self._state_dir = state_dir
        self._daemon = daemon
        self._gallery = Gallery(self._root, Darkroom(at_once=1))
        self._changes = Changes(state_dir, daemon.status)

    def routes(self) -> list[Route]:
        """All of them."""
        shown = [Route(path, self._asset, methods=["GET"]) for path in ASSETS]
        return [
            Route("/", self._front, methods=["GET"]),
            Route("/job/{number:int}", self._job, methods=["GET"]),
            Route("/picture/{number:int}/{side}", self._picture, methods=["GET"]),
            Route("/events", self._events, methods=["GET"]),
            Route("/do/{what}", self._do, methods=["POST"]),
            *shown,
        ]

    def _root(self, folder: str) -> str | None:
        found = self._daemon.settings().folder(folder)
        return None if found is None else found.path

    def _asset(self, request: Request) -> Response:
        package, name, kind = ASSETS[request.url.path]
        return Response((files(package) / name).read_bytes(), media_type=kind)

    def _front(self, request: Request) -> Response:
        asked = {
            name: value for name, value in request.query_params.items() if name in {"q", "state", "folder"} and value
        }
        before = request.query_params.get("before", "")
        with choosing.view(self._state_dir, PATIENCE_S) as view:
            counts = view.counts()
            shown = view.history_page(
                asked.get("q"), asked.get("state"), asked.get("folder"),
                before=min(int(before), LAST) if before.isascii() and before.isdigit() else None, limit=pages.PAGE,
                seconds=SEARCH_S,
            )  # fmt: skip
            bad = view.ended_badly(pages.PAGE)
            spent = view.spent(datetime.now(UTC).astimezone())
        status = self._daemon.status()
        main = (
            pages.now(status, counts, spent, self._budget())
            + pages.folders(status["folders"])
            + pages.trouble(bad, counts["failed"], counts["unknown"])
            + pages.history(shown, asked, [folder["name"] for folder in status["folders"]])
        )
        return HTMLResponse(pages.page("watchd", main, self._base_path))

    def _budget(self) -> dict[str, float | None]:
        """USD that may be spent over all folders, by the names that `spent` has."""
        budget = self._daemon.settings().budget
        return {
            name: None if most is None else most / MICROS_PER_USD
            for name, most in (("today", budget.day), ("month", budget.month))
        }

    def _job(self, request: Request) -> Response:
        number = min(request.path_params["number"], LAST)
        with choosing.view(self._state_dir, PATIENCE_S) as view:
            job = view.job(number)
            told = view.told(number)
        if job is None or told is None:
            return PlainTextResponse("there is no such job\n", NOT_FOUND)
        return HTMLResponse(pages.page(f"Job {number}", pages.job(told, self._stage(job)), self._base_path))

    def _stage(self, job: Job) -> str:
        from watchd.reports.comparing import Shown, stage  # noqa: PLC0415 -- only where a job is looked at

        def side(name: str, why: str) -> Shown | str:
            if self._gallery.show(job, name, LARGE) is None:
                return why
            return Shown(f"/picture/{job.id}/{name}", job.width, job.height, 0)

        before = side("before", "it is not where it was, or cannot be shown")
        after = side("after", "there is none, or it cannot be shown")
        return stage(before, after) + '<script src="/compare.js" defer></script>'

    def _picture(self, request: Request) -> Response:
        side = request.path_params["side"]
        with choosing.view(self._state_dir, PATIENCE_S) as view:
            job = view.job(min(request.path_params["number"], LAST))
        longest = SMALL if "small" in request.query_params else LARGE
        made = self._gallery.show(job, side, longest) if job is not None and side in {"before", "after"} else None
        if made is None:
            return PlainTextResponse("there is no such picture\n", NOT_FOUND)
        return Response(made, media_type="image/jpeg")

    async def _events(self, _request: Request) -> Response:
        return StreamingResponse(self._changes.words(), media_type="text/event-stream")

    async def _do(self, request: Request) -> Response:
        body = b""
        try:
            async for piece in request.stream():
                body += piece
                if len(body) > MOST_BODY_BYTES:
                    return PlainTextResponse("that is too long\n", 413)
        except ClientDisconnect:
            return PlainTextResponse("that came in part\n", 400)  # nobody is there to read it
        fields = dict(parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True))
        requests = _requests(request.path_params["what"], fields)
        if requests is None:
            return PlainTextResponse("nothing of that name can be done\n", NOT_FOUND)
        for one in requests:
            answer = await asyncio.to_thread(self._daemon.act, one)
            if "error" in answer:
                return PlainTextResponse(f"{answer['error']}\n", 409)
        back = f"/job/{fields['id']}" if fields.get("id", "").isdigit() else "/"
        return RedirectResponse(self._base_path + back, 303)


def _requests(what: str, fields: Mapping[str, str]) -> list[dict[str, Any]] | None:
    """What is asked of the daemon; None: nothing that may be."""
    match what:
        case "pause" | "resume":
            return [{"command": what}]
        case "retry" if fields.get("all") == "yes":
            return [{"command": "retry", "state": JobState.FAILED}]
        case "retry" if fields.get("id", "").isascii() and fields.get("id", "").isdigit():
            return [{"command": "retry", "ids": [min(int(fields["id"]), LAST)]}]
        case _:
            return None
