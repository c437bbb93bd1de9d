"""Whatever comes out of somebody else's plugin, notices go on."""

from __future__ import annotations

import logging
import sys
import threading
from types import ModuleType

import pytest

from watchd.adapters.http import notifying
from watchd.core.notices import Notice, NoticeKind

NOTICE = Notice(NoticeKind.PAUSED, "watchd makes no calls: paused", "asked for")


class Plugin:
    """Apprise as far as it is used, with a plugin that fails in a way of its own and then works."""

    def __init__(self) -> None:
        self.told = threading.Event()
        self.failures: list[Exception] = [RuntimeError("SECRET"), DeprecationWarning("SECRET")]

    def add(self, _url: str) -> bool:
        return True

    def notify(self, *, title: str, body: str) -> bool:
        if self.failures:
            raise self.failures.pop()
        assert (title, body) == (NOTICE.title, NOTICE.text)
        self.told.set()
        return True


@pytest.fixture
def plugin(monkeypatch: pytest.MonkeyPatch) -> Plugin:
    made = Plugin()
    module = ModuleType("apprise")
    module.Apprise = lambda: made  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "apprise", module)
    monkeypatch.setattr(notifying, "TRIES", (0.0,))
    return made


def test_a_plugin_that_raises_costs_its_notice_and_nothing_else(
    plugin: Plugin, caplog: pytest.LogCaptureFixture
) -> None:
    notifier = notifying.Notifier(["mailto://SECRET"])
    notifier.start()
    with caplog.at_level(logging.WARNING):
        for _ in range(3):
            notifier.tell(NOTICE)
        assert plugin.told.wait(10), "the third is told"
    notifier.stop()
    assert [record.__dict__["action"] for record in caplog.records] == ["notice_failed"] * 2
    assert "SECRET" not in caplog.text
