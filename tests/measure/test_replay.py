"""Replayed exchanges: the recorded bytes at the recorded times, in none of it."""

from __future__ import annotations

import asyncio
import json
import time
from pathlib import Path

import httpx
import pytest

from pytest_llmeval import scenarios
from pytest_llmeval.errors import EndpointError
from pytest_llmeval.measure import timing
from pytest_llmeval.measure.endpoints import connect, replay
from pytest_llmeval.measure.recording import Recorder, load
from pytest_llmeval.measure.tape import Tape
from pytest_llmeval.model import Endpoint, Facts, Request, Response

FACTS = Facts(kind="openai", server="vllm 0.32.0", model="qwen", context_window=2048, here=True)
HELLO = Request(messages=(("user", "Say hello."),), max_tokens=8)
SECOND_NS = 1_000_000_000


def recorded(folder, *, broken: str | None = None, status: int = 200) -> None:
    tape = Tape(started_ns=7 * SECOND_NS, ended_ns=10 * SECOND_NS, status=status)
    tape.headers = [(b"content-type", b"text/event-stream"), (b"content-length", b"99")]
    tape.reads = [(8 * SECOND_NS, b"data: one\n\n"), (9 * SECOND_NS, b"data: two\n\n")]
    Recorder(folder, FACTS)(HELLO, tape, broken)


def ask(folder, tape: Tape, prompt: str = "Say hello.") -> httpx.Response:
    async def exchange() -> httpx.Response:
        transport = replay.ReplayTransport(load(folder))
        async with httpx.AsyncClient(transport=transport) as client:
            body = {"messages": [{"role": "user", "content": prompt}], "max_tokens": 8, "stream": True}
            return await client.post(replay.URL, json=body, extensions={"tape": tape})

    return asyncio.run(exchange())


def test_the_tape_holds_what_was_recorded(tmp_path):
    recorded(tmp_path)
    tape = Tape()
    begin = time.monotonic()
    response = ask(tmp_path, tape)
    assert time.monotonic() - begin < 1
    assert response.status_code == tape.status == 200
    assert response.content == b"data: one\n\ndata: two\n\n"
    assert response.headers["content-type"] == tape.header("content-type") == "text/event-stream"
    assert [(at_ns - tape.started_ns, data) for at_ns, data in tape.reads] == [
        (SECOND_NS, b"data: one\n\n"),
        (2 * SECOND_NS, b"data: two\n\n"),
    ]
    assert tape.ended_ns - tape.started_ns == 3 * SECOND_NS
    assert tape.transport == "replay"


def test_a_completion_is_found_by_prompt_and_suffix(tmp_path):
    body = b'data: {"choices": [{"index": 0, "text": "%s", "finish_reason": "stop"}]}\n\n'
    for suffix in ("one", "two"):
        tape = Tape(started_ns=1, ended_ns=9, status=200)
        tape.headers = [(b"content-type", b"text/event-stream")]
        tape.reads = [(5, body % suffix.encode())]
        asked = Request(messages=(("prompt", "def f():"), ("suffix", suffix)))
        Recorder(tmp_path / suffix, FACTS)(asked, tape, None)
        (path,) = (tmp_path / suffix).iterdir()
        path.rename(tmp_path / path.name)

    async def answers() -> list[str]:
        client = connect(Endpoint(kind="replay", path=str(tmp_path)))
        wanted = [
            Request(messages=(("user", "def f():"),), suffix=suffix) for suffix in ("two", "one", "three")
        ]
        responses = [await client.stream(request) for request in wanted]
        assert responses[2].failure is not None
        assert "not among the recordings" in responses[2].failure.message
        return [response.text for response in responses[:2]]

    assert asyncio.run(answers()) == ["two", "one"]


def test_a_reader_sees_every_read_and_may_stop(tmp_path):
    recorded(tmp_path)
    seen: list[bytes] = []

    def stop_at_once(stamp_ns: int, data: bytes) -> bool:
        seen.append(data)
        return True

    tape = Tape(on_read=stop_at_once)
    assert ask(tmp_path, tape).content == b"data: one\n\n"
    assert seen == [b"data: one\n\n"]
    assert tape.stopped == "by caller"
    assert tape.ended_ns - tape.started_ns == SECOND_NS


def test_an_error_answer_is_answered_again(tmp_path):
    recorded(tmp_path, status=503)
    assert ask(tmp_path, Tape()).status_code == 503


def test_a_broken_answer_breaks_again(tmp_path):
    recorded(tmp_path, broken="the connection was closed in the middle of the answer")
    tape = Tape()
    with pytest.raises(httpx.RemoteProtocolError, match="in the middle"):
        ask(tmp_path, tape)
    assert len(tape.reads) == 2


def test_a_prompt_that_was_not_recorded_says_how_to_record_it(tmp_path):
    recorded(tmp_path)
    tape = Tape()
    with pytest.raises(httpx.ConnectError, match=r"not among the recordings in .*--llm-record="):
        ask(tmp_path, tape, prompt="Say goodbye.")
    assert tape.status == 0


# -- the client on top -------------------------------------------------------------------------------------


def chat(content: str, **more: object) -> bytes:
    delta = {"model": "qwen", "choices": [{"index": 0, "delta": {"content": content}, **more}]}
    return b"data: %s\n\n" % json.dumps(delta).encode()


@pytest.fixture
def folder(tmp_path):
    """Two rounds of one prompt, as a server sent them: "Hel" after 1 s, "lo!" after 2 s; then "Hi."."""
    record = Recorder(tmp_path, FACTS)
    for texts in (("Hel", "lo!"), ("Hi.",)):
        tape = Tape(started_ns=0, ended_ns=4 * SECOND_NS, status=200)
        tape.headers = [(b"content-type", b"text/event-stream")]
        tape.reads = [((n + 1) * SECOND_NS, chat(text)) for n, text in enumerate(texts)]
        tape.reads.append((3 * SECOND_NS, chat("", finish_reason="stop") + b"data: [DONE]\n\n"))
        record(HELLO, tape)
    return tmp_path


def answers(endpoint: Endpoint, requests: list[Request], **options: object) -> tuple[Facts, list[Response]]:
    async def ask_all() -> tuple[Facts, list[Response]]:
        client = connect(endpoint, **options)  # type: ignore[arg-type] - a test's own options
        try:
            return await client.describe(), [await client.stream(request) for request in requests]
        finally:
            await client.aclose()

    return asyncio.run(ask_all())


def test_a_replayed_endpoint_is_asked_like_any_other(folder):
    facts, responses = answers(Endpoint(kind="replay", path=str(folder)), [HELLO] * 3)
    assert (facts.kind, facts.server, facts.model, facts.here) == ("replay", "vllm 0.32.0", "qwen", False)
    assert [response.text for response in responses] == ["Hello!", "Hi.", "Hello!"]
    first = responses[0]
    assert first.failure is None
    assert first.transport == "replay"
    assert first.finish_reason == "stop"
    assert [chunk.at_ns - first.started_ns for chunk in first.chunks] == [SECOND_NS, 2 * SECOND_NS]
    assert first.ended_ns - first.started_ns == 4 * SECOND_NS


def test_a_prompt_that_was_not_recorded_is_a_failure_in_words(folder):
    _, [response] = answers(
        Endpoint(kind="replay", path=str(folder)), [Request(messages=(("user", "Say goodbye."),))]
    )
    assert response.failure is not None
    assert response.failure.kind == "connect"
    assert response.failure.message.startswith("this prompt is not among the recordings in")
    assert "--llm-record=" in response.failure.message


def test_replaying_can_be_recorded_again(folder, tmp_path):
    again = Recorder(tmp_path / "again", FACTS)
    answers(Endpoint(kind="replay", path=str(folder)), [HELLO, HELLO], on_tape=again)
    for path in folder.glob("*.json"):
        assert (tmp_path / "again" / path.name).read_text() == path.read_text()


@pytest.mark.parametrize(
    ("path", "words"), [(None, "needs the folder of its recordings"), ("no/such", "no such folder")]
)
def test_nothing_to_play(path, words):
    with pytest.raises(EndpointError, match=words):
        connect(Endpoint(kind="replay", path=path))


FIXTURES = Path(__file__).parents[2] / "fixtures"


@pytest.mark.parametrize("name", ["qwen05", "smollm2"])
def test_the_recordings_of_real_engines_answer_the_smoke_suite(name):
    suite = scenarios.load(FIXTURES.parent / "suites" / "smoke" / "smoke.eval.yaml")
    requests = [
        Request(messages=(("user", prompt),), max_tokens=scenario.parameters.max_tokens)
        for scenario in suite.scenarios
        for prompt in scenario.prompt.values()
    ]
    facts, responses = answers(Endpoint(kind="replay", path=str(FIXTURES / name)), requests)
    assert facts.server is not None
    assert facts.server.startswith("llama.cpp xllamacpp-")
    for response in responses:
        assert response.failure is None
        assert response.finish_reason in ("stop", "length")
        assert response.usage is not None
        figures = timing.of(response)
        assert figures.tokens_from == "usage"
        assert figures.ttft_s
        assert 0.1 < figures.ttft_s < 10
        assert figures.output_tps
        assert 5 < figures.output_tps < 500
