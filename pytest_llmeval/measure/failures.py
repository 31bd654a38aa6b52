"""An error answer of a server, in any of its forms -> ``model.Failure``. Pure.

Forms that were met: ``{"error": {"message", "type", "param", "code"}}`` (OpenAI, vLLM; llama.cpp adds
``n_prompt_tokens`` and ``n_ctx``), ``{"object": "error", "message", "code"}`` (vLLM up to 0.8),
``{"error": "text"}`` (Ollama, TGI), ``{"detail": "text" | [{"msg"}]}`` (FastAPI), text or HTML of a proxy.
"""

from __future__ import annotations

import itertools
import re
from typing import TYPE_CHECKING, Any

from pytest_llmeval.model import Failure

from . import foreign

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pytest_llmeval.model import ErrorKind

LONGEST_MESSAGE = 500
"""Characters kept of a server's message."""
LONGEST_READ = 20_000
"""Characters looked at; a page of a proxy says what it has to say before."""

_MOST_ITEMS = 20
_OVERFLOW_NAMES = frozenset({"exceed_context_size_error", "context_length_exceeded"})
_WINDOW = (
    r"maximum context length (?:is|of) (\d{1,9})",  # OpenAI, vLLM, SGLang
    r"max_model_len[= ](\d{1,9})",  # vLLM, max_tokens alone too large
    r"maximum model length of (\d{1,9})",  # vLLM 0.9
    r"the model \(context length (\d{1,9})",  # vLLM 0.6
    r"available context size \((\d{1,9})",  # llama.cpp
    r"exceeds context size \((\d{1,9})",  # llama.cpp
    r"model's context length \((\d{1,9})",  # SGLang
    r"maximum allowed length \((\d{1,9})",  # SGLang, what its memory leaves
    r"context length of only (\d{1,9})",  # LM Studio
    r"must be <= (\d{1,9})\. Given",  # TGI
    r"tokens > (\d{1,9}) maximum",  # Anthropic
    r"exceed context limit: \d{1,9} \+ \d{1,9} > (\d{1,9})",  # Anthropic, with max_tokens
    r"maximum number of tokens allowed \((\d{1,9})",  # Gemini
)
_PROMPT = (
    r"contains (?:at least )?(\d{1,9}) input",  # vLLM 0.32
    r"request has (\d{1,9}) input tokens",  # vLLM 0.10
    r"prompt \((?:total )?length (\d{1,9})\)",  # vLLM 0.6, 0.9
    r"\((\d{1,9}) in (?:the messages|your prompt|the prompt)",  # OpenAI, vLLM 0.5
    r"messages resulted in (\d{1,9}) tokens",  # OpenAI
    r"request \((\d{1,9}) tokens\) exceeds",  # llama.cpp
    r"[Tt]he input \((\d{1,9}) tokens\)",  # SGLang
    r"[Ii]nput length \((\d{1,9}) tokens\)",  # SGLang
    r"(\d{1,9}) tokens from the input",  # SGLang
    r"Given: (\d{1,9}) `inputs` tokens",  # TGI
    r"prompt is too long: (\d{1,9}) tokens",  # Anthropic
    r"exceed context limit: (\d{1,9}) \+",  # Anthropic
    r"input token count \((\d{1,9})\)",  # Gemini
)
_REQUESTED = (r"requested (?:a total of )?(\d{1,9}) tokens",)
_TAG = re.compile(r"<(script|style)\b(?:[^<]|<(?!/\1>))*+(?:</\1>|\Z)|<[^<>]*+>", re.IGNORECASE)
"""What is no text of a page. Possessive: a page of nothing but ``<script>`` takes no longer than another."""


def of_answer(status: int, body: bytes) -> Failure:
    """The failure behind an answer of ``status`` >= 400."""
    data = foreign.decoded(body)
    if data is foreign.NOTHING:
        return _failure(status, _text(body), status=status)
    return of_error(data, status=status)


def of_error(data: Any, *, status: int, midstream: bool = False) -> Failure:
    """The failure behind decoded JSON that reports an error.

    Where ``status`` is below 400 the error's own ``code`` tells the kind, in a stream (``midstream``) it
    interrupted the answer.
    """
    error = data.get("error", data) if isinstance(data, dict) else data
    if not isinstance(error, dict):
        return _failure(status, foreign.shown(error), status=status, midstream=midstream)
    code = _number(error.get("code"))
    names = (error.get("type"), error.get("code"))
    return _failure(
        code if status < 400 and code is not None else status,
        _message(error),
        status=status,
        midstream=midstream,
        overflow=any(isinstance(name, str) and name in _OVERFLOW_NAMES for name in names),
        prompt_tokens=_number(error.get("n_prompt_tokens")),
        context_window=_number(error.get("n_ctx")),
    )


def reports_error(data: Any) -> bool:
    """Whether decoded JSON of a status 200 is an error all the same."""
    return isinstance(data, dict) and (bool(data.get("error")) or data.get("object") == "error")


def _failure(
    code: int,
    message: str,
    *,
    status: int,
    midstream: bool = False,
    overflow: bool = False,
    prompt_tokens: int | None = None,
    context_window: int | None = None,
) -> Failure:
    message = message[:LONGEST_READ]
    window = context_window or _first(_WINDOW, message)
    message = " ".join(message.split())[:LONGEST_MESSAGE] or f"HTTP {status} without a message"
    if overflow or window is not None:
        return Failure(
            kind="context_overflow",
            message=message,
            status=status,
            prompt_tokens=prompt_tokens or _first(_PROMPT, message),
            context_window=window,
            requested_tokens=_first(_REQUESTED, message),
        )
    return Failure(kind=_kind(code, midstream=midstream), message=message, status=status)


def _kind(code: int, *, midstream: bool) -> ErrorKind:
    if code == 429:
        return "rate_limited"
    if midstream:
        return "interrupted"
    if code < 400:
        return "malformed"
    return "http_4xx" if code < 500 else "http_5xx"


def _message(error: dict[str, Any]) -> str:
    for name in ("message", "detail", "msg"):
        value = error.get(name)
        if isinstance(value, str) and value:
            return value
        if isinstance(value, list):  # FastAPI's validation errors
            said = (item.get("msg", item) if isinstance(item, dict) else item for item in value)
            return "; ".join(foreign.shown(item) for item in itertools.islice(said, _MOST_ITEMS))
    return foreign.shown(error) if error else ""


def _text(body: bytes) -> str:
    text = body[:LONGEST_READ].decode("utf-8", "replace")
    return _TAG.sub(" ", text) if "<" in text else text


def _number(value: Any) -> int | None:
    if isinstance(value, str) and value.isascii() and value.isdigit():
        value = int(value[:9])
    return foreign.count(value)


def _first(patterns: Iterable[str], message: str) -> int | None:
    for pattern in patterns:
        if found := re.search(pattern, message):
            return int(found[1])
    return None
