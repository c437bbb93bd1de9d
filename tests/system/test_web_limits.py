"""Nobody stops the work by way of the page: connections, descriptors, and who may press its buttons."""

from __future__ import annotations

import json
import os
import re
import resource
import socket
import subprocess
import sys
import time
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
import pytest

from tests.system.house import House, until
from tests.system.pictures import picture
from tests.system.test_web import Served, act, link_of

if TYPE_CHECKING:
    from collections.abc import Iterator

MOST_CONNECTIONS = 64


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    with House(tmp_path) as made:
        yield made
        made.assert_books_balance()


def limited(soft: int, hard: int) -> list[str]:
    """A watchd that may open so many descriptors: softly, and at most."""
    return ["prlimit", f"--nofile={soft}:{hard}", sys.executable, "-m", "watchd"]


def open_at_most(pid: int) -> int:
    """The soft limit of a process."""
    found = re.search(r"^Max open files\s+(\d+)", Path(f"/proc/{pid}/limits").read_text(), re.MULTILINE)
    assert found is not None
    return int(found[1])


def test_the_daemon_takes_the_descriptors_that_it_may_have(house: House) -> None:
    house.configure()
    daemon = house.launch_as(*limited(256, 4_096))
    daemon.wait_for("started")
    assert open_at_most(daemon.pid) == 4_096


def test_a_single_run_takes_them_too(house: House) -> None:
    house.open_sandbox(latency="1s")
    house.configure()
    house.drop("a.png", picture(1))
    command = [*limited(256, 4_096), "--config", str(house.config), "once"]
    with subprocess.Popen(command, env=house.environment, stderr=subprocess.DEVNULL) as run:
        until(lambda: house.states() == ["sending"], "a call is under way")
        assert open_at_most(run.pid) == 4_096


@pytest.fixture
def visitors() -> Iterator[Visitors]:
    """Sockets of the test's own, which may be more than a process usually has."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, min(hard, 4_096)), hard))
    with Visitors() as made:
        yield made
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


class Visitors(ExitStack):
    """Connections that say nothing, or not enough."""

    def come(self, served: Served, count: int, first_words: bytes = b"") -> list[socket.socket]:
        """So many more, each with the same words."""
        return [self._come(served, first_words) for _ in range(count)]

    def _come(self, served: Served, first_words: bytes) -> socket.socket:
        one = self.enter_context(socket.create_connection(("127.0.0.1", served.port), timeout=10))
        with suppress(ConnectionError):  # it may have been sent away by then
            one.sendall(first_words)
        return one


def health(served: Served) -> int:
    """The status of a container's own question, which has little patience."""
    return httpx.get(f"{served.base}/healthz", timeout=3, trust_env=False).status_code


def sockets(served: Served) -> int:
    """How many the daemon holds."""
    found = 0
    for descriptor in Path(f"/proc/{served.daemon.pid}/fd").iterdir():
        with suppress(OSError):  # closed meanwhile
            found += str(descriptor.readlink()).startswith("socket:")
    return found


@pytest.mark.parametrize("first_words", [b"", b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n"])
def test_sixty_four_visitors_that_say_nothing_keep_nobody_out(
    house: House, visitors: Visitors, first_words: bytes
) -> None:
    served = Served(house)
    visitors.come(served, MOST_CONNECTIONS, first_words)
    assert health(served) == 200
    assert served.get("/readyz").status_code == 200
    assert served.get("/").status_code == 200


def test_more_connections_than_the_bound_are_not_held(house: House, visitors: Visitors) -> None:
    served = Served(house)
    assert health(served) == 200
    before = sockets(served)
    visitors.come(served, 300)
    assert health(served) == 200  # all that came before have been accepted
    until(lambda: sockets(served) <= before + MOST_CONNECTIONS, "those too many are closed", 5)


EVENTS = b"GET /events HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"


def test_health_is_told_however_many_look_at_the_page(house: House, visitors: Visitors) -> None:
    served = Served(house)
    looking = visitors.come(served, MOST_CONNECTIONS - 8, EVENTS)
    for one in looking:
        assert one.recv(15) == b"HTTP/1.1 200 OK"
    visitors.come(served, 20, EVENTS)
    assert served.get("/").status_code == 503
    for _ in range(20):
        assert health(served) == 200
    for one in looking:
        one.close()
    until(lambda: served.get("/").status_code == 200, "the page is answered again")


@pytest.mark.parametrize("method", ["GET / HTTP/1.1", "POST /do/pause HTTP/1.1"])
def test_a_request_that_drips_is_cut_after_ten_seconds(house: House, visitors: Visitors, method: str) -> None:
    """In the headers of a GET, in the body of a POST: a byte every half second makes it no later."""
    served = Served(house)
    words = f"{method}\r\nHost: 127.0.0.1:{served.port}\r\nOrigin: {served.base}\r\nContent-Length: 1000\r\n"
    if method.startswith("POST"):
        words += "\r\n"
    (slow,) = visitors.come(served, 1, words.encode())
    began = time.monotonic()
    slow.settimeout(0.5)
    while time.monotonic() < began + 20:
        try:
            if not slow.recv(1_000):
                break
        except TimeoutError:
            with suppress(ConnectionError):
                slow.sendall(b"x")
        except ConnectionError:
            break
    assert 9 < time.monotonic() - began < 15
    assert house.status()["gate"]["open"] is True


def seconds_for_forty(house: House, name: str) -> float:
    """How long forty pictures take from the last being dropped to the last being done."""
    before = len(house.jobs())
    for number in range(40):
        house.drop(f"{name}/{number}.png", picture(before + number))
    began = time.monotonic()
    until(lambda: [job["state"] for job in house.jobs()[before:]] == ["done"] * 40, "all are done", 60)
    return time.monotonic() - began


def test_eleven_hundred_visitors_that_say_nothing_do_not_slow_the_work(house: House, visitors: Visitors) -> None:
    house.open_sandbox(latency="500ms")
    served = Served(house, program=limited(1_024, 1_024))
    alone = seconds_for_forty(house, "alone")
    visitors.come(served, 1_100)
    beside: list[float] = []
    # A machine that is busy with other tests has a quiet moment in three.
    while len(beside) < 3 and min(beside, default=2 * alone) > alone / 0.9:
        beside.append(seconds_for_forty(house, f"beside-{len(beside)}"))
    assert health(served) == 200
    assert min(beside) <= alone / 0.9, f"{beside} s instead of {alone:.2f} s"
    assert "offline" not in served.daemon.actions()
    assert len(served.daemon.log()) < 500


# --- who may press ---------------------------------------------------------------------------------------------------

ANOTHER = 54_321
"""A user id that nobody here has."""
root_only = pytest.mark.skipif(os.geteuid() != 0, reason="only root may ask as somebody else")


def ask_as(user: int, served: Served, *headers: str, what: str = "pause", body: str = "") -> int:
    """Press a button as another account of this machine; the status."""
    lines = [
        f"POST /do/{what} HTTP/1.1", f"Host: 127.0.0.1:{served.port}", f"Origin: {served.base}", "Connection: close",
        f"Content-Length: {len(body)}", *headers, "", body,
    ]  # fmt: skip
    script = f'exec 3<>/dev/tcp/127.0.0.1/{served.port}; printf %s "$1" >&3; cat <&3'
    ended = subprocess.run(
        ["/usr/bin/setpriv", f"--reuid={user}", f"--regid={user}", "--clear-groups", "/bin/bash", "-c", script, "-",
         "\r\n".join(lines)], capture_output=True, text=True, check=True, timeout=20, cwd="/",
    )  # fmt: skip
    return int(ended.stdout.split()[1])


@root_only
def test_another_account_looks_and_presses_nothing(house: House) -> None:
    house.open_sandbox(fail=("415:1",))
    served = Served(house)
    house.drop("a.png", picture(1))
    house.wait_for_states("failed")
    assert ask_as(ANOTHER, served) == 403
    assert ask_as(ANOTHER, served, what="retry", body="all=yes") == 403
    assert ask_as(ANOTHER, served, "X-Forwarded-For: 127.0.0.1") == 403
    assert ask_as(ANOTHER, served, "Authorization: Bearer wrong") == 403
    assert house.status()["gate"]["open"] is True
    assert house.states() == ["failed"]


@root_only
def test_the_account_of_the_daemon_presses_without_a_token(house: House) -> None:
    served = Served(house)
    assert ask_as(os.geteuid(), served) == 303
    assert house.status()["gate"]["reason"] == "paused"


@root_only
def test_whoever_comes_through_a_proxy_of_the_daemons_account_is_not_its_owner(house: House) -> None:
    served = Served(house)
    assert ask_as(os.geteuid(), served, "X-Forwarded-For: 192.0.2.7") == 403
    assert house.status()["gate"]["open"] is True


@root_only
def test_the_link_opens_the_buttons_to_whoever_has_it(house: House) -> None:
    served = Served(house)
    link = link_of(served)
    answer = served.get(f"/?q=a&{link.partition('?')[2]}")
    assert (answer.status_code, answer.headers["location"]) == (303, "/?q=a")
    cookie, *told = answer.headers["set-cookie"].split("; ")
    assert {one.lower() for one in told} == {"httponly", "path=/", "samesite=strict"}
    assert link.rpartition("=")[2] not in cookie
    assert ask_as(ANOTHER, served, f"Cookie: {cookie}") == 303
    assert house.status()["gate"]["reason"] == "paused"
    assert ask_as(ANOTHER, served, f"Authorization: Bearer {link.rpartition('=')[2]}", what="resume") == 303
    assert house.status()["gate"]["open"] is True


def test_the_link_is_told_to_the_owner_and_to_no_visitor(house: House) -> None:
    served = Served(house)
    link = link_of(served)
    assert f"Page    {link}\n" in house.watchd("status").stdout
    token = link.rpartition("=")[2]
    assert token not in json.dumps(house.status())
    for path in ("/", "/metrics", "/healthz"):
        assert token not in served.get(path).text


def test_the_link_holds_over_a_reload_and_not_over_a_new_start(house: House) -> None:
    served = Served(house)
    link = link_of(served)
    assert house.watchd("reload").returncode == 0
    assert link in house.watchd("status").stdout
    served.daemon.stop()
    served.daemon = house.start()
    served.daemon.wait_for("web")
    assert link not in house.watchd("status").stdout
    assert served.get(f"/?{link.partition('?')[2]}").status_code == 403


def test_a_token_that_was_chosen_is_in_no_link_that_is_shown(house: House) -> None:
    (house.root / "token").write_text("chosen-by-the-owner-0001\n")
    served = Served(house, token_file=str(house.root / "token"))
    assert f"Page    {served.base}/\n" in house.watchd("status").stdout
    assert "chosen-by-the-owner" not in served.daemon.text
    assert served.get("/").status_code == 401
    assert act(served, "/do/pause").status_code == 401
    opened = served.get("/?token=chosen-by-the-owner-0001")
    assert served.get("/", cookie=opened.headers["set-cookie"].partition(";")[0]).status_code == 200


def test_try_all_again_leaves_alone_what_was_perhaps_paid_for(house: House) -> None:
    house.open_sandbox(fail=("cut:1", "415:1"))
    served = Served(house)
    house.drop("a.png", picture(1))
    house.wait_for_states("unknown")
    house.drop("b.png", picture(2))
    house.wait_for_states("unknown", "failed")
    assert "Try all 1 again" in served.get("/").text
    assert act(served, "/do/retry", all="yes").status_code == 303
    house.wait_for_states("unknown", "done")
    assert [attempt["job_id"] for attempt in house.attempts()] == [1, 2, 2]
    text = served.get("/").text
    assert "0 failed, 1 unknown" in text
    assert "Try all" not in text


# --- names and proxies -----------------------------------------------------------------------------------------------


def test_the_page_answers_to_the_names_that_it_was_given(house: House) -> None:
    served = Served(house, hosts=["nas.fritz.box", "watchd"])
    for host in ("nas.fritz.box", "watchd:8787", "NAS.fritz.box:443"):
        assert served.get("/metrics", host=host).status_code == 200
    refused = served.get("/metrics", host="other.fritz.box")
    assert (refused.status_code, "web.hosts" in refused.text) == (421, True)


THROUGH = {"x_forwarded_host": "nas.fritz.box", "x_forwarded_proto": "https", "origin": "https://nas.fritz.box"}


def test_a_trusted_proxy_is_believed_and_is_not_the_owner(house: House) -> None:
    served = Served(house, hosts=["nas.fritz.box"], base_path="/watchd", trusted_proxies=["127.0.0.1"])
    token = link_of(served).rpartition("=")[2]
    assert f"{served.base}/watchd/?token=" in link_of(served)
    for path in ("/", "/watchd/"):  # the proxy may take the path away, or not
        text = served.get(path, **THROUGH).text
        assert 'href="/watchd/page.css"' in text
        assert 'action="/watchd/do/pause"' in text
        assert 'href="/p' not in text
    opened = served.get(f"/watchd/?token={token}", **THROUGH)
    assert opened.headers["location"] == "/watchd/"
    cookie, *told = opened.headers["set-cookie"].split("; ")
    assert {one.lower() for one in told} == {"httponly", "path=/watchd", "samesite=strict", "secure"}
    assert served.get("/do/pause", "POST", **THROUGH).status_code == 403
    answer = served.get("/do/pause", "POST", cookie=cookie, **THROUGH)
    assert (answer.status_code, answer.headers["location"]) == (303, "/watchd/")
    assert house.status()["gate"]["reason"] == "paused"


def test_what_another_proxy_says_is_not_believed(house: House) -> None:
    served = Served(house, hosts=["nas.fritz.box"], trusted_proxies=["192.0.2.0/24"])
    token = link_of(served).rpartition("=")[2]
    bearer = {"authorization": f"Bearer {token}"}
    assert served.get("/do/pause", "POST", **bearer, **THROUGH).status_code == 403
    assert "Secure" not in served.get(f"/?token={token}", **(THROUGH | {"origin": served.base})).headers["set-cookie"]
    assert house.status()["gate"]["open"] is True
