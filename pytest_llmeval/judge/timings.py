"""Timings and rates against a baseline's sessions: logarithms, one median per cell and session.

Model: value = cell + session + residual. The session's part, *drift*, is common to all cells of a run, so
sessions and not requests are the sample that the whole is judged by. A single cell is judged by what it did
beyond the drift that the other cells show, as far as drift explains them (the best linear prediction).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import combinations
from statistics import fmean, median
from typing import TYPE_CHECKING

from . import stats
from .evidence import AGREE, PRIOR_DF, Evidence, Samples, Shift
from .history import History, creep, lay_out, pulled_in

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_COLLAPSE = math.log(1.25)
_CLIP = 1.2  # robust standard deviations; with AGREE it is set by the heavy tails in benchmarks/gate_power.py
_DRIFT_OF_NOISE = 0.3  # a machine that is noisy within a session drifts by at least so much between them
_ASSUMED_NOISE = 0.10  # within a session, where neither a second sample nor a second cell shows it
_RESOLUTION = 1e-3  # spreads below 0.1 % are the clock's


def evidence(
    sessions: Sequence[Samples], run: Samples, *, prior_sd: float, allowance: float
) -> Evidence | None:
    """Whole, cells and creep of one metric; None where run and sessions share no cell.

    ``prior_sd`` as in ``Metric``; ``allowance`` is the allowed loss as a difference of logarithms (negative).
    """
    history = lay_out(sessions, run, median)
    if history is None:
        return None
    noise = _noise(history, sessions, run)
    residual = _residual_variance(history, noise)
    reach = max(_COLLAPSE, 3.5 * math.sqrt(residual * history.factor))
    shifts = dict(zip(history.shifts, pulled_in(list(history.shifts.values()), reach), strict=True))

    prior = max(prior_sd**2, (_DRIFT_OF_NOISE * noise.within) ** 2, fmean(noise.value.values()) / len(shifts))
    df = max(0, history.sessions - 1)
    squares = math.fsum(level * level for level in history.levels.values())
    variance = stats.shrunk_variance(prior, PRIOR_DF, squares, df)
    fewer = fmean(noise.fewer_rounds.values()) / len(shifts)
    size = fmean(shifts.values())
    return Evidence(
        whole=Shift.tested(size, math.sqrt(variance * history.factor + fewer), PRIOR_DF + df),
        sessions=history.sessions,
        spread=math.sqrt(variance + fewer),
        cells=_cells(history, noise, shifts, (residual, variance), _limits(history, run, allowance)),
        only=None if len(shifts) > 1 else next(iter(shifts)),
        creep=creep(size, list(history.levels.values()), prior, fewer),
    )


@dataclass(frozen=True)
class _Noise:
    """Noise of the samples within sessions: ``within`` is its standard deviation, over cells.

    Per cell, as variances: ``value``, of its median in this run; ``fewer_rounds``, what that has in excess of
    the sessions' medians because the run made fewer rounds. ``spreads``: how much wider it scatters.
    """

    within: float
    value: Mapping[str, float]
    fewer_rounds: Mapping[str, float]
    spreads: stats.Spreads[str]
    rounds: int


def _noise(history: History, sessions: Sequence[Samples], run: Samples) -> _Noise:
    groups = {cell: [*(sessions[r][cell] for r in row), run[cell]] for cell, row in history.values.items()}
    own = {cell: stats.pair_noise(rows) for cell, rows in groups.items()}
    known = [sd for sd in own.values() if sd is not None]
    usual = median(known) if known else _noise_without_rounds(history)
    sd = {cell: usual if value is None else value for cell, value in own.items()}
    return _Noise(
        within=math.sqrt(fmean(value * value for value in sd.values())),
        value={cell: sd[cell] ** 2 * stats.median_variance(len(run[cell])) for cell in groups},
        fewer_rounds={
            cell: sd[cell] ** 2
            * max(
                0.0,
                stats.median_variance(len(run[cell])) - fmean(stats.median_variance(len(g)) for g in rows),
            )
            for cell, rows in groups.items()
        },
        spreads=stats.spreads(
            {cell: [_log_spread(group) for group in rows if len(group) > 1] for cell, rows in groups.items()}
        ),
        rounds=min(len(run[cell]) for cell in groups),
    )


def _noise_without_rounds(history: History) -> float:
    """With one sample a cell and session: left to residuals (0), shown by the cells' shifts, or assumed."""
    if history.df:
        return 0.0
    shifts = list(history.shifts.values())
    if len(shifts) < 3:
        return _ASSUMED_NOISE
    return (stats.pair_noise([shifts]) or 0.0) / math.sqrt(history.factor)


def _log_spread(group: Sequence[float]) -> float:
    return math.log(max(_RESOLUTION, fmean(abs(x - y) for x, y in combinations(group, 2))))


def _residual_variance(history: History, noise: _Noise) -> float:
    """Of one cell in one session, drift taken away; pooled over cells, robustly where rounds can disagree."""
    residuals = [r for cell in history.values for r in history.residuals(cell)]
    squares = stats.clipped_squares(residuals, history.df, _CLIP if noise.rounds >= 3 else math.inf)
    return stats.shrunk_variance(median(noise.value.values()), PRIOR_DF, squares, history.df)


def _cells(
    history: History,
    noise: _Noise,
    shifts: Mapping[str, float],
    variances: tuple[float, float],
    limits: Mapping[str, float],
) -> dict[str, Shift]:
    """Each cell against what the drift of the others lets expect. ``variances``: of residuals, of levels.

    ``limits`` as of ``_limits``.
    """
    if len(shifts) < 2:
        return {}
    residual, variance = variances
    others = len(shifts) - 1
    drift = max(0.0, variance - residual / len(shifts))
    explained = drift / (drift + residual / others) if drift else 0.0
    total = math.fsum(shifts.values())
    usual = median(noise.value.values())
    unsteady = stats.spreads(
        {cell: [math.log(max(_RESOLUTION, abs(r))) for r in history.residuals(cell)] for cell in shifts}
    )
    df = noise.spreads.df(PRIOR_DF + history.df)
    cells = {}
    for cell, size in history.shifts.items():
        own = residual + max(0.0, usual * (noise.spreads.ratio[cell] ** 2 - 1))
        own = max(own, residual * unsteady.ratio[cell] ** 2)
        spread = (own + drift * (1 - explained)) * history.cell_factor(cell) + noise.fewer_rounds[cell]
        centre = explained * (total - shifts[cell]) / others
        floor = 0.0 if size - centre < limits[cell] else 1.0
        cells[cell] = Shift.tested(size, math.sqrt(spread), df, centre=centre, floor=floor)
    return cells


def _limits(history: History, run: Samples, allowance: float) -> dict[str, float]:
    """How far a cell must have fallen to be evidence; no fall is where its rounds disagree.

    One round has nobody to disagree with: a stalled request is no evidence where one stalled as long before.
    """
    deepest = min(x for cell in history.values for x in _seen(history, cell))
    limits = {}
    for cell, mean in history.means.items():
        if not _agree(run[cell], mean + allowance):
            limits[cell] = -math.inf
        else:
            limits[cell] = deepest if len(run[cell]) == 1 else math.inf
    return limits


def _seen(history: History, cell: str) -> list[float]:
    """How far each session of a cell lay from what the other sessions and cells let expect, and 0."""
    residuals = history.residuals(cell)
    if len(residuals) < 2 or len(history.values) < 2:
        return [0.0]
    left = (1 - 1 / len(residuals)) * (1 - 1 / len(history.values))
    return [0.0, *(residual / left for residual in residuals)]


def _agree(samples: Sequence[float], limit: float) -> bool:
    """Whether at least three quarters of the rounds lie below the limit."""
    return sum(1 for sample in samples if sample < limit) >= AGREE * len(samples)
