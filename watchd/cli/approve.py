"""`watchd approve`: let a held backlog go."""

import click


@click.command("approve")
@click.pass_obj
def approve(config: str | None) -> None:
    """Let the backlog that `approval` holds go."""
    from watchd.cli.daemon_client import operate  # noqa: PLC0415 -- `watchd --help` pays for no command's imports

    count = operate(config, {"command": "approve"})["approved"]
    click.echo(f"{count} files are let go, whatever they cost; budgets hold as before.")
