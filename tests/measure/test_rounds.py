"""The rounds of a cell: what is asked, in which order, and what is kept however it ends."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any

import pytest
from msgspec import structs

from pytest_llmeval.errors import ServerError
from pytest_llmeval.measure import rounds
from pytest_llmeval.measure.rounds import Asked, Plan, Restarted
from pytest_llmeval.model import Chunk, Failure, LoadPlan, Request, Response

if TYPE_CHECKING:
    from collections.abc import Callable

ASK = Request(messages=(("user", "the cell's own"),), timeout_s=20.0)
LOAD = LoadPlan(requests=6, concurrency=3)


class Client:
    """Answers each of the cell's requests as a function says: a failure, or seconds to take."""

    def __init__(self, answer: Callable[[int], Failure | float] = lambda number: 0.0) -> None:
        self.answer = answer
        self.prompts: list[str] = []
        self.asked = 0

    async def stream(self, request: Request, on_read: object = None) -> Response:
        self.prompts.append(request.messages[-1][1])
        said: Failure | float = 0.0
        if request is ASK:
            said = self.answer(self.asked)
            self.asked += 1
        start = time.perf_counter_ns()
        try:
            await asyncio.sleep(said if isinstance(said, float) else 0)
        except asyncio.CancelledError as cancelled:
            cancelled.args = (Response(started_ns=start, ended_ns=start, chunks=(Chunk(start, "par"),)),)
            raise
        now = time.perf_counter_ns()
        failure = said if isinstance(said, Failure) else None
        return Response(started_ns=start, ended_ns=now, chunks=(Chunk(now, "whole"),), failure=failure)


def ask(client: Any, plan: Plan, *, cancel_after_s: float | None = None, **options: Any) -> list[Asked]:
    asked: list[Asked] = []

    async def go() -> None:
        side = rounds.Side(client=client, request=ASK, plan=plan, asked=asked, **options)
        asking = rounds.ask(side, started_unix=time.time() - 100)
        task = asyncio.create_task(asking)
        if cancel_after_s is not None:
            await asyncio.sleep(cancel_after_s)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
        await asyncio.wait_for(asyncio.gather(task, return_exceptions=True), 30)

    asyncio.run(go())
    return asked


def test_a_request_a_round_after_the_warm_up() -> None:
    client = Client()
    asked = ask(client, Plan(rounds=3, warmup=2))
    assert client.prompts == [rounds.WARMUP_PROMPT] * 2 + ["the cell's own"] * 3
    assert [one.round for one in asked] == [0, 1, 2]
    assert all(100 <= one.at_s < 110 and one.request is None for one in asked)


def test_a_batch_a_round_after_a_warm_up_of_its_own() -> None:
    client = Client()
    asked = ask(client, Plan(rounds=2, warmup=1, load=LOAD))
    assert client.prompts == [rounds.WARMUP_PROMPT] * 3 + ["the cell's own"] * 12
    assert [(one.round, one.request) for one in asked] == [(r, n) for r in (0, 1) for n in range(6)]
    assert asked[0].at_s <= asked[5].at_s <= asked[6].at_s


def test_an_open_loop_keeps_when_it_should_have_sent() -> None:
    plan = LoadPlan(requests=3, rate=100.0, arrivals="constant")
    asked = ask(Client(), Plan(load=plan))
    due = [one.scheduled_ns or 0 for one in asked]
    assert [later - due[0] for later in due] == pytest.approx([0, 1e7, 2e7], abs=2)
    assert all(one.reply.delay_s < 1 for one in asked)


@pytest.mark.parametrize("plan", [Plan(rounds=5), Plan(rounds=5, load=LoadPlan(requests=1, concurrency=1))])
def test_a_dead_end_ends_the_cell(plan: Plan) -> None:
    client = Client(lambda number: Failure("timeout", "dead") if number == 1 else 0.0)
    assert [one.round for one in ask(client, plan)] == [0, 1]


def test_another_failure_does_not() -> None:
    client = Client(lambda number: Failure("http_5xx", "again"))
    assert len(ask(client, Plan(rounds=3))) == 3


def test_every_round_has_its_own_counter() -> None:
    begun: list[int] = []
    ask(Client(), Plan(rounds=2), on_round=begun.append)
    assert begun == [0, 1]


# -- in turn -----------------------------------------------------------------------------------------------


def ask_in_turn(
    plan: Plan, *answers: Callable[[int], Failure | float], cancel_after_s: float | None = None
) -> tuple[str, list[list[Asked]]]:
    """Who was asked, in order (``A``, ``B`` …; ``w``: its warm-up), and what each came to."""
    order: list[str] = []

    class Named(Client):
        async def stream(self, request: Request, on_read: object = None) -> Response:
            order.append(self.name if request is ASK else "w")
            return await super().stream(request, on_read)

        name = ""

    sides = []
    for name, answer in zip("ABC", answers, strict=False):
        client: Any = Named(answer)
        client.name = name
        sides.append(rounds.Side(client=client, request=ASK, plan=plan, asked=[]))

    async def go() -> None:
        task = asyncio.create_task(rounds.ask_in_turn(sides, started_unix=time.time()))
        if cancel_after_s is not None:
            await asyncio.sleep(cancel_after_s)
            task.cancel()
        await asyncio.wait_for(asyncio.gather(task, return_exceptions=True), 30)

    asyncio.run(go())
    return "".join(order), [side.asked for side in sides]


def at_once(_number: int) -> float:
    return 0.0


@pytest.mark.parametrize(
    ("plan", "order"),
    [
        (Plan(rounds=4), "ABBAABBA"),
        (Plan(rounds=3, warmup=1), "wwABBAAB"),
        (Plan(rounds=2, load=LoadPlan(requests=3, concurrency=1)), "wwwwAAABBBBBBAAA"),
    ],
)
def test_two_are_asked_in_turn(plan: Plan, order: str) -> None:
    asked, each = ask_in_turn(plan, at_once, at_once)
    assert asked == order
    assert each[0] != each[1]
    for one in each:
        assert [asked.round for asked in one] == sorted(asked.round for asked in one)
        assert {asked.round for asked in one} == set(range(plan.rounds))


def test_where_one_of_two_is_a_dead_end_none_is_asked_further() -> None:
    dead = Failure("connect", "gone")
    order, (ours, theirs) = ask_in_turn(Plan(rounds=5), at_once, lambda number: dead if number else 0.0)
    assert order == "ABB"
    assert (len(ours), len(theirs)) == (1, 2)


def test_an_interruption_of_one_keeps_what_both_have() -> None:
    order, (ours, theirs) = ask_in_turn(
        Plan(rounds=5), at_once, lambda number: 20.0 if number else 0.0, cancel_after_s=0.5
    )
    assert order == "ABB"
    assert [one.response.text for one in ours] == ["whole"]
    assert [one.response.text for one in theirs] == ["whole", "par"]


# -- cold --------------------------------------------------------------------------------------------------


def test_a_cold_round_asks_the_new_server() -> None:
    clients: list[Client] = []

    async def restart() -> Restarted:
        clients.append(Client(lambda number: 0.05))
        return Restarted(clients[-1], 1.5)  # type: ignore[arg-type]

    old = Client()
    asked = ask(old, Plan(rounds=2, warmup=3, restart=restart))
    assert old.prompts == []
    assert [client.prompts for client in clients] == [["the cell's own"]] * 2
    assert [(one.round, one.cold_start_s) for one in asked] == [(0, 1.5), (1, 1.5)]
    assert all(one.cold_ttft_s == pytest.approx(0.05, abs=0.04) for one in asked)


def test_a_model_that_is_loaded_within_its_answer_says_how_long_that_took() -> None:
    """Ollama: 30 of the answer's 50 ms were its cold start, and 20 are left from there to the first token."""
    told: list[dict[str, float] | None] = [{"load_ms": 30.0}, None]

    class Loading(Client):
        async def stream(self, request: Request, on_read: object = None) -> Response:
            start = 5_000_000_000
            chunk = Chunk(start + 50_000_000, "whole")
            return Response(
                started_ns=start, ended_ns=chunk.at_ns, chunks=(chunk,), server_timings=told.pop(0)
            )

    client = Loading()

    async def unloaded() -> Restarted:
        return Restarted(client, None)  # type: ignore[arg-type]

    first, second = ask(client, Plan(rounds=2, restart=unloaded))
    assert (first.cold_start_s, first.cold_ttft_s) == (0.03, pytest.approx(0.02))
    assert first.response.notes == ()
    assert second.cold_start_s is second.cold_ttft_s is None
    assert second.response.notes == (
        "the server does not say how long it loaded its model: its cold start is not known",
    )


def test_a_server_that_does_not_come_back_ends_the_cell() -> None:
    async def restart() -> Restarted:
        raise ServerError("the server ended with status 1, 0.2 s after its start", where="mine")

    (asked,) = ask(Client(), Plan(rounds=3, restart=restart))
    failure = asked.response.failure
    assert failure is not None
    assert (failure.kind, failure.message) == ("connect", str(ServerError("the server ended with status 1, "
        "0.2 s after its start", where="mine")))  # fmt: skip
    assert asked.cold_start_s is asked.cold_ttft_s is None


# -- cancelled ---------------------------------------------------------------------------------------------


def test_a_cancelled_round_keeps_its_partial_answer() -> None:
    client = Client(lambda number: 0.0 if number == 0 else 30.0)
    asked = ask(client, Plan(rounds=3), cancel_after_s=0.05)
    assert [(one.round, one.response.text) for one in asked] == [(0, "whole"), (1, "par")]


def test_a_cancelled_batch_keeps_all_of_its_partial_answers() -> None:
    client = Client(lambda number: 0.0 if number < 2 else 30.0)
    asked = ask(client, Plan(load=LOAD), cancel_after_s=0.05)
    assert [one.response.text for one in asked] == ["whole", "whole", "par", "par", "par"]
    assert [one.request for one in asked] == [0, 1, 2, 3, 4]


def test_cancelled_while_a_server_starts() -> None:
    async def restart() -> Restarted:
        await asyncio.sleep(30)
        raise AssertionError("too late")

    (asked,) = ask(Client(), Plan(restart=restart), cancel_after_s=0.05)
    failure = asked.response.failure
    assert failure is not None
    assert (failure.kind, failure.message) == ("interrupted", "interrupted before it was sent")


@pytest.mark.parametrize(
    ("temperature", "seed", "seeds"),
    [(0.8, 7, [7, 8, 9]), (0.0, 7, [7, 7, 7]), (0.8, None, [None, None, None])],
)
def test_every_round_of_sampled_answers_has_its_own_seed(
    temperature: float, seed: int | None, seeds: list[int | None]
) -> None:
    class Noting:
        async def stream(self, request: Request, on_read: object = None) -> Response:
            asked.append(request)
            return Response(started_ns=0, ended_ns=1)

    asked: list[Request] = []
    request = structs.replace(ASK, temperature=temperature, seed=seed)
    client: Any = Noting()
    side = rounds.Side(client=client, request=request, plan=Plan(rounds=3), asked=[])
    asyncio.run(rounds.ask(side, started_unix=0))
    assert [one.seed for one in asked] == seeds
    assert {one.temperature for one in asked} == {temperature}


def test_a_batch_says_how_busy_it_kept_the_client() -> None:
    class Busy(Client):
        async def stream(self, request: Request, on_read: object = None) -> Response:
            if request is ASK:
                until = time.thread_time() + 0.02
                while time.thread_time() < until:
                    pass
            return await super().stream(request, on_read)

    shares = {one.busy for one in ask(Busy(), Plan(rounds=1, load=LOAD))}
    assert len(shares) == 1, "it is the batch's"
    assert 0 < (shares.pop() or 0) <= 1
    assert {one.busy for one in ask(Client(), Plan(rounds=2))} == {None}
