"""What is said when TLS fails: of which kind, and what to do about it."""

from __future__ import annotations

import asyncio
import re
import socket
import ssl
import threading
from contextlib import suppress
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest
import trustme
from faults import GOOD, framed

from pytest_llmeval.measure.endpoints.openai import OpenAIClient
from pytest_llmeval.model import Endpoint, Facts, Failure, Request, Response

if TYPE_CHECKING:
    from pathlib import Path

PLAIN = Facts(kind="openai", model="m")
HELLO = Request(messages=(("user", "hello"),), max_tokens=8, timeout_s=10)
LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture(autouse=True)
def trusted(authority: trustme.CA, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The authority is trusted, the way the sentence says."""
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))


async def ask(url: str) -> Response:
    client = OpenAIClient(Endpoint(url=url), facts=PLAIN)
    try:
        return await client.stream(HELLO)
    finally:
        await client.aclose()


def asked(
    serving: Any, context: ssl.SSLContext | None, scheme: str = "https", answer: bytes = framed(GOOD)
) -> Response:
    """What comes from a server on ``localhost``."""

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(10_000)
        writer.write(answer)

    async def main() -> Response:
        async with serving(handle, ssl=context) as url:
            return await ask(url.replace("http://127.0.0.1", f"{scheme}://localhost"))

    return asyncio.run(main())


def failure(response: Response) -> Failure:
    assert response.failure is not None
    return response.failure


def proving(*certificates: trustme.LeafCert) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    for certificate in certificates:
        certificate.configure_cert(context)
    return context


def test_an_authority_of_ones_own_is_trusted_by_its_file(authority: trustme.CA, serving: Any) -> None:
    assert asked(serving, proving(authority.issue_cert("localhost"))).text == "Hello"


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        ("expired", "certificate has expired; set SSL_CERT_FILE for an authority of your own"),
        ("of another host", "Hostname mismatch, certificate is not valid for 'localhost'"),
        ("of an unknown authority", "unable to get local issuer certificate"),
        ("self-signed", "self-signed certificate"),
    ],
)
def test_a_certificate_that_is(
    kind: str, said: str, authority: trustme.CA, tmp_path: Path, serving: Any
) -> None:
    unknown = trustme.CA()
    context = proving()
    if kind == "expired":
        authority.issue_cert("localhost", not_after=LONG_AGO).configure_cert(context)
    elif kind == "of another host":
        authority.issue_cert("a.example").configure_cert(context)
    elif kind == "of an unknown authority":
        unknown.issue_cert("localhost").configure_cert(context)
    else:
        pem = tmp_path / "self.pem"
        pem.write_bytes(unknown.private_key_pem.bytes() + unknown.cert_pem.bytes())
        context.load_cert_chain(pem)
    met = failure(asked(serving, context))
    assert met.kind == "connect"
    assert f"its certificate is refused: {said}" in met.message


@pytest.mark.parametrize("answer", [framed(GOOD), b""], ids=["answers", "hangs up"])
def test_http_where_tls_is_expected(answer: bytes, serving: Any) -> None:
    met = failure(asked(serving, None, answer=answer))
    assert met.kind == "connect"
    assert "is it https at all?" in met.message


def test_tls_where_http_is_expected(authority: trustme.CA, serving: Any) -> None:
    met = failure(asked(serving, proving(authority.issue_cert("localhost")), scheme="http"))
    assert met.kind in ("malformed", "interrupted")
    assert "http://localhost:" in met.message


def test_a_server_that_wants_to_know_us(authority: trustme.CA) -> None:
    """TLS 1.3 tells after the handshake: by an alert, or by the reset that overtakes it."""
    context = proving(authority.issue_cert("localhost"))
    authority.configure_trust(context)
    context.verify_mode = ssl.CERT_REQUIRED

    def refuse(listening: socket.socket) -> None:
        for _ in range(2):
            connection, _ = listening.accept()
            with connection, suppress(OSError):
                context.wrap_socket(connection, server_side=True)

    with socket.create_server(("localhost", 0)) as listening:
        refusing = threading.Thread(target=refuse, args=(listening,))
        refusing.start()
        met = failure(asyncio.run(ask(f"https://localhost:{listening.getsockname()[1]}")))
        refusing.join(10)
    assert met.kind == "interrupted"
    assert re.search(r"twice without answering: .*(certificate required|reset)", met.message)


def test_ipv6() -> None:
    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(framed(GOOD, "connection: close"))
        writer.close()

    async def main() -> Response:
        async with await asyncio.start_server(handle, "::1", 0) as server:
            return await ask(f"http://[::1]:{server.sockets[0].getsockname()[1]}")

    try:
        with socket.create_server(("::1", 0), family=socket.AF_INET6):
            pass
    except OSError:
        pytest.skip("this machine has no IPv6")
    assert asyncio.run(main()).text == "Hello"


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("http://a..b/v1", "can't be resolved: is the URL right?"),
        (f"http://{'a' * 64}.example/v1", "can't be resolved: is the URL right?"),
        ("http://no-such-host.invalid/v1", "can't be resolved: is the URL right?"),
        ("http://127.0.0.1:1/v1", "nothing listens at http://127.0.0.1:1: is the server running?"),
    ],
)
def test_addresses_that_lead_nowhere(url: str, said: str) -> None:
    met = failure(asyncio.run(ask(url)))
    assert met.kind == "connect"
    assert said in met.message
