"""Code to mend and code to simplify: what an answer gains over the code that it was given."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pytest_llmeval.errors import UnscorableError
from pytest_llmeval.model import AnswerSpec, Check, Scenario
from pytest_llmeval.score.analyser import Analyser
from pytest_llmeval.score.sandbox import choice
from pytest_llmeval.score.sandbox.protocol import Unusable
from pytest_llmeval.score.scorers import debugging, refactoring
from pytest_llmeval.score.scorers.protocol import Answer, Marks, Means

if TYPE_CHECKING:
    from collections.abc import Iterator

SANDBOX = choice.usable()
pytestmark = pytest.mark.skipif(isinstance(SANDBOX, Unusable), reason="no sandbox here")

BROKEN = """\
def last(values, count):
    if count < 0:
        raise ValueError(count)
    return values[-count:]
"""
MENDED = BROKEN.replace("values[-count:]", "values[len(values) - count:] if count < len(values) else values")
BUG = Scenario(
    suite="s",
    id="last",
    prompt={"en": "?"},
    category="debugging",
    answer=AnswerSpec(code="python"),
    given=BROKEN,
    reference=MENDED,
    checks=(
        Check(call="last([1, 2], 1)", equals=[2]),
        Check(call="last([1, 2], 5)", equals=[1, 2]),
        Check(call="last([1], -1)", raises="ValueError"),
        Check(call="last([1, 2], 0)", equals=[]),
        Check(call="last([], 0)", equals=[]),
        Check(call="last([7, 8, 9], 0)", equals=[]),
    ),
)


@pytest.fixture(scope="module")
def analyser() -> Iterator[Analyser]:
    with Analyser() as warm:
        yield warm


def debugged(analyser: Analyser, code: str, scenario: Scenario = BUG) -> Marks:
    return debugging.score(scenario, Answer("", code), Means(analyser, SANDBOX))


def test_mended_code_is_right_and_focused(analyser: Analyser) -> None:
    marks = debugged(analyser, MENDED)
    assert (marks.correctness, marks.clear, marks.reasons) == (10, {"focus": 10}, ())
    assert marks.parts == {"checks": 6, "checks_passed": 6, "to_mend": 2, "mended": 2, "broken": 0}


def test_unchanged_code_is_worth_nothing(analyser: Analyser) -> None:
    marks = debugged(analyser, f'"""Fixed."""\n{BROKEN}')
    assert (marks.correctness, marks.clear) == (0, {"focus": 0})
    assert marks.reasons[0] == "nothing that the given code gets wrong is mended"
    assert marks.reasons[1] == "`last` fails on `[1, 2], 0`: returned [1, 2]; [] was expected"


def test_what_is_broken_on_the_way_costs_its_share(analyser: Analyser) -> None:
    marks = debugged(analyser, "def last(values, count):\n    return values[len(values) - count:]\n")
    assert marks.correctness == 7.5
    assert marks.parts["broken"] == 1
    assert marks.reasons[0].startswith("what worked before is broken: `last` fails on")
    assert debugged(analyser, "def last(values, count):\n    return []\n").correctness == pytest.approx(2.5)


def test_a_rewrite_has_no_focus(analyser: Analyser) -> None:
    lines = "".join(f"    v{number} = {number}\n" for number in range(16))
    marks = debugged(analyser, MENDED.replace("    if", f"{lines}    if", 1))
    assert marks.correctness == 10
    assert marks.clear["focus"] == pytest.approx(10 * 4 / 17, abs=0.001)
    assert marks.reasons == ("17 lines are changed; up to 4 cost nothing",)


@pytest.mark.parametrize(
    ("after", "lines"),
    [
        (BROKEN, 0),
        (
            f"# Comment\n\n{BROKEN}\n\nprint(last([1], 1))\n\nif __name__ == '__main__':\n    last([1], 1)\n",
            0,
        ),
        (BROKEN.replace("count):", "count):\n    '''Doc.'''"), 0),
        (BROKEN.replace("    ", "  "), 0),
        (MENDED, 1),
        (f"import math\n{MENDED}", 2),
        (BROKEN.replace("        raise ValueError(count)\n", "        return []\n"), 1),
        ("def last(:", 4),
    ],
)
def test_changed_lines(after: str, lines: int) -> None:
    assert debugging.changed_lines(BROKEN, after) == lines


def test_without_a_defect_there_is_nothing_to_score(analyser: Analyser) -> None:
    whole = Scenario(suite="s", id="x", prompt={"en": "?"}, given=MENDED, checks=BUG.checks)
    with pytest.raises(UnscorableError, match="nothing to mend"):
        debugged(analyser, MENDED, whole)


NESTED = """\
def price(zone, weight):
    if weight > 0:
        if zone == "a":
            if weight > 2:
                return 4 + weight
            else:
                return 4
        else:
            if zone == "b":
                if weight > 2:
                    return 9 + weight
                else:
                    return 9
            else:
                raise ValueError(zone)
    else:
        raise ValueError(weight)
"""
FLAT = """\
PRICES = {"a": 4, "b": 9}

def price(zone, weight):
    if weight <= 0 or zone not in PRICES:
        raise ValueError(zone)
    return PRICES[zone] + (weight if weight > 2 else 0)
"""
TIDY = Scenario(
    suite="s",
    id="price",
    prompt={"en": "?"},
    category="refactoring",
    answer=AnswerSpec(code="python"),
    given=NESTED,
    reference=FLAT,
    checks=(
        Check(call="price('a', 1)", equals=4),
        Check(call="price('b', 3)", equals=12),
        Check(call="price('c', 1)", raises="ValueError"),
        Check(call="price('a', 0)", raises="ValueError"),
    ),
)


def refactored(analyser: Analyser, code: str, scenario: Scenario = TIDY) -> Marks:
    return refactoring.score(scenario, Answer("", code), Means(analyser, SANDBOX))


def test_as_simple_as_the_reference_is_ten(analyser: Analyser) -> None:
    marks = refactored(analyser, FLAT)
    assert (marks.correctness, marks.parts["simpler"], marks.reasons) == (10, 1, ())


def test_a_copy_is_worth_two(analyser: Analyser) -> None:
    marks = refactored(analyser, f"# pylint: disable=all\n{NESTED}")
    assert (marks.correctness, marks.parts["simpler"]) == (2, 0)
    assert (
        "the cyclomatic complexity of the most complex function is 6; it was 6, and 4 is possible"
        in marks.reasons
    )


def test_half_of_the_way_is_between(analyser: Analyser) -> None:
    code = NESTED.replace("            else:\n                return 4\n", "            return 4\n")
    marks = refactored(analyser, code)
    assert marks.correctness is not None
    assert 2 <= marks.correctness < 5
    guarded = """\
def price(zone, weight):
    if weight <= 0:
        raise ValueError(weight)
    if zone not in ("a", "b"):
        raise ValueError(zone)
    base = 4 if zone == "a" else 9
    return base + (weight if weight > 2 else 0)
"""
    assert marks.correctness < (refactored(analyser, guarded).correctness or 0) < 10


def test_other_behaviour_is_worth_nothing(analyser: Analyser) -> None:
    marks = refactored(analyser, FLAT.replace("weight > 2", "weight > 3"))
    assert marks.correctness == 0
    assert marks.reasons == (
        "the code does not do what it did",
        "`price` fails on `'b', 3`: returned 9; 12 was expected",
    )


def test_code_hidden_in_a_text_is_no_simpler(analyser: Analyser) -> None:
    run = f"exec({NESTED!r}, names)"
    hidden = (
        f"def price(zone, weight):\n    names = {{}}\n    {run}\n    return names['price'](zone, weight)\n"
    )
    marks = refactored(analyser, hidden)
    assert marks.correctness == 2
    assert marks.reasons == ("the code can't be measured, or hides code in texts",)


def test_a_reference_that_is_no_simpler_tells_nothing(analyser: Analyser) -> None:
    same = Scenario(suite="s", id="x", prompt={"en": "?"}, given=FLAT, reference=FLAT, checks=TIDY.checks)
    with pytest.raises(UnscorableError, match="no simpler"):
        refactored(analyser, FLAT, same)
