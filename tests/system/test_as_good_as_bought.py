"""What a picture is paid for as, and what a result that is paid for may serve: never less than would be bought."""

from __future__ import annotations

import io
import shutil
import sqlite3
import subprocess
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from PIL import Image, ImageChops, ImageStat

from tests.system.house import until
from tests.system.pictures import picture

if TYPE_CHECKING:
    from tests.system.house import House

EXIFTOOL = shutil.which("exiftool")
PLAIN: dict[str, Any] = {"plain": {"scale": 2}}
needs_exiftool = pytest.mark.skipif(EXIFTOOL is None, reason="exiftool is not here")


def photo(kind: str = "JPEG", number: int = 1) -> bytes:
    target = io.BytesIO()
    Image.open(io.BytesIO(picture(number, side=256))).convert("RGB").save(target, kind)
    return target.getvalue()


def enlarged(number: int) -> bytes:
    """What an answer is like."""
    target = io.BytesIO()
    Image.open(io.BytesIO(photo("PNG", number))).resize((512, 512), Image.Resampling.LANCZOS).save(target, "PNG")
    return target.getvalue()


def edit(path: Path, *words: str) -> None:
    """As a program for rating photos does it: the file is written anew, its pixels are not."""
    assert EXIFTOOL is not None
    subprocess.run([EXIFTOOL, "-q", "-overwrite_original", *words, str(path)], check=True)


def said(path: str, tag: str) -> str:
    assert EXIFTOOL is not None
    return subprocess.run([EXIFTOOL, "-s3", f"-{tag}", path], capture_output=True, text=True, check=True).stdout.strip()


def difference(one: str, other: bytes) -> float:
    """Mean levels of 255 by which two pictures differ."""
    with Image.open(one) as image, Image.open(io.BytesIO(other)) as wanted:
        return max(ImageStat.Stat(ImageChops.difference(image.convert("RGB"), wanted.convert("RGB"))).mean)


# --- what is sent is what is paid for -------------------------------------------------------------------------------

EDITS = {
    "a rating": ["-XMP:Rating=5"],
    "a place": ["-GPSLatitude=48.2", "-GPSLatitudeRef=N", "-GPSLongitude=16.3", "-GPSLongitudeRef=E"],
    "a caption": ["-IPTC:Caption-Abstract=on the beach", "-XMP-dc:Description=on the beach"],
    "another resolution": ["-XResolution=240", "-YResolution=240", "-ResolutionUnit=inches"],
    "a comment": ["-Comment=seen"],
}


@needs_exiftool
@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
def test_what_is_written_into_a_file_beside_its_pixels_costs_nothing(house: House, kind: str) -> None:
    house.configure()
    path = house.drop(f"a.{kind.lower()}", photo(kind))
    house.once()
    for words in EDITS.values():
        edit(path, *words)
        house.once()
    jobs = house.jobs()
    assert len(jobs) == 1 + len(EDITS)
    assert house.sandbox.charges().calls == 1
    assert {job["sha256"] for job in jobs}.__len__() == len(jobs)
    assert [job["reused_from"] for job in jobs] == [None, *([1] * len(EDITS))]
    assert said(jobs[-1]["output"], "XMP:Rating") == "5", "the new output takes the new metadata"
    assert said(jobs[0]["output"], "XMP:Rating") == ""
    assert "paid for as what is sent of it" in house.watchd("explain", str(path)).stdout


def leave_as_an_earlier_version_did(ledger: Path) -> None:
    """Which knew a file by its own bytes, and not by what was sent of it: schema 12 with jobs from before it."""
    with closing(sqlite3.connect(ledger)) as connection, connection:
        connection.execute("DROP TABLE unidentified")
        connection.execute("DROP INDEX job_by_output")
        connection.execute("CREATE INDEX job_by_output ON job (substr(output_sha256, 1, 16))")
        connection.execute("DELETE FROM _sqlite_migrations WHERE name >= '0013'")
        connection.execute("PRAGMA user_version = 12")
        assert connection.execute("UPDATE job SET picture = NULL WHERE picture IS NOT NULL").rowcount > 0


@needs_exiftool
def test_a_rating_costs_nothing_where_an_earlier_version_has_finished_the_file(house: House) -> None:
    house.configure()
    rated, gone = house.drop("rated.jpg", photo(number=1)), house.drop("gone.jpg", photo(number=2))
    edit(rated, "-XMP:Rating=1")  # so that what is sent is not the file
    edit(gone, "-XMP:Rating=1")
    house.drop("copy/rated.jpg", rated.read_bytes())
    house.once()
    assert house.sandbox.charges().calls == 2
    leave_as_an_earlier_version_did(house.state / "ledger.db")
    gone.unlink()
    daemon = house.start()
    daemon.wait_for("identified")
    assert len(daemon.wait_for("identifying")) == 1
    for path in (rated, house.hot / "copy/rated.jpg"):
        edit(path, "-XMP:Rating=5")
    house.wait_for_all(5)
    assert house.sandbox.charges().calls == 2
    assert daemon.stop() == 0
    assert "identifying" not in house.start().actions(), "it is done once"


@needs_exiftool
def test_where_metadata_is_sent_it_is_paid_for(house: House) -> None:
    house.configure({"send_metadata": True})
    path = house.drop("a.jpg", photo())
    house.once()
    edit(path, "-XMP:Rating=5")
    house.once()
    assert house.sandbox.charges().calls == 2


@needs_exiftool
def test_a_rated_copy_of_what_is_under_way_waits_behind_it_and_an_estimate_counts_one(house: House) -> None:
    house.configure()
    house.drop("a.jpg", photo())
    edit(house.drop("b.jpg", photo()), "-XMP:Rating=3")
    estimate = house.json("estimate", "--json")
    assert (estimate["calls"], estimate["folders"][0]["files"]) == (1, 2)
    house.once()
    assert house.sandbox.charges().calls == 1
    assert [job["reused_from"] for job in house.jobs()] == [None, 1]


def test_bytes_of_an_older_ledger_are_not_paid_for_again(house: House) -> None:
    house.configure()
    house.drop("a.jpg", photo())
    house.once()
    with sqlite3.connect(house.state / "ledger.db") as ledger:
        ledger.execute("UPDATE job SET picture = NULL")
    ledger.close()
    house.drop("b.jpg", photo())
    house.once()
    assert house.sandbox.charges().calls == 1


# --- copies ---------------------------------------------------------------------------------------------------------


def two_folders(house: House, first: dict[str, Any], second: dict[str, Any]) -> Path:
    other = house.root / "other"
    other.mkdir(exist_ok=True)
    house.configure(
        {"profile": "plain", "format": first}, {"path": str(other), "profile": "plain", "format": second},
        profiles=PLAIN,
    )  # fmt: skip
    return other


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ({"type": "jpeg", "quality": 20}, {"type": "png"}),
        ({"type": "jpeg", "quality": 20}, {"type": "jpeg", "quality": 100}),
        ({"type": "webp", "quality": 10}, {"type": "jpeg", "quality": 95}),
        ({"type": "avif", "quality": 10}, {"type": "tiff"}),
        ({"type": "jpeg", "quality": 20}, {"type": "webp", "lossless": True}),
    ],
)
def test_a_copy_is_as_good_as_if_it_were_bought(house: House, first: dict[str, Any], second: dict[str, Any]) -> None:
    other = two_folders(house, first, second)
    house.drop("a.png", photo("PNG"))
    house.once()
    house.drop("b.png", photo("PNG"), other)
    house.drop("alone.png", photo("PNG", number=2), other)
    house.once()
    copy, bought = house.job("b.png"), house.job("alone.png")
    assert house.sandbox.charges().calls == 2
    assert (copy["cost"], copy["reused_from"]) == (0, 1)
    assert difference(copy["output"], enlarged(1)) <= difference(bought["output"], enlarged(2)) + 1.5


def test_a_lossy_result_serves_a_folder_that_is_as_lossy_and_nothing_is_kept_for_it(house: House) -> None:
    other = two_folders(house, {"type": "jpeg", "quality": 90}, {"type": "jpeg", "quality": 60})
    house.drop("a.png", photo("PNG"))
    house.once()
    assert not list((house.state / "spool").glob("*.png"))
    house.drop("b.png", photo("PNG"), other)
    house.once()
    assert house.sandbox.charges().calls == 1
    assert house.job("b.png")["reused_from"] == 1


def test_where_only_less_is_left_it_is_bought_anew_and_said(house: House) -> None:
    house.configure({"profile": "plain", "format": {"type": "jpeg", "quality": 20}}, profiles=PLAIN)
    house.drop("a.png", photo("PNG"))
    house.once()
    other = two_folders(house, {"type": "jpeg", "quality": 20}, {"type": "png"})
    path = house.drop("b.png", photo("PNG"), other)
    house.once()
    assert house.sandbox.charges().calls == 2
    assert house.job("b.png")["cost"] == 0.02
    assert "less than this folder wants (job 1's is jpeg 20): bought anew" in house.watchd("explain", str(path)).stdout


def test_an_answer_that_no_folder_wants_any_more_is_let_go(house: House) -> None:
    two_folders(house, {"type": "jpeg"}, {"type": "png"})
    house.drop("a.png", photo("PNG"))
    house.once()
    assert [path.name for path in (house.state / "spool").iterdir()] == ["1.png"]
    house.configure({"profile": "plain", "format": {"type": "jpeg"}}, profiles=PLAIN)
    house.once()
    assert list((house.state / "spool").iterdir()) == []


def test_a_copy_after_a_change_of_profile_tells_what_it_really_is(house: House) -> None:
    template = "{stem}_{profile}_{scale}x_{width}x{height}.{ext}"
    house.configure({"profile": "plain", "output_name": template}, profiles=PLAIN)
    house.drop("a.png", photo("PNG"))
    house.once()
    house.configure({"profile": "large", "output_name": template}, profiles=PLAIN | {"large": {"scale": 4}})
    path = house.drop("b.png", photo("PNG"))
    house.once()
    job = house.job("b.png")
    assert Path(job["output"]).name == "b_plain_2x_512x512.png"
    with Image.open(job["output"]) as image:
        assert image.size == (512, 512)
        assert 'watchd:Scale="2"' in str(image.info)
    assert "under the profile plain as it was then; `watchd reprocess` buys it anew" in house.watchd(
        "explain", str(path)
    ).stdout  # fmt: skip


# --- what is not in the output --------------------------------------------------------------------------------------


def pages(count: int) -> bytes:
    target = io.BytesIO()
    frames = [Image.open(io.BytesIO(picture(number, side=256))).convert("RGB") for number in range(count)]
    frames[0].save(target, "TIFF", save_all=True, append_images=frames[1:])
    return target.getvalue()


def animated(kind: str) -> bytes:
    target = io.BytesIO()
    frames = [Image.open(io.BytesIO(picture(number, side=256))).convert("RGB") for number in range(3)]
    frames[0].save(target, kind, save_all=True, append_images=frames[1:])
    return target.getvalue()


MORE = {
    "pages.tif": pages(3),
    "film.gif": animated("GIF"),
    "film.webp": animated("WEBP"),
    "film.png": animated("PNG"),
    "stereo.mpo": animated("MPO"),
    "motion.jpg": photo() + b"\0\0\0\x18ftypmp42\0\0\0\0mp42isom" + b"\0\0\0\x08mdat",
}


def test_nothing_is_deleted_that_is_not_in_the_output(house: House) -> None:
    house.configure({"originals": "delete"})
    for name, data in MORE.items():
        house.drop(name, data)
    house.drop("alone.tif", pages(1))
    house.once()
    until(lambda: not (house.hot / "alone.tif").exists(), "what is wholly in its output is deleted")
    assert {path.name for path in house.hot.iterdir()} == MORE.keys()
    for name in MORE:
        told = house.watchd("explain", str(house.hot / name)).stdout
        assert "it stays: beside its picture it holds" in told, told


def test_what_holds_more_goes_to_the_archive_where_there_is_one(house: House) -> None:
    archive = house.root / "archive"
    house.configure({"originals": "delete", "archive": str(archive)})
    house.drop("pages.tif", MORE["pages.tif"])
    house.drop("alone.tif", pages(1))
    house.once()
    assert list(house.hot.iterdir()) == []
    assert [path.name for path in archive.iterdir()] == ["pages.tif"]


def test_files_of_several_pictures_are_refused_where_the_folder_says_so(house: House) -> None:
    house.configure({"pages": "fail"})
    for name, data in MORE.items():
        house.drop(name, data)
    house.drop("alone.tif", pages(1))
    house.once(status=1)
    assert {job["path"]: job["state"] for job in house.jobs()} == dict.fromkeys(MORE, "failed") | {"alone.tif": "done"}
    assert all("`pages: fail`" in job["error"] for job in house.jobs() if job["path"] in MORE)
    assert house.sandbox.charges().calls == 1


# --- seen -----------------------------------------------------------------------------------------------------------


def test_pictures_that_are_not_read_are_told(house: House) -> None:
    house.configure()
    for name in ("a.nef", "b.NEF", "c.psd", "notes.txt", ".hidden.cr2"):
        house.drop(name, b"not read")
    daemon = house.start()
    (told,) = daemon.wait_for("unread")
    assert "1 Photoshop, 2 camera raw" in told["message"]
    assert house.status()["folders"][0]["unread"] == {"camera raw": 2, "Photoshop": 1}
    assert "2 camera raw" in house.watchd("status").stdout
    assert "by its name it is a camera raw file" in house.watchd("explain", str(house.hot / "a.nef")).stdout
    assert daemon.stop() == 0
