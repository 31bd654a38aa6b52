"""A candidate against a reference that was asked in turn with it (A B B A ...) in one run: drift cancels.

Sample i of a cell is paired with sample i of the reference; what is judged is the mean of the differences,
over the rounds of a cell and then over cells.
"""

from __future__ import annotations

import math
from itertools import combinations
from statistics import fmean, variance
from typing import TYPE_CHECKING

from . import ranks, stats
from .evidence import AGREE, PRIOR_DF, Evidence, Samples, Shift
from .ranks import Falls

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_RESOLUTION = 1e-3


def evidence(reference: Samples, run: Samples, *, prior_sd: float, timing: bool) -> Evidence | None:
    """Whole and cells; None where the two share no cell. The spread is pooled from residuals within cells.

    Scores have one more: answers differ by question, and rounds at temperature 0 are one, so the differences
    must also stand out from their spread over the cells (Miller 2024, arXiv 2411.00640: clustered errors).
    """
    pairs = {
        cell: [a - b for a, b in zip(run[cell], reference[cell], strict=False)]
        for cell in run
        if run[cell] and reference.get(cell)
    }
    if not pairs:
        return None
    means = {cell: fmean(values) for cell, values in pairs.items()}
    squares = math.fsum((x - means[cell]) ** 2 for cell, values in pairs.items() for x in values)
    free = sum(len(values) - 1 for values in pairs.values())
    pooled = stats.shrunk_variance(prior_sd**2, PRIOR_DF, squares, free)
    spread = pooled * fmean(1 / len(values) for values in pairs.values()) / len(pairs)
    df = PRIOR_DF + free
    if len(pairs) > 1 and (free == 0 or not timing):
        across = variance(means.values()) / len(pairs)
        if across > spread:
            spread, df = across, len(pairs) - 1
    return Evidence(
        whole=Shift.tested(fmean(means.values()), math.sqrt(spread), df),
        sessions=0,
        spread=math.sqrt(spread),
        cells=_cells(pairs, pooled, free, timing=timing) if len(pairs) > 1 else {},
        only=None if len(pairs) > 1 else next(iter(pairs)),
        paired=True,
    )


def _cells(pairs: Mapping[str, list[float]], pooled: float, free: int, *, timing: bool) -> dict[str, Shift]:
    """Each cell, whose rounds must agree, or be rare by rank."""
    return _timed(pairs, pooled, free) if timing else _scored(pairs, pooled)


def _timed(pairs: Mapping[str, list[float]], pooled: float, free: int) -> dict[str, Shift]:
    """By the pooled spread, or the cell's own where that is surely wider."""
    spreads = stats.spreads(
        {
            cell: [math.log(max(_RESOLUTION, abs(a - b))) for a, b in combinations(values, 2)]
            for cell, values in pairs.items()
        }
    )
    df = spreads.df(PRIOR_DF + free)
    tests = {}
    for cell, values in pairs.items():
        spread = pooled * max(1.0, spreads.ratio[cell] ** 2)
        agree = sum(1 for x in values if x < 0) >= AGREE * len(values)
        se = math.sqrt(spread / len(values))
        tests[cell] = Shift.tested(fmean(values), se, df, floor=0.0 if agree else 1.0)
    return tests


def _scored(pairs: Mapping[str, list[float]], pooled: float) -> dict[str, Shift]:
    """By the cell's own spread, pulled towards the pooled one.

    Where nothing differs, a loss is as likely as a gain: the gains are what losses are ranked among.
    """
    gains = Falls.of([-x for x in values] for values in pairs.values())
    parts = {cell: _parts(values) for cell, values in pairs.items()}
    tests = {}
    for cell, values in pairs.items():
        alike = _likeness([part for key, part in parts.items() if key != cell])
        floor, least = gains.chance(values, alike, among=False)
        n = len(values)
        spread = max(pooled, stats.shrunk_variance(pooled, PRIOR_DF, stats.squares(values), n - 1))
        df = PRIOR_DF + n - 1
        tests[cell] = Shift.tested(fmean(values), math.sqrt(spread / n), df, floor=floor, least=least)
    return tests


def _parts(values: Sequence[float]) -> tuple[float, float, int]:
    """Of one cell's differences: the squares of their mean about 0, those about their mean, and how many."""
    return len(values) * fmean(values) ** 2, stats.squares(values), len(values)


def _likeness(cells: Sequence[tuple[float, float, int]]) -> float:
    """How alike the rounds of a cell are: their differences scatter about 0 where nothing differs."""
    between, within, sizes = zip(*cells, strict=True)
    rounds = sum(sizes)
    return ranks.likeness(
        (math.fsum(between), len(cells)), (math.fsum(within), rounds - len(cells)), rounds / len(cells)
    )
