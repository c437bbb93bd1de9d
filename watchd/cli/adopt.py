"""`watchd adopt OLD NEW`: a folder that has another name in the file now."""

import click


@click.command("adopt")
@click.argument("old")
@click.argument("new")
@click.pass_obj
def adopt(config: str | None, old: str, new: str) -> None:
    """Let the jobs, results and money of OLD, which is in the file no longer, be those of NEW."""
    from watchd.cli.daemon_client import operate  # noqa: PLC0415 -- `watchd --help` pays for no command's imports

    jobs = operate(config, {"command": "adopt", "old": old, "new": new})["adopted"]
    click.echo(f"{jobs} jobs of {old} are those of {new} now, with their results and their money.")
