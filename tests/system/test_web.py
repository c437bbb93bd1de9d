"""Health, readiness and metrics, and whoever should not be answered."""

from __future__ import annotations

import re
import signal
import socket
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from tests.system.house import Daemon, House, until
from tests.system.pictures import picture

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

TOKEN = "tok-5f0c1a7be2d94c60"  # noqa: S105 -- made up here


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    with House(tmp_path) as made:
        yield made
        made.assert_books_balance()


class Served:
    """A daemon with a web room, and a client of it; `top`: more of the configuration, `program`: another than usual."""

    def __init__(
        self, house: House, listen: str = "127.0.0.1", top: dict[str, Any] | None = None,
        program: Sequence[str] | None = None, **web: Any,
    ) -> None:  # fmt: skip
        self.port = free_port()
        self.house = house
        house.configure(web={"listen": f"{listen}:{self.port}"} | web, **(top or {}))
        self.daemon: Daemon = house.start() if program is None else house.launch_as(*program)
        self.daemon.wait_for("web")
        self.base = f"http://127.0.0.1:{self.port}"

    def get(self, path: str, method: str = "GET", **headers: str) -> httpx.Response:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return httpx.request(method, f"{self.base}{path}", headers=named, timeout=10, trust_env=False)

    def figures(self) -> dict[str, float]:
        answer = self.get("/metrics")
        assert answer.status_code == 200, answer.text
        lines = [line for line in answer.text.splitlines() if not line.startswith("#")]
        return {line.rpartition(" ")[0]: float(line.rpartition(" ")[2]) for line in lines}


def link_of(served: Served) -> str:
    """The link in the log."""
    found = re.search(r"http://\S+/\?token=[\w-]{32}", str(served.daemon.wait_for("web")[0]["message"]))
    assert found is not None
    return found[0]


def test_a_daemon_that_is_well_says_so(house: House) -> None:
    served = Served(house)
    answer = served.get("/healthz")
    assert (answer.status_code, answer.json()["alive"]) == (200, True)
    assert set(answer.json()["parts"].values()) == {"well"}
    assert served.get("/readyz").json() == {"ready": True}


def test_every_figure_is_the_ledgers(house: House) -> None:
    house.open_sandbox(fail=("415:1",))
    served = Served(house)
    for number in range(4):
        house.drop(f"{number}.png", picture(number))
    until(lambda: sorted(house.states()) == ["done", "done", "done", "failed"], "all have ended")
    found = served.figures()
    assert found['watchd_files{state="done"}'] == 3
    assert found['watchd_files{state="failed"}'] == 1
    assert found['watchd_calls_total{outcome="ok"}'] == 3
    assert found['watchd_calls_total{outcome="refused"}'] == 1
    assert found['watchd_answers_total{status="415"}'] == 1
    assert found["watchd_spent_usd"] == pytest.approx(0.06)
    assert found["watchd_spent_today_usd"] == pytest.approx(0.06)
    assert found["watchd_call_seconds_count"] == 3
    assert found['watchd_call_seconds_bucket{le="+Inf"}'] == 3
    assert found["watchd_queue_seconds_count"] == 4
    assert found['watchd_folder_online{folder="hot"}'] == 1
    assert found["watchd_oldest_waiting_seconds"] == 0


def test_names_follow_the_conventions_and_each_family_is_explained(house: House) -> None:
    text = Served(house).get("/metrics").text
    families = re.findall(r"^# TYPE (\S+) (\S+)$", text, re.MULTILINE)
    assert families
    assert re.findall(r"^# HELP (\S+) .+$", text, re.MULTILINE) == [name for name, _ in families]
    for name, kind in families:
        assert re.fullmatch(r"watchd_[a-z_]+", name)
        assert (kind == "counter") == name.endswith("_total")


def test_the_page_shows_money_against_the_budget_on_the_hosts_own_clock(house: House) -> None:
    served = Served(house, top={"budget": {"day": 10, "month": 100}})
    house.drop("a.png", picture(1))
    house.wait_for_all(1)
    text = served.get("/").text
    assert "Today $0.02 of $10.00 <meter" in text
    assert "this month $0.02 of $100.00 <meter" in text
    finished = datetime.fromisoformat(house.jobs()[0]["finished_at"]).astimezone()
    assert f">{finished:%Y-%m-%d %H:%M:%S}</time>" in text


def test_a_closed_gate_shows(house: House) -> None:
    served = Served(house)
    house.watchd("pause")
    until(lambda: served.figures()['watchd_gate_closed{reason="paused"}'] == 1, "the gate is told")


def test_without_the_section_nothing_listens_and_nothing_is_imported(house: House) -> None:
    house.configure()
    daemon = house.start()
    maps = Path(f"/proc/{daemon.pid}/maps").read_text()
    assert "uvloop" not in maps
    assert "web" not in daemon.actions()
    names = {path.read_text().strip() for path in Path(f"/proc/{daemon.pid}/task").glob("*/comm")}
    assert "web" not in names


def test_a_port_that_is_taken_is_told_and_all_else_works(house: House) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        house.configure(web={"listen": f"127.0.0.1:{taken.getsockname()[1]}"})
        daemon = house.start()
        daemon.wait_for("web_failed")
        house.drop("a.png", picture(1))
        house.wait_for_all(1)


def test_a_reload_moves_it(house: House) -> None:
    served = Served(house)
    other = free_port()
    house.configure(web={"listen": f"127.0.0.1:{other}"})
    assert house.watchd("reload").returncode == 0
    served.base = f"http://127.0.0.1:{other}"
    assert served.get("/healthz").status_code == 200


def test_a_reload_that_waits_for_a_call_is_alive_and_not_ready(house: House) -> None:
    house.open_sandbox(latency="3s")
    served = Served(house)
    house.drop("a.png", picture(1))
    until(lambda: house.states() == ["sending"], "a call is under way")
    served.daemon.signal(signal.SIGHUP)
    until(lambda: served.get("/readyz").json() == {"ready": False}, "the reload waits")
    answer = served.get("/healthz")
    assert house.states() == ["sending"], "the call ended before anybody asked"
    assert (answer.status_code, set(answer.json()["parts"].values())) == (200, {"well"})
    served.daemon.wait_for("reloaded")
    assert served.get("/readyz").json() == {"ready": True}


def test_it_ends_with_the_daemon_at_once_though_somebody_is_connected(house: House) -> None:
    served = Served(house)
    with socket.create_connection(("127.0.0.1", served.port)) as idle:
        idle.sendall(b"GET /heal")
        assert served.daemon.stop() == 0


ATTACKS = {
    "a foreign name": ({"host": "evil.example"}, 421),
    "a foreign name with the port": ({"host": "evil.example:8787"}, 421),
    "a name that begins like ours": ({"host": "localhost.evil.example"}, 421),
    "no name": ({"host": ""}, 421),
    "another site": ({"origin": "https://evil.example"}, 403),
    "a sandboxed page": ({"origin": "null"}, 403),
}


@pytest.mark.parametrize("name", ATTACKS)
def test_a_stranger_is_refused(house: House, name: str) -> None:
    headers, status = ATTACKS[name]
    served = Served(house)
    for path in ("/metrics", "/healthz", "/nowhere"):
        answer = served.get(path, **headers)
        assert answer.status_code == status
        assert "watchd_" not in answer.text


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE"])
def test_nothing_is_changed_by_anybody(house: House, method: str) -> None:
    assert Served(house).get("/healthz", method).status_code == 405


def test_no_path_leads_to_a_file(house: House) -> None:
    served = Served(house)
    for path in (
        "/../../etc/passwd",
        "/%2e%2e/%2e%2e/etc/passwd",
        "//etc/passwd",
        "/metrics/../../key",
        "/.git/config",
    ):
        answer = served.get(path)
        assert answer.status_code == 404
        assert "root:" not in answer.text


def test_every_answer_forbids_a_browser_all_that_it_does_not_need(house: House) -> None:
    served = Served(house)
    for path in ("/healthz", "/metrics", "/nowhere"):
        headers = served.get(path).headers
        assert "default-src 'none'" in headers["content-security-policy"]
        assert headers["x-content-type-options"] == "nosniff"
        assert "server" not in headers


@pytest.mark.parametrize("given", [None, "", "Bearer", "Bearer wrong", f"Basic {TOKEN}", f"Bearer {TOKEN}x", TOKEN])
def test_beyond_loopback_nobody_is_answered_without_the_token(house: House, given: str | None) -> None:
    (house.root / "token").write_text(TOKEN + "\n")
    served = Served(house, "0.0.0.0", token_file=str(house.root / "token"))  # noqa: S104 -- beyond loopback is meant
    headers = {} if given is None else {"authorization": given}
    assert served.get("/metrics", **headers).status_code == 401
    assert served.get("/metrics", authorization=f"Bearer {TOKEN}").status_code == 200
    assert served.get("/healthz").status_code == 200
    assert TOKEN not in served.daemon.text


def page_of(served: Served, path: str = "/") -> str:
    answer = served.get(path)
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"].startswith("text/html")
    return answer.text


def test_the_page_can_be_read_without_scripts(house: House) -> None:
    house.open_sandbox(fail=("415:1",))
    served = Served(house)
    for number in range(2):
        house.drop(f"{number}.png", picture(number))
    until(lambda: sorted(house.states()) == ["done", "failed"], "both have ended")
    text = page_of(served)
    for shown in ("Calls are made.", "hot", "1 failed, 0 unknown", "0.png", "1.png", "Today $0.02"):
        assert shown in text


def test_jobs_can_be_searched_and_filtered(house: House) -> None:
    served = Served(house)
    for name in ("berlin.png", "paris_1.png", "parisX1.png"):
        house.drop(name, picture(len(name)))
    house.wait_for_all(3)
    assert "berlin" not in page_of(served, "/?q=paris")
    assert "parisX1" not in page_of(served, "/?q=paris_1")
    assert "berlin" not in page_of(served, "/?state=failed")
    assert "berlin" in page_of(served, "/?state=done&folder=hot")
    assert "berlin" not in page_of(served, "/?before=1")


def test_a_job_is_shown_with_its_life_and_its_pictures(house: House) -> None:
    served = Served(house)
    house.drop("a.png", picture(1))
    house.wait_for_all(1)
    text = page_of(served, "/job/1")
    for shown in ("armed", "published as", "/picture/1/before", "/picture/1/after"):
        assert shown in text
    for side in ("before", "after"):
        answer = served.get(f"/picture/1/{side}?small")
        assert answer.headers["content-type"] == "image/jpeg"


def test_what_people_named_is_text_on_the_page(house: House) -> None:
    served = Served(house)
    house.drop('"><script>alert(1)<!-- .png', picture(1))
    house.wait_for_all(1)
    for path in ("/", "/job/1", "/?q=%3Cscript%3Ealert(1)", "/?folder=%22%3E%3Cscript%3E"):
        text = page_of(served, path)
        assert "<script>alert" not in text
        assert '"><script>' not in text


def test_only_what_the_ledger_knows_is_shown(house: House) -> None:
    served = Served(house)
    for path in ("/job/1", "/picture/1/before", "/picture/1/key", "/picture/-1/before", "/picture/1/../../key",
                 "/picture/99999999999999999999/after", "/job/1e9", "/page.css/../server.py"):  # fmt: skip
        assert served.get(path).status_code in {404, 400}, path


def test_a_link_in_the_place_of_an_original_is_not_followed(house: House) -> None:
    served = Served(house)
    path = house.drop("a.png", picture(1))
    house.wait_for_all(1)
    secret = house.root / "secret.png"
    secret.write_bytes(picture(9))
    path.unlink()
    path.symlink_to(secret)
    assert served.get("/picture/1/before").status_code == 404
    assert served.get("/picture/1/before?small").status_code == 404


def act(served: Served, path: str, origin: str | None = None, **fields: str) -> httpx.Response:
    headers = {"origin": served.base if origin is None else origin}
    return httpx.post(f"{served.base}{path}", data=fields, headers=headers, timeout=10, trust_env=False)


def test_pause_resume_and_retry_do_what_the_commands_do(house: House) -> None:
    house.open_sandbox(fail=("415:1",))
    served = Served(house)
    assert act(served, "/do/pause").status_code == 303
    assert house.status()["gate"]["reason"] == "paused"
    assert "No calls: paused." in page_of(served)
    assert act(served, "/do/resume").status_code == 303
    house.drop("a.png", picture(1))
    house.wait_for_states("failed")
    assert act(served, "/do/retry", id="1").headers["location"] == "/job/1"
    house.wait_for_states("done")


def test_all_that_failed_is_tried_again_by_one_button(house: House) -> None:
    house.open_sandbox(fail=("415:2",))
    served = Served(house)
    for number in range(2):
        house.drop(f"{number}.png", picture(number))
    until(lambda: house.states() == ["failed", "failed"], "both failed")
    assert act(served, "/do/retry", all="yes").status_code == 303
    house.wait_for_all(2)


@pytest.mark.parametrize("origin", ["https://evil.example", "null", "", "http://127.0.0.1:1", "file://"])
def test_another_site_changes_nothing(house: House, origin: str) -> None:
    served = Served(house)
    assert act(served, "/do/pause", origin=origin).status_code == 403
    answer = httpx.post(f"{served.base}/do/pause", timeout=10, trust_env=False)
    assert answer.status_code == 403
    assert house.status()["gate"]["open"] is True


def test_nothing_is_changed_by_reading(house: House) -> None:
    served = Served(house)
    for path in ("/do/pause", "/do/retry?all=yes"):
        assert served.get(path).status_code in {404, 405}
    assert house.status()["gate"]["open"] is True


@pytest.mark.parametrize("path", ["/do/dismiss", "/do/reprocess", "/do/reload", "/do/status", "/do/"])
def test_nothing_else_can_be_done_from_a_page(house: House, path: str) -> None:
    assert act(Served(house), path, id="1", all="yes").status_code in {404, 405}


def test_a_change_is_told_within_a_third_of_a_second(house: House) -> None:
    served = Served(house)
    with httpx.stream("GET", f"{served.base}/events", timeout=10, trust_env=False) as stream:
        lines = stream.iter_lines()
        assert next(lines).startswith("retry")
        house.drop("a.png", picture(1))
        for line in lines:
            if line == "event: changed":
                break
    house.wait_for_all(1)


def test_a_browser_may_give_the_token_as_a_password(house: House) -> None:
    (house.root / "token").write_text(TOKEN + "\n")
    served = Served(house, "0.0.0.0", token_file=str(house.root / "token"))  # noqa: S104 -- beyond loopback is meant
    assert httpx.get(served.base, auth=("anybody", TOKEN), timeout=10, trust_env=False).status_code == 200
    assert httpx.get(served.base, auth=("anybody", "wrong"), timeout=10, trust_env=False).status_code == 401
