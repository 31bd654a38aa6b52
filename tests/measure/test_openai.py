"""The OpenAI-compatible client: what it sends, what it learns from refusals, how it words what goes wrong."""

from __future__ import annotations

import asyncio
import gc
import gzip
import json
from typing import TYPE_CHECKING, Any, Literal, TypeVar

import httpx
import mock_server
import pytest
from msgspec import structs

from pytest_llmeval.errors import EndpointError, UsageError
from pytest_llmeval.measure import budget
from pytest_llmeval.measure.endpoints import connect
from pytest_llmeval.measure.endpoints.openai import OpenAIClient
from pytest_llmeval.model import Endpoint, Facts, Request, Response, Timeouts

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from pytest_llmeval.measure.tape import Tape

T = TypeVar("T")
HELLO = Request(messages=(("user", "hello"),), max_tokens=8)
PLAIN = Facts(kind="openai", model="mock")
VLLM = Facts(kind="openai", server="vllm 0.32.0", model="mock", context_window=32768)
LLAMA = Facts(kind="openai", server="llama.cpp b11434", model="mock", context_window=2048)


def using(url: str, main: Callable[[OpenAIClient], Awaitable[T]], **options: Any) -> T:
    """Run ``main`` with a client of the URL; facts of a plain server unless given."""
    endpoint = structs.replace(options.pop("endpoint", Endpoint(name="mine")), url=url)
    options.setdefault("facts", PLAIN)

    async def run() -> T:
        client = OpenAIClient(endpoint, **options)
        try:
            return await main(client)
        finally:
            await client.aclose()
            await client.aclose()

    return asyncio.run(run())


def ask(url: str, request: Request = HELLO, **options: Any) -> Response:
    return using(url, lambda client: client.stream(request), **options)


def body_sent(url: str) -> dict[str, Any]:
    body: dict[str, Any] = mock_server.log(url)[-1]["body"]
    return body


# -- what is sent ------------------------------------------------------------------------------------------


def test_a_plain_server_gets_nothing_beyond_the_standard(mock: str) -> None:
    response = ask(mock)
    assert response.failure is None
    assert (response.cache, response.transport, response.model) == ("unknown", "measured", "mock")
    assert response.lag_s is not None
    assert body_sent(mock) == {
        "model": "mock",
        "messages": [{"role": "user", "content": "hello"}],
        "temperature": 0.0,
        "seed": 0,
        "max_tokens": 8,
        "stream": True,
        "stream_options": {"include_usage": True},
    }


def test_prefix_caches_are_defeated_where_the_server_has_a_way(mock: str) -> None:
    assert ask(mock, facts=VLLM).cache == "cold"
    first = body_sent(mock)
    ask(mock, facts=VLLM)
    assert first["cache_salt"] != body_sent(mock)["cache_salt"]
    assert first["stream_options"]["continuous_usage_stats"] is True
    assert ask(mock, facts=LLAMA).cache == "cold"
    assert body_sent(mock)["cache_prompt"] is False
    assert "cache_salt" not in body_sent(mock)


def test_a_warm_cache_is_measured_on_purpose(mock: str) -> None:
    warm = Endpoint(name="mine", url=mock, cache="warm")
    assert ask(mock, facts=VLLM, endpoint=warm).cache == "warm"
    assert "cache_salt" not in body_sent(mock)


def test_cached_tokens_show_that_the_cache_was_not_cold(mock: str) -> None:
    mock_server.control(mock, cached_tokens=3)
    assert ask(mock, facts=VLLM).cache == "warm"


def test_what_is_not_wanted_is_not_sent(mock: str) -> None:
    ask(mock, structs.replace(HELLO, seed=None, max_tokens=None))
    assert not {"seed", "max_tokens"} & body_sent(mock).keys()


def test_the_key_is_a_header(mock: str) -> None:
    seen: list[str | None] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request.headers.get("authorization"))
        return httpx.Response(200, json={"choices": [{"message": {"content": "x"}}]})

    for key in ("secret", "", None):
        assert ask(mock, api_key=key, transport=httpx.MockTransport(answer)).text == "x"
    assert seen == ["Bearer secret", None, None]


def test_a_lone_surrogate_in_a_prompt_can_be_sent(mock: str) -> None:
    assert ask(mock, Request(messages=(("user", "a\ud83d"),), max_tokens=2)).failure is None


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"messages": ()}, "the prompt is empty"),
        ({"messages": (("user", ""),)}, "the prompt is empty"),
        ({"temperature": -1.0}, "temperature must be 0 or more"),
        ({"temperature": float("nan")}, "temperature must be 0 or more"),
        ({"max_tokens": 0}, "max_tokens must be at least 1"),
        ({"max_tokens": -2}, "max_tokens must be at least 1"),
        ({"timeout_s": 0.0}, "the timeout must be more than 0 s"),
    ],
)
def test_bad_requests_are_never_sent(change: dict[str, Any], said: str) -> None:
    with pytest.raises(UsageError, match=f"mine: {said}"):
        ask("http://127.0.0.1:1", structs.replace(HELLO, **change))


# -- the token budget --------------------------------------------------------------------------------------


def test_max_tokens_is_clipped_to_the_window(mock: str) -> None:
    ask(mock, structs.replace(HELLO, max_tokens=32768), facts=VLLM)
    assert 32000 < body_sent(mock)["max_tokens"] < 32768
    ask(mock, structs.replace(HELLO, max_tokens=-1), facts=VLLM)
    assert 32000 < body_sent(mock)["max_tokens"] < 32768
    ask(mock, structs.replace(HELLO, max_tokens=-1))
    assert "max_tokens" not in body_sent(mock)


def test_the_second_round_knows_the_prompts_length(mock: str) -> None:
    async def main(client: OpenAIClient) -> None:
        request = structs.replace(HELLO, max_tokens=-1)
        for _ in range(2):
            await client.stream(request)

    using(mock, main, facts=VLLM)
    first, second = (entry["body"]["max_tokens"] for entry in mock_server.log(mock))
    assert first < second == 32768 - 1 - 16  # the mock counts "hello" as one token


def test_an_overflow_is_asked_again_with_the_servers_numbers(mock: str) -> None:
    mock_server.control(mock, check_window=True, max_model_len=300)
    request = Request(messages=(("user", "a " * 280),), max_tokens=100)
    response = ask(mock, request, facts=structs.replace(VLLM, context_window=None))
    assert response.failure is None
    assert [entry["body"]["max_tokens"] for entry in mock_server.log(mock)] == [100, 19]


def test_a_window_that_a_refusal_told_is_kept(mock: str) -> None:
    """For another prompt: each cell would else be refused once more."""
    mock_server.control(mock, check_window=True, max_model_len=2000)
    texts = ("a " * 180, "b " * 180)

    async def main(client: OpenAIClient) -> list[Response]:
        return [await client.stream(Request(messages=(("user", text),), max_tokens=4096)) for text in texts]

    assert not any(one.failure for one in using(mock, main))
    bodies = [entry["body"] for entry in mock_server.log(mock)]
    assert [body["messages"][0]["content"][0] for body in bodies] == ["a", "a", "b"]
    assert [body["max_tokens"] < 2000 for body in bodies] == [False, True, True]


def test_a_refusal_before_the_prompt_was_counted_is_asked_again_by_estimate() -> None:
    """vLLM 0.32, where the project file names a window larger than the server's."""
    asked = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(json.loads(request.read())["max_tokens"])
        if asked[-1] <= 2048:
            return httpx.Response(200, json={"choices": [{"message": {"content": "x"}}]})
        message = f"max_tokens={asked[-1]} cannot be greater than max_model_len=2048."
        return httpx.Response(400, json={"error": {"message": message, "param": "max_tokens", "code": 400}})

    request = structs.replace(HELLO, max_tokens=8192)
    assert ask("https://api.invalid", request, transport=httpx.MockTransport(answer), facts=VLLM).text == "x"
    assert asked[0] == 8192
    assert 1900 < asked[1] < 2048
    assert len(asked) == 2


def test_what_max_tokens_leaves_of_a_window_is_not_taken_for_the_window() -> None:
    """vLLM 0.14 told it so (vllm issue 33418)."""
    asked = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(json.loads(request.read())["max_tokens"])
        if 300 + asked[-1] <= 2048:
            return httpx.Response(200, json={"choices": [{"message": {"content": "x"}}]})
        message = (
            f"This model's maximum context length is {2048 - asked[-1]} tokens. However, your request has "
            "300 input tokens. Please reduce the length of the input messages."
        )
        return httpx.Response(400, json={"error": {"message": message, "param": "input_tokens", "code": 400}})

    async def main(client: OpenAIClient) -> list[Any]:
        request = structs.replace(HELLO, max_tokens=-1)
        texts = [(await client.stream(request)).text for _ in range(2)]
        return [*texts, (await client.describe()).context_window]

    facts = structs.replace(VLLM, context_window=2048)
    transport = httpx.MockTransport(answer)
    assert using("https://api.invalid", main, transport=transport, facts=facts) == ["x", "x", 2048]
    assert asked[1:] == [2048 - 300 - 1, 2048 - 300 - budget.MARGIN]


def test_a_prompt_that_can_not_fit_fails_with_the_numbers(mock: str) -> None:
    mock_server.control(mock, check_window=True, max_model_len=300)
    request = Request(messages=(("user", "a " * 301),), max_tokens=100)
    response = ask(mock, request, facts=VLLM)
    assert response.failure is not None
    assert response.failure.kind == "context_overflow"
    assert (response.failure.prompt_tokens, response.failure.context_window) == (301, 300)
    assert len(mock_server.log(mock)) == 1


# -- what refusals teach -----------------------------------------------------------------------------------


def test_a_server_that_knows_no_stream_options_is_asked_without(mock: str) -> None:
    mock_server.control(mock, reject_stream_options=True)

    async def main(client: OpenAIClient) -> list[Response]:
        return [await client.stream(HELLO) for _ in range(2)]

    for response in using(mock, main, facts=VLLM):
        assert (response.failure, response.usage) == (None, None)
        assert len(response.chunks) == 8
    assert ["stream_options" in entry["body"] for entry in mock_server.log(mock)] == [True, False, False]


def test_what_a_server_forbids_and_an_answer_can_do_without_is_left_out() -> None:
    """As Mistral's API refuses it, all at once or one after the other; and then it is known."""
    asked: list[set[str]] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(set(json.loads(request.read())))
        for extra in ({"seed"}, {"stream_options", "cache_salt"}):
            if forbidden := extra & asked[-1]:
                detail = [{"type": "extra_forbidden", "loc": ["body", name]} for name in forbidden]
                return httpx.Response(422, json={"detail": detail})
        return httpx.Response(200, json={"choices": [{"message": {"content": "x"}}]})

    async def main(client: OpenAIClient) -> list[Response]:
        return [await client.stream(HELLO) for _ in range(2)]

    transport = httpx.MockTransport(answer)
    for response in using("https://api.invalid", main, transport=transport, facts=VLLM):
        assert (response.text, response.failure, response.cache) == ("x", None, "unknown")
        assert response.notes == ("the server takes no seed: asked again, it may answer otherwise",)
    assert [len(fields & {"seed", "stream_options", "cache_salt"}) for fields in asked] == [3, 2, 0, 0]


def test_a_model_that_wants_max_completion_tokens_gets_them() -> None:
    names = []

    def answer(request: httpx.Request) -> httpx.Response:
        body = request.read()
        if b'"max_completion_tokens"' in body:
            return httpx.Response(200, json={"choices": [{"message": {"content": "x"}}]})
        names.append("max_tokens")
        message = "Unsupported parameter: 'max_tokens'. Use 'max_completion_tokens' instead."
        return httpx.Response(400, json={"error": {"message": message}})

    assert ask("https://api.invalid", transport=httpx.MockTransport(answer)).text == "x"
    assert names == ["max_tokens"]


@pytest.mark.parametrize("status", [400, 404, 429, 500])
def test_a_plain_refusal_is_final(mock: str, status: int) -> None:
    mock_server.control(mock, status=status)
    response = ask(mock)
    assert response.failure is not None
    assert response.failure.status == status
    assert response.failure.message == "mock error"
    assert len(mock_server.log(mock)) == 1


def test_another_models_answer_is_refused(mock: str) -> None:
    mock_server.control(mock, answer_model="tiny")
    response = ask(mock)
    assert response.failure is not None
    assert response.failure.message.startswith("'mock' was asked for, 'tiny' answered")


@pytest.mark.parametrize(
    ("asked", "answered"), [("gpt-4o", "gpt-4o-2024-08-06"), ("qwen", "qwen:latest"), ("Qwen/Qwen2", "qwen2")]
)
def test_the_same_model_under_a_longer_name_is_taken(mock: str, asked: str, answered: str) -> None:
    mock_server.control(mock, answer_model=answered, flavour="openai")
    assert ask(mock, facts=structs.replace(PLAIN, model=asked)).failure is None


# -- going wrong -------------------------------------------------------------------------------------------


def test_nothing_listens_is_a_failure_that_says_so() -> None:
    for facts in (PLAIN, None):
        response = ask("http://127.0.0.1:1/v1", facts=facts)
        assert response.failure is not None
        assert response.failure.kind == "connect"
        assert "nothing listens at http://127.0.0.1:1: is the server running?" in response.failure.message


def test_a_name_that_does_not_exist() -> None:
    response = ask("http://no-such-host.invalid")
    assert response.failure is not None
    assert response.failure.kind == "connect"


def test_a_url_with_a_password_never_shows_it() -> None:
    response = ask("http://user:hunter2@127.0.0.1:1/v1")
    assert response.failure is not None
    assert "hunter2" not in response.failure.message


@pytest.mark.parametrize(
    ("change", "kind"),
    [
        ({"close_after": 3}, "interrupted"),
        ({"close_after": 0}, "interrupted"),
        ({"error_after": 3}, "interrupted"),
        ({"tokens": 0}, "empty"),
        ({"finish": "none", "done": False}, "interrupted"),
    ],
)
def test_broken_answers_are_failures_and_what_came_is_kept(
    mock: str, change: dict[str, Any], kind: str
) -> None:
    mock_server.control(mock, **change)
    response = ask(mock)
    assert response.failure is not None
    assert response.failure.kind == kind
    kept = 3 if 3 in change.values() else 8 if "finish" in change else 0
    assert response.text == "tok " * kept


@pytest.mark.parametrize(
    ("limits", "behaviour", "said", "kept"),
    [
        ({"first_s": 0.2}, {"ttft_s": 2.0, "role_chunk": False}, "no answer within 0.2 s", ""),
        (
            {"between_s": 0.2},
            {"stall_every": 3, "stall_s": 2.0},
            "the stream paused for more than 0.2 s",
            "tok ",
        ),
    ],
)
def test_a_server_that_falls_silent_times_out(
    mock: str, limits: dict[str, float], behaviour: dict[str, Any], said: str, kept: str
) -> None:
    mock_server.control(mock, **behaviour)
    response = ask(mock, endpoint=Endpoint(timeouts=Timeouts(**limits)))
    assert response.failure is not None
    assert response.failure.kind == "timeout"
    assert said in response.failure.message
    assert response.text.startswith(kept)


def test_a_slow_answer_times_out_and_keeps_what_came(mock: str) -> None:
    mock_server.control(mock, gap_s=0.05)
    response = ask(mock, structs.replace(HELLO, timeout_s=0.2))
    assert response.failure is not None
    assert response.failure.kind == "timeout"
    assert "not complete within 0.2 s" in response.failure.message
    assert 1 <= len(response.chunks) < 8


def test_on_read_can_stop_it(mock: str) -> None:
    response = using(mock, lambda client: client.stream(HELLO, lambda _, data: data.count(b"tok") > 0))
    assert response.failure is not None
    assert response.failure.kind == "interrupted"
    assert response.text == "tok "


def test_a_cancellation_carries_the_partial_answer(mock: str) -> None:
    mock_server.control(mock, gap_s=0.05)

    async def main(client: OpenAIClient) -> Response:
        asked = asyncio.ensure_future(client.stream(HELLO))
        await asyncio.sleep(0.15)
        asked.cancel()
        with pytest.raises(asyncio.CancelledError) as met:
            await asked
        response = met.value.args[0]
        assert isinstance(response, Response)
        return response

    response = using(mock, main)
    assert response.failure is not None
    assert response.failure.kind == "interrupted"
    assert response.text.startswith("tok ")
    assert response.started_ns < response.chunks[-1].at_ns <= response.ended_ns


def test_a_compressed_answer_is_read_after_all(serving: Any) -> None:
    body = gzip.compress(b'data: {"choices":[{"delta":{"content":"x"},"finish_reason":"stop"}]}\n\n')

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        head = f"HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: {len(body)}\r\n\r\n"
        writer.write(head.encode() + body)

    async def main() -> Response:
        async with serving(handle) as url:
            client = OpenAIClient(Endpoint(url=url), facts=PLAIN)
            response = await client.stream(HELLO)
            await client.aclose()
            return response

    assert asyncio.run(main()).text == "x"


def test_nothing_of_an_answer_stays_alive_while_collection_is_off(mock: str) -> None:
    async def main(client: OpenAIClient) -> int:
        await client.stream(HELLO)
        gc.collect()
        gc.disable()
        try:
            for _ in range(3):
                await client.stream(HELLO)
            return sum(isinstance(one, httpx.Response) for one in gc.get_objects())
        finally:
            gc.enable()

    assert using(mock, main) == 0


# -- the completions route ---------------------------------------------------------------------------------


GAP = Request(messages=(("user", "def add(a, b):\n"),), suffix="\n\nprint(add(1, 2))\n", max_tokens=8)


def completing(url: str) -> Endpoint:
    return Endpoint(name="mine", url=url, api="completions")


def test_the_completions_route_gets_one_prompt_and_its_suffix(mock: str) -> None:
    response = ask(mock, GAP, endpoint=completing(mock))
    assert (response.failure, response.text, response.finish_reason) == (None, "tok " * 8, "length")
    assert mock_server.log(mock)[-1]["path"] == "/v1/completions"
    assert body_sent(mock) == {
        "model": "mock",
        "prompt": "def add(a, b):\n",
        "suffix": "\n\nprint(add(1, 2))\n",
        "temperature": 0.0,
        "seed": 0,
        "stream": True,
        "max_tokens": 8,
        "stream_options": {"include_usage": True},
    }


def test_a_system_text_stands_before_the_prompt_of_a_completion(mock: str) -> None:
    request = Request(messages=(("system", "Be brief."), ("user", "Hello")), max_tokens=3)
    ask(mock, request, endpoint=completing(mock), facts=VLLM)
    body = body_sent(mock)
    assert body["prompt"] == "Be brief.\n\nHello"
    assert body.keys().isdisjoint({"suffix", "messages"})
    assert "cache_salt" in body


@pytest.mark.parametrize(
    ("flavour", "api", "said"),
    [("vllm", "chat", 'set api = "completions"'), ("llamacpp", "completions", "llama.cpp ignores one")],
)
def test_a_suffix_that_would_get_lost_is_never_sent(
    mock: str, flavour: str, api: Literal["chat", "completions"], said: str
) -> None:
    mock_server.control(mock, flavour=flavour)
    response = ask(mock, GAP, endpoint=Endpoint(name="mine", url=mock, api=api), facts=None)
    assert response.failure is not None
    assert response.failure.kind == "unsupported"
    assert said in response.failure.message
    assert mock_server.log(mock) == []


def test_a_refused_suffix_is_told_in_the_servers_words(mock: str) -> None:
    said = "suffix is only supported for models with FIM completion"
    mock_server.control(mock, status=400, error={"error": {"message": said, "code": 400}})
    response = ask(mock, GAP, endpoint=completing(mock))
    assert response.failure is not None
    assert response.failure.message == said


@pytest.mark.parametrize("server", ["vllm", "llama.cpp"])
def test_real_completions_are_read(transcript: Any, server: str) -> None:
    recorded = transcript(f"{server}/22b_completions_stream")

    def answer(request: httpx.Request) -> httpx.Response:
        assert request.url.path == "/v1/completions"
        return httpx.Response(recorded.status, headers=recorded.headers, content=recorded.body)

    model = "qwen2.5-coder-0.5b-instruct" if server == "llama.cpp" else None
    request = Request(messages=(("user", "def fib(n):"),), max_tokens=6)
    facts = Facts(kind="openai", server=server, model=model)
    url = "http://x"
    transport = httpx.MockTransport(answer)
    response = ask(url, request, endpoint=completing(url), transport=transport, facts=facts)
    assert response.failure is None
    assert len(response.text) > 10
    assert response.usage is not None
    assert response.usage.completion_tokens == 6


def test_a_strange_count_is_noted(mock: str) -> None:
    assert ask(mock, facts=None).notes == ()
    mock_server.control(mock, tokens_per_event=8)
    (note,) = ask(mock, structs.replace(HELLO, max_tokens=40), facts=None).notes
    assert "counted 40 tokens and sent 5 events with text: several tokens an event" in note


# -- seams -------------------------------------------------------------------------------------------------


def test_every_exchange_can_be_recorded(mock: str) -> None:
    kept: list[tuple[Request, Tape, str | None, str]] = []
    ask(mock, on_tape=lambda *exchange: kept.append(exchange))
    mock_server.control(mock, close_after=2)
    ask(mock, on_tape=lambda *exchange: kept.append(exchange))
    (request, tape, broken, said), (_, cut, reason, _) = kept
    assert (request, tape.status, broken) == (HELLO, 200, None)
    assert said.strip().startswith("tok tok")
    assert b"[DONE]" in tape.reads[-1][1]
    assert cut.reads
    assert reason is not None
    assert "closed in the middle" in reason


def test_with_facts_nothing_is_probed() -> None:
    paths = []

    def answer(request: httpx.Request) -> httpx.Response:
        paths.append(request.url.path)
        return httpx.Response(200, json={"choices": [{"message": {"content": "x"}}]})

    ask("https://api.invalid/v1", transport=httpx.MockTransport(answer))
    assert paths == ["/v1/chat/completions"]


def test_without_facts_it_asks_once(mock: str) -> None:
    async def main(client: OpenAIClient) -> None:
        assert (await client.stream(HELLO)).failure is None
        assert await client.describe() is await client.describe()

    using(mock, main, facts=None)
    assert "cache_salt" in body_sent(mock)


def test_connect_finds_the_kind(mock: str) -> None:
    for kind in ("openai", "local"):
        assert isinstance(connect(Endpoint(kind=kind, url=mock)), OpenAIClient)
    own = object()
    assert connect(Endpoint(kind="own"), kinds={"own": lambda *_, **__: own}) is own
    with pytest.raises(
        EndpointError, match=r"no endpoint kind 'opnai'[^$]*known kinds: .*openai, own, replay"
    ):
        connect(Endpoint(kind="opnai"), kinds={"own": lambda *_, **__: own})
    with pytest.raises(EndpointError, match="has no url"):
        connect(Endpoint(name="x"))
    with pytest.raises(EndpointError, match="folder of its recordings"):
        connect(Endpoint(name="x", kind="replay"))
