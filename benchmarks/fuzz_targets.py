"""What reads what others wrote, each with data that almost fits and what must hold for all of it.

``fuzz.py`` runs one for minutes, ``tests/test_fuzz.py`` all for a moment. A finding becomes a test where the
code is tested.
"""

from __future__ import annotations

import asyncio
import tempfile
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple
from unittest.mock import Mock

import httpx
import msgspec
from faults import TABLE
from hypothesis import strategies as st

from pytest_llmeval import project, runfile, scenarios, wire
from pytest_llmeval.errors import (
    BaselineError,
    EndpointError,
    RunFileError,
    ScenarioError,
    SettingsError,
    UsageError,
)
from pytest_llmeval.judge import baselines
from pytest_llmeval.measure import failures, foreign, freeform, ndjson, recording, sse, stream
from pytest_llmeval.measure.connection import Connection, Unanswered
from pytest_llmeval.measure.received import Assemble, Received
from pytest_llmeval.measure.tape import Tape
from pytest_llmeval.measure.telemetry import exposition
from pytest_llmeval.model import Record, Run
from pytest_llmeval.score import extract

if TYPE_CHECKING:
    from collections.abc import Callable

ROOT = Path(__file__).parents[1]
MOST_BYTES = 20_000
"""Of a text that is mutated."""
_BYTES = [
    b"",
    b"\0",
    b"\n",
    b"\r",
    b"\r\n",
    b"\n\n",
    b"\xff",
    b"\xed\x95",
    b"\xef\xbb\xbf",
    b"\t",
    b"\x1b[31m",
]
_JSON = [
    b"null",
    b"NaN",
    b"-Infinity",
    b"1e999",
    b"-1",
    b"true",
    b'""',
    b"{}",
    b"[]",
    b"]",
    b"}",
    b'"',
    b"\\ud83d",
]
_YAML = [
    b":",
    b": ",
    b"- ",
    b"#",
    b"&a ",
    b"*a",
    b"!!python/object ",
    b"<<: ",
    b"|\n",
    b"'",
    b"${x}",
    b"{prompt}",
]
_WORDS = [
    b"data: ",
    b"error: {",
    b"[DONE]",
    b"event:",
    b"<script>",
    b"<",
    b"%",
    b"```",
    b"~~~",
    b"../",
    "\u202e한".encode(),
]
_LONG = [b"9" * 400, b"9" * 5000, b"[" * 2000, b'{"a":' * 1500, b"x" * 500, b" " * 500]
NASTY = [*_BYTES, *_JSON, *_YAML, *_WORDS, *_LONG]


class Target(NamedTuple):
    """``check(data)`` raises for a finding, and for nothing else."""

    strategy: st.SearchStrategy[Any]
    check: Callable[[Any], None]


@st.composite
def mutated(draw: st.DrawFn, corpus: tuple[bytes, ...]) -> bytes:
    """One of the texts with up to eight pieces of it cut out, doubled or replaced."""
    data = draw(st.sampled_from(corpus))
    for _ in range(draw(st.integers(0, 8))):
        start = draw(st.integers(0, len(data)))
        end = min(len(data), start + draw(st.integers(0, 12) | st.integers(0, 2000)))
        middle = draw(
            st.sampled_from(NASTY)
            | st.binary(max_size=6)
            | st.just(data[start:end] * draw(st.integers(0, 3)))
        )
        data = data[:start] + middle + data[end:]
    return data


@st.composite
def split(draw: st.DrawFn, bodies: st.SearchStrategy[bytes]) -> list[bytes]:
    """A body in up to eight reads."""
    body = draw(bodies)
    cuts = sorted(draw(st.lists(st.integers(0, len(body)), max_size=7)))
    return [body[start:end] for start, end in zip([0, *cuts], [*cuts, len(body)], strict=True) if start < end]


# -- streams -----------------------------------------------------------------------------------------------


def _any_split(assemble: Assemble, reads: list[bytes]) -> None:
    """However it was read, it says the same; nothing of it is more than a record can hold."""
    split_up = Received([(number + 1, data) for number, data in enumerate(reads)], 0, len(reads) + 1)
    at_once = Received([(1, b"".join(reads))] if reads else [], 0, 2)
    one, other = assemble(split_up), assemble(at_once)
    assert (one.text, one.reasoning, one.failure, one.usage, one.finish_reason) == (
        (other.text, other.reasoning, other.failure, other.usage, other.finish_reason)
    )
    assert all(early.at_ns <= late.at_ns for early, late in zip(one.chunks, one.chunks[1:], strict=False))
    msgspec.json.encode(wire.plain(one))


def _sse(reads: list[bytes]) -> None:
    _any_split(stream.assemble, reads)
    body = b"".join(reads)
    stamped = [(1, body)] if body else []
    plain = sse.plain_events(body, stamped)
    assert plain is None or plain == list(sse.any_events(body, stamped))


def _freeform(reads: list[bytes]) -> None:
    _any_split(freeform.Reader("choices.0.delta.content"), reads)
    freeform.Reader(None)(Received([(1, data) for data in reads], 0, 2))


def _http(reads: list[bytes]) -> None:
    """The connection ends in an answer or in one of httpx's errors; nothing is left waiting."""

    async def main() -> None:
        connection = Connection(asyncio.get_running_loop())
        connection.connection_made(Mock())
        tape = Tape()
        exchange = asyncio.ensure_future(connection.exchange(b"GET", tape, expects_body=True))
        await asyncio.sleep(0)
        for data in reads:
            connection.data_received(data)
        connection.connection_lost(None)
        try:
            async with asyncio.timeout(1):
                await exchange
        except Unanswered:
            assert not reads
        except httpx.TransportError:
            pass

    asyncio.run(main())


def _refused(case: tuple[int, bytes]) -> None:
    status, body = case
    failure = failures.of_answer(status, body)
    assert 0 < len(failure.message) <= failures.LONGEST_MESSAGE
    assert failure.kind in ("http_4xx", "http_5xx", "rate_limited", "context_overflow")
    msgspec.json.encode(wire.plain(failure))
    failures.of_error(foreign.decoded(body), status=200, midstream=True)


# -- answers -----------------------------------------------------------------------------------------------


def _extracted(data: bytes) -> None:
    text = data.decode("utf-8", "surrogateescape")
    for language, requires in (("python", ("add(a, b)",)), ("sql", ()), ("regex", ())):
        extraction = extract.code(text, language=language, requires=requires)
        assert extraction.code is None or extraction.code.strip()
    extract.prose(text)
    extract.spoken(text)


# -- files -------------------------------------------------------------------------------------------------


def _file(name: str, read: Callable[[Path], object], known: type[Exception], data: bytes) -> None:
    """The file is read, or refused in the project's own words."""
    with tempfile.TemporaryDirectory(prefix="llmeval-fuzz-") as folder:
        path = Path(folder) / name
        path.write_bytes(data)
        with suppress(known):
            read(path)


def _rewritten(path: Path) -> None:
    """A run that can be read can be written, and says the same."""
    run = runfile.load(path)
    path.write_text(runfile.dump(run), encoding="utf-8")
    assert runfile.dump(runfile.load(path)) == runfile.dump(run)


def _wired(value: Any) -> None:
    """Anything becomes what execnet and JSON carry; anything back becomes a record or one kind of error."""
    plain = wire.plain(value)
    assert wire.plain(plain) == plain or "nan" in repr(plain)
    for kind in (Record, Run):
        with suppress(msgspec.ValidationError):
            wire.build(plain, kind)


def _recorded(data: bytes) -> None:
    with suppress(EndpointError, UsageError):
        recording.decode(data, where="x.json")


def _series(data: bytes) -> None:
    list(exposition.parse(data.decode("utf-8", "replace")))


# -- the list ----------------------------------------------------------------------------------------------


def _seeds(name: str) -> tuple[bytes, ...]:
    """Texts of ``fuzz_seeds`` that are as they should be."""
    paths = sorted((ROOT / "benchmarks" / "fuzz_seeds").glob(f"{name}-*"))
    return tuple(path.read_bytes() for path in paths)


def _scripts() -> tuple[bytes, ...]:
    """What the fault server sends, without its floods."""
    every = (b"".join(step for step in fault.script if isinstance(step, bytes)) for fault in TABLE)
    return tuple(script for script in every if 0 < len(script) < MOST_BYTES)


def _bodies() -> tuple[bytes, ...]:
    return (*(script.partition(b"\r\n\r\n")[2] for script in _scripts()), *_seeds("sse"))


def _files(folder: str, pattern: str) -> tuple[bytes, ...]:
    """The project's own."""
    files = (path.read_bytes() for path in sorted((ROOT / folder).glob(pattern)))
    return tuple(data for data in files if len(data) < MOST_BYTES)


_PLAIN = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(st.characters())
    | st.binary(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(["samples", "cells", "endpoint", "error", "id"]) | st.text(), inner, max_size=5
        )
    ),
    max_leaves=20,
)


def _project(path: Path) -> None:
    project.read(path.parent, {})


def _baseline(path: Path) -> None:
    baselines.load(path.parent, path.stem)


_SUITES = _files("suites", "*/*.eval.yaml")
_RECORDINGS = _files("fixtures/qwen05", "*.json")

TARGETS = {
    "sse": Target(split(mutated(_bodies())), _sse),
    "ndjson": Target(split(mutated(_seeds("ndjson"))), partial(_any_split, ndjson.assemble)),
    "freeform": Target(split(mutated((*_bodies(), *_seeds("ndjson")))), _freeform),
    "http": Target(split(mutated(_scripts())), _http),
    "refusal": Target(st.tuples(st.integers(400, 599), mutated(_seeds("refusal"))), _refused),
    "extract": Target(mutated(_seeds("extract")), _extracted),
    "yaml": Target(mutated(_SUITES), partial(_file, "a.eval.yaml", scenarios.load, ScenarioError)),
    "toml": Target(mutated(_seeds("toml")), partial(_file, "llmeval.toml", _project, SettingsError)),
    "baseline": Target(mutated(_seeds("baseline")), partial(_file, "a.json", _baseline, BaselineError)),
    "run": Target(mutated(_seeds("run")), partial(_file, "run.json", _rewritten, RunFileError)),
    "wire": Target(_PLAIN, _wired),
    "recording": Target(mutated(_RECORDINGS), _recorded),
    "metrics": Target(mutated(_seeds("metrics")), _series),
}
