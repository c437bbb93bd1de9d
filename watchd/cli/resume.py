"""`watchd resume`: try again now."""

import click


@click.command("resume")
@click.pass_obj
def resume(config: str | None) -> None:
    """Try again now after a pause: asked for, balance, key, budget or service."""
    from watchd.cli.daemon_client import operate  # noqa: PLC0415 -- `watchd --help` pays for no command's imports

    gates = operate(config, {"command": "resume"})["resumed"]
    told = f"No longer waited for: {', '.join(gates)}. The next call shows whether it is mended."
    click.echo(told if gates else "Nothing was closed; whatever waits is tried now.")
