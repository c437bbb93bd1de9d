"""`watchd demo`: the whole product in one command, with no key and no money, on real photographs."""

import click


@click.command("demo")
def demo() -> int:
    """Sandbox, a temporary hot folder, real pictures: end to end, no key needed, nothing is spent."""
    from watchd.cli.demo_run import Demo  # noqa: PLC0415 -- `watchd --help` pays for no command's imports

    return Demo().run()
