"""What an answer other than a picture says: the service's words, when to come back, what is left of the balance."""

from __future__ import annotations

import json
import time
from datetime import UTC
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any

import httpcore
import httpx

from watchd.core.calls.outcomes import Quota
from watchd.core.request.endpoint import Answer
from watchd.core.text import on_one_line

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from watchd.adapters.http.dialogue import Head
    from watchd.adapters.http.redactor import Redactor

MOST_ERROR_BYTES = 64 * 1024
MOST_CHARACTERS = 500
MILLISECONDS_FROM = 1e12
"""A Unix time from here on is in milliseconds."""
MOMENTS_FROM = 1e9
"""A smaller number, which as a Unix time would lie before 2001, can only be meant as seconds from now."""


def read_error(head: Head, pieces: Iterable[bytes], hidden: Redactor) -> Answer:
    """The answer of a status other than 200; a body that breaks off is used as far as it came."""
    body = b""
    try:
        for chunk in pieces:
            body += chunk
            if len(body) > MOST_ERROR_BYTES:
                break
    except (httpcore.NetworkError, httpcore.TimeoutException, httpcore.ProtocolError):
        pass  # the status has been read; its words are only for people
    headers = head.headers
    return Answer(
        status=head.status,
        message=words(body, headers.get("content-type", ""), hidden),
        retry_after=_seconds_to_wait(headers, head.status),
        balance_usd=_number(headers.get("x-venice-balance-usd")),
        balance_diem=_number(headers.get("x-venice-balance-diem")),
        is_page=_is_page(body, headers.get("content-type", "")),
    )


def _is_page(body: bytes, content_type: str) -> bool:
    return "html" in content_type.lower() or body.lstrip()[:16].lower().startswith((b"<!doctype html", b"<html"))


def words(body: bytes, content_type: str, hidden: Redactor) -> str:
    """The message of an error body, on one line: its `error` and `details` if it is JSON, else what it looks like."""
    # JSON can spell half of a character, which no file and no database takes; and a newline, or what moves a
    # terminal's cursor: whoever answers in the service's place must not write lines of ours into the log.
    whole = on_one_line(" ".join(_words(body, content_type).encode("utf-8", "replace").decode().split()))
    # Veiled when it has been read, since JSON can spell a character in several ways; and before it is cut.
    return hidden(whole)[:MOST_CHARACTERS] or "no words"


def _words(body: bytes, content_type: str) -> str:
    text = body.decode("utf-8", "replace").strip()
    try:
        parsed = json.loads(text)
    except (ValueError, RecursionError):  # nested deeper than anyone means it
        if _is_page(body, content_type):
            return "an HTML page, as a proxy in between answers it"
        return text
    if not isinstance(parsed, dict):
        return str(parsed)
    said = str(parsed.get("error", "no words"))
    told = _details(parsed.get("details"))
    return f"{said} ({told})" if told else said


def _details(details: Any) -> str:
    """`details` is an object of lists of `_errors`, nested by field, and sometimes a string."""
    if isinstance(details, str):
        return details
    if not isinstance(details, dict):
        return ""
    found = []
    for name, inner in details.items():
        if name == "_errors" and isinstance(inner, list):
            found += [str(text) for text in inner]
        elif inner_text := _details(inner):
            found.append(f"{name}: {inner_text}")
    return "; ".join(found)


def quota(headers: Mapping[str, str]) -> Quota:
    """What the vendor's rate-limit headers say; a header that is missing or makes no sense says nothing."""
    return Quota(
        limit=_whole(headers.get("x-ratelimit-limit-requests")),
        remaining=_whole(headers.get("x-ratelimit-remaining-requests")),
        resets_in=_seconds_to_reset(headers),
    )


def _seconds_to_wait(headers: Mapping[str, str], status: int) -> float | None:
    asked = headers.get("retry-after")
    if asked is not None:
        seconds = _number(asked)
        if seconds is not None:
            return max(0.0, seconds)
        moment = _moment(asked)
        if moment is not None:
            return max(0.0, moment - _now_there(headers))
    # When the limit is reset comes with every answer, and means something to one that the limit is the reason for.
    return _seconds_to_reset(headers) if status == httpx.codes.TOO_MANY_REQUESTS else None


def _seconds_to_reset(headers: Mapping[str, str]) -> float | None:
    reset = _number(headers.get("x-ratelimit-reset-requests"))
    if reset is None or reset < 0:
        return None
    if reset < MOMENTS_FROM:
        return reset
    return max(0.0, (reset / 1000 if reset >= MILLISECONDS_FROM else reset) - _now_there(headers))


def _now_there(headers: Mapping[str, str]) -> float:
    """The Unix time at which the service believes to have answered: our own clock may be wrong by years."""
    moment = _moment(headers.get("date", ""))
    return time.time() if moment is None else moment


def _moment(date: str) -> float | None:
    try:
        moment = parsedate_to_datetime(date)
    except (ValueError, OverflowError):
        return None
    return moment.replace(tzinfo=moment.tzinfo or UTC).timestamp()


def _whole(text: str | None) -> int | None:
    number = _number(text)
    return int(number) if number is not None and number >= 0 else None


def _number(text: str | None) -> float | None:
    try:
        number = float(text) if text is not None else None
    except ValueError:
        return None
    return number if number is not None and abs(number) < float("inf") else None


def permitted(document: Any) -> bool | None:
    """What the JSON of the balance query says: whether calls are permitted; None if that cannot be told from it."""
    data = document.get("data") if isinstance(document, dict) else None
    access = data.get("accessPermitted") if isinstance(data, dict) else None
    if not isinstance(data, dict) or not isinstance(access, bool):
        return None
    balances = data.get("balances")
    if isinstance(balances, dict) and balances:
        amounts = [amount for amount in balances.values() if isinstance(amount, int | float)]
        return access and (not amounts or any(amount > 0 for amount in amounts))  # none that can be read says nothing
    return access
