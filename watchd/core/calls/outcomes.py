"""How one call can end: the union that the endpoint's adapter answers with and every later decision matches on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from watchd.core.request.endpoint import Answer
    from watchd.formats.png.structure import Blemish
    from watchd.model import Call


@dataclass(frozen=True, slots=True)
class Quota:
    """What the headers of an answer said of the service's own rate limit; None: not said. `resets_in` is seconds."""

    limit: int | None = None
    remaining: int | None = None
    resets_in: float | None = None


@dataclass(frozen=True, slots=True)
class Traffic:
    """What went over the wire: bytes each way, the service's own id of the call, and what it said of its limit.

    `upload_s`: seconds that the body took to leave, or until it was given up.
    """

    sent_bytes: int = 0
    received_bytes: int = 0
    cf_ray: str | None = None
    quota: Quota = Quota()
    upload_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Received:
    """A picture, whole, of the size asked for, and durable in the spool.

    `flaws`: what of it is left out, as common programs would stumble over it, and the picture is the same without.
    """

    size: int
    width: int
    height: int
    traffic: Traffic
    flaws: tuple[Blemish, ...] = ()


@dataclass(frozen=True, slots=True)
class Answered:
    """The service answered with an error."""

    answer: Answer
    traffic: Traffic


@dataclass(frozen=True, slots=True)
class NotSent:
    """The request was never complete, so it cannot have been run: nobody's money.

    `uploading`: cut while it went up; `stalled`: given up by us, as it came no further; `ours`: by our own doing, which
    says nothing of the service or of the way there.
    """

    reason: str
    uploading: bool
    traffic: Traffic
    stalled: bool = False
    ours: bool = False


@dataclass(frozen=True, slots=True)
class Lost:
    """The request left whole and no answer came: possibly charged.

    `ours`: by our own doing, which says nothing of the service.
    """

    reason: str
    traffic: Traffic
    status: int | None = None
    ours: bool = False


@dataclass(frozen=True, slots=True)
class BadAnswer:
    """Status 200 with something that is not the picture asked for: possibly charged, kept as evidence."""

    reason: str
    traffic: Traffic


CallResult = Received | Answered | NotSent | Lost | BadAnswer
Trouble = Answered | NotSent | Lost | BadAnswer


@dataclass(frozen=True, slots=True)
class Sent:
    """A call that was made, and how it ended."""

    call: Call
    result: CallResult
