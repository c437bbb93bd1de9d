"""The owner's commands as processes, with a daemon running and alone: each answers, whatever the daemon is at."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from tests.system.house import until
from tests.system.pictures import picture, size_of
from tests.system.terminal import typed

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pytest

    from tests.system.house import House


FULL = os.environ.get("WATCHD_FAULTS") == "full"


@contextmanager
def asking(house: House, *arguments: str) -> Iterator[subprocess.Popen[bytes]]:
    """A command under way; ended when it is left."""
    process = subprocess.Popen(
        house.command(*arguments), env=house.environment, cwd=house.root, stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def test_a_reload_that_comes_while_the_daemon_stops_is_answered_and_does_not_keep_it_from_ending(house: House) -> None:
    house.open_sandbox(latency="3s")
    house.configure()
    daemon = house.start()
    house.drop("a.png", picture(1))
    assert house.sandbox.wait_for_charges(1)
    daemon.signal(signal.SIGTERM)
    daemon.wait_for("stopping")
    with asking(house, "reload") as reload:
        assert daemon.wait(10.0) == 0
        assert reload.wait(5.0) == 2
    assert house.states() == ["done"]


def test_status_answers_at_once_while_a_reload_waits_for_the_calls_in_flight(house: House) -> None:
    house.open_sandbox(fail=("stall:1",))
    house.configure(api={"timeout": "30s"})
    daemon = house.start()
    house.drop("a.png", picture(1))
    assert house.sandbox.wait_for_charges(1)
    with asking(house, "reload") as reload:
        time.sleep(0.5)  # the daemon tells nobody that it has begun to drain
        told = house.watchd("status", "--json", timeout=8.0)
        assert told.returncode == 0, told.stderr
        assert reload.poll() is None, "the reload was over before anybody asked"
    daemon.kill()


# What the owner decides, through the socket of a daemon and alone


ALWAYS = {"retry_of_a_number", "reprocess_of_a_path", "approve", "dismiss_closes", "fails_with_it", "wrong_use"}
"""Words of the tests that are made alone, too, where not all are: each command once."""


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """`with_daemon`: whether the command finds a daemon running, or works on the ledger itself."""
    if "with_daemon" in metafunc.fixturenames:
        alone = FULL or any(word in metafunc.function.__name__ for word in ALWAYS)
        modes = {"with a daemon": True} | ({"alone": False} if alone else {})
        metafunc.parametrize("with_daemon", modes.values(), ids=modes)


def second_folder(house: House) -> Path:
    """Another hot folder, configured beside the first."""
    other = house.root / "other"
    other.mkdir()
    house.configure({}, {"path": str(other)}, api={"workers": 1})
    return other


def says(house: House, *arguments: str) -> str:
    """What a command that must end well says."""
    ended = house.watchd(*arguments)
    assert ended.returncode == 0, ended.stderr
    return ended.stdout


def come_to(house: House, *states: str, with_daemon: bool) -> None:
    """Let the daemon, or one run, bring the jobs to these states, in whatever order."""
    if not with_daemon:
        house.watchd("once", timeout=30.0)
    elif not (house.state / "control.sock").exists():
        house.start()
    until(lambda: sorted(house.states()) == sorted(states), f"jobs {states}, now {house.states()}")


def say(house: House, *arguments: str, with_daemon: bool) -> str:
    """Say it; where no daemon runs, `once` does afterwards what was asked for."""
    told = says(house, *arguments)
    if not with_daemon:
        house.watchd("once", timeout=30.0)
    return told


def refuse(house: House, rule: str, *names: str) -> None:
    """Let the service treat the first call for each of these files by this rule."""
    house.open_sandbox(fail=(f"{rule}:{len(names)}",))
    house.configure(api={"workers": 1})
    for number, name in enumerate(names):
        house.drop(name, picture(number))


def test_retry_of_a_number_sends_that_job_again_and_no_other(house: House, *, with_daemon: bool) -> None:
    refuse(house, "400", "a.png", "b.png")
    come_to(house, "failed", "failed", with_daemon=with_daemon)
    assert say(house, "retry", "1", with_daemon=with_daemon) == "1 back in the queue.\n"
    house.wait_for_states("done", "failed")
    assert house.sandbox.charges().calls == 1


def test_retry_failed_sends_every_failed_job_again_and_no_unknown_one(house: House, *, with_daemon: bool) -> None:
    house.open_sandbox(fail=("400:2", "cut:1"))
    house.configure(api={"workers": 1})
    for number in range(3):
        house.drop(f"{number}.png", picture(number))
    come_to(house, "failed", "failed", "unknown", with_daemon=with_daemon)
    assert say(house, "retry", "--failed", with_daemon=with_daemon) == "2 back in the queue.\n"
    until(lambda: sorted(house.states()) == ["done", "done", "unknown"], "the failed ones are done")
    assert house.sandbox.charges().calls == 3


def test_retry_unknown_pays_again_and_keeps_the_first_in_doubt(house: House, *, with_daemon: bool) -> None:
    refuse(house, "cut", "a.png")
    come_to(house, "unknown", with_daemon=with_daemon)
    say(house, "retry", "--unknown", with_daemon=with_daemon)
    house.wait_for_all(1)
    assert (house.job("a.png")["cost"], house.status()["spent"]["in_doubt"]) == (0.04, 0.02)
    assert house.sandbox.charges().calls == 2


def test_retry_with_a_folder_means_the_jobs_of_that_folder_alone(house: House, *, with_daemon: bool) -> None:
    house.open_sandbox(fail=("400:2",))
    other = second_folder(house)
    house.drop("a.png", picture(1))
    house.drop("b.png", picture(2), other)
    come_to(house, "failed", "failed", with_daemon=with_daemon)
    say(house, "retry", "--failed", "--folder", "other", with_daemon=with_daemon)
    until(lambda: house.job("b.png")["state"] == "done", "the other folder's is done")
    assert house.job("a.png")["state"] == "failed"
    assert len(house.sandbox.calls()) == 3


def finish_two_and_raise_the_scale(house: House, *, with_daemon: bool = False) -> None:
    """Two files done at 2, and their folder at 4 from now on."""
    house.configure()
    house.drop("a.png", picture(1))
    house.drop("b.png", picture(2))
    come_to(house, "done", "done", with_daemon=with_daemon)
    house.configure({"profile": {"scale": 4}})
    if with_daemon:
        says(house, "reload")


def test_reprocess_of_a_path_buys_that_file_under_the_profile_as_it_is_now(house: House, *, with_daemon: bool) -> None:
    finish_two_and_raise_the_scale(house, with_daemon=with_daemon)
    told = say(house, "reprocess", "--yes", str(house.hot / "a.png"), with_daemon=with_daemon)
    assert "1 files would be sent and paid again: $0.08." in told
    house.wait_for_all(3)
    again = house.jobs()[-1]
    assert (again["path"], again["cost"], again["reused_from"]) == ("a.png", 0.08, None)
    assert size_of(Path(again["output"]).read_bytes()) == (1200, 1200)
    assert len(house.sandbox.calls()) == 3


def test_reprocess_of_a_folder_buys_each_of_its_finished_files_once_more(house: House, *, with_daemon: bool) -> None:
    finish_two_and_raise_the_scale(house, with_daemon=with_daemon)
    told = say(house, "reprocess", "--yes", "--folder", "hot", with_daemon=with_daemon)
    assert "$0.16" in told
    house.wait_for_all(4)
    assert [job["cost"] for job in house.jobs()] == [0.02, 0.02, 0.08, 0.08]


def test_reprocess_names_the_cost_and_asks_and_a_yes_on_a_terminal_does_it(house: House) -> None:
    finish_two_and_raise_the_scale(house)
    status, shown = typed(house, "reprocess", "--folder", "hot", answer="y", asked="Go on?")
    assert (status, "$0.16" in shown) == (0, True)
    assert house.states() == ["done", "done", "queued", "queued"]


def test_reprocess_answered_with_a_no_does_nothing(house: House) -> None:
    finish_two_and_raise_the_scale(house)
    status, _ = typed(house, "reprocess", "--folder", "hot", answer="n", asked="Go on?")
    assert status != 0
    assert house.states() == ["done", "done"]


def test_reprocess_without_a_terminal_and_without_yes_does_nothing(house: House) -> None:
    finish_two_and_raise_the_scale(house)
    process = subprocess.run(
        house.command("reprocess", "--folder", "hot"), env=house.environment, cwd=house.root, stdin=subprocess.DEVNULL,
        capture_output=True, timeout=30, check=False,
    )  # fmt: skip
    assert process.returncode != 0
    assert house.states() == ["done", "done"]


def test_approve_lets_a_held_backlog_go(house: House, *, with_daemon: bool) -> None:
    house.configure(approval={"files": 1})
    for number in range(3):
        house.drop(f"{number}.png", picture(number))
    come_to(house, *["queued"] * 3, with_daemon=with_daemon)
    assert house.status()["gate"]["reason"] == "approval"
    told = say(house, "approve", with_daemon=with_daemon)
    assert told.startswith("3 files are let go")
    house.wait_for_all(3)


def test_pause_holds_what_comes_and_resume_lets_it_go(house: House) -> None:
    house.configure()
    house.start()
    says(house, "pause")
    house.drop("a.png", picture(1))
    house.wait_for_states("queued")
    gate = house.status()["gate"]
    assert (gate["open"], gate["reason"], gate["retry_at"]) == (False, "paused", None)
    assert house.sandbox.calls() == ()
    says(house, "resume")
    house.wait_for_all(1)


def test_pause_lets_the_call_in_flight_end_well(house: House) -> None:
    house.open_sandbox(latency="1s")
    house.configure()
    house.start()
    house.drop("a.png", picture(1))
    assert house.sandbox.wait_for_charges(1)
    says(house, "pause")
    assert house.states() == ["sending"], "the call was over before the pause"
    house.wait_for_all(1)


def test_a_pause_said_while_nothing_runs_holds_the_next_run_until_resume(house: House) -> None:
    house.configure()
    house.drop("a.png", picture(1))
    says(house, "pause")
    assert "paused" in house.once(3).stderr
    assert house.sandbox.calls() == ()
    says(house, "resume")
    house.once(0)


def test_dismiss_closes_an_unknown_job_as_failed_and_its_money_stays_in_doubt(
    house: House, *, with_daemon: bool
) -> None:
    refuse(house, "cut", "a.png")
    come_to(house, "unknown", with_daemon=with_daemon)
    say(house, "dismiss", "1", with_daemon=with_daemon)
    job = house.job("a.png")
    assert (job["state"], job["cost"]) == ("failed", 0.02)
    assert "dismissed" in job["error"]
    assert house.status()["spent"]["in_doubt"] == 0.02
    assert len(house.sandbox.calls()) == 1


def drop_a_twin_behind_an_unknown(house: House, *, with_daemon: bool) -> None:
    """A job in doubt and, waiting behind it, another of the same bytes."""
    refuse(house, "cut", "a.png")
    come_to(house, "unknown", with_daemon=with_daemon)
    house.drop("twin.png", picture(0))
    come_to(house, "unknown", "queued", with_daemon=with_daemon)


def test_a_twin_behind_an_unknown_job_fails_with_it_after_dismiss(house: House, *, with_daemon: bool) -> None:
    drop_a_twin_behind_an_unknown(house, with_daemon=with_daemon)
    say(house, "dismiss", "1", with_daemon=with_daemon)
    house.wait_for_all(2, "failed")
    assert "job 1" in house.job("twin.png")["error"]
    assert len(house.sandbox.calls()) == 1


def test_a_twin_behind_an_unknown_job_is_served_after_retry_unknown(house: House, *, with_daemon: bool) -> None:
    drop_a_twin_behind_an_unknown(house, with_daemon=with_daemon)
    say(house, "retry", "--unknown", with_daemon=with_daemon)
    house.wait_for_all(2)
    assert (house.job("twin.png")["cost"], house.job("twin.png")["reused_from"]) == (0, 1)
    assert len(house.sandbox.calls()) == 2


def test_a_reload_takes_over_a_profile_for_what_comes(house: House) -> None:
    house.configure()
    house.start()
    house.configure({"profile": {"scale": 4}})
    says(house, "reload")
    house.drop("a.png", picture(1))
    house.wait_for_all(1)
    assert house.job("a.png")["cost"] == 0.08


WRONG: tuple[tuple[tuple[str, ...], str], ...] = (
    (("retry", "1"), "1 is done"),
    (("retry", "77"), "no job 77"),
    (("dismiss", "1"), "1 is done"),
    (("dismiss", "77"), "no job 77"),
)
"""What only the ledger's owner can tell, and the word that says what is wrong."""
WRONG_ANYWHERE: tuple[tuple[tuple[str, ...], str], ...] = (
    (("retry",), "ID"),
    (("retry", "1", "--failed"), "either"),
    (("retry", "one"), "'one'"),
    (("retry", "1", "--folder", "hot"), "--folder"),
    (("reprocess",), "PATH"),
    (("reprocess", "hot/a.png", "--folder", "hot"), "either"),
    (("reprocess", "--folder", "hut"), "'hut'"),
    (("reprocess", "elsewhere/a.png"), "none of the configured folders"),
    (("reprocess", "hot/never.png"), "not finished"),
    (("dismiss",), "ID"),
    (("pause", "now"), "now"),
)


def test_wrong_use_ends_with_2_and_words_and_changes_nothing(house: House, *, with_daemon: bool) -> None:
    house.configure()
    house.drop("a.png", picture(1))
    house.once(0)
    if with_daemon:
        house.start()
    for arguments, word in WRONG if with_daemon else WRONG + WRONG_ANYWHERE:
        ended = house.watchd(*arguments)
        assert (ended.returncode, ended.stdout, word in ended.stderr) == (2, "", True), (arguments, ended)
    assert house.states() == ["done"]
    assert house.status()["gate"]["open"]


def test_retry_for_a_folder_that_is_not_there_ends_with_2_and_its_name(house: House) -> None:
    house.configure()
    house.once(0)
    ended = house.watchd("retry", "--failed", "--folder", "hut")
    assert (ended.returncode, "'hut'" in ended.stderr) == (2, True)


def test_reprocess_of_a_folder_gives_each_of_two_twins_its_new_output(house: House) -> None:
    house.configure()
    house.drop("a.png", picture(1))
    house.drop("twin.png", picture(1))
    house.once(0)
    house.configure({"profile": {"scale": 4}})
    says(house, "reprocess", "--yes", "--folder", "hot")
    house.once(0)
    assert {job["path"] for job in house.jobs()[2:]} == {"a.png", "twin.png"}
