"""Problems as they are found, each with its place, and what was asked near a misspelt word."""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING

from watchd.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from watchd.config.document import Document, Mark, Path


class Report:
    """Collects every problem of one file; `source` is the file as the user named it."""

    def __init__(self, source: str, document: Document) -> None:
        self._source = source
        self._document = document
        self._broken: set[Path] = set()
        self._lines: list[tuple[Mark, str]] = []

    def add(self, path: Path, text: str, *, of_key: bool = False, mark: Mark | None = None) -> None:
        """A problem with the value (or the key) at `path`, unless one was told of the same key before.

        With a `mark` it stands there, and is told in any case.
        """
        if mark is None and path and path in self._broken:
            return
        self._broken.add(path)
        place = mark or self._document.mark(path, of_key=of_key)
        key = f"{dotted(path)}: " if path else ""
        self._lines.append((place, f"{self._source}:{place[0]}:{place[1]}: {key}{text}"))

    def add_elsewhere(self, origin: str, text: str) -> None:
        """A problem that does not stand in the file, such as one with an environment variable."""
        self._lines.append(((0, 0), f"{origin}: {text}"))

    def broken(self, path: Path) -> bool:
        """Whether a problem was told of `path`, of something inside it or of something around it."""
        return any(known[: len(path)] == path or (known and path[: len(known)] == known) for known in self._broken)

    def told(self, path: Path) -> bool:
        """Whether a problem was told of `path` or of something around it: then what follows from it is no news."""
        return any(path[:length] in self._broken for length in range(1, len(path) + 1))

    def raise_if_any(self) -> None:
        """Ends the loading with all problems, in the order of the file.

        Raises:
            ConfigurationError: if there is any problem.
        """
        if self._lines:
            ordered = sorted(self._lines, key=lambda line: line[0])
            raise ConfigurationError(list(dict.fromkeys(line for _, line in ordered)))


def dotted(path: Path) -> str:
    """`folders.0.settle`, on one line whatever the keys hold."""
    return ".".join("".join(c if c.isprintable() else ascii(c)[1:-1] for c in str(part)[:60]) for part in path)


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """`; did you mean "settle"?`, or nothing where no known word is near."""
    near = nearest(word, known)
    return f'; did you mean "{near}"?' if near is not None else ""


def nearest(word: str, known: Iterable[str]) -> str | None:
    """The known word that was probably meant; the first of equals."""
    by_plain: dict[str, str] = {}
    for candidate in known:
        by_plain.setdefault(_plain(candidate), candidate)
    near = difflib.get_close_matches(_plain(word[:100]), by_plain, n=1, cutoff=0.6)
    return by_plain[near[0]] if near else None


def _plain(word: str) -> str:
    return word.lower().replace("-", "_").replace(" ", "_")
