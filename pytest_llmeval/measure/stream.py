"""The body of an answer in OpenAI's form -> ``model.Response``. Pure.

Takes server-sent events of chat and plain completions, and the single JSON body of a server that does not
stream.
Where servers differ: text may be null, empty or absent; usage may come in every event, in one with
``choices: []`` or not at all; ``finish_reason`` comes on the last text or after it; ``[DONE]`` may be
missing.
"""

from __future__ import annotations

import itertools
import math
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec
from msgspec import Struct

from pytest_llmeval import wire
from pytest_llmeval.model import Chunk, Usage

from . import failures, foreign, sse
from .received import Received, Told

if TYPE_CHECKING:
    from pytest_llmeval.model import Response

T = TypeVar("T")

_MOST_TIMINGS = 64
"""Of a server's own figures; llama.cpp has a dozen."""


class _Text(Struct, gc=False):
    """``delta`` or ``message``."""

    content: str | None = None
    reasoning: str | None = None
    reasoning_content: str | None = None


class _Choice(Struct, gc=False):
    index: int = 0
    delta: _Text | None = None
    message: _Text | None = None
    text: str | None = None
    finish_reason: str | None = None
    token_ids: list[int] | None = None


class _PromptDetails(Struct, gc=False):
    cached_tokens: int | None = None


class _Usage(Struct, gc=False):
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    prompt_tokens_details: _PromptDetails | None = None


class _Event(Struct, gc=False):
    choices: list[_Choice] | None = None
    model: str | None = None
    usage: _Usage | None = None
    timings: dict[str, float | None] | None = None
    error: Any = None
    object: str | None = None


_decode = msgspec.json.Decoder(_Event).decode


def assemble(received: Received) -> Response:
    """The response behind a body in OpenAI's form."""
    if received.status >= 400:
        return received.refused()
    body, answer = received.body, _Answer()
    if body and not sse.is_event_stream(body):
        answer.whole(body, received.reads[-1][0])
    else:
        for at_ns, data in sse.events(body, received.reads):
            answer.take(at_ns, data)
    answer.told.usage = answer.counted()
    unfinished = "the stream ended with neither a finish_reason nor [DONE]"
    return answer.told.response(received, unfinished=unfinished)


class _Answer:
    """What the events have said so far; ``usage`` as the last of them that had one put it."""

    def __init__(self) -> None:
        self.told = Told()
        self.usage: _Usage | None = None

    def take(self, at_ns: int, data: bytes) -> None:
        """One event of a stream."""
        if data == b"[DONE]":
            self.told.ended = True
            return
        event = _event(data)
        if event is None:
            self.told.broken("an event is not a JSON object", data)
            return
        if event.error or event.object == "error":
            error = failures.of_error(foreign.decoded(data), status=200, midstream=True)
            self.told.failure = self.told.failure or error
            return
        self._note(at_ns, event)

    def whole(self, body: bytes, at_ns: int) -> None:
        """The single body of an answer that was not streamed."""
        data = foreign.decoded(body)
        event = _salvage(data)
        if failures.reports_error(data):
            self.told.failure = failures.of_error(data, status=200)
        elif event is None or event.choices is None:
            self.told.broken("neither a stream of events nor a completion", body)
        else:
            self._note(at_ns, event)
            self.told.ended = True

    def _note(self, at_ns: int, event: _Event) -> None:
        told = self.told
        if event.model and event.model != told.model:
            told.model = foreign.name(event.model)
        if event.usage:
            self.usage = event.usage
        if event.timings:
            told.timings = {
                name: value
                for name, value in itertools.islice(event.timings.items(), _MOST_TIMINGS)
                if value is not None and math.isfinite(value)
            }
        for choice in event.choices or ():
            if told.first_chunk_ns is None:
                told.first_chunk_ns = at_ns
            if choice.index:  # one answer is asked for; a server that sends more is read as if it did not
                continue
            if choice.finish_reason:
                told.finish_reason = foreign.name(choice.finish_reason)
            text = choice.delta or choice.message
            content = (text.content if text else choice.text) or ""
            reasoning = (text.reasoning or text.reasoning_content or "") if text else ""
            if content or reasoning:
                told.chunks.append(Chunk(at_ns, content, reasoning))
            if choice.token_ids:
                told.token_ids += len(choice.token_ids)

    def counted(self) -> Usage | None:
        """The server's token counts, if they are counts."""
        if self.usage is None:
            return None
        prompt, completion = map(foreign.count, (self.usage.prompt_tokens, self.usage.completion_tokens))
        if prompt is None or completion is None:
            return None
        details = self.usage.prompt_tokens_details
        cached = foreign.count(details.cached_tokens) if details else None
        timings = self.told.timings or {}
        if cached is None and "cache_n" in timings:
            cached = foreign.count(int(timings["cache_n"]))
        return Usage(prompt, completion, cached)


def _event(data: bytes) -> _Event | None:
    """One decoded event, wrong fields left out; None if it is not a JSON object."""
    if len(data) > foreign.MOST_BYTES:
        return None
    try:
        return _decode(data)
    except wire.UNREADABLE:
        return _salvage(foreign.decoded(data))


def _salvage(data: Any) -> _Event | None:
    """An event without those fields that have no business to be as they are."""
    if not isinstance(data, dict):
        return None
    choices = data.get("choices")
    timings = data.get("timings")
    return _Event(
        choices=[_choice(item) for item in choices if isinstance(item, dict)]
        if isinstance(choices, list)
        else None,
        model=_typed(data.get("model"), str),
        usage=_fields(data.get("usage"), _Usage),
        timings={key: value for key, value in timings.items() if foreign.is_number(value)}
        if isinstance(timings, dict)
        else None,
        error=data.get("error"),
        object=_typed(data.get("object"), str),
    )


def _choice(data: dict[str, Any]) -> _Choice:
    choice = _fields({key: value for key, value in data.items() if key not in ("delta", "message")}, _Choice)
    assert choice is not None
    choice.delta, choice.message = (_fields(_joined(data.get(name)), _Text) for name in ("delta", "message"))
    return choice


def _joined(text: Any) -> Any:
    """A delta or message; content that is a list of parts (``{"type": "text", "text": …}``) is joined."""
    if not isinstance(text, dict) or not isinstance(text.get("content"), list):
        return text
    parts = [
        part["text"]
        for part in text["content"]
        if isinstance(part, dict) and isinstance(part.get("text"), str)
    ]
    return text | {"content": "".join(parts)}


def _fields(data: Any, kind: type[T]) -> T | None:
    """A struct of those fields of ``data`` that fit it; None if ``data`` is no object."""
    if not isinstance(data, dict):
        return None
    fitting = {}
    for name in kind.__struct_fields__:  # type: ignore[attr-defined]  # every Struct has it
        if name in data:
            try:
                fitting[name] = getattr(wire.build({name: data[name]}, kind), name)
            except msgspec.ValidationError:
                continue
    return kind(**fitting)


def _typed(value: Any, kind: type[T]) -> T | None:
    return value if isinstance(value, kind) else None
