"""A body as the transport met it, and what its parts have said so far -> ``model.Response``. Pure.

What every format of an answer shares: ``stream``, ``ndjson`` and ``freeform`` know how their parts look.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from pytest_llmeval.model import Chunk, Failure, Response, Usage

from . import failures

BROKEN_OFF = frozenset({"abort", "error"})
"""Finish reasons that end no answer: vLLM's for a request that it dropped, a router's for one that failed."""


class Received(NamedTuple):
    """The reads ``(stamp_ns, bytes)`` of one body; any split of it gives the same text.

    ``failure`` is what the transport met; what was read before it is kept.
    """

    reads: Sequence[tuple[int, bytes]]
    started_ns: int
    ended_ns: int
    status: int = 200
    failure: Failure | None = None

    @property
    def body(self) -> bytes:
        """All reads joined."""
        return b"".join(data for _, data in self.reads)

    def refused(self) -> Response:
        """The response behind an error status. What was met while its words were read matters less."""
        met, said = self.failure, failures.of_answer(self.status, self.body)
        failure = met if met is not None and (met.kind == "timeout" or not self.body) else said
        return Response(started_ns=self.started_ns, ended_ns=self.ended_ns, failure=failure)


Assemble = Callable[[Received], Response]


class Told:
    """What the parts of one answer have said so far."""

    def __init__(self) -> None:
        self.chunks: list[Chunk] = []
        self.first_chunk_ns: int | None = None
        self.finish_reason: str | None = None
        self.ended = False
        """The server said that nothing follows."""
        self.model: str | None = None
        self.usage: Usage | None = None
        self.timings: dict[str, float] | None = None
        self.token_ids = 0
        self.failure: Failure | None = None
        self._broken: str | None = None

    def broken(self, what: str, data: bytes) -> None:
        """Note what is wrong with data that could not be read; the first counts."""
        self._broken = self._broken or f"{what}: {start_of(data)}"

    def response(self, received: Received, *, unfinished: str) -> Response:
        """All of it. ``unfinished``: what to say of an answer that has no end."""
        return Response(
            started_ns=received.started_ns,
            ended_ns=received.ended_ns,
            chunks=tuple(self.chunks),
            first_chunk_ns=self.first_chunk_ns,
            finish_reason=self.finish_reason,
            model=self.model,
            usage=self.usage,
            token_ids=self.token_ids or None,
            server_timings=self.timings,
            failure=self._verdict(received.failure, unfinished),
        )

    def _verdict(self, met: Failure | None, unfinished: str) -> Failure | None:
        """Why this answer must not count as one, or None.

        ``met``, the transport's own failure, is forgiven if it is only that the connection ended
        (``interrupted``) after the server had said that the answer was complete.
        """
        complete = self.ended or self.finish_reason is not None
        if self.failure or (met and not (complete and met.kind == "interrupted")):
            return self.failure or met
        if self._broken is not None:
            return Failure("malformed", self._broken, status=200)
        if not complete:
            return Failure("interrupted", unfinished, status=200)
        if self.finish_reason in BROKEN_OFF:
            message = f"the server broke the answer off (finish_reason {self.finish_reason})"
            return Failure("interrupted", message, status=200)
        if not self.chunks:
            message = f"the answer has no text (finish_reason {self.finish_reason})"
            return Failure("empty", message, status=200)
        return None


def start_of(data: bytes) -> str:
    """The first bytes, for a message."""
    return repr(data[:80].decode("utf-8", "replace"))
