"""The sandbox as others meet it: over sockets, under load, broken off, and as a process."""

import base64
import io
import json
import random
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from PIL import Image

from watchd.sandbox.options import DIALECTS, Dialect, EngineName
from watchd.sandbox.serving import Sandbox, SandboxOptions

BROKEN = (httpx.RemoteProtocolError, httpx.ReadError)


def make_picture(kind: str = "JPEG", size: tuple[int, int] = (256, 256), seed: int = 1) -> bytes:
    out = io.BytesIO()
    noise = Image.frombytes("RGB", size, random.Random(seed).randbytes(size[0] * size[1] * 3))
    Image.blend(Image.new("RGB", size, (90, 120, 160)), noise, 0.1).save(out, kind)
    return out.getvalue()


def make_flat_picture() -> bytes:
    """A PNG so small that a failure which quotes it can still be read."""
    out = io.BytesIO()
    Image.new("RGB", (256, 256), (90, 120, 160)).save(out, "PNG")
    return out.getvalue()


PICTURE = make_picture()


def send(
    sandbox: Sandbox, image: bytes = PICTURE, *, key: str = "key", timeout: float = 30.0, **data: str
) -> httpx.Response:
    """One call as multipart, with these fields beside the picture."""
    return httpx.post(
        f"{sandbox.base_url}/image/upscale",
        headers={"authorization": f"Bearer {key}"},
        files={"image": ("image.jpg", image, "image/jpeg")},
        data=data,
        timeout=timeout,
        trust_env=False,
    )


def raw_request(sandbox: Sandbox, image: bytes = PICTURE) -> tuple[bytes, bytes]:
    """Head and body of a call, to be sent by hand."""
    body = (
        b'--e\r\nContent-Disposition: form-data; name="image"; filename="i.jpg"\r\n\r\n' + image + b"\r\n"
        b'--e\r\nContent-Disposition: form-data; name="scale"\r\n\r\n2\r\n--e--\r\n'
    )
    head = (
        f"POST {urlsplit(sandbox.base_url).path}/image/upscale HTTP/1.1\r\nHost: localhost\r\n"
        "Authorization: Bearer key\r\nContent-Type: multipart/form-data; boundary=e\r\n"
        f"Content-Length: {len(body)}\r\nConnection: close\r\n\r\n"
    )
    return head.encode(), body


def dial(sandbox: Sandbox) -> socket.socket:
    address = urlsplit(sandbox.base_url)
    assert address.port is not None
    return socket.create_connection(("127.0.0.1", address.port), timeout=10)


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(SandboxOptions(engine="fast")) as running:
        yield running


def size_of(png: bytes) -> tuple[int, int]:
    with Image.open(io.BytesIO(png)) as image:
        image.load()
        assert image.format == "PNG"
        return image.size


# --- the contract ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_a_picture_comes_back_twice_as_large_as_png_and_is_charged_once(sandbox: Sandbox, kind: str) -> None:
    answer = send(sandbox, make_picture(kind))
    assert (answer.status_code, answer.headers["content-type"]) == (200, "image/png")
    assert size_of(answer.content) == (512, 512)
    assert (sandbox.charges().calls, sandbox.charges().usd) == (1, Decimal("0.02"))


def test_json_does_the_same(sandbox: Sandbox) -> None:
    body = {"image": base64.b64encode(PICTURE).decode(), "scale": 3, "enhance": "false", "replication": None}
    answer = httpx.post(f"{sandbox.base_url}/image/upscale", headers={"authorization": "Bearer k"}, json=body)
    assert size_of(answer.content) == (768, 768)
    assert sandbox.charges().usd == Decimal("0.08")


def test_answers_bear_an_id_of_their_own_and_the_balance_before_the_call() -> None:
    with Sandbox(SandboxOptions(engine="fast", balance="1.00")) as sandbox:
        first, second = send(sandbox), send(sandbox)
        assert (first.headers["x-venice-balance-usd"], second.headers["x-venice-balance-usd"]) == ("1", "0.98")
        assert first.headers["cf-ray"] != second.headers["cf-ray"]
        assert first.headers["cf-ray"] == sandbox.calls()[0].cf_ray


@pytest.mark.parametrize("authorization", [None, "Bearer", "Basic right", "Bearer wrong", "right"])
def test_a_key_that_is_not_the_one_is_a_401(authorization: str | None) -> None:
    with Sandbox(SandboxOptions(engine="fast", key="right")) as sandbox:
        assert send(sandbox, key="right").status_code == 200
        headers = {} if authorization is None else {"authorization": authorization}
        answer = httpx.post(f"{sandbox.base_url}/image/upscale", headers=headers, files={"image": PICTURE})
        assert (answer.status_code, answer.json()) == (401, {"error": "Authentication failed"})


def test_an_empty_balance_is_a_402_until_it_is_topped_up() -> None:
    with Sandbox(SandboxOptions(engine="fast", balance="0.05")) as sandbox:
        assert [send(sandbox).status_code for _ in range(3)] == [200, 200, 402]
        assert httpx.post(f"{sandbox.base_url}/sandbox/balance", json={"usd": 0.01}).json() == {"balance": 0.02}
        assert [send(sandbox).status_code for _ in range(2)] == [200, 402]
        assert httpx.get(f"{sandbox.base_url}/sandbox/charges").json() == {"calls": 3, "usd": 0.06}


@pytest.mark.parametrize("size", [24_999_999, 25_000_000])
def test_a_file_of_25_megabytes_is_a_413_and_one_byte_less_is_not(sandbox: Sandbox, size: int) -> None:
    # Bytes after the end of a JPEG are allowed, and make it as large as one likes.
    answer = send(sandbox, PICTURE + bytes(size - len(PICTURE)))
    assert answer.status_code == (200 if size < 25_000_000 else 413)
    assert sandbox.charges().calls == (1 if size < 25_000_000 else 0)


@pytest.mark.parametrize(
    ("image", "data"),
    [
        (b"no picture", {}),
        (PICTURE[: len(PICTURE) // 2], {}),
        (make_picture(size=(100, 100)), {}),
        (PICTURE, {"scale": "5"}),
        (PICTURE, {"scale": "1"}),
        (PICTURE, {"colour": "red"}),
    ],
)
def test_what_is_wrong_with_a_request_is_told_and_not_charged(
    sandbox: Sandbox, image: bytes, data: dict[str, str]
) -> None:
    answer = httpx.post(
        f"{sandbox.base_url}/image/upscale", headers={"authorization": "Bearer k"}, files={"image": image}, data=data
    )
    assert answer.status_code == 400
    assert answer.json()["error"] == "Invalid request parameters"
    assert "_errors" in answer.json()["details"]
    assert sandbox.charges().calls == 0


def test_other_content_types_addresses_and_methods_have_their_statuses(sandbox: Sandbox) -> None:
    address, headers = f"{sandbox.base_url}/image/upscale", {"authorization": "Bearer k"}
    assert httpx.post(address, headers=headers, content=b"x").status_code == 415
    assert httpx.get(address).status_code == 405
    assert httpx.get(f"{sandbox.base_url}/nothing").json() == {"error": "Not Found"}


def test_the_newer_dialect_reduces_every_scale_and_shows_itself_in_models() -> None:
    with Sandbox(SandboxOptions(engine="fast", dialect="creativity")) as sandbox:
        answer = send(sandbox, make_picture(size=(3000, 2000)), scale="2", creativity="0.02", enhance="maybe")
        assert size_of(answer.content) == (5017, 3344)
        assert send(sandbox, scale="1").status_code == 400
        models = httpx.get(f"{sandbox.base_url}/models?type=upscale").json()
        assert "creativity" in models["data"][0]["model_spec"]["constraints"]


def test_rate_limits_tell_whether_the_balance_lets_one_call() -> None:
    with Sandbox(SandboxOptions(engine="fast", key="right", balance="0.02")) as sandbox:
        address = f"{sandbox.base_url}/api_keys/rate_limits"
        assert httpx.get(address).status_code == 401
        before = httpx.get(address, headers={"authorization": "Bearer right"}).json()["data"]
        send(sandbox, key="right")
        after = httpx.get(address, headers={"authorization": "Bearer right"}).json()["data"]
    assert (before["accessPermitted"], before["balances"]) == (True, {"USD": 0.02, "DIEM": 0})
    assert (after["accessPermitted"], after["balances"]["USD"]) == (False, 0)


def test_the_journal_tells_what_the_service_saw(sandbox: Sandbox) -> None:
    send(sandbox, scale="2.5")
    (call,) = httpx.get(f"{sandbox.base_url}/sandbox/calls").json()
    assert call["sha256"] == sandbox.calls()[0].sha256
    assert (call["status"], call["outcome"], call["filename"], call["charged"]) == (200, "ok", "image.jpg", 0.08)
    assert (call["sent_bytes"], call["parameters"]["scale"]) == (len(PICTURE), 2.5)
    assert call["user_agent"].startswith("python-httpx")


# --- failures on demand ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [400, 401, 403, 418, 429, 500, 503])
def test_a_scripted_status_is_answered_in_the_contracts_words_and_not_charged(sandbox: Sandbox, status: int) -> None:
    sandbox.script([f"{status}:1"])
    answer = send(sandbox)
    assert answer.status_code == status
    assert answer.json()["error"]
    assert ("retry-after" in answer.headers) == (status == 429)
    assert sandbox.charges().calls == 0
    assert send(sandbox).status_code == 200


def test_a_script_that_always_says_402_plays_an_empty_account_in_rate_limits_too(sandbox: Sandbox) -> None:
    sandbox.script(["402"])
    answer = httpx.get(f"{sandbox.base_url}/api_keys/rate_limits", headers={"authorization": "Bearer k"}).json()
    assert (answer["data"]["accessPermitted"], answer["data"]["balances"]["USD"]) == (False, 0)


@pytest.mark.parametrize("status", [504, 524])
def test_a_proxys_timeout_is_html(sandbox: Sandbox, status: int) -> None:
    sandbox.script([str(status)])
    assert send(sandbox).headers["content-type"].startswith("text/html")


@pytest.mark.parametrize("turn", ["close", "reset"])
def test_a_cut_breaks_off_the_body_and_is_charged(sandbox: Sandbox, turn: str) -> None:
    sandbox.script(["cut"])
    if turn == "reset":
        with pytest.raises(BROKEN):
            send(sandbox)
    before = sandbox.charges().calls
    with pytest.raises(BROKEN):
        send(sandbox)
    assert sandbox.charges().calls == before + 1
    assert sandbox.calls()[-1].outcome == "cut"


def test_lies_are_200_charged_and_never_the_picture_asked_for(sandbox: Sandbox) -> None:
    right = send(sandbox).content
    sandbox.script(["lie"])
    answers = [send(sandbox) for _ in range(4)]
    assert [answer.status_code for answer in answers] == [200] * 4
    assert sandbox.charges().calls == 5
    kinds = [answer.headers["content-type"].partition(";")[0] for answer in answers]
    assert kinds == ["text/html", "application/json", "image/png", "image/png"]
    assert size_of(answers[2].content) == (256, 256)
    assert right.startswith(answers[3].content)
    assert len(answers[3].content) < len(right)


def test_a_stalled_call_is_charged_and_never_answered(sandbox: Sandbox) -> None:
    sandbox.script(["stall:1"])
    with pytest.raises(httpx.ReadTimeout):
        send(sandbox, timeout=0.3)
    assert (sandbox.calls()[0].outcome, sandbox.charges().calls) == ("stall", 1)
    assert send(sandbox).status_code == 200


def test_a_script_can_be_replaced_over_http_and_a_bad_one_is_explained(sandbox: Sandbox) -> None:
    address = f"{sandbox.base_url}/sandbox/script"
    assert httpx.post(address, json={"fail": ["402:1"], "latency": "10ms", "concurrency": 8}).status_code == 200
    assert [send(sandbox).status_code for _ in range(2)] == [402, 200]
    refused = httpx.post(address, json={"fail": ["nonsense"]})
    assert refused.status_code == 400
    assert "nonsense" in refused.text


# --- clients that behave badly --------------------------------------------------------------------------------------


def test_a_body_that_never_became_complete_is_not_run(sandbox: Sandbox, caplog: pytest.LogCaptureFixture) -> None:
    head, body = raw_request(sandbox)
    for sent in (0, 10, len(body) // 2, len(body) - 1):
        with dial(sandbox) as connection:
            connection.sendall(head + body[:sent])
    assert sandbox.wait_for_calls(lambda calls: len(calls) == 4)
    assert {call.outcome for call in sandbox.calls()} == {"gone"}
    assert sandbox.charges().calls == 0
    assert not [record for record in caplog.records if record.exc_info]


def test_a_client_that_leaves_after_its_last_byte_has_bought_the_result(sandbox: Sandbox) -> None:
    head, body = raw_request(sandbox)
    sandbox.script(latency="200ms")
    with dial(sandbox) as connection:
        connection.sendall(head + body)
    assert sandbox.wait_for_calls(lambda calls: len(calls) == 1)
    assert sandbox.charges().calls == 1


def test_a_body_may_arrive_byte_by_byte(sandbox: Sandbox) -> None:
    head, body = raw_request(sandbox)
    with dial(sandbox) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection.sendall(head + body[:-50])
        for place in range(len(body) - 50, len(body)):
            connection.sendall(body[place : place + 1])
        answer = b"".join(iter(lambda: connection.recv(65536), b""))
    assert answer.startswith(b"HTTP/1.1 200 ")


# --- many at once ---------------------------------------------------------------------------------------------------


def test_calls_beyond_the_concurrency_are_429_and_not_charged() -> None:
    with Sandbox(SandboxOptions(engine="fast", concurrency=4, latency="1s")) as sandbox, ThreadPoolExecutor(12) as pool:
        statuses = list(pool.map(lambda _: send(sandbox).status_code, range(12)))
        assert sorted(statuses) == [200] * 4 + [429] * 8
        assert sandbox.charges().calls == 4


def test_64_calls_at_once_are_answered_and_the_balance_is_never_overdrawn() -> None:
    options = SandboxOptions(engine="fast", balance="0.80", latency="100ms")
    with Sandbox(options) as sandbox, ThreadPoolExecutor(64) as pool:
        statuses = list(pool.map(lambda seed: send(sandbox, make_picture(seed=seed)).status_code, range(64)))
        assert sorted(statuses) == [200] * 40 + [402] * 24
        assert sandbox.charges().usd == Decimal("0.80")


def test_it_stops_at_once_with_stalled_and_half_sent_calls_open_and_leaves_nothing_behind() -> None:
    before = threading.active_count()
    descriptors = sum(1 for _ in Path("/proc/self/fd").iterdir())
    open_connections = []
    with Sandbox(SandboxOptions(engine="fast", fail=("stall",))) as sandbox:
        head, body = raw_request(sandbox)
        for sent in (len(body), len(body), len(body) // 2, 0):
            connection = dial(sandbox)
            connection.sendall(head + body[:sent])
            open_connections.append(connection)
        assert sandbox.wait_for_calls(lambda calls: len(calls) == 2)
    for connection in open_connections:
        with connection:
            try:
                assert connection.recv(1) == b""
            except ConnectionResetError:
                continue
    assert threading.active_count() == before
    assert sum(1 for _ in Path("/proc/self/fd").iterdir()) == descriptors


@pytest.mark.parametrize("engine", ["auto", "lanczos"])
def test_it_stops_in_the_middle_of_its_work_without_a_word(
    engine: EngineName, caplog: pytest.LogCaptureFixture
) -> None:
    image = make_picture(size=(900, 900))
    with Sandbox(SandboxOptions(engine=engine)) as sandbox:
        head, body = raw_request(sandbox, image)
        connections = [dial(sandbox) for _ in range(12)]
        for connection in connections:
            connection.sendall(head + body)
        assert sandbox.wait_for_charges(12)
    for connection in connections:
        connection.close()
    assert len(sandbox.calls()) < 12, "all were answered: nothing was interrupted"
    assert not [record for record in caplog.records if record.exc_info or record.levelname in {"WARNING", "ERROR"}]


def test_a_port_that_is_taken_is_an_error_at_once(sandbox: Sandbox) -> None:
    port = urlsplit(sandbox.base_url).port
    assert port is not None
    with pytest.raises(OSError, match="in use"):
        Sandbox(SandboxOptions(port=port)).__enter__()


# --- its own OpenAPI document ---------------------------------------------------------------------------------------


def hold_to_document(sandbox: Sandbox, operation: Any, mode: Any, *, positive: bool) -> None:
    """Send what the document allows, or forbids, and hold every answer against it."""
    image = make_flat_picture()

    @settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck), database=None)
    @given(case=operation.as_strategy(generation_mode=mode))
    def every_answer_holds(case: Any) -> None:
        if positive and case.operation.path == "/image/upscale":
            # What a schema cannot say: the string has to be a picture, and large enough.
            in_json = case.media_type == "application/json"
            case.body["image"] = base64.b64encode(image).decode() if in_json else image
        case.call_and_validate(headers={"Authorization": "Bearer right"})
        # A failure that was just scripted must not meet the next request.
        sandbox.script(fail=(), latency=0, concurrency=0)

    every_answer_holds()


@pytest.mark.parametrize("dialect", DIALECTS)
def test_the_server_keeps_what_its_openapi_document_says(dialect: Dialect) -> None:
    schemathesis = pytest.importorskip("schemathesis", reason="schemathesis is not installed")
    modes = schemathesis.GenerationMode
    with Sandbox(SandboxOptions(engine="fast", dialect=dialect, key="right")) as sandbox:
        document = schemathesis.openapi.from_url(f"{sandbox.base_url}/openapi.json")
        operations = [found.ok() for found in document.get_all_operations()]
        # All but the document's own address.
        assert len(operations) == 7
        for operation in operations:
            hold_to_document(sandbox, operation, modes.POSITIVE, positive=True)
            # Where nothing can be said, nothing wrong can be said either.
            if operation.body or list(operation.query):
                hold_to_document(sandbox, operation, modes.NEGATIVE, positive=False)
        assert sandbox.charges().calls > 0


# --- as a process ---------------------------------------------------------------------------------------------------

PROGRAM = [sys.executable, "-W", "error", "-c", "from watchd.cli.sandbox import sandbox; sandbox()"]


@pytest.mark.parametrize("end", [signal.SIGTERM, signal.SIGINT])
def test_the_command_prints_its_address_first_logs_calls_and_ends_well(end: signal.Signals) -> None:
    with subprocess.Popen(
        [*PROGRAM, "--engine", "fast", "--fail", "503:1"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        base_url = process.stdout.readline().strip()
        assert base_url.startswith("http://127.0.0.1:")
        assert base_url.endswith("/api/v1")
        body = {"image": base64.b64encode(PICTURE).decode()}
        for expected in (503, 200):
            answer = httpx.post(f"{base_url}/image/upscale", headers={"authorization": "Bearer k"}, json=body)
            assert answer.status_code == expected
        process.send_signal(end)
        stdout, stderr = process.communicate(timeout=10)
    assert (process.returncode, stdout) == (0, "")
    assert [" 503 " in line or " 200 " in line for line in stderr.splitlines()] == [True, True], stderr


@pytest.mark.parametrize(
    "arguments",
    [["--fail", "sometimes"], ["--latency", "soon"], ["--balance", "lots"], ["--port", "-1"], ["--dialect", "x"]],
)
def test_an_option_that_cannot_be_understood_is_a_usage_error(arguments: list[str]) -> None:
    ended = subprocess.run([*PROGRAM, *arguments], capture_output=True, text=True, timeout=30, check=False)
    assert (ended.returncode, ended.stdout) == (2, "")
    assert arguments[1] in ended.stderr


def test_the_command_imports_nothing_but_click_until_it_runs() -> None:
    code = "import sys, watchd.cli.sandbox; print([m for m in ('starlette', 'uvicorn', 'PIL') if m in sys.modules])"
    assert json.loads(subprocess.check_output([sys.executable, "-c", code], text=True)) == []
