"""Notices of a real daemon at a real webhook, and at none that answers."""

from __future__ import annotations

import json
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

import pytest

from tests.system.house import Daemon, House, until
from tests.system.pictures import picture

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


class Webhook:
    """Takes what is posted, and answers with a status of the test's own."""

    def __init__(self) -> None:
        self.taken: list[dict[str, Any]] = []
        self.status = 204
        webhook = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                webhook.taken.append(json.loads(body))
                self.send_response(webhook.status)
                self.end_headers()

            def log_message(self, *_arguments: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.thread = threading.Thread(target=self.server.serve_forever)
        self.thread.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server.server_port}/SECRET-path"

    def kinds(self) -> list[str]:
        return [notice["kind"] for notice in self.taken]

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()


@pytest.fixture
def webhook() -> Iterator[Webhook]:
    made = Webhook()
    yield made
    made.close()


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    with House(tmp_path) as made:
        yield made


def test_a_pause_its_end_and_failures_are_told(house: House, webhook: Webhook) -> None:
    house.open_sandbox(fail=("415:3",))
    house.configure(notify={"urls": [webhook.url]})
    daemon = house.start()
    for number in range(3):
        house.drop(f"{number}.png", picture(number))
    until(lambda: "failed" in webhook.kinds(), "failures are told", 30)
    house.watchd("pause")
    until(lambda: "paused" in webhook.kinds(), "the pause is told", 30)
    house.watchd("resume")
    until(lambda: "resumed" in webhook.kinds(), "its end is told", 30)
    assert daemon.stop() == 0
    assert {"source", "kind", "title", "text"} == webhook.taken[0].keys()
    assert len(webhook.kinds()) <= 5, webhook.taken
    assert "SECRET" not in daemon.text


def test_only_what_is_wanted_is_told(house: House, webhook: Webhook) -> None:
    house.open_sandbox(fail=("415:1",))
    house.configure(notify={"urls": [webhook.url], "on": ["paused"]})
    house.start()
    house.drop("a.png", picture(1))
    house.wait_for_states("failed")
    house.watchd("pause")
    until(lambda: webhook.kinds() == ["paused"], "the pause alone is told", 30)


def test_addresses_may_stand_in_a_file_of_their_own(house: House, webhook: Webhook) -> None:
    (house.root / "addresses").write_text(f"# ours\n\n{webhook.url}\n")
    house.configure(notify={"urls_file": str(house.root / "addresses")})
    house.start()
    house.watchd("pause")
    until(lambda: webhook.kinds() == ["paused"], "it is told", 30)


def with_foreign_warnings(house: House) -> Daemon:
    """A daemon in which a library may use what Python has deprecated."""
    daemon = house.launch_as(sys.executable, "-m", "watchd", PYTHONWARNINGS="default")
    daemon.wait_for("started")
    return daemon


def test_what_apprise_knows_is_told_through_it(house: House, webhook: Webhook) -> None:
    pytest.importorskip("apprise")
    house.configure(notify={"urls": [webhook.url.replace("http://", "json://")]})
    daemon = with_foreign_warnings(house)
    house.watchd("pause")
    until(lambda: len(webhook.taken) == 1, "it is told", 30)
    assert webhook.taken[0]["title"] == "watchd makes no calls: paused"
    assert "Files wait" in webhook.taken[0]["message"]
    assert daemon.stop() == 0


def test_what_apprise_cannot_deliver_is_told_without_its_address(house: House, webhook: Webhook) -> None:
    pytest.importorskip("apprise")
    webhook.status = 500
    house.configure(notify={"urls": [webhook.url.replace("http://", "json://anna:SECRET-word@")]})
    daemon = with_foreign_warnings(house)
    house.watchd("pause")
    until(lambda: len(webhook.taken) == 2, "it is tried twice", 30)
    assert daemon.stop() == 0
    assert "SECRET" not in daemon.text


def test_a_budget_an_offline_folder_and_the_day_are_told(house: House, webhook: Webhook) -> None:
    house.configure(
        notify={"urls": [webhook.url], "on": ["budget", "offline"]}, budget={"day": 0.05},
    )  # fmt: skip
    house.start()
    for number in range(3):
        house.drop(f"{number}.png", picture(number))
    until(lambda: webhook.kinds().count("budget") == 2, "80 % and 100 % are told", 30)
    house.hot.rename(house.root / "away")
    until(lambda: "offline" in webhook.kinds(), "the folder is told", 30)


def test_a_webhook_that_answers_nobody_holds_up_nothing(house: House, webhook: Webhook) -> None:
    webhook.status = 500
    house.configure(notify={"urls": [webhook.url, "http://127.0.0.1:1/x", "nonsense://x"]})
    daemon = house.start()
    house.watchd("pause")
    until(lambda: len(webhook.taken) >= 2, "it is tried again", 30)
    house.watchd("resume")
    house.drop("a.png", picture(1))
    house.wait_for_all(1)
    assert daemon.stop() == 0
    assert "SECRET" not in daemon.text
