"""Replies -> the batch's figures, against numbers worked out by hand."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_llmeval.measure import throughput
from pytest_llmeval.measure.throughput import Reply
from pytest_llmeval.model import SLO, Chunk, Failure, Load, LoadPlan, Response, Timing, Usage

MS = 1_000_000
CLOSED = LoadPlan(requests=2, concurrency=2)
BROKEN = Failure("interrupted", "the connection was lost")


def reply(number: int, *at_ms: float, sent_ms: float = 0, due_ms: float | None = None, **known: Any) -> Reply:
    """An answer with text at these milliseconds of the batch."""
    chunks = tuple(Chunk(int(at * MS), "x") for at in at_ms)
    known.setdefault("ended_ns", int((at_ms[-1] if at_ms else sent_ms) * MS) + 50 * MS)
    response = Response(started_ns=int(sent_ms * MS), chunks=chunks, **known)
    return Reply(number, response, None if due_ms is None else int(due_ms * MS))


def test_two_streams_that_overlap() -> None:
    first = reply(0, 100, 200, 300, usage=Usage(10, 30))
    second = reply(1, 250, 350, 450, 500, sent_ms=50, usage=Usage(10, 20))
    assert throughput.figures([first, second], CLOSED, batch=2) == Load(
        round=2,
        requests=2,
        concurrency=2,
        wall_s=0.5,
        load_tps=100.0,
        request_rps=4.0,
        ttft_p50_s=0.1,
        ttft_p99_s=0.2,
        latency_p50_s=0.3,
        latency_p99_s=0.45,
        gap_p50_s=0.1,
        gap_p99_s=0.1,
        fairness=pytest.approx((100 + 20 / 0.45) ** 2 / (2 * (100**2 + (20 / 0.45) ** 2))),
    )


def test_an_open_loop_counts_from_when_it_meant_to_send() -> None:
    plan = LoadPlan(requests=2, rate=10.0, concurrency=1)
    late = reply(1, 400, 500, sent_ms=300, due_ms=100)
    figures = throughput.figures([reply(0, 200, 300, due_ms=0), late], plan)
    assert late.delay_s == 0.2
    assert (figures.ttft_p50_s, figures.ttft_p99_s) == (0.1, 0.2)
    assert (figures.scheduled_ttft_p50_s, figures.scheduled_ttft_p99_s) == pytest.approx((0.2, 0.3))
    assert (figures.scheduled_latency_p50_s, figures.scheduled_latency_p99_s) == pytest.approx((0.3, 0.4))
    assert (figures.rate, figures.wall_s) == (10.0, 0.5)


def test_goodput_counts_what_kept_every_limit() -> None:
    fast, slow_start, slow_stream = reply(0, 100, 110), reply(1, 300, 310), reply(2, 100, 1000)
    batch, limits = [fast, slow_start, slow_stream], SLO(ttft_s=0.2, tpot_s=0.05)
    plan = LoadPlan(requests=3, concurrency=3)
    assert throughput.figures(batch, plan).goodput_rps is None, "nothing was asked of them"
    assert throughput.figures(batch, plan, slo=limits).goodput_rps == pytest.approx(1 / 1.0)
    own = LoadPlan(requests=3, concurrency=3, slo=SLO(tpot_s=0.05))
    assert throughput.figures(batch, own, slo=limits).goodput_rps == pytest.approx(2 / 1.0), "its own limits"


def test_a_delayed_request_breaks_the_limit_on_its_first_token() -> None:
    assert throughput.keeps(Timing(ttft_s=0.15), SLO(ttft_s=0.2))
    assert not throughput.keeps(Timing(ttft_s=0.15), SLO(ttft_s=0.2), delay_s=0.1)
    assert not throughput.keeps(Timing(), SLO(ttft_s=0.2))
    assert throughput.keeps(Timing(), SLO(tpot_s=0.2)), "a single token has no second to be late"


def test_errors_are_counted_and_their_tokens_too() -> None:
    broken = reply(1, 400, failure=BROKEN, usage=Usage(10, 5))
    figures = throughput.figures([reply(0, 100, 500, usage=Usage(10, 20)), broken], CLOSED)
    assert (figures.errors, figures.load_tps, figures.request_rps) == (1, 50.0, 2.0)
    assert figures.latency_p99_s == 0.5, "a broken answer has no latency"


def test_a_failure_without_any_text_ends_when_it_ended() -> None:
    refused = reply(1, failure=BROKEN, ended_ns=900 * MS)
    assert throughput.figures([reply(0, 100, 500), refused], CLOSED).wall_s == 0.9


def test_queueing_apart_where_the_server_tells_its_own_time() -> None:
    timings = {"prompt_ms": 80.0, "predicted_ms": 500.0}
    at_once, queued = reply(0, 100, 200, server_timings=timings), reply(1, 400, 500, server_timings=timings)
    figures = throughput.figures([at_once, queued], CLOSED)
    assert (figures.queue_p50_s, figures.queue_p99_s) == pytest.approx((0.02, 0.32))
    assert throughput.queue_s(reply(0, 100, 200).response) is None
    assert throughput.queue_s(reply(0, 50, server_timings=timings).response) == 0.0, (
        "clocks differ by a little"
    )


def test_unknown_tokens_make_no_rate() -> None:
    silent = Reply(0, Response(started_ns=0, ended_ns=MS))
    figures = throughput.figures([silent, reply(1, 100, 200)], CLOSED)
    assert figures.load_tps is None
    assert figures.request_rps is not None


def test_nothing_was_asked() -> None:
    assert throughput.figures([], CLOSED) == Load(round=0, requests=2, concurrency=2)


@pytest.mark.parametrize(("lag_ms", "is_void"), [(None, False), (4.9, False), (5.1, True)])
def test_a_lag_beyond_a_hundredth_of_the_wall_voids(lag_ms: float | None, is_void: bool) -> None:
    lag_s = None if lag_ms is None else lag_ms / 1000
    figures = throughput.figures([reply(0, 100, 500), reply(1, 100, 200, lag_s=lag_s)], CLOSED)
    assert (figures.void is not None) is is_void
    if is_void:
        assert figures.void == "the client's event loop lagged 5.1 ms in a batch of 0.50 s"


def test_replayed_streams_measure_nothing() -> None:
    void = throughput.figures([reply(0, 100, 500, transport="replay")], CLOSED).void
    assert void is not None
    assert "replayed" in void


speeds = st.lists(st.floats(0.01, 1e4), min_size=1, max_size=40)


@given(speeds, st.floats(0.01, 100))
def test_jains_index(values: list[float], factor: float) -> None:
    index = throughput.jain(values)
    assert index is not None
    assert 1 / len(values) - 1e-9 <= index <= 1 + 1e-9
    assert throughput.jain([value * factor for value in values]) == pytest.approx(index), "no unit"
    assert throughput.jain([values[0]] * len(values)) == pytest.approx(1)


def test_jains_index_of_known_shares() -> None:
    assert throughput.jain([1, 0, 0, 0]) == 0.25
    assert throughput.jain([1, 1, 0, 0]) == 0.5
    assert throughput.jain([]) is None
    assert throughput.jain([0, 0]) is None


@st.composite
def replies(draw: st.DrawFn) -> Reply:
    sent = draw(st.integers(0, 2000))
    at = sorted(draw(st.lists(st.integers(sent, sent + 5000), max_size=6)))
    failure = draw(st.sampled_from([None, BROKEN]))
    due = draw(st.none() | st.integers(0, sent))
    return reply(0, *at, sent_ms=sent, due_ms=due, failure=failure, ended_ns=(sent + 9000) * MS)


@given(st.lists(replies(), max_size=8), st.none() | st.floats(0.1, 100))
def test_any_batch_has_sensible_figures(batch: list[Reply], rate: float | None) -> None:
    plan = LoadPlan(requests=max(1, len(batch)), concurrency=2, rate=rate)
    figures = throughput.figures(batch, plan, slo=SLO(ttft_s=1, tpot_s=1))
    for name in ("ttft", "latency", "queue", "gap"):
        p50, p99 = getattr(figures, f"{name}_p50_s"), getattr(figures, f"{name}_p99_s")
        assert (p50 is None) is (p99 is None)
        assert p50 is None or 0 <= p50 <= p99
    assert (figures.goodput_rps or 0) <= (figures.request_rps or 0)
    if rate and figures.ttft_p50_s is not None:
        assert figures.scheduled_ttft_p99_s >= figures.ttft_p99_s
