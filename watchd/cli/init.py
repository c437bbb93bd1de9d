"""`watchd init [DIR]`: a commented starter file and its folders."""

from __future__ import annotations

from pathlib import Path

import click

from watchd.errors import UsageError

NAME = "watchd.yaml"
HOT = "hot"


@click.command("init")
@click.argument("directory", metavar="[DIR]", default=".", type=click.Path(path_type=Path, file_okay=False))
def init(directory: Path) -> None:
    """Write a commented starter file, watchd.yaml, and make its folders."""
    from watchd.config import starter  # noqa: PLC0415 -- `watchd --help` pays for no command's imports

    target = directory / NAME
    try:
        directory.mkdir(parents=True, exist_ok=True)
        with target.open("x", encoding="utf-8") as file:
            file.write(starter.render(HOT))
        for folder in (HOT, f"{HOT}-out"):
            (directory / folder).mkdir(exist_ok=True)
    except FileExistsError as error:
        raise UsageError(f"{error.filename} is there already and is left as it is") from error
    except OSError as error:
        raise UsageError(f"{error.filename} cannot be written: {error.strerror}") from error
    click.echo(f"Wrote {target} with the folders {directory / HOT} and {directory / HOT}-out.")
    click.echo("Next: put your API key where the file says, then `watchd check`, then `watchd run`.")
