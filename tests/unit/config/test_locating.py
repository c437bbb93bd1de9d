"""The configuration is found where the promise says, in its order, and its state directory without a full load."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from tests.unit.config.writing import ENVIRON, ONE_FOLDER, written
from watchd.config.loading import load
from watchd.config.locate import find, quick_state_dir
from watchd.errors import ConfigurationError

if TYPE_CHECKING:
    from pathlib import Path


def test_the_first_place_that_has_a_file_wins(tmp_path: Path) -> None:
    cwd, home, xdg = (tmp_path / name for name in ("cwd", "home", "xdg"))
    for path in (cwd, home / ".config" / "watchd", xdg / "watchd"):
        path.mkdir(parents=True)
    environ = {"HOME": str(home)}
    (home / ".config" / "watchd" / "config.yaml").touch()
    assert find(None, environ, str(cwd)) == str(home / ".config" / "watchd" / "config.yaml")
    (xdg / "watchd" / "config.yaml").touch()
    environ["XDG_CONFIG_HOME"] = str(xdg)
    assert find(None, environ, str(cwd)) == str(xdg / "watchd" / "config.yaml")
    (cwd / "watchd.yaml").touch()
    assert find(None, environ, str(cwd)) == str(cwd / "watchd.yaml")
    (tmp_path / "by-environment").touch()
    environ["WATCHD_CONFIG"] = str(tmp_path / "by-environment")
    assert find(None, environ, str(cwd)) == str(tmp_path / "by-environment")
    (cwd / "named.yaml").touch()
    assert find("named.yaml", environ, str(cwd)) == "named.yaml"


@pytest.mark.parametrize(("explicit", "environ"), [("gone.yaml", {}), (None, {"WATCHD_CONFIG": "gone.yaml"})])
def test_a_named_file_that_is_not_there_is_an_error_that_names_it(
    tmp_path: Path, explicit: str | None, environ: dict[str, str]
) -> None:
    (tmp_path / "watchd.yaml").touch()
    with pytest.raises(ConfigurationError, match=r"^gone\.yaml: no such file"):
        find(explicit, environ, str(tmp_path))


def test_where_nothing_is_found_all_places_are_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError) as caught:
        find(None, {"HOME": str(tmp_path / "home")}, str(tmp_path))
    told = str(caught.value)
    for place in ("$WATCHD_CONFIG", f"{tmp_path}/watchd.yaml", f"{tmp_path}/home/.config/watchd/config.yaml"):
        assert place in told
    assert "/etc/watchd/config.yaml" in told
    assert "watchd init" in told


@pytest.mark.parametrize(
    "line", ["", "state_dir: /x/y\n", "state_dir: st\n", "state_dir: ~/$SUB\n", "state_dir: null\n"]
)
@pytest.mark.parametrize("extra", [{}, {"STATE_DIRECTORY": "/var/lib/watchd"}, {"XDG_STATE_HOME": "/xdg"}])
def test_the_quick_look_tells_the_same_state_directory_as_the_full_load(
    tmp_path: Path, line: str, extra: dict[str, str]
) -> None:
    environ = {**ENVIRON, "SUB": "sub", **extra}
    path = written(tmp_path, (ONE_FOLDER + line).encode())
    assert quick_state_dir(path, environ) == load(path, environ).state_dir


@pytest.mark.parametrize(
    "text", ["", "- a", "state_dir: [x]", "state_dir: 5", "state_dir: $NOPE", "a: [", "state_dir: ''"]
)
def test_the_quick_look_leaves_everything_odd_to_the_full_load(tmp_path: Path, text: str) -> None:
    assert quick_state_dir(written(tmp_path, text.encode()), ENVIRON) is None


def test_the_quick_look_leaves_a_missing_file_to_the_full_load(tmp_path: Path) -> None:
    assert quick_state_dir(str(tmp_path / "none"), ENVIRON) is None


def test_locating_does_not_import_pydantic() -> None:
    code = "import sys, watchd.config.locate; sys.exit('pydantic' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
