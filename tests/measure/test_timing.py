"""Response -> figures, against numbers worked out by hand."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_llmeval.measure import timing
from pytest_llmeval.model import Chunk, Response, Timing, Usage

MS = 1_000_000
START = 7_000 * MS


def response(*at_ms: float, **known: Any) -> Response:
    """Content chunks at these milliseconds after the start."""
    chunks = tuple(Chunk(START + int(at * MS), "x") for at in at_ms)
    return Response(started_ns=START, ended_ns=START + 10_000 * MS, chunks=chunks, **known)


def test_a_plain_stream() -> None:
    figures = timing.of(response(50, 60, 70, 80, 90, usage=Usage(100, 5), first_chunk_ns=START + 2 * MS))
    assert figures == Timing(
        ttft_s=0.05,
        first_chunk_s=0.002,
        tpot_s=0.01,
        output_tps=100.0,
        e2e_tps=pytest.approx(5 / 0.09),
        prompt_tps=2000.0,
        latency_s=0.09,
        gap_p50_s=0.01,
        gap_p99_s=0.01,
        gap_max_s=0.01,
        prompt_tokens=100,
        completion_tokens=5,
        tokens_from="usage",
    )


def test_a_stall_is_seen_in_the_gaps() -> None:
    """100 ms after every 50 tokens of 200, 5 ms apart: the true p99 is 105 ms."""
    at = [50 + 5 * index + 100 * (index // 50) for index in range(200)]
    figures = timing.of(response(*at))
    assert (figures.gap_p50_s, figures.gap_p99_s, figures.gap_max_s) == (0.005, 0.105, 0.105)
    assert figures.tpot_s == pytest.approx((199 * 5 + 300) / 199 / 1000)


def test_several_events_in_one_read_make_no_gap() -> None:
    figures = timing.of(response(50, 50, 50, 60, 60, 70))
    assert (figures.gap_p50_s, figures.gap_max_s) == (0.01, 0.01)
    assert figures.completion_tokens == 6


def test_several_tokens_in_one_event_count_by_usage() -> None:
    figures = timing.of(response(50, 60, 70, usage=Usage(10, 9)))
    assert figures.tpot_s == pytest.approx(0.02 / 8)
    assert figures.output_tps == pytest.approx(8 / 0.02)


def test_reasoning_gives_the_ttft_and_content_the_ttfc() -> None:
    chunks = (Chunk(START + 10 * MS, "", "hm"), Chunk(START + 30 * MS, "42"))
    figures = timing.of(Response(started_ns=START, ended_ns=START, chunks=chunks))
    assert (figures.ttft_s, figures.ttfc_s) == (0.01, 0.03)
    assert timing.of(response(10)).ttfc_s is None


def test_tokens_come_from_usage_then_ids_then_events() -> None:
    assert timing.count_tokens(response(1, 2, usage=Usage(1, 7), token_ids=5)) == (7, "usage")
    assert timing.count_tokens(response(1, 2, token_ids=5)) == (5, "token_ids")
    assert timing.count_tokens(response(1, 2)) == (2, "events")
    assert timing.count_tokens(response()) == (None, None)
    assert timing.count_tokens(response(1, 2, usage=Usage(1, 0))) == (2, "events")
    assert timing.count_tokens(response(usage=Usage(1, 0))) == (0, "usage")


def test_one_token_has_no_rate() -> None:
    figures = timing.of(response(50, usage=Usage(3, 1)))
    assert (figures.ttft_s, figures.latency_s, figures.e2e_tps) == (0.05, 0.05, 20.0)
    assert (figures.tpot_s, figures.output_tps, figures.gap_p50_s) == (None, None, None)


def test_a_whole_answer_in_one_read_has_no_rate() -> None:
    assert timing.of(response(50, usage=Usage(3, 100))).output_tps is None


def test_nothing_came() -> None:
    assert timing.of(response()) == Timing()
    assert timing.of(response(usage=Usage(4, 0, 2), first_chunk_ns=START + MS)) == Timing(
        first_chunk_s=0.001, prompt_tokens=4, completion_tokens=0, cached_tokens=2, tokens_from="usage"
    )


@pytest.mark.parametrize(
    ("events", "text", "tokens", "server", "said"),
    [
        (40, "tok ", 40, "vllm 0.32.0", None),
        (40, "tok ", 41, "vllm 0.32.0", None),  # an end token
        (39, "tok ", 38, None, None),
        (40, "tok ", 38, None, "counted 38 tokens and sent 40 events with text: its count is too low"),
        (10, "안녕하세요", 18, "llama.cpp b11434", None),  # characters of several tokens
        (10, "several tokens", 60, "ollama 0.12", "several tokens an event"),
        (10, "several tokens", 60, "sglang", None),  # may be its habit
        (10, "several tokens", 60, None, None),
        (10, "tok ", 300, None, "counted 300 tokens for 40 bytes of text: tokens that it did not show"),
    ],
)
def test_a_count_beyond_the_servers_habit_is_told(
    events: int, text: str, tokens: int, server: str | None, said: str | None
) -> None:
    chunks = tuple(Chunk(number, text) for number in range(events))
    answer = Response(started_ns=0, ended_ns=events, chunks=chunks, usage=Usage(1, tokens))
    miscount = timing.miscount(answer, server)
    assert (miscount is None) if said is None else (miscount is not None and said in miscount)


def test_nearest_rank() -> None:
    values = [float(value) for value in range(1, 101)]
    assert [timing.percentile(values, percent) for percent in (0, 1, 50, 99, 99.5, 100)] == [
        1,
        1,
        50,
        99,
        100,
        100,
    ]
    assert timing.percentile([], 50) is None


@given(
    st.lists(st.integers(0, 10**12), min_size=1, max_size=50).map(sorted),
    st.none() | st.builds(Usage, st.integers(0, 10**6), st.integers(0, 10**6)),
)
def test_figures_hold_together(at_ns: list[int], usage: Usage | None) -> None:
    chunks = tuple(Chunk(START + at, "x") for at in at_ns)
    figures = timing.of(Response(started_ns=START, ended_ns=START, chunks=chunks, usage=usage))
    assert figures.ttft_s is not None
    assert figures.latency_s is not None
    assert 0 <= figures.ttft_s <= figures.latency_s
    if figures.tpot_s is not None and figures.output_tps is not None:
        assert figures.tpot_s * figures.output_tps == pytest.approx(1)
    if figures.gap_max_s is not None:
        assert figures.gap_p50_s is not None
        assert figures.gap_p99_s is not None
        assert 0 < figures.gap_p50_s <= figures.gap_p99_s <= figures.gap_max_s <= figures.latency_s
