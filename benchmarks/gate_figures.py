"""A figure of ``gate_power``'s table, and how it is counted."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


@dataclass(frozen=True)
class Figure:
    """One number of the table. ``at_most`` and ``at_least`` are the target, in per cent of builds."""

    name: str
    sessions: int
    change: str
    red: float
    at_most: float | None = None
    at_least: float | None = None
    best: float | None = None
    ordinary: dict[str, float] = field(default_factory=dict)

    @property
    def missed(self) -> bool:
        """Whether the target is missed."""
        low = self.at_least is not None and self.red < self.at_least
        return low or (self.at_most is not None and self.red > self.at_most)

    @property
    def target(self) -> str:
        """As the table says it."""
        if self.at_most is not None:
            return f"<= {self.at_most:g}"
        return f">= {self.at_least:g}" if self.at_least is not None else ""


def share(builds: int, one: Callable[[], list[bool]]) -> list[float]:
    """Per cent of builds, for each of the answers that one build gives."""
    counts = [sum(column) for column in zip(*(one() for _ in range(builds)), strict=True)]
    return [100 * count / builds for count in counts]
