"""What reads what others wrote, each with data that almost fits and what must hold for all of it.

``fuzz.py`` runs one for minutes, ``tests/test_fuzz.py`` all for a moment. A finding becomes a test where the
code is tested.
"""

from __future__ import annotations

import asyncio
import json
import tempfile
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import fuzz_commands
import fuzz_projects
import fuzz_servers
import fuzz_suites
import httpx
import msgspec
from faults import TABLE
from fuzz_mutations import altered, any_of, either, made, mutated, seeds, split

from pytest_llmeval import journal, project, runfile, scenarios, wire
from pytest_llmeval.errors import (
    BaselineError,
    EndpointError,
    ResumeError,
    RunFileError,
    ScenarioError,
    SettingsError,
    TelemetryError,
    UsageError,
)
from pytest_llmeval.judge import baselines
from pytest_llmeval.measure import failures, foreign, freeform, ndjson, recording, sse, stream
from pytest_llmeval.measure.connection import Connection, Unanswered
from pytest_llmeval.measure.received import Assemble, Received
from pytest_llmeval.measure.tape import Tape
from pytest_llmeval.measure.telemetry import exposition, ollama
from pytest_llmeval.model import Check, Record, Run
from pytest_llmeval.score import extract
from pytest_llmeval.score.sandbox import replies
from pytest_llmeval.score.scorers import python

if TYPE_CHECKING:
    from collections.abc import Callable
    from random import Random

ROOT = Path(__file__).parents[1]
MOST_BYTES = 20_000
"""Of a text that is mutated."""


class Target(NamedTuple):
    """``check(make(chance))`` raises for a finding, and for nothing else."""

    make: Callable[[Random], Any]
    check: Callable[[Any], None]


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


class _Nowhere(asyncio.Transport):
    """Takes what is written."""

    def write(self, data: bytes | bytearray | memoryview) -> None:
        pass

    def abort(self) -> None:
        pass


def _http(reads: list[bytes]) -> None:
    """The connection ends in an answer or in one of httpx's errors; nothing is left waiting."""

    async def main() -> None:
        connection = Connection(asyncio.get_running_loop())
        connection.connection_made(_Nowhere())
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


_TOLD = (
    ["returned", ["list", [["int", 1], ["str", "a"], ["float", 0.5], ["NoneType", None], ["bool", True]]]],
    ["returned", ["dict", [[["tuple", [["complex", "1j"]]], ["set", [["bytes", "00ff"]]]]]]],
    ["returned", ["other", "A", "<A>"]],
    ["raised", ["ValueError", "Exception"], "why"],
    ["loaded"],
    ["guarded"],
)
"""What the process says in which an answer runs."""
_EQUAL: tuple[Any, ...] = (1, 0.5, "a", None, True, [1, "a"], {"a": [1]})


def _told(chance: Random) -> tuple[bytes, Any]:
    return any_of(*_TOLD)(chance), chance.choice(_EQUAL)


def _replied(case: tuple[bytes, Any]) -> None:
    line, expected = case
    replies.refusal(line)
    result = replies.result(line)
    if result is not None:
        python.failure(Check(call="f(1)", equals=expected), result)


def _loaded(data: bytes) -> None:
    with suppress(TelemetryError):
        assert all(0 <= value < 2**63 for value in ollama.figures(data, None).values())


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
            known = wire.plain(wire.build(plain, kind))
            assert wire.plain(wire.build(known, kind)) == known or "nan" in repr(known)


def _recorded(data: bytes) -> None:
    with suppress(EndpointError, UsageError):
        recording.decode(data, where="x.json")


def _series(data: bytes) -> None:
    list(exposition.parse(data.decode("utf-8", "replace")))


# -- the list ----------------------------------------------------------------------------------------------


def _scripts() -> tuple[bytes, ...]:
    """What the fault server sends, without its floods."""
    every = (b"".join(step for step in fault.script if isinstance(step, bytes)) for fault in TABLE)
    return tuple(script for script in every if 0 < len(script) < MOST_BYTES)


def _bodies() -> tuple[bytes, ...]:
    return (*(script.partition(b"\r\n\r\n")[2] for script in _scripts()), *seeds("sse"))


def _files(folder: str, pattern: str) -> tuple[bytes, ...]:
    """The project's own."""
    files = (path.read_bytes() for path in sorted((ROOT / folder).glob(pattern)))
    return tuple(data for data in files if len(data) < MOST_BYTES)


_NAMES = ("samples", "cells", "endpoint", "error", "id", "started", "\ud800", "")
_SINGLE = (None, True, -1, 2**70, 0.5, float("nan"), float("inf"), "", "\ud83d", "\ude00", "\0", "한", b"x")


def _values(chance: Random, depth: int = 4) -> Any:
    """Any value that Python can build of plain ones."""
    form = chance.randint(0, 3) if depth else 0
    if form == 1:
        return [_values(chance, depth - 1) for _ in range(chance.randint(0, 4))]
    if form > 1:
        return {chance.choice(_NAMES): _values(chance, depth - 1) for _ in range(chance.randint(0, 5))}
    return chance.choice(_SINGLE)


def _refusals(chance: Random) -> tuple[int, bytes]:
    return chance.randint(400, 599), mutated(seeds("refusal"))(chance)


def _lines(chance: Random) -> bytes:
    """A journal: lines that are whole, and almost."""
    kinds = (journal.Opening, journal.Cell, journal.Cell, journal.Reopening)
    return b"\n".join(altered(made(kind))(chance) for kind in kinds) + chance.choice((b"\n", b"", b"\n{"))


def _project(path: Path) -> None:
    project.read(path.parent, {})


def _baseline(path: Path) -> None:
    baselines.load(path.parent, path.stem)


_RECORDINGS = _files("fixtures/qwen05", "*.json")


def _recordings(chance: Random) -> Any:
    return json.loads(chance.choice(_RECORDINGS))


TARGETS = {
    "sse": Target(split(mutated(_bodies())), _sse),
    "ndjson": Target(split(mutated(seeds("ndjson"))), partial(_any_split, ndjson.assemble)),
    "freeform": Target(split(mutated((*_bodies(), *seeds("ndjson")))), _freeform),
    "http": Target(split(mutated(_scripts())), _http),
    "server": Target(fuzz_servers.make, fuzz_servers.check),
    "refusal": Target(_refusals, _refused),
    "extract": Target(mutated(seeds("extract")), _extracted),
    "yaml": Target(mutated(seeds("yaml")), partial(_file, "a.eval.yaml", scenarios.load, ScenarioError)),
    "suite": Target(fuzz_suites.make, fuzz_suites.check),
    "toml": Target(mutated(seeds("toml")), partial(_file, "llmeval.toml", _project, SettingsError)),
    "project": Target(fuzz_projects.make, fuzz_projects.check),
    "baseline": Target(
        either(mutated(seeds("baseline")), fuzz_commands.BASELINE),
        partial(_file, "a.json", _baseline, BaselineError),
    ),
    "run": Target(
        either(mutated(seeds("run")), fuzz_commands.RUN), partial(_file, "run.json", _rewritten, RunFileError)
    ),
    "journal": Target(_lines, partial(_file, journal.FILE, journal.read, ResumeError)),
    "commands": Target(fuzz_commands.make, fuzz_commands.check),
    "wire": Target(either(_values, made(Run), made(Record)), _wired),
    "recording": Target(either(mutated(_RECORDINGS), altered(_recordings)), _recorded),
    "replies": Target(_told, _replied),
    "loaded": Target(any_of({"models": [{"name": "m", "size": 5, "size_vram": 4}]}), _loaded),
    "metrics": Target(mutated(seeds("metrics")), _series),
}
