"""Originals: what is done with them last, and what the owner may say meanwhile."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.fakes.pictures import picture
from watchd.adapters.filesystem.originals import FileOriginals
from watchd.core.request.endpoint import Answer
from watchd.model import JobState

if TYPE_CHECKING:
    import pytest

    from tests.unit.journey.workshop import Workshop


def test_a_retry_said_while_its_original_is_moved_away_finds_it_in_its_place(
    shop: Workshop, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    away = str(shop.place / "moved" / "a.png")
    there = picture(1)
    back: list[str] = []

    def move(_originals: FileOriginals, root: str, path: str, *_rest: object) -> bool:
        shop.tree.drop(root, path)
        shop.ledger.retry(shop.ledger.chosen(None, JobState.FAILED, None))
        return True

    def bring_back(_originals: FileOriginals, moved: str, root: str, path: str, *_rest: object) -> bool:
        back.append(moved)
        shop.tree.put(root, path, there)
        return True

    monkeypatch.setattr(FileOriginals, "move", move)
    monkeypatch.setattr(FileOriginals, "bring_back", bring_back)
    shop.restart(shop.folder(failed=str(shop.place / "moved")))
    shop.endpoint.script = [Answer(400, "no")]
    job = shop.run("a.png", there)
    assert (job.state, job.moved, back, shop.endpoint.calls) == (JobState.DONE, None, [away], 2)
    assert "Moved the original" not in caplog.text


def test_an_original_whose_folder_goes_offline_after_it_was_claimed_can_be_claimed_again(shop: Workshop) -> None:
    shop.restart(shop.folder(failed=str(shop.place / "moved")))
    shop.put("a.png", b"<html>no picture</html>" * 50)
    shop.settle()
    claim = shop.dispatcher.next_claim()
    assert claim is not None
    shop.journey.targets.failed(claim.job.folder, "not mounted")
    shop.runner.run(claim)
    again = shop.ledger.claim([claim.job.folder], [])
    assert again is not None
    assert again.id == claim.job.id
