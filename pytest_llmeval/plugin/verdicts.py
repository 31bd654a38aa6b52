"""Verdicts as pytest reports: a broken promise fails like a test, with its sentence and at its own line.

Setting the exit status alone would show "7 passed" and no reason; a report reaches the summary, JUnit and
GitHub's annotations by itself.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Literal, Self

import pytest

from pytest_llmeval import project
from pytest_llmeval.report import safe

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from pytest_llmeval.model import Record, Verdict

    from .session import Recorder

ERRORS = "errors"
"""The hard promise that every request is answered: the cell's own item fails for it."""


class Crash:
    """Where and why, in the form that pytest's short summary reads."""

    def __init__(self, path: str, lineno: int, message: str) -> None:
        self.path = path
        self.lineno = lineno
        self.message = message


class Sentence(str):
    """A verdict's failure text: the sentence, nothing else. A ``str``, which other plugins print as it is."""

    reprcrash: Crash
    """pytest's protocol, for the short summary."""

    def __new__(cls, verdict: Verdict, location: tuple[str, int, str]) -> Self:
        """``location`` is pytest's: file, line (0-based), name."""
        self = super().__new__(cls, safe.block(verdict.sentence))
        self.reprcrash = Crash(location[0], location[1] + 1, self.splitlines()[0])
        return self

    def toterminal(self, writer: Any) -> None:
        """pytest's protocol."""
        writer.line(str(self), red=True)


def report(recorder: Recorder, session: pytest.Session) -> None:
    """Emit a failing report for every red verdict that no item has failed for already."""
    records = recorder.records
    failed = {
        (record.endpoint, record.key)
        for record in records
        if any(not sample.ok and not sample.confirms for sample in record.samples)
    }
    for verdict in recorder.red:
        if verdict.metric != ERRORS or (verdict.endpoint, verdict.cell) not in failed:
            behind = [record for record in records if _is_behind(record, verdict)]
            nodeid = _nodeid(verdict, behind)
            recorder.cells_behind[nodeid] = tuple(one.nodeid for one in behind if one.nodeid)
            _emit(session, verdict, (*_where(recorder, verdict, behind), nodeid))


def _is_behind(record: Record, verdict: Verdict) -> bool:
    """Whether the verdict is about the record: its own cell, or any of its endpoint.

    A reference has no items of its own: what it did in a cell is seen again in those of the others.
    """
    if verdict.cell is None:
        return record.endpoint == verdict.endpoint
    return record.key == verdict.cell and (record.endpoint == verdict.endpoint or verdict.metric == ERRORS)


def _nodeid(verdict: Verdict, behind: Sequence[Record]) -> str:
    if verdict.cell is None:
        return f"llmeval/{verdict.endpoint}::{verdict.metric}"
    own = next((one.nodeid for one in behind if one.nodeid and one.endpoint == verdict.endpoint), None)
    return f"{own or f'llmeval/{verdict.endpoint}::{verdict.cell}'}::{verdict.metric}"


def _emit(session: pytest.Session, verdict: Verdict, location: tuple[str, int, str]) -> None:
    nodeid = location[2]
    hook = session.config.hook
    session.testscollected += 1
    hook.pytest_runtest_logstart(nodeid=nodeid, location=location)
    phases: tuple[Literal["setup", "call", "teardown"], ...] = ("setup", "call", "teardown")
    for when in phases:
        failed = when == "call"
        one = pytest.TestReport(
            nodeid=_structured(nodeid),
            location=location,
            keywords={"llmeval": 1, verdict.metric: 1},
            outcome="failed" if failed else "passed",
            longrepr=Sentence(verdict, location) if failed else None,
            when=when,
            duration=0.0,
        )
        hook.pytest_runtest_logreport(report=one)
    hook.pytest_runtest_logfinish(nodeid=nodeid, location=location)


def _structured(nodeid: str) -> Any:
    """From pytest 9.2 on an id is parsed, and brackets in its middle are shown wrong: hand the parts over."""
    try:
        from _pytest.nodeid import NodeId
    except ImportError:
        return nodeid
    path, *names = nodeid.split("::")
    return NodeId(path=path, names=tuple(names))


def _where(recorder: Recorder, verdict: Verdict, behind: Sequence[Record]) -> tuple[str, int]:
    """File and line (0-based) of the broken promise.

    Of a cell its scenario or test; of a whole endpoint the policy, else its first cell; of a cell that is
    missing the baseline that has it.
    """
    config, settings = recorder.context.config, recorder.context.settings
    if verdict.cell is None and (
        policy := project.policy_place(config.rootpath, verdict.endpoint, verdict.metric)
    ):
        return _relative(policy[0], config), policy[1] - 1
    places = (recorder.places[record.nodeid] for record in behind if record.nodeid in recorder.places)
    baseline = settings.baselines / f"{verdict.endpoint}.json"
    return next(places, None) or (_relative(baseline, config), _line_in(baseline, verdict.cell))


def _line_in(baseline: Path, cell: str | None) -> int:
    """The line (0-based) at which a baseline has the cell, as its latest session does; else its first."""
    lines = baseline.read_text(encoding="utf-8").splitlines() if cell and baseline.is_file() else []
    key = f"{json.dumps(cell, ensure_ascii=False)}:"
    found = [number for number, line in enumerate(lines) if line.lstrip().startswith(key)]
    return found[-1] if found else 0


def _relative(place: Path, config: pytest.Config) -> str:
    return str(place.relative_to(config.rootpath) if place.is_relative_to(config.rootpath) else place)
