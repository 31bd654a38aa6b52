"""The tape of one exchange: what was read when."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from .endpoints.protocol import OnRead

MAX_BYTES = 64 * 1024 * 1024
"""A token takes about 300 bytes of a stream: this is beyond 200,000 of them."""


@dataclass(slots=True)
class Tape:
    """Goes with a request as ``extensions["tape"]``; a transport that can measure fills it.

    The caller owns it, so what was read survives errors and cancellation. All ``*_ns`` are
    ``time.perf_counter_ns``. Limits in seconds, None for none: ``first_read_s`` from the write to the body's
    first read, ``between_reads_s`` from one read to the next, ``total_s`` from ``called_ns``.
    """

    on_read: OnRead | None = None
    max_bytes: int = MAX_BYTES
    connect_s: float | None = None
    first_read_s: float | None = None
    between_reads_s: float | None = None
    total_s: float | None = None

    called_ns: int = 0
    """The request was handed to the transport. ``started_ns - called_ns`` was spent in this client."""
    started_ns: int = 0
    """Its first byte was written; a retry moves it."""
    ended_ns: int = 0
    status: int = 0
    headers: list[tuple[bytes, bytes]] = field(default_factory=list)
    reads: list[tuple[int, bytes]] = field(default_factory=list)
    """The body, without HTTP's own framing, in the pieces and at the times of the socket reads."""
    size_bytes: int = 0
    stopped: Literal["by caller", "too long"] | None = None
    """Why reading ended before the body did: ``on_read`` said so, or it passed ``max_bytes``."""
    reused: bool = False
    """The connection had carried an earlier exchange."""
    retries: int = 0
    lag_s: float | None = None
    """The event loop's largest lag between start and end."""
    transport: Literal["measured", "httpx", "replay"] = "httpx"

    def start(self) -> None:
        """Forget an earlier exchange (a redirect, a retry) and stamp the call."""
        self.called_ns = self.started_ns = time.perf_counter_ns()
        self.restart()

    def restart(self) -> None:
        """Forget what was read."""
        self.status, self.size_bytes, self.stopped = 0, 0, None
        self.headers, self.reads = [], []

    def add(self, stamp_ns: int, data: bytes) -> bool:
        """Keep a read. True: read no further."""
        self.reads.append((stamp_ns, data))
        self.size_bytes += len(data)
        if self.size_bytes > self.max_bytes:
            self.stopped = "too long"
            return True
        if self.on_read is not None and self.on_read(stamp_ns, data):
            self.stopped = "by caller"
            return True
        return False

    def header(self, name: str) -> str | None:
        """A header of the answer; ``name`` in lower case."""
        wanted = name.encode()
        return next((value.decode("latin-1") for key, value in self.headers if key.lower() == wanted), None)
