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

from .tape import Tape
from .transport import Body, MeasuringTransport

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


def is_loopback(url: httpx.URL) -> bool:
    """Whether the URL's host is this machine by its name or address; nothing is looked up."""
    host = url.host.lower().rstrip(".")
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def proxy_of(url: httpx.URL) -> str | None:
    """The proxy that the environment (or the system's settings) wants for this URL."""
    if is_loopback(url):
        return None
    proxies = getproxies()
    proxy = proxies.get(url.scheme) or proxies.get("all")
    return proxy if proxy and not proxy_bypass(url.netloc.decode("ascii")) else None


def transport_for(url: httpx.URL) -> httpx.AsyncBaseTransport:
    """The transport for requests to this URL. Raises ``ValueError`` for a bad proxy."""
    proxy = proxy_of(url)
    return MeasuringTransport() if proxy is None else ProxiedTransport(proxy)


class ProxiedTransport(httpx.AsyncBaseTransport):
    """httpx's own transport through a proxy, with a tape (``transport: "httpx"``).

    Its stamps are later than the socket read by what httpx does before, a millisecond or more under load.
    """

    def __init__(self, proxy: str) -> None:
        self._inner = httpx.AsyncHTTPTransport(proxy=proxy)
        self._proxy = httpx.URL(proxy).netloc.decode("ascii")  # never a password

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send the request and read its answer to the end."""
        tape: Tape = request.extensions.get("tape") or Tape()
        tape.start()
        tape.transport = "httpx"
        request.headers["Accept-Encoding"] = "identity"
        request.extensions["timeout"] = {
            "connect": tape.connect_s,
            "read": tape.first_read_s or tape.between_reads_s or tape.total_s,
            "write": tape.total_s,
            "pool": tape.connect_s,
        }
        left_s = tape.left_s()
        try:
            async with asyncio.timeout(left_s):
                response = await self._inner.handle_async_request(request)
                tape.status, tape.headers = response.status_code, response.headers.raw
                try:
                    await self._read(response, tape)
                finally:
                    await response.aclose()
        except TimeoutError:
            raise httpx.ReadTimeout(f"the answer was not complete within {tape.total_s:g} s") from None
        except httpx.ConnectError as error:
            host = request.url.host
            raise httpx.ProxyError(
                f"{host} can't be reached through the proxy {self._proxy}: {error}"
            ) from error
        finally:
            tape.ended_ns = time.perf_counter_ns()
        return httpx.Response(
            tape.status, headers=tape.headers, stream=Body(tape.reads), extensions=response.extensions
        )

    async def _read(self, response: httpx.Response, tape: Tape) -> None:
        stream: AsyncIterator[bytes] = response.aiter_raw()
        async for data in stream:
            if data and tape.add(time.perf_counter_ns(), data):
                return

    async def aclose(self) -> None:
        """Close every connection."""
        await self._inner.aclose()
