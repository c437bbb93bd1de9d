"""``watchd sandbox``: the endpoint itself on loopback, for trials and tests."""

import click

_FAIL = "STATUS|cut|stall|lie[:COUNT|:PERCENT%]"


@click.command("sandbox")
@click.option("--port", type=click.IntRange(0, 65535), default=0, show_default=True, help="0 takes any free port.")
@click.option("--key", help="Accept this key alone.  [default: any key]")
@click.option("--latency", default="0s", show_default=True, help="Least time for each call, such as 200ms or 2s.")
@click.option(
    "--concurrency", type=click.IntRange(0), default=0, help="Calls beyond it answer 429.  [default: no limit]"
)
@click.option(
    "--requests-per-minute",
    type=click.IntRange(0),
    default=0,
    help="Requests beyond it answer 429.  [default: no limit]",
)
@click.option(
    "--refusals",
    type=click.IntRange(0),
    default=0,
    help="Answers of 4xx in 30 seconds beyond which every call is refused for as long.  [default: no limit]",
)
@click.option("--balance", default="1000000", help="USD to spend; then calls answer 402.  [default: plenty]")
@click.option("--fail", multiple=True, metavar=_FAIL, help="Fail calls, such as 503:2, cut:10% or 402. Repeatable.")
@click.option("--dialect", type=click.Choice(["enhance", "creativity"]), default="enhance", show_default=True)
@click.option("--engine", type=click.Choice(["auto", "waifu2x", "lanczos", "fast"]), default="auto", show_default=True)
@click.option("--seed", type=int, default=0, show_default=True, help="Decides what --fail leaves to chance.")
def sandbox(**options: object) -> None:
    """Serve the endpoint itself on loopback, with a local engine: for trials and tests.

    Prints its base URL as its first line, then one line for each call on stderr. SIGTERM or Ctrl-C ends it.

    Without a count a --fail holds for every call; where several are given, the first that applies decides. `cut` breaks
    off the answer, `stall` never answers, `lie` answers 200 with something else (lie-html, lie-json, lie-size and
    lie-truncated name one kind): these three are charged, as the work was done.
    """
    import logging  # noqa: PLC0415 -- `watchd --help` pays for no command's imports
    import signal  # noqa: PLC0415 -- as above

    from watchd.sandbox.options import SandboxOptions  # noqa: PLC0415 -- as above
    from watchd.sandbox.serving import Sandbox  # noqa: PLC0415 -- as above; Starlette, uvicorn and Pillow

    handler = logging.StreamHandler()
    handler.setFormatter(logging.Formatter("%(asctime)s %(message)s", "%H:%M:%S"))
    calls = logging.getLogger("watchd.sandbox")
    calls.addHandler(handler)
    calls.setLevel(logging.INFO)
    calls.propagate = False
    # What a malformed form looks like from inside the parser is of no use beside the 400 it gets.
    logging.getLogger("python_multipart").setLevel(logging.ERROR)
    # Blocked before any thread starts, and so in all of them: only the wait below receives these.
    ends = {signal.SIGTERM, signal.SIGINT}
    signal.pthread_sigmask(signal.SIG_BLOCK, ends)
    try:
        with Sandbox(SandboxOptions(**options)) as running:  # type: ignore[arg-type] # click has checked their types
            click.echo(running.base_url)
            signal.sigwait(ends)
    except ValueError as problem:
        raise click.UsageError(str(problem)) from problem
    except OSError as problem:
        raise click.UsageError(f"port {options['port']} on 127.0.0.1 cannot be had: {problem}") from problem
    finally:
        calls.removeHandler(handler)
        # A second Ctrl-C, pressed while the server closed, has nothing left to end.
        while signal.sigtimedwait(ends, 0) is not None:
            continue
        signal.pthread_sigmask(signal.SIG_UNBLOCK, ends)
