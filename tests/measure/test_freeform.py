"""Answers of any service -> Response: what the body is, where the text is, what is wrong with it."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_llmeval.measure import freeform
from pytest_llmeval.measure.received import Received

if TYPE_CHECKING:
    from pytest_llmeval.model import Response

MS = 1_000_000


def read(path: str | None, *reads: bytes, **known: Any) -> Response:
    """Read ``i`` has the stamp ``(i + 1)`` ms."""
    stamped = [((index + 1) * MS, data) for index, data in enumerate(reads)]
    return freeform.Reader(path)(Received(stamped, 0, 99 * MS, **known))


def lines(*values: Any) -> list[bytes]:
    return [json.dumps(value).encode() + b"\n" for value in values]


@pytest.mark.parametrize(
    ("path", "reads", "texts"),
    [
        pytest.param("output.text", [b'{"output": {"te', b'xt": "hi"}}'], ["hi"], id="json"),
        pytest.param("0.text", [b'[{"text": "hi"}]'], ["hi"], id="json list"),
        pytest.param("choices.-1.t", [b'{"choices": [{"t": "a"}, {"t": "b"}]}'], ["b"], id="from the end"),
        pytest.param("a", lines({"a": "x"}, {"b": 1}, {"a": "y"}), ["x", "y"], id="ndjson"),
        pytest.param(
            "a", [b'data: {"a": "x"}\n\n', b'data: {"a": "y"}\n\n', b"data: [DONE]\n\n"], ["x", "y"], id="sse"
        ),
        pytest.param(
            None, [b"data: x \n\n", b"data: y\n\n", b"data: [DONE]\n\n"], ["x ", "y"], id="sse of text"
        ),
        pytest.param(None, [b"plain ", b"text"], ["plain ", "text"], id="text"),
        pytest.param(None, [b'{"not": "asked"}'], ['{"not": "asked"}'], id="json as text"),
        pytest.param(None, ["안녕".encode()[:4], "안녕".encode()[4:]], ["안", "녕"], id="a split character"),
        pytest.param("n", [b'{"n": [1, {"b": null}]}'], ['[1, {"b": null}]'], id="other json"),
    ],
)
def test_bodies(path: str | None, reads: list[bytes], texts: list[str]) -> None:
    response = read(path, *reads)
    assert [chunk.content for chunk in response.chunks] == texts
    assert response.failure is None


def test_stamps_are_those_of_the_reads() -> None:
    response = read("a", *lines({"a": "x"}, {"a": "y"}))
    assert [chunk.at_ns for chunk in response.chunks] == [1 * MS, 2 * MS]
    assert response.first_chunk_ns == 1 * MS


@pytest.mark.parametrize(
    ("path", "reads", "kind", "said"),
    [
        ("a.b", [b'{"a": {"c": "x"}}'], "malformed", "no text at 'a.b': '{\"a\""),
        (
            "choices.0.delta.text",
            lines({"id": "x", "choices": [{"delta": {"role": "assistant", "content": ""}, "n": 1}]})
            + lines({"id": "x", "choices": [{"delta": {"content": "안녕"}}], "a.b": "c"}),
            "malformed",
            "there are texts at id, choices.0.delta.role, choices.0.delta.content",
        ),
        ("a", [b"<html>"], "malformed", "this is not JSON: '<html>'"),
        ("a", [], "malformed", "no text at 'a': nothing"),
        ("a", [b'{"a": ""}'], "empty", "has no text"),
        (None, [], "empty", "has no text"),
        ("a", [b'{"error": "no such workflow"}'], "malformed", "no such workflow"),
        ("a", [*lines({"a": "x"}), b'{"error": "broke"}\n'], "interrupted", "broke"),
        ("a", [b'{"error": {"message": "gone", "code": 503}}'], "http_5xx", "gone"),
    ],
)
def test_failures(path: str | None, reads: list[bytes], kind: str, said: str) -> None:
    response = read(path, *reads)
    assert response.failure is not None
    assert response.failure.kind == kind
    assert said in response.failure.message


def test_an_error_status_is_a_refusal() -> None:
    response = read("a", b'{"detail": "Workflow not found."}', status=404)
    assert response.failure is not None
    assert (response.failure.kind, response.failure.message) == ("http_4xx", "Workflow not found.")


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("ab0"), inner, max_size=3),
    max_leaves=8,
)


@given(JSON, st.lists(st.sampled_from(["a", "b", "0", "-1", "", "99999999999"]), min_size=1, max_size=3))
def test_any_path_into_any_json_is_read(value: Any, names: list[str]) -> None:
    response = read(".".join(names), json.dumps(value).encode())
    assert (response.failure is None) == bool(response.chunks)


def test_what_is_no_text_anywhere_is_not_walked_for_ever() -> None:
    deep: Any = 0
    wide: Any = 0
    for _ in range(500):
        deep = [deep]
    for _ in range(4):
        wide = {str(number): wide for number in range(30)}
    begin = time.perf_counter()
    for value in (deep, wide, {"x" * 10_000: "text"}):
        response = read("a", json.dumps(value).encode())
        assert response.failure is not None
        assert len(response.failure.message) < 300
    assert time.perf_counter() - begin < 5


@given(st.lists(st.binary(max_size=20), max_size=4), st.none() | st.just("a"))
def test_any_bytes_never_crash(reads: list[bytes], path: str | None) -> None:
    read(path, *reads)
