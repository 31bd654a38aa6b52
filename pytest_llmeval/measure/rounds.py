"""The rounds of one cell: a request each, a batch of them, or the first answer of a server started anew."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING, NamedTuple

from msgspec import Struct, structs

from pytest_llmeval.errors import EndpointError
from pytest_llmeval.model import Failure, LoadPlan, Request, Response

from . import ceiling, load
from .throughput import Reply
from .timing import NANOSECONDS

if TYPE_CHECKING:
    from .endpoints.protocol import Client, OnRead

WARMUP_PROMPT = "Say hello."
"""Not the cell's prompt: it would fill the prefix cache that the first round must find cold."""
WARMUP_TOKENS = 8


class Restarted(NamedTuple):
    """A cold server: how long it took until healthy, and who talks to it.

    ``client`` is closed by whoever restarts. ``cold_start_s`` None: it loads its model with the next request,
    and says how long that took.
    """

    client: Client
    cold_start_s: float | None


Restart = Callable[[], Awaitable[Restarted]]
"""Stops the endpoint's server and starts it, or has it drop its model; returns as soon as it can be asked.

Raises ``EndpointError``.
"""


class Plan(Struct, frozen=True, kw_only=True):
    """How a cell is asked: with at most one of ``load`` and ``restart``.

    ``warmup``: short requests before the first round; a load has its own instead, a cold start none. ``seed``
    is that of an open loop's schedule.
    """

    rounds: int = 1
    warmup: int = 0
    load: LoadPlan | None = None
    restart: Restart | None = None
    seed: int = 0


class Asked(Struct, frozen=True):
    """One request's response; ``at_s`` is when it was sent, in seconds since the run started.

    Of a batch: its number and, in an open loop, the stamp at which it should have been sent; ``busy`` as
    ``ceiling`` has it, over the whole batch. Of a cold start: how long that took, and the stamp at which the
    server was known to be healthy.
    """

    round: int
    at_s: float
    response: Response
    request: int | None = None
    scheduled_ns: int | None = None
    busy: float | None = None
    cold_start_s: float | None = None
    healthy_ns: int | None = None

    @property
    def cold_ttft_s(self) -> float | None:
        """From a cold server's being healthy to the first token."""
        if self.healthy_ns is None or not self.response.chunks:
            return None
        return (self.response.chunks[0].at_ns - self.healthy_ns) / NANOSECONDS

    @property
    def reply(self) -> Reply:
        """The same as one of its batch."""
        return Reply(self.request or 0, self.response, self.scheduled_ns)


class Side(NamedTuple):
    """Who is asked what; what came back is appended to ``asked``, which is the caller's."""

    client: Client
    request: Request
    plan: Plan
    asked: list[Asked]
    on_round: Callable[[int], OnRead | None] | None = None


async def ask(side: Side, *, started_unix: float) -> None:
    """Ask every round.

    A cancellation leaves in ``asked`` what was whole and what was under way. After a failure of
    ``load.GIVE_UP`` no other round is asked.
    """
    await ask_in_turn((side,), started_unix=started_unix)


async def ask_in_turn(sides: Sequence[Side], *, started_unix: float) -> None:
    """Ask several sides, which have the same number of rounds, one after the other in every round: A B B A …

    What drifts meanwhile is the same for all. Where one gives up, none is asked further.
    """
    for side in sides:
        await _warm_up_for(side)
    for number in range(sides[0].plan.rounds):
        for side in sides[:: -1 if number % 2 else 1]:
            if await _gives_up(side, number, started_unix):
                return


async def _gives_up(side: Side, number: int, started_unix: float) -> bool:
    """Ask one round; whether to ask no other."""
    on_read = side.on_round(number) if side.on_round else None
    one = _Round(number, side.client, _request(side.request, number), on_read, started_unix)
    try:
        if side.plan.load is not None:
            await one.batch(side.plan.load, side.plan.seed)
        elif side.plan.restart is not None:
            await one.cold(side.plan.restart)
        else:
            await one.single()
    except asyncio.CancelledError as cancelled:
        one.interrupted(cancelled)
        raise
    finally:
        side.asked.extend(one.asked)
    failures = (each.response.failure for each in one.asked)
    return any(failure is not None and failure.kind in load.GIVE_UP for failure in failures)


def _request(request: Request, number: int) -> Request:
    """What is asked in a round: sampled answers get a seed each, or all would be the same."""
    if not request.temperature or request.seed is None:
        return request
    return structs.replace(request, seed=request.seed + number)


async def _warm_up_for(side: Side) -> None:
    plan = side.plan
    if plan.load is not None:
        await _warm_up(side.client, load.warm_up_plan(plan.load), side.request.timeout_s)
    elif plan.restart is None and plan.warmup:
        await _warm_up(side.client, LoadPlan(requests=plan.warmup, concurrency=1), side.request.timeout_s)


def warm_up_request(timeout_s: float) -> Request:
    """A short request whose figures are thrown away."""
    return Request(messages=(("user", WARMUP_PROMPT),), max_tokens=WARMUP_TOKENS, timeout_s=timeout_s)


async def _warm_up(client: Client, plan: LoadPlan, timeout_s: float) -> None:
    """A failure shows again in the measured rounds."""
    await load.run(client, warm_up_request(timeout_s), plan, [])


class _Round:
    """One round under way."""

    def __init__(
        self, number: int, client: Client, request: Request, on_read: OnRead | None, started_unix: float
    ) -> None:
        self.number = number
        self.client = client
        self.request = request
        self.on_read = on_read
        self.asked: list[Asked] = []
        self.start_s = time.time() - started_unix
        self.start_ns = time.perf_counter_ns()

    async def single(self) -> None:
        response = await self.client.stream(self.request, self.on_read)
        self.asked.append(Asked(self.number, self.start_s, response))

    async def batch(self, plan: LoadPlan, seed: int) -> None:
        replies: list[Reply] = []
        try:
            with ceiling.watch() as busy:
                await load.run(self.client, self.request, plan, replies, seed=seed, on_read=self.on_read)
        finally:
            replies.sort(key=lambda reply: reply.number)
            self.asked += [
                Asked(
                    self.number,
                    self.start_s + max(0, reply.response.started_ns - self.start_ns) / NANOSECONDS,
                    reply.response,
                    request=reply.number,
                    scheduled_ns=reply.scheduled_ns,
                    busy=busy.share,
                )
                for reply in replies
            ]

    async def cold(self, restart: Restart) -> None:
        try:
            restarted = await restart()
        except EndpointError as error:
            self.asked.append(Asked(self.number, self.start_s, unsent(Failure("connect", str(error)))))
            return
        healthy_ns = time.perf_counter_ns()
        response = await restarted.client.stream(self.request, self.on_read)
        if restarted.cold_start_s is None:
            self.asked.append(_loaded(Asked(self.number, self.start_s, response)))
            return
        self.asked.append(
            Asked(
                self.number,
                self.start_s,
                response,
                cold_start_s=restarted.cold_start_s,
                healthy_ns=healthy_ns,
            )
        )

    def interrupted(self, cancelled: asyncio.CancelledError) -> None:
        """Keep the partial answer. A batch has kept its own."""
        if not self.asked:
            self.asked.append(Asked(self.number, self.start_s, load.partial_response(cancelled) or unsent()))


def _loaded(asked: Asked) -> Asked:
    """With the cold start that the answer itself tells; its first token counts from the model's being there.

    One that tells none says so in its notes.
    """
    response = asked.response
    load_ms = (response.server_timings or {}).get("load_ms")
    if load_ms is not None:
        loaded_ns = response.started_ns + round(load_ms * 1e6)
        return structs.replace(asked, cold_start_s=load_ms / 1000, healthy_ns=loaded_ns)
    if response.failure is not None:
        return asked
    note = "the server does not say how long it loaded its model: its cold start is not known"
    return structs.replace(asked, response=structs.replace(response, notes=(*response.notes, note)))


def unsent(failure: Failure | None = None) -> Response:
    """The response to a request that was never sent."""
    now = time.perf_counter_ns()
    failure = failure or Failure("interrupted", "interrupted before it was sent")
    return Response(started_ns=now, ended_ns=now, failure=failure)
