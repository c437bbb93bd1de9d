"""The service: does it answer, what does it speak, is it paid, how fast may it be asked, what time is it there."""

from __future__ import annotations

from typing import TYPE_CHECKING

from watchd.adapters.http.inquiry import Inquiry, inquire
from watchd.config.secrets import KeyFound, KeyTrouble
from watchd.inspection.finding import Finding, warning, well, wrong

if TYPE_CHECKING:
    from collections.abc import Iterator

    from watchd.model import Settings


FAST_S = 120.0
"""Seconds that the service's clock may differ from ours: it tells whole seconds, and answers take their time."""


def service(settings: Settings, key: KeyFound | KeyTrouble, now: float) -> Iterator[Finding]:
    """All that the service tells free of charge; `now` in Unix seconds."""
    base_url = settings.api.base_url
    secret = key.key.reveal() if isinstance(key, KeyFound) else None
    match inquire(settings.api, secret):
        case str() as trouble:
            remedy = "see whether this machine has a way out, and at api.base_url and api.proxy"
            yield wrong("service", f"{base_url}: {trouble}", remedy)
        case Inquiry() as learnt:
            yield well("service", f"{base_url} answers")
            yield from _clock(learnt, now)
            yield _dialect(settings, learnt)
            yield from _enhancer(settings, learnt)
            if learnt.refused is not None:
                text = f"the service refuses the key ({learnt.refused.words})"
                yield wrong("key", text, "put a valid one in its place; a running watchd takes it within seconds")
            elif secret is not None:
                yield _balance(learnt)
                yield _rate(settings, learnt)


def _clock(learnt: Inquiry, now: float) -> Iterator[Finding]:
    if learnt.moment is None:
        return
    apart = now - learnt.moment
    if abs(apart) <= FAST_S:
        yield well("clock", "agrees with the service's")
    else:
        text = f"this machine's clock is {abs(apart):,.0f} s {'ahead of' if apart > 0 else 'behind'} the service's"
        yield warning("clock", text, "set the clock (timedatectl): the days of budgets and `hours` go by it")


def _dialect(settings: Settings, learnt: Inquiry) -> Finding:
    ours = settings.api.dialect
    if learnt.dialect is None:
        text = f"could not be learnt; the configuration says {ours}"
    elif learnt.dialect == ours:
        text = f"the service speaks {ours}, as the configuration says"
    else:
        text = (
            f"the service looks like dialect {learnt.dialect}, the configuration says {ours}: fields of the other"
            " dialect are ignored and billed all the same"
        )
        return warning("dialect", text, f"set `api.dialect: {learnt.dialect}`")
    return well("dialect", text)


def _enhancer(settings: Settings, learnt: Inquiry) -> Iterator[Finding]:
    """Whether what the profiles ask of the enhancer will be done."""
    asking = sorted({folder.profile.name for folder in settings.folders if folder.profile.enhance})
    if not asking:
        return
    told = f"profile{'s' if len(asking) > 1 else ''} {', '.join(asking)}"
    match learnt.dialect:
        case None:
            yield well("enhance", f"{told}: whether the service enhances could not be learnt")
        case "enhance":
            yield well("enhance", f"{told}: the service enhances")
        case "creativity":
            text = f"{told}: the service ignores `enhance`, and bills the call"
            yield warning("enhance", text, "use `creativity` instead, or profiles without")


def _balance(learnt: Inquiry) -> Finding:
    left = ", ".join(f"{amount:,.2f} {name}" for name, amount in sorted(learnt.balances.items(), reverse=True))
    refill = f"; the daily allowance begins anew at {learnt.refilled_at}" if learnt.refilled_at else ""
    told = f"{left or 'what is left could not be learnt'}{refill}"
    match learnt.permitted:
        case None:
            return well("balance", "could not be learnt; a call will tell")
        case True:
            return well("balance", f"calls are permitted: {told}")
        case False:
            return wrong("balance", f"calls are not permitted: {told}", "Top up the account; the rest heals by itself")


def _rate(settings: Settings, learnt: Inquiry) -> Finding:
    ours, theirs = settings.api.requests_per_minute, learnt.per_minute
    if theirs is None:
        return well("rate", f"the service's limit could not be learnt; ours is {ours or 'none'} a minute")
    if ours == 0 or ours > theirs:
        text = f"the service takes {theirs} requests a minute, ours may be more"
        return warning("rate", text, f"set `api.requests_per_minute: {theirs}` or lower")
    return well("rate", f"the service takes {theirs} requests a minute, ours are at most {ours}")
