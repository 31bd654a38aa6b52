"""One request, and what came back with its stamps."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

ErrorKind = Literal[
    "connect",
    "timeout",
    "http_4xx",
    "http_5xx",
    "rate_limited",
    "context_overflow",
    "interrupted",
    "malformed",
    "empty",
    "unsupported",
]


class Request(Struct, frozen=True, kw_only=True):
    """One request, ready to send. ``messages`` are ``(role, content)`` pairs; ``max_tokens`` None: unlimited.

    ``suffix``: the text after the gap that is to be filled (fill-in-the-middle). ``timeout_s`` bounds the
    whole exchange; see also ``Timeouts``. ``waits``: where a server refuses and says when to come back, it is
    asked again then.
    """

    messages: tuple[tuple[str, str], ...]
    suffix: str | None = None
    max_tokens: int | None = None
    temperature: float = 0.0
    seed: int | None = 0
    timeout_s: float = 120.0
    waits: bool = True


class Chunk(Struct, frozen=True):
    """One server event that carried text. ``at_ns``: the stamp of the socket read that completed it."""

    at_ns: int
    content: str = ""
    reasoning: str = ""


class Usage(Struct, frozen=True):
    """Token counts as the server reports them; ``cached_tokens`` of the prompt came from its prefix cache."""

    prompt_tokens: int
    completion_tokens: int
    cached_tokens: int | None = None


class Failure(Struct, frozen=True, omit_defaults=True):
    """Why a request failed. ``message`` is the server's own where there is one.

    ``prompt_tokens``, ``context_window`` and ``requested_tokens``: the numbers of a ``context_overflow``.
    """

    kind: ErrorKind
    message: str
    status: int | None = None
    prompt_tokens: int | None = None
    context_window: int | None = None
    requested_tokens: int | None = None


class Response(Struct, frozen=True, kw_only=True):
    """One streamed answer with its stamps; all ``*_ns`` are ``time.perf_counter_ns`` of this process.

    ``started_ns``: the request's first byte was written. ``first_chunk_ns``: the first event of any content,
    also a role-only one. ``token_ids``: how many the server sent, where it sends them.
    ``cache``: ``cold`` (prefix cache defeated), ``warm`` or ``unknown``.
    ``lag_s``: the event loop's largest lag while the stream ran. ``transport``: who stamped it. ``notes``:
    what its client found strange, in words a person can act on.
    """

    started_ns: int
    ended_ns: int
    chunks: tuple[Chunk, ...] = ()
    first_chunk_ns: int | None = None
    finish_reason: str | None = None
    model: str | None = None
    usage: Usage | None = None
    token_ids: int | None = None
    server_timings: dict[str, float] | None = None
    failure: Failure | None = None
    transport: Literal["measured", "httpx", "replay", "function"] = "measured"
    cache: Literal["cold", "warm", "unknown"] = "unknown"
    retries: int = 0
    lag_s: float | None = None
    notes: tuple[str, ...] = ()

    @property
    def text(self) -> str:
        """The answer, without reasoning."""
        return "".join(chunk.content for chunk in self.chunks)

    @property
    def reasoning(self) -> str:
        """The reasoning text, which is never scored."""
        return "".join(chunk.reasoning for chunk in self.chunks)


class Timing(Struct, frozen=True, kw_only=True):
    """The figures of one response, all from its stamps; definitions in ``measure.timing``."""

    ttft_s: float | None = None
    ttfc_s: float | None = None
    first_chunk_s: float | None = None
    tpot_s: float | None = None
    output_tps: float | None = None
    e2e_tps: float | None = None
    prompt_tps: float | None = None
    latency_s: float | None = None
    gap_p50_s: float | None = None
    gap_p99_s: float | None = None
    gap_max_s: float | None = None
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    cached_tokens: int | None = None
    tokens_from: Literal["usage", "token_ids", "events"] | None = None
