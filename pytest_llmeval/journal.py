"""The journal of a run that is under way: every finished cell, on the disk before the next one is over.

``.llmeval/runs/<id>/journal.jsonl``, canonical JSON, a line each: an ``Opening``, a ``Cell`` for every test
that asked something, a ``Reopening`` where the run was resumed. Only appended to, so that a crash can tear
its last line and nothing else. A run that was published whole has none any more.
"""

from __future__ import annotations

import os
import re
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
from filelock import FileLock, Timeout
from msgspec import Struct, structs

from . import forks, wire
from .errors import ResumeError
from .model import Analysers, Facts, Host, Part

if TYPE_CHECKING:
    from collections.abc import Iterable

SCHEMA = "llmeval-journal/1"
FILE = "journal.jsonl"
LAST = "last"
"""How the last run that broke off is called."""
RUN_ID = re.compile(r"\d{8}T\d{6}Z-[0-9a-f]{4}")
_AFRESH = "start a new run, without --llm-resume"


class Asked(Struct, frozen=True, kw_only=True):
    """What all cells of a run share, and must still share when it is resumed. No secrets."""

    plugin: str
    host: Host
    analysers: Analysers
    options: dict[str, Any]
    endpoints: dict[str, dict[str, Any]]


class Opening(Struct, frozen=True, kw_only=True, tag_field="line", tag="run"):
    """The first line. ``started_unix``: seconds since 1970."""

    schema: str = SCHEMA
    run: str
    started_unix: float
    asked: Asked


class Reopening(Struct, frozen=True, kw_only=True, tag_field="line", tag="resumed"):
    """The run was taken up again, ``at_s`` seconds after its start."""

    at_s: float


class Cell(Struct, frozen=True, kw_only=True, tag_field="line", tag="cell"):
    """One test that finished ``at_s`` seconds after the run's start, with all that it learned.

    ``identity``: what must not change before the run is resumed, by name (``prompt``, ``checks`` …) -> hash.
    ``facts``: of its endpoints, as far as they are known. ``payload``: its records and answers, ``report``
    pytest's own words about it, both as they cross processes.
    ``final``: False of an attempt after which the test is run again.
    """

    nodeid: str
    at_s: float
    final: bool
    identity: dict[str, str]
    facts: dict[str, Facts]
    payload: dict[str, Any]
    report: dict[str, Any]


Line = Opening | Reopening | Cell
_DECODER = msgspec.json.Decoder(Line)
_ENCODER = msgspec.json.Encoder(order="sorted")


class Unfinished(Struct, frozen=True, kw_only=True):
    """What a journal tells of its run.

    ``cells``: by node id, all attempts of each test that finished. ``parts``: the stretches of time in which
    the run was under way. ``size_bytes``: of the whole lines; ``torn``: whether something stood behind them.
    """

    path: Path
    opening: Opening
    cells: dict[str, tuple[Cell, ...]]
    parts: tuple[Part, ...]
    size_bytes: int
    torn: bool = False

    @property
    def facts(self) -> dict[str, Facts]:
        """What every endpoint was when it was last asked."""
        found: dict[str, Facts] = {}
        for attempts in self.cells.values():
            for cell in attempts:
                found |= cell.facts
        return found

    @property
    def identities(self) -> dict[str, dict[str, str]]:
        """Node id -> ``Cell.identity``."""
        return {nodeid: attempts[-1].identity for nodeid, attempts in self.cells.items()}


# -- reading -----------------------------------------------------------------------------------------------


def read(path: Path) -> Unfinished:
    """The journal in a file; a torn last line is dropped.

    Raises ``ResumeError`` for a file that is no journal, is newer than this version, or is damaged elsewhere.
    """
    data = path.read_bytes()
    lines, size_bytes = _whole_lines(path, data)
    if not lines or not isinstance(lines[0], Opening):
        raise ResumeError("holds nothing to resume", where=str(path), hint=_AFRESH)
    if lines[0].schema != SCHEMA:
        raise ResumeError(
            f"has the schema {lines[0].schema!r}; this version reads {SCHEMA!r}",
            where=str(path),
            hint=_AFRESH,
        )
    attempts: dict[str, list[Cell]] = {}
    for line in lines:
        if isinstance(line, Cell):
            attempts.setdefault(line.nodeid, []).append(line)
    return Unfinished(
        path=path,
        opening=lines[0],
        cells={nodeid: tuple(told) for nodeid, told in attempts.items() if told[-1].final},
        parts=_parts(lines),
        size_bytes=size_bytes,
        torn=size_bytes < len(data),
    )


def _whole_lines(path: Path, data: bytes) -> tuple[list[Line], int]:
    """The lines and how many bytes they take; what comes last may be torn, with or without its line feed."""
    found: list[Line] = []
    size_bytes = 0
    for number, line in enumerate(data.splitlines(keepends=True), 1):
        is_last = size_bytes + len(line) == len(data)
        if is_last and not line.endswith(b"\n"):
            break
        try:
            found.append(_DECODER.decode(line))
        except wire.UNREADABLE as error:
            if is_last:
                break
            raise ResumeError(f"is damaged: {error}", where=f"{path}:{number}", hint=_AFRESH) from None
        size_bytes += len(line)
    return found, size_bytes


def _parts(lines: Iterable[Line]) -> tuple[Part, ...]:
    started_s = finished_s = 0.0
    parts = []
    for line in lines:
        if isinstance(line, Reopening):
            parts.append(Part(started_s=started_s, finished_s=finished_s))
            started_s = line.at_s
        if not isinstance(line, Opening):
            finished_s = line.at_s
    return (*parts, Part(started_s=started_s, finished_s=finished_s))


def find(runs: Path, name: str) -> Path:
    """The journal of a run, or of the ``last`` one that broke off, in the folder of all runs.

    Raises ``ResumeError`` where there is none.
    """
    if name == LAST:
        journals = sorted(runs.glob(f"*/{FILE}"))
        if not journals:
            raise ResumeError("no run has broken off here", where=str(runs), hint=_AFRESH)
        return journals[-1]
    if not RUN_ID.fullmatch(name):
        raise ResumeError(
            f"{name!r} is no run",
            where="--llm-resume",
            hint="write --llm-resume=RUN, or --llm-resume alone behind the paths, for the last one",
        )
    path = runs / name / FILE
    if not path.exists():
        what = "was published whole" if (runs / name / "run.json").exists() else "is not in this project"
        raise ResumeError(f"run {name} {what}: there is nothing to resume", where=str(runs), hint=_AFRESH)
    return path


# -- what must not have changed ----------------------------------------------------------------------------


def changes(then: Asked, now: Asked) -> list[str]:
    """What differs, each in a few words: ``endpoint box: model a → b``."""
    found = [
        *_differing("", {"plugin": then.plugin}, {"plugin": now.plugin}),
        *_differing("analysers: ", structs.asdict(then.analysers), structs.asdict(now.analysers)),
        *_differing("", _machine(then.host), _machine(now.host)),
        *_differing("", then.options, now.options),
    ]
    for name in sorted(then.endpoints.keys() | now.endpoints.keys()):
        before, after = then.endpoints.get(name), now.endpoints.get(name)
        if before is None or after is None:
            found.append(f"endpoint {name} {'was not' if before is None else 'is not'} among those asked")
        else:
            found += _differing(f"endpoint {name}: ", before, after)
    return found


def _machine(host: Host) -> dict[str, Any]:
    gpus = ", ".join(host.gpus) or None
    return {"cpus": host.cpus, "cpu": host.cpu_model, "gpus": gpus, "python": host.python}


def _differing(whose: str, then: dict[str, Any], now: dict[str, Any]) -> list[str]:
    return [
        f"{whose}{name.replace('_', ' ')} {_short(then.get(name))} → {_short(now.get(name))}"
        for name in sorted(then.keys() | now.keys())
        if then.get(name) != now.get(name)
    ]


def _short(value: object) -> str:
    return "nothing" if value is None else str(value) if isinstance(value, (str, int, float)) else "…"


def changed_cells(then: dict[str, dict[str, str]], now: dict[str, dict[str, str]]) -> list[str]:
    """``NODEID: its prompt`` for every finished test that would be asked or scored otherwise now."""
    found = []
    for nodeid, identity in then.items():
        if nodeid not in now:
            found.append(f"{nodeid} is not collected now")
        elif differing := sorted(name for name, value in identity.items() if now[nodeid].get(name) != value):
            found.append(f"{nodeid}: its {' and '.join(differing)}")
    return found


# -- writing -----------------------------------------------------------------------------------------------


class Journal:
    """A run's journal, open at its end. One process writes it: the run's controller, which holds a lock.

    Raises ``ResumeError`` where another process does.
    """

    def __init__(self, path: Path, opening: Opening, *, keep_bytes: int | None = None) -> None:
        self.path = path
        path.parent.mkdir(parents=True, exist_ok=True)
        self._lock = FileLock(path.with_suffix(".lock"))
        try:
            self._lock.acquire(timeout=0)
        except Timeout:
            raise ResumeError(
                f"run {opening.run} is still under way", where=str(path), hint="let it end, or end it"
            ) from None
        self._file = path.open("ab")
        forks.keep(self._file.fileno())
        if keep_bytes is None:
            self.write(opening)
        else:
            self._file.truncate(keep_bytes)

    def write(self, line: Line) -> None:
        """Append a line; it is on the disk when this returns."""
        self._file.write(_ENCODER.encode(line) + b"\n")
        self._file.flush()
        os.fsync(self._file.fileno())

    def close(self) -> None:
        """Leave it to a later run. Safe to call twice."""
        if not self._file.closed:
            forks.forget(self._file.fileno())
        with suppress(OSError):  # what could not be written once can't be now
            self._file.close()
        self._lock.release()

    def remove(self) -> None:
        """The run is published whole: the journal has done its duty."""
        self.close()
        self.path.unlink(missing_ok=True)
        self.path.with_suffix(".lock").unlink(missing_ok=True)
