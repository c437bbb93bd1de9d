"""The commands as `--help` lists them: by what they are for, in a line each that nothing cuts off."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

import watchd.cli
from watchd.cli import main

WIDTH = 80


def test_every_module_with_a_command_is_listed_once() -> None:
    modules = {path.stem.replace("_", "-") for path in Path(watchd.cli.__file__).parent.glob("*.py")}
    helpers = {"--init--", "common", "daemon-client", "demo-run", "main"}
    assert sorted(main.COMMANDS) == sorted(modules - helpers)


@pytest.mark.parametrize("name", main.COMMANDS)
def test_each_of_them_is_there(name: str) -> None:
    command = main.cli.get_command(click.Context(main.cli), name)
    assert command is not None
    assert command.name == name
    assert command.help


def test_no_line_is_cut_off_or_too_long() -> None:
    told = CliRunner().invoke(main.cli, ["--help"], terminal_width=WIDTH).output
    assert "..." not in told.replace("[ARGS]...", "")
    assert max(map(len, told.splitlines())) <= WIDTH
    for section, commands in main.SECTIONS.items():
        assert f"{section}:" in told
        for name, words in commands.items():
            assert any(line.split() == [name, *words.split()] for line in told.splitlines()), name


def test_the_list_loads_none_of_them() -> None:
    code = (
        "import sys; from click.testing import CliRunner; from watchd.cli import main;"
        "CliRunner().invoke(main.cli, ['--help']);"
        "print([name for name in sys.modules if name.startswith('watchd.') and name not in"
        " {'watchd.cli', 'watchd.cli.main', 'watchd.errors'}])"
    )
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert loaded.strip() == "[]"
