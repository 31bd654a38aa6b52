"""The client's own ceiling, on figures worked out by hand and on a thread that is kept busy."""

from __future__ import annotations

import time

import pytest

from pytest_llmeval.measure import ceiling, throughput
from pytest_llmeval.model import Chunk, LoadPlan, Response, Usage


def batch(busy: float | None) -> throughput.Load:
    """2,000 tokens in 0.1 s."""
    chunks = (Chunk(50_000_000, "x"), Chunk(100_000_000, "x"))
    response = Response(started_ns=0, ended_ns=chunks[-1].at_ns, chunks=chunks, usage=Usage(10, 2000))
    plan = LoadPlan(requests=1, concurrency=1)
    return throughput.figures([throughput.Reply(0, response)], plan, busy=busy)


def test_a_batch_near_the_ceiling_is_void_and_says_where_that_is() -> None:
    figures = batch(0.8)
    assert (figures.load_tps, figures.client_busy) == (20_000, 0.8)
    assert figures.client_ceiling_tps == 25_000
    assert figures.void == (
        "the client itself was busy 80% of the time: one process of it ends at about 25,000 tokens/s here"
    )


@pytest.mark.parametrize(("busy", "ceiling_tps"), [(0.79, 20_000 / 0.79), (0.05, None), (None, None)])
def test_below_it_the_ceiling_is_told_where_it_is_known(
    busy: float | None, ceiling_tps: float | None
) -> None:
    figures = batch(busy)
    assert figures.client_ceiling_tps == (None if ceiling_tps is None else pytest.approx(ceiling_tps))
    assert figures.void is None


def test_a_busy_client_without_tokens_is_void_too() -> None:
    assert ceiling.void(None, 0.95) == "the client itself was busy 95% of the time"


def test_work_counts_and_waiting_does_not() -> None:
    with ceiling.watch() as idle:
        time.sleep(0.05)
    with ceiling.watch() as mixed:
        until = time.thread_time() + 0.05
        while time.thread_time() < until:
            pass
        time.sleep(0.05)
    assert idle.share is not None
    assert mixed.share is not None
    assert idle.share < 0.2
    assert 0 < mixed.share <= 0.6
    assert mixed.share > idle.share
