"""One request over HTTP and what became of it: a full tape, and a failure in plain words if there is one."""

from __future__ import annotations

import errno
import socket
import ssl
import time
from typing import TYPE_CHECKING, Any

import httpx
import msgspec

from pytest_llmeval import __version__
from pytest_llmeval.model import Failure

from .route import transport_for
from .transport import NotHTTP

if TYPE_CHECKING:
    from .tape import Tape

NO_BODY = httpx.ByteStream(b"")


def open_client(
    url: httpx.URL, *, api_key: str | None = None, transport: httpx.AsyncBaseTransport | None = None
) -> httpx.AsyncClient:
    """An httpx client for one endpoint. No header is sent for a key that is None or empty."""
    headers = {"User-Agent": f"pytest-llmeval/{__version__}"}
    if api_key:
        headers["Authorization"] = f"Bearer {api_key}"
    return httpx.AsyncClient(
        transport=transport or transport_for(url), headers=headers, follow_redirects=True, trust_env=False
    )


async def post(client: httpx.AsyncClient, url: httpx.URL, body: Any, tape: Tape) -> Failure | None:
    """Send ``body`` as JSON, read the answer onto the tape; an error status is an answer, not a failure.

    Raises nothing for what a network does, and ``asyncio.CancelledError`` with the tape as far as it came.
    """
    request = client.build_request(
        "POST",
        url,
        content=msgspec.json.encode(body),
        headers={"Content-Type": "application/json"},
        extensions={"tape": tape},
    )
    try:
        response = await client.send(request, stream=True)
    except httpx.TransportError as error:
        return failure_of(error, url, tape)
    except httpx.TooManyRedirects:
        return Failure("malformed", f"{url} redirects without end", status=tape.status)
    try:
        await _complete(response, tape)
    finally:
        response.stream = NO_BODY  # cuts a cycle that would keep every read alive while gc is off
    if tape.stopped == "too long":
        message = f"the answer was cut after {tape.size_bytes:,} bytes, the most that is read"
        return Failure("interrupted", message, status=tape.status)
    if tape.stopped == "by caller":
        return Failure("interrupted", "reading was stopped before the answer's end", status=tape.status)
    return None


async def _complete(response: httpx.Response, tape: Tape) -> None:
    """Put on the tape what the transport has not: all of it for a strange transport, or the decoded body."""
    encoding = response.headers.get("content-encoding", "identity")
    if tape.ended_ns and encoding == "identity":
        await response.aclose()
        return
    body = await response.aread()
    if not tape.ended_ns:
        tape.ended_ns = time.perf_counter_ns()
        tape.started_ns = tape.started_ns or tape.ended_ns
        tape.status, tape.headers = response.status_code, response.headers.raw
    tape.reads = [(tape.ended_ns, body)]


def failure_of(error: httpx.TransportError, url: httpx.URL, tape: Tape) -> Failure:
    """What a transport's error means: what happened, where, and what to look at."""
    status = tape.status or None
    if isinstance(error, httpx.ConnectTimeout | httpx.PoolTimeout):
        said = str(error) or "no connection in time"
        message = f"{origin(url)}: {said}: is the address right, and the server up?"
        return Failure("connect", message)
    if isinstance(error, httpx.ProxyError):
        return Failure("connect", f"{error}: unset the proxy's variable, or list the host in no_proxy")
    if isinstance(error, httpx.ConnectError | httpx.UnsupportedProtocol):
        return Failure("connect", _unconnected(error, url))
    if isinstance(error, httpx.TimeoutException):
        return Failure("timeout", f"{origin(url)}: {str(error) or 'no answer in time'}", status=status)
    if isinstance(error, NotHTTP):
        return Failure("malformed", f"{origin(url)}: {error}: is this the server's HTTP port?", status=status)
    return Failure("interrupted", f"{origin(url)}: {str(error) or type(error).__name__}", status=status)


def _unconnected(error: httpx.TransportError, url: httpx.URL) -> str:
    cause: BaseException | None = error
    while cause is not None and not isinstance(cause, OSError):
        cause = cause.__cause__ or cause.__context__
    if cause is None:
        return str(error) or f"{origin(url)} can't be reached"
    if isinstance(cause, socket.gaierror):
        return f"the name {url.host!r} can't be resolved: is the URL right?"
    if isinstance(cause, ssl.SSLError):
        return (
            f"{origin(url)}: TLS failed ({cause.reason or cause}): is it https, and its certificate trusted?"
        )
    if cause.errno == errno.ECONNREFUSED or f"Errno {errno.ECONNREFUSED}]" in str(cause):
        return f"nothing listens at {origin(url)}: is the server running?"
    return f"{origin(url)} can't be reached: {cause}"


def origin(url: httpx.URL) -> str:
    """Scheme, host and port: never a path, a query or a password."""
    return str(url.copy_with(username="", password="", path="/", query=None, fragment=None)).rstrip("/")


def cancelled(tape: Tape) -> Failure:
    """The failure of an exchange whose task was cancelled."""
    if not tape.ended_ns:
        tape.ended_ns = time.perf_counter_ns()
    tape.started_ns = tape.started_ns or tape.ended_ns
    return Failure("interrupted", "the run was interrupted", status=tape.status or None)
