"""Which program the unit is to start."""

import sys
import sysconfig
from pathlib import Path


def program() -> tuple[str, ...]:
    """This very watchd, as the words of a command line."""
    script = Path(sysconfig.get_path("scripts"), "watchd")
    return (str(script),) if script.exists() else (sys.executable, "-m", "watchd")
