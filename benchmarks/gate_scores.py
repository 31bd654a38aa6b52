"""How often ``judge_metric`` is red on scores: rows of ``gate_power``'s table."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from gate_figures import Figure, share
from gate_worlds import Cells, World, breaking, lower, passing, points, same

from pytest_llmeval.judge import judge_metric

if TYPE_CHECKING:
    import random
    from collections.abc import Iterator


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
