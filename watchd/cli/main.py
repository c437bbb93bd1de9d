"""The command line: finds the command, and turns what went wrong into words and an exit status.

Each command's module is imported when it is called, and imports what it needs then: `watchd status` answers at once.
"""

from __future__ import annotations

import importlib
import os
import sys
from typing import TYPE_CHECKING, NoReturn

import click

from watchd import __version__
from watchd.errors import LedgerError, WatchdError

if TYPE_CHECKING:
    from collections.abc import Sequence

SECTIONS = {
    "To begin": {
        "demo": "See it work on real pictures; no key, nothing is spent.",
        "init": "Write a commented starter file, and make its folders.",
        "check": "Is all well? Each finding with its remedy.",
        "install-service": "Make a systemd service of this configuration.",
    },
    "To work": {
        "run": "Watch the folders until told to stop.",
        "once": "Process what lies in the folders now, then exit.",
        "reload": "Take over the configuration file as it is now.",
        "adopt": "A folder has another name in the file now.",
    },
    "To look": {
        "status": "Daemon, gate, folders, counts, money.",
        "jobs": "List the jobs, newest first.",
        "explain": "Why was this file processed, or why not?",
        "compare": "A job before and after, as one HTML file.",
        "estimate": "What waits, and what it would cost.",
    },
    "To decide": {
        "approve": "Let a backlog go that waits for you.",
        "pause": "Make no new calls until `resume`.",
        "resume": "Try again now, whatever held the calls.",
        "retry": "Failed and unknown jobs back into the queue.",
        "reprocess": "Finished files once more, for their price.",
        "dismiss": "Let unknown jobs be: nothing more is sent.",
    },
    "To keep and to build on": {
        "ledger": "Copy the ledger, look through it, write it anew.",
        "schema": "The JSON Schema of the configuration.",
        "sandbox": "The service itself on loopback, with play money.",
    },
}
"""Every command by what it is for, each with a line of its own: `--help` loads none of them."""
COMMANDS = tuple(name for section in SECTIONS.values() for name in section)
IN_USE_OR_UNTRUSTED = 4
USAGE = 2
WIDEST = max(map(len, COMMANDS))


class _Commands(click.Group):
    """Loads `watchd.cli.NAME` when its command is asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 -- click's signature
        return list(COMMANDS)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002 -- click's
        for section, commands in SECTIONS.items():
            with formatter.section(section):
                formatter.write_dl([*commands.items()], col_max=WIDEST)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002 -- click's
        if cmd_name not in COMMANDS:
            return None
        name = cmd_name.replace("-", "_")
        command = getattr(importlib.import_module(f"watchd.cli.{name}"), name)
        return command if isinstance(command, click.Command) else None


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--config", metavar="FILE", help="The configuration.  [default: the first found, see the README]")
@click.version_option(__version__, prog_name="watchd")
@click.pass_context
def cli(context: click.Context, config: str | None) -> None:
    """Turn folders into a service: drop a picture in, find it enlarged in the folder beside it, paid for once."""
    context.obj = config


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run one command and leave with its exit status."""
    try:
        status = cli.main(arguments, prog_name="watchd", standalone_mode=False)
    except click.Abort:
        click.echo("Aborted.", err=True)
        status = 130
    except click.ClickException as problem:
        problem.show()
        status = problem.exit_code
    except WatchdError as problem:
        click.echo(str(problem), err=True)
        status = IN_USE_OR_UNTRUSTED if isinstance(problem, LedgerError) else USAGE
    except BrokenPipeError:
        # Whoever read our output has seen enough. Nothing may be written while the interpreter ends either.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        status = 0
    sys.exit(status if isinstance(status, int) else 0)
