"""`watchd ledger`: the file that everything is in. A copy of it, a look through all of it, and less of it."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import click

from watchd.cli.common import state_dir

UNTRUSTED = 4


@click.group("ledger")
def ledger() -> None:
    """Copy the ledger, look through all of it, or write it anew without its gaps."""


@ledger.command("backup")
@click.argument("file", type=click.Path(path_type=Path))
@click.pass_obj
def backup(config: str | None, file: Path) -> None:
    """Copy the ledger to FILE as it is at this moment, while watchd runs or not. Nothing is replaced."""
    from watchd.adapters.ledgers.sqlite import copying  # noqa: PLC0415 -- `watchd --help` pays for no command's imports

    size = copying.back_up(_there(config), file.absolute())
    click.echo(f"{file}: {size:,} bytes, durable")


@ledger.command("check")
@click.pass_obj
def check_all(config: str | None) -> int:
    """Look through all of the ledger, its indexes and totals included, while watchd runs or not."""
    from watchd.adapters.ledgers.sqlite import proving  # noqa: PLC0415 -- as above

    path = _there(config)
    try:
        found = proving.flaws(path)
    except (sqlite3.Error, UnicodeDecodeError) as error:
        found = [str(error)]
    for flaw in found:
        click.echo(f"{path}: {flaw}")
    if found:
        click.echo("It is damaged: `watchd check` says how to get out.", err=True)
        return UNTRUSTED
    click.echo(f"{path} is sound: every page, every index, every total")
    return 0


@ledger.command("compact")
@click.pass_obj
def compact(config: str | None) -> None:
    """Write the ledger anew without its gaps; watchd must not run."""
    from watchd.adapters.host.lock import StateLock  # noqa: PLC0415 -- as above
    from watchd.adapters.ledgers.sqlite import copying  # noqa: PLC0415 -- as above

    path = _there(config)
    lock = StateLock(path.parent)
    try:
        before, after = copying.compact(path)
    finally:
        lock.close()
    click.echo(f"{path}: {before:,} bytes before, {after:,} after")


def _there(config: str | None) -> Path:
    """The ledger's file. Raises UsageError where there is none."""
    from watchd.adapters.ledgers import choosing  # noqa: PLC0415 -- as above
    from watchd.errors import UsageError  # noqa: PLC0415 -- as above

    path = choosing.path_of(state_dir(config))
    if not path.exists():
        raise UsageError(f"{path} is not there: nothing was recorded yet")
    return path
