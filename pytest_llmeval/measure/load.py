"""Many requests at once: a batch asked in a closed or an open loop; its figures are ``throughput``'s.

A *closed loop* keeps ``concurrency`` requests under way: one that ends makes room for the next, so a slow
server is asked less. An *open loop* sends by an absolute schedule whatever the server does, as users do:
lateness does not add up, and what a request waits in this client is not forgotten.
"""

from __future__ import annotations

import asyncio
import itertools
import random
import time
from typing import TYPE_CHECKING

from pytest_llmeval.model import LoadPlan, Response

from .throughput import Reply
from .timing import NANOSECONDS

if TYPE_CHECKING:
    from collections.abc import Coroutine, Iterable

    from pytest_llmeval.model import Request

    from .endpoints.protocol import Client, OnRead

GIVE_UP = frozenset({"connect", "timeout"})
"""After one of these failures the next request would only wait as long again."""
LEAST_WARM_UP = 2


def warm_up_plan(plan: LoadPlan) -> LoadPlan:
    """A short closed loop at the plan's concurrency: no batch size is new to the server after it."""
    concurrency = plan.concurrency or 1
    return LoadPlan(requests=max(LEAST_WARM_UP, concurrency), concurrency=concurrency)


def schedule(plan: LoadPlan, seed: int = 0) -> list[float]:
    """When an open loop sends, in seconds from its start, the first 0. The same seed, the same times."""
    if plan.rate is None:
        raise ValueError("a closed loop has no schedule")
    chance = random.Random(seed)
    gaps_s = (
        1 / plan.rate if plan.arrivals == "constant" else chance.expovariate(plan.rate)
        for _ in range(plan.requests - 1)
    )
    return list(itertools.accumulate(gaps_s, initial=0.0))


async def run(
    client: Client,
    request: Request,
    plan: LoadPlan,
    replies: list[Reply],
    *,
    seed: int = 0,
    on_read: OnRead | None = None,
) -> None:
    """Ask one batch; a reply is appended to ``replies`` as it ends.

    The list is the caller's, so that a cancellation leaves in it what was whole and, as partial responses,
    what was under way. After a failure of ``GIVE_UP`` nothing more is sent.
    """
    batch = _Batch(client, request, plan, replies, on_read)
    if plan.rate is None:
        await _together(batch.one_after_another() for _ in range(plan.concurrency or 1))
        return
    start_s, start_ns = asyncio.get_running_loop().time(), time.perf_counter_ns()
    await _together(
        batch.at(start_s + offset_s, start_ns + round(offset_s * NANOSECONDS), number)
        for number, offset_s in enumerate(schedule(plan, seed))
    )


class _Batch:
    """One batch under way."""

    def __init__(
        self, client: Client, request: Request, plan: LoadPlan, replies: list[Reply], on_read: OnRead | None
    ) -> None:
        self.client = client
        self.request = request
        self.replies = replies
        self.on_read = on_read
        self.waiting = iter(range(plan.requests))
        self.room = asyncio.Semaphore(plan.concurrency or plan.requests)
        self.given_up = False

    async def one_after_another(self) -> None:
        """One stream of a closed loop."""
        for number in self.waiting:
            if not self.given_up:
                await self.ask(number)

    async def at(self, due_s: float, scheduled_ns: int, number: int) -> None:
        """One request of an open loop, due in the event loop's time and as a stamp."""
        await asyncio.sleep(due_s - asyncio.get_running_loop().time())
        async with self.room:
            if not self.given_up:
                await self.ask(number, scheduled_ns)

    async def ask(self, number: int, scheduled_ns: int | None = None) -> None:
        """Send it and keep what comes."""
        try:
            response = await self.client.stream(self.request, self.on_read)
        except asyncio.CancelledError as cancelled:
            if partial := partial_response(cancelled):
                self.replies.append(Reply(number, partial, scheduled_ns))
            raise
        self.replies.append(Reply(number, response, scheduled_ns))
        self.given_up |= response.failure is not None and response.failure.kind in GIVE_UP


def partial_response(cancelled: asyncio.CancelledError) -> Response | None:
    """What had arrived when a client's ``stream`` was cancelled; None where nothing had been sent."""
    return next((value for value in cancelled.args if isinstance(value, Response)), None)


async def _together(coroutines: Iterable[Coroutine[None, None, None]]) -> None:
    """All at once. What one raises is raised, as it is, when the others have ended."""
    tasks = [asyncio.create_task(coroutine) for coroutine in coroutines]
    try:
        await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
