"""The outside, as promised: the shapes of answers, the views, the words of refusals, and the README's own commands."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jsonschema_rs
import pytest
import yaml

from tests.system.pictures import picture, size_of

if TYPE_CHECKING:
    from tests.system.house import House

REPOSITORY = Path(__file__).parents[2]
EXAMPLE = REPOSITORY / "config.example.yaml"
COUNTS = {"waiting", "queued", "sending", "received", "done", "failed", "unknown"}
MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")
JOB: dict[str, tuple[type, ...]] = {
    "id": (int,), "folder": (str,), "path": (str,), "sha256": (str,), "profile": (str,), "state": (str,),
    "attempts": (int,), "cost": (int, float), "output": (str, type(None)), "reused_from": (int, type(None)),
    "error": (str, type(None)), "created_at": (str,), "finished_at": (str, type(None)),
}  # fmt: skip
VIEWS = {
    "jobs": list(JOB),
    "attempts": [
        "id", "job_id", "started_at", "finished_at", "http_status", "outcome", "error", "cost", "sent_bytes",
        "received_bytes", "cf_ray",
    ],
    "balance_failures": ["id", "at", "job_id", "folder", "path", "message", "balance_usd", "balance_diem"],
    "spending": ["day", "folder", "profile", "calls", "cost"],
}  # fmt: skip


def run_elsewhere(
    house: House, *arguments: str, folder: Path | None = None, **environment: str
) -> subprocess.CompletedProcess[str]:
    """A command that is not about the house's own configuration; its state would lie in the house all the same."""
    surroundings = house.environment | {"XDG_STATE_HOME": str(house.root / "elsewhere")} | environment
    return subprocess.run(
        [sys.executable, "-m", "watchd", *arguments], env=surroundings, cwd=folder or house.root,
        capture_output=True, text=True, timeout=30, check=False,
    )  # fmt: skip


def assert_is_a_job(job: dict[str, Any]) -> None:
    for name, kinds in JOB.items():
        assert type(job[name]) in kinds, name
    for name in ("created_at", "finished_at"):
        assert job[name] is None or MOMENT.fullmatch(job[name]), name


def assert_is_a_status(status: dict[str, Any]) -> None:
    assert {"daemon", "gate", "folders", "counts", "spent"} <= status.keys()
    assert {"running", "pid", "since"} <= status["daemon"].keys()
    assert {"open", "reason", "since", "retry_at"} <= status["gate"].keys()
    assert status["counts"].keys() == COUNTS
    assert all(type(count) is int for count in status["counts"].values())
    assert {"today", "month", "total", "in_doubt"} <= status["spent"].keys()
    assert all(type(usd) in {int, float} for usd in status["spent"].values())
    for folder in status["folders"]:
        assert {"name", "path", "profile", "state", "watch", "reason"} <= folder.keys()
        assert (folder["state"] in {"online", "offline"}, folder["watch"] in {"events", "poll"}) == (True, True)


# Answers


@pytest.mark.plain("it compares process ids, and a unit's own are others")
def test_status_has_the_promised_shape_before_the_first_start_beside_a_daemon_and_after_it(house: House) -> None:
    house.configure({}, {"path": str(house.root / "away")})
    house.drop("a.png", picture(1))
    never = house.status()
    daemon = house.start()
    house.wait_for_all(1)
    running = house.status()
    assert daemon.stop() == 0
    stopped = house.status()

    for status in (never, running, stopped):
        assert_is_a_status(status)
        assert status["gate"]["open"] is True
        assert [folder["state"] for folder in status["folders"]] == ["online", "offline"]
        assert [bool(folder["reason"]) for folder in status["folders"]] == [False, True]
    for status in (never, stopped):
        assert status["daemon"] == {"running": False, "pid": None, "since": None}
    assert (running["daemon"]["running"], running["daemon"]["pid"]) == (True, daemon.pid)
    assert MOMENT.fullmatch(running["daemon"]["since"])
    assert never["counts"] == dict.fromkeys(COUNTS, 0)
    assert running["counts"] == stopped["counts"] == dict.fromkeys(COUNTS, 0) | {"done": 1}
    assert stopped["spent"] == {"today": 0.02, "month": 0.02, "total": 0.02, "in_doubt": 0}


def test_a_closed_gate_tells_its_reason_and_its_times(house: House) -> None:
    house.open_sandbox(balance="0")
    house.configure()
    house.drop("a.png", picture(1))
    house.once(3)
    status = house.status()
    assert_is_a_status(status)
    assert (status["gate"]["open"], status["gate"]["reason"]) == (False, "balance")
    since, retry_at = (datetime.fromisoformat(status["gate"][name]) for name in ("since", "retry_at"))
    assert 55 <= (retry_at - since).total_seconds() <= 65
    assert status["counts"] == dict.fromkeys(COUNTS, 0) | {"queued": 1}


def test_jobs_come_as_promised_newest_first_and_narrowed_as_asked(house: House) -> None:
    other = house.root / "other"
    other.mkdir()
    house.configure({}, {"path": str(other)})
    house.drop("sub/a.png", picture(1))
    house.once()
    house.drop("broken.png", b"no picture at all", other)
    house.once(1)
    failed, done = every = house.json("jobs", "--json")
    assert [list(job) for job in every] == [list(JOB)] * 2
    for job in every:
        assert_is_a_job(job)
    assert (done["folder"], done["path"], done["state"], done["attempts"]) == ("hot", "sub/a.png", "done", 1)
    assert (done["output"], done["error"]) == (str(house.out / "sub" / "a.png"), None)
    assert (failed["folder"], failed["state"], failed["output"], failed["cost"]) == ("other", "failed", None, 0)
    assert house.json("jobs", "--json", "--limit", "1") == house.json("jobs", "--json", "--state", "failed") == [failed]
    assert house.json("jobs", "--json", "--folder", "hot") == [done]
    assert house.json("jobs", "--json", "--state", "unknown") == []


def test_explain_tells_the_steps_of_a_file_that_was_processed_and_the_reason_of_one_that_was_not(house: House) -> None:
    house.configure({"exclude": ["*-draft.*"]})
    path = house.drop("a.png", picture(1))
    draft = house.drop("a-draft.png", picture(2))
    house.once()
    done = house.json("explain", str(path), "--json")
    assert (done["path"], done["folder"], done["verdict"].partition(":")[0]) == ("a.png", "hot", "done")
    (job,) = done["jobs"]
    assert_is_a_job(job)
    assert [list(call) for call in job["calls"]] == [VIEWS["attempts"]]
    assert all({"at", "step", "detail"} <= step.keys() for step in job["steps"])
    assert len(job["steps"]) > 3
    not_ours = house.json("explain", str(draft), "--json")
    assert (not_ours["jobs"], "`exclude`" in not_ours["verdict"]) == ([], True)
    outside = house.json("explain", str(house.key), "--json")
    assert (outside["folder"], outside["jobs"]) == (None, [])


def test_the_ledger_s_views_have_the_promised_columns_and_add_up(house: House) -> None:
    house.open_sandbox(fail=("402:1",))
    house.configure(api={"workers": 1}, balance_probe={"first": "1s"})
    house.start()
    for number in range(2):
        house.drop(f"{number}.png", picture(number))
    house.wait_for_all(2)
    for view, columns in VIEWS.items():
        rows = house.read(f"SELECT * FROM {view}")
        assert rows, view
        assert all(list(row) == columns for row in rows), view
    (day,) = house.read("SELECT * FROM spending")
    assert (day["folder"], day["profile"], day["calls"], day["cost"]) == ("hot", "hot", 2, 0.04)


def test_status_beside_a_daemon_and_jobs_load_nothing_heavy(house: House) -> None:
    house.configure()
    house.start()
    for command in ("status", "jobs"):
        ended = subprocess.run(
            [sys.executable, "-X", "importtime", "-m", "watchd", "--config", str(house.config), command, "--json"],
            env=house.environment, capture_output=True, text=True, timeout=30, check=True,
        )  # fmt: skip
        loaded = {line.rpartition("|")[2].strip().partition(".")[0] for line in ended.stderr.splitlines()}
        assert "watchd" in loaded
        assert loaded.isdisjoint({"pydantic", "httpx", "PIL", "sqlite_utils", "watchdog", "uvicorn"}), command


# The configuration


def test_every_problem_of_the_configuration_is_told_at_once_with_its_place(house: House) -> None:
    text = """\
api: {workers: many, retries: 3}
folders:
  - path: hot
    profile: {scale: 7}
    setle: 2s
  - path: hot/inner
    profile: golden
profiles:
  gold: {scale: 2, enhance: maybe}
"""
    house.config.write_text(text)
    ended = house.watchd("check", "--offline")
    assert ended.returncode == 2
    lines = text.splitlines()
    told = {}
    for line in ended.stderr.splitlines():
        found = re.fullmatch(rf"{re.escape(str(house.config))}:(\d+):(\d+): ([\w.\[\]-]+): (.+)", line)
        assert found, line
        told[lines[int(found[1]) - 1][int(found[2]) - 1 :]] = found[4]
    wanted = ["many, retries: 3}", "retries: 3}", "7}", "setle: 2s", "golden", "maybe}"]
    assert [start for start in wanted if start not in told] == []
    assert "did you mean settle" in told["setle: 2s"].replace("`", "").replace('"', "")
    assert "did you mean gold" in told["golden"].replace("`", "").replace('"', "")


def test_the_example_configuration_loads_and_is_what_the_schema_describes(house: House) -> None:
    checked = run_elsewhere(house, "--config", str(EXAMPLE), "check", "--offline")
    assert checked.returncode == 0, checked.stderr
    assert "folder portraits" in checked.stdout
    assert "folder scans" in checked.stdout

    schema = json.loads(run_elsewhere(house, "schema").stdout)
    validator = jsonschema_rs.validator_for(schema)
    example = yaml.safe_load(EXAMPLE.read_text())
    assert [str(error) for error in validator.iter_errors(example)] == []
    example["folders"][0]["profil"] = example["folders"][0].pop("profile")
    assert not validator.is_valid(example)


def test_what_init_writes_is_complete_and_well_and_never_overwritten(house: House) -> None:
    empty = house.root / "empty"
    empty.mkdir()
    assert run_elsewhere(house, "init", folder=empty).returncode == 0
    assert {path.name for path in empty.iterdir()} == {"watchd.yaml", "hot", "hot-out"}
    checked = run_elsewhere(house, "check", "--offline", folder=empty, VENICE_API_KEY="trial")
    assert checked.returncode == 0, checked.stderr
    assert "wrong" not in checked.stdout + checked.stderr
    assert str(empty / "hot") in checked.stdout
    before = (empty / "watchd.yaml").read_text()
    assert run_elsewhere(house, "init", folder=empty).returncode == 2
    assert (empty / "watchd.yaml").read_text() == before


@pytest.mark.skipif(Path("/run/systemd/system").is_dir(), reason="this machine has a systemd of its own")
def test_where_there_is_no_systemd_a_service_is_shown_and_not_installed(house: House) -> None:
    house.configure()
    shown = house.watchd("install-service", "--user", "--dry-run")
    assert shown.returncode == 0, shown.stderr
    assert "watchd.service.d/10-this-machine.conf" in shown.stdout
    ended = house.watchd("install-service", "--user")
    assert ended.returncode == 2
    assert "not started by systemd" in ended.stderr


# The README


def console_blocks() -> list[str]:
    """What the README tells its reader to type, block by block; lines without a prompt are what it shows in return."""
    blocks = re.findall(r"^```console\n(.*?)^```", (REPOSITORY / "README.md").read_text(), re.MULTILINE | re.DOTALL)
    typed = []
    for block in blocks:
        lines = [line for line in block.splitlines() if line.startswith(("$ ", "> "))]
        typed.append("".join(f"{line[2:]}\n" for line in lines))
    return typed


def run_as_typed(house: House, commands: str, folder: Path) -> tuple[int, str]:
    """Type them into a shell that gives up at the first failure; nothing that it started outlives it."""
    programs = str(Path(sys.executable).parent)
    surroundings = house.environment | {
        "PATH": f"{programs}:{house.environment['PATH']}",
        "WATCHD_BASE_URL": house.sandbox.base_url,
        "XDG_STATE_HOME": str(house.root / "elsewhere"),
        "XDG_CONFIG_HOME": str(house.root / "no-configuration"),
    }
    process = subprocess.Popen(
        ["/bin/bash", "-euo", "pipefail", "-c", commands], env=surroundings, cwd=folder, start_new_session=True,
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip
    try:
        told, _ = process.communicate(timeout=60)
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    return process.returncode, told


def test_the_readme_has_commands_to_type() -> None:
    assert any("watchd once" in commands for commands in console_blocks())


@pytest.mark.parametrize("commands", console_blocks(), ids=lambda commands: commands.partition("\n")[0])
def test_the_readme_s_commands_do_what_it_says(house: House, commands: str) -> None:
    fresh = house.root / "fresh"
    fresh.mkdir()
    status, told = run_as_typed(house, commands, fresh)
    assert status == 0, told
    if "watchd once" in commands:
        pictures = sorted((fresh / "hot").iterdir())
        assert len(pictures) == 5
        results = {path.stem: size_of(path.read_bytes()) for path in (fresh / "hot-out").iterdir()}
        assert results.keys() == {path.stem for path in pictures}
        assert "5 done, 0 failed, 0 unknown, 0 left" in told
