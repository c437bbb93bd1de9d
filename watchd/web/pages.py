"""The page as HTML: readable without scripts; a script only fetches it again when something has changed.

Everything that people named passes through `escape`.
"""

from __future__ import annotations

import re
from datetime import datetime
from html import escape
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from watchd.core.text import on_one_line
from watchd.model import SHOWN_STATES, JobState

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from watchd.interfaces.ledger.views import HistoryPage

PAGE = 50


_LINKS = re.compile(r'\b(href|src|action)="/')
"""Links of ours: what people named is in no attribute but escaped, without a quotation mark."""


def page(title: str, main: str, base_path: str) -> str:
    """A whole document, whose links are written from the root and get `base_path` put before them here."""
    whole = (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(title)}</title>"
        '<link rel="stylesheet" href="/compare.css"><link rel="stylesheet" href="/page.css">'
        '<link rel="icon" href="data:,"><script src="/page.js" defer></script></head>\n<body>'
        '<header><a href="/">watchd</a><span id="live" role="status"></span></header>\n'
        f"<main>{main}</main></body></html>"
    )
    return _LINKS.sub(rf'\1="{base_path}/', whole) if base_path else whole


def moment(told: str | None) -> str:
    """An ISO 8601 moment on the host's own clock, which days, budgets and hours go by; "" for none."""
    if not told:
        return ""
    try:
        local = datetime.fromisoformat(told).astimezone().strftime("%Y-%m-%d %H:%M:%S")
    except ValueError:
        local = told
    return f'<time datetime="{escape(told)}">{escape(local)}</time>'


def now(
    status: Mapping[str, Any], counts: Mapping[str, int], spent: Mapping[str, float], budget: Mapping[str, float | None]
) -> str:
    """What is under way, what holds it up, and what it costs."""
    gate = status["gate"]
    if gate["open"]:
        door = '<p class="well">Calls are made.</p>' + _button("/do/pause", "Pause", {})
    else:
        again = f" Tried again at {moment(gate['retry_at'])}." if gate["retry_at"] else ""
        door = (
            f'<p class="trouble"><strong>No calls: {escape(gate["reason"])}.</strong> {escape(gate["detail"] or "")}'
            f" Since {moment(gate['since'])}.{again}</p>" + _button("/do/resume", "Resume", {})
        )
    numbers = "".join(f"<div><dt>{escape(name)}</dt><dd>{number}</dd></div>" for name, number in counts.items())
    doubt = f", ${spent['in_doubt']:.2f} of it in doubt" if spent["in_doubt"] else ""
    today = _money("Today", spent["today"], budget["today"])
    month = _money("this month", spent["month"], budget["month"])
    unlimited = "" if any(budget.values()) else " No budget is set."
    return (
        f'<section id="now"><h2>Now</h2>{door}<dl class="counts">{numbers}</dl>'
        f"<p>{today}, {month}, in all ${spent['total']:.2f}{doubt}.{unlimited}</p></section>"
    )


def _money(words: str, spent: float, most: float | None) -> str:
    if most is None:
        return f"{words} ${spent:.2f}"
    meter = f'<meter min="0" max="{most:.2f}" high="{most * 0.8:.2f}" value="{spent:.2f}"></meter>'
    return f"{words} ${spent:.2f} of ${most:.2f} {meter}"


def folders(listed: Iterable[Mapping[str, Any]]) -> str:
    """The hot folders as they stand."""
    rows = "".join(
        f'<tr class="{escape(one["state"])}"><td><a href="/?{urlencode({"folder": one["name"]})}">{escape(one["name"])}'
        f"</a></td><td>{escape(one['profile'])}</td><td>{escape(one['state'])}, {escape(one['watch'])}</td>"
        f"<td>{escape(one['reason'] or '')}</td></tr>"
        for one in listed
    )
    return (
        '<section id="folders"><h2>Folders</h2><table><thead><tr><th>Name<th>Profile<th>State<th></tr></thead>'
        f"<tbody>{rows}</tbody></table></section>"
    )


def trouble(jobs: Sequence[Mapping[str, Any]], failed: int, unknown: int) -> str:
    """All that waits for a decision, in one place with one button."""
    if not failed + unknown:
        return '<section id="trouble"><h2>Nothing failed</h2></section>'
    # One button for what cost nothing. What was perhaps paid for is decided one by one, or by a command that says so.
    button = _button("/do/retry", f"Try all {failed} again", {"all": "yes"}) if failed else ""
    doubt = (
        f"<p>{unknown} unknown: perhaps paid for already, and left alone by a button for all. Each has its own;"
        " <code>watchd retry --unknown</code> sends all of them again.</p>"
        if unknown else ""
    )  # fmt: skip
    more = f"<p>The last {len(jobs)} of {failed + unknown}.</p>" if len(jobs) < failed + unknown else ""
    return (
        f'<section id="trouble"><h2>{failed} failed, {unknown} unknown</h2>{button}{doubt}{table(jobs)}{more}</section>'
    )


def history(found: HistoryPage, asked: Mapping[str, str], names: Iterable[str]) -> str:
    """Jobs, newest first, as far as they were asked for, and looked through in the time that a search has."""
    states = "".join(_option(state, asked.get("state")) for state in SHOWN_STATES)
    listed = "".join(_option(name, asked.get("folder")) for name in names)
    older = ""
    if found.before is not None:
        more = "Older" if len(found.rows) == PAGE else f"Looked through down to job {found.before}; search on"
        older = f'<p><a rel="next" href="/?{urlencode({**asked, "before": str(found.before)})}#history">{more}</a></p>'
    return (
        '<section id="history"><h2>Jobs</h2><form action="/" role="search">'
        f'<label>File <input name="q" type="search" value="{escape(asked.get("q", ""))}"></label>'
        f'<label>State <select name="state"><option value="">all</option>{states}</select></label>'
        f'<label>Folder <select name="folder"><option value="">all</option>{listed}</select></label>'
        f"<button>Search</button></form>{table(found.rows)}{older}</section>"
    )


def table(jobs: Sequence[Mapping[str, Any]]) -> str:
    """Jobs as a table; thumbnails are made when they come into view."""
    if not jobs:
        return "<p>None.</p>"
    rows = "".join(
        f'<tr class="{escape(job["state"])}"><td><a href="/job/{job["id"]}">'
        f'<img src="/picture/{job["id"]}/{"after" if job["output"] else "before"}?small" alt="" loading="lazy"'
        f' width="64" height="64"></a></td><td><a href="/job/{job["id"]}">{escape(on_one_line(job["path"]))}</a><br>'
        f"<small>{escape(job['folder'])}, {escape(job['profile'])}</small></td>"
        f"<td>{escape(job['state'])}<br><small>{escape(job['error'] or '')}</small></td>"
        f"<td>${job['cost']:.2f}</td><td><small>{moment(job['finished_at'] or job['created_at'])}</small></td></tr>"
        for job in jobs
    )
    return (
        '<table class="jobs"><thead><tr><th><th>File<th>State<th>Cost<th>When</tr></thead>'
        f"<tbody>{rows}</tbody></table>"
    )


def job(told: Mapping[str, Any], stage: str) -> str:
    """One job: before and after, its life step by step, and what can be done."""
    steps = "".join(
        f"<tr><td><small>{moment(step['at'])}</small></td><td>{escape(step['step'])}</td>"
        f"<td>{escape(on_one_line(step['detail']))}</td></tr>"
        for step in told["steps"]
    )
    again = ""
    if told["state"] in {JobState.FAILED, JobState.UNKNOWN}:
        words = "Try again" if told["state"] == JobState.FAILED else "Send again; it may be paid twice"
        again = _button("/do/retry", words, {"id": str(told["id"])})
    error = f'<p class="trouble">{escape(told["error"])}</p>' if told["error"] else ""
    return (
        f"<h1>{escape(told['folder'])}/{escape(on_one_line(told['path']))}</h1>"
        f"<p>Job {told['id']}, {escape(told['profile'])}, {escape(told['state'])}, ${told['cost']:.2f}</p>"
        f'{error}{again}{stage}<section id="life"><h2>Its life</h2><table><tbody>{steps}</tbody></table></section>'
    )


def _option(value: str, chosen: str | None) -> str:
    mark = " selected" if value == chosen else ""
    return f'<option value="{escape(value)}"{mark}>{escape(value)}</option>'


def _button(action: str, words: str, fields: Mapping[str, str]) -> str:
    hidden = "".join(
        f'<input type="hidden" name="{escape(name)}" value="{escape(value)}">' for name, value in fields.items()
    )
    return f'<form method="post" action="{action}">{hidden}<button>{escape(words)}</button></form>'
