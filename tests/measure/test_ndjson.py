"""Ollama's own lines -> Response."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_llmeval.measure import ndjson
from pytest_llmeval.measure.received import Received
from pytest_llmeval.model import Response, Usage

MS = 1_000_000
LAST = {
    "done": True,
    "done_reason": "stop",
    "message": {"role": "assistant", "content": ""},
    "total_duration": 900 * MS,
    "load_duration": 100 * MS,
    "prompt_eval_count": 26,
    "prompt_eval_duration": 200 * MS,
    "eval_count": 3,
    "eval_duration": 600 * MS,
}


def line(content: str = "", **more: Any) -> bytes:
    data = {
        "model": "qwen:latest",
        "message": {"role": "assistant", "content": content},
        "done": False,
        **more,
    }
    return json.dumps(data, ensure_ascii=False).encode() + b"\n"


def assemble(*reads: bytes, **known: Any) -> Response:
    """Read ``i`` has the stamp ``(i + 1)`` ms."""
    stamped = [((index + 1) * MS, data) for index, data in enumerate(reads)]
    return ndjson.assemble(Received(stamped, 0, (len(reads) + 1) * MS, **known))


def test_an_answer_with_its_counts_and_durations() -> None:
    response = assemble(line("안"), line("녕"), line("!"), line(**LAST))
    assert (response.text, response.finish_reason, response.model) == ("안녕!", "stop", "qwen:latest")
    assert response.usage == Usage(26, 3)
    assert response.server_timings == {
        "total_ms": 900,
        "load_ms": 100,
        "prompt_ms": 200,
        "predicted_ms": 600,
        "prompt_n": 26,
        "predicted_n": 3,
    }
    assert [chunk.at_ns for chunk in response.chunks] == [1 * MS, 2 * MS, 3 * MS]
    assert response.failure is None


def test_thinking_is_reasoning() -> None:
    message = {"message": {"content": "", "thinking": "hm"}}
    response = assemble(line(**message), line("42"), line(**LAST))
    assert (response.text, response.reasoning) == ("42", "hm")


def test_a_proxy_that_does_not_measure_is_not_believed() -> None:
    faked = {**LAST, "prompt_eval_duration": 0, "eval_duration": LAST["total_duration"], "load_duration": -5}
    timings = assemble(line("a"), line(**faked)).server_timings
    assert timings == {"total_ms": 900, "prompt_n": 26, "predicted_n": 3}


def test_a_prompt_from_the_cache_has_no_count_in_older_versions() -> None:
    last = {key: value for key, value in LAST.items() if key != "prompt_eval_count"}
    assert assemble(line("a"), line(**last)).usage is None


@pytest.mark.parametrize(
    ("reads", "kind", "text"),
    [
        ([line("a"), b'{"error":"an error was encountered"}\n'], "interrupted", "a"),
        ([line("a"), line("b")], "interrupted", "ab"),
        ([line("a"), b"oops\n", line(**LAST)], "malformed", "a"),
        ([line(**LAST)], "empty", ""),
        ([], "interrupted", ""),
        ([b"<html>"], "malformed", ""),
    ],
)
def test_failures_keep_what_came(reads: list[bytes], kind: str, text: str) -> None:
    response = assemble(*reads)
    assert response.failure is not None
    assert (response.failure.kind, response.text) == (kind, text)


def test_an_error_answer() -> None:
    response = assemble(b'{"error":"model \\"x\\" not found"}', status=404)
    assert response.failure is not None
    assert (response.failure.kind, response.failure.message) == ("http_4xx", 'model "x" not found')


@given(
    st.lists(st.text(st.characters(exclude_categories=["Cs"]), max_size=4), min_size=1, max_size=5), st.data()
)
def test_any_split_gives_the_same_text(texts: list[str], data: st.DataObject) -> None:
    body = b"".join(line(text) for text in texts) + line(**LAST).rstrip()
    cuts = sorted(data.draw(st.lists(st.integers(0, len(body)), max_size=8)))
    response = assemble(*(body[a:b] for a, b in zip([0, *cuts], [*cuts, len(body)], strict=True)))
    assert [chunk.content for chunk in response.chunks] == [text for text in texts if text]
    assert response.usage == Usage(26, 3)


VALUE = (
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=3) | st.lists(st.integers())
)


@given(st.dictionaries(st.sampled_from([*LAST, "model", "error"]), VALUE), st.binary(max_size=20))
def test_absurd_values_never_crash(data: dict[str, Any], tail: bytes) -> None:
    usage = assemble(json.dumps(data).encode() + b"\n", tail).usage
    assert usage is None or min(usage.prompt_tokens, usage.completion_tokens) >= 0
