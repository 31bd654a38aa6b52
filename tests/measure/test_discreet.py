"""A client that passes on no key: from what it describes, streams, fails with and is cut off in."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from pytest_llmeval.errors import EndpointError, ServerError
from pytest_llmeval.measure.discreet import Discreet, without_keys
from pytest_llmeval.model import Chunk, Facts, Failure, Request, Response
from pytest_llmeval.secret import Blotter

KEY = "sk-canary-1234"
TELLING = Response(
    started_ns=0,
    ended_ns=9,
    chunks=(Chunk(1, "a sk-", KEY), Chunk(2, "canary-1", "b"), Chunk(3, "234 c")),
    model=f"m {KEY}",
    finish_reason=KEY,
    failure=Failure("http_4xx", f"bad key {KEY}", status=401),
    notes=(KEY,),
)
CLEAN = Response(
    started_ns=0,
    ended_ns=9,
    chunks=(Chunk(1, "a [key]", "[key]"), Chunk(2, "", "b"), Chunk(3, " c")),
    model="m [key]",
    finish_reason="[key]",
    failure=Failure("http_4xx", "bad key [key]", status=401),
    notes=("[key]",),
)


class Telling:
    """Says the key wherever it can."""

    def __init__(self, outcome: Any) -> None:
        self.outcome = outcome

    async def describe(self) -> Any:
        return await self.stream()

    async def stream(self, *_: Any) -> Any:
        if isinstance(self.outcome, BaseException):
            raise self.outcome
        return self.outcome

    async def aclose(self) -> None:
        pass


def client(outcome: Any) -> Discreet:
    return Discreet(Telling(outcome), Blotter([KEY]))


def test_an_answer() -> None:
    assert asyncio.run(client(TELLING).stream(Request(messages=()))) == CLEAN


def test_an_answer_that_is_cut_off() -> None:
    cut = asyncio.CancelledError(TELLING)

    async def ask() -> object:
        try:
            await client(cut).stream(Request(messages=()))
        except asyncio.CancelledError as error:
            return error.args
        return None

    assert asyncio.run(ask()) == (CLEAN,)


def test_what_a_server_is() -> None:
    facts = Facts(kind="openai", server=f"echo {KEY}", model=f"m-{KEY}", context_window=5, here=True)
    told = asyncio.run(client(facts).describe())
    assert told == Facts(kind="openai", server="echo [key]", model="m-[key]", context_window=5, here=True)
    with pytest.raises(EndpointError, match=r"^http://x: bad \[key\]\n  -> try without \[key\]$") as caught:
        asyncio.run(
            client(EndpointError(f"bad {KEY}", where="http://x", hint=f"try without {KEY}")).describe()
        )
    assert KEY not in repr(caught.value.args)


def test_an_error_stays_what_it_is() -> None:
    assert type(without_keys(ServerError(KEY), Blotter([KEY]))) is ServerError
