"""`watchd run`: the daemon."""

import os

import click


@click.command("run")
@click.pass_obj
def run(config: str | None) -> int:
    """Watch the folders until SIGTERM or SIGINT; SIGHUP reloads the configuration."""
    # `watchd --help` pays for no command's imports.
    from watchd.adapters.host import allocating, descriptors, logs  # noqa: PLC0415 -- as said
    from watchd.cli.common import load  # noqa: PLC0415 -- as above
    from watchd.process.daemon import Daemon  # noqa: PLC0415 -- as above

    allocating.share_one_heap()
    descriptors.raise_limit()
    settings = load(config)
    logs.set_up(settings.log)
    return Daemon(settings, os.environ).run()
