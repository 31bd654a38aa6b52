"""Simulated worlds for the gate: how figures scatter, whole builds made of them, and ordinary gates.

No table here: ``gate_power.py`` prints it, ``gate_plot.py`` draws it.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Container
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path
from statistics import NormalDist, fmean, median, stdev

sys.path.insert(0, str(Path(__file__).parents[1]))  # this checkout, installed or not

from typing import TYPE_CHECKING

from msgspec import structs

from pytest_llmeval.judge.stats import median_variance, t_cdf
from pytest_llmeval.model import Facts, Host, Record, Run, Sample, Score

if TYPE_CHECKING:
    import random

ALPHA = 0.02
NORMAL = NormalDist()
Cells = dict[str, list[float]]
Change = Callable[[Cells], Cells]


# -- the world ---------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class World:
    """How figures scatter: standard deviations of logarithms, or of points for scores.

    ``within`` a session, ``between`` sessions, ``own``: of one cell in one session. ``walk``: the step of a
    drift that does not come back. ``spread``: of the logarithms of the cells' ``within``. ``like``: the
    correlation of neighbouring rounds. ``heavy``: t with 3 degrees of freedom, 2 % of samples take 2.5 times
    as long. ``absent``: how many of a session's cells are missing.
    """

    within: float = 0.04
    between: float = 0.02
    own: float = 0.0
    walk: float = 0.0
    spread: float = 0.0
    like: float = 0.0
    heavy: bool = False
    cells: int = 10
    rounds: int = 3
    run_rounds: int | None = None
    absent: float = 0.0

    def sessions(self, rng: random.Random, count: int) -> list[Cells]:
        """So many sessions, the last of which is the run; on the scale of logarithms or points, about 0."""
        scale = [self.within * math.exp(rng.gauss(0, self.spread)) for _ in range(self.cells)]
        level, found = 0.0, []
        for number in range(count):
            level += rng.gauss(0, self.walk)
            drift = level + rng.gauss(0, self.between)
            last = number == count - 1
            rounds = self.run_rounds if last and self.run_rounds else self.rounds
            found.append(
                {
                    f"coding/s{cell:03}/en": self._samples(rng, drift + rng.gauss(0, self.own), sd, rounds)
                    for cell, sd in enumerate(scale)
                    if last or rng.random() >= self.absent
                }
            )
        return found

    def _samples(self, rng: random.Random, centre: float, sd: float, rounds: int) -> list[float]:
        noise: list[float] = []
        for _ in range(rounds):
            x = _t3(rng) if self.heavy else rng.gauss(0, 1)
            if noise and self.like:
                x = self.like * noise[-1] + math.sqrt(1 - self.like**2) * x
            noise.append(x)
        stalls = [math.log(2.5) if self.heavy and rng.random() < 0.02 else 0.0 for _ in noise]
        return [centre + sd * x - stall for x, stall in zip(noise, stalls, strict=True)]

    def best(self, sessions: int, shift: float, *, one: bool = False) -> float | None:
        """The power of the most powerful test for this shift of all cells (or of one) by known variances."""
        if self.heavy or self.walk or self.spread or self.like:
            return None
        of_cell = self.own**2 + self.within**2 * median_variance(self.rounds)
        variance = of_cell + of_cell / (self.cells - 1) if one else self.between**2 + of_cell / self.cells
        se = math.sqrt(variance * (1 + 1 / sessions))
        return 100 * NORMAL.cdf(-shift / se + NORMAL.inv_cdf(ALPHA / self.cells if one else ALPHA))


def _t3(rng: random.Random) -> float:
    return rng.gauss(0, 1) / math.sqrt(rng.gammavariate(1.5, 2) / 3)


def speeds(logs: Cells) -> Cells:
    """Tokens per second about 50."""
    return {cell: [50 * math.exp(x) for x in values] for cell, values in logs.items()}


def points(noise: Cells) -> Cells:
    """Scores about 7, all cells equal."""
    return {cell: [min(10.0, max(0.0, 7 + x)) for x in values] for cell, values in noise.items()}


def same(cells: Cells) -> Cells:
    """No change."""
    return cells


def slower(share: float) -> Change:
    """Every cell loses this share of its speed."""
    return lambda cells: {cell: [x * (1 - share) for x in values] for cell, values in cells.items()}


def one_slower(share: float) -> Change:
    """The first cell loses this share of its speed."""

    def change(cells: Cells) -> Cells:
        first = next(iter(cells))
        return cells | {first: [x * (1 - share) for x in cells[first]]}

    return change


def lower(by: float) -> Change:
    """Every cell loses so many points."""
    return lambda cells: {cell: [max(0.0, x - by) for x in values] for cell, values in cells.items()}


def passing(rng: random.Random, rates: list[float], *, factor: float = 1.0, rounds: int = 3) -> Cells:
    """Correctness 0 or 10 of each cell, at its pass rate times ``factor``."""
    return {
        f"coding/s{cell:03}/en": [10.0 if rng.random() < rate * factor else 0.0 for _ in range(rounds)]
        for cell, rate in enumerate(rates)
    }


def breaking(
    rng: random.Random, rate: float, *, cells: int = 30, rounds: int = 1, like: bool = False, broken: int = 0
) -> Cells:
    """Answers worth 10 points that break (1 point) at this rate; the first ``broken`` always do.

    ``like``: rounds of a session are one answer, as at temperature 0.
    """
    found = {}
    for cell in range(cells):
        drawn = [1.0 if cell < broken or rng.random() < rate else 10.0 for _ in range(rounds)]
        found[f"coding/s{cell:03}/en"] = drawn[:1] * rounds if like else drawn
    return found


# -- whole builds ---------------------------------------------------------------------------------------

STANDARD = World()
LATENCY = World(within=0.08, between=0.04)
QUALITY = World(within=0.6, between=0.05)
CELL = "0" * 64


def build(rng: random.Random, rates: list[float], sessions: int) -> list[Run]:
    """Runs of one endpoint with the four metrics that are gated by default.

    The last one has twice as many rounds: those that its cells are measured by if they are suspected.
    """
    count = sessions + 1
    speed, latency, grades = (replace(one, run_rounds=2 * one.rounds) for one in (STANDARD, LATENCY, QUALITY))
    tps = [speeds(one) for one in speed.sessions(rng, count)]
    ttft = [
        {cell: [0.2 * math.exp(-x) for x in values] for cell, values in one.items()}
        for one in latency.sessions(rng, count)
    ]
    quality = [points(one) for one in grades.sessions(rng, count)]
    correctness = [passing(rng, rates, rounds=3 if n < sessions else 6) for n in range(count)]
    return [
        as_run(f"r{n}", *figures)
        for n, figures in enumerate(zip(tps, ttft, quality, correctness, strict=True))
    ]


def as_run(name: str, tps: Cells, ttft: Cells, quality: Cells, correctness: Cells) -> Run:
    """The figures as a run's records."""
    records = []
    for cell, speeds_ in tps.items():
        suite, scenario, language = cell.split("/")
        figures = zip(speeds_, ttft[cell], quality[cell], correctness[cell], strict=True)
        records.append(
            Record(
                endpoint="box",
                suite=suite,
                scenario=scenario,
                language=language,
                category="algorithm",
                prompt_sha256=CELL,
                parameters_sha256=CELL,
                samples=tuple(
                    Sample(
                        round=n,
                        at_s=float(n),
                        ok=True,
                        cache="cold",
                        output_tps=speed_,
                        ttft_s=first,
                        score=Score(quality=good, correctness=right),
                    )
                    for n, (speed_, first, good, right) in enumerate(figures)
                ),
            )
        )
    return Run(
        id=name,
        started="2026-01-01T00:00:00Z",
        finished="2026-01-01T00:01:00Z",
        complete=True,
        plugin="0",
        host=Host(cpus=2, os="linux", python="3.11"),
        endpoints={"box": Facts(kind="openai")},
        cells=tuple(records),
    )


def in_the_loop(run: Run, cells: Container[str] = ()) -> Run:
    """The run's first three rounds; of ``cells`` also those that they were measured by once more."""

    def cut(record: Record) -> Record:
        samples = [structs.replace(one, confirms=one.round >= STANDARD.rounds) for one in record.samples]
        kept = (one for one in samples if not one.confirms or record.key in cells)
        return structs.replace(record, samples=tuple(kept))

    return structs.replace(run, cells=tuple(map(cut, run.cells)))


def with_speeds(run: Run, change: Change) -> Run:
    """The run with another output_tps."""
    tps = change({one.key: [sample.output_tps or 0.0 for sample in one.samples] for one in run.cells})
    ttft = {one.key: [sample.ttft_s or 0.0 for sample in one.samples] for one in run.cells}
    score = {one.key: [sample.score or Score() for sample in one.samples] for one in run.cells}
    quality = {cell: [one.quality or 0.0 for one in found] for cell, found in score.items()}
    correctness = {cell: [one.correctness or 0.0 for one in found] for cell, found in score.items()}
    return as_run(run.id, tps, ttft, quality, correctness)


# -- ordinary practice -------------------------------------------------------------------------------------


def _worse(old: float, new: float, allowed: float) -> bool:
    """pytest-benchmark's rule on times, for speeds: 1/new is more than so much above 1/old."""
    return old / new - 1 > allowed


def mean_5(past: list[Cells], run: Cells) -> bool:
    """--benchmark-compare-fail=mean:5% against the last session."""
    return any(_worse(fmean(past[-1][cell]), fmean(run[cell]), 0.05) for cell in run if past[-1].get(cell))


def median_10(past: list[Cells], run: Cells) -> bool:
    """--benchmark-compare-fail=median:10% against the last session."""
    return any(_worse(median(past[-1][cell]), median(run[cell]), 0.10) for cell in run if past[-1].get(cell))


def mann_whitney(past: list[Cells], run: Cells) -> bool:
    """Two-sided p < .05 for any scenario against the last session; the exact test can't reach it at 3 + 3."""

    def statistic(old: list[float], new: list[float]) -> float:
        return sum((a < b) + 0.5 * (a == b) for a, b in product(new, old))

    for cell, new in run.items():
        old = past[-1].get(cell)
        if not old:
            continue
        n, m = len(old), len(new)
        z = (statistic(old, new) - n * m / 2) / math.sqrt(n * m * (n + m + 1) / 12)
        p = (
            2 / math.comb(n + m, n)
            if n + m <= 8 and abs(statistic(old, new) - n * m / 2) == n * m / 2
            else 1.0
        )
        if n + m > 8:
            p = 2 * NORMAL.cdf(-abs(z))
        if p < 0.05 and z > 0:
            return True
    return False


def pooled_t(past: list[Cells], run: Cells) -> bool:
    """One-sided paired t over the scenarios, p < .02, against the last session."""
    shifts = [
        fmean(map(math.log, run[cell])) - fmean(map(math.log, past[-1][cell]))
        for cell in run
        if past[-1].get(cell)
    ]
    if len(shifts) < 2 or stdev(shifts) == 0:
        return False
    return t_cdf(fmean(shifts) / (stdev(shifts) / math.sqrt(len(shifts))), len(shifts) - 1) < ALPHA


ORDINARY: dict[str, Callable[[list[Cells], Cells], bool]] = {
    "mean:5%": mean_5,
    "median:10%": median_10,
    "Mann-Whitney": mann_whitney,
    "paired t": pooled_t,
}
