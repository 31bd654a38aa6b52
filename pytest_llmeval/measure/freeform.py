"""The body of any JSON or text service -> ``model.Response``. Pure.

What the body is shows in itself: server-sent events (of JSON, or of text), one JSON value a line, a single
JSON value, or plain text. Where the text is within JSON is a path: ``output.text``,
``choices.0.delta.content``. An answer that ended as HTTP ends one is complete.
"""

from __future__ import annotations

import codecs
import itertools
from typing import TYPE_CHECKING, Any

from pytest_llmeval.model import Chunk, Failure, Response

from . import failures, foreign, ndjson, sse
from .received import Received, start_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

_MOST_PLACES = 8
_LONGEST_STEP = 40
"""Places of texts to name where an answer has none at the path, and characters of a name in a path."""


class Reader:
    """``received.Assemble`` for answers whose text is at ``path``; None: the body, or each event, is text."""

    def __init__(self, path: str | None) -> None:
        self.path = path

    def __call__(self, received: Received) -> Response:
        """The response behind a body of any form."""
        if received.status >= 400:
            return received.refused()
        reads, status, failure = received.reads, received.status, received.failure
        if self.path is None:
            chunks = _chunks(_texts(received.body, reads))
            if not chunks:
                failure = failure or Failure("empty", "the answer has no text", status=status)
        else:
            values = [
                (at_ns, data, foreign.decoded(data)) for at_ns, data in _documents(received.body, reads)
            ]
            chunks = _chunks((at_ns, _text(at(value, self.path))) for at_ns, _, value in values)
            failure = failure or self._wrong(values, found=bool(chunks), status=status)
        return Response(
            started_ns=received.started_ns,
            ended_ns=received.ended_ns,
            chunks=chunks,
            first_chunk_ns=chunks[0].at_ns if chunks else None,
            failure=failure,
        )

    def _wrong(self, values: Sequence[tuple[int, bytes, Any]], *, found: bool, status: int) -> Failure | None:
        """What is wrong with decoded documents: no JSON, a reported error, or text nowhere."""
        for _, data, value in values:
            if value is foreign.NOTHING:
                return Failure("malformed", f"this is not JSON: {start_of(data)}", status=status)
            if failures.reports_error(value) and not isinstance(at(value, self.path or ""), str):
                return failures.of_error(value, status=status, midstream=found)
        if found:
            return None
        if any(isinstance(at(value, self.path or ""), str) for _, _, value in values):
            return Failure("empty", "the answer has no text", status=status)
        start = start_of(values[0][1]) if values else "nothing"
        places = dict.fromkeys(place for _, _, value in values[:3] for place in _places(value))
        there = f"; there are texts at {', '.join(itertools.islice(places, _MOST_PLACES))}" if places else ""
        message = f"the answer has no text at {self.path!r}: {start}{there}"
        return Failure("malformed", message, status=status)


def at(value: Any, path: str) -> Any:
    """What lies at a dotted path, numbers counting in lists (from the end if negative); else a mark."""
    for name in path.split("."):
        if isinstance(value, dict) and name in value:
            value = value[name]
        elif isinstance(value, list) and _index(name, len(value)) is not None:
            value = value[int(name)]
        else:
            return foreign.NOTHING
    return value


def _places(value: Any, path: str = "", depth: int = 6) -> Iterator[str]:
    """The paths of texts within a value, as far as `at` knows them and anybody wants to read."""
    if isinstance(value, str) and value:
        yield path
    elif isinstance(value, dict | list) and depth:
        inner = value.items() if isinstance(value, dict) else enumerate(value[:1])
        for name, part in itertools.islice(inner, _MOST_PLACES):
            if "." not in str(name) and len(str(name)) <= _LONGEST_STEP:
                yield from _places(part, f"{path}.{name}" if path else str(name), depth - 1)


def _index(name: str, length: int) -> int | None:
    digits = name.removeprefix("-")
    if not (digits.isascii() and digits.isdigit() and len(digits) < 10):
        return None
    return int(name) if -length <= int(name) < length else None


def _documents(body: bytes, reads: Sequence[tuple[int, bytes]]) -> Iterator[tuple[int, bytes]]:
    """The JSON texts of a body, each with the stamp of the read that completed it."""
    if sse.is_event_stream(body):
        yield from ((at_ns, data) for at_ns, data in sse.events(body, reads) if data != b"[DONE]")
    elif foreign.decoded(body) is not foreign.NOTHING:
        yield reads[-1][0], body
    else:
        yield from ndjson.lines(reads)


def _texts(body: bytes, reads: Sequence[tuple[int, bytes]]) -> Iterator[tuple[int, str]]:
    """The text of a body without JSON; a character that two reads share belongs to the later one."""
    if sse.is_event_stream(body):
        for at_ns, data in sse.events(body, reads):
            if data != b"[DONE]":
                yield at_ns, data.decode("utf-8", "replace")
        return
    decoder = codecs.getincrementaldecoder("utf-8")("replace")
    for at_ns, data in reads:
        yield at_ns, decoder.decode(data)
    if reads:
        yield reads[-1][0], decoder.decode(b"", final=True)


def _chunks(texts: Iterable[tuple[int, str]]) -> tuple[Chunk, ...]:
    return tuple(Chunk(at_ns, text) for at_ns, text in texts if text)


def _text(found: Any) -> str:
    """Found text as it is, other JSON as such, and nothing for null."""
    return "" if found is foreign.NOTHING or found is None else foreign.shown(found)
