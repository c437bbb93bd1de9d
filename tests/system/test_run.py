"""`watchd run` as a process: what is dropped comes out, signals end and reload it, in order."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from typing import TYPE_CHECKING

from tests.system.house import until
from tests.system.pictures import picture, size_of

if TYPE_CHECKING:
    from tests.system.house import House


def outputs(house: House) -> dict[str, tuple[int, int]]:
    """Every file in the output folder with its size in pixels."""
    found = (path for path in house.out.rglob("*") if path.is_file())
    return {str(path.relative_to(house.out)): size_of(path.read_bytes()) for path in found}


def test_files_come_out_complete_in_mirrored_sub_folders_however_they_came_in(house: House) -> None:
    house.configure({"rescan_every": "5m"})  # events must do
    aside = house.root / "aside"
    house.drop("moved.jpg", picture(2, "JPEG"), aside)
    house.drop("tree/deep/down.webp", picture(3, "WEBP"), aside)
    house.drop("tree/top.png", picture(4), aside)
    old = house.drop("old.png", picture(5), aside)
    os.utime(old, (1_000_000_000, 1_000_000_000))
    daemon = house.start()

    house.drop("written.png", picture(1))
    (aside / "moved.jpg").rename(house.hot / "moved.jpg")
    (aside / "tree").rename(house.hot / "tree")
    shutil.copy2(old, house.hot / "old.png")
    for number in range(3):
        house.drop(f"made/a/b{number}/leaf.png", picture(10 + number))

    house.wait_for_all(8)
    expected = ["written", "moved", "old", "tree/top", "tree/deep/down", *(f"made/a/b{n}/leaf" for n in range(3))]
    assert outputs(house) == {f"{name}.png": (600, 600) for name in expected}
    assert (house.out / "old.png").stat().st_mtime == 1_000_000_000
    assert len(house.sent()) == 8
    assert daemon.stop() == 0


def test_a_writer_that_pauses_for_longer_than_settle_makes_one_call_with_the_final_bytes(house: House) -> None:
    house.configure()
    whole = picture(1)
    half = len(whole) // 2
    house.start()

    def waits_because(reason: str) -> bool:
        return bool(house.read("SELECT reason FROM sighting WHERE reason LIKE ?", f"%{reason}%"))

    with (house.hot / "slow.png").open("wb") as file:
        file.write(whole[:half])
        file.flush()
        until(lambda: house.status()["counts"]["waiting"] == 1, "the half is seen")
        until(lambda: waits_because("open for writing"), "the half was quiet for `settle`, and its writer is at work")
    until(lambda: waits_because("not complete"), "its writer has gone, and the half was read and found incomplete")
    with (house.hot / "slow.png").open("ab") as file:
        file.write(whole[half:])
    house.wait_for_all(1)
    (call,) = house.sandbox.calls()
    assert call.sent_bytes == len(whole)
    assert size_of((house.out / "slow.png").read_bytes()) == (600, 600)


def test_sigterm_lets_the_call_in_flight_end_and_stops_in_order(house: House) -> None:
    house.open_sandbox(latency="1s")
    house.configure()
    daemon = house.start()
    house.drop("a.png", picture(1))
    assert house.sandbox.wait_for_charges(1)
    assert daemon.stop() == 0
    assert daemon.actions()[-3:] == ["stopping", "published", "stopped"]
    left = {path.name for path in house.state.iterdir()}
    assert left == {
        "ballast",
        "folders.json",
        "ledger.db",
        "lock",
        "spool",
    }  # the socket is gone, the ledger is closed and whole by itself
    assert house.states() == ["done"]


def test_sigint_ends_it_with_0_too(house: House) -> None:
    house.configure()
    daemon = house.start()
    daemon.signal(signal.SIGINT)
    assert daemon.wait() == 0


def test_a_second_signal_cuts_a_stalled_call_which_is_unknown_then_and_never_sent_again(house: House) -> None:
    house.open_sandbox(fail=("stall:1",))
    house.configure(api={"timeout": "5m"})
    daemon = house.start()
    house.drop("a.png", picture(1))
    assert house.sandbox.wait_for_charges(1)
    daemon.signal(signal.SIGTERM)
    daemon.wait_for("stopping")
    daemon.signal(signal.SIGTERM)
    assert daemon.wait(5.0) == 0

    again = house.start()
    house.drop("b.png", picture(2))
    house.wait_for_states("unknown", "done")
    assert again.stop() == 0
    assert house.sandbox.charges().calls == 2
    assert house.job("a.png")["cost"] == 0.02
    assert house.status()["spent"]["in_doubt"] == 0.02


def test_a_signal_that_the_kernel_gives_to_another_thread_is_heard_at_once(house: House) -> None:
    house.open_sandbox(fail=("stall:1",))
    house.configure(api={"timeout": "5m"})
    daemon = house.start()
    daemon.signal_thread(signal.SIGHUP)
    daemon.wait_for("reloaded", timeout=4.0)
    house.drop("a.png", picture(1))
    assert house.sandbox.wait_for_charges(1)
    daemon.signal_thread(signal.SIGTERM)
    daemon.wait_for("stopping", timeout=4.0)
    daemon.signal_thread(signal.SIGTERM)
    assert daemon.wait(4.0) == 0


def test_sighup_takes_over_a_good_file_and_keeps_the_old_one_where_the_new_is_bad(house: House) -> None:
    house.configure()
    daemon = house.start()
    other = house.root / "other"
    other.mkdir()
    house.configure({}, {"path": str(other), "profile": {"scale": 3}})
    daemon.signal(signal.SIGHUP)
    daemon.wait_for("reloaded")
    house.drop("a.png", picture(1), other)
    house.wait_for_all(1)
    assert size_of((house.root / "other-out" / "a.png").read_bytes()) == (900, 900)

    good = house.config.read_text()
    house.config.write_text(good.replace('"scale": 3', '"scale": 9'))
    daemon.signal(signal.SIGHUP)
    (refused,) = daemon.wait_for("reload_refused")
    assert "scale" in refused["message"]
    house.drop("b.png", picture(2), other)
    house.wait_for_all(2)
    assert size_of((house.root / "other-out" / "b.png").read_bytes()) == (900, 900)


def test_reload_answers_whether_the_file_was_taken_over(house: House) -> None:
    house.configure()
    nobody = house.watchd("reload")
    assert (nobody.returncode, "no daemon" in nobody.stderr) == (2, True)
    house.start()
    taken = house.watchd("reload")
    assert (taken.returncode, str(house.config) in taken.stdout) == (0, True)
    house.config.write_text(house.config.read_text().replace("profile", "profil"))
    refused = house.watchd("reload")
    assert refused.returncode == 2
    assert f"{house.config}:" in refused.stderr
    assert "did you mean" in refused.stderr
    assert house.status()["daemon"]["running"]


def test_a_reload_in_the_midst_of_calls_loses_and_repeats_none(house: House) -> None:
    house.open_sandbox(latency="300ms")
    house.configure(api={"workers": 2})
    house.start()
    for number in range(6):
        house.drop(f"{number}.png", picture(number))
    assert house.sandbox.wait_for_charges(1)
    assert house.watchd("reload").returncode == 0
    house.wait_for_all(6)
    assert len(house.sent()) == len(set(house.sent())) == 6


def test_what_is_queued_goes_on_after_a_restart_without_a_new_file_to_wake_it(house: House) -> None:
    house.open_sandbox(latency="300ms")
    house.configure(api={"workers": 1})
    daemon = house.start()
    for number in range(4):
        house.drop(f"{number}.png", picture(number))
    until(lambda: len(house.jobs()) == 4, "all are admitted")
    assert daemon.stop() == 0
    assert "queued" in house.states()

    house.start()
    house.wait_for_all(4)
    assert len(house.sent()) == len(set(house.sent())) == 4


def test_what_a_daemon_left_queued_is_finished_by_once(house: House) -> None:
    house.open_sandbox(latency="300ms")
    house.configure(api={"workers": 1})
    daemon = house.start()
    for number in range(4):
        house.drop(f"{number}.png", picture(number))
    until(lambda: len(house.jobs()) == 4, "all are admitted")
    assert daemon.stop() == 0
    assert "queued" in house.states()

    house.once()
    assert house.states() == ["done"] * 4
    assert len(house.sent()) == 4


def test_what_is_queued_goes_on_when_its_folder_comes_back(house: House) -> None:
    house.open_sandbox(latency="200ms")
    house.configure({"mount_marker": "here", "poll_every": "1s"}, api={"workers": 1})
    marker = house.drop("here", b"")
    daemon = house.start()
    for number in range(16):
        house.drop(f"{number}.png", picture(number))
    until(lambda: len(house.jobs()) == 16, "all are admitted")
    marker.unlink()
    daemon.wait_for("offline")
    until(lambda: not house.read("SELECT 1 FROM job WHERE owner IS NOT NULL"), "what was under way has ended")
    assert "queued" in house.states()
    marker.touch()
    house.wait_for_all(16)
    assert len(house.sent()) == len(set(house.sent())) == 16


def test_a_closed_log_does_not_end_the_work(house: House) -> None:
    house.configure()
    reader, writer = os.pipe()
    process = subprocess.Popen(house.command("run"), env=house.environment, stderr=writer, stdout=subprocess.DEVNULL)
    os.close(writer)
    try:
        until((house.state / "control.sock").exists, "it is ready")
        os.close(reader)
        house.drop("a.png", picture(1))
        house.wait_for_all(1)
    finally:
        process.kill()
        process.wait()


def test_two_folders_of_one_run_keep_their_outputs_apart(house: House) -> None:
    other = house.root / "other"
    other.mkdir()
    house.configure({}, {"path": str(other), "profile": {"scale": 1, "enhance": True}})
    house.drop("a.png", picture(1))
    house.drop("a.png", picture(1), other)
    house.once()
    assert size_of((house.out / "a.png").read_bytes()) == (600, 600)
    assert size_of((house.root / "other-out" / "a.png").read_bytes()) == (300, 300)
