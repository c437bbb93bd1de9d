"""Names as people and programs read them: bytes that are no text made visible, and no line faked."""

from __future__ import annotations


def display(path: str) -> str:
    r"""A name as people and JSON read it: bytes that are no text as `\xNN`, nothing else changed."""
    try:
        return path.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
    except UnicodeEncodeError:  # half a character, as no name has it, and JSON may
        return path.encode("utf-8", "backslashreplace").decode()


def on_one_line(path: str) -> str:
    """A name for a log line or a terminal: control characters escaped too, so that no name can fake a line."""
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in display(path))
