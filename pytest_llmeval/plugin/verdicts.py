"""Verdicts as pytest reports: a broken promise fails like a test, with its sentence and at its own line.

Setting the exit status alone would show "7 passed" and no reason; a report reaches the summary, JUnit and
GitHub's annotations by itself.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import pytest

if TYPE_CHECKING:
    from pytest_llmeval.model import Verdict

    from .session import Recorder

ERRORS = "errors"
"""The hard promise that every request is answered: the cell's own item fails for it."""


class Crash:
    """Where and why, in the form that pytest's short summary reads."""

    def __init__(self, path: str, lineno: int, message: str) -> None:
        self.path = path
        self.lineno = lineno
        self.message = message


class Sentence:
    """A verdict's failure text: the sentence, nothing else."""

    def __init__(self, verdict: Verdict, location: tuple[str, int, str]) -> None:
        self.reprcrash = Crash(location[0], location[1] + 1, verdict.sentence.splitlines()[0])
        self.text = verdict.sentence

    def toterminal(self, writer: Any) -> None:
        """pytest's protocol."""
        writer.line(self.text, red=True)

    def __str__(self) -> str:
        return self.text


def report(recorder: Recorder, session: pytest.Session) -> None:
    """Emit a failing report for every red verdict that no item has failed for already."""
    failed = {
        (record.endpoint, record.key)
        for record in recorder.records
        if any(not sample.ok and not sample.confirms for sample in record.samples)
    }
    for verdict in recorder.red:
        if verdict.metric != ERRORS or (verdict.endpoint, verdict.cell) not in failed:
            _emit(recorder, session, verdict)


def _emit(recorder: Recorder, session: pytest.Session, verdict: Verdict) -> None:
    asked = {(record.endpoint, record.key): record.nodeid for record in recorder.records}
    cell = asked.get((verdict.endpoint, verdict.cell)) if verdict.cell else None
    nodeid = f"{cell or f'llmeval/{verdict.endpoint}'}::{verdict.metric}"
    if verdict.cell and not cell:
        nodeid = f"llmeval/{verdict.endpoint}::{verdict.cell}::{verdict.metric}"
    behind = (
        (cell,)
        if cell
        else tuple(
            record.nodeid
            for record in recorder.records
            if record.endpoint == verdict.endpoint and record.nodeid and not verdict.cell
        )
    )
    recorder.cells_behind[nodeid] = behind
    location = (*_where(recorder, verdict), nodeid)
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
            longrepr=Sentence(verdict, location) if failed else None,  # type: ignore[arg-type]
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


def _where(recorder: Recorder, verdict: Verdict) -> tuple[str, int]:
    """File and line (0-based) of the broken promise: the scenario, else the policy, else the baseline."""
    context = recorder.context
    if verdict.cell in context.view.places:
        path, line = context.view.places[verdict.cell]
        return _relative(path, context.config), line - 1
    project = context.config.rootpath / "llmeval.toml"
    if project.is_file():
        lines = project.read_text(encoding="utf-8").splitlines()
        headings = (f"[policy.endpoints.{verdict.endpoint}.{verdict.metric}]", f"[policy.{verdict.metric}]")
        for heading in (*headings, "[policy]"):
            if heading in lines:
                return project.name, lines.index(heading)
    baseline = context.settings.baselines / f"{verdict.endpoint}.json"
    return _relative(str(baseline), context.config), 0


def _relative(path: str, config: pytest.Config) -> str:
    place = Path(path)
    return str(place.relative_to(config.rootpath) if place.is_relative_to(config.rootpath) else place)
