"""One request over HTTP and what became of it: a full tape, and a failure in plain words if there is one."""

from __future__ import annotations

import asyncio
import errno
import math
import socket
import ssl
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypedDict, Unpack

import httpx
import msgspec
from msgspec import structs

from pytest_llmeval import __version__
from pytest_llmeval.errors import UsageError
from pytest_llmeval.model import Failure, Request, Response, Timeouts

from .budget import AS_MUCH_AS_FITS
from .connection import NotHTTP
from .received import Received
from .route import transport_for
from .tape import Tape

if TYPE_CHECKING:
    from .endpoints.protocol import OnRead
    from .received import Assemble

NO_OTHER_LIMITS = Timeouts()
NO_BODY = httpx.ByteStream(b"")

OnTape = Callable[[Request, Tape, str | None, str], None]
"""Called after every exchange with its full tape, why it ended before its end, if it did, and its text."""


class Options(TypedDict, total=False):
    """What every client over HTTP takes beside its endpoint.

    No header is sent for an ``api_key`` that is None or empty. ``transport`` replaces the one that measures.
    """

    api_key: str | None
    transport: httpx.AsyncBaseTransport | None
    on_tape: OnTape | None


class Channel:
    """The HTTP of one endpoint, used from one event loop. ``http`` is for what is not measured."""

    def __init__(
        self, url: httpx.URL, timeouts: Timeouts = NO_OTHER_LIMITS, **options: Unpack[Options]
    ) -> None:
        headers = {"User-Agent": f"pytest-llmeval/{__version__}"}
        if api_key := options.get("api_key"):
            headers["Authorization"] = f"Bearer {api_key}"
        transport = options.get("transport") or transport_for(url)
        self.http = httpx.AsyncClient(
            transport=transport, headers=headers, follow_redirects=True, trust_env=False
        )
        self._timeouts = timeouts
        self._on_tape = options.get("on_tape")

    async def ask(
        self, url: httpx.URL, body: Any, request: Request, assemble: Assemble, on_read: OnRead | None = None
    ) -> tuple[Response, bytes]:
        """Post and read one answer: the response, and the body where its status is an error.

        A cancellation gets the partial response as its argument.
        """
        limits = self._timeouts
        tape = Tape(
            on_read=on_read,
            connect_s=limits.connect_s,
            first_read_s=limits.first_s,
            between_reads_s=limits.between_s,
            total_s=request.timeout_s,
        )
        try:
            failure = await post(self.http, url, body, tape)
        except asyncio.CancelledError as error:
            error.args = (_response(tape, _cancelled(tape), assemble),)
            raise
        response = _response(tape, failure, assemble)
        if self._on_tape is not None:
            said = f"{response.reasoning}\n{response.text}"
            self._on_tape(request, tape, failure.message if failure else None, said)
        refusal = b"".join(data for _, data in tape.reads) if tape.status >= 400 else b""
        return response, refusal

    async def aclose(self) -> None:
        """Close every connection. Safe to call twice."""
        await self.http.aclose()


def validate(request: Request, where: str) -> None:
    """Raise ``UsageError`` for a request that no server should see.

    Servers differ in what they refuse: llama.cpp answers no messages and a temperature of -1 with 200.
    """
    limit = request.max_tokens
    wrong = None
    if not request.messages or not any(text for _, text in request.messages):
        wrong = "the prompt is empty"
    elif not (math.isfinite(request.temperature) and request.temperature >= 0):
        wrong = f"temperature must be 0 or more, not {request.temperature}"
    elif limit is not None and limit < 1 and limit != AS_MUCH_AS_FITS:
        wrong = f"max_tokens must be at least 1, or -1 for as much as fits, not {limit}"
    elif not request.timeout_s > 0:
        wrong = "the timeout must be more than 0 s"
    if wrong:
        raise UsageError(wrong, where=where or None)


def unasked(failure: Failure) -> Response:
    """The response to a request that was never sent."""
    now_ns = time.perf_counter_ns()
    return Response(started_ns=now_ns, ended_ns=now_ns, failure=failure)


def no_suffix(why: str) -> Failure:
    """The failure of a scenario with a ``suffix`` at an endpoint that has no place for it."""
    return Failure("unsupported", f"the scenario has a suffix (fill-in-the-middle), and {why}")


def _response(tape: Tape, failure: Failure | None, assemble: Assemble) -> Response:
    started_ns, status = tape.started_ns, tape.status or 200
    response = assemble(Received(tape.reads, started_ns, tape.ended_ns or started_ns, status, failure))
    return structs.replace(response, transport=tape.transport, retries=tape.retries, lag_s=tape.lag_s)


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


def _cancelled(tape: Tape) -> Failure:
    """The failure of an exchange whose task was cancelled."""
    if not tape.ended_ns:
        tape.ended_ns = time.perf_counter_ns()
    tape.started_ns = tape.started_ns or tape.ended_ns
    return Failure("interrupted", "the run was interrupted", status=tape.status or None)
