"""`watchd dismiss ID...`: let unknown jobs be."""

import click


@click.command("dismiss")
@click.argument("ids", metavar="ID...", nargs=-1, type=int, required=True)
@click.pass_obj
def dismiss(config: str | None, ids: tuple[int, ...]) -> None:
    """Close unknown jobs as failed: what they may have cost stays booked, and nothing is sent again."""
    from watchd.cli.daemon_client import operate  # noqa: PLC0415 -- `watchd --help` pays for no command's imports

    jobs = operate(config, {"command": "dismiss", "ids": list(ids)})["jobs"]
    click.echo(f"{len(jobs)} closed as failed.")
