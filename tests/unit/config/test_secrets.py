"""The API key: where it is looked for, what is refused, and that it shows itself nowhere."""

from __future__ import annotations

import logging
import os
import pickle
from dataclasses import asdict
from typing import TYPE_CHECKING

import pytest

from watchd.config.secrets import KeyFound, KeyTrouble, Secret, api_key
from watchd.model import Api

if TYPE_CHECKING:
    from pathlib import Path


def key_file(folder: Path, content: bytes, mode: int = 0o600) -> str:
    path = folder / "venice.key"
    path.write_bytes(content)
    path.chmod(mode)
    return str(path)


def test_the_key_file_comes_first_then_the_credential_then_the_environment(tmp_path: Path) -> None:
    environ = {"CREDENTIALS_DIRECTORY": str(tmp_path), "VENICE_API_KEY": "from-environment"}
    (tmp_path / "venice-api-key").write_text("from-credential\n")
    api = Api(key_file=key_file(tmp_path, b"from-file\n"))
    assert api_key(api, environ) == KeyFound(Secret("from-file"), f"key_file {api.key_file}")
    (tmp_path / "venice.key").unlink()
    assert api_key(api, environ) == KeyFound(Secret("from-credential"), "the systemd credential venice-api-key")
    (tmp_path / "venice-api-key").unlink()
    assert api_key(api, environ) == KeyFound(Secret("from-environment"), "$VENICE_API_KEY")


def test_a_key_missing_everywhere_names_all_places(tmp_path: Path) -> None:
    answer = api_key(Api(key_file=f"{tmp_path}/none"), {"VENICE_API_KEY": ""})
    assert answer == KeyTrouble(
        f"no API key; looked at key_file {tmp_path}/none (no such file), the systemd credential venice-api-key "
        "(not run with any), $VENICE_API_KEY (empty). Put the key alone into the key file, with mode 600"
    )


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "is empty"),
        (b" \n", "is empty"),
        (b"two words", "blanks or several lines"),
        (b"one\ntwo\n", "blanks or several lines"),
        (b"Bearer abc", "blanks or several lines"),
        (b"key\x00", "no API key has"),
        ("schlüssel".encode(), "no API key has"),
        (b"x" * 5000, "more than 4,096 bytes"),
    ],
)
def test_a_key_file_that_holds_no_key_is_told_and_nothing_else_is_tried(
    tmp_path: Path, content: bytes, said: str
) -> None:
    answer = api_key(Api(key_file=key_file(tmp_path, content)), {"VENICE_API_KEY": "other-account"})
    assert isinstance(answer, KeyTrouble)
    assert said in answer.problem
    assert content.decode("latin-1").strip()[:20] not in answer.problem or not content.strip()


def test_a_key_file_readable_by_others_is_used_with_a_warning(tmp_path: Path) -> None:
    answer = api_key(Api(key_file=key_file(tmp_path, b"abc", 0o644)), {})
    assert isinstance(answer, KeyFound)
    assert answer.key.reveal() == "abc"
    assert answer.warning is not None
    assert "chmod 600" in answer.warning


def test_a_fifo_in_place_of_the_key_file_holds_up_nobody(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    for path in (tmp_path / "fifo", tmp_path):
        answer = api_key(Api(key_file=str(path)), {"VENICE_API_KEY": "x"})
        assert isinstance(answer, KeyTrouble)
        assert "no regular file" in answer.problem


def test_a_secret_shows_itself_nowhere_but_where_it_is_revealed(caplog: pytest.LogCaptureFixture) -> None:
    answer = KeyFound(Secret("hidden-key"), "somewhere")
    with caplog.at_level(logging.INFO):
        logging.getLogger("test").info("%s %r %s", answer, answer.key, f"{answer.key}")
    shown = [caplog.text, str(answer), repr(answer.key), f"{answer.key:>40}", f"{[answer.key]}", str(asdict(answer))]
    assert "hidden-key" not in "".join(shown)
    assert answer.key.reveal() == "hidden-key"
    with pytest.raises(TypeError, match="not written anywhere"):
        pickle.dumps(answer.key)


def test_two_secrets_are_equal_if_their_texts_are() -> None:
    assert Secret("a") == Secret("a")
    assert Secret("a") != Secret("b")
    assert len({Secret("a"), Secret("a")}) == 1
