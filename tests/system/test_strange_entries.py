"""What is no file and bears a picture's name, what may not be read, and names of any bytes: beside good pictures.

None of it holds the good ones up, for each a person can learn why it was left alone, and no name comes out other than
it went in.
"""

from __future__ import annotations

import hashlib
import json
import os
import random
import shutil
import socket
import stat
import subprocess
import sys
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.system.house import until
from tests.system.pictures import picture, size_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.system.house import House

SEED = int(os.environ.get("WATCHD_SEED", "0")) or random.SystemRandom().randrange(1, 1_000_000)
NO_FILE, A_LINK = "no regular file", "a link"
WAITS_FOR_A_READER = b"whoever reads this took a pipe for a picture"


def explain(house: House, path: str | bytes, *, by: tuple[str, ...] = ()) -> str:
    """The verdict of `watchd explain`, or its complaint where it has none."""
    command = [*by, *house.command("explain", "--json", "--", path)]
    ended = subprocess.run(
        command, env=house.environment, cwd=house.hot, capture_output=True, text=True, timeout=20, check=False
    )
    if ended.returncode != 0:
        return f"exit status {ended.returncode}: {ended.stderr.splitlines()[-1]}"
    return str(json.loads(ended.stdout)["verdict"])


# What is no file


class Strange:
    """Entries that are no pictures, in a folder of the hot folder, with the word that each reason must hold."""

    def __init__(self, stack: ExitStack, folder: Path, elsewhere: Path) -> None:
        folder.mkdir()
        self.folder = folder
        self.why = {
            "fifo.png": NO_FILE, "fed.png": NO_FILE, "socket.png": NO_FILE, "folder.png": NO_FILE,
            "dangling.png": A_LINK, "to-file.png": A_LINK, "to-folder.png": A_LINK, "one.png": A_LINK,
            "other.png": A_LINK, "itself.png": A_LINK, "to-device.png": A_LINK, "linked/inner.png": A_LINK,
            "round/good.png": A_LINK, "loop/inner.png": A_LINK,
        }  # fmt: skip
        os.mkfifo(folder / "fifo.png")
        self._fed = self._feed(stack, folder / "fed.png")
        self._listening = self._listen(stack, folder, "socket.png")
        (folder / "folder.png").mkdir()
        (folder / "dangling.png").symlink_to("nothing.png")
        (folder / "to-file.png").symlink_to("good.png")
        (folder / "to-folder.png").symlink_to(elsewhere)
        (folder / "one.png").symlink_to("other.png")
        (folder / "other.png").symlink_to("one.png")
        (folder / "itself.png").symlink_to("itself.png")
        (folder / "to-device.png").symlink_to("/dev/zero")
        (folder / "linked").symlink_to(elsewhere)
        (folder / "round").symlink_to(".")
        (folder / "loop").symlink_to("loop")
        for name, minor in (("null.png", 3), ("zero.png", 5)):
            self._make_device(folder / name, minor)

    @staticmethod
    def _feed(stack: ExitStack, path: Path) -> int:
        """A pipe that holds something to read."""
        os.mkfifo(path)
        descriptor = os.open(path, os.O_RDWR | os.O_NONBLOCK)
        stack.callback(os.close, descriptor)
        os.write(descriptor, WAITS_FOR_A_READER)
        return descriptor

    @staticmethod
    def _listen(stack: ExitStack, folder: Path, name: str) -> socket.socket:
        listener = stack.enter_context(socket.socket(socket.AF_UNIX))
        descriptor = os.open(folder, os.O_PATH)
        try:
            listener.bind(f"/proc/self/fd/{descriptor}/{name}")  # a socket's path may hold 107 bytes at most
        finally:
            os.close(descriptor)
        listener.listen()
        listener.setblocking(False)
        return listener

    def _make_device(self, path: Path, minor: int) -> None:
        try:
            os.mknod(path, stat.S_IFCHR | 0o666, os.makedev(1, minor))
        except PermissionError:
            return  # root alone may; the other entries are tried all the same
        self.why[path.name] = NO_FILE

    def assert_untouched(self) -> None:
        """Nobody has read the pipe, waits at the other one, or has called the socket."""
        assert os.read(self._fed, 1000) == WAITS_FOR_A_READER
        with pytest.raises(OSError, match="No such device"):  # what a pipe says that nobody has open for reading
            os.open(self.folder / "fifo.png", os.O_WRONLY | os.O_NONBLOCK)
        with pytest.raises(BlockingIOError):
            self._listening.accept()


@pytest.mark.parametrize("watch", ["events", "poll"])
def test_what_is_no_file_is_left_alone_and_holds_no_picture_up(house: House, watch: str) -> None:
    elsewhere = house.root / "elsewhere"
    house.drop("inner.png", picture(1), elsewhere)
    house.configure({"watch": watch, "settle": "50ms", "poll_every": "200ms"})
    with ExitStack() as stack:
        before = Strange(stack, house.hot / "before", elsewhere)
        house.drop("before/good.png", picture(2))
        daemon = house.start()
        after = Strange(stack, house.hot / "after", elsewhere)
        house.drop("after/good.png", picture(3))
        house.wait_for_all(2)
        house.drop("before/folder.png/good.png", picture(4))
        house.drop("after/folder.png/good.png", picture(5))
        house.wait_for_all(4)
        assert house.status()["counts"]["waiting"] == 0
        assert daemon.stop() == 0
        house.once()
        before.assert_untouched()
        after.assert_untouched()
    expected = {f"{name}/{rest}" for name in ("before", "after") for rest in ("good.png", "folder.png/good.png")}
    assert {job["path"] for job in house.jobs()} == expected
    assert set(house.sent()) == {hashlib.sha256(picture(seed)).hexdigest() for seed in (2, 3, 4, 5)}


def test_explain_names_what_each_entry_is_that_is_no_file(house: House) -> None:
    elsewhere = house.root / "elsewhere"
    house.drop("inner.png", picture(1), elsewhere)
    house.configure({"settle": "50ms"})
    with ExitStack() as stack:
        strange = Strange(stack, house.hot / "strange", elsewhere)
        house.drop("strange/good.png", picture(2))
        house.once()
        told = {name: explain(house, str(strange.folder / name)) for name in strange.why}
        strange.assert_untouched()
    wrong = {
        name: verdict
        for name, verdict in told.items()
        if not (verdict.startswith("left alone: ") and strange.why[name] in verdict)
    }
    assert wrong == {}


@pytest.mark.parametrize("make", [os.mkfifo, Path.mkdir, lambda path: path.symlink_to("good.png")])
def test_a_picture_in_the_making_that_becomes_something_else_is_waited_for_no_longer(
    house: House, make: Callable[[Path], None]
) -> None:
    house.configure({"settle": "50ms"})
    daemon = house.start()
    half = house.drop("half.png", picture(1)[:-100])
    until(lambda: house.read("SELECT 1 FROM sighting WHERE reason LIKE '%not complete%'"), "the half is seen")
    half.unlink()
    make(half)
    until(lambda: house.status()["counts"]["waiting"] == 0, "it is waited for no longer")
    assert explain(house, "half.png").startswith("left alone: it is ")
    house.drop("good.png", picture(2))
    house.wait_for_all(1)
    assert daemon.stop() == 0


# What may not be read


def bound_by_modes() -> tuple[str, ...]:
    """A prefix for a command that lets even root be bound by the mode of a file or folder."""
    if os.geteuid() != 0:
        return ()
    program = shutil.which("setpriv")
    if program is None:
        pytest.skip("root reads whatever its mode says, and there is no setpriv to take that from it")
    prefix = (program, "--inh-caps=-all", "--bounding-set=-dac_override,-dac_read_search")
    tried = subprocess.run([*prefix, "true"], capture_output=True, text=True, timeout=10, check=False)
    if tried.returncode != 0:
        pytest.skip(f"root reads whatever its mode says, and setpriv cannot take that from it: {tried.stderr.strip()}")
    return prefix


SHUT = {"shut": 0o000, "no-entry": 0o444, "no-list": 0o333}
"""Folders by their modes: none of them shows a scan what lies in it."""


@contextmanager
def much_is_shut(house: House) -> Iterator[None]:
    """A good picture, one of mode 000, and one in each of the folders that are shut; at the end all may be read."""
    house.drop("good.png", picture(1))
    for number, (name, mode) in enumerate(SHUT.items()):
        house.drop(f"{name}/inner.png", picture(10 + number))
        (house.hot / name).chmod(mode)
    house.drop("shut.png", picture(2)).chmod(0o000)
    try:
        yield
    finally:
        for name in (*SHUT, "shut.png"):
            (house.hot / name).chmod(0o755)


@pytest.mark.parametrize("watch", ["events", "poll"])
def test_what_may_not_be_read_holds_nothing_up_and_is_done_when_it_may(house: House, watch: str) -> None:
    house.configure({"watch": watch, "settle": "50ms", "poll_every": "200ms"})
    with much_is_shut(house):
        daemon = house.launch_as(*bound_by_modes(), sys.executable, "-m", "watchd")
        daemon.wait_for("started")
        house.drop("later.png", picture(3))
        house.wait_for_all(2)
        assert {job["path"] for job in house.jobs()} == {"good.png", "later.png"}
        reason = "SELECT 1 FROM sighting WHERE path = ? AND reason LIKE '%Permission denied%'"
        until(lambda: house.read(reason, b"shut.png"), "the picture of mode 000 waits, with its reason")
    house.wait_for_all(6)
    assert daemon.stop() == 0


def test_explain_names_what_may_not_be_read(house: House) -> None:
    by = bound_by_modes()
    house.configure({"settle": "50ms"})
    with much_is_shut(house):
        daemon = house.launch_as(*by, sys.executable, "-m", "watchd")
        daemon.wait_for("started")
        house.wait_for_all(1)
        until(lambda: house.status()["counts"]["waiting"] == 1, "the picture of mode 000 waits")
        told = {name: explain(house, name, by=by) for name in ("shut.png", *(f"{name}/inner.png" for name in SHUT))}
        assert daemon.stop() == 0
    wrong = {name: verdict for name, verdict in told.items() if not verdict.startswith(("left alone: ", "waiting: "))}
    assert wrong == {}
    assert "Permission denied" in told["shut.png"]


# Names


def any_bytes(rng: random.Random) -> list[bytes]:
    """Names of pictures in which every byte occurs that a name may hold."""
    all_bytes = [number for number in range(1, 256) if number != ord("/")]
    rng.shuffle(all_bytes)
    names = [bytes(all_bytes[start : start + 16]) for start in range(0, len(all_bytes), 16)]
    names += [bytes(rng.choices(all_bytes, k=251)) for _ in range(4)]
    return [(b"n" + name[1:] if name.startswith((b".", b"~$")) else name) + b".png" for name in names]


CHOSEN = [
    b"new\nline.png",
    b"\xff\xfe.png",
    b"\xed\xa0\x80 half a pair.png",
    b"x" * 251 + b".png",
    "\N{GREEK SMALL LETTER ALPHA}".encode() * 125 + b"y.png",
    b"-n.png",
    b"--json.png",
    b"'single' \"double\" \\.png",
    b"%s %(name)s %d %%.png",
    b"{stem} {0} {__class__}.png",
    b"[a-z] * ? ! {a,b} @(x).png",
    "\N{FAMILY} \N{THUMBS UP SIGN}\N{EMOJI MODIFIER FITZPATRICK TYPE-4}.png".encode(),
    "\N{RIGHT-TO-LEFT OVERRIDE}gnp.exe \N{LINE SEPARATOR} \N{ZERO WIDTH NO-BREAK SPACE}.png".encode(),
    b"\t\x0b\x0c\x7f\x9b.png",
    "caf\N{LATIN SMALL LETTER E WITH ACUTE}.png".encode(),
    "cafe\N{COMBINING ACUTE ACCENT}.png".encode(),
    b"TWIN.PNG",
    b"twin.png",
    b"a\xff/b\n/c %s/-.png",
]
TWINS = 2
"""Of the chosen names so many are the same as another to a client that knows no case, or composes its letters."""


def shown(name: bytes) -> str:
    """As JSON is promised to have it."""
    return name.decode("utf-8", "backslashreplace")


@pytest.mark.parametrize("watch", ["events", "poll"])
def test_a_name_of_any_bytes_comes_through_a_daemon_unharmed(house: House, watch: str) -> None:
    print(f"WATCHD_SEED={SEED}")  # noqa: T201 -- shown with a failure, to repeat it
    names = [*CHOSEN, *any_bytes(random.Random(SEED))]
    assert set(b"".join(names)) == set(range(1, 256)), "a byte was left out"
    house.configure({"watch": watch, "settle": "50ms", "poll_every": "200ms", "rescan_every": "1h"})
    daemon = house.start()
    aside = house.root / "aside"
    for seed, name in enumerate(names):
        path = os.fsdecode(name)
        if seed % 2:
            house.drop(path, picture(seed))
        else:
            ready = house.drop(path, picture(seed), aside)
            (house.hot / path).parent.mkdir(parents=True, exist_ok=True)
            ready.rename(house.hot / path)
    house.wait_for_all(len(names))

    told = {job["path"]: job for job in house.json("jobs", "--json")}
    prefix = os.fsencode(house.out) + b"/"
    lying = {
        os.fsencode(path).removeprefix(prefix): size_of(path.read_bytes())
        for path in house.out.rglob("*")
        if path.is_file()
    }
    assert set(lying.values()) == {(600, 600)}
    assert len(lying) == len(names) == len(told)
    as_they_were = {name for name in names if name.replace(b".PNG", b".png") in lying}
    assert len(names) - len(as_they_were) <= TWINS
    for seed, name in enumerate(names):
        job = told[shown(name)]
        assert job["sha256"] == hashlib.sha256(picture(seed)).hexdigest()
        (row,) = house.read("SELECT path, output FROM job WHERE id = ?", job["id"])
        assert row["path"] == name
        assert row["output"].removeprefix(prefix) in lying
        assert job["output"] == shown(row["output"])
    assert_logs_hold_one_line_each(daemon.text)
    assert daemon.stop() == 0


def assert_logs_hold_one_line_each(text: str) -> None:
    """Every line is an object of its own, and holds no control character."""
    for line in text.splitlines():
        entry = json.loads(line)
        assert entry["message"].isprintable() or "\n" in entry["message"], entry


def test_explain_finds_a_file_by_any_name_and_shows_it_on_one_line(house: House) -> None:
    house.configure({"settle": "50ms"})
    links = [b"link to " + name[:240] + b".png" for name in CHOSEN[:4]]
    for seed, name in enumerate(CHOSEN):
        house.drop(os.fsdecode(name), picture(seed))
    for name in links:
        (house.hot / os.fsdecode(name)).symlink_to("/etc/passwd")
    house.once()
    for name, verdict in {**dict.fromkeys(CHOSEN, "done"), **dict.fromkeys(links, "left alone")}.items():
        ended = house.watchd("explain", "--", os.fsencode(house.hot) + b"/" + name)
        assert (ended.returncode, ended.stderr) == (0, "")
        first, _, _ = ended.stdout.partition("\n")
        assert first.isprintable()
        assert f": {verdict}: " in first, first


def test_a_picture_refused_under_any_name_leaves_its_reason_and_the_next_goes_on(house: House) -> None:
    house.configure({"settle": "50ms"})
    for number, name in enumerate(CHOSEN):
        house.drop(os.fsdecode(name), b"<html>no picture, page %d</html>" % number)
    house.drop("good.png", picture(1))
    house.once(1)
    jobs: dict[str, Any] = {job["path"]: job for job in house.json("jobs", "--json")}
    assert jobs.pop("good.png")["state"] == "done"
    assert jobs.keys() == {shown(name) for name in CHOSEN}
    assert {job["state"] for job in jobs.values()} == {"failed"}
    for name in CHOSEN:
        assert explain(house, name).startswith("failed: not a picture"), name
    notes = [path for path in (house.state / "failed").rglob("*") if path.is_file()]
    assert len(notes) == len(CHOSEN)
    for note in notes:
        assert "not a picture" in json.loads(note.read_text(encoding="utf-8", errors="surrogateescape"))["error"], note
