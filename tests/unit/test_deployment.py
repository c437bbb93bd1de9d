"""Units, the container and the compose file: what they name is there, and they say the same."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[2]
SYSTEMD = ROOT / "systemd"
ANALYZE = shutil.which("systemd-analyze")
UNITS = ["watchd.service", "watchd@.service", "user/watchd.service"]
OWN_NAME = {"Description", "ExecStart", "ExecReload", "StateDirectory", "LoadCredential"}


def directives(name: str) -> list[tuple[str, str]]:
    lines = (SYSTEMD / name).read_text().splitlines()
    return [(key, value) for key, sign, value in (line.partition("=") for line in lines) if sign and key[0] not in "#["]


def test_the_unit_for_several_is_the_unit_for_one_but_for_its_names() -> None:
    one = [(key, value) for key, value in directives("watchd.service") if key not in OWN_NAME]
    several = [(key, value) for key, value in directives("watchd@.service") if key not in OWN_NAME]
    assert one == several
    assert all("%i" in value for key, value in directives("watchd@.service") if key in OWN_NAME)


@pytest.mark.parametrize("name", UNITS)
def test_a_stop_outlasts_the_longest_call(name: str) -> None:
    told = dict(directives(name))
    assert told["TimeoutStopSec"] == "6min"
    assert told["Type"] == "notify"
    assert told["RestartPreventExitStatus"] == "2"


@pytest.mark.skipif(ANALYZE is None, reason="systemd-analyze is not installed")
@pytest.mark.parametrize("name", ["watchd.service", "watchd@studio.service"])
def test_the_units_expose_little(tmp_path: Path, name: str) -> None:
    unit = tmp_path / name
    unit.write_text((SYSTEMD / re.sub("@.*[.]", "@.", name)).read_text())
    told = subprocess.run(
        [ANALYZE or "", "security", "--offline=true", "--threshold=15", str(unit)], capture_output=True, text=True,
        check=False,
    )  # fmt: skip
    assert told.returncode == 0, told.stdout[-300:] + told.stderr


def compose() -> dict[str, Any]:
    found = yaml.safe_load((ROOT / "compose.yaml").read_text())["services"]["watchd"]
    assert isinstance(found, dict)
    return found


def test_the_container_can_write_its_volumes_alone_and_gets_no_more_rights() -> None:
    told = compose()
    assert told["read_only"] is True
    assert told["cap_drop"] == ["ALL"]
    assert told["security_opt"] == ["no-new-privileges:true"]
    assert told["user"] == "${PUID:-1000}:${PGID:-100}"
    assert told["stop_grace_period"] == "6m"
    assert [volume for volume in told["volumes"] if volume.startswith("./") and not volume.endswith(":ro")] == [
        "./state:/state"
    ]


def test_the_container_is_seen_on_the_machine_itself_alone() -> None:
    assert compose()["ports"] == ["127.0.0.1:8787:8787"]


def instructions() -> list[tuple[str, str]]:
    text = re.sub(r"\\\n\s*", " ", (ROOT / "Dockerfile").read_text())
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    return [(name, rest) for name, _, rest in (line.partition(" ") for line in lines)]


def test_what_the_dockerfile_copies_is_there() -> None:
    for name, rest in instructions():
        if name == "COPY" and not rest.startswith("--from"):
            *sources, _ = rest.split()
            assert [source for source in sources if not (ROOT / source).exists()] == []


def test_the_image_runs_as_nobody_in_particular_and_is_asked_after_its_health() -> None:
    told = dict(instructions())
    assert told["USER"] == "10001:10001"
    assert "/healthz" in told["HEALTHCHECK"]
    assert told["ENTRYPOINT"].startswith('["watchd"')
    assert all(":latest" not in rest for name, rest in instructions() if name == "FROM")
    assert "ADD" not in told


HADOLINT = shutil.which("hadolint", path=str(Path(sys.executable).parent)) or shutil.which("hadolint")


@pytest.mark.skipif(HADOLINT is None, reason="hadolint has no wheel for this processor")
def test_the_dockerfile_is_clean() -> None:
    told = subprocess.run([HADOLINT or "", str(ROOT / "Dockerfile")], capture_output=True, text=True, check=False)
    assert (told.returncode, told.stdout) == (0, "")


def test_every_line_of_the_compose_file_that_needs_a_reason_has_one() -> None:
    page = (ROOT / "docs" / "container.md").read_text()
    for key in ("user", "read_only", "cap_drop", "security_opt", "tmpfs", "stop_grace_period"):
        assert f"`{key}`" in page


@pytest.mark.parametrize("name", UNITS)
def test_every_directive_of_a_unit_has_its_reason(name: str) -> None:
    page = (SYSTEMD / "README.md").read_text()
    explained = {
        word for cell in re.findall(r"^\| (.+?) \| ", page, re.MULTILINE) for word in re.findall(r"(\w+)=", cell)
    }
    assert {key for key, _ in directives(name)} - explained - {"Description"} == set()
