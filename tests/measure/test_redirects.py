"""Redirects: followed at the server that was named; elsewhere go neither the key nor the prompt."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import aclosing
from typing import Any

import httpx
import pytest

from pytest_llmeval.measure import redirects
from pytest_llmeval.measure.endpoints.openai import OpenAIClient
from pytest_llmeval.measure.exchange import Channel
from pytest_llmeval.measure.tape import Tape
from pytest_llmeval.model import Endpoint, Facts, Request, Response

PLAIN = Facts(kind="openai", model="m")
HELLO = Request(messages=(("user", "hello"),), max_tokens=8)
BODY = b'data: {"choices":[{"delta":{"content":"x"},"finish_reason":"stop"}]}\n\n'
OK = b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n%s" % (len(BODY), BODY)
Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


def answering(seen: list[str], location: str = "", status: int = 307) -> Handler:
    """The first request of the server is sent to ``location``; what follows is answered."""

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
            length = int(head.lower().partition("content-length: ")[2].split("\r")[0] or 0)
            seen.append(head + (await reader.readexactly(length)).decode())
            here = location.replace("HERE", head.lower().partition("host: ")[2].split("\r")[0])
            moved = f"HTTP/1.1 {status} Moved\r\nlocation: {here}\r\ncontent-length: 0\r\n\r\n".encode()
            writer.write(moved if here and ("/v1/" in head or "loop" in here) else OK)

    return handle


async def ask(url: str) -> Response:
    client = OpenAIClient(Endpoint(url=url), facts=PLAIN, api_key="sk-secret")
    try:
        return await client.stream(HELLO)
    finally:
        await client.aclose()


def said(response: Response) -> str:
    assert response.failure is not None
    assert response.failure.kind == "malformed"
    return response.failure.message


@pytest.mark.parametrize("location", ["/elsewhere", "http://HERE/elsewhere", "//HERE/elsewhere"])
@pytest.mark.parametrize("status", [307, 308])
def test_the_same_server_gets_the_whole_request_again(status: int, location: str, serving: Any) -> None:
    seen: list[str] = []

    async def main() -> Response:
        async with serving(answering(seen, location, status)) as url:
            return await ask(url)

    response = asyncio.run(main())
    assert (response.text, response.failure) == ("x", None)
    assert [request.split(" ")[:2] for request in seen] == [
        ["POST", "/v1/chat/completions"],
        ["POST", "/elsewhere"],
    ]
    assert all("authorization: bearer sk-secret" in request.lower() for request in seen)
    assert '"hello"' in seen[1]


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_another_server_is_not_asked_at_all(status: int, serving: Any) -> None:
    seen: list[str] = []

    async def main() -> tuple[str, Response]:
        async with (
            serving(answering(seen)) as other,
            serving(answering([], f"{other}/v1/x?token=y", status)) as url,
        ):
            return other, await ask(url)

    other, response = asyncio.run(main())
    assert seen == []
    wanted = f"redirects (HTTP {status}) to {other}/v1/x: if that is meant, set it as the url"
    assert said(response).endswith(wanted)


def test_a_long_address_is_shortened(serving: Any) -> None:
    async def main() -> Response:
        async with serving(answering([], f"http://x.example/{'a' * 50_000}")) as url:
            return await ask(url)

    assert len(said(asyncio.run(main()))) < 400


@pytest.mark.parametrize("status", [301, 302, 303])
def test_a_post_never_becomes_a_get(status: int, serving: Any) -> None:
    seen: list[str] = []

    async def main() -> Response:
        async with serving(answering(seen, "/elsewhere", status)) as url:
            return await ask(url)

    assert f"redirects (HTTP {status}) to " in said(asyncio.run(main()))
    assert len(seen) == 1


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_get_is_followed_by_any(status: int, serving: Any) -> None:
    seen: list[str] = []

    async def main() -> Tape:
        tape = Tape()
        async with (
            serving(answering(seen, "/elsewhere", status)) as url,
            aclosing(Channel(httpx.URL(url))) as channel,
        ):
            await channel.send(httpx.URL(f"{url}/v1/models"), None, tape)
        return tape

    assert asyncio.run(main()).status == 200
    assert [request.split(" ")[:2] for request in seen] == [["GET", "/v1/models"], ["GET", "/elsewhere"]]


def test_a_loop_ends(serving: Any) -> None:
    seen: list[str] = []

    async def main() -> Response:
        async with serving(answering(seen, "/v1/loop")) as url:
            return await ask(url)

    assert "redirects more than 5 times from /v1/chat/completions" in said(asyncio.run(main()))
    assert len(seen) == 6


@pytest.mark.parametrize(
    "location",
    [
        "ftp://HERE/x",
        "file:///etc/passwd",
        "http://[",
        "http://a..b/",
        f"http://{'a' * 70}.b/",
        "http://:99999/",
    ],
)
def test_a_redirect_to_nowhere_is_a_failure(location: str, serving: Any) -> None:
    async def main() -> Response:
        async with serving(answering([], location)) as url:
            return await ask(url)

    response = asyncio.run(main())
    assert response.failure is not None
    assert response.failure.kind in ("malformed", "interrupted")


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("http://a/v1", "https://a/v1", True),
        ("https://a/v1", "http://a/v1", False),
        ("http://a:80/v1", "http://a/x", True),
        ("http://a:8000/v1", "https://a/v1", False),
        ("http://a/v1", "http://a:8000/v1", False),
        ("http://a/v1", "http://a.b/v1", False),
        ("http://a@b/v1", "http://b/v1", True),
        ("http://b/v1", "http://b@c/v1", False),
    ],
)
def test_what_is_the_same_server(one: str, other: str, same: bool) -> None:
    assert redirects.is_same_server(httpx.URL(one), httpx.URL(other)) == same
