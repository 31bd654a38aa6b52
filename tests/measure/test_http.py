"""The client of any JSON service: templates, answers, and a workflow engine of model-compose's form."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import httpx
import pytest
from msgspec import structs

from pytest_llmeval.errors import EndpointError
from pytest_llmeval.measure.endpoints import connect, http
from pytest_llmeval.model import Endpoint, Request, Response

ASKED = Request(
    messages=(("system", "be brief"), ("user", "hello")), max_tokens=8, temperature=0.5, seed=None
)
COMPOSE = Endpoint(
    name="compose",
    kind="http",
    url="http://127.0.0.1:8080/api/workflows/runs",
    request={"input": {"prompt": "{prompt}", "temperature": "{temperature}"}, "output_only": True},
    text="text",
)


def ask(endpoint: Endpoint, answer: Any, request: Request = ASKED) -> Response:
    async def main() -> Response:
        client = http.HTTPClient(endpoint, transport=httpx.MockTransport(answer))
        try:
            return await client.stream(request)
        finally:
            await client.aclose()

    return asyncio.run(main())


def test_a_workflow_engine() -> None:
    """model-compose 0.4: ``POST /api/workflows/runs`` with ``output_only`` answers the output itself."""
    seen: list[Any] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append((request.method, request.url.path, json.loads(request.read())))
        return httpx.Response(200, json={"text": "hi there"})

    response = ask(COMPOSE, answer)
    assert seen == [
        (
            "POST",
            "/api/workflows/runs",
            {"input": {"prompt": "hello", "temperature": 0.5}, "output_only": True},
        )
    ]
    assert (response.text, response.failure) == ("hi there", None)


def test_a_workflow_engine_that_refuses() -> None:
    response = ask(COMPOSE, lambda _: httpx.Response(404, json={"detail": "Workflow 'x' not found."}))
    assert response.failure is not None
    assert response.failure.message == "Workflow 'x' not found."


def test_a_suffix_goes_where_the_request_says_and_nowhere_else() -> None:
    seen: list[Any] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(json.loads(request.read()))
        return httpx.Response(200, json={"text": "middle"})

    gap = Request(messages=(("user", "before"),), suffix="after")
    taking = structs.replace(COMPOSE, request={"p": "{prompt}", "s": "{suffix}"})
    assert ask(taking, answer, gap).text == "middle"
    assert ask(taking, answer).text == "middle"
    refused = ask(COMPOSE, answer, gap)
    assert seen == [{"p": "before", "s": "after"}, {"p": "hello"}]
    assert refused.failure is not None
    assert "has no {suffix}" in refused.failure.message


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"url": None}, "needs the url"),
        ({"url": "localhost:8080"}, "needs the url"),
        ({"url": "http://host:port"}, "its url is none"),
        ({"request": None}, "needs a request with the prompt in it"),
        ({"request": {"input": "hello"}}, "needs a request with the prompt in it"),
    ],
)
def test_what_can_not_work_is_said_at_once(change: dict[str, Any], said: str) -> None:
    known = {"name": "x", "kind": "http", "url": "http://h", "request": {"p": "{prompt}"}}
    with pytest.raises(EndpointError, match=said):
        connect(Endpoint(**{**known, **change}))


def test_facts_are_what_is_configured() -> None:
    facts = asyncio.run(http.HTTPClient(COMPOSE).describe())
    assert (facts.kind, facts.here, facts.server, facts.model) == ("http", True, None, None)


def test_a_real_stream_is_measured(mock: str) -> None:
    endpoint = Endpoint(
        kind="http",
        url=f"{mock}/v1/chat/completions",
        request={"messages": "{messages}", "stream": True, "max_tokens": "{max_tokens}"},
        text="choices.0.delta.content",
    )

    async def main() -> Response:
        client = connect(endpoint)
        response = await client.stream(ASKED)
        await client.aclose()
        return response

    response = asyncio.run(main())
    assert response.failure is None
    assert (response.text, response.transport, len(response.chunks)) == ("tok " * 8, "measured", 8)


@pytest.mark.parametrize("pause_s", [0.0, 0.05])
def test_nothing_is_asked_twice(pause_s: float, serving: Any) -> None:
    """What a workflow does is not known; a server that closes has perhaps done it."""
    seen: list[int] = []

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        seen.append(writer.get_extra_info("peername")[1])
        if len(seen) == 1:
            writer.write(b'HTTP/1.1 200 OK\r\ncontent-length: 12\r\n\r\n{"text":"a"}')
            await reader.read()
        await asyncio.sleep(pause_s)

    async def main() -> list[Response]:
        async with serving(handle) as url:
            client = connect(structs.replace(COMPOSE, url=url))
            responses = [await client.stream(ASKED) for _ in range(2)]
            await client.aclose()
            return responses

    first, second = asyncio.run(main())
    assert first.text == "a"
    assert second.failure is not None
    assert second.failure.message.endswith("the server closed the connection without answering")
    assert len(set(seen)) == len(seen) == 2
    assert second.retries == 0
