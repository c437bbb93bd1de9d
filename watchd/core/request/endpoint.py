"""The endpoint on paper: its limits, what a profile comes to for one picture, the price, and what a status means.

Sources: the vendor's contract for `POST /image/upscale`, and for what it leaves open the vendor's later public pages.
Everything likely to change on the vendor's side stands in this one file.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from watchd.core.money import usd
from watchd.core.request import tiling
from watchd.model import Asked, Outcome, Parameters, Profile, Tile

if TYPE_CHECKING:
    from watchd.model import Price

MIN_PIXELS = 65_536
MIN_SIDE_PX = 64
MAX_PIXELS = 16_777_216
MAX_UPLOAD_BYTES = 25_000_000 - 1
"""The service takes files below 25 MB; as base64 in JSON that stays below its 35 MB for a body."""
MAX_ANSWER_BYTES = 128_000_000
REDUCED_SCALE = 4.0
"""The one scale that dialect `enhance` reduces by itself when the result would be too large."""
LOWER_PRICE_UP_TO = 2.0
"""The effective scale up to which, itself included, the lower price holds."""
SCALE_DECIMALS = 4
"""Finer than any result shows; two scales that differ by less are the same request."""
SIZE_TOLERANCE_PX = 2
"""How many pixels a side of the answer may differ from the computed size: services round differently."""

DEFAULTS = {"scale": 2.0, "enhance": False, "enhanceCreativity": 0.5, "replication": 0.35, "creativity": 0.01}
"""What the service takes for a field that is not sent, as its contract documents it."""

Dialect = Literal["enhance", "creativity"]
Oversize = Literal["fit", "tile", "fail"]


@dataclass(frozen=True, slots=True)
class Refusal:
    """The picture cannot be processed under this profile; nothing is sent, nothing is paid."""

    reason: str


def plan(
    profile: Profile, width: int, height: int, *, dialect: Dialect, oversize: Oversize, price: Price
) -> Parameters | Refusal:
    """What would be sent for a picture of `width` x `height` upright pixels under `profile`, or why nothing can be."""
    pixels = width * height
    if pixels < MIN_PIXELS or min(width, height) < MIN_SIDE_PX:
        return Refusal(
            f"{width}x{height} is too small: the service takes pictures from {MIN_SIDE_PX} pixels a side"
            f" and {MIN_PIXELS:,} pixels in all"
        )
    wanted = scale_of(profile)
    if oversize == "tile" and _effective(wanted, width, height) != wanted:
        return _tiled(profile, width, height, dialect, price)
    scale = _scale_to_send(profile, width, height, dialect, oversize)
    if isinstance(scale, Refusal):
        return scale
    effective = _effective(scale, width, height)
    result = _result_size(width, height, effective)
    fields = _fields(profile, scale, dialect)
    identity = _identity(dict(fields), effective, dialect)
    return Parameters(scale, effective, *result, fields, identity, price_of(effective, price))


def _tiled(profile: Profile, width: int, height: int, dialect: Dialect, price: Price) -> Parameters | Refusal:
    """One call for each tile, every one of a size that the service neither refuses nor reduces."""
    scale = scale_of(profile)
    cut = tiling.cut(width, height, scale, most_pixels=MAX_PIXELS, least_side=MIN_SIDE_PX, least_pixels=MIN_PIXELS)
    if cut is None:
        return Refusal(f"{width}x{height} cannot be cut into tiles that the service takes at scale {scale:g}")
    tiles = []
    for number, rect in enumerate(cut, 1):
        part = plan(profile, rect.width, rect.height, dialect=dialect, oversize="fail", price=price)
        if isinstance(part, Refusal):
            return part
        tiles.append(Tile(number, rect.left, rect.top, rect.width, rect.height, part))
    fields = _fields(profile, scale, dialect)
    identity = _identity(dict(fields), scale, dialect)
    result = tiling.result_size(width, height, scale)
    return Parameters(scale, scale, *result, fields, identity, sum(tile.parameters.price for tile in tiles), (*tiles,))


def in_words(planned: Parameters, profile: Profile) -> str:
    """What is asked for, for people: how it differs from what the profile says, and what it costs."""
    size = f"{planned.width}x{planned.height} pixels at scale {planned.effective_scale:.4g}"
    if planned.tiles:
        size += f" in {len(planned.tiles)} tiles"
    elif planned.effective_scale < scale_of(profile):
        size += f", lowered from {scale_of(profile):g} so that the result fits"
    return f"{size}, for {usd(planned.price)}"


def asked(planned: Parameters, profile: Profile) -> Asked:
    """What of it the ledger keeps."""
    return Asked(planned.identity, planned.price, planned.width, planned.height, in_words(planned, profile))


def scale_of(profile: Profile) -> float:
    """The scale that a profile asks for, by itself or by leaving it to the service."""
    return DEFAULTS["scale"] if profile.scale is None else profile.scale


def _effective(scale: float, width: int, height: int) -> float:
    return min(scale, math.sqrt(MAX_PIXELS / (width * height)))


def _result_size(width: int, height: int, effective: float) -> tuple[int, int]:
    result = round(width * effective), round(height * effective)
    if math.prod(result) > MAX_PIXELS:  # by rounding alone, and no answer passes the limit
        return math.floor(width * effective), math.floor(height * effective)
    return result


def _scale_to_send(profile: Profile, width: int, height: int, dialect: Dialect, oversize: Oversize) -> float | Refusal:
    scale = scale_of(profile)
    effective = _effective(scale, width, height)
    if effective == scale:
        return scale
    pixels = width * height
    wanted = f"{width}x{height} at scale {scale:g} would pass the service's {MAX_PIXELS:,} pixels"
    enlarges = _result_size(width, height, effective) > (width, height)
    if pixels > MAX_PIXELS or not (enlarges or (profile.enhance and dialect == "enhance")):
        return Refusal(f"{wanted} and no smaller scale enlarges it; `oversize: tile` would cut it into tiles")
    if dialect == "creativity" or scale == REDUCED_SCALE:
        return scale
    fitted = _fitted(width, height)
    if oversize == "fail":
        least = f"`oversize: fit` would lower the scale to {max(fitted, 1.0):g}"
        return Refusal(f"{wanted}, and this folder has `oversize: fail`: {least}, `oversize: tile` would cut it")
    if fitted > 1:
        return fitted
    return 1.0 if profile.enhance else Refusal(f"{wanted} and no smaller scale enlarges it by a whole step")


def _fitted(width: int, height: int) -> float:
    """The largest scale of four decimals whose rounded-up result the service still takes."""
    steps = math.floor(math.sqrt(MAX_PIXELS / (width * height)) * 10_000)
    while math.ceil(width * steps / 10_000) * math.ceil(height * steps / 10_000) > MAX_PIXELS:
        steps -= 1
    return steps / 10_000


def _fields(profile: Profile, scale: float, dialect: Dialect) -> tuple[tuple[str, str | float | bool], ...]:
    """What is sent: what the profile says, and a scale that had to be lowered. The rest is the service's to choose."""
    said: dict[str, str | float | bool | None] = {"scale": scale}
    if profile.scale is None and scale == DEFAULTS["scale"]:
        said["scale"] = None
    if dialect == "creativity":
        said["creativity"] = profile.creativity
    else:
        said["enhance"] = profile.enhance
        if profile.enhance:
            said["enhanceCreativity"] = profile.enhance_creativity
            said["enhancePrompt"] = profile.enhance_prompt
        said["replication"] = profile.replication
    return tuple((name, value) for name, value in said.items() if value is not None)


def _identity(fields: dict[str, str | float | bool], effective: float, dialect: Dialect) -> str:
    """The same text for requests that the service takes for the same: a default said is a default left unsaid."""
    names = ["creativity"] if dialect == "creativity" else ["enhance", "replication"]
    if fields.get("enhance"):
        names.append("enhanceCreativity")
    meant = {name: DEFAULTS[name] for name in names} | fields
    meant |= {"dialect": dialect, "scale": round(effective, SCALE_DECIMALS)}
    return json.dumps(meant, sort_keys=True, ensure_ascii=True)


def profile_of(identity: str, name: str) -> Profile:
    """A profile that asks for what the identity of parameters says: of a picture that is finished as it was begun."""
    meant = json.loads(identity)
    enhance = meant.get("enhance")
    return Profile(
        name, meant["scale"], enhance, meant.get("enhancePrompt"), meant.get("enhanceCreativity"),
        meant.get("replication"), meant.get("creativity"), tile_enhance=bool(enhance),
    )  # fmt: skip


def effective_scale(identity: str) -> float:
    """The scale in the identity of parameters (see `model.Parameters`): the one applied, after any reduction."""
    return float(json.loads(identity)["scale"])


def price_of(effective_scale: float, price: Price) -> int:
    """Micro-dollars for one call. Up to and including an effective scale of 2 the lower price holds."""
    return price.up_to_2x if effective_scale <= LOWER_PRICE_UP_TO else price.above_2x


@dataclass(frozen=True, slots=True)
class Answer:
    """An answered error: the status, the service's own words, and the headers that say when to come back."""

    status: int
    message: str
    retry_after: float | None = None
    """Seconds, from `Retry-After`, or for a 429 from the vendor's reset header; already made relative to now."""
    balance_usd: float | None = None
    balance_diem: float | None = None
    is_page: bool = False
    """It is an HTML page: the word of something in between, as the service itself answers in JSON."""


def is_firewalls(answer: Answer) -> bool:
    """Whether something in between refused the call. It says nothing about the key."""
    return answer.status in {401, 403} and answer.is_page


def meaning(answer: Answer) -> Outcome:
    """What an answer other than 200 says of the call (the table in the vendor notes)."""
    status = answer.status
    match status:
        case 401 | 403:
            return Outcome.SERVER if is_firewalls(answer) else Outcome.KEY
        case 402:
            return Outcome.BALANCE
        case 429:
            return Outcome.RATE
        case 500 | 502 | 503:
            return Outcome.SERVER
        case _ if status >= 500 or 200 <= status < 300:  # noqa: PLR2004 -- server errors; answers that we cannot read
            return Outcome.LOST
        case _:
            return Outcome.REFUSED


def counts_against_the_key(answer: Answer) -> bool:
    """Whether the vendor counts the answer among the failed attempts for which it refuses a key for a while."""
    return 400 <= answer.status < 500 and not is_firewalls(answer)  # noqa: PLR2004 -- the 4xx of HTTP


def names_the_file(status: int) -> bool:
    """Whether a refusal is about this file for certain; any other 3xx or 4xx may be the service's own trouble."""
    return status in {400, 413, 415, 422}


def of_another_dialect(status: int, scale: float) -> str:
    """What a 400 for the enhancer alone most likely means; empty where the answer means nothing of the kind."""
    if status == 400 and scale == 1:  # noqa: PLR2004 -- HTTP
        return "; scale 1 is refused by a service that speaks dialect `creativity`: `watchd check` tells which it is"
    return ""


UNCHANGED = (
    "the service brought back the very bytes that it got, as one that speaks dialect `creativity` and ignores `enhance`"
    " would; `watchd check` tells which it speaks"
)
"""What is said of an enhanced picture that is the upload, byte for byte."""


def balance_meaning(message: str) -> str:
    """What a 402 says, told apart for the operator: credentials, the key's own limit, or an empty balance."""
    lower = message.lower()
    if "spend limit" in lower or "spending limit" in lower or "limit exceeded" in lower:
        return "the key's own spend limit is reached: raise it, or use another key"
    if "credential" in lower or "unauthenticated" in lower or "authentication" in lower or "api key required" in lower:
        return "the service saw no credentials: check the key"
    return "the balance is empty: top up the account"


def is_key_ban(message: str) -> bool:
    """Whether a 429 is the ban that follows too many failed attempts rather than the ordinary rate limit."""
    return "too many failed attempts" in message.lower()


def size_matches(expected: tuple[int, int], answered: tuple[int, int]) -> bool:
    """Whether the answer has the size asked for, give or take the service's rounding."""
    return all(abs(want - got) <= SIZE_TOLERANCE_PX for want, got in zip(expected, answered, strict=True))
