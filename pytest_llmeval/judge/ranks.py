"""How rare such falls of a cell's rounds are, by their ranks among those of all cells and sessions.

A test of means believes that scores scatter as their spread says. An answer that breaks wholly now and then
(10, 10, 10, 1) falls farther than any spread, so what a single cell did must be rare by rank too: that holds
whatever the distribution. Rounds that are alike, as at temperature 0, are one observation.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from . import stats

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

_SAME = 1e-9  # falls that differ by less are equal: they are differences of means


@dataclass(frozen=True)
class Falls:
    """How far single rounds lie from where they were to be expected (points; negative: below), sorted.

    ``lengths``: how many rounds were asked together -> how often.
    """

    sizes: Sequence[float]
    lengths: Mapping[int, int]

    @classmethod
    def of(cls, groups: Iterable[Sequence[float]]) -> Falls:
        """The falls of groups of rounds that were asked together: of one cell in one session."""
        groups = list(groups)
        return cls(sorted(x for group in groups for x in group), Counter(map(len, groups)))

    def chance(self, rounds: Sequence[float], alike: float, *, among: bool = True) -> tuple[float, float]:
        """The chance that so many of these rounds fall so far, and the least that it could be.

        ``alike`` as by ``likeness``; ``among``: whether these rounds are one of the groups. The k-th deepest
        of n is as deep with the chance of a binomial tail (David & Nagaraja 2003, 2.1.3); of n such tests
        the best one counts n times (Bonferroni).
        """
        fell = sorted(rounds)
        trials = max(1, round(independent(len(fell), alike)))
        known = math.fsum(often * independent(length, alike) for length, often in self.lengths.items())
        others = known - among * independent(len(fell), alike)
        each = known / len(self.sizes)
        tails = []
        for k in range(1, trials + 1):
            deep = fell[math.ceil(k * len(fell) / trials) - 1] + _SAME
            as_deep = each * (bisect_right(self.sizes, deep) - among * bisect_right(fell, deep))
            tails.append(stats.binomial_tail(k, trials, min(1.0, (as_deep + 1) / (others + 1))))
        return min(1.0, trials * min(tails)), min(1.0, trials / (others + 1) ** trials)


def independent(rounds: int, alike: float) -> float:
    """How many independent rounds so many are worth, by Kish's design effect."""
    return rounds / (1 + (rounds - 1) * alike)


def likeness(between: tuple[float, float], within: tuple[float, float], size: float) -> float:
    """How alike rounds that were asked together are: intraclass correlation, 0 (not at all) to 1.

    By the analysis of variance: ``(sum of squares, degrees of freedom)`` between and within groups of
    ``size`` rounds. Without any variance within 1: at temperature 0 equal rounds are one observation, and
    nothing tells that from rounds that always come out well.
    """
    if not within[0] or not within[1]:
        return 1.0
    if not between[0] or not between[1]:
        return 0.0
    mean_between, mean_within = between[0] / between[1], within[0] / within[1]
    return min(1.0, max(0.0, (mean_between - mean_within) / (mean_between + (size - 1) * mean_within)))
