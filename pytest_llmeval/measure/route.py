"""Which transport reaches a URL: our own, or httpx's where the environment names a proxy.

Loopback never goes through a proxy: what a developer's shell says about the outside must not slow down or
break the measurement of a server on the same machine.
"""

from __future__ import annotations

import asyncio
import ipaddress
import time
from typing import TYPE_CHECKING
from urllib.request import getproxies, proxy_bypass

import httpx

from pytest_llmeval.errors import EndpointError

from .quiet import Quiet
from .tape import INCOMPLETE, NO_ANSWER, PAUSED, Tape
from .transport import KEEP_ALIVE_S, Body, MeasuringTransport

if TYPE_CHECKING:
    from typing import Any


def is_loopback(url: httpx.URL) -> bool:
    """Whether the URL's host is this machine by its name or address; nothing is looked up.

    ``0.0.0.0``, where servers say that they listen, leads to this machine too.
    """
    host = url.host.lower().rstrip(".")
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return False
    address = getattr(address, "ipv4_mapped", None) or address
    return address.is_loopback or address.is_unspecified


def proxy_of(url: httpx.URL) -> str | None:
    """The proxy that the environment (or the system's settings) wants for this URL; ``http`` if it has no
    scheme.
    """
    if is_loopback(url):
        return None
    proxies = getproxies()
    proxy = proxies.get(url.scheme) or proxies.get("all")
    if not proxy or proxy_bypass(url.netloc.decode("ascii")):
        return None
    return proxy if "://" in proxy else f"http://{proxy}"


def transport_for(url: httpx.URL) -> httpx.AsyncBaseTransport:
    """The transport for requests to this URL. Raises ``EndpointError`` for a proxy that can't be used."""
    proxy = proxy_of(url)
    if proxy is None:
        return MeasuringTransport()
    try:
        return ProxiedTransport(proxy)
    except (ImportError, ValueError, httpx.InvalidURL) as error:
        needs = "pip install 'httpx[socks]'" if isinstance(error, ImportError) else "correct the variable"
        raise EndpointError(
            f"{url.host} is to be reached through a proxy that can't be used: {error}",
            where="the environment's proxy",
            hint=f"{needs}, or list the host in no_proxy",
        ) from None


class ProxiedTransport(httpx.AsyncBaseTransport):
    """httpx's own transport through a proxy, with a tape (``transport: "httpx"``).

    Its stamps are later than the socket read by what httpx does before, a millisecond or more under load.
    """

    def __init__(self, proxy: str) -> None:
        limits = httpx.Limits(keepalive_expiry=KEEP_ALIVE_S)
        self._inner = httpx.AsyncHTTPTransport(proxy=proxy, limits=limits)
        self._proxy = httpx.URL(proxy).netloc.decode("ascii")  # never a password
        self._quiet: Quiet | None = None

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send the request and read its answer to the end."""
        tape: Tape = request.extensions.get("tape") or Tape()
        tape.start()
        tape.transport = "httpx"
        if self._quiet is None:
            self._quiet = Quiet(asyncio.get_running_loop())
        try:
            with self._quiet.stream(tape):
                async with asyncio.timeout(tape.left_s()):
                    return await self._exchange(request, tape)
        except TimeoutError:
            raise httpx.ReadTimeout(INCOMPLETE.format(tape.total_s)) from None
        except httpx.ConnectError as error:
            host = request.url.host
            raise httpx.ProxyError(
                f"{host} can't be reached through the proxy {self._proxy}: {error}"
            ) from error
        finally:
            tape.ended_ns = time.perf_counter_ns()

    async def _exchange(self, request: httpx.Request, tape: Tape) -> httpx.Response:
        loop = asyncio.get_running_loop()

        async def trace(event: str, _: dict[str, Any]) -> None:
            """httpcore's: the clock starts at the write, not at the call, which may open a connection."""
            if event == "http11.send_request_headers.started":
                tape.started_ns = time.perf_counter_ns()
                silence.reschedule(tape.first_read_s and loop.time() + tape.first_read_s)

        request.headers["Accept-Encoding"] = "identity"
        request.extensions = {
            **request.extensions,
            "timeout": {"connect": tape.connect_s, "pool": tape.connect_s},
            "trace": trace,
        }
        try:
            async with asyncio.timeout(None) as silence:
                response = await self._inner.handle_async_request(request)
                tape.status, tape.headers = response.status_code, response.headers.raw
                try:
                    async for data in response.aiter_raw():
                        if data and tape.add(time.perf_counter_ns(), data):
                            break
                        silence.reschedule(tape.between_reads_s and loop.time() + tape.between_reads_s)
                finally:
                    await response.aclose()
        except TimeoutError:
            said = PAUSED.format(tape.between_reads_s) if tape.reads else NO_ANSWER.format(tape.first_read_s)
            raise httpx.ReadTimeout(said) from None
        return httpx.Response(
            tape.status, headers=tape.headers, stream=Body(tape.reads), extensions=response.extensions
        )

    async def aclose(self) -> None:
        """Close every connection."""
        await self._inner.aclose()
