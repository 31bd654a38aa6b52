"""Stamped bytes -> Response: real transcripts, every framing, any split, absurd values."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_llmeval.measure import sse, stream
from pytest_llmeval.measure.received import Received
from pytest_llmeval.model import Failure, Response, Usage

MS = 1_000_000


def assemble(*reads: bytes, **known: Any) -> Response:
    """Read ``i`` has the stamp ``(i + 1)`` ms."""
    stamped = [((index + 1) * MS, data) for index, data in enumerate(reads)]
    return stream.assemble(Received(stamped, 0, (len(reads) + 1) * MS, **known))


def event(delta: dict[str, Any] | None = None, **more: Any) -> bytes:
    body = {
        "choices": [{"index": 0, "delta": delta or {}, "finish_reason": more.pop("finish", None)}],
        **more,
    }
    return b"data: " + json.dumps(body, ensure_ascii=False).encode() + b"\n\n"


DONE = b"data: [DONE]\n\n"
STOP = event(finish="stop")


# -- real servers ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("server", ["vllm", "llama.cpp"])
@pytest.mark.parametrize("size", [1, 7, 10**6])
class TestTranscripts:
    def replay(self, transcript: Any, name: str, size: int) -> Response:
        case = transcript(name)
        reads = [case.body[at : at + size] for at in range(0, len(case.body), size)]
        return assemble(*reads, status=case.status)

    def test_a_stream_with_usage(self, transcript: Any, server: str, size: int) -> None:
        response = self.replay(transcript, f"{server}/11_chat_stream_usage", size)
        assert response.failure is None
        assert response.text.startswith("Hello! How can I assist you")
        assert response.finish_reason == "stop"
        assert response.model == "qwen2.5-coder-0.5b-instruct"
        assert response.usage is not None
        assert (response.usage.prompt_tokens, response.usage.completion_tokens) == (35, 10)
        assert response.usage.cached_tokens == (24 if server == "llama.cpp" else None)
        assert (response.server_timings is not None) == (server == "llama.cpp")
        assert response.first_chunk_ns is not None
        assert response.first_chunk_ns <= response.chunks[0].at_ns
        if size < 10:  # the role event comes apart
            assert response.first_chunk_ns < response.chunks[0].at_ns

    def test_the_role_event_is_no_text(self, transcript: Any, server: str, size: int) -> None:
        response = self.replay(transcript, f"{server}/23_max_tokens_1_stream", size)
        assert [chunk.content for chunk in response.chunks] == ["Hello"]
        assert response.finish_reason == "length"

    def test_korean_and_emoji(self, transcript: Any, server: str, size: int) -> None:
        response = self.replay(transcript, f"{server}/21b_korean_emoji_stream", size)
        assert response.text.startswith("안녕하세요")
        assert "👋" in response.text
        assert "\ufffd" not in response.text

    def test_without_usage(self, transcript: Any, server: str, size: int) -> None:
        response = self.replay(transcript, f"{server}/12_chat_stream_nousage", size)
        assert response.usage is None
        assert response.failure is None

    def test_usage_in_every_event(self, transcript: Any, server: str, size: int) -> None:
        response = self.replay(transcript, f"{server}/12b_stream_continuous_usage", size)
        assert response.usage is not None
        assert response.usage.completion_tokens == 8

    def test_text_on_the_event_with_the_finish_reason(self, transcript: Any, server: str, size: int) -> None:
        response = self.replay(transcript, f"{server}/20b_stop_stream", size)
        assert response.finish_reason == "stop"
        assert response.text.rstrip(", ").endswith("two")

    def test_plain_completions(self, transcript: Any, server: str, size: int) -> None:
        streamed = self.replay(transcript, f"{server}/22b_completions_stream", size)
        whole = self.replay(transcript, f"{server}/22_completions", size)
        assert streamed.failure is None
        assert whole.failure is None
        assert len(streamed.chunks) == 6
        assert whole.text.startswith(streamed.text)

    def test_not_streamed(self, transcript: Any, server: str, size: int) -> None:
        response = self.replay(transcript, f"{server}/10_chat_nonstream", size)
        assert "def fibonacci(n):" in response.text
        assert response.finish_reason == "length"
        assert response.usage is not None
        assert response.usage.completion_tokens == 160
        assert len(response.chunks) == 1

    def test_two_answers_are_read_as_the_first(self, transcript: Any, server: str, size: int) -> None:
        response = self.replay(transcript, f"{server}/18b_n2_stream", size)
        assert response.failure is None
        first = self.choices(transcript(f"{server}/18b_n2_stream").body, 0)
        assert response.text == first != ""
        assert self.choices(transcript(f"{server}/18b_n2_stream").body, 1)

    @staticmethod
    def choices(body: bytes, index: int) -> str:
        lines = [line[6:] for line in body.splitlines() if line.startswith(b"data: {")]
        choices = [choice for line in lines for choice in json.loads(line)["choices"]]
        return "".join(one["delta"].get("content") or "" for one in choices if one["index"] == index)

    def test_a_prompt_too_long(self, transcript: Any, server: str, size: int) -> None:
        response = self.replay(transcript, f"{server}/14b_prompt_too_long_stream", size)
        assert response.failure is not None
        assert response.failure.kind == "context_overflow"
        assert response.failure.context_window == 2048
        assert response.failure.prompt_tokens == (2049 if server == "vllm" else 2278)


def test_a_client_that_went_away_leaves_a_partial_answer(transcript: Any) -> None:
    case = transcript("llama.cpp/26_disconnect")
    response = assemble(case.body)
    assert response.failure is not None
    assert response.failure.kind == "interrupted"
    assert response.text.startswith("I'm sorry,")


# -- stamps ------------------------------------------------------------------------------------------------


def test_an_event_has_the_stamp_of_the_read_that_completed_its_line() -> None:
    one, two = event({"content": "a"}), event({"content": "b"})
    response = assemble(one[:10], one[10:] + two[:10], two[10:] + STOP + DONE)
    assert [chunk.at_ns for chunk in response.chunks] == [2 * MS, 3 * MS]


def test_an_empty_line_in_the_next_read_does_not_delay_an_event() -> None:
    one = event({"content": "a"})
    response = assemble(one[:-1], b"\n" + STOP, DONE)
    assert response.chunks[0].at_ns == 1 * MS


def test_reasoning_is_kept_apart_from_content() -> None:
    response = assemble(
        event({"reasoning_content": "hm"}), event({"reasoning": " so"}), event({"content": "42"}), STOP, DONE
    )
    assert (response.text, response.reasoning) == ("42", "hm so")
    assert [chunk.at_ns for chunk in response.chunks] == [1 * MS, 2 * MS, 3 * MS]


def test_a_late_usage_event_moves_no_stamp() -> None:
    usage = b'data: {"choices":[],"usage":{"prompt_tokens":3,"completion_tokens":9}}\n\n'
    response = assemble(event({"content": "a"}), STOP, usage, DONE)
    assert response.usage == Usage(3, 9)
    assert response.chunks[-1].at_ns == 1 * MS


def test_token_ids_are_counted() -> None:
    body = {"choices": [{"index": 0, "delta": {"content": "ab"}, "token_ids": [1, 2, 3]}]}
    response = assemble(b"data: " + json.dumps(body).encode() + b"\n\n" + STOP)
    assert response.token_ids == 3


# -- how streams end ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("end", [STOP, DONE, STOP + DONE, STOP.rstrip(b"\n"), DONE.rstrip()])
def test_any_of_the_two_ends_completes(end: bytes) -> None:
    assert assemble(event({"content": "a"}), end).failure is None


def test_without_an_end_it_was_interrupted() -> None:
    response = assemble(event({"content": "a"}), event({"content": "b"}))
    assert response.failure is not None
    assert response.failure.kind == "interrupted"
    assert response.text == "ab"


@pytest.mark.parametrize("reason", ["abort", "error"])
def test_an_answer_that_its_server_broke_off_is_none(reason: str) -> None:
    response = assemble(event({"content": "a"}), event(finish=reason), DONE)
    assert response.failure is not None
    assert response.failure.kind == "interrupted"
    assert response.failure.message == f"the server broke the answer off (finish_reason {reason})"
    assert response.text == "a"


def test_a_connection_that_ends_after_the_answer_is_forgiven() -> None:
    cut = Failure("interrupted", "the connection was reset")
    assert assemble(event({"content": "a"}), STOP, failure=cut).failure is None
    assert assemble(event({"content": "a"}), failure=cut).failure == cut


def test_a_timeout_is_never_forgiven() -> None:
    late = Failure("timeout", "no end after 120 s")
    assert assemble(event({"content": "a"}), STOP, failure=late).failure == late


def test_nothing_at_all() -> None:
    response = stream.assemble(Received([], 5, 6))
    assert response.failure is not None
    assert response.failure.kind == "interrupted"


def test_a_complete_answer_without_text_is_empty() -> None:
    response = assemble(event({"role": "assistant", "content": None}), STOP, DONE)
    assert response.failure is not None
    assert response.failure.kind == "empty"
    assert response.first_chunk_ns == 1 * MS


@pytest.mark.parametrize(
    "body",
    [
        b"<html><body>Log in</body></html>",
        b"[]",
        b'{"ok": true}',
        b"Internal error",
        b"\xff\xfe\x00",
        b"null",
    ],
)
def test_a_body_of_another_kind_is_malformed(body: bytes) -> None:
    response = assemble(body)
    assert response.failure is not None
    assert response.failure.kind == "malformed"


def test_events_that_are_not_json_are_malformed_and_the_rest_is_kept() -> None:
    response = assemble(event({"content": "a"}), b"data: {oops\n\n", STOP, DONE)
    assert response.failure is not None
    assert response.failure.kind == "malformed"
    assert response.text == "a"


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (b'data: {"error":{"message":"boom","type":"x","code":500}}\n\n', "interrupted"),
        (b'data: {"object":"error","message":"boom","code":400}\n\n', "interrupted"),
        (b'event: error\ndata: {"error":"boom"}\n\n', "interrupted"),
        (b'error: {"code":500,"message":"boom"}\n\n', "interrupted"),
        (b'data: {"error":{"message":"boom","code":429}}\n\n', "rate_limited"),
        (
            b'data: {"error":{"message":"boom","type":"exceed_context_size_error","n_ctx":5}}\n\n',
            "context_overflow",
        ),
    ],
)
def test_an_error_in_the_middle(error: bytes, kind: str) -> None:
    response = assemble(event({"content": "a"}), error, DONE)
    assert response.failure is not None
    assert (response.failure.kind, response.failure.message) == (kind, "boom")
    assert response.text == "a"


def test_an_error_with_status_200_and_no_stream() -> None:
    response = assemble(b'{"error":{"message":"upstream is down","code":502}}')
    assert response.failure is not None
    assert response.failure.kind == "http_5xx"


# -- any framing, any split, any values --------------------------------------------------------------------

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=5)


@st.composite
def framed(draw: st.DrawFn) -> tuple[list[str], bytes]:
    """Texts, and a stream that carries them in one of the many framings."""
    newline = draw(st.sampled_from([b"\n", b"\r\n", b"\r"]))
    texts = draw(st.lists(TEXTS, max_size=6))
    body = draw(st.sampled_from([b"", b"\xef\xbb\xbf"]))
    for text in texts:
        body += draw(
            st.sampled_from([b"", b": ping" + newline, b"event: message" + newline, b"id: 7" + newline])
        )
        spread = draw(st.booleans())
        payload = {"choices": [{"index": 0, "delta": {"content": text}}]}
        data = json.dumps(payload, ensure_ascii=draw(st.booleans()), indent=1 if spread else None).encode()
        prefix = draw(st.sampled_from([b"data:", b"data: "]))
        body += newline.join(prefix + line for line in data.split(b"\n")) + newline * 2
    return texts, body + b"data: [DONE]" + newline


@given(framed(), st.data())
def test_any_split_gives_the_same_events(case: tuple[list[str], bytes], data: st.DataObject) -> None:
    texts, body = case
    cuts = sorted(data.draw(st.lists(st.integers(0, len(body)), max_size=8)))
    reads = [body[start:end] for start, end in zip([0, *cuts], [*cuts, len(body)], strict=True)]
    response = assemble(*reads)
    assert [chunk.content for chunk in response.chunks] == [text for text in texts if text]
    stamps = [chunk.at_ns for chunk in response.chunks]
    assert stamps == sorted(stamps)
    assert (response.failure is None) == any(texts)


@given(st.lists(st.binary(max_size=5).filter(lambda data: not {10, 13} & {*data})), st.data())
def test_the_fast_path_gives_what_the_general_one_does(events: list[bytes], data: st.DataObject) -> None:
    body = b"".join(b"data: " + event + b"\n\n" for event in events)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(body)), max_size=6)))
    pieces = [body[start:end] for start, end in zip([0, *cuts], [*cuts, len(body)], strict=True)]
    reads = list(enumerate(pieces))
    assert list(sse.events(body, reads)) == list(sse.any_events(body, reads))


JUNK = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=6,
)
FIELDS = [
    "choices",
    "usage",
    "model",
    "error",
    "timings",
    "object",
    "delta",
    "message",
    "content",
    "reasoning",
]
FIELDS += [
    "finish_reason",
    "index",
    "token_ids",
    "text",
    "prompt_tokens",
    "completion_tokens",
    "cached_tokens",
]


@given(
    st.recursive(
        JUNK,
        lambda inner: (
            st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(FIELDS), inner, max_size=4)
        ),
        max_leaves=12,
    )
)
def test_absurd_values_never_crash(value: Any) -> None:
    data = json.dumps({"choices": value} if not isinstance(value, dict) else value).encode()
    for body in (b"data: " + data + b"\n\n" + STOP, data):
        response = assemble(body)
        usage = response.usage
        assert usage is None or min(usage.prompt_tokens, usage.completion_tokens) >= 0


@given(st.binary(max_size=60), st.binary(max_size=60))
def test_any_bytes_never_crash(head: bytes, tail: bytes) -> None:
    for body in (head, b"data: " + head + b"\n\n" + tail):
        assert assemble(body, tail).failure is not None


def test_usage_that_is_no_count_is_not_believed() -> None:
    for count in ("-1", "NaN", "null", '"many"', "1e400", "true", "10" * 20):
        usage = (
            b'data: {"choices":[],"usage":{"prompt_tokens":1,"completion_tokens":%s}}\n\n' % count.encode()
        )
        response = assemble(event({"content": "a"}), STOP, usage, DONE)
        assert (response.usage, response.failure, response.text) == (None, None, "a"), count


def test_a_name_with_half_a_letter_costs_no_more_than_its_field() -> None:
    """Found by ``benchmarks/fuzz.py sse``."""
    details = b'{"prompt_tokens":1,"completion_tokens":2,"prompt_tokens_details":{"cached\\ud83d":0}}'
    response = assemble(event({"content": "a"}), STOP, b'data: {"choices":[],"usage":%s}\n\n' % details, DONE)
    assert (response.usage, response.failure, response.text) == (Usage(1, 2), None, "a")


def test_content_in_parts_is_joined() -> None:
    parts = [{"type": "text", "text": "a"}, {"type": "image"}, {"type": "text", "text": "b"}]
    assert assemble(event({"content": parts}), STOP).text == "ab"


def test_a_surrogate_pair_in_two_events_is_kept_for_the_wire() -> None:
    halves = [
        b'data: {"choices":[{"delta":{"content":"%s"}}]}\n\n' % half for half in (rb"\ud83d", rb"\udc4b")
    ]
    assert assemble(*halves, STOP).text.encode("utf-16", "surrogatepass").decode("utf-16") == "👋"
