"""What an HTML report is made of: runs, and what was gathered round them. None of its text is safe yet."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pytest_llmeval.model import Record, Run

MAX_CELLS = 200
"""Cells that have a section of their own: all that failed or regressed first, then the worst."""


class Question(NamedTuple):
    """What a cell's model was asked."""

    prompt: str
    system: str | None = None
    suffix: str | None = None


class Given(NamedTuple):
    """An answer, and the rounds (0-based) that gave it byte by byte. ``code``: what was found in it.

    ``sha256``: as its samples have it.
    """

    text: str
    reasoning: str
    sha256: str
    rounds: tuple[int, ...]
    code: str | None = None


class Cell(NamedTuple):
    """A cell with all that is known of it. ``question`` None: no file has it any more."""

    run: Run
    record: Record
    question: Question | None = None
    answers: tuple[Given, ...] = ()


class Point(NamedTuple):
    """The level of an endpoint in one session, over all of its cells."""

    run: str
    date: str
    value: float


class Trend(NamedTuple):
    """One metric of an endpoint over the sessions of its baseline, oldest first, and in the run, the last.

    ``band``: where a run lies in 19 of 20 cases when nothing changed; None where the history is too short.
    ``changes``: number of the point that began a new level -> what the endpoint was from then on.
    """

    endpoint: str
    metric: str
    points: tuple[Point, ...]
    band: tuple[float, float] | None = None
    changes: Mapping[int, str] = {}


def place(number: int) -> str:
    """The id of the section of a page's cell, by its number (from 0)."""
    return f"cell-{number}"


class Page(NamedTuple):
    """A report. ``sentences`` are those of the comparison; ``untold``: why there are no trends."""

    runs: Sequence[Run]
    sentences: Sequence[str]
    trends: Sequence[Trend] = ()
    untold: Sequence[str] = ()
    cells: Sequence[Cell] = ()

    @property
    def places(self) -> dict[tuple[str, str, str], str]:
        """Run id, endpoint and cell key -> the id of the cell's section."""
        return {
            (one.run.id, one.record.endpoint, one.record.key): place(number)
            for number, one in enumerate(self.cells)
        }
