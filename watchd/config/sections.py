"""The keys that hold for all folders: kind, default and explanation of each, as pydantic models.

Defaults stand here as a user writes them and are read like any other value; a test holds them to those of
`watchd.model`. The JSON Schema for editors and the reference page are both made from these models.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from watchd.config.kinds import Choice, Duration, Money, Text, Whole
from watchd.config.page_texts import BasePath, HostName, Network
from watchd.config.texts import Listen, PathText, Url

DAY_S = 86_400.0
NOTICES = ("paused", "resumed", "failed", "budget", "offline", "summary")
USUAL_NOTICES = NOTICES[:4]


class Section(BaseModel):
    """What all mappings of the file share: no unknown key, and defaults that are read as if they were written."""

    model_config = ConfigDict(extra="forbid", validate_default=True, frozen=True)


def _nothing_is_empty(value: Any) -> Any:
    """A section whose keys are all commented out is a section of defaults."""
    return {} if value is None else value


def _nothing_is_no_item(value: Any) -> Any:
    return [] if value is None else value


Forgiving = BeforeValidator(_nothing_is_empty)
ForgivingList = BeforeValidator(_nothing_is_no_item)
Dollars = Annotated[int, Money()]
Seconds = float


def key(default: Any = ..., *, description: str, examples: list[Any] | None = None) -> Any:
    """A key of the file: its default as a user writes it (none: it must be given) and what it does."""
    return Field(default, description=description, examples=examples)


class PriceSection(Section):
    """What one call costs, by effective scale."""

    up_to_2x: Dollars = key("0.02", description="Price in USD of a call with an effective scale of up to 2.")
    above_2x: Dollars = key("0.08", description="Price in USD of a call with an effective scale above 2.")


class ApiSection(Section):
    """How the service is reached."""

    base_url: Annotated[str, Url()] = key(
        "https://api.venice.ai/api/v1",
        description="Address of the service; `$WATCHD_BASE_URL` overrides it. Plain http serves this machine only.",
    )
    key_file: Annotated[str, PathText(secret=True)] | None = key(
        "/etc/watchd/venice.key",
        description="File that holds the API key; where it is missing, the systemd credential `venice-api-key`, then "
        "`$VENICE_API_KEY`. The key itself never stands in this file.",
    )
    dialect: Annotated[Literal["enhance", "creativity"], Choice(("enhance", "creativity"))] = key(
        "enhance", description="enhance: the documented contract. creativity: the endpoint as it is since 2026-07."
    )
    transfer: Annotated[Literal["multipart", "json"], Choice(("multipart", "json"))] = key(
        "multipart", description="How a picture travels: as a multipart upload, or as base64 in JSON."
    )
    workers: Annotated[int, Whole(1, 64)] = key(
        4, description="Most calls in flight at once; what comes next is read, hashed and claimed while they run."
    )
    requests_per_minute: Annotated[int, Whole(0, 100_000, null_means=0)] = key(
        20, description="Most calls a minute, shared by all folders; 0 or null: no limit of our own."
    )
    connect_timeout: Annotated[Seconds, Duration(0.1, 3600, "10s")] = key(
        "10s", description="How long a connection may take to come about."
    )
    timeout: Annotated[Seconds, Duration(1, DAY_S, "5m")] = key(
        "5m",
        description="How long an answer may take once the whole picture is sent. An upload takes as long as it moves; "
        "it is given up, unpaid, where nothing arrives for so long, 30s at most, or under 64 KiB in a minute.",
    )
    proxy: Annotated[str, Url(of_service=False)] | None = key(
        None, description="Proxy to go through; the environment's proxies are not used.", examples=["http://proxy:3128"]
    )
    max_attempts: Annotated[int, Whole(1, 100)] = key(
        5, description="Answered failures (500, 502, 503) of one file before it is failed."
    )
    resend_lost: Annotated[int, Whole(0, 100)] = key(
        0,
        description="How often a call whose answer was lost, and which was possibly charged, is sent again on its own; "
        "0: it waits for `watchd retry --unknown`.",
    )
    price: Annotated[PriceSection, Forgiving] = key({}, description="Prices used for budgets and estimates.")


class BudgetSection(Section):
    """The most that may be spent; it is reserved before a call is made."""

    day: Dollars | None = key(None, description="Most USD a day of local time; null: no limit.", examples=["10.00"])
    month: Dollars | None = key(None, description="Most USD a month; null: no limit.", examples=["100.00"])


class ApprovalSection(Section):
    """A backlog above either figure waits for `watchd approve`."""

    cost: Dollars | None = key("20.00", description="A backlog that would cost more USD waits; null: no limit.")
    files: Annotated[int, Whole(0, 1_000_000_000)] | None = key(
        None, description="A backlog of more files waits; null: no limit.", examples=[500]
    )


class BalanceProbeSection(Section):
    """How a closed balance gate is tried after the service answered 402."""

    first: Annotated[Seconds, Duration(1, DAY_S, "1m")] = key("1m", description="Wait before the first probe.")
    longest: Annotated[Seconds, Duration(1, 30 * DAY_S, "30m")] = key(
        "30m", description="The wait doubles after each probe, up to this."
    )


class WebSection(Section):
    """The page, health and metrics; off unless this section is given."""

    listen: Annotated[str, Listen()] = key("127.0.0.1:8787", description="Address and port to listen on.")
    token_file: Annotated[str, PathText(secret=True)] | None = key(
        None, description="File that holds the token asked of visitors; needed beyond loopback. Without it anybody on "
        "this machine may look, and for its buttons the page makes a token of its own at each start.",
    )  # fmt: skip
    hosts: Annotated[list[Annotated[str, HostName()]], ForgivingList] = key(
        [], description="Names that the page answers to besides this machine's own and its addresses.",
        examples=[["nas.fritz.box"]],
    )  # fmt: skip
    base_path: Annotated[str, BasePath()] = key(
        "", description="Path that a proxy serves the page under; it may take it away or pass it on.",
        examples=["/watchd"],
    )  # fmt: skip
    trusted_proxies: Annotated[list[Annotated[str, Network()]], ForgivingList] = key(
        [], description="Proxies whose X-Forwarded-For, -Host and -Proto are believed; those of others are not.",
        examples=[["172.16.0.0/12"]],
    )  # fmt: skip


class NotifySection(Section):
    """Who is told of what happens."""

    urls: Annotated[list[Annotated[str, Text("an Apprise URL", secret=True)]], ForgivingList] = key(
        [], description="Addresses to notify: http and https get plain JSON, others need Apprise (extra `notify`)."
    )
    urls_file: Annotated[str, PathText(secret=True)] | None = key(
        None, description="File with one address a line, so that secrets stay out of this one."
    )
    on: Annotated[list[Annotated[str, Choice(NOTICES)]], ForgivingList] = key(
        [*USUAL_NOTICES],
        description="Events to tell of: no calls are made (paused), they are again (resumed), files failed, 80 % and "
        "100 % of a budget, a folder is offline, a summary of the day.",
    )


class LogSection(Section):
    """What is logged, and in which shape."""

    level: Annotated[Literal["debug", "info", "warning", "error"], Choice(("debug", "info", "warning", "error"))] = (
        Field("info", description="The least severity that is logged.")
    )
    format: Annotated[Literal["auto", "text", "json", "journal"], Choice(("auto", "text", "json", "journal"))] = key(
        "auto", description="auto: text on a terminal, journald priorities and JSON fields under systemd."
    )
