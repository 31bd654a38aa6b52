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
from functools import partial
from typing import TYPE_CHECKING

from gate_figures import Figure, share
from gate_scores import BREAKING, breaks, in_turn, pass_or_fail, scores, stuck
from gate_worlds import (
    ALPHA,
    ORDINARY,
    STANDARD,
    Change,
    World,
    build,
    in_the_loop,
    one_slower,
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
