"""An empty balance stops all calls and fails nothing; once there is money again, everything goes on by itself."""

from __future__ import annotations

from datetime import datetime
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import pytest

from tests.system.house import until
from tests.system.pictures import picture
from tests.system.stand_in import standing_in

if TYPE_CHECKING:
    from tests.system.house import House

WORKERS = 4


def drop_many(house: House, count: int) -> None:
    """So many different pictures."""
    for number in range(count):
        house.drop(f"{number:02}.png", picture(number))


def failures(house: House) -> list[dict[str, Any]]:
    """The view `balance_failures`."""
    return house.read("SELECT * FROM balance_failures ORDER BY id")


def refused(house: House) -> int:
    """How many calls the service answered with 402."""
    return sum(call.status == 402 for call in house.sandbox.calls())


def test_a_402_closes_one_gate_for_forty_files_and_none_of_them_loses_an_attempt(house: House) -> None:
    house.open_sandbox(balance="0")
    house.configure(api={"workers": WORKERS})
    drop_many(house, 40)
    house.once(3)
    assert 1 <= len(house.sandbox.calls()) <= WORKERS
    assert house.states() == ["queued"] * 40
    assert {(job["attempts"], job["cost"]) for job in house.jobs()} == {(0, 0)}


def test_each_402_is_one_row_with_its_file_the_service_s_words_and_the_balance(house: House) -> None:
    house.open_sandbox(balance="0.01")
    house.configure(api={"workers": WORKERS})
    drop_many(house, 12)
    house.once(3)
    rows = failures(house)
    assert len(rows) == refused(house) > 0
    names = {job["id"]: job["path"] for job in house.jobs()}
    for row in rows:
        assert (row["folder"], row["path"]) == ("hot", names[row["job_id"]])
        assert "Insufficient USD or Diem balance" in row["message"]
        assert (row["balance_usd"], row["balance_diem"]) == (0.01, 0)
        assert datetime.fromisoformat(row["at"]).tzinfo is not None
    assert [attempt["outcome"] for attempt in house.attempts()] == ["balance"] * len(rows)


def test_after_a_top_up_everything_is_done_by_itself_and_each_picture_was_charged_once(house: House) -> None:
    house.open_sandbox(balance="0.06")
    house.configure(api={"workers": WORKERS}, balance_probe={"first": "1s", "longest": "1s"})
    house.start()
    drop_many(house, 12)
    until(lambda: house.status()["gate"]["reason"] == "balance", "the gate is closed")
    house.sandbox.top_up(10)
    house.wait_for_all(12)
    assert house.status()["gate"] == {"open": True, "reason": None, "since": None, "retry_at": None, "detail": None}
    assert len(house.sent()) == len(set(house.sent())) == 12
    assert {job["attempts"] for job in house.jobs()} == {1}
    assert len(failures(house)) == refused(house)


def test_probes_come_one_at_a_time_at_intervals_that_double(house: House) -> None:
    house.open_sandbox(fail=("402:2",))  # for two calls, while the balance query, free of charge, says yes
    house.configure(api={"workers": 1}, balance_probe={"first": "1s", "longest": "10s"})
    drop_many(house, 2)
    daemon = house.start()
    house.wait_for_all(2)
    assert len(daemon.wait_for("probe")) == 2
    moments = [call.at for call in house.sandbox.calls()][:3]
    gaps = [(later - earlier).total_seconds() for earlier, later in pairwise(moments)]
    assert [gap >= least for gap, least in zip(gaps, (0.95, 1.95), strict=True)] == [True] * 2, gaps
    assert len(failures(house)) == 2


def test_a_balance_query_that_says_no_saves_the_probe_s_call(house: House) -> None:
    house.open_sandbox(balance="0")
    house.configure(api={"workers": 1}, balance_probe={"first": "1s", "longest": "1s"})
    drop_many(house, 3)
    daemon = house.start()
    daemon.wait_for("gate_closed", 3)  # when it closed, and after each query that said no
    assert len(house.sandbox.calls()) == len(failures(house)) == 1
    assert "probe" not in daemon.actions()


def test_restarts_behind_a_closed_gate_make_no_call_before_its_time(house: House) -> None:
    house.open_sandbox(fail=("402",))
    house.configure(api={"workers": WORKERS}, balance_probe={"first": "1m"})
    drop_many(house, 12)
    house.once(3)
    calls, gate = len(house.sandbox.calls()), house.status()["gate"]
    house.once(3)
    daemon = house.start()
    house.drop("one-more.png", picture(99))
    until(lambda: len(house.jobs()) == 13, "the new file is admitted")
    assert daemon.stop() == 0
    assert len(house.sandbox.calls()) == len(failures(house)) == calls <= WORKERS
    assert house.states() == ["queued"] * 13
    assert house.status()["gate"] == gate


def test_what_was_left_behind_an_empty_balance_is_finished_by_a_daemon_that_starts_after_the_top_up(
    house: House,
) -> None:
    house.open_sandbox(balance="0.03")
    house.configure(api={"workers": 1}, balance_probe={"first": "1s"})
    drop_many(house, 3)
    house.once(3)
    assert sorted(house.states()) == ["done", "queued", "queued"]
    house.sandbox.top_up(1)
    house.start()
    house.wait_for_all(3)
    assert len(house.sent()) == len(set(house.sent())) == 3


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ("Insufficient USD or Diem balance to complete request", "balance is empty"),
        ("API key USD spend limit exceeded", "spend limit"),
        ("Authentication failed: no credentials were sent", "credentials"),
    ],
)
def test_status_tells_an_empty_balance_a_key_s_own_limit_and_missing_credentials_apart(
    house: House, words: str, told: str
) -> None:
    with standing_in(402, words) as service:
        house.configure(api={"base_url": service.base_url, "workers": 1})
        house.drop("a.png", picture(1))
        house.once(3)
        assert service.calls == 1
    gate = house.status()["gate"]
    assert gate["reason"] == "balance"
    assert told in gate["detail"].removesuffix(f"(402: {words})")
    assert words in gate["detail"]
    (row,) = failures(house)
    assert (row["message"], row["balance_usd"], row["balance_diem"]) == (words, None, None)
