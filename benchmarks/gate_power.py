"""How often a build goes red: ours, the targets, the best possible test, and ordinary practice beside it.

    python benchmarks/gate_power.py [--builds=2000] [--seed=1] [--only=WORDS]

Builds are simulated: every request draws its figure, every session its drift, and ``judge_metric`` and
``judge_run`` judge them as they would judge a real run. Per cent of builds that are red; each figure is of
``--builds`` builds (standard error at 2,000: 0.3 at 2 %, 0.8 at 85 %). Exits 1 when a target is missed.

*best possible* is the most powerful test that knows every variance, at the same alpha; a real gate has to
estimate them from a few sessions. It is left out where it has no closed form.
"""

from __future__ import annotations

import argparse
import math
import random
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from itertools import product
from pathlib import Path
from statistics import NormalDist, fmean, median, stdev

sys.path.insert(0, str(Path(__file__).parents[1]))  # this checkout, installed or not

from pytest_llmeval.judge import judge_metric, judge_run
from pytest_llmeval.judge.sessions import Baseline, Epoch, session
from pytest_llmeval.judge.stats import median_variance, t_cdf
from pytest_llmeval.model import Facts, Host, Record, Run, Sample, Score

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


# -- figures -----------------------------------------------------------------------------------------------


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


Goal = tuple[float | None, float | None, float | None, float | None]
"""No change at most; -5 %, -10 % and one scenario -20 % at least."""

STANDARD = World()
SPEED: list[tuple[str, World, int, Goal]] = [
    ("4 % within, 2 % between", STANDARD, 3, (3, 25, 87, 97)),
    ("4 % within, 2 % between", STANDARD, 5, (3, 33, 93, 98)),
    ("4 % within, 2 % between", STANDARD, 10, (3, 40, 96, 98)),
    ("+ 1.5 % of its own per cell", World(own=0.015), 5, (3, 33, 92, 97)),
    ("heavy tails", World(heavy=True), 5, (5, 30, 89, 92)),
    ("calm machine, 2 % / 0.5 %", World(within=0.02, between=0.005), 10, (3, 97, 100, 100)),
    ("noisy machine, 8 % / 5 %", World(within=0.08, between=0.05), 5, (6, None, 40, None)),
]
OTHER: list[tuple[str, World, int, float]] = [
    ("drift that walks, 1 % a session", World(walk=0.01), 10, 6),
    ("cells of very different spread", World(spread=0.7), 5, 4),
    ("every fourth cell missing", World(absent=0.25), 5, 3),
    ("one round against three", World(run_rounds=1), 5, 5),
    ("ten rounds against three", World(run_rounds=10), 5, 3),
    ("one round each", World(rounds=1), 5, 5),
    ("one cell only", World(cells=1), 5, 4),
    ("two cells", World(cells=2), 3, 4),
    ("300 cells", World(cells=300), 5, 5),
    ("rounds alike, r = 0.9", World(like=0.9), 5, 5),
    ("constant, zero variance", World(within=0.0, between=0.0), 5, 0),
    ("one session, heavy tails", World(heavy=True), 1, 3),
    ("two sessions, noisy machine", World(within=0.08, between=0.05), 2, 3),
]
CHANGES: tuple[tuple[str, Change, float, bool], ...] = (
    ("no change", same, 0.0, False),
    ("-5 %", slower(0.05), math.log(0.95), False),
    ("-10 %", slower(0.10), math.log(0.90), False),
    ("one scenario -20 %", one_slower(0.20), math.log(0.80), True),
)


def share(builds: int, one: Callable[[], list[bool]]) -> list[float]:
    """Per cent of builds, for each of the answers that one build gives."""
    counts = [sum(column) for column in zip(*(one() for _ in range(builds)), strict=True)]
    return [100 * count / builds for count in counts]


def speed(
    name: str, world: World, sessions: int, goal: Goal, rng: random.Random, builds: int
) -> Iterator[Figure]:
    """One row of the table of ``judge_metric``; the same builds under each change, and by ordinary gates."""
    asked = [row for row, mark in zip(CHANGES, goal, strict=True) if mark is not None]

    def one() -> list[bool]:
        *past, run = map(speeds, world.sessions(rng, sessions + 1))
        answers = []
        for _, change, _, _ in asked:
            new = change(run)
            answers.append(judge_metric(past, new, metric="output_tps", alpha=ALPHA).verdict == "regressed")
            answers += [gate(past, new) for gate in ORDINARY.values()]
        return answers

    width = 1 + len(ORDINARY)
    reds = share(builds, one)
    marks = [mark for mark in goal if mark is not None]
    for number, ((change, _, shift, single), mark) in enumerate(zip(asked, marks, strict=True)):
        ours, *others = reds[number * width : (number + 1) * width]
        yield Figure(
            name,
            sessions,
            change,
            ours,
            at_most=mark if shift == 0 else None,
            at_least=None if shift == 0 else mark,
            best=world.best(sessions, shift, one=single) if shift else None,
            ordinary=dict(zip(ORDINARY, others, strict=True)),
        )


def reference(rng: random.Random, builds: int) -> Iterator[Figure]:
    """Candidate and reference asked in turn: the session's drift is the same for both."""
    changes: list[tuple[str, Change]] = [(name, change) for name, change, _, _ in CHANGES[:3]]

    def one() -> list[bool]:
        old, new = map(speeds, World(between=0.0).sessions(rng, 2))
        return [
            judge_metric((), change(new), metric="output_tps", reference=old).verdict == "regressed"
            for _, change in changes
        ]

    reds = share(builds, one)
    yield Figure("reference mode, 4 % within", 0, "no change", reds[0], at_most=3)
    yield Figure("reference mode, 4 % within", 0, "-5 %", reds[1], at_least=93)
    yield Figure("reference mode, 4 % within", 0, "-10 %", reds[2], at_least=100)


def scores(rng: random.Random, builds: int) -> Iterator[Figure]:
    """A score that scatters by 0.6 points, equal cells."""

    def one() -> list[bool]:
        *past, run = map(points, World(within=0.6, between=0.0).sessions(rng, 11))
        changes = (same, lower(0.5))
        return [
            judge_metric(past, change(run), metric="quality").verdict == "regressed" for change in changes
        ]

    reds = share(builds, one)
    yield Figure("score, sd 0.6", 10, "no change", reds[0], at_most=3)
    yield Figure("score, sd 0.6", 10, "-0.5 points", reds[1], at_least=92)


def passing(rng: random.Random, rates: list[float], *, factor: float = 1.0, rounds: int = 3) -> Cells:
    """Correctness 0 or 10 of each cell, at its pass rate times ``factor``."""
    return {
        f"coding/s{cell:03}/en": [10.0 if rng.random() < rate * factor else 0.0 for _ in range(rounds)]
        for cell, rate in enumerate(rates)
    }


def pass_or_fail(rng: random.Random, builds: int) -> Iterator[Figure]:
    """Executed correctness: pass rates Beta(1.7, 0.3), mean 0.85, which fall to a mean of 0.65 and 0.45."""

    def one() -> list[bool]:
        rates = [rng.betavariate(1.7, 0.3) for _ in range(30)]
        past = [passing(rng, rates) for _ in range(5)]
        return [
            judge_metric(past, passing(rng, rates, factor=mean / 0.85), metric="correctness").verdict
            == "regressed"
            for mean in (0.85, 0.65, 0.45)
        ]

    reds = share(builds, one)
    yield Figure("pass or fail, 30 cells", 5, "no change", reds[0], at_most=3)
    yield Figure("pass or fail, 30 cells", 5, ".85 -> .65", reds[1], at_least=85)
    yield Figure("pass or fail, 30 cells", 5, ".85 -> .45", reds[2], at_least=98)


def stuck(rng: random.Random, builds: int) -> Iterator[Figure]:
    """Scores that are stuck, or that flip between sessions at temperature 0, where all rounds are alike."""

    def constant() -> list[bool]:
        value = rng.choice([0.0, 10.0])
        cells = {f"coding/s{cell}/en": [value] * 3 for cell in range(10)}
        return [judge_metric([cells] * 5, cells, metric="correctness").verdict == "regressed"]

    def flipping() -> list[bool]:
        def draw() -> Cells:
            return {f"coding/s{c}/en": [10.0 if rng.random() < 0.95 else 0.0] * 3 for c in range(10)}

        return [judge_metric([draw() for _ in range(5)], draw(), metric="correctness").verdict == "regressed"]

    yield Figure("scores stuck at 0 or 10", 5, "no change", share(builds, constant)[0], at_most=0)
    yield Figure("temperature 0, 5 % flip a session", 5, "no change", share(builds, flipping)[0], at_most=4)


# -- whole builds ------------------------------------------------------------------------------------------

LATENCY = World(within=0.08, between=0.04)
QUALITY = World(within=0.6, between=0.05)
CELL = "0" * 64


def build(rng: random.Random, rates: list[float], sessions: int) -> list[Run]:
    """Runs of one endpoint with the four metrics that are gated by default."""
    count = sessions + 1
    tps = [speeds(one) for one in STANDARD.sessions(rng, count)]
    ttft = [
        {cell: [0.2 * math.exp(-x) for x in values] for cell, values in one.items()}
        for one in LATENCY.sessions(rng, count)
    ]
    quality = [points(one) for one in QUALITY.sessions(rng, count)]
    correctness = [passing(rng, rates) for _ in range(count)]
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


def with_speeds(run: Run, change: Change) -> Run:
    """The run with another output_tps."""
    tps = change({one.key: [sample.output_tps or 0.0 for sample in one.samples] for one in run.cells})
    ttft = {one.key: [sample.ttft_s or 0.0 for sample in one.samples] for one in run.cells}
    score = {one.key: [sample.score or Score() for sample in one.samples] for one in run.cells}
    quality = {cell: [one.quality or 0.0 for one in found] for cell, found in score.items()}
    correctness = {cell: [one.correctness or 0.0 for one in found] for cell, found in score.items()}
    return as_run(run.id, tps, ttft, quality, correctness)


def whole_builds(
    sessions: int, goal: tuple[float, float, float], rng: random.Random, builds: int
) -> Iterator[Figure]:
    """``judge_run`` at its defaults: one endpoint, four gated metrics."""
    changes = (CHANGES[0], CHANGES[2], CHANGES[3])

    def one() -> list[bool]:
        rates = [rng.betavariate(1.7, 0.3) for _ in range(10)]
        *past, run = build(rng, rates, sessions)
        epoch = Epoch(facts=Facts(kind="openai"), sessions=tuple(session(old, "box") for old in past))
        baselines = {"box": Baseline(endpoint="box", epochs=(epoch,))}
        return [judge_run(baselines, with_speeds(run, change)).red for _, change, _, _ in changes]

    for (change, _, shift, _), red, mark in zip(changes, share(builds, one), goal, strict=True):
        most, least = (None, mark) if shift else (mark, None)
        yield Figure("judge_run, four metrics", sessions, change, red, at_most=most, at_least=least)


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


# -- the table ---------------------------------------------------------------------------------------------


def parts(builds: int, seed: int) -> Iterator[tuple[str, Callable[[], Iterator[Figure]]]]:
    """Every row of the table by name, each with a generator of random numbers of its own."""
    for name, world, sessions, goal in SPEED:
        rng = random.Random(f"{seed} {name} {sessions}")
        yield name, partial(speed, name, world, sessions, goal, rng, builds)
    yield "reference mode", partial(reference, random.Random(seed), builds)
    yield "score", partial(scores, random.Random(seed), builds)
    yield "pass or fail", partial(pass_or_fail, random.Random(seed), builds)
    for sessions, least in ((3, (75.0, 89.0)), (5, (85.0, 95.0)), (10, (92.0, 98.0))):
        rng = random.Random(f"{seed} build {sessions}")
        yield "judge_run", partial(whole_builds, sessions, (3.0, *least), rng, builds)
    for name, world, sessions, limit in OTHER:
        rng = random.Random(f"{seed} {name}")
        few = max(1, builds // 2) if world.cells > 100 else builds
        yield name, partial(speed, name, world, sessions, (limit, None, None, None), rng, few)
    yield "stuck", partial(stuck, random.Random(seed), builds)


def line(figure: Figure) -> str:
    """One line of the printed table."""
    best = "" if figure.best is None else f"{figure.best:.1f}"
    others = "".join(
        f"{figure.ordinary[name]:>13.1f}" if name in figure.ordinary else f"{'':13}" for name in ORDINARY
    )
    mark = "  MISSED" if figure.missed else ""
    sessions = str(figure.sessions) if figure.sessions else "-"
    head = f"{figure.name:34}{sessions:>3}  {figure.change:20}"
    return f"{head}{figure.red:7.1f}{figure.target:>8}{best:>10}{others}{mark}"


def main() -> int:
    """Print the table; 1 when a target was missed."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--builds", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", default="", help="rows whose name contains this")
    options = parser.parse_args()
    began = time.perf_counter()
    heads = "".join(f"{name:>13}" for name in ORDINARY)
    print(f"per cent of builds that are red, {options.builds} builds a figure, alpha {ALPHA:g}")
    print(f"{'noise':34}{'K':>3}  {'change':20}{'ours':>7}{'target':>8}{'best poss.':>10}{heads}")
    missed = 0
    for name, figures in parts(options.builds, options.seed):
        if options.only in name:
            for figure in figures():
                print(line(figure), flush=True)
                missed += figure.missed
    print(f"{missed} targets missed; {time.perf_counter() - began:.0f} s")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
