"""What static analysis says about one snippet: the values that cross from the worker process."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

Severity = Literal["fatal", "error", "warning", "refactor", "convention"]


class Finding(Struct, frozen=True):
    """One message of pylint. ``line`` is 1-based, in the snippet."""

    severity: Severity
    symbol: str
    line: int
    text: str


class Routine(Struct, frozen=True):
    """One function or method (``Class.name``) with its cyclomatic complexity and source lines, 1-based."""

    name: str
    complexity: int
    line: int
    end_line: int


class Analysis(Struct, frozen=True, kw_only=True):
    """All figures of one snippet, or the ``failure`` that left none.

    ``pylint_score``: pylint's own formula, 10 at most, often far below 0. ``maintainability``: radon's index
    0-100, comments not counted. ``volume``, ``difficulty``: Halstead. ``statements`` as pylint counts them,
    ``source_lines`` as radon does.
    """

    failure: str | None = None
    findings: tuple[Finding, ...] = ()
    statements: int = 0
    pylint_score: float | None = None
    routines: tuple[Routine, ...] = ()
    maintainability: float | None = None
    volume: float | None = None
    difficulty: float | None = None
    source_lines: int = 0
