"""How the mock server answers, and what all of its connections share."""

from __future__ import annotations

import itertools
import re
import time
from collections import deque
from typing import Any, Literal

import msgspec

DEFAULT_TEXT = "tok "


class Behaviour(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How a request is answered. Times in seconds; events are SSE events that carry text."""

    ttft_s: float = 0.05
    gap_s: float = 0.005
    tokens: int = 200
    """Length of an answer where no scripted one matches."""
    tokens_per_event: int = 1
    reasoning_tokens: int = 0
    """Events of reasoning before the answer; they follow the same schedule."""
    reasoning_field: Literal["reasoning", "reasoning_content"] = "reasoning"
    stall_every: int = 0
    """After every so many events the schedule is pushed back by ``stall_s``."""
    stall_s: float = 0.1
    role_chunk: bool = True
    role_content: Literal["empty", "null", "absent"] = "empty"
    finish: Literal["separate", "with_content", "none"] = "separate"
    usage: Literal["asked", "always", "continuous", "none"] = "asked"
    """``asked``: a trailing chunk if ``stream_options.include_usage``; ``continuous``: in every chunk too."""
    usage_delay_s: float = 0.0
    cached_tokens: int | None = None
    done: bool = True
    """Whether ``data: [DONE]`` ends the stream."""
    status: int = 200
    error: Any = None
    """With a ``status`` of 400 and more: the body, JSON or, where it is a string, plain text."""
    error_after: int | None = None
    """After so many events an error event ends the stream (status 200)."""
    close_after: int | None = None
    """After so many events the connection is cut; 0: before any byte of the answer."""
    close_reused: bool = False
    """A second request on a connection is met by closing it unanswered."""
    connection_close: bool = False
    keep_alive_s: float = 5.0
    loading_s: float = 0.0
    """For so long after the start or reset everything is 503 ``Loading model``."""
    reject_stream_options: bool = False
    check_window: bool = False
    """Refuse prompts (counted in words) that, with ``max_tokens``, exceed ``max_model_len``."""
    flavour: Literal["openai", "vllm", "llamacpp"] = "openai"
    models: tuple[str, ...] = ("mock",)
    answer_model: str | None = None
    """Answer under this model's name, whatever was asked for."""
    max_model_len: int | None = 32768
    version: str = "0.0-mock"
    ftype: str | None = None


class State:
    """What all connections of one server share."""

    def __init__(self, behaviour: Behaviour, answers: dict[str, str]) -> None:
        self.options = self.behaviour = behaviour
        self.scripted = self.answers = answers
        self.since = time.monotonic()
        self.ids = itertools.count(1)
        self.log: deque[dict[str, Any]] = deque(maxlen=4096)
        self.connections = 0
        self.streaming = 0
        self.peak_streaming = 0

    def control(self, change: dict[str, Any]) -> None:
        """Apply the body of ``POST /control``. Raises ``msgspec.ValidationError``."""
        base, answers = self.behaviour, self.answers
        reset = change.pop("reset", False)
        if reset:
            base, answers = self.options, self.scripted
        answers = change.pop("answers", answers)
        self.behaviour = override(base, change)
        self.answers = answers
        if reset:
            self.since = time.monotonic()
            self.log.clear()
            self.peak_streaming = 0

    def status(self) -> dict[str, Any]:
        """The body of ``GET /control``."""
        counters = {
            "connections": self.connections,
            "requests": len(self.log),
            "streaming": self.streaming,
            "peak_streaming": self.peak_streaming,
        }
        return {"behaviour": msgspec.to_builtins(self.behaviour), **counters}

    def answer(self, prompt: str, tokens: int) -> list[str]:
        """The tokens of the first scripted answer whose key occurs in the prompt, else filler."""
        for key, text in self.answers.items():
            if key in prompt:
                return split(text)
        return [DEFAULT_TEXT] * tokens


def override(base: Behaviour, change: dict[str, Any]) -> Behaviour:
    """``base`` with some fields replaced. Raises ``msgspec.ValidationError`` for unknown or mistyped ones."""
    return msgspec.convert(msgspec.to_builtins(base) | change, Behaviour)


def split(text: str) -> list[str]:
    """Pieces of at most four visible characters that join to the text."""
    return re.findall(r"\s*\S{1,4}|\s+", text)


def words(text: str) -> int:
    """Prompt tokens as this server counts them."""
    return len(text.split())


def prompt_of(body: dict[str, Any]) -> str:
    """All prompt text of a chat or completions request."""
    if "prompt" in body:
        return str(body["prompt"])
    return "\n".join(str(message.get("content")) for message in body.get("messages", ()))
