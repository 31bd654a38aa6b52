"""The statistics of the gate: distributions, robust noise, shrinkage, multiple tests. Stdlib only."""

from __future__ import annotations

import math
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import combinations
from statistics import NormalDist, fmean, median
from typing import Generic, TypeVar

Name = TypeVar("Name", bound=Hashable)

_NORMAL = NormalDist()
# The median of |x - y| of two normal values is this many standard deviations of one.
_PAIR = math.sqrt(2) * _NORMAL.inv_cdf(0.75)
# Variance of the median of n standard normal values, n = 1..10, from order statistics; beyond, pi/2/(n + 0.6)
# is within 4 %.
_MEDIAN_VARIANCE = (1.0, 0.5, 0.4487, 0.2982, 0.2868, 0.2147, 0.2104, 0.1682, 0.1661, 0.1383)


@lru_cache(maxsize=4096)
def t_cdf(t: float, df: float) -> float:
    """P(T <= t) of Student's t with ``df`` > 0 degrees of freedom, by the incomplete beta function."""
    if t == 0:
        return 0.5
    if math.isinf(t):
        return 0.0 if t < 0 else 1.0
    square = t * t
    if square <= df:  # the series converges best below the mean of its beta distribution
        upper = 0.5 - 0.5 * _incomplete_beta(0.5, df / 2, square / (df + square))
    else:
        upper = 0.5 * _incomplete_beta(df / 2, 0.5, df / (df + square))
    return upper if t < 0 else 1.0 - upper


@lru_cache(maxsize=4096)
def t_quantile(p: float, df: float) -> float:
    """The t with ``t_cdf(t, df) == p``, 0 < p < 1, to 12 digits.

    Bisection on a bracket that doubles: a heavy tail (df 1, p 1e-9) defeats Newton's steps.
    """
    if p == 0.5:
        return 0.0
    if p > 0.5:
        return -t_quantile(1.0 - p, df)
    low = min(_NORMAL.inv_cdf(p), -1e-3)
    while t_cdf(low, df) > p:
        low *= 2
    high = 0.0
    while high - low > 1e-12 * abs(low):
        middle = (low + high) / 2
        low, high = (low, middle) if t_cdf(middle, df) > p else (middle, high)
    return (low + high) / 2


def _incomplete_beta(a: float, b: float, x: float) -> float:
    """Regularised I_x(a, b), by its continued fraction (modified Lentz; DLMF 8.17.22)."""
    if x <= 0 or x >= 1:
        return float(x >= 1)
    if x > (a + 1) / (a + b + 2):
        return 1.0 - _incomplete_beta(b, a, 1.0 - x)
    front = math.exp(_log_beta_term(a, b, x)) / a
    tiny = 1e-300
    c, d = 1.0, 1.0 / _away(1.0 - (a + b) * x / (a + 1), tiny)
    fraction = d
    for m in range(1, 10_000):
        even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m))
        odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))
        for step in (even, odd):
            d = 1.0 / _away(1.0 + step * d, tiny)
            c = _away(1.0 + step / c, tiny)
            fraction *= c * d
        if abs(c * d - 1.0) < 1e-15:
            break
    return min(1.0, front * fraction)


def _log_beta_term(a: float, b: float, x: float) -> float:
    return a * math.log(x) + b * math.log1p(-x) - _log_beta(a, b)


def _away(value: float, tiny: float) -> float:
    return value if abs(value) > tiny else tiny


def _log_beta(a: float, b: float) -> float:
    return math.lgamma(a) + math.lgamma(b) - math.lgamma(a + b)


def beta_binomial_cdf(successes: int, trials: int, a: float, b: float) -> float:
    """P(X <= successes) of ``trials`` whose rate of success is Beta(a, b): the tail of a pass rate."""
    if successes >= trials:
        return 1.0
    base = _log_beta(a, b)
    terms = (
        math.log(math.comb(trials, k)) + _log_beta(k + a, trials - k + b) - base for k in range(successes + 1)
    )
    return min(1.0, math.fsum(math.exp(term) for term in terms))


def binomial_tail(successes: int, trials: int, p: float) -> float:
    """P(X >= successes) of ``trials`` that succeed with probability ``p``."""
    terms = (math.comb(trials, k) * p**k * (1 - p) ** (trials - k) for k in range(successes, trials + 1))
    return min(1.0, math.fsum(terms))


def squares(values: Sequence[float]) -> float:
    """The sum of squared distances from their mean. ``statistics.variance`` is exact and takes ten times as
    long, which is half of a large run's judgement.
    """
    centre = math.fsum(values) / len(values)
    return math.fsum((value - centre) ** 2 for value in values)


def median_variance(samples: int) -> float:
    """Variance of the median of so many independent normal values of variance 1."""
    if samples <= len(_MEDIAN_VARIANCE):
        return _MEDIAN_VARIANCE[samples - 1]
    return math.pi / 2 / (samples + 0.6)


def pair_noise(groups: Iterable[Sequence[float]]) -> float | None:
    """Standard deviation within groups by the median of |x - y| over the pairs of each; None without a pair.

    Robust (half of the pairs may be wild), and unbiased by small groups, whose own means never enter.
    """
    gaps = [abs(x - y) for group in groups for x, y in combinations(group, 2)]
    return median(gaps) / _PAIR if gaps else None


def clipped_squares(residuals: Sequence[float], df: float, clip: float) -> float:
    """Sum of squares with each residual cut at ``clip`` robust standard deviations (their median / 0.6745).

    ``df`` degrees of freedom are left in the residuals; the scale is widened for those that were used.
    """
    if not residuals or df <= 0:
        return 0.0
    if math.isinf(clip):
        return math.fsum(r * r for r in residuals)
    scale = median(abs(r) for r in residuals) / _NORMAL.inv_cdf(0.75) * math.sqrt(len(residuals) / df)
    return math.fsum(min(abs(r), clip * scale) ** 2 for r in residuals)


def shrunk_variance(prior: float, prior_df: float, squares: float, df: float) -> float:
    """A variance of ``df`` degrees of freedom pulled towards ``prior``, which counts as ``prior_df`` more."""
    return (prior_df * prior + squares) / (prior_df + df)


@dataclass(frozen=True)
class Spreads(Generic[Name]):
    """How much wider or narrower each group spreads than the median one.

    ``ratio`` of standard deviations; ``error``: the variance of its logarithm, 0 where all groups are alike.
    """

    ratio: Mapping[Name, float]
    error: float = 0.0

    def df(self, df: float) -> float:
        """The degrees of freedom of a variance that had ``df`` before it was multiplied by such a ratio.

        By the delta method: the logarithm of a variance with ``df`` has the variance 2/df.
        """
        return 1.0 / (1.0 / df + 2.0 * self.error)


def spreads(log_spreads: Mapping[Name, Sequence[float]]) -> Spreads[Name]:
    """Compare the spreads of groups, each of which brings several logarithms of its own.

    What groups differ by chance is known from how these scatter within the groups, so the differences are
    shrunk by it (James-Stein, positive part), and vanish unless they exceed chance by two standard errors:
    equal groups stay exactly equal.
    """
    groups = {name: values for name, values in log_spreads.items() if len(values) > 1}
    none = dict.fromkeys(log_spreads, 1.0)
    if len(groups) < 2:
        return Spreads(none)
    means = {name: fmean(values) for name, values in groups.items()}
    within = math.fsum((x - means[name]) ** 2 for name, values in groups.items() for x in values)
    within /= sum(len(values) - 1 for values in groups.values())
    chance = within * fmean(1 / len(values) for values in groups.values())
    centre = median(means.values())
    between = math.fsum((mean - centre) ** 2 for mean in means.values()) / (len(means) - 1)
    if between <= 0:
        return Spreads(none)
    keep = max(0.0, 1.0 - chance / between * (1.0 + 2.0 * math.sqrt(2.0 / (len(means) - 1))))
    ratio = none | {name: math.exp(keep * (mean - centre)) for name, mean in means.items()}
    return Spreads(ratio, keep * chance)


def holm(tests: Mapping[Name, tuple[float, float]], alpha: float) -> set[Name]:
    """The rejected of ``name -> (p, weight)``: weighted Holm (1979), which keeps the chance of any false one.

    ``alpha`` is divided by weight; what a rejected test held passes on to the others, by weight.
    """
    left = {name: (p, weight) for name, (p, weight) in tests.items() if weight > 0}
    rejected: set[Name] = set()
    while left:
        total = math.fsum(weight for _, weight in left.values())
        name = min(left, key=lambda key: left[key][0] / left[key][1])
        p, weight = left.pop(name)
        if p > alpha * weight / total:
            break
        rejected.add(name)
    return rejected


def detectable(critical: float, se: float, df: float, power: float = 0.9) -> float:
    """The smallest true shift that is seen beyond ``critical`` with ``power``; all in ``se``'s unit.

    By the central t: within 3 % of the non-central one from 4 degrees of freedom on, where ``critical`` is
    that of a t test.
    """
    return critical + se * t_quantile(power, df)
