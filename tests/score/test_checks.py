"""Executed checks: what counts as equal, and what people are told."""

import math
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from pytest_llmeval.model import AnswerSpec, Check, Scenario
from pytest_llmeval.score import rubric
from pytest_llmeval.score.analysis import Analysis, Routine
from pytest_llmeval.score.sandbox import choice
from pytest_llmeval.score.sandbox.protocol import DEFAULT, Broken, Limits, Opaque, Raised, Result, Returned
from pytest_llmeval.score.scorers import python
from pytest_llmeval.score.scorers.protocol import Answer, Marks, Means


class Replies:
    """A sandbox that runs nothing and replies what it was told to."""

    name = "told"

    def __init__(self, *results: Result) -> None:
        self.results = results

    def run(self, code: str, calls: tuple[str, ...], limits: Limits = DEFAULT) -> tuple[Result, ...]:
        return self.results


class Clean:
    """An analyser without complaints."""

    def analyse(self, code: str) -> Analysis:
        return Analysis(
            statements=2, routines=(Routine("merge", 1, 1, 2),), maintainability=100.0, pylint_score=10.0
        )


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (5, 5),
        (5, 5.0),
        (0.1 + 0.2, 0.3),
        (1e-15, 0.0),
        ("a", "a"),
        (None, None),
        (True, True),
        ([1, 2], [1, 2]),
        ((1, (2,)), [1, [2]]),
        ({2, 1}, [1, 2]),
        (frozenset("ab"), ["b", "a"]),
        ({"a": (1,)}, {"a": [1]}),
        ([], []),
        (10**400, 10**400),
    ],
)
def test_same(value: object, expected: object) -> None:
    assert python.same(value, expected)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (5, 6),
        (5, "5"),
        (True, 1),
        (1, True),
        (0, False),
        (None, False),
        ([1, 2], [2, 1]),
        ([1], [1, 1]),
        ({1}, [1, 1]),
        ({1, 2}, [1, 1]),
        ({"a": 1}, {"a": 1, "b": 2}),
        ("ab", ["a", "b"]),
        (math.nan, 1.0),
        (10**400, 1.5),
        (Opaque("A", "5"), 5),
        ([1, 2], "[1, 2]"),
        (0.30001, 0.3),
        ({}, []),
    ],
)
def test_not_same(value: object, expected: object) -> None:
    assert not python.same(value, expected)


PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)


@given(PLAIN)
def test_every_yaml_value_is_itself(value: object) -> None:
    assert python.same(value, value)


@given(PLAIN, PLAIN)
def test_any_two_values_compare(value: object, expected: object) -> None:
    assert python.same(value, expected) in (True, False)


@pytest.mark.parametrize(
    ("check", "result", "reason"),
    [
        (Check(call="f(2)", equals=4), Returned(4), None),
        (Check(call="f()", equals=None), Returned(None), None),
        (Check(call="f()", raises="LookupError"), Raised(("KeyError", "LookupError"), ""), None),
        (
            Check(call="f()", raises="json.JSONDecodeError"),
            Raised(("JSONDecodeError", "ValueError"), ""),
            None,
        ),
        (
            Check(call="merge([], [1])", equals=[1]),
            Returned(None),
            "`merge` fails on `[], [1]`: returned None; [1] was expected",
        ),
        (
            Check(call="f(2)", equals=4),
            Raised(("TypeError",), "no\nway"),
            "`f` fails on `2`: raised TypeError: no way; 4 was expected",
        ),
        (
            Check(call="f(-1)", raises="ValueError"),
            Returned(1),
            "`f` fails on `-1`: returned 1; ValueError should be raised",
        ),
        (
            Check(call="f(-1)", raises="ValueError"),
            Raised(("KeyError",), ""),
            "`f` fails on `-1`: raised KeyError; ValueError should be raised",
        ),
        (
            Check(call="f(2)", equals=4),
            Broken("took longer than 2 s"),
            "`f` fails on `2`: took longer than 2 s",
        ),
        (
            Check(call="sorted(f(2))", equals=[4]),
            Returned([]),
            "`sorted(f(2))` fails: returned []; [4] was expected",
        ),
        (
            Check(call="Stack().pop()", raises="IndexError"),
            Returned(None),
            "`Stack().pop()` fails: returned None; IndexError should be raised",
        ),
        (Check(call=" f() ", equals=4), Returned(5), "`f()` fails: returned 5; 4 was expected"),
        (Check(call="f(2) + f(3)", equals=4), Returned(5), "`f(2) + f(3)` fails: returned 5; 4 was expected"),
        (
            Check(call="f(2)", equals=4),
            Broken("did not load: NameError: x", whole=True),
            "the program did not load: NameError: x",
        ),
    ],
)
def test_the_reason(check: Check, result: Result, reason: str | None) -> None:
    assert python.failure(check, result) == reason


def scored(checks: Sequence[Check], sandbox: Replies) -> Marks:
    scenario = Scenario(suite="s", id="x", prompt={"en": "?"}, checks=tuple(checks))
    return python.score(scenario, Answer("", "x = 1\n"), Means(Clean(), sandbox))


def test_correctness_is_the_share_that_passed() -> None:
    checks = [Check(call=f"f({n})", equals=n) for n in range(4)]
    sandbox = Replies(Returned(0), Returned(9), Returned(2), Returned(3))
    assert scored(checks, sandbox) == Marks(
        7.5,
        {"checks": 4, "checks_passed": 3},
        reasons=("`f` fails on `1`: returned 9; 1 was expected",),
    )


def test_many_failures_are_told_in_few_lines() -> None:
    checks = [Check(call=f"f({n})", equals=n) for n in range(9)]
    executed = scored(checks, Replies(*[Returned("x" * 1000)] * 9))
    assert len(executed.reasons) == 6
    assert executed.reasons[-1] == "and 4 more fail"
    assert max(map(len, executed.reasons)) < 200
    unloaded = scored(checks, Replies(*[Broken("did not load: X", whole=True)] * 9))
    assert unloaded.reasons == ("the program did not load: X",)


SCENARIO = Scenario(
    suite="s",
    id="merge",
    prompt={"en": "?"},
    answer=AnswerSpec(code="python", requires=("merge(a, b)",)),
    checks=(Check(call="merge([1], [2])", equals=[1, 2]), Check(call="merge([], [1])", equals=[1])),
)


def answer(code: str) -> str:
    return f"Here is the function you asked for:\n```python\n{code}```\n"


def test_correctness_and_total_of_a_right_answer() -> None:
    score, reasons = rubric.score(
        SCENARIO, "en", answer("def merge(a, b):\n    return sorted(a + b)\n"), Clean(), choice.choose()
    )
    assert (score.correctness, reasons) == (10, ())
    assert score.parts["checks_passed"] == 2
    assert score.quality is not None
    assert score.clarity == 10
    assert score.total == pytest.approx((60 + 3 * score.quality + 10) / 10, abs=0.001)


def test_a_wrong_answer_is_told_what_it_did() -> None:
    code = "def merge(a, b):\n    if a:\n        return a + b\n"
    score, reasons = rubric.score(SCENARIO, "en", answer(code), Clean(), choice.choose())
    assert score.correctness == 5
    assert reasons == ("`merge` fails on `[], [1]`: returned None; [1] was expected",)


@pytest.mark.parametrize("text", ["", "No.", answer("def merge(a):\n    return a\n"), answer("def merge(\n")])
def test_without_code_that_meets_its_contract_nothing_runs(text: str) -> None:
    score, reasons = rubric.score(SCENARIO, "en", text, Clean(), Replies())
    assert (score.correctness, score.quality) == (0, 0)
    assert reasons


def test_without_a_sandbox_correctness_and_total_are_absent() -> None:
    score, reasons = rubric.score(SCENARIO, "en", answer("def merge(a, b):\n    return a + b\n"), Clean())
    assert (score.correctness, score.total) == (None, None)
    assert score.absent == {"correctness": "there is no sandbox to execute the answer in"}
    assert reasons == ("correctness is not computed: there is no sandbox to execute the answer in",)


def test_a_sandbox_that_does_not_work_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(choice, "missing", lambda way: f"no {way.name}")
    sandbox = choice.usable()
    right = answer("def merge(a, b):\n    return sorted(a + b)\n")
    score, (reason, *_) = rubric.score(SCENARIO, "en", right, Clean(), sandbox)
    assert score.correctness is None
    assert score.absent == {"correctness": "generated code is not run: no landlock; no bubblewrap"}
    assert reason == "correctness is not computed: generated code is not run: no landlock; no bubblewrap"
    broken, _ = rubric.score(SCENARIO, "en", "No.", Clean(), sandbox)
    assert (broken.correctness, broken.absent) == (0, {})


TESTS = """
from merging import merge

def test_empty():
    assert merge([], []) == []

def test_order():
    assert merge([2], [1]) == [1, 2]

def test_types():
    assert isinstance(merge([1], []), list)
"""
TESTED = structs.replace(SCENARIO, checks=(), tests=TESTS)


def test_tests_of_the_scenario_are_run_on_the_answer() -> None:
    code = answer("def merge(a, b):\n    return a + b\n")
    score, reasons = rubric.score(TESTED, "en", code, Clean(), choice.choose())
    assert score.correctness == pytest.approx(20 / 3, abs=0.001)
    assert reasons == ("`test_order` fails: `merge([2], [1]) == [1, 2]`: [2, 1] == [1, 2]",)
    assert (score.parts["tests"], score.parts["tests_passed"]) == (3, 2)


def test_tests_and_checks_count_together() -> None:
    both = structs.replace(SCENARIO, tests=TESTS)
    code = answer("def merge(a, b):\n    return a + b\n")
    score, _ = rubric.score(both, "en", code, Clean(), choice.choose())
    assert score.correctness == 8
    assert score.parts.items() >= {"checks": 2, "checks_passed": 2, "tests": 3, "tests_passed": 2}.items()


def test_an_answer_that_reaches_into_the_tests_passes_none() -> None:
    code = answer("import sys\ndef merge(a, b):\n    sys._getframe(1)\n    return sorted(a + b)\n")
    score, reasons = rubric.score(TESTED, "en", code, Clean(), choice.choose())
    assert score.correctness == 0
    assert reasons == (
        "the code reaches for `_getframe`, which is the program's that tests it: it is not tested",
    )


@pytest.mark.parametrize(("tests", "why"), [("def test_a(:", "can't be run"), ("x = 1\n", "hold no test")])
def test_tests_that_can_not_be_run_are_no_fault_of_the_answer(tests: str, why: str) -> None:
    broken = structs.replace(TESTED, tests=tests)
    score, _ = rubric.score(
        broken, "en", answer("def merge(a, b):\n    return a\n"), Clean(), choice.choose()
    )
    assert score.correctness is None
    assert why in score.absent["correctness"]
