"""What each answer of the service, and none at all, comes to: for the file, for the others, and for the money."""

from __future__ import annotations

import json
import socket
from datetime import datetime
from typing import TYPE_CHECKING, Any

import pytest

from tests.system.house import KEY, until
from tests.system.pictures import picture
from tests.system.stand_in import standing_in

if TYPE_CHECKING:
    from tests.system.house import House


def drop_many(house: House, count: int) -> None:
    """So many different pictures."""
    for number in range(count):
        house.drop(f"{number}.png", picture(number))


def wait_for_gate(house: House, reason: str) -> dict[str, Any]:
    """The gate of `status`, once it is closed for this reason."""
    until(lambda: house.read("SELECT 1 FROM gate WHERE reason = ?", reason), f"gate {reason} is closed")
    gate: dict[str, Any] = house.status()["gate"]
    assert (gate["open"], gate["reason"]) == (False, reason)
    return gate


def seconds(gate: dict[str, Any]) -> float:
    """From the gate's closing to its next try."""
    return (datetime.fromisoformat(gate["retry_at"]) - datetime.fromisoformat(gate["since"])).total_seconds()


# The key


def test_a_401_holds_every_file_until_the_key_file_changes_and_then_all_goes_on_by_itself(house: House) -> None:
    house.configure(api={"workers": 2})
    house.key.write_text("old-key\n")
    house.start()
    drop_many(house, 6)
    gate = wait_for_gate(house, "key")
    assert gate["retry_at"] is None
    until(lambda: house.states() == ["queued"] * 6, "all wait")
    house.key.write_text(f"{KEY}\n")
    house.wait_for_all(6)
    assert {job["attempts"] for job in house.jobs()} == {1}
    refused = [call for call in house.sandbox.calls() if call.status == 401]
    assert 1 <= len(refused) <= 2


def test_a_403_holds_every_later_run_too_until_the_key_is_another(house: House) -> None:
    house.open_sandbox(fail=("403:1",), key=None)
    house.configure(api={"workers": 1})
    drop_many(house, 2)
    house.once(3)
    house.once(3)
    assert [call.status for call in house.sandbox.calls()] == [403]
    assert [attempt["outcome"] for attempt in house.attempts()] == ["key"]
    house.key.write_text("another-key\n")
    house.once(0)
    assert [job["attempts"] for job in house.jobs()] == [1, 1]


# The rate


@pytest.mark.parametrize(
    ("words", "headers", "least", "most"),
    [
        ("Rate limit exceeded", {}, 1, 30),
        ("Rate limit exceeded", {"retry-after": "77"}, 76.9, 77.2),
        ("Too many failed attempts", {"retry-after": "1"}, 30, 60),
    ],
    ids=["without Retry-After", "with Retry-After", "a ban on the key"],
)
def test_the_gate_rate_stays_closed_as_long_as_the_answer_deserves(
    house: House, words: str, headers: dict[str, str], least: float, most: float
) -> None:
    with standing_in(429, words, headers) as service:
        house.configure(api={"base_url": service.base_url, "workers": 1})
        daemon = house.start()
        drop_many(house, 2)
        gate = wait_for_gate(house, "rate")
        assert least <= seconds(gate) <= most
        until(lambda: house.states() == ["queued"] * 2, "both wait")
        assert daemon.stop() == 0
        assert service.calls == 1
    assert {job["attempts"] for job in house.jobs()} == {0}


# The service's own trouble


def test_a_file_that_meets_two_503_is_done_at_its_third_attempt(house: House) -> None:
    house.open_sandbox(fail=("503:2",))
    house.configure()
    house.drop("a.png", picture(1))
    house.once(0)
    job = house.job("a.png")
    assert (job["state"], job["attempts"], job["cost"]) == ("done", 3, 0.02)
    assert [attempt["outcome"] for attempt in house.attempts()] == ["server", "server", "ok"]


def test_a_file_that_alone_meets_nothing_but_500_waits_for_the_service_and_does_not_fail(house: House) -> None:
    house.open_sandbox(fail=("500:6",))
    house.configure(api={"max_attempts": 2})
    house.drop("a.png", picture(1))
    house.start()
    until(lambda: house.read("SELECT 1 FROM gate WHERE reason = 'service'"), "the gate closes", 60.0)
    assert (house.job("a.png")["state"], house.job("a.png")["cost"]) == ("queued", 0)
    house.wait_for_all(1, timeout=60.0)
    assert len(house.sandbox.calls()) == 7


def test_a_500_for_five_different_files_in_a_row_closes_the_gate_service_and_fails_none(house: House) -> None:
    house.open_sandbox(fail=("500",))
    house.configure(api={"workers": 1})
    house.start()
    drop_many(house, 12)
    gate = wait_for_gate(house, "service")
    assert gate["retry_at"] is not None
    until(lambda: house.states() == ["queued"] * 12, "all wait")
    assert 5 <= len(house.sandbox.calls()) <= 12
    assert max(job["attempts"] for job in house.jobs()) < 5


def test_files_wait_for_a_service_that_cannot_be_reached_and_are_done_once_it_is_back(house: House) -> None:
    with socket.socket() as nobody:  # has the port, and listens not
        nobody.bind(("127.0.0.1", 0))
        port = nobody.getsockname()[1]
        api = {"base_url": f"http://127.0.0.1:{port}/api/v1", "key_file": str(house.key), "requests_per_minute": 0}
        house.config.write_text(
            json.dumps(
                {"api": api, "state_dir": str(house.state), "folders": [house.folder()], "log": {"format": "json"}}
            )
        )
        house.start()
        drop_many(house, 8)
        wait_for_gate(house, "service")
        until(lambda: house.states() == ["queued"] * 8, "all wait")
    house.open_sandbox(port=port)
    house.wait_for_all(8)
    assert len(house.sent()) == len(set(house.sent())) == 8
    assert {job["attempts"] for job in house.jobs()} == {1}
    assert {attempt["outcome"] for attempt in house.attempts()} == {"network", "ok"}


# Lost answers, and answers that are none


def test_an_answer_cut_off_one_that_never_comes_and_one_lost_by_a_proxy_leave_their_files_in_doubt(
    house: House,
) -> None:
    house.open_sandbox(fail=("cut:1", "stall:1", "504:1"))
    house.configure(api={"workers": 3, "timeout": "2s"})
    drop_many(house, 3)
    house.once(3)
    assert house.states() == ["unknown"] * 3
    assert sorted(attempt["http_status"] or 0 for attempt in house.attempts()) == [0, 0, 504]
    assert {(attempt["outcome"], attempt["cost"]) for attempt in house.attempts()} == {("lost", 0.02)}
    assert len(house.sandbox.calls()) == 3
    assert house.sandbox.charges().calls == 2
    assert house.status()["spent"]["in_doubt"] == 0.06
    assert not list(house.out.rglob("*.png"))


def test_resend_lost_1_sends_a_lost_call_once_more_and_keeps_the_first_in_doubt(house: House) -> None:
    house.open_sandbox(fail=("cut:1",))
    house.configure(api={"resend_lost": 1})
    house.drop("a.png", picture(1))
    house.once(0)
    job = house.job("a.png")
    assert (job["state"], job["attempts"], job["cost"]) == ("done", 2, 0.04)
    assert house.sandbox.charges().calls == 2
    spent = house.status()["spent"]
    assert (spent["total"], spent["in_doubt"]) == (0.04, 0.02)


def test_resend_lost_1_sends_no_third_time_not_even_after_a_restart(house: House) -> None:
    house.open_sandbox(fail=("cut",))
    house.configure(api={"resend_lost": 1})
    house.drop("a.png", picture(1))
    house.once(3)
    house.once(3)
    assert house.states() == ["unknown"]
    assert house.sandbox.charges().calls == len(house.sandbox.calls()) == 2


def test_a_200_that_is_not_the_picture_asked_for_is_kept_as_evidence_and_its_file_is_in_doubt(house: House) -> None:
    house.open_sandbox(fail=("lie-html:1", "lie-json:1", "lie-size:1", "lie-truncated:1"))
    house.configure(api={"workers": 1})
    drop_many(house, 4)
    house.once(3)
    assert house.states() == ["unknown"] * 4
    attempts = house.attempts()
    assert [(each["outcome"], each["http_status"], each["cost"]) for each in attempts] == [
        ("bad_answer", 200, 0.02)
    ] * 4
    kept = [path.read_bytes() for path in (house.state / "evidence").iterdir()]
    assert sorted(data[:9] for data in kept) == sorted([b"<!DOCTYPE", b'{"error":', *[b"\x89PNG\r\n\x1a\n\x00"] * 2])
    assert sorted(len(data) for data in kept) == sorted(each["received_bytes"] for each in attempts)
    assert len({each["error"] for each in attempts}) == 4
    assert not list(house.out.rglob("*.png"))


# This file's own trouble


def test_a_400_fails_its_file_in_the_service_s_words_with_a_note_and_the_others_go_on(house: House) -> None:
    house.open_sandbox(fail=("400:1",))
    house.configure(api={"workers": 1})
    house.drop("sub/a.png", picture(1))
    house.once(1)
    house.drop("sub/b.png", picture(2))
    house.once(0)
    job = house.job("sub/a.png")
    assert (job["state"], job["attempts"], job["cost"]) == ("failed", 1, 0)
    assert "Refused by the sandbox's script" in job["error"]
    note = json.loads((house.state / "failed" / "hot" / "sub" / "a.png.error.json").read_text())
    assert (note["path"], note["sha256"], note["error"]) == ("sub/a.png", job["sha256"], job["error"])
    assert (house.hot / "sub" / "a.png").read_bytes() == picture(1)
    assert house.job("sub/b.png")["state"] == "done"
