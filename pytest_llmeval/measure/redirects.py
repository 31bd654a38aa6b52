"""Redirects are followed as long as they stay at the server that was named.

Neither a key nor a prompt goes to a host that nobody configured, and a POST never becomes a GET.
"""

from __future__ import annotations

import httpx

MOST = 5
KEEPING = frozenset({307, 308})
"""Statuses by which a POST stays one (RFC 9110, section 15.4)."""
_SHOWN = 200


class Misdirected(httpx.RemoteProtocolError):
    """A redirect that is not followed; its text says where it leads and what to do."""


async def send(transport: httpx.AsyncBaseTransport, request: httpx.Request) -> httpx.Response:
    """Send and follow. The response is not read yet. Raises ``httpx.RequestError``."""
    asked = request.url
    for _ in range(MOST + 1):
        response = await transport.handle_async_request(request)
        if not response.has_redirect_location:
            return response
        await response.aclose()
        request = _following(request, response)
    raise Misdirected(f"redirects more than {MOST} times from {asked.path}: is the url right?")


def _following(request: httpx.Request, response: httpx.Response) -> httpx.Request:
    """The same request to where the response leads. Raises ``Misdirected``."""
    status, location = response.status_code, response.headers["location"]
    try:
        url = request.url.join(location)
    except (httpx.InvalidURL, ValueError) as error:
        raise Misdirected(f"redirects (HTTP {status}) to no URL: {error}") from None
    keeps_method = request.method == "GET" or status in KEEPING
    if not is_same_server(request.url, url) or not keeps_method:
        where = str(url.copy_with(username="", password="", query=None, fragment=None))[:_SHOWN]
        raise Misdirected(f"redirects (HTTP {status}) to {where}: if that is meant, set it as the url")
    headers = [(name, value) for name, value in request.headers.raw if name.lower() != b"host"]
    return httpx.Request(
        request.method, url, headers=headers, content=request.content, extensions=request.extensions
    )


def is_same_server(one: httpx.URL, other: httpx.URL) -> bool:
    """Whether they are of one origin, or the other is the same host's TLS."""
    if (one.scheme, one.host, one.port) == (other.scheme, other.host, other.port):
        return True
    upgraded = (one.scheme, other.scheme) == ("http", "https")
    return upgraded and one.host == other.host and one.port is None and other.port is None
