"""The sessions of one metric laid out by cell, and what the run differs by: what all tests share."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise
from statistics import fmean
from typing import TYPE_CHECKING

from . import stats
from .evidence import CREEP_FROM, PRIOR_DF, Shift

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from .evidence import Samples


@dataclass(frozen=True)
class History:
    """Sessions and a run over the cells that both have, one value per cell and session.

    ``values``: cell -> session -> value; ``shifts``: cell -> run minus the mean of its sessions; ``levels``:
    session -> how far it lies, over its cells, from their means; only sessions that hold at least half of the
    cells have one, and they are what ``sessions`` counts. ``factor``: 1 + 1/K, the variance of a prediction
    from K sessions over that of one, where cells have different K the mean of theirs.
    """

    values: Mapping[str, Mapping[int, float]]
    means: Mapping[str, float]
    shifts: Mapping[str, float]
    levels: Mapping[int, float]
    factor: float

    @property
    def sessions(self) -> int:
        """K, the number of independent sessions."""
        return len(self.levels)

    @property
    def df(self) -> int:
        """Degrees of freedom of the residuals: what is left when cells and sessions have their means."""
        counted = sum(1 for row in self.values.values() for r in row if r in self.levels)
        return max(0, counted - len(self.values) - max(0, len(self.levels) - 1))

    def residuals(self, cell: str) -> list[float]:
        """What is left of a cell's values when its own mean and the level of each session are taken away."""
        mean = self.means[cell]
        return [y - mean - self.levels[r] for r, y in self.values[cell].items() if r in self.levels]

    def cell_factor(self, cell: str) -> float:
        """1 + 1/K for one cell's own K."""
        return 1 + 1 / len(self.values[cell])


def lay_out(
    sessions: Sequence[Samples], run: Samples, centre: Callable[[Sequence[float]], float]
) -> History | None:
    """The history of the cells that run and sessions share; None where they share none."""
    values: dict[str, dict[int, float]] = {}
    for cell in run:
        row = {r: centre(session[cell]) for r, session in enumerate(sessions) if session.get(cell)}
        if row and run[cell]:
            values[cell] = row
    if not values:
        return None
    means = {cell: fmean(row.values()) for cell, row in values.items()}
    shifts = {cell: centre(run[cell]) - mean for cell, mean in means.items()}
    levels = {}
    for r in range(len(sessions)):
        deviations = [row[r] - means[cell] for cell, row in values.items() if r in row]
        if 2 * len(deviations) >= len(values):
            levels[r] = fmean(deviations)
    factor = 1 + fmean(1 / len(row) for row in values.values())
    return History(values, means, shifts, levels, factor)


def pulled_in(shifts: Sequence[float], reach: float) -> list[float]:
    """The shifts, each cut at ``reach`` from the median one, so that no single cell can carry the whole."""
    ordered = sorted(shifts)
    middle = (ordered[(len(ordered) - 1) // 2] + ordered[len(ordered) // 2]) / 2
    return [math.copysign(min(abs(x - middle), reach), x - middle) + middle for x in shifts]


def creep(size: float, levels: Sequence[float], prior: float, fewer: float = 0.0) -> Shift | None:
    """The run against the first three sessions; None before there are others between.

    ``size``: how far the run lies from the mean of all sessions, whose ``levels`` are in order. ``prior``:
    the variance of a level; ``fewer``: what the run's has in excess. The spread comes from the steps between
    neighbouring sessions, which a slow slide leaves small.
    """
    if len(levels) < CREEP_FROM:
        return None
    steps = math.fsum((b - a) ** 2 for a, b in pairwise(levels)) / 2
    df = 2 / 3 * (len(levels) - 1)
    variance = stats.shrunk_variance(prior, PRIOR_DF, steps * df / (len(levels) - 1), df)
    return Shift.tested(size - fmean(levels[:3]), math.sqrt(variance * (1 + 1 / 3) + fewer), PRIOR_DF + df)
