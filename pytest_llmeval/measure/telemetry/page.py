"""One HTTP page, asked for again and again over one connection.

``http.client`` because a request costs 0.2 ms of Python's lock there, in httpx several times that. No proxy,
no redirect: a key goes where the settings say and nowhere else.
"""

from __future__ import annotations

import http.client
import time
from urllib.parse import urlsplit

from pytest_llmeval.errors import TelemetryError

TIMEOUT_S = 1.0
MAX_BYTES = 4_000_000
_MAX_IDLE_S = 2.5  # servers close idle connections after 3 s and more
_NEVER = {401, 403, 404, 405, 410, 501}


class Page:
    """A page by its URL; ``query`` is added as it is. ``api_key`` is sent as a bearer token."""

    def __init__(self, url: str, *, query: str = "", api_key: str | None = None) -> None:
        parts = urlsplit(url)
        self.url = url
        self.query = query
        self._path = parts.path or "/"
        self._own_query = parts.query
        self._headers = {"accept": "*/*", "accept-encoding": "identity"}
        if api_key:
            self._headers["authorization"] = f"Bearer {api_key}"
        kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
        self._connection = kind(parts.hostname or "", parts.port, timeout=TIMEOUT_S)
        self._used = 0.0

    def get(self) -> bytes:
        """The page's body. Raises ``OSError``; ``TelemetryError`` for a status that will not change."""
        if time.monotonic() - self._used > _MAX_IDLE_S:
            self.close()
        was_open = self._connection.sock is not None
        try:
            status, body = self._exchange()
        except ConnectionError as error:
            if not was_open:
                raise self._failed(error) from error
            status, body = self._exchange_anew()
        except (OSError, http.client.HTTPException) as error:
            raise self._failed(error) from error
        self._used = time.monotonic()
        if status != http.client.OK:
            kind = TelemetryError if status in _NEVER or status < 400 else OSError
            raise kind(f"{self.url} answers HTTP {status}")
        return body

    def _exchange(self) -> tuple[int, bytes]:
        query = "&".join(filter(None, (self._own_query, self.query)))
        target = f"{self._path}?{query}" if query else self._path
        self._connection.request("GET", target, headers=self._headers)
        with self._connection.getresponse() as response:  # read1 alone does not end it
            return response.status, self._body(response)

    def _exchange_anew(self) -> tuple[int, bytes]:
        """Once more: the server had closed the connection while it was idle."""
        self.close()
        try:
            return self._exchange()
        except (OSError, http.client.HTTPException) as error:
            raise self._failed(error) from error

    def _failed(self, error: Exception) -> OSError:
        self.close()
        return OSError(f"{self.url}: {str(error) or type(error).__name__}")

    def _body(self, response: http.client.HTTPResponse) -> bytes:
        deadline = time.monotonic() + TIMEOUT_S
        parts: list[bytes] = []
        size = 0
        while part := response.read1(65_536):
            parts.append(part)
            size += len(part)
            if size > MAX_BYTES:
                self.close()  # the rest of it is still in the pipe
                raise TelemetryError(f"{self.url} is larger than {MAX_BYTES:,} bytes")
            if time.monotonic() > deadline:
                raise TimeoutError("timed out")
        if response.length:  # read1 says nothing of an answer that was cut
            raise OSError(f"the answer was cut {response.length} bytes before its end")
        return b"".join(parts)

    def close(self) -> None:
        """Close the connection; the next ``get`` opens a new one."""
        self._connection.close()
