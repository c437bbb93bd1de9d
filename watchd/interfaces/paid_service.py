"""The paid service."""

from __future__ import annotations

from typing import TYPE_CHECKING, BinaryIO, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable

    from watchd.core.calls.outcomes import Answered, Lost, NotSent, Traffic
    from watchd.model import Parameters


class Upload(Protocol):
    """What one call sends."""

    @property
    def parameters(self) -> Parameters:
        """The fields beside the picture."""
        ...

    @property
    def picture_format(self) -> str:
        """`png`, `jpeg` or `webp`."""
        ...

    @property
    def size(self) -> int:
        """Bytes of the picture."""
        ...

    def open(self) -> BinaryIO:
        """The picture's bytes, from the private snapshot."""
        ...


class Streamed(Protocol):
    """A 200 whose body went into the sink."""

    @property
    def content_type(self) -> str:
        """As the service named it."""
        ...

    @property
    def encoding(self) -> str:
        """The content encoding that it named; empty as a rule, since none is accepted."""
        ...

    @property
    def traffic(self) -> Traffic:
        """What went over the wire."""
        ...


class Endpoint(Protocol):
    """The paid service."""

    def call(
        self, upload: Upload, arm: Callable[[], None], sink: Callable[[bytes], bool]
    ) -> Streamed | Answered | NotSent | Lost:
        """Make one call: its upload may take as long as it moves, its answer has a deadline.

        `arm` is called once, after everything but the last bytes has left and before those do; what it raises ends the
        call unsent and is raised on. `sink` gets the body of a 200 as it comes and answers whether to go on.
        """
        ...

    def permits(self) -> bool | None:
        """Whether the balance query, free of charge, says that calls are permitted; None where it does not answer."""
        ...

    def hurry(self) -> None:
        """Give uploads up, unsent, that take more than seconds from now: the first signal to stop."""
        ...

    def abort(self) -> None:
        """End every call in flight at once: the second signal to stop."""
        ...
