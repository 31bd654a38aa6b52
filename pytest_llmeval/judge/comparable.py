"""Which of a baseline's sessions a run may be compared with, cell by cell.

What an endpoint *is* may differ: that is the thing under test. What was *asked* may not, nor how answers were
scored, nor, for a server on this machine, the machine.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from . import sessions as sessions_

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pytest_llmeval.model import Policy, Record, Run

    from .metrics import Metric
    from .sessions import Baseline, Session

Figures = dict[str, tuple[float, ...]]


@dataclass(frozen=True)
class Comparable:
    """The sessions that count, oldest first. ``asked_otherwise``: stale cell -> ``prompt`` or ``parameters``.

    ``scored_otherwise``: cells whose answers every session checked otherwise, so that only scores are stale.
    ``timings`` and ``scores``: the sessions whose figures of that kind count; empty with ``sessions`` there
    means that the machine or the scoring changed. ``pause_s``: how long the run paused, where that is too
    long for its timings to be one session's.
    """

    sessions: tuple[Session, ...]
    timings: tuple[Session, ...]
    scores: tuple[Session, ...]
    asked_otherwise: Mapping[str, str]
    scored_otherwise: tuple[str, ...]
    records: Mapping[str, Record]
    pause_s: float | None = None

    def counting(self, metric: Metric) -> tuple[Session, ...]:
        """The sessions of one metric's kind."""
        if not metric.timing:
            return self.scores
        return self.timings if self.pause_s is None else ()

    def figures(self, metric: Metric) -> list[Figures]:
        """One metric of the run's cells in each session that counts."""
        return [self._of(session, metric) for session in self.counting(metric)]

    def _of(self, session: Session, metric: Metric) -> Figures:
        found = {}
        for key, record in self.records.items():
            cell = session.cells.get(key)
            if cell is None or metric.name not in cell.samples or not _same_question(cell, record):
                continue
            if metric.timing or sessions_.checked_alike(cell, record):
                found[key] = cell.samples[metric.name]
        return found


def with_baseline(baseline: Baseline, run: Run, records: Sequence[Record], policy: Policy) -> Comparable:
    """What ``run`` may be compared with in its endpoint's baseline."""
    past = baseline.sessions
    facts = run.endpoints.get(baseline.endpoint)
    bound = facts is not None and facts.here and not policy.compare_hardware
    here, scoring = sessions_.hardware(run), sessions_.scoring(run)
    scores = tuple(one for one in past if one.fingerprints.scoring == scoring)
    return Comparable(
        sessions=past,
        timings=tuple(
            one for one in past if not bound or sessions_.on_same_machine(one.fingerprints.hardware, here)
        ),
        scores=scores,
        asked_otherwise={
            record.key: difference for record in records if (difference := _difference(record, past))
        },
        scored_otherwise=tuple(record.key for record in records if _scored_otherwise(record, scores)),
        records={record.key: record for record in records},
        pause_s=sessions_.too_long_a_pause_s(run, baseline.endpoint, policy),
    )


def _same_question(cell: sessions_.CellFigures, record: Record) -> bool:
    return cell.question == (record.prompt_sha256, record.parameters_sha256)


def _difference(record: Record, past: Sequence[Session]) -> str | None:
    """What every session that has the cell asked otherwise; None where one asked the same, or none has it."""
    cells = [session.cells[record.key] for session in past if record.key in session.cells]
    if not cells or any(_same_question(cell, record) for cell in cells):
        return None
    return "prompt" if cells[-1].prompt_sha256 != record.prompt_sha256 else "parameters"


def _scored_otherwise(record: Record, past: Sequence[Session]) -> bool:
    """Whether every session that was asked the same has checked the answers otherwise."""
    cells = [session.cells[record.key] for session in past if record.key in session.cells]
    same = [cell for cell in cells if _same_question(cell, record)]
    return bool(same) and not any(sessions_.checked_alike(cell, record) for cell in same)
