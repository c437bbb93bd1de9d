"""`watchd install-service`: a unit of systemd's for this configuration, step by step."""

import os
import shlex
from pathlib import Path
from typing import TYPE_CHECKING

import click

from watchd.errors import UsageError

if TYPE_CHECKING:
    from watchd.installing.steps import Step


@click.command("install-service")
@click.option("--user", is_flag=True, help="For you alone, without root.")
@click.option("--name", metavar="NAME", help="One of several: its unit is watchd@NAME.")
@click.option("--dry-run", is_flag=True, help="Show every step and change nothing.")
@click.pass_obj
def install_service(config: str | None, *, user: bool, name: str | None, dry_run: bool) -> None:
    """Make a systemd service of this configuration; with --dry-run, show what that would take."""
    from watchd.adapters.host import systemd  # noqa: PLC0415 -- `watchd --help` pays for no command's imports
    from watchd.cli.common import find  # noqa: PLC0415 -- `watchd --help` pays for no command's imports
    from watchd.installing import for_system, for_user  # noqa: PLC0415 -- as above

    if user and name is not None:
        raise UsageError("--name is for the system's services; a user has one")
    if name is not None and not all(char.isalnum() or char in "-_" for char in name):
        raise UsageError(f"--name {name!r}: letters, digits, - and _ make the name of a unit")
    if not dry_run and not user and os.geteuid() != 0:
        raise UsageError(
            "a service of the system's is installed by root: sudo, or --user; --dry-run shows it to anybody"
        )
    if not systemd.is_running():
        if not dry_run:
            raise UsageError(
                "this machine was not started by systemd, so there is nothing to install into: have whatever starts"
                " services here start `watchd run`, or use the container (docs/container.md); --dry-run shows the steps"
            )
        click.echo("This machine was not started by systemd: these are the steps for one that was.", err=True)
    path = str(Path(find(config)).absolute())
    steps = for_user.steps(path, os.environ) if user else for_system.steps(path, os.environ, name)
    for number, step in enumerate(steps, 1):
        _take(number, step, dry_run=dry_run)
    if dry_run:
        click.echo("Nothing was changed. Without --dry-run these steps are taken.", err=True)


def _take(number: int, step: "Step", *, dry_run: bool) -> None:
    """Tell of one step, and take it."""
    from watchd.installing.steps import Remark, Run, Start, Write  # noqa: PLC0415 -- as above

    match step:
        case Remark(text):
            click.echo(click.style(f"{number}. For you: ", bold=True) + text)
        case Write(path, _, why) if step.is_done():
            click.echo(f"{number}. {path} is as it should be ({why})")
        case Write(path, _, why):
            click.echo(click.style(f"{number}. Write {path}", bold=True) + f": {why}")
            if dry_run:
                click.echo("".join(f"     {line}\n" for line in step.shown().splitlines()), nl=False)
            else:
                step.do()
        case Run() | Start():
            click.echo(click.style(f"{number}. {shlex.join(step.command)}", bold=True) + f": {step.why}")
            if not dry_run:
                step.do()
