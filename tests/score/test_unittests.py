"""Unit tests as an answer: green where the code is right, red where it is changed, and nothing else."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from msgspec import structs

from pytest_llmeval.errors import UnscorableError
from pytest_llmeval.model import AnswerSpec, Scenario
from pytest_llmeval.score.sandbox import choice
from pytest_llmeval.score.sandbox.protocol import Unusable
from pytest_llmeval.score.scorers import unittests
from pytest_llmeval.score.scorers.protocol import Answer, Marks, Means

if TYPE_CHECKING:
    from pytest_llmeval.score.analysis import Analysis

SANDBOX = choice.usable()
GIVEN = """\
def ticket(age):
    if age < 0:
        raise ValueError("age")
    if age < 6:
        return 0
    return 7 if age < 18 else 12
"""
FULL = """\
import pytest
from tickets import ticket

@pytest.mark.parametrize(("age", "price"), [(0, 0), (5, 0), (6, 7), (17, 7), (18, 12)])
def test_price(age, price):
    assert ticket(age) == price

def test_negative():
    with pytest.raises(ValueError):
        ticket(-1)
"""
SCENARIO = Scenario(
    suite="s",
    id="ticket",
    prompt={"en": "?"},
    category="unit-test",
    answer=AnswerSpec(code="python"),
    given=GIVEN,
    reference=FULL,
)

pytestmark = pytest.mark.skipif(isinstance(SANDBOX, Unusable), reason="no sandbox here")


class Never:
    """An analyser that must not be asked."""

    def analyse(self, code: str) -> Analysis:
        raise AssertionError(f"asked to analyse {code!r}")


def scored(tests: str, scenario: Scenario = SCENARIO) -> Marks:
    return unittests.score(scenario, Answer("", tests), Means(Never(), SANDBOX))


def test_a_scenario_that_has_less_is_scored_plainly() -> None:
    assert SCENARIO.is_executed
    assert unittests.fits(SCENARIO)
    for lacking in ({"reference": None}, {"given": None}, {"category": "x"}, {"answer": AnswerSpec()}):
        less = structs.replace(SCENARIO, **lacking)
        assert not unittests.fits(less)
        assert not less.is_executed


def test_full_tests_notice_every_mutant() -> None:
    marks = scored(FULL)
    assert (marks.correctness, marks.reasons) == (10, ())
    assert marks.parts["tests"] == 6
    assert marks.parts["mutants"] == marks.parts["mutants_noticed"] > 8


def test_what_is_not_noticed_is_told_with_its_line() -> None:
    marks = scored("from tickets import ticket\ndef test_adult():\n    assert ticket(18) == 12\n")
    assert marks.correctness is not None
    assert 2 < marks.correctness < 7
    missed = marks.parts["mutants"] - marks.parts["mutants_noticed"]
    assert marks.reasons[0] == f"{missed:.0f} of {marks.parts['mutants']:.0f} mutants survive the tests"
    assert "line 3: `raise ValueError('age')` left out is not noticed" in marks.reasons
    assert any("line 4: `age < 6` -> `age <= 6` is not noticed" in reason for reason in marks.reasons)


def test_more_assertions_are_worth_more() -> None:
    prices = {18: 12, 17: 7, 6: 7, 5: 0}
    lines = [f"def test_{age}():\n    assert ticket({age}) == {price}\n" for age, price in prices.items()]
    worths = [scored("".join(lines[: count + 1])).correctness or 0 for count in range(4)]
    assert worths == sorted(worths)
    assert len(set(worths)) == 4


def test_tests_that_fail_on_right_code_are_worth_nothing() -> None:
    marks = scored(f"{FULL}\ndef test_free():\n    assert ticket(6) == 0\n")
    assert marks.correctness == 0
    assert marks.reasons == ("`test_free` fails on the given code, which is right: `ticket(6) == 0`: 7 == 0",)
    assert marks.parts == {"tests": 7, "tests_passed": 6}


GAMED = {
    "asserts nothing": "def test_a():\n    for age in range(30):\n        ticket(age)\n",
    "asserts itself": "def test_a():\n    assert ticket(7) == ticket(7)\n    assert ticket(40) is not None\n",
    "its own copy": f"{GIVEN}\nORIGINAL = ticket\ndef test_a():\n    assert ticket is ORIGINAL\n",
    "swallows": """
def test_a():
    try:
        assert ticket(7) == 8
    except AssertionError:
        return
""",
    "looks into the code": "def test_a():\n    assert len(ticket.__code__.co_consts) == 6\n",
    "looks in secret": """
def test_a():
    code = getattr(ticket, "__co" + "de__")
    assert code.co_nlocals == 1
""",
    "passes once": """
import json
def test_a():
    seen = getattr(json, "seen", 0)
    setattr(json, "seen", seen + 1)
    assert seen < 2
""",
    "ends the program": "import sys\ndef test_a():\n    assert ticket(6) == 7\n    sys.exit()\n",
    "no test": "def check():\n    assert ticket(6) == 7\n",
    "skips": f"{FULL}\ndef test_skip():\n    pytest.skip('later')\n",
}


@pytest.mark.parametrize("name", GAMED)
def test_gaming_is_worth_nothing(name: str) -> None:
    marks = scored(GAMED[name])
    assert marks.correctness is not None
    assert marks.correctness < 1
    assert marks.reasons


def test_tests_that_notice_a_mere_rewrite_say_so() -> None:
    (reason,) = scored(GAMED["looks in secret"]).reasons
    assert reason == (
        "`test_a` fails on the given code written differently: the tests do not test what it does"
    )
    (reason,) = scored(GAMED["passes once"]).reasons
    assert "written differently" in reason


@pytest.mark.parametrize(
    ("reference", "why"),
    [
        ("def test_a():\n    assert ticket(6) == 0\n", "reference fails on its given code: test_a"),
        ("def test_a():\n    ticket(6)\n", "notices no mutant"),
    ],
)
def test_a_scenario_that_tells_nothing_is_not_scored(reference: str, why: str) -> None:
    scenario = Scenario(suite="s", id="x", prompt={"en": "?"}, given=GIVEN, reference=reference)
    with pytest.raises(UnscorableError, match=why):
        scored(FULL, scenario)
