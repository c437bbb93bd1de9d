"""Answers that the sandbox does not give: any status, headers and words, always the same, for as long as it stands."""

from __future__ import annotations

import json
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping


class StandIn:
    """A service with one answer. `calls` counts the complete calls that got it."""

    def __init__(self, port: int) -> None:
        self.base_url = f"http://127.0.0.1:{port}/api/v1"
        self.calls = 0


@contextmanager
def standing_in(status: int, words: str, headers: Mapping[str, str] | None = None) -> Iterator[StandIn]:
    """Answer every call with this status and these words; whatever else is asked is not there."""
    body = json.dumps({"error": words}).encode()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_error(404)

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["content-length"]))
            service.calls += 1
            self.send_response(status)
            for name, value in {"content-type": "application/json", **(headers or {})}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Nobody reads it."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        service = StandIn(server.server_port)
        thread = threading.Thread(target=server.serve_forever, args=(0.01,), name="stand-in")
        thread.start()
        try:
            yield service
        finally:
            server.shutdown()
            thread.join()
