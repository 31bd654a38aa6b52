"""Batches against a server of known schedule, which keeps its own stamps."""

from __future__ import annotations

import asyncio
import time
from itertools import pairwise
from statistics import median
from typing import TYPE_CHECKING, Any

import mock_server
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_llmeval.errors import UsageError
from pytest_llmeval.measure import endpoints, load, throughput
from pytest_llmeval.model import Endpoint, Failure, LoadPlan, Request, Response

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_llmeval.measure.throughput import Reply

pytestmark = pytest.mark.alone
ASK = Request(messages=(("user", "Say hello."),), max_tokens=40, timeout_s=20.0)


def batch(url: str, plan: LoadPlan, *, on_read: Any = None, **behaviour: Any) -> list[Reply]:
    """One batch against a real socket, after a request that opens the way and is not in the log."""

    async def go() -> list[Reply]:
        client = endpoints.connect(Endpoint(name="mock", url=url))
        replies: list[Reply] = []
        try:
            await client.stream(ASK)
            mock_server.control(url, reset=True, **behaviour)
            await load.run(client, ASK, plan, replies, on_read=on_read)
        finally:
            await client.aclose()
        return replies

    return asyncio.run(go())


class Scripted:
    """A client that answers as a function says; counts how many it is asked at once."""

    def __init__(self, answer: Callable[[int], Any]) -> None:
        self.answer = answer
        self.asked = self.now = self.peak = 0

    async def stream(self, request: Request, on_read: object = None) -> Response:
        number, self.asked = self.asked, self.asked + 1
        self.now += 1
        self.peak = max(self.peak, self.now)
        started = time.perf_counter_ns()
        try:
            said = self.answer(number)
            if isinstance(said, Exception):
                raise said
            await asyncio.sleep(said if isinstance(said, float) else 0)
        except asyncio.CancelledError as cancelled:
            cancelled.args = (Response(started_ns=started, ended_ns=time.perf_counter_ns()),)
            raise
        finally:
            self.now -= 1
        failure = said if isinstance(said, Failure) else None
        return Response(started_ns=started, ended_ns=time.perf_counter_ns(), failure=failure)


def ask(client: Any, plan: LoadPlan) -> list[Reply]:
    replies: list[Reply] = []
    asyncio.run(load.run(client, ASK, plan, replies))
    return replies


def test_a_closed_loop_keeps_so_many_under_way(mock: str) -> None:
    replies = batch(mock, LoadPlan(requests=8, concurrency=4))
    log, status = mock_server.log(mock), mock_server.control(mock)
    assert sorted(reply.number for reply in replies) == list(range(8))
    assert len(log) == 8
    assert status["peak_streaming"] == 4
    assert all(reply.response.failure is None and reply.scheduled_ns is None for reply in replies)


def test_its_figures_are_the_servers_own(mock: str) -> None:
    """Wall time by the server's stamps; tokens by what it sent."""
    plan = LoadPlan(requests=12, concurrency=4)
    figures = throughput.figures(batch(mock, plan), plan)
    log = mock_server.log(mock)
    wall_s = (max(one["sent_ns"][-1] for one in log) - min(one["received_ns"] for one in log)) / 1e9
    assert figures.wall_s == pytest.approx(wall_s, abs=0.02)
    assert figures.load_tps == pytest.approx(12 * 40 / wall_s, rel=0.1)
    assert figures.request_rps == pytest.approx(12 / wall_s, rel=0.1)
    assert figures.fairness is not None
    assert figures.fairness > 0.9, "the server treats all alike"
    assert figures.ttft_p50_s == pytest.approx(0.01, abs=0.01)


def test_an_open_loop_keeps_its_schedule_however_slow_the_server(mock: str) -> None:
    plan = LoadPlan(requests=10, rate=50.0, arrivals="constant")
    replies = batch(mock, plan, ttft_s=0.5, tokens=2)
    log = mock_server.log(mock)
    first = log[0]["received_ns"]
    late_s = [(one["received_ns"] - first) / 1e9 - number / 50 for number, one in enumerate(log)]
    assert median(map(abs, late_s)) < 0.01, "lateness does not add up"
    assert mock_server.control(mock)["peak_streaming"] == 10, "nobody waited for an answer"
    assert median(reply.delay_s for reply in replies) < 0.01


def test_an_open_loop_with_a_bound_queues_in_the_client(mock: str) -> None:
    plan = LoadPlan(requests=4, rate=1000.0, arrivals="constant", concurrency=1)
    replies = batch(mock, plan, ttft_s=0.1, tokens=1)
    assert mock_server.control(mock)["peak_streaming"] == 1
    figures = throughput.figures(replies, plan)
    assert figures.ttft_p99_s < 0.2
    assert figures.scheduled_ttft_p99_s == pytest.approx(0.4, abs=0.1), "it waited for three others"


def test_two_requests_are_the_least_warm_up() -> None:
    assert load.warm_up_plan(LoadPlan(requests=9, concurrency=1)) == LoadPlan(requests=2, concurrency=1)
    assert load.warm_up_plan(LoadPlan(requests=99, concurrency=16)) == LoadPlan(requests=16, concurrency=16)
    assert load.warm_up_plan(LoadPlan(requests=9, rate=3.0)) == LoadPlan(requests=2, concurrency=1)


@pytest.mark.parametrize("kind", sorted(load.GIVE_UP))
@pytest.mark.parametrize("rate", [None, 1000.0])
def test_after_a_dead_end_nothing_more_is_sent(kind: Any, rate: float | None) -> None:
    client = Scripted(lambda number: Failure(kind, "dead") if number == 3 else None)
    replies = ask(client, LoadPlan(requests=50, concurrency=1, rate=rate, arrivals="constant"))
    assert client.asked == len(replies) == 4


def test_other_failures_do_not_end_the_batch() -> None:
    client = Scripted(lambda number: Failure("http_5xx", "again") if number % 2 else None)
    assert len(ask(client, LoadPlan(requests=10, concurrency=3))) == 10
    assert client.peak == 3


def test_a_wrong_request_is_raised_as_it_is_and_ends_the_others() -> None:
    client = Scripted(lambda number: UsageError("the prompt is empty") if number == 1 else 30.0)
    started = time.perf_counter()
    with pytest.raises(UsageError, match="the prompt is empty"):
        ask(client, LoadPlan(requests=4, concurrency=2))
    assert time.perf_counter() - started < 5
    assert client.now == 0


def test_a_cancellation_leaves_what_was_whole_and_what_was_under_way() -> None:
    client = Scripted(lambda number: 0.0 if number < 2 else 30.0)
    replies: list[Reply] = []

    async def go() -> None:
        plan = LoadPlan(requests=20, concurrency=2)
        task = asyncio.create_task(load.run(client, ASK, plan, replies))
        await asyncio.sleep(0.05)
        task.cancel()
        await task

    with pytest.raises(asyncio.CancelledError):
        asyncio.run(go())
    assert sorted(reply.number for reply in replies) == [0, 1, 2, 3]
    assert client.now == 0


def test_every_read_is_reported(mock: str) -> None:
    seen: list[int] = []

    def on_read(stamp_ns: int, read: bytes) -> bool:
        seen.append(len(read))
        return False

    batch(mock, LoadPlan(requests=4, concurrency=2), on_read=on_read)
    assert len(seen) >= 4 * 40 / 2


# -- schedules ---------------------------------------------------------------------------------------------

plans = st.builds(
    LoadPlan,
    requests=st.integers(1, 200),
    rate=st.floats(0.01, 1000),
    arrivals=st.sampled_from(["poisson", "constant"]),
)


@given(plans, st.integers(0, 2**63 - 1))
def test_a_schedule_starts_at_once_ascends_and_repeats(plan: LoadPlan, seed: int) -> None:
    times = load.schedule(plan, seed)
    assert len(times) == plan.requests
    assert times[0] == 0
    assert times == sorted(times)
    assert times == load.schedule(plan, seed)


def test_constant_arrivals_are_evenly_spaced() -> None:
    times = load.schedule(LoadPlan(requests=5, rate=4.0, arrivals="constant"))
    assert times == pytest.approx([0, 0.25, 0.5, 0.75, 1])


def test_poisson_arrivals_have_the_rate_and_the_spread_of_the_process() -> None:
    times = load.schedule(LoadPlan(requests=20_001, rate=4.0), seed=1)
    gaps = [later - earlier for earlier, later in pairwise(times)]
    mean = sum(gaps) / len(gaps)
    spread = (sum((gap - mean) ** 2 for gap in gaps) / len(gaps)) ** 0.5
    assert mean == pytest.approx(0.25, rel=0.03)
    assert spread == pytest.approx(0.25, rel=0.05), "exponential gaps: as wide as they are long"
    assert times != load.schedule(LoadPlan(requests=20_001, rate=4.0), seed=2)


def test_a_closed_loop_has_no_schedule() -> None:
    with pytest.raises(ValueError, match="closed loop"):
        load.schedule(LoadPlan(requests=2, concurrency=1))
