"""A response -> its figures. Pure: arithmetic on stored stamps, no clock.

Definitions, with *t* the stamps of the socket reads that carried text and *n* the completion's tokens:

- TTFT: first text, content or reasoning, after the request's first byte was written. A role-only event is no
  text (``first_chunk_s`` is its time). ``ttfc_s``: first content, where reasoning came before it.
- gap: time between two successive reads that carried text. One read counts once, however many events it held.
  Percentiles are nearest-rank: a gap that was really seen.
- TPOT ``(t_last - t_first) / (n - 1)``; ``output_tps`` its inverse; ``e2e_tps`` ``n / latency``.
- latency: last text, not the usage event that may trail it. ``prompt_tps``: prompt tokens / TTFT.
- *n* is the server's usage, else the token ids that it sent, else the number of events that carried text;
  ``tokens_from`` says which. An event may carry several tokens, so the last is a lower bound.
"""

from __future__ import annotations

import math
from itertools import pairwise
from typing import TYPE_CHECKING, Literal

from pytest_llmeval.model import Timing

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_llmeval.model import Response

NANOSECONDS = 1e9
_SILENT = 8
"""Tokens without text that any answer may have."""


def of(response: Response) -> Timing:
    """The figures of a response, also of one that broke off; what its stamps do not give is None."""
    usage = response.usage
    tokens, tokens_from = count_tokens(response)
    prompt_tokens = usage.prompt_tokens if usage else None
    first_chunk_s = _seconds(response.started_ns, response.first_chunk_ns)
    cached_tokens = usage.cached_tokens if usage else None
    if not response.chunks:
        return Timing(
            first_chunk_s=first_chunk_s,
            prompt_tokens=prompt_tokens,
            completion_tokens=tokens,
            cached_tokens=cached_tokens,
            tokens_from=tokens_from,
        )
    first, last = response.chunks[0].at_ns, response.chunks[-1].at_ns
    ttft_s, latency_s = _seconds(response.started_ns, first), _seconds(response.started_ns, last)
    stream_s = (last - first) / NANOSECONDS
    rated = tokens is not None and tokens > 1 and stream_s > 0
    gaps = sorted((after - before) / NANOSECONDS for before, after in pairwise(_reads(response)))
    return Timing(
        ttft_s=ttft_s,
        ttfc_s=_seconds(response.started_ns, _first_content(response)),
        first_chunk_s=first_chunk_s,
        tpot_s=stream_s / (tokens - 1) if tokens and rated else None,
        output_tps=(tokens - 1) / stream_s if tokens and rated else None,
        e2e_tps=tokens / latency_s if tokens and latency_s else None,
        prompt_tps=prompt_tokens / ttft_s if prompt_tokens and ttft_s else None,
        latency_s=latency_s,
        gap_p50_s=percentile(gaps, 50),
        gap_p99_s=percentile(gaps, 99),
        gap_max_s=gaps[-1] if gaps else None,
        prompt_tokens=prompt_tokens,
        completion_tokens=tokens,
        cached_tokens=cached_tokens,
        tokens_from=tokens_from,
    )


def count_tokens(response: Response) -> tuple[int | None, Literal["usage", "token_ids", "events"] | None]:
    """Completion tokens and where the number comes from. A usage of 0 beside text is not believed."""
    events = len(response.chunks)
    if response.usage and (response.usage.completion_tokens or not events):
        return response.usage.completion_tokens, "usage"
    if response.token_ids:
        return response.token_ids, "token_ids"
    return (events, "events") if events else (None, None)


ONE_TOKEN_AN_EVENT = frozenset({"llama.cpp", "ollama", "vllm"})
"""Servers whose habit that is; a few tokens may come without text (an end token, half a character)."""


def miscount(response: Response, server: str | None) -> str | None:
    """Why the server's count of tokens does not fit the events it sent, beyond its habit; None where it does.

    ``server`` as in ``Facts``. Whoever the server is, a token is at most one event, and at least one byte of
    text: what is counted beyond that was never shown. A run of tokens without text costs a server of one
    token an event up to half of its events, or 8.
    """
    if response.usage is None or not response.chunks:
        return None
    tokens, events = response.usage.completion_tokens, len(response.chunks)
    shown_bytes = len((response.text + response.reasoning).encode("utf-8", "replace"))
    if events > tokens + 1:
        return f"the server counted {tokens} tokens and sent {events} events with text: its count is too low"
    if tokens > shown_bytes + _SILENT:
        return (
            f"the server counted {tokens} tokens for {shown_bytes} bytes of text: tokens that it did not "
            "show (hidden reasoning?) are in tpot_s and output_tps"
        )
    habitual = (server or "").split(" ")[0] in ONE_TOKEN_AN_EVENT
    if habitual and tokens > events * 1.5 + _SILENT:
        return (
            f"the server counted {tokens} tokens and sent {events} events with text: several tokens an event "
            "(speculative decoding?), so that gaps are not those between tokens"
        )
    return None


def percentile(ascending: Sequence[float], percent: float) -> float | None:
    """The nearest-rank percentile of sorted values: the smallest that ``percent`` % do not exceed."""
    if not ascending:
        return None
    return ascending[max(0, math.ceil(len(ascending) * percent / 100) - 1)]


def gaps(response: Response) -> list[float]:
    """Seconds between successive reads that carried text, in order, for pooling over responses."""
    return [(after - before) / NANOSECONDS for before, after in pairwise(_reads(response))]


def _reads(response: Response) -> list[int]:
    """The stamps of the reads that carried text, each once."""
    return list(dict.fromkeys(chunk.at_ns for chunk in response.chunks))


def _first_content(response: Response) -> int | None:
    """The stamp of the first content after reasoning; None where the answer did not reason."""
    if not any(chunk.reasoning for chunk in response.chunks):
        return None
    return next((chunk.at_ns for chunk in response.chunks if chunk.content), None)


def _seconds(start_ns: int, end_ns: int | None) -> float | None:
    return None if end_ns is None else (end_ns - start_ns) / NANOSECONDS
