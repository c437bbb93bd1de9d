"""What nobody should drop into a hot folder: it is never sent, stops nobody, and no name is too odd to be carried."""

from __future__ import annotations

import hashlib
import io
import os
from pathlib import Path
from typing import TYPE_CHECKING

from PIL import Image

from tests.system.house import until
from tests.system.pictures import huge_header, picture, size_of

if TYPE_CHECKING:
    from tests.system.house import House

QUICK = {"settle": "50ms"}
ORIENTATION, GPS = 0x0112, 0x8825


def peak_memory(pid: int) -> int:
    """Bytes that a process had in memory at most so far."""
    status = Path(f"/proc/{pid}/status").read_text()
    (line,) = (line for line in status.splitlines() if line.startswith("VmHWM:"))
    return int(line.split()[1]) * 1024


# What is no file of the owner's


def test_what_a_link_leads_to_is_never_sent(house: House) -> None:
    house.configure(QUICK)
    elsewhere = house.root / "elsewhere"
    secret = house.drop("secret.png", picture(1), elsewhere)
    (house.hot / "passwd.jpg").symlink_to("/etc/passwd")
    (house.hot / "before.png").symlink_to(secret)
    (house.hot / "folder").symlink_to(elsewhere)
    daemon = house.start()
    (house.hot / "after.png").symlink_to(secret)
    (house.hot / "later").symlink_to(elsewhere)
    house.drop("own.png", picture(2))
    house.wait_for_all(1)
    house.drop("sub/own.png", picture(3))
    house.wait_for_all(2)
    assert daemon.stop() == 0
    assert [job["path"] for job in house.jobs()] == ["own.png", "sub/own.png"]
    assert sorted(map(str, house.sent())) == sorted(hashlib.sha256(picture(seed)).hexdigest() for seed in (2, 3))


def test_a_file_that_became_a_link_to_the_same_bytes_while_it_waited_is_not_sent(house: House) -> None:
    house.open_sandbox(latency="400ms")
    house.configure(QUICK, api={"workers": 1})
    aside = house.drop("b.png", picture(2), house.root / "aside")
    house.start()
    house.drop("a.png", picture(1))
    assert house.sandbox.wait_for_charges(1)
    # Two more are prepared ahead: the fourth is certain to be only admitted.
    for number in (3, 4):
        house.drop(f"{number}.png", picture(number))
    until(lambda: len(house.jobs()) == 3, "the others are admitted")
    house.drop("b.png", picture(2))
    until(lambda: len(house.jobs()) == 4, "the victim is admitted")
    (house.root / "link").symlink_to(aside)
    (house.root / "link").rename(house.hot / "b.png")
    house.wait_for_states("done", "done", "done", "failed")
    assert house.job("b.png")["error"].startswith("gone")
    assert hashlib.sha256(picture(2)).hexdigest() not in house.sent()


def test_a_pipe_and_a_folder_named_as_pictures_hold_nobody_up(house: House) -> None:
    house.configure(QUICK)
    os.mkfifo(house.hot / "before.png")
    (house.hot / "folder.png").mkdir()
    daemon = house.start()
    os.mkfifo(house.hot / "after.png")
    house.drop("own.png", picture(1))
    house.wait_for_all(1)
    house.drop("folder.png/own.png", picture(2))
    house.wait_for_all(2)
    assert daemon.stop() == 0
    assert [job["path"] for job in house.jobs()] == ["own.png", "folder.png/own.png"]


# What is no picture, or far too much of one


def test_a_header_that_promises_gigabytes_is_refused_and_takes_no_memory(house: House) -> None:
    house.configure(QUICK)
    daemon = house.start()
    house.drop("own.png", picture(1))
    house.wait_for_all(1)
    before = peak_memory(daemon.pid)
    for side in (60_000, 12_000):
        house.drop(f"{side}.png", huge_header(side))
    house.wait_for_states("done", "failed", "failed")
    assert peak_memory(daemon.pid) - before < 16_000_000
    assert len(house.sandbox.calls()) == 1


def test_files_that_are_no_pictures_end_failed_with_their_reason_and_stop_nobody(house: House) -> None:
    bad = {
        "cut.png": (picture(1)[:-100], "truncated"),
        "cut.jpg": (picture(2, "JPEG")[:-100], "truncated"),
        "cut.webp": (picture(3, "WEBP")[:-100], "truncated"),
        "no-end.png": (picture(4)[:-40], "truncated"),
        "page.jpg": (b"<!DOCTYPE html><title>Sign in</title>", "not a picture"),
        "sound.png": (b"RIFF\x24\0\0\0WAVEfmt " + bytes(100), "WAV"),
        "raw.tif": (b"II*\0\x10\0\0\0CR\x02\0" + bytes(100), "raw"),
        "tiny.png": (picture(6, side=64), "pixel"),
    }
    house.configure(QUICK)
    for name, (data, _) in bad.items():
        house.drop(name, data)
    house.drop("empty.png", b"")
    house.drop("own.png", picture(7))

    house.once(1)
    jobs = {job["path"]: job for job in house.jobs()}
    assert jobs.keys() == {*bad, "own.png"}
    for name, (data, reason) in bad.items():
        assert (jobs[name]["state"], reason in jobs[name]["error"]) == ("failed", True), jobs[name]
        assert (house.hot / name).read_bytes() == data
        assert (house.state / "failed" / "hot" / f"{name}.error.json").exists()
    assert jobs["own.png"]["state"] == "done"
    assert house.status()["counts"]["waiting"] == 1, "the empty one may yet become a picture"
    assert len(house.sandbox.calls()) == 1


# Names

NAMES = [
    b"new\nline\r.png",
    b"1970-01-01 00:00:00 ERROR\nAll is lost\x1b[31m.png",
    b"invalid \xff\xfe utf-8.png",
    b"l" * 246 + b".png",
    b"m" * 251 + b".png",
    "\N{LATIN SMALL LETTER A WITH DIAERESIS}".encode() * 123 + b"z.png",
    b"-rf.png",
    b"--config=x.png",
    b"quote ' double \" back\\slash `tick` $(id) %s {stem} %00.png",
    "f\N{LATIN SMALL LETTER U WITH DIAERESIS}r.png".encode(),
    "fu\N{COMBINING DIAERESIS}r.png".encode(),
    b" .png",
    b"sub \xff\n/inner.png",
]


def test_odd_names_are_carried_through_ledger_call_and_output(house: House) -> None:
    house.configure(QUICK)
    for seed, name in enumerate(NAMES):
        house.drop(os.fsdecode(name), picture(seed))
    told = house.once()
    assert house.states() == ["done"] * len(NAMES)
    lines = (told.stdout + told.stderr).splitlines()
    assert not any(line.startswith("All is lost") for line in lines), "a name wrote a line of its own"
    assert "\x1b" not in told.stdout + told.stderr

    by_path = {job["path"]: job for job in house.json("jobs", "--json")}
    outputs = []
    for seed, name in enumerate(NAMES):
        job = by_path[name.decode("utf-8", "backslashreplace")]
        assert job["sha256"] == hashlib.sha256(picture(seed)).hexdigest()
        (row,) = house.read("SELECT output FROM job WHERE id = ?", job["id"])
        outputs.append(row["output"])
        assert job["output"] == row["output"].decode("utf-8", "backslashreplace")
        assert size_of(Path(os.fsdecode(row["output"])).read_bytes()) == (600, 600)
    prefix = os.fsencode(house.out) + b"/"
    exact = {prefix + name for name in NAMES}
    twins = {output for output in outputs if output not in exact}
    assert len(set(outputs)) == len(NAMES)
    assert [twin[-6:] for twin in twins] == [b"-1.png"], "of the NFC and NFD twins one steps aside"
    asked = house.watchd("explain", "--json", "--", os.fsencode(house.hot) + b"/" + NAMES[2])
    assert (asked.returncode, "done" in asked.stdout) == (0, True), asked.stderr
    assert {call.filename for call in house.sandbox.calls()} == {"image.png"}


# What a picture tells of its owner


def photograph(orientation: int) -> tuple[bytes, bytes]:
    """A photo taken in some garden, and the same without a word about it; its stored left half is red."""
    image = Image.new("RGB", (400, 300), "blue")
    image.paste("red", (0, 0, 200, 300))
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    exif[0x010F] = "Some Maker"
    exif.get_ifd(GPS).update({1: "N", 2: (52.0, 31.0, 12.0), 3: "E", 4: (13.0, 24.0, 18.0)})
    told, silent = io.BytesIO(), io.BytesIO()
    image.save(told, "JPEG", quality=95, exif=exif)
    image.save(silent, "JPEG", quality=95)
    return told.getvalue(), silent.getvalue()


def test_where_a_photo_was_taken_is_not_sent_and_stands_in_the_output_again(house: House) -> None:
    house.configure(QUICK)
    told, silent = photograph(1)
    house.drop("garden.jpg", told)
    house.once()
    (call,) = house.sandbox.calls()
    assert call.sha256 == hashlib.sha256(silent).hexdigest() != hashlib.sha256(told).hexdigest()
    assert call.filename == "image.jpg"
    with Image.open(house.out / "garden.png") as output:
        assert output.getexif().get_ifd(GPS)[2] == (52.0, 31.0, 12.0)
        assert output.size == (800, 600)


def test_a_photo_taken_upright_is_sent_upright_and_comes_out_upright_turned_once(house: House) -> None:
    house.configure(QUICK)
    told, _ = photograph(6)
    house.drop("garden.jpg", told)
    house.once()
    (call,) = house.sandbox.calls()
    assert call.filename == "image.png"
    with Image.open(house.out / "garden.png") as output:
        exif = output.getexif()
        assert exif[ORIENTATION] == 1
        assert exif.get_ifd(GPS)[2] == (52.0, 31.0, 12.0)
        assert output.size == (600, 800)
        top, bottom = output.convert("RGB").getpixel((300, 100)), output.convert("RGB").getpixel((300, 700))
        assert (top, bottom) == ((254, 0, 0), (0, 0, 254))


def test_a_flood_of_broken_files_is_summed_up_in_the_log_and_whole_in_the_ledger(house: House) -> None:
    house.configure()
    for number in range(60):
        house.drop(f"{number}.png", f"no picture {number}".encode())
    daemon = house.start()
    house.wait_for_all(60, "failed")
    assert daemon.stop() == 0
    lines = [line for line in daemon.log() if line.get("action") == "failed"]
    assert [line.get("left_out") for line in lines] == [None] * 20 + [40]
    assert len(list((house.state / "failed" / "hot").iterdir())) == 60
