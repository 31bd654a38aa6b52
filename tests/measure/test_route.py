"""Which transport reaches a URL, and what the fallback through a proxy measures."""

from __future__ import annotations

import asyncio
import base64
import sys
from contextlib import aclosing
from typing import Any

import httpcore
import httpx
import mock_server
import pytest

from pytest_llmeval.errors import EndpointError
from pytest_llmeval.measure import exchange, route, stream
from pytest_llmeval.measure.endpoints import connect
from pytest_llmeval.measure.received import Received
from pytest_llmeval.measure.tape import Tape
from pytest_llmeval.measure.transport import MeasuringTransport
from pytest_llmeval.model import Endpoint

VARIABLES = ["http_proxy", "https_proxy", "all_proxy", "no_proxy"]


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


HERE = "localhost LOCALHOST. api.localhost 127.0.0.1 127.8.9.1 0.0.0.0 [::1] [::] [::ffff:127.0.0.1]"


@pytest.mark.parametrize("host", HERE.split())
def test_loopback_never_goes_through_a_proxy(host: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://proxy.invalid:3128")
    url = httpx.URL(f"http://{host}:8000/v1")
    assert route.is_loopback(url)
    assert route.proxy_of(url) is None
    assert isinstance(route.transport_for(url), MeasuringTransport)


@pytest.mark.parametrize(
    ("variable", "url", "proxied"),
    [
        ("http_proxy", "http://gpu.invalid:8000/v1", True),
        ("http_proxy", "https://gpu.invalid/v1", False),
        ("https_proxy", "https://gpu.invalid/v1", True),
        ("all_proxy", "https://gpu.invalid/v1", True),
    ],
)
def test_the_environment_is_heard_otherwise(
    variable: str, url: str, proxied: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(variable, "http://proxy.invalid:3128")
    assert isinstance(route.transport_for(httpx.URL(url)), route.ProxiedTransport) == proxied
    monkeypatch.setenv("no_proxy", "gpu.invalid")
    assert route.proxy_of(httpx.URL(url)) is None


@pytest.mark.parametrize(
    ("variable", "value", "used"),
    [
        ("http_proxy", "proxy.invalid:3128", "http://proxy.invalid:3128"),  # as curl takes it
        ("http_proxy", "https://proxy.invalid", "https://proxy.invalid"),
        ("all_proxy", "socks5://proxy.invalid:1080", "socks5://proxy.invalid:1080"),
    ],
)
def test_the_forms_of_a_proxy(variable: str, value: str, used: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(variable, value)
    assert route.proxy_of(httpx.URL("http://gpu.invalid:8000/v1")) == used


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ("socks5://user:secret@proxy.invalid:1080", "pip install 'httpx\\[socks\\]'"),
        ("ftp://user:secret@proxy.invalid", "Unknown scheme.*correct the variable"),
        ("http://[::1", "correct the variable"),
    ],
)
def test_a_proxy_that_can_not_be_used_is_said(value: str, said: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("all_proxy", value)
    monkeypatch.setitem(sys.modules, "socksio", None)
    with pytest.raises(EndpointError, match=f"(?s)gpu.invalid .*{said}.*no_proxy") as caught:
        connect(Endpoint(url="http://gpu.invalid:8000/v1"))
    assert "secret" not in str(caught.value)


async def _forward(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, server: str) -> None:
    """One request of a plain HTTP proxy: the absolute URL in the request line becomes a path."""
    head = await reader.readuntil(b"\r\n\r\n")
    length = int(next(line for line in head.lower().splitlines() if b"content-length" in line).split()[-1])
    line, _, fields = head.partition(b"\r\n")
    method, url, version = line.split()
    host, port = server.removeprefix("http://").split(":")
    up_reader, up_writer = await asyncio.open_connection(host, int(port))
    path = httpx.URL(url.decode()).raw_path
    up_writer.write(b" ".join([method, path, version]) + b"\r\n" + fields + await reader.readexactly(length))
    while data := await up_reader.read(65536):
        writer.write(data)
        await writer.drain()
    up_writer.close()
    writer.close()


def test_a_stream_through_a_proxy_is_measured_and_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    async def main(server: str) -> None:
        proxy = await asyncio.start_server(lambda r, w: _forward(r, w, server), "127.0.0.1", 0)
        async with proxy:
            address = f"http://127.0.0.1:{proxy.sockets[0].getsockname()[1]}"
            monkeypatch.setenv("http_proxy", address)
            url = httpx.URL("http://gpu.invalid:8000/v1/chat/completions")
            async with aclosing(exchange.Channel(url)) as channel:
                tape = Tape(total_s=10)
                body = {"stream": True, "messages": [], "mock": {"connection_close": True}}
                assert await channel.post(url, body, tape) is None
        response = stream.assemble(Received(tape.reads, tape.started_ns, tape.ended_ns))
        assert tape.transport == "httpx"
        assert tape.lag_s is not None
        assert response.failure is None
        assert len({chunk.at_ns for chunk in response.chunks}) == 10
        assert response.chunks[-1].at_ns - response.chunks[0].at_ns > 9 * 8_000_000

    with mock_server.running(tokens=10, gap_s=0.01) as server:
        asyncio.run(main(server))


class SlowToConnect(httpcore.AnyIOBackend):
    async def connect_tcp(self, *args: Any, **options: Any) -> httpcore.AsyncNetworkStream:
        await asyncio.sleep(0.3)
        return await super().connect_tcp(*args, **options)


@pytest.mark.parametrize(
    ("limits", "wrong"),
    [
        ({"first_read_s": 0.25, "between_reads_s": 0.01}, "no answer within 0.25 s"),
        ({"first_read_s": 5.0, "between_reads_s": 0.25}, "the stream paused for more than 0.25 s"),
        ({"between_reads_s": 0.6}, None),  # it does not count before the first read
    ],
)
def test_clock_and_limits_begin_at_the_write(
    limits: dict[str, float], wrong: str | None, monkeypatch: pytest.MonkeyPatch, serving: Any
) -> None:
    """Connecting takes 0.3 s, the answer begins 0.4 s after the request, and pauses for as long."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        for data in (b"HTTP/1.1 200 OK\r\nconnection: close\r\n\r\none", b"two"):
            await asyncio.sleep(0.4)
            writer.write(data)
            await writer.drain()

    async def main() -> None:
        tape = Tape(total_s=10, **limits)
        async with serving(answer) as address:
            monkeypatch.setenv("http_proxy", address)
            url = httpx.URL("http://gpu.invalid/v1/chat/completions")
            transport = route.transport_for(url)
            assert isinstance(transport, route.ProxiedTransport)
            transport._inner._pool._network_backend = SlowToConnect()  # type: ignore[attr-defined]
            async with aclosing(exchange.Channel(url, transport=transport)) as channel:
                failure = await channel.post(url, {}, tape)
        assert (tape.started_ns - tape.called_ns) / 1e9 > 0.29
        if wrong is not None:
            assert failure is not None
            assert (failure.kind, failure.message) == ("timeout", f"http://gpu.invalid: {wrong}")
        else:
            assert failure is None
            assert 0.39 < (tape.reads[0][0] - tape.started_ns) / 1e9 < 0.65

    asyncio.run(main())


def test_a_dead_proxy_is_a_failure_in_words(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")

    async def main() -> None:
        url = httpx.URL("http://gpu.invalid/v1/chat/completions")
        async with aclosing(exchange.Channel(url)) as channel:
            failure = await channel.post(url, {}, Tape())
        assert failure is not None
        assert failure.kind == "connect"
        assert failure.message.startswith("gpu.invalid can't be reached through the proxy 127.0.0.1:1")
        assert "no_proxy" in failure.message

    asyncio.run(main())


@pytest.mark.parametrize(
    "answer", [b"", b"HTTP/1.1 502 Bad\r\n", b"HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\n\r\nno gzip"]
)
def test_a_proxy_that_goes_wrong_ends_in_time(
    answer: bytes, monkeypatch: pytest.MonkeyPatch, serving: Any
) -> None:
    """It says this, and then a header's letter or a byte of a body every now and then."""

    async def drip(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(answer)
        while not reader.at_eof():
            writer.write(b"x")
            await asyncio.sleep(0.02)

    async def main() -> None:
        async with serving(drip) as address:
            monkeypatch.setenv("http_proxy", address)
            url = httpx.URL("http://gpu.invalid/v1/chat/completions")
            async with aclosing(exchange.Channel(url)) as channel:
                failure = await channel.post(url, {}, Tape(total_s=0.3))
            await asyncio.sleep(0.05)  # the proxy sees that we have gone
        assert failure is not None
        assert failure.kind == "timeout"
        assert failure.message == "http://gpu.invalid: the answer was not complete within 0.3 s"

    asyncio.run(main())


def test_a_proxys_password_is_taken_from_its_url() -> None:
    """What httpx does with it; a change there would show here."""
    transport = route.ProxiedTransport("http://user:secret@proxy.invalid:3128")
    headers = dict(transport._inner._pool._proxy_headers)  # type: ignore[attr-defined]
    assert base64.b64encode(b"user:secret") in headers[b"Proxy-Authorization"]
