"""`watchd pause`: no new calls."""

import click


@click.command("pause")
@click.pass_obj
def pause(config: str | None) -> None:
    """Make no new calls until `resume`; those in flight end well."""
    from watchd.cli.daemon_client import operate  # noqa: PLC0415 -- `watchd --help` pays for no command's imports

    operate(config, {"command": "pause"})
    click.echo("Paused: no new calls until `watchd resume`; those in flight end well, and files are still recorded.")
