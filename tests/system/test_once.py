"""`watchd once` as a process: its exit status, what it waits for and what it shows."""

from __future__ import annotations

import os
import pty
import re
import subprocess
import time
from typing import TYPE_CHECKING

import pytest

from tests.system.pictures import picture

if TYPE_CHECKING:
    from tests.system.house import House


def test_it_ends_with_0_when_all_is_done_and_again_when_nothing_is_left_to_do(house: House) -> None:
    house.configure()
    house.drop("a.png", picture(1))
    assert "1 done" in house.once(0).stdout
    house.once(0)
    assert len(house.sent()) == 1


def test_it_ends_with_1_when_a_file_failed_in_this_run_and_with_0_in_the_next(house: House) -> None:
    house.configure()
    house.drop("broken.png", b"no picture at all")
    house.drop("sound.png", picture(1))
    house.once(1)
    assert sorted(house.states()) == ["done", "failed"]
    house.once(0)


def test_a_bad_configuration_ends_it_with_2_and_every_problem_with_its_place(house: House) -> None:
    house.configure({"settle": "soon", "profile": {"scale": 9}})
    ended = house.once(2)
    told = [line for line in ended.stderr.splitlines() if re.match(rf"{re.escape(str(house.config))}:\d+:\d+: ", line)]
    assert len(told) == 2
    assert ended.stdout == ""
    assert not house.state.exists()


@pytest.mark.parametrize("arguments", [("ones",), ("once", "--sure"), ("--config",)])
def test_what_the_command_line_does_not_know_ends_with_2(house: House, arguments: tuple[str, ...]) -> None:
    house.configure()
    ended = house.watchd(*arguments)
    assert (ended.returncode, ended.stdout) == (2, "")
    assert ended.stderr


def test_an_empty_balance_ends_it_with_3_at_once_and_says_what_to_do(house: House) -> None:
    house.open_sandbox(fail=("402",))
    house.configure()
    house.drop("a.png", picture(1))
    assert "top up" in house.once(3).stderr
    assert house.states() == ["queued"]


def test_a_key_that_is_refused_ends_it_with_3_and_the_file_waits(house: House) -> None:
    house.open_sandbox(key="another key")
    house.configure()
    house.drop("a.png", picture(1))
    assert "key" in house.once(3).stderr
    assert house.states() == ["queued"]


def test_a_key_that_is_nowhere_ends_it_with_3_before_any_call(house: House) -> None:
    house.configure()
    house.key.unlink()
    house.drop("a.png", picture(1))
    house.once(3)
    assert house.sandbox.calls() == ()
    assert house.states() == ["queued"]


def test_a_job_in_doubt_ends_it_with_3_in_this_run_and_in_every_later_one(house: House) -> None:
    house.open_sandbox(fail=("cut:1",))
    house.configure()
    house.drop("a.png", picture(1))
    assert "1 unknown" in house.once(3).stdout
    house.once(3)
    assert len(house.sandbox.calls()) == 1


def test_a_folder_that_is_not_there_ends_it_with_3_after_the_others_were_served(house: House) -> None:
    house.configure({}, {"path": str(house.root / "away")})
    house.drop("a.png", picture(1))
    assert "away" in house.once(3).stderr
    assert house.states() == ["done"]


def test_work_that_waits_outranks_files_that_failed(house: House) -> None:
    house.open_sandbox(fail=("402",))
    house.configure()
    house.drop("broken.png", b"no picture at all")
    house.drop("sound.png", picture(1))
    house.once(3)
    assert sorted(house.states()) == ["failed", "queued"]


@pytest.mark.plain("it compares process ids, and a unit's own are others")
def test_a_second_one_on_the_same_ledger_ends_at_once_with_4_and_names_the_first(house: House) -> None:
    house.configure()
    house.drop("a.png", picture(1))
    daemon = house.start()
    for command in ("once", "run"):
        began = time.monotonic()
        ended = house.watchd(command, timeout=10.0)
        assert (ended.returncode, ended.stdout) == (4, "")
        assert re.search(rf"\b{daemon.pid}\b", ended.stderr)
        assert time.monotonic() - began < 5
    house.wait_for_all(1)
    assert len(house.sent()) == 1


def test_a_ledger_that_is_damaged_ends_it_with_4_and_is_left_as_it_is(house: House) -> None:
    house.configure()
    house.drop("a.png", picture(1))
    house.state.mkdir()
    ledger = house.state / "ledger.db"
    ledger.write_bytes(b"this was a ledger once" * 1000)
    ended = house.once(4)
    assert str(ledger) in ended.stderr
    assert ledger.read_bytes() == b"this was a ledger once" * 1000
    assert house.sandbox.calls() == ()
    ledger.unlink()  # the house's books are those of no ledger


def test_it_waits_as_long_as_a_429_asks_for_and_for_a_file_that_was_met_by_a_503(house: House) -> None:
    house.open_sandbox(fail=("429:1", "503:1"))  # the 429 with Retry-After: 1
    house.configure()
    house.drop("a.png", picture(1))
    house.once(0)
    calls = house.sandbox.calls()
    assert [call.status for call in calls] == [429, 503, 200]
    assert (calls[1].at - calls[0].at).total_seconds() >= 0.95
    assert [attempt["outcome"] for attempt in house.attempts()] == ["rate", "server", "ok"]
    assert house.job("a.png")["attempts"] == 2


def test_a_truncated_file_fails_within_its_run(house: House) -> None:
    house.configure()
    house.drop("half.png", picture(1)[:-200])
    house.once(1)
    assert "truncated" in house.job("half.png")["error"]
    assert house.sandbox.calls() == ()


def test_a_terminal_shows_files_bytes_money_rate_and_the_time_left(house: House) -> None:
    house.open_sandbox(latency="500ms")
    house.configure(api={"workers": 1})
    for number in range(4):
        house.drop(f"{number}.png", picture(number))
    shown = on_a_terminal(house)
    full = r"[1-3]/4 files .*\d+(\.\d+)?/\d+(\.\d+)? MB .*\$0\.0[2-8] .*\d(\.\d+)?/s .*\d+:\d\d left"
    assert any(re.search(full, frame) for frame in shown.split("\r")), shown
    assert house.states() == ["done"] * 4


def on_a_terminal(house: House) -> str:
    """What `once`, which ends well, writes to a terminal."""
    ours, its = pty.openpty()
    environment = house.environment | {"TERM": "xterm"}
    process = subprocess.Popen(
        house.command("once"), env=environment, cwd=house.root, stdin=its, stdout=its, stderr=its
    )  # fmt: skip
    os.close(its)
    shown = b""
    try:
        while piece := _read(ours):
            shown += piece
        assert process.wait(20) == 0, shown
    finally:
        process.kill()
        process.wait()
        os.close(ours)
    return shown.decode()


def _read(terminal: int) -> bytes:
    """What comes next; nothing once the last program has left the terminal, which Linux tells as an error."""
    try:
        return os.read(terminal, 65536)
    except OSError:
        return b""


def test_without_a_terminal_it_writes_plain_lines_to_stderr_and_its_result_to_stdout(house: House) -> None:
    house.configure(log={"format": "text"})
    house.drop("a.png", picture(1))
    ended = house.once(0)
    assert not re.search(r"[\r\x1b]", ended.stdout + ended.stderr)
    assert "a.png" in ended.stderr
    assert re.search(r"1 done, 0 failed, 0 unknown, 0 left.*\$0\.02", ended.stdout)
