"""`watchd resume`: try again now."""

import click


@click.command("resume")
@click.pass_obj
def resume(config: str | None) -> None:
    """Try again now after a pause: asked for, balance, key, budget or service."""
    from watchd.cli.asking import operate  # noqa: PLC0415 -- `watchd --help` pays for no command's imports

    gates = operate(config, {"command": "resume"})["resumed"]
    click.echo(f"Tried again now: {', '.join(gates)}." if gates else "Nothing was closed; whatever waits is tried now.")
