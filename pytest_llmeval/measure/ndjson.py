"""The body of an answer of Ollama's own API (one JSON object a line) -> ``model.Response``. Pure.

``{"message": {"content", "thinking"}, "done": false}`` …, the last with ``done: true``, ``done_reason``,
token counts and durations in nanoseconds; ``{"error": "…"}`` may come as a line of its own (Ollama's API
reference).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pytest_llmeval.model import Chunk, Usage

from . import failures, foreign
from .received import Received, Told

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from pytest_llmeval.model import Response

_DURATIONS = {
    "total_ms": "total_duration",
    "load_ms": "load_duration",
    "prompt_ms": "prompt_eval_duration",
    "predicted_ms": "eval_duration",
}
"""Names in ``Response.server_timings``, as llama.cpp has them where it has them, and Ollama's own."""


def assemble(received: Received) -> Response:
    """The response behind a body of ``/api/chat``."""
    if received.status >= 400:
        return received.refused()
    told = Told()
    for at_ns, line in lines(received.reads):
        _take(told, at_ns, line)
    return told.response(received, unfinished="the stream ended without a line that says done")


def lines(reads: Sequence[tuple[int, bytes]]) -> Iterator[tuple[int, bytes]]:
    """Every line that is not blank, with the stamp of the read that completed it."""
    begun: list[bytes] = []
    at_ns = 0
    for at_ns, data in reads:
        *whole, rest = data.split(b"\n")
        if whole:
            whole[0] = b"".join((*begun, whole[0]))
            begun.clear()
        yield from ((at_ns, line) for line in whole if line.strip())
        begun.append(rest)
    rest = b"".join(begun)
    if rest.strip():
        yield at_ns, rest


def _take(told: Told, at_ns: int, line: bytes) -> None:
    data = foreign.decoded(line)
    if not isinstance(data, dict):
        told.broken("a line is not a JSON object", line)
        return
    if failures.reports_error(data):
        told.failure = told.failure or failures.of_error(data, status=200, midstream=True)
        return
    if told.first_chunk_ns is None:
        told.first_chunk_ns = at_ns
    told.model = foreign.name(data.get("model")) or told.model
    message = data.get("message")
    content, thinking = _text(message, "content") or "", _text(message, "thinking") or ""
    if content or thinking:
        told.chunks.append(Chunk(at_ns, content, thinking))
    if data.get("done") is True:
        told.finish_reason = foreign.name(data.get("done_reason")) or "stop"
        told.usage = _usage(data)
        told.timings = _timings(data)


def _usage(data: dict[str, Any]) -> Usage | None:
    """The counts. Versions before 0.4 leave out the prompt's when it was cached whole."""
    prompt, completion = (foreign.count(data.get(name)) for name in ("prompt_eval_count", "eval_count"))
    return None if prompt is None or completion is None else Usage(prompt, completion)


def _timings(data: dict[str, Any]) -> dict[str, float] | None:
    """The server's own figures, in ms. Proxies that do not measure write 0, or the total for all."""
    found = {
        name: data[field] / 1e6
        for name, field in _DURATIONS.items()
        if foreign.is_number(data.get(field)) and data[field] > 0
    }
    if found.get("predicted_ms") == found.get("total_ms"):
        found.pop("predicted_ms", None)
    for name, field in (("prompt_n", "prompt_eval_count"), ("predicted_n", "eval_count")):
        count = foreign.count(data.get(field))
        if count is not None:
            found[name] = float(count)
    return found or None


def _text(data: Any, name: str) -> str | None:
    value = data.get(name) if isinstance(data, dict) else None
    return value if isinstance(value, str) else None
