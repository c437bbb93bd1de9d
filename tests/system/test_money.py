"""What is told, asked and kept about money: estimates, prices, budgets, approval, windows, days and chains."""

from __future__ import annotations

import hashlib
import io
import random
import time
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from PIL import Image

from tests.system.house import House, until
from tests.system.pictures import picture
from tests.system.terminal import typed

if TYPE_CHECKING:
    from pathlib import Path


DAY = timedelta(days=1)


def drop_many(house: House, count: int, folder: Path | None = None) -> None:
    """So many different pictures; another folder, other pictures."""
    first = 0 if folder is None else 1000
    for number in range(count):
        house.drop(f"{number}.png", picture(first + number), folder)


def second_folder(house: House) -> Path:
    """Another hot folder."""
    other = house.root / "other"
    other.mkdir()
    return other


def wait_for_gate(house: House, reason: str) -> dict[str, Any]:
    """The gate of `status`, once it is closed for this reason."""
    until(lambda: house.read("SELECT 1 FROM gate WHERE reason = ?", reason), f"gate {reason} is closed")
    gate: dict[str, Any] = house.status()["gate"]
    assert (gate["open"], gate["reason"]) == (False, reason)
    return gate


def reason_of(house: House, folder: str) -> str | None:
    """Why a folder that is online waits, as `status` tells it."""
    (found,) = (each for each in house.status()["folders"] if each["name"] == folder)
    assert found["state"] == "online"
    reason: str | None = found["reason"]
    return reason


def does(house: House, *arguments: str) -> str:
    """What a command that must end well says."""
    ended = house.watchd(*arguments)
    assert ended.returncode == 0, ended.stderr
    return ended.stdout


# Prices


def wide(width: int, height: int) -> bytes:
    """A picture of this size, quickly made."""
    out = io.BytesIO()
    row = Image.frombytes("RGB", (width, 1), random.Random(1).randbytes(width * 3))
    row.resize((width, height), Image.Resampling.NEAREST).save(out, "PNG", compress_level=1)
    return out.getvalue()


@pytest.mark.parametrize(
    ("width", "height", "scale", "price"),
    [(1920, 1080, 4, 0.08), (300, 300, 2, 0.02), (300, 300, 2.5, 0.08), (2100, 2100, 4, 0.02)],
    ids=["4 becomes 2.84", "2 is cheap", "just above 2", "4 becomes 1.95"],
)
def test_the_price_goes_by_the_effective_scale(
    house: House, width: int, height: int, scale: float, price: float
) -> None:
    house.configure({"profile": {"scale": scale}})
    house.drop("a.png", wide(width, height))
    assert house.json("estimate", "--json")["cost"] == price
    house.once(0)
    assert house.job("a.png")["cost"] == price
    assert float(house.sandbox.charges().usd) == price


def test_an_estimate_is_what_is_spent_then_and_afterwards_nothing_is_left_of_it(house: House) -> None:
    other = second_folder(house)
    house.configure({}, {"path": str(other), "profile": {"scale": 4}}, {"path": str(house.root / "away")})
    drop_many(house, 3)
    house.drop("twin.png", picture(0))
    house.drop("sub/broken.png", b"no picture at all")
    drop_many(house, 2, other)
    house.drop("same bytes, other profile.png", picture(0), other)
    told = house.json("estimate", "--json")
    assert house.sandbox.calls() == ()
    assert (told["calls"], told["cost"]) == (6, 0.3)
    house.once(3)  # the folder that is not there
    assert (house.sandbox.charges().calls, float(house.sandbox.charges().usd)) == (6, 0.3)
    left = house.json("estimate", "--json")
    assert (left["calls"], left["cost"]) == (0, 0)


def test_the_view_spending_status_and_the_service_agree(house: House) -> None:
    other = second_folder(house)
    house.open_sandbox(fail=("503:1", "cut:1", "400:1"))
    house.configure({}, {"path": str(other), "profile": {"scale": 4}}, api={"workers": 1})
    drop_many(house, 3)
    drop_many(house, 3, other)
    house.once(3)
    spending = house.read("SELECT * FROM spending")
    spent = house.status()["spent"]
    assert {row["folder"] for row in spending} == {"hot", "other"}
    charges = house.sandbox.charges()
    assert sum(row["calls"] for row in spending) == charges.calls == 5
    total = float(charges.usd)
    assert round(sum(row["cost"] for row in spending), 6) == spent["today"] == spent["month"] == spent["total"] == total
    assert spent["in_doubt"] == next(each["cost"] for each in house.attempts() if each["outcome"] == "lost")


# Budgets


@pytest.mark.parametrize("period", ["day", "month"])
def test_a_budget_is_never_passed_and_a_raised_one_counts_after_reload_and_resume(house: House, period: str) -> None:
    house.open_sandbox(latency="200ms")
    house.configure(budget={period: 0.05})
    drop_many(house, 5)
    house.start()
    gate = wait_for_gate(house, "budget")
    assert gate["retry_at"] > datetime.now(UTC).isoformat()
    until(lambda: sorted(house.states()) == ["done"] * 2 + ["queued"] * 3, "two are bought")
    assert len(house.sandbox.calls()) == 2
    house.configure(budget={period: 1})
    does(house, "reload")
    does(house, "resume")
    house.wait_for_all(5)
    assert len(house.sent()) == len(set(house.sent())) == 5


def test_resume_under_the_same_budget_buys_nothing(house: House) -> None:
    house.configure(budget={"day": 0.02})
    drop_many(house, 2)
    daemon = house.start()
    wait_for_gate(house, "budget")
    does(house, "resume")
    daemon.wait_for("gate_closed", 2)
    assert len(house.sandbox.calls()) == 1


def test_a_budget_counts_over_restarts_and_lets_once_end_with_3(house: House) -> None:
    house.configure(budget={"day": 0.02})
    drop_many(house, 2)
    house.once(3)
    assert "budget" in house.once(3).stderr
    assert len(house.sandbox.calls()) == 1


def test_what_is_in_doubt_counts_against_the_budget(house: House) -> None:
    house.open_sandbox(fail=("cut:1",))
    house.configure(api={"workers": 1}, budget={"day": 0.02})
    drop_many(house, 2)
    house.once(3)
    assert sorted(house.states()) == ["queued", "unknown"]
    assert len(house.sandbox.calls()) == 1


def test_a_folder_s_own_budget_holds_that_folder_alone_and_a_raised_one_counts_after_reload_and_resume(
    house: House,
) -> None:
    other = second_folder(house)
    theirs = {"path": str(other)}
    house.configure({"budget": {"day": 0.02}}, theirs)
    drop_many(house, 3)
    drop_many(house, 3, other)
    house.start()
    until(lambda: sorted(house.states()) == ["done"] * 4 + ["queued"] * 2, "one of three, and the other folder's")
    assert "budget" in (reason_of(house, "hot") or "")
    assert reason_of(house, "other") is None
    assert house.status()["gate"]["open"]
    assert len(house.sandbox.calls()) == 4
    house.configure({"budget": {"day": 1}}, theirs)
    does(house, "reload")
    does(house, "resume")
    house.wait_for_all(6)


# The owner's yes


def drop_archive(house: House, count: int) -> None:
    """An old archive, moved in as one tree."""
    aside = house.root / "aside"
    for number in range(count):
        house.drop(f"archive/{number}.png", picture(number), aside)
    (aside / "archive").rename(house.hot / "archive")


def assert_held_until_approve(house: House, count: int) -> None:
    """Not one call is made for the backlog, and all of it is bought after `approve`."""
    wait_for_gate(house, "approval")
    until(lambda: len(house.jobs()) == count, "all of it is known")
    assert house.sandbox.charges().calls == 0
    assert house.states() == ["queued"] * count
    assert house.sandbox.calls() == ()
    does(house, "approve")
    house.wait_for_all(count)
    assert len(house.sent()) == len(set(house.sent())) == count


@pytest.mark.parametrize(
    ("when", "approval", "scale", "count"),
    [
        ("dropped", {"files": 10, "cost": None}, 2, 12),
        ("dropped", {"cost": 11}, 2.1, 150),
        ("first start", {"cost": 0.20}, 2, 12),
        ("first start", {"cost": 11}, 2.1, 150),
    ],
    ids=["files, dropped", "cost above 2x, dropped", "cost, first start", "cost above 2x, first start"],
)
def test_a_backlog_above_approval_waits_without_one_call_until_the_owner_approves(
    house: House, when: str, approval: dict[str, Any], scale: float, count: int
) -> None:
    house.configure({"profile": {"scale": scale}}, approval=approval)
    if when == "first start":
        drop_archive(house, count)
    house.start()
    if when == "dropped":
        drop_archive(house, count)
    assert_held_until_approve(house, count)


def test_a_backlog_dropped_into_a_daemon_at_work_waits_without_one_call(house: House) -> None:
    house.open_sandbox(latency="60ms")
    house.configure(api={"workers": 8}, approval={"files": 100})
    house.start()
    archive = {house.drop(f"{number}.png", picture(number), house.root / "aside/archive") for number in range(120)}
    backlog = {hashlib.sha256(path.read_bytes()).hexdigest() for path in archive}
    for number in range(80):
        house.drop(f"work {number}.png", picture(1000 + number))
        time.sleep(0.012)  # somebody at work, who leaves no worker idle for long
        if number == 40:
            (house.root / "aside/archive").rename(house.hot / "archive")
    until(lambda: len(house.jobs()) == 200, "all of it is known")
    wait_for_gate(house, "approval")
    assert not backlog.intersection(house.sent())


def test_a_held_backlog_is_held_over_a_restart(house: House) -> None:
    house.configure(approval={"files": 2})
    drop_archive(house, 4)
    daemon = house.start()
    wait_for_gate(house, "approval")
    assert daemon.stop() == 0
    house.start()
    assert_held_until_approve(house, 4)


def test_once_asks_on_a_terminal_and_a_yes_buys_the_backlog(house: House) -> None:
    house.configure(approval={"files": 2})
    drop_many(house, 3)
    status, shown = typed(house, "once", answer="y", asked="Go on?")
    assert (status, "$0.06" in shown) == (0, True), shown
    assert house.states() == ["done"] * 3


def test_once_asks_on_a_terminal_and_a_no_buys_nothing(house: House) -> None:
    house.configure(approval={"files": 2})
    drop_many(house, 3)
    status, _ = typed(house, "once", answer="n", asked="Go on?")
    assert status == 3
    assert house.sandbox.calls() == ()


def test_once_without_a_terminal_ends_with_3_and_names_the_way_on(house: House) -> None:
    house.configure(approval={"files": 2})
    drop_many(house, 3)
    assert "approve" in house.once(3).stderr
    assert house.sandbox.calls() == ()


def test_once_with_yes_buys_the_backlog_unasked(house: House) -> None:
    house.configure(approval={"files": 2})
    drop_many(house, 3)
    does(house, "once", "--yes")
    assert house.states() == ["done"] * 3


# Windows and days, in the host's own time


def zone(offset: timedelta) -> str:
    """A time zone for $TZ, so far ahead of UTC; POSIX counts the other way."""
    seconds = round(offset.total_seconds())
    hours, rest = divmod(abs(seconds), 3600)
    return f"HERE{'-' if seconds >= 0 else '+'}{hours:02d}:{rest // 60:02d}:{rest % 60:02d}"


def zone_where_it_is(time_of_day: timedelta) -> str:
    """A time zone in which it is this time of the day now."""
    now = datetime.now(UTC)
    offset = (time_of_day - timedelta(hours=now.hour, minutes=now.minute, seconds=now.second)) % DAY
    return zone(offset if offset <= DAY / 2 else offset - DAY)


def window(start: timedelta, end: timedelta) -> str:
    """`hours` from and to so far from now, in local time."""
    now = datetime.now().astimezone()
    return f"{now + start:%H:%M}-{now + end:%H:%M}"


def test_a_closed_window_holds_its_own_folder_alone(house: House) -> None:
    other = second_folder(house)
    closed = window(timedelta(hours=2), timedelta(hours=3))
    house.configure({"hours": closed}, {"path": str(other), "hours": window(-timedelta(hours=1), timedelta(hours=2))})
    drop_many(house, 2)
    drop_many(house, 2, other)
    house.start()
    until(lambda: sorted(house.states()) == ["done"] * 2 + ["queued"] * 2, "the other folder's are done")
    assert reason_of(house, "hot") == f"hours: calls are made {closed}"
    assert reason_of(house, "other") is None
    assert house.status()["gate"]["open"]
    assert {job["folder"] for job in house.jobs() if job["state"] == "queued"} == {"hot"}
    assert len(house.sandbox.calls()) == 2


def test_once_ends_with_3_where_only_a_window_is_waited_for(house: House) -> None:
    house.configure({"hours": window(timedelta(hours=2), timedelta(hours=3))})
    house.drop("a.png", picture(1))
    house.once(3)
    assert house.sandbox.calls() == ()


def test_a_window_that_opens_lets_its_folder_go_on_by_itself(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    house.configure({"hours": "12:00-13:00"})
    house.drop("a.png", picture(1))
    monkeypatch.setenv("TZ", zone_where_it_is(timedelta(hours=11, minutes=59, seconds=55)))
    house.start()
    house.wait_for_states("queued")
    assert house.sandbox.calls() == ()
    house.wait_for_all(1)


def test_money_belongs_to_the_host_s_own_day_and_not_to_utc_s(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    house.configure()
    house.drop("a.png", picture(1))
    now = datetime.now(UTC)
    offset = timedelta(hours=13 if now.hour >= 12 else -13)
    monkeypatch.setenv("TZ", zone(offset))
    house.once(0)
    (row,) = house.read("SELECT * FROM spending")
    assert row["day"] == (now + offset).date().isoformat() != now.date().isoformat()
    assert house.status()["spent"]["today"] == 0.02
    monkeypatch.setenv("TZ", "UTC")
    assert house.status()["spent"]["today"] == 0


def test_a_budget_of_the_day_opens_by_itself_at_the_host_s_own_midnight(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    house.configure(budget={"day": 0.02})
    drop_many(house, 2)
    monkeypatch.setenv("TZ", zone_where_it_is(timedelta(hours=23, minutes=59, seconds=53)))
    house.start()
    wait_for_gate(house, "budget")
    assert len(house.sandbox.calls()) == 1
    house.wait_for_all(2)
    first, second = (datetime.fromisoformat(row["day"]) for row in house.read("SELECT day FROM spending ORDER BY day"))
    assert second - first == DAY


# Chains


def test_a_chained_folder_takes_what_the_first_published_and_buys_it_once(house: House) -> None:
    second = house.out
    second.mkdir()
    house.configure({}, {"path": str(second), "profile": {"scale": 1, "enhance": True}, "chain": True})
    house.drop("a.png", picture(1))
    house.start()
    house.wait_for_all(2)
    assert {job["folder"]: job["cost"] for job in house.jobs()} == {"hot": 0.02, "hot-out": 0.02}
    assert (house.root / "hot-out-out" / "a.png").exists()


def test_without_chain_an_output_carried_into_another_hot_folder_and_back_makes_no_call(house: House) -> None:
    other = second_folder(house)
    house.configure({}, {"path": str(other), "profile": {"scale": 4}})
    house.drop("a.png", picture(1))
    house.drop("b.png", picture(2), other)
    daemon = house.start()
    house.wait_for_all(2)
    house.drop("from a.png", (house.out / "a.png").read_bytes(), other)
    house.drop("sub/from b.png", (house.root / "other-out" / "b.png").read_bytes())
    daemon.wait_for("own_output", 2)
    house.drop("another.png", picture(3))
    house.wait_for_all(3)
    assert len(house.sandbox.calls()) == 3
