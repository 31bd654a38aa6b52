"""The Ollama client against a stand-in, faithful to Ollama's reference; no real Ollama was at hand."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Protocol

import pytest
from ollama_standin import GAP_S, StandIn, whole

from pytest_llmeval.errors import EndpointError
from pytest_llmeval.measure import budget, timing
from pytest_llmeval.measure.endpoints import connect
from pytest_llmeval.measure.endpoints.ollama import OllamaClient, cut_prompt
from pytest_llmeval.model import Chunk, Endpoint, Facts, Request, Response, Usage

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

HELLO = Request(messages=(("system", "be brief"), ("user", "hello")), max_tokens=5)


class Using(Protocol):
    def __call__(
        self, standin: StandIn, main: Callable[[OllamaClient], Awaitable[Any]], **endpoint: Any
    ) -> Any: ...


@pytest.fixture
def using(serving: Any) -> Using:
    """Run a coroutine with a client of the stand-in."""

    async def run(standin: StandIn, main: Callable[[OllamaClient], Awaitable[Any]], **endpoint: Any) -> Any:
        async with serving(standin.handle) as url:
            client = connect(Endpoint(name="x", kind="ollama", url=url, **endpoint))
            assert isinstance(client, OllamaClient)
            try:
                return await main(client)
            finally:
                await client.aclose()

    return lambda standin, main, **endpoint: asyncio.run(asyncio.wait_for(run(standin, main, **endpoint), 20))


@pytest.fixture
def ask(using: Using) -> Callable[..., Response]:
    """One request to the stand-in."""

    def ask(standin: StandIn, request: Request = HELLO, **endpoint: Any) -> Response:
        response = using(standin, lambda client: client.stream(request), **endpoint)
        assert isinstance(response, Response)
        return response

    return ask


def test_it_says_what_it_is(using: Using) -> None:
    facts = using(StandIn(), lambda client: client.describe(), model="qwen")
    assert facts == Facts(
        kind="ollama", server="ollama 0.12.1", model="qwen:latest", quantization="Q4_K_M", here=True
    )


def test_the_context_is_the_configured_one_or_that_of_the_loaded_model(using: Using) -> None:
    assert using(StandIn(), lambda client: client.describe(), context_window=8192).context_window == 8192
    loaded = StandIn()
    loaded.loaded["qwen:latest"] = 2048
    assert using(loaded, lambda client: client.describe()).context_window == 2048


def test_several_models_ask_for_a_choice(using: Using) -> None:
    standin = StandIn("a:1b", "b:7b")
    with pytest.raises(EndpointError, match=r"offers 2 models: a:1b, b:7b"):
        using(standin, lambda client: client.describe())
    with pytest.raises(EndpointError, match=r"does not offer the model 'c:latest'"):
        using(standin, lambda client: client.describe(), model="c")


def test_an_answer_with_the_servers_figures_beside_ours(ask: Callable[..., Response]) -> None:
    standin = StandIn()
    response = ask(standin, context_window=2048)
    assert response.failure is None
    assert (response.text, response.finish_reason) == ("word " * 5, "length")
    assert (response.usage, response.cache, response.transport) == (Usage(3, 5), "unknown", "measured")
    assert response.server_timings is not None
    assert response.server_timings["predicted_ms"] == pytest.approx(50)
    figures = timing.of(response)
    assert figures.tpot_s == pytest.approx(GAP_S, rel=0.5)
    path, body = standin.seen[-1]
    assert path == "/api/chat"
    assert body == {
        "model": "qwen:latest",
        "messages": [{"role": "system", "content": "be brief"}, {"role": "user", "content": "hello"}],
        "stream": True,
        "options": {"temperature": 0.0, "seed": 0, "num_predict": 5, "num_ctx": 2048},
    }


def test_without_a_configured_window_none_is_sent(ask: Callable[..., Response]) -> None:
    standin = StandIn()
    ask(standin)
    (chat,) = [body for path, body in standin.seen if path == "/api/chat"]
    assert "num_ctx" not in chat["options"]


def test_a_cold_start_after_unloading(using: Using) -> None:
    async def main(client: OllamaClient) -> list[float | None]:
        loads = []
        for _ in range(2):
            response = await client.stream(HELLO)
            assert response.server_timings is not None
            loads.append(response.server_timings.get("load_ms"))
        await client.unload()
        response = await client.stream(HELLO)
        assert response.server_timings is not None
        return [*loads, response.server_timings.get("load_ms")]

    assert using(StandIn(), main) == [pytest.approx(50), None, pytest.approx(50)]


def test_unloading_is_over_when_the_model_is_gone(using: Using, monkeypatch: pytest.MonkeyPatch) -> None:
    standin = StandIn()

    async def main(client: OllamaClient) -> dict[str, int]:
        await client.stream(HELLO)
        await client.unload()
        return dict(standin.loaded)

    assert using(standin, main) == {}, "a request before would find it loaded"
    monkeypatch.setattr("pytest_llmeval.measure.endpoints.ollama.UNLOAD_S", 0.01)
    with pytest.raises(EndpointError, match="qwen:latest is still loaded"):
        using(standin, main)


def test_a_prompt_that_was_cut_silently_is_an_overflow(ask: Callable[..., Response]) -> None:
    request = Request(messages=(("user", "several " * 6000),), max_tokens=5)
    response = ask(StandIn(), request)
    assert response.failure is not None
    assert response.failure.kind == "context_overflow"
    assert "it read 2,050 tokens of about" in response.failure.message
    assert ask(StandIn(), request, context_window=8192).failure is None


@pytest.mark.parametrize(
    ("read", "window", "cut"),
    [(900, 4096, False), (1100, 4096, True), (1100, None, True), (5300, None, False), (300, 1024, True)],
)
def test_what_counts_as_cut_by_the_least_that_it_can_be(read: int, window: int | None, cut: bool) -> None:
    request = Request(messages=(("user", "several " * 6000),))
    assert budget.least_tokens(["several " * 6000]) == 5250
    response = Response(started_ns=0, ended_ns=1, chunks=(Chunk(1, "x"),), usage=Usage(read, 1))
    assert (cut_prompt(request, response, window) is not None) == cut


@pytest.mark.parametrize(
    ("read", "window", "cut"),
    [
        (2050, 4096, True),  # ollama issue 17889
        (2050, None, True),
        (2051, 4096, True),
        (2047, 4096, False),
        (2100, 4096, False),
        (4099, 8192, False),  # a prompt that fits is one that just is as long
    ],
)
def test_half_of_the_context_is_what_is_left_of_a_longer_prompt(
    read: int, window: int | None, cut: bool
) -> None:
    """It may well be as many tokens as the prompt has at least: ``x = 3`` is four of them."""
    prompt = "x = 3\n" * 1500
    assert budget.least_tokens([prompt]) < 2050 < 4096 < budget.estimate_tokens([prompt]) < 8192
    request = Request(messages=(("user", prompt),))
    response = Response(started_ns=0, ended_ns=1, chunks=(Chunk(1, "x"),), usage=Usage(read, 1))
    assert (cut_prompt(request, response, window) is not None) == cut


def test_the_context_of_a_model_that_was_not_loaded_is_learned_afterwards(using: Using) -> None:
    standin = StandIn()

    async def main(client: OllamaClient) -> list[int | None]:
        before = (await client.describe()).context_window
        for _ in range(3):
            await client.stream(HELLO)
        return [before, (await client.describe()).context_window]

    assert using(standin, main) == [None, 4096]
    assert [path for path, _ in standin.seen].count("/api/ps") == 2, "once to describe it, once afterwards"


def test_an_error_in_the_middle_keeps_what_came(ask: Callable[..., Response]) -> None:
    standin = StandIn()
    standin.fail_after = 2
    response = ask(standin)
    assert response.failure is not None
    assert response.failure.kind == "interrupted"
    assert "an error was encountered" in response.failure.message
    assert response.text == "word word "


def test_something_else_listens(serving: Any) -> None:
    async def other(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        whole(writer, {"hello": "world"})

    async def main() -> None:
        async with serving(other) as url:
            client = OllamaClient(Endpoint(kind="ollama", url=url))
            with pytest.raises(EndpointError, match="does not look like Ollama"):
                await client.describe()
            await client.aclose()

    asyncio.run(main())


def test_a_suffix_is_not_lost_silently(ask: Callable[..., Response]) -> None:
    standin = StandIn()
    response = ask(standin, Request(messages=(("user", "def f():"),), suffix="return 1"))
    assert response.failure is not None
    assert response.failure.kind == "unsupported"
    assert 'api = "completions"' in response.failure.message
    assert standin.seen == []
