"""What the samples say of one metric, before anyone decides whether it is too much.

Everything here is on the *good* scale of ``metrics.Metric``: logarithms for timings and rates, points for
scores, signed so that a loss is negative.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from . import stats

Samples = Mapping[str, Sequence[float]]
"""Cell key -> the samples of one session, on the good scale, never empty."""

PRIOR_DF = 4.0
"""How many degrees of freedom the prior spread counts for."""
THIN = 3
"""With fewer sessions than this, nothing but a collapse is red."""
CREEP_FROM = 6
"""From so many sessions on, the run is also compared with the first three."""
AGREE = 0.75
"""Of a cell's rounds must show a loss of time: when 2 of 3 requests stall, their middle is no evidence."""
WHOLE, CELLS = 0.8, 0.2
"""How a metric's share of alpha is divided between the endpoint as a whole and its single cells."""


@dataclass(frozen=True)
class Shift:
    """How far the run lies from its baseline, and how surely: ``size`` +- ``se``, ``df`` degrees of freedom.

    ``t`` is the distance in standard errors, ``p`` the chance of such a loss or a larger one if nothing
    changed, ``p_gain`` that of such a gain. ``floor``: ``p`` is no smaller, however far ``t`` lies, by what a
    test of means can't see (whether the rounds agree, how far single ones fell before). ``least``: the
    smallest ``p`` that any fall could have had.
    """

    size: float
    se: float
    df: float
    p: float
    p_gain: float
    t: float
    floor: float = 0.0
    least: float = 0.0

    @classmethod
    def tested(
        cls,
        size: float,
        se: float,
        df: float,
        *,
        centre: float = 0.0,
        floor: float = 0.0,
        least: float = 0.0,
    ) -> Shift:
        """By Student's t against ``centre``, the shift that was to be expected."""
        t = (
            (size - centre) / se
            if se > 0
            else math.copysign(math.inf, size - centre)
            if size != centre
            else 0.0
        )
        return cls(size, se, df, max(floor, stats.t_cdf(t, df)), stats.t_cdf(-t, df), t, floor, least)

    def interval(self, confidence: float = 0.95) -> tuple[float, float]:
        """The two-sided confidence interval."""
        reach = stats.t_quantile((1 + confidence) / 2, self.df) * self.se
        return self.size - reach, self.size + reach


@dataclass(frozen=True)
class Evidence:
    """One metric of one endpoint. ``cells`` is empty where the endpoint has only one: it is the whole then.

    ``creep``: against the epoch's first three sessions. ``spread``: the standard deviation of a session's
    whole, from which more sessions are planned. ``paired``: by a reference in the same run, not by sessions.
    """

    whole: Shift
    sessions: int
    spread: float
    cells: Mapping[str, Shift] = field(default_factory=dict)
    only: str | None = None
    creep: Shift | None = None
    paired: bool = False

    @property
    def thin(self) -> bool:
        """Whether the history is too short for anything but a collapse."""
        return not self.paired and self.sessions < THIN

    def hypotheses(self, share: float = 1.0) -> dict[str | None, tuple[float, float]]:
        """``None`` (the whole) and the cells -> (p, weight), for ``stats.holm``; none in a thin history."""
        if self.thin:
            return {}
        if not self.cells:
            return {None: (self.whole.p, share)}
        each = share * CELLS / len(self.cells)
        return {None: (self.whole.p, share * WHOLE)} | {
            key: (shift.p, each) for key, shift in self.cells.items()
        }
