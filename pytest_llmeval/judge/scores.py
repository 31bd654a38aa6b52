"""Scores against a baseline's sessions: points 0-10, one mean per cell and session.

A score's spread belongs to its cell: executed correctness is nearly always 0 or 10, and a cell that always
passes says nothing about one that passes every second time. Where a cell is such a pass or fail, its spread
and its tail are those of a pass rate that is itself uncertain (beta-binomial, Jeffreys' prior).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from statistics import fmean
from typing import TYPE_CHECKING

from . import ranks, stats
from .evidence import PRIOR_DF, Evidence, Samples, Shift
from .history import History, creep, lay_out
from .ranks import Falls

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_TOP = 10.0
_JEFFREYS = 0.5
_EXTREME = 0.05  # points from 0 or 10 that still are 0 or 10
_MANY = 5  # cells; of fewer, each is much of the whole
_ASSUMED_NOISE = 1.0  # points, of one sample, where nothing shows it


@dataclass(frozen=True)
class _Cell:
    """One cell's samples: of its sessions, and of the run."""

    sessions: Sequence[Sequence[float]]
    run: Sequence[float]

    @cached_property
    def passed_or_failed(self) -> bool:
        """Whether it nearly always was 0 or 10: three quarters of the history."""
        old = [x for session in self.sessions for x in session]
        return _extremes(old) >= 0.75 * len(old)

    @cached_property
    def falls(self) -> list[list[float]]:
        """How far each round lies from the mean of the other sessions: of each session, last of the run.

        Of one session alone nobody knows.
        """
        means = [fmean(session) for session in self.sessions]
        total, others = math.fsum(means), len(means) - 1
        past = [
            [x - (total - mean) / others for x in session]
            for session, mean in zip(self.sessions, means, strict=True)
            if others
        ]
        return [*past, [x - total / len(means) for x in self.run]]

    @cached_property
    def pass_or_fail(self) -> bool:
        """Whether it still is: half of the run too."""
        return self.passed_or_failed and 2 * _extremes(self.run) >= len(self.run)


def evidence(sessions: Sequence[Samples], run: Samples, *, prior_sd: float) -> Evidence | None:
    """Whole, cells and creep of one score; None where run and sessions share no cell. Points throughout."""
    history = lay_out(sessions, run, fmean)
    if history is None:
        return None
    cells = {key: _Cell([sessions[r][key] for r in row], run[key]) for key, row in history.values.items()}
    kinds = {
        kind: [cell for cell in cells.values() if cell.passed_or_failed is kind] for kind in (True, False)
    }
    alike = {kind: _likeness(of_kind) for kind, of_kind in kinds.items()}
    noise = {key: _variance_of_mean(cell, alike[True]) for key, cell in cells.items()}
    usual = _usual_variance(history, noise)
    of_mean = {key: usual if value is None else value for key, value in noise.items()}

    prior = max(prior_sd**2, fmean(of_mean.values()) / len(cells))
    df = max(0, history.sessions - 1)
    levels = list(history.levels.values())
    squares = math.fsum(level * level for level in levels)
    spread = stats.shrunk_variance(prior, PRIOR_DF, squares, df)
    later = (_variance_of_mean(cell, alike[True], rate_is_known=True) or 0.0 for cell in cells.values())
    planned = max(prior_sd**2, fmean(later) / len(cells))
    shifts = list(history.shifts.values())
    return Evidence(
        whole=_whole(shifts, math.sqrt(spread * history.factor), PRIOR_DF + df),
        sessions=history.sessions,
        spread=math.sqrt(min(spread, stats.shrunk_variance(planned, PRIOR_DF, squares, df))),
        cells=_tests(history, cells, of_mean, prior_sd, alike) if len(cells) > 1 else {},
        only=None if len(cells) > 1 else next(iter(cells)),
        creep=creep(fmean(shifts), levels, prior),
    )


def _whole(shifts: Sequence[float], se: float, df: float) -> Shift:
    """All cells together. Of many, the deepest falls no farther than the next: else that cell fell alone."""
    size = fmean(shifts)
    if len(shifts) < _MANY:
        return Shift.tested(size, se, df)
    deepest, next_one = sorted(shifts)[:2]
    return Shift.tested(size, se, df, centre=(deepest - next_one) / len(shifts))


def _usual_variance(history: History, noise: Mapping[str, float | None]) -> float:
    """The variance of a cell whose rounds show none, as it was asked once a session: what its sessions show.

    Pulled towards what the other cells show.
    """
    known = [value for value in noise.values() if value is not None]
    silent = [key for key, value in noise.items() if value is None]
    guess = fmean(known) if known else _ASSUMED_NOISE**2
    squares = math.fsum(x * x for key in silent for x in history.residuals(key))
    return stats.shrunk_variance(guess, PRIOR_DF, squares, history.df * len(silent) / len(noise))


def _extremes(samples: Sequence[float]) -> int:
    return sum(1 for x in samples if x <= _EXTREME or x >= _TOP - _EXTREME)


def _likeness(cells: Sequence[_Cell]) -> float:
    """How alike the rounds of one session are, pooled over cells."""
    between = within = between_df = within_df = 0.0
    rounds = []
    for cell in cells:
        sessions = cell.sessions
        grand = fmean(x for session in sessions for x in session)
        between += math.fsum(len(s) * (fmean(s) - grand) ** 2 for s in sessions)
        within += math.fsum(stats.squares(s) for s in [*sessions, cell.run])
        between_df += len(sessions) - 1
        within_df += sum(len(s) - 1 for s in [*sessions, cell.run])
        rounds += [len(s) for s in sessions]
    return ranks.likeness((between, between_df), (within, within_df), fmean(rounds) if rounds else 1.0)


def _variance_of_mean(cell: _Cell, alike: float, *, rate_is_known: bool = False) -> float | None:
    """The variance of the run's mean by the noise of samples; None where the cell does not show it.

    ``rate_is_known``: without the doubt about a pass rate, as after many sessions.
    """
    n = len(cell.run)
    if cell.pass_or_fail:
        if rate_is_known:
            rate = fmean(x for session in cell.sessions for x in session) / _TOP
            return _TOP**2 * rate * (1 - rate) / ranks.independent(n, alike)
        a, b = _rate(cell, alike)
        return _TOP**2 * a * b / ((a + b) * (a + b + 1)) / ranks.independent(n, alike)
    groups = [group for group in [*cell.sessions, cell.run] if len(group) > 1]
    if not groups:
        return None
    squares = math.fsum(stats.squares(group) for group in groups)
    return squares / sum(len(group) - 1 for group in groups) / n


def _rate(cell: _Cell, alike: float) -> tuple[float, float]:
    """The pass rate's Beta(a, b) after the sessions."""
    passed = failed = _JEFFREYS
    for session in cell.sessions:
        worth = ranks.independent(len(session), alike)
        passed += worth * fmean(session) / _TOP
        failed += worth * (1 - fmean(session) / _TOP)
    return passed, failed


def _tests(
    history: History,
    cells: Mapping[str, _Cell],
    of_mean: Mapping[str, float],
    prior_sd: float,
    alike: Mapping[bool, float],
) -> dict[str, Shift]:
    """Each cell: its own spread, pulled towards that of all; and its rounds must be rare by rank as well."""
    deviations = {key: [y - history.means[key] for y in row.values()] for key, row in history.values.items()}
    squares = {key: math.fsum(x * x for x in row) for key, row in deviations.items()}
    free = sum(len(row) - 1 for row in deviations.values())
    pooled = math.fsum(squares.values()) / free if free else 0.0
    falls = {
        kind: Falls.of(row for cell in cells.values() if cell.passed_or_failed is kind for row in cell.falls)
        for kind in alike
    }
    tests = {}
    for key, cell in cells.items():
        size, df = history.shifts[key], len(cell.sessions) - 1
        if cell.pass_or_fail:
            tests[key] = _tail(cell, size, of_mean[key], history.cell_factor(key), alike[True])
            continue
        prior = max(prior_sd**2, of_mean[key], pooled)
        spread = stats.shrunk_variance(prior, PRIOR_DF, squares[key], df)
        se = math.sqrt(spread * history.cell_factor(key))
        kind = cell.passed_or_failed
        floor, least = falls[kind].chance(cell.falls[-1], alike[kind])
        tests[key] = Shift.tested(size, se, PRIOR_DF + df, floor=floor, least=least)
    return tests


def _tail(cell: _Cell, size: float, of_mean: float, factor: float, alike: float) -> Shift:
    """The predictive chance of so few passes, in rounds that are worth fewer the more alike they are."""
    trials = max(1, round(ranks.independent(len(cell.run), alike)))
    share = fmean(cell.run) / _TOP
    passed = math.ceil(share * trials - 1e-9)
    a, b = _rate(cell, alike)
    se = math.sqrt(of_mean * factor)
    return Shift(
        size,
        se,
        df=max(PRIOR_DF, a + b),
        p=stats.beta_binomial_cdf(passed, trials, a, b),
        p_gain=stats.beta_binomial_cdf(trials - math.floor(share * trials + 1e-9), trials, b, a),
        t=size / se,
        least=stats.beta_binomial_cdf(0, trials, a, b),
    )
