"""Server-sent events (WHATWG HTML, section 9.2): stamped reads -> the data of each event. Pure.

Any of CRLF, LF and CR, a byte order mark, comments, data over several lines; a last event without its empty
line is taken too, as many servers leave it out.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_EVENTS = re.compile(rb"(?:\xef\xbb\xbf)?\s*(?:data|event|id|retry|error)?:")
"""How a stream of events starts. ``error:`` was llama.cpp's own until 2025."""


def is_event_stream(body: bytes) -> bool:
    """Whether a body starts like one; its ``content-type`` is not to be relied on."""
    return _EVENTS.match(body) is not None


def events(body: bytes, reads: Sequence[tuple[int, bytes]]) -> Iterable[tuple[int, bytes]]:
    """The data of every event of ``body`` (all reads joined), with the stamp of the read completing it."""
    plain = plain_events(body, reads)
    return any_events(body, reads) if plain is None else plain


def plain_events(body: bytes, reads: Sequence[tuple[int, bytes]]) -> list[tuple[int, bytes]] | None:
    """As `any_events`, twice as fast, for what most servers send: one ``data: `` line an event, LF only."""
    if not (body.startswith(b"data: ") and body.endswith(b"\n\n")):
        return None
    events = body[6:-2].split(b"\n\ndata: ")
    if b"\r" in body or body.count(b"\n") != 2 * len(events):
        return None
    stamped: list[tuple[int, bytes]] = []
    stamps = iter(reads)
    at_ns, reached, end = 0, 0, -1
    for data in events:
        end += len(data) + 8
        while reached < end:
            at_ns, read = next(stamps)
            reached += len(read)
        stamped.append((at_ns, data))
    return stamped


def any_events(body: bytes, reads: Sequence[tuple[int, bytes]]) -> Iterator[tuple[int, bytes]]:
    """The data of every event, with the stamp of the read that completed its last line."""
    stamps = iter(reads)
    at_ns, reached = 0, 0
    end = len(BYTE_ORDER_MARK) if body.startswith(BYTE_ORDER_MARK) else 0
    pending: list[bytes] = []
    for line in body[end:].splitlines(keepends=True):
        end += len(line)
        if line.startswith((b"data:", b"error:")):
            while reached < end:
                at_ns, data = next(stamps)
                reached += len(data)
            value = line.rstrip(b"\r\n")
            if value.startswith(b"error:"):
                pending.append(b'{"error":%s}' % value[6:])
            else:
                pending.append(value[6:] if value.startswith(b"data: ") else value[5:])
        elif pending and line in (b"\n", b"\r\n", b"\r"):
            yield at_ns, pending[0] if len(pending) == 1 else b"\n".join(pending)
            pending.clear()
    if pending:  # many servers leave out the empty line after the last event
        yield at_ns, b"\n".join(pending)
