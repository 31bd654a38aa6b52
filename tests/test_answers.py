"""Scores mean something: answers of known worth to every scenario of the suite come out in their order."""

from __future__ import annotations

from typing import TYPE_CHECKING

import known_answers
import pytest

from pytest_llmeval.score.analyser import Analyser
from pytest_llmeval.score.sandbox import choice
from pytest_llmeval.score.sandbox.protocol import Unusable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from known_answers import Known

    from pytest_llmeval.model import Scenario, Score

    Scored = Callable[[Known], Score]

SANDBOX = choice.usable()
SUITE = known_answers.suite("coding")
EXPECTED = {"reference", "good", "mediocre", "wrong", "broken", "refusal", "gamed"}

pytestmark = pytest.mark.skipif(isinstance(SANDBOX, Unusable), reason="no sandbox here")
each_scenario = pytest.mark.parametrize("scenario", SUITE, ids=lambda one: one.id)


@pytest.fixture(scope="module")
def scored() -> Iterator[Scored]:
    """The score of an answer, by the real analyser and in the real sandbox, once each."""
    scores: dict[tuple[str, str], Score] = {}
    with Analyser() as analyser:

        def once(known: Known) -> Score:
            place = known.scenario.id, known.name
            if place not in scores:
                scores[place], _ = known.score(analyser, SANDBOX)
            return scores[place]

        yield once


def correctness(scored: Scored, known: Known) -> float:
    """Of an answer to a scenario that can always be told right from wrong."""
    score = scored(known)
    assert score.correctness is not None, (known.name, score.absent)
    return score.correctness


def pairs(scenario: Scenario, better: tuple[str, ...], worse: tuple[str, ...]) -> list[tuple[Known, Known]]:
    """Answers of the better worths, each with each answer of the worse ones to the same prompt."""
    known = known_answers.of(scenario)
    return [
        (one, other)
        for one in known
        for other in known
        if one.language == other.language and one.worth in better and other.worth in worse
    ]


@each_scenario
def test_a_scenario_has_answers_of_every_worth(scenario: Scenario) -> None:
    known = known_answers.of(scenario)
    assert {one.worth for one in known if one.language == "en"} >= EXPECTED
    assert {one.language for one in known if one.worth == "reference"} == scenario.prompt.keys()


@each_scenario
def test_right_answers_are_right(scenario: Scenario, scored: Scored) -> None:
    for known in known_answers.of(scenario):
        if known.worth == "reference":
            assert correctness(scored, known) >= 9.5, known.name
        elif known.worth == "good":
            assert correctness(scored, known) >= 8, known.name


@pytest.mark.parametrize(
    ("better", "worse"),
    [
        (("good",), ("mediocre", "wrong")),
        (("mediocre",), known_answers.WORTHLESS),
        (("reference",), ("mediocre", "wrong", *known_answers.WORTHLESS)),
    ],
    ids=["good", "mediocre", "reference"],
)
@each_scenario
def test_what_is_worth_more_scores_more(
    scenario: Scenario, scored: Scored, better: tuple[str, ...], worse: tuple[str, ...]
) -> None:
    for one, other in pairs(scenario, better, worse):
        assert correctness(scored, one) > correctness(scored, other), (one.name, other.name)


@each_scenario
def test_nothing_is_better_than_the_reference(scenario: Scenario, scored: Scored) -> None:
    for one, other in pairs(scenario, ("reference",), known_answers.WORTHS):
        assert correctness(scored, one) >= correctness(scored, other), (one.name, other.name)


@each_scenario
def test_gaming_scores_below_every_honest_right_answer(scenario: Scenario, scored: Scored) -> None:
    for honest, gamed in pairs(scenario, known_answers.RIGHT, ("gamed",)):
        assert headline(scored, honest, gamed) > headline(scored, gamed, honest), (honest.name, gamed.name)


def headline(scored: Scored, known: Known, other: Known) -> float:
    """What people read: ``total`` where both answers have one, else ``correctness``."""
    total = scored(known).total
    return correctness(scored, known) if total is None or scored(other).total is None else total


@each_scenario
def test_another_language_is_not_clear(scenario: Scenario, scored: Scored) -> None:
    for asked, other in pairs(scenario, ("reference",), ("wrong-language",)):
        assert scored(other).parts["language"] == 0, other.name
        assert (scored(asked).clarity or 0) > (scored(other).clarity or 0), other.name


def test_no_answers_of_a_scenario_that_is_gone() -> None:
    folders = {path.name for path in (known_answers.FOLDER / "coding").iterdir()}
    assert folders <= {scenario.id for scenario in SUITE}
