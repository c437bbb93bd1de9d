"""Five real photographs for the demo, in the three formats the service takes; ``photos/LICENCES.md`` says whose."""

from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path

NAMES = ("coffee.jpg", "chelsea.png", "launch.webp", "deep-field.jpg", "photographer.jpg")


def photographs(target: Path) -> Iterator[Path]:
    """Write the photographs into an existing folder, one for each step of the iteration; their paths.

    Each is 0.1 to 0.5 megapixels. A file of the same name is replaced.

    Raises:
        OSError: the folder is not there or cannot be written.
    """
    source = files("watchd.sandbox") / "photos"
    for name in NAMES:
        path = target / name
        path.write_bytes((source / name).read_bytes())
        yield path
