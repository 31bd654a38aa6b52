"""One request over HTTP and what became of it: a full tape, and a failure in plain words if there is one."""

from __future__ import annotations

import asyncio
import errno
import math
import socket
import ssl
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, TypedDict, Unpack

import httpx
import msgspec
from msgspec import structs

from pytest_llmeval import __version__
from pytest_llmeval.errors import UsageError
from pytest_llmeval.model import ErrorKind, Failure, Request, Response, Timeouts

from . import compression, redirects, retry_after
from .budget import AS_MUCH_AS_FITS
from .connection import NotHTTP
from .quiet import STOPPED_S
from .received import Received
from .redirects import Misdirected
from .route import transport_for
from .tape import Tape

if TYPE_CHECKING:
    from .endpoints.protocol import OnRead
    from .received import Assemble

CUT = frozenset({"interrupted", "timeout"})
"""Failures that may be this client's own standing still: nobody read what came."""
NO_OTHER_LIMITS = Timeouts()

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
    """The HTTP of one endpoint, used from one event loop. ``safe``: asking twice does no harm, see ``Tape``.

    An httpx transport without ``httpx.AsyncClient``, whose cookies, authentication and hooks are not wanted:
    they cost several times what sending a request does.
    """

    def __init__(
        self,
        url: httpx.URL,
        timeouts: Timeouts = NO_OTHER_LIMITS,
        *,
        safe: bool = True,
        **options: Unpack[Options],
    ) -> None:
        self._headers = {"User-Agent": f"pytest-llmeval/{__version__}", "Accept": "*/*"}
        if api_key := options.get("api_key"):
            self._headers["Authorization"] = f"Bearer {api_key}"
        self._transport = options.get("transport") or transport_for(url)
        self._timeouts = timeouts
        self._safe = safe
        self._on_tape = options.get("on_tape")

    async def ask(
        self, url: httpx.URL, body: Any, request: Request, assemble: Assemble, on_read: OnRead | None = None
    ) -> tuple[Response, bytes]:
        """Post and read one answer: the response, and the body where its status is an error.

        A server that says when to come back is asked again then, if that is within the request's time and the
        request ``waits``. A cancellation gets the partial response as its argument.
        """
        limits = self._timeouts
        tape = Tape(
            on_read=on_read,
            connect_s=limits.connect_s,
            first_read_s=limits.first_s,
            between_reads_s=limits.between_s,
            total_s=request.timeout_s,
            safe=self._safe,
        )
        try:
            failure = await self.post(url, body, tape)
            waits = 0
            while failure is None and request.waits and waits < retry_after.MOST and _comes_back(tape):
                await asyncio.sleep(_told_s(tape) or 0)
                waits += 1
                failure = await self.post(url, body, tape)
        except asyncio.CancelledError as error:
            error.args = (_response(tape, _cancelled(tape), assemble),)
            raise
        response = _response(tape, failure, assemble)
        if self._on_tape is not None:
            said = f"{response.reasoning}\n{response.text}"
            self._on_tape(request, tape, failure.message if failure else None, said)
        refusal = b"".join(data for _, data in tape.reads) if tape.status >= 400 else b""
        if response.failure is not None and (told_s := _told_s(tape)) is not None:
            message = f"{response.failure.message} (it wants to be asked again in {told_s:g} s)"
            response = structs.replace(response, failure=structs.replace(response.failure, message=message))
        return structs.replace(response, retries=response.retries + waits), refusal

    async def post(self, url: httpx.URL, body: Any, tape: Tape) -> Failure | None:
        """Send ``body`` as JSON, read the answer onto the tape; an error status is an answer, not a failure.

        Raises nothing for what a network does; of a cancellation the tape has what came before.
        """
        tape.ended_ns = 0
        try:
            await self.send(url, body, tape)
        except httpx.RequestError as error:
            compression.unpack(tape)
            return failure_of(error, url, tape)
        finally:
            tape.ended_ns = tape.ended_ns or time.perf_counter_ns()
        if wrong := compression.unpack(tape):
            return Failure("malformed", f"{origin(url)}: {wrong}", status=tape.status)
        if tape.stopped == "too long":
            message = (
                f"the answer was cut after {tape.size_bytes:,} bytes ({len(tape.reads):,} reads, "
                f"{tape.lines:,} lines), the most that is read"
            )
            return Failure("interrupted", message, status=tape.status)
        if tape.stopped == "by caller":
            return Failure("interrupted", "reading was stopped before the answer's end", status=tape.status)
        return None

    async def send(self, url: httpx.URL, body: Any, tape: Tape) -> None:
        """POST ``body`` as JSON, or GET if it is None, and read the answer onto the tape, as it comes.

        Raises ``httpx.RequestError``.
        """
        if body is None:
            request = httpx.Request("GET", url, headers=self._headers, extensions={"tape": tape})
        else:
            headers = {**self._headers, "Content-Type": "application/json"}
            content = msgspec.json.encode(body)
            request = httpx.Request("POST", url, headers=headers, content=content, extensions={"tape": tape})
        response = await redirects.send(self._transport, request)
        if not tape.ended_ns:
            await _played(response, tape)

    async def aclose(self) -> None:
        """Close every connection. Safe to call twice."""
        await self._transport.aclose()


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


def _told_s(tape: Tape) -> float | None:
    """Seconds after which a server that refuses wants to be asked again, if it says so."""
    if tape.status not in retry_after.STATUSES:
        return None
    return retry_after.wait_s(tape.header("retry-after"), datetime.now(UTC))


def _comes_back(tape: Tape) -> bool:
    """Whether the server says when to come back, and that is within the request's time."""
    told_s, left_s = _told_s(tape), tape.left_s()
    return told_s is not None and (left_s is None or told_s < left_s)


def _response(tape: Tape, failure: Failure | None, assemble: Assemble) -> Response:
    started_ns, status = tape.started_ns, tape.status or 200
    response = assemble(Received(tape.reads, started_ns, tape.ended_ns or started_ns, status, failure))
    if response.failure is not None and response.failure.kind in CUT and (tape.lag_s or 0) > STOPPED_S:
        said = f"{response.failure.message}; this client stood still for {tape.lag_s:.1f} s meanwhile"
        response = structs.replace(response, failure=structs.replace(response.failure, message=said))
    return structs.replace(response, transport=tape.transport, retries=tape.retries, lag_s=tape.lag_s)


async def _played(response: httpx.Response, tape: Tape) -> None:
    """Put on the tape what a transport has that knows none."""
    body = await response.aread()
    tape.ended_ns = time.perf_counter_ns()
    tape.started_ns = tape.started_ns or tape.ended_ns
    tape.status, tape.headers, tape.unpacked = response.status_code, response.headers.raw, True
    tape.reads = [(tape.ended_ns, body)]


def failure_of(error: httpx.RequestError, url: httpx.URL, tape: Tape) -> Failure:
    """What a transport's error means: what happened, where, and what to look at."""
    status = tape.status or None
    if isinstance(error, httpx.ConnectTimeout | httpx.PoolTimeout):
        said = str(error) or "no connection in time"
        doubt = ", and is it https" if url.scheme == "https" else ""
        message = f"{origin(url)}: {said}: is the address right, and the server up{doubt}?"
        return Failure("connect", message)
    if isinstance(error, httpx.ProxyError | httpx.ConnectError | httpx.UnsupportedProtocol):
        return Failure("connect", _unconnected(error, url))
    if isinstance(error, httpx.TimeoutException):
        return Failure("timeout", f"{origin(url)}: {str(error) or 'no answer in time'}", status=status)
    said = str(error) or type(error).__name__
    kind: ErrorKind = "malformed" if isinstance(error, NotHTTP | Misdirected) else "interrupted"
    return Failure(kind, f"{origin(url)}: {said}", status=status)


def _unconnected(error: httpx.RequestError, url: httpx.URL) -> str:
    if isinstance(error, httpx.ProxyError):
        return f"{error}: unset the proxy's variable, or list the host in no_proxy"
    cause: BaseException | None = error
    while cause is not None and not isinstance(cause, OSError | UnicodeError):
        cause = cause.__cause__ or cause.__context__
    if isinstance(cause, ssl.SSLError):
        return f"{origin(url)}: {_untrusted(cause)}"
    if isinstance(cause, socket.gaierror | UnicodeError):  # no label has 64 letters
        return f"the name {url.host!r} can't be resolved: is the URL right?"
    if cause is None:
        return str(error) or f"{origin(url)} can't be reached"
    if cause.errno == errno.ECONNREFUSED or f"Errno {errno.ECONNREFUSED}]" in str(cause):
        return f"nothing listens at {origin(url)}: is the server running?"
    reason = str(cause) or "it hung up when TLS began: is it https at all?"  # asyncio gives no other words
    return f"{origin(url)} can't be reached: {reason}"


def _untrusted(error: ssl.SSLError) -> str:
    """Why TLS failed."""
    if isinstance(error, ssl.SSLCertVerificationError):
        why = error.verify_message.rstrip(".")
        return f"its certificate is refused: {why}; set SSL_CERT_FILE for an authority of your own"
    return f"TLS failed ({error.reason or error}): is it https at all?"


def origin(url: httpx.URL) -> str:
    """Scheme, host and port: never a path, a query or a password."""
    return str(url.copy_with(username="", password="", path="/", query=None, fragment=None)).rstrip("/")


def _cancelled(tape: Tape) -> Failure:
    """The failure of an exchange whose task was cancelled."""
    compression.unpack(tape)
    if not tape.ended_ns:
        tape.ended_ns = time.perf_counter_ns()
    tape.started_ns = tape.started_ns or tape.ended_ns
    return Failure("interrupted", "the run was interrupted", status=tape.status or None)
