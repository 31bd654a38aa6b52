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
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING

from gate_worlds import (
    ALPHA,
    ORDINARY,
    STANDARD,
    Cells,
    Change,
    World,
    breaking,
    build,
    in_the_loop,
    lower,
    one_slower,
    passing,
    points,
    same,
    slower,
    speeds,
    with_speeds,
)

from pytest_llmeval.judge import judge_metric, judge_run
from pytest_llmeval.judge.sessions import Baseline, Epoch, session
from pytest_llmeval.model import Facts

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

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


BREAKING: list[tuple[str, dict[str, int | bool], int, float]] = [
    ("answers break, one round", {}, 10, 90),
    ("answers break, rounds alike", {"cells": 10, "rounds": 3, "like": True}, 5, 80),
    ("answers break, three rounds", {"rounds": 3}, 10, 90),
]


def breaks(
    name: str, shape: dict[str, int | bool], sessions: int, least: float, rng: random.Random, builds: int
) -> Iterator[Figure]:
    """Scores that fall farther than any spread when an answer breaks: seldom, now and then, often.

    Then four of 30 scenarios (two of 10) break for good, where before one in 300 answers did.
    """
    draw = partial(breaking, rng, **shape)

    def one() -> list[bool]:
        answers = []
        for rate in (0.003, 0.03, 0.1):
            past = [draw(rate) for _ in range(sessions)]
            answers.append(judge_metric(past, draw(rate), metric="correctness").verdict == "regressed")
        past = [draw(0.003) for _ in range(sessions)]
        worse = draw(0.003, broken=shape.get("cells", 30) // 10 + 1)
        return [*answers, judge_metric(past, worse, metric="correctness").verdict == "regressed"]

    *unchanged, worse = share(builds, one)
    for rate, red in zip(("0.3 %", "3 %", "10 %"), unchanged, strict=True):
        yield Figure(name, sessions, f"no change, {rate}", red, at_most=4)
    yield Figure(name, sessions, "4 of 30 for good", worse, at_least=least)


def in_turn(rng: random.Random, builds: int) -> Iterator[Figure]:
    """Scores against a reference that was asked in turn, at temperature 0 and above."""
    draws = (partial(breaking, rng, 0.03, rounds=3, like=True), partial(breaking, rng, 0.03, rounds=3))

    def one() -> list[bool]:
        looks = []
        for draw in draws:
            reference = draw()
            looks += [
                judge_metric((), draw(broken=broken), metric="correctness", reference=reference).verdict
                == "regressed"
                for broken in (0, 10)
            ]
        return looks

    reds = share(builds, one)
    for number, name in enumerate(("in turn, answers break, alike", "in turn, answers break")):
        yield Figure(name, 0, "no change, 3 %", reds[2 * number], at_most=4)
        yield Figure(name, 0, "10 of 30 for good", reds[2 * number + 1], at_least=90)


STALLS: list[tuple[str, World, int]] = [
    ("one round, heavy tails", World(rounds=1, run_rounds=4, heavy=True), 5),
    ("one round, heavy tails", World(rounds=1, run_rounds=4, heavy=True), 10),
    ("300 cells, heavy tails", World(cells=300, run_rounds=6, heavy=True), 5),
]


def stalls(name: str, world: World, sessions: int, rng: random.Random, builds: int) -> Iterator[Figure]:
    """Requests that stall look like slow cells where rounds are few or cells many: what a second look leaves.

    The first one sees as many rounds as the sessions have, the second one also those after them, of suspects.
    """

    def one() -> list[bool]:
        *past, run = map(speeds, world.sessions(rng, sessions + 1))
        loop = {cell: values[: world.rounds] for cell, values in run.items()}
        first = judge_metric(past, loop, metric="output_tps", alpha=ALPHA)
        fell = {cell for cell, one in first.cells.items() if one.verdict == "regressed"}
        suspects = run.keys() if first.whole == "regressed" else fell
        again = {cell: run[cell] if cell in suspects else values for cell, values in loop.items()}
        second = judge_metric(past, again, metric="output_tps", alpha=ALPHA)
        still = any(second.cells[cell].verdict == "regressed" for cell in fell)
        return [first.verdict == "regressed", still or first.whole == second.whole == "regressed"]

    once, twice = share(builds, one)
    yield Figure(name, sessions, "no change", once)
    yield Figure(name, sessions, "no change, confirmed", twice, at_most=3)


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


def whole_builds(
    sessions: int, goal: tuple[float, float, float], rng: random.Random, builds: int
) -> Iterator[Figure]:
    """``judge_run`` at its defaults: one endpoint, four gated metrics.

    First as it looks at the loop, then with every suspected cell measured once more before anything is red.
    """
    changes = (CHANGES[0], CHANGES[2], CHANGES[3])

    def one() -> list[bool]:
        rates = [rng.betavariate(1.7, 0.3) for _ in range(10)]
        *past, run = build(rng, rates, sessions)
        epoch = Epoch(facts=Facts(kind="openai"), sessions=tuple(session(old, "box") for old in past))
        baselines = {"box": Baseline(endpoint="box", epochs=(epoch,))}
        looks = []
        for _, change, _, _ in changes:
            changed = with_speeds(run, change)
            first = judge_run(baselines, in_the_loop(changed))
            again = in_the_loop(changed, first.suspects.get("box", ()))
            looks += [first.red, first.red and judge_run(baselines, again).red]
        return looks

    reds = share(builds, one)
    for look, name in enumerate(("judge_run, four metrics", "and confirmed")):
        for (change, _, shift, _), red, mark in zip(changes, reds[look::2], goal, strict=True):
            most, least = (None, mark) if shift else (mark, None)
            yield Figure(name, sessions, change, red, at_most=most, at_least=least)


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
    for name, shape, sessions, least in BREAKING:
        rng = random.Random(f"{seed} {name}")
        yield name, partial(breaks, name, shape, sessions, least, rng, builds)
    for name, world, sessions in STALLS:
        few = max(1, builds // 10) if world.cells > 100 else builds
        rng = random.Random(f"{seed} {name} {sessions}")
        yield name, partial(stalls, name, world, sessions, rng, few)
    yield "in turn, answers break", partial(in_turn, random.Random(seed), builds)
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
