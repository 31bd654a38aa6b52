"""The ceiling across processes, and the client that keeps to it."""

from __future__ import annotations

import asyncio
import subprocess
import sys

import pytest

from pytest_llmeval.errors import CeilingError
from pytest_llmeval.measure.ledger import Ledger, Metered
from pytest_llmeval.measure.price import FREE, Ceiling
from pytest_llmeval.model import Facts, Failure, Price, Request, Response, Usage

CLOUD = Price(input=0.0, output=1_000_000.0)  # one unit a token
ASK = Request(messages=(("user", "hi"),), max_tokens=10)


class Asked:
    """A client that answers with as many tokens as it is told, and counts."""

    def __init__(self, tokens: int = 4) -> None:
        self.tokens = tokens
        self.requests = 0
        self.failure: Failure | None = None
        self.waits = asyncio.Event()
        self.hangs = False
        self.closed = False

    async def describe(self) -> Facts:
        return Facts(kind="openai")

    async def stream(self, request, on_read=None) -> Response:
        self.requests += 1
        usage = None if self.failure else Usage(3, self.tokens)
        response = Response(started_ns=0, ended_ns=1, usage=usage, failure=self.failure)
        if self.hangs:
            try:
                await self.waits.wait()
            except asyncio.CancelledError:
                raise asyncio.CancelledError(response) from None
        return response

    async def aclose(self) -> None:
        self.closed = True


def test_a_run_stops_before_the_ceiling(tmp_path) -> None:
    client = Asked()
    ledger = Ledger(tmp_path / "locks", 25.0)
    metered = Metered(client, ledger, CLOUD, name="cloud", window=None)

    async def run() -> None:
        for _ in range(100):
            await metered.stream(ASK)

    with pytest.raises(CeilingError) as refused:
        asyncio.run(run())
    assert str(refused.value).startswith("cloud: 16 of --llm-max-cost=25 is spent, and the next request may")
    assert client.requests == 4  # 4 + 4 + 4 + 4, and a fifth might cost 10
    assert ledger.ceiling == Ceiling(25.0, 16.0, 0.0)


def test_what_is_under_way_counts(tmp_path) -> None:
    client = Asked()
    ledger = Ledger(tmp_path, 25.0)
    metered = Metered(client, ledger, CLOUD, name="cloud", window=None)

    async def run() -> list[object]:
        client.hangs = True
        tasks = [asyncio.create_task(metered.stream(ASK)) for _ in range(5)]
        await asyncio.sleep(0.2)
        client.waits.set()
        return await asyncio.gather(*tasks, return_exceptions=True)

    answers = asyncio.run(run())
    assert sum(isinstance(answer, CeilingError) for answer in answers) == 3
    assert client.requests == 2
    assert ledger.ceiling == Ceiling(25.0, 8.0, 0.0)


def test_an_interrupted_request_costs_what_it_told(tmp_path) -> None:
    client = Asked()
    client.hangs = True
    ledger = Ledger(tmp_path, 25.0)
    metered = Metered(client, ledger, CLOUD, name="cloud", window=None)

    async def run() -> None:
        task = asyncio.create_task(metered.stream(ASK))
        await asyncio.sleep(0.1)
        task.cancel()
        with pytest.raises(asyncio.CancelledError) as cancelled:
            await task
        assert isinstance(cancelled.value.args[0], Response)

    asyncio.run(run())
    assert ledger.ceiling == Ceiling(25.0, 4.0, 0.0)


@pytest.mark.parametrize(("kind", "spent"), [("rate_limited", 0.0), ("interrupted", 10.0)])
def test_a_failed_request(tmp_path, kind, spent: float) -> None:
    client = Asked()
    client.failure = Failure(kind, "no")
    ledger = Ledger(tmp_path, 25.0)
    metered = Metered(client, ledger, CLOUD, name="cloud", window=None)
    asyncio.run(metered.stream(ASK))
    assert ledger.ceiling.spent == spent


def test_what_is_free_is_asked_under_any_ceiling(tmp_path) -> None:
    metered = Metered(Asked(), Ledger(tmp_path, 0.0), FREE, name="local", window=None)
    asyncio.run(metered.stream(ASK))


def test_the_rest_is_the_client_s(tmp_path) -> None:
    client = Asked()
    metered = Metered(client, Ledger(tmp_path, 1.0), CLOUD, name="cloud", window=None)
    assert asyncio.run(metered.describe()) == Facts(kind="openai")
    asyncio.run(metered.aclose())
    assert client.closed


SPENDER = """
import sys, pathlib
from pytest_llmeval.errors import CeilingError
from pytest_llmeval.measure.ledger import Ledger
ledger, sent = Ledger(pathlib.Path(sys.argv[1]), 100.0), 0
for _ in range(60):
    try:
        ledger.reserve(1.0)
    except CeilingError:
        continue
    sent += 1
    ledger.settle(1.0, 1.0)
print(sent)
"""


def test_processes_share_one_ceiling(tmp_path) -> None:
    """Three processes would like to spend 180 of 100."""
    running = [
        subprocess.Popen([sys.executable, "-c", SPENDER, str(tmp_path)], stdout=subprocess.PIPE, text=True)
        for _ in range(3)
    ]
    sent = [int(process.communicate(timeout=60)[0]) for process in running]
    assert sum(sent) == 100
    assert Ledger(tmp_path, 100.0).ceiling == Ceiling(100.0, 100.0, 0.0)
