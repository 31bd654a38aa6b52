"""Redirects are followed as long as they stay at the server that was named.

Neither a key nor a prompt goes to a host that nobody configured, and a POST never becomes a GET.
"""

from __future__ import annotations

import httpx

MOST = 5
_SHOWN = 200


class Misdirected(httpx.RemoteProtocolError):
    """A redirect that is not followed; its text says where it leads and what to do."""


async def send(client: httpx.AsyncClient, request: httpx.Request) -> httpx.Response:
    """Send and follow. The response is not read yet. Raises ``httpx.RequestError``."""
    asked = request.url
    for _ in range(MOST + 1):
        response = await client.send(request, stream=True, follow_redirects=False)
        following = response.next_request
        if following is None:
            return response
        await response.aclose()
        if not is_same_server(request.url, following.url) or following.method != request.method:
            where = str(following.url.copy_with(username="", password="", query=None, fragment=None))[:_SHOWN]
            status = response.status_code
            raise Misdirected(f"redirects (HTTP {status}) to {where}: if that is meant, set it as the url")
        request = following
    raise Misdirected(f"redirects more than {MOST} times from {asked.path}: is the url right?")


def is_same_server(one: httpx.URL, other: httpx.URL) -> bool:
    """Whether they are of one origin, or the other is the same host's TLS."""
    if (one.scheme, one.host, one.port) == (other.scheme, other.host, other.port):
        return True
    upgraded = (one.scheme, other.scheme) == ("http", "https")
    return upgraded and one.host == other.host and one.port is None and other.port is None
