"""What an endpoint kind must be able to do."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol, runtime_checkable

if TYPE_CHECKING:
    from pytest_llmeval.model import Facts, Request, Response

OnRead = Callable[[int, bytes], bool]
"""Called at every socket read with ``(stamp_ns, bytes)``; True ends the stream. Must be quick, not print."""


class Client(Protocol):
    """A connection to one endpoint, used from one event loop.

    ``stream`` never raises for what a server or a network does: that is a ``Response`` with a ``failure`` and
    whatever was received. It raises ``asyncio.CancelledError`` when cancelled, with the partial ``Response``
    as its argument.
    """

    async def describe(self) -> Facts:
        """What the endpoint says it is. ``EndpointError`` when it can't be reached or offers no model."""
        ...

    async def stream(self, request: Request, on_read: OnRead | None = None) -> Response:
        """Send one request and read its answer to the end."""
        ...

    async def aclose(self) -> None:
        """Close every connection. Safe to call twice."""
        ...


@runtime_checkable
class Unloads(Protocol):
    """A client whose server can drop its model and load it again with the next request (Ollama).

    That answer's ``server_timings["load_ms"]`` is then its cold start.
    """

    async def unload(self) -> None:
        """Have the model unloaded; back when it is. Raises ``EndpointError``."""
        ...
