"""watchd as a process to which a command is said at the worst moment of a reload: `$WATCHD_SAY` is the command.

`SIGTERM` is no command, but a signal while the engine that is replaced is being stopped.

It is said when the new engine has been built and does not work yet, and nothing goes on before it is answered, or
before whoever answers it has to wait for the reload; what this
file is given as arguments is the command line of watchd.
"""

from __future__ import annotations

import functools
import importlib
import itertools
import os
import signal
import threading
from pathlib import Path
from typing import Any

from watchd.adapters.host import control
from watchd.process.engine import Engine

SECOND = 2
LONG_ENOUGH = 3.0


def say_when_the_second_is_built(command: str) -> None:
    """Have every engine after the first meet a command on its way into work."""
    build, number = Engine.__init__, itertools.count(1)

    @functools.wraps(build)
    def built(self: Engine, settings: Any, *given: Any, **named: Any) -> None:
        build(self, settings, *given, **named)
        if next(number) == SECOND:
            asked = Path(settings.state_dir), {"command": command}
            said = threading.Thread(target=control.ask, args=asked, daemon=True)
            said.start()
            said.join(LONG_ENOUGH)

    Engine.__init__ = built  # type: ignore[method-assign]  # the moment is what is under test


def stop_while_the_first_is_stopped() -> None:
    """Have the process told to end while the engine of before is being stopped."""
    stop, number = Engine.stop, itertools.count(1)

    @functools.wraps(stop)
    def stopped(self: Engine) -> None:
        if next(number) == 1:
            os.kill(os.getpid(), signal.SIGTERM)
        stop(self)

    Engine.stop = stopped  # type: ignore[method-assign]  # the moment is what is under test


if __name__ == "__main__":
    if os.environ["WATCHD_SAY"] == "SIGTERM":
        stop_while_the_first_is_stopped()
    else:
        say_when_the_second_is_built(os.environ["WATCHD_SAY"])
    importlib.import_module("watchd.cli.main").main()
