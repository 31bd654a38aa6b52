"""Clarity: what was asked for in words, whether it is there, and what ``total`` makes of it."""

from typing import Literal

import pytest

from pytest_llmeval.model import AnswerSpec, Scenario
from pytest_llmeval.score import clarity, rubric, rules
from pytest_llmeval.score.analysis import Analysis
from pytest_llmeval.score.scorers.protocol import Answer

CODE = 'def add(left, right):\n    """Add left to right."""\n    return left + right\n'
FENCED = f"```python\n{CODE}```\n"
WHY = (
    "The function adds its two arguments with the plus operator and hands the sum back to whoever called it."
)
WHY_KO = "이 함수는 두 인자를 더하기 연산자로 더한 다음 그 합을 호출한 쪽에 돌려줍니다."
ASKED: tuple[Literal["explanation", "docstring"], ...] = ("explanation", "docstring")


def scenario(*asks: Literal["explanation", "docstring"], **fields: object) -> Scenario:
    answer = AnswerSpec(code="python", requires=("add(left, right)",))
    return Scenario(
        suite="s", id="x", prompt={"en": "?", "ko": "?"}, **{"answer": answer, "asks": asks, **fields}
    )  # type: ignore[arg-type]


def parts(text: str, language: str = "en", code: str = CODE) -> dict[str, float]:
    return dict(clarity.of(scenario(*ASKED), Answer(text, code, language=language)).parts)


def test_nothing_is_asked_for() -> None:
    assert clarity.of(scenario(), Answer(FENCED, CODE)) == clarity.Clear({})
    assert clarity.of(scenario(), Answer(f"{WHY}\n{FENCED}", CODE)).parts == {"language": 10}


def test_everything_is_there() -> None:
    assert parts(f"{WHY}\n\n{FENCED}") == {"language": 10, "explanation": 10, "docstring": 10}
    assert parts(f"{FENCED}\n{WHY_KO}", "ko") == {"language": 10, "explanation": 10, "docstring": 10}


@pytest.mark.parametrize(
    ("text", "language", "worth", "reason"),
    [
        (FENCED, "en", 0, "an explanation was asked for, and there is none beside the code"),
        (CODE, "en", 0, "an explanation was asked for, and there is none beside the code"),
        (f"Here is the function that adds both numbers:\n{FENCED}", "en", 0, "an explanation was asked for"),
        (f"It adds both.\n{FENCED}", "en", 5, "the explanation has only 3 different words"),
        (f"{'code ' * 50}\n{FENCED}", "en", 1.667, "the explanation has only 1 different words"),
        (f"{WHY}\n{FENCED}", "ko", 0, "the answer should be Korean"),
        (f"{(WHY + ' ') * 30}\n{FENCED}", "en", 3.509, "the explanation has 570 words: too many to be read"),
    ],
)
def test_an_explanation(text: str, language: str, worth: float, reason: str) -> None:
    found = clarity.of(scenario("explanation"), Answer(text, CODE, language=language))
    assert found.parts["explanation"] == worth
    assert found.reasons[0].startswith(reason)


@pytest.mark.parametrize(
    ("code", "worth", "reason"),
    [
        ("def add(left, right):\n    return left + right\n", 0, "`add` has no docstring"),
        ('def add(left, right):\n    """TODO"""\n    return 1\n', 0, "the docstring of `add` says nothing"),
        ('def add(left, right):\n    """Left and more."""\n    return 1\n', 7, "the docstring of `add` does"),
        ("x = 1\n", 0, "docstrings were asked for"),
        ("", 0, "docstrings were asked for"),
    ],
)  # fmt: skip
def test_a_docstring(code: str, worth: float, reason: str) -> None:
    found = clarity.of(scenario("docstring"), Answer(f"```python\n{code}```", code))
    assert found.parts["docstring"] == worth
    assert found.reasons[0].startswith(reason)


def test_methods_of_a_required_class_have_docstrings_too() -> None:
    code = (
        'class Sum:\n    """A running sum."""\n    def __init__(self, n): ...\n    def add(self): return 1\n'
    )
    answer = AnswerSpec(code="python", requires=("class Sum",))
    found = clarity.of(scenario("docstring", answer=answer), Answer("", code + "\ndef other(): return 1\n"))
    assert found.parts == {"docstring": 5.0}
    assert found.reasons == ("`Sum.add` has no docstring",)


class Perfect:
    """Nothing to complain of."""

    def analyse(self, code: str) -> Analysis:
        raise AssertionError(code)


@pytest.mark.parametrize(
    ("one", "weighed"),
    [
        (scenario(), {"correctness", "quality"}),
        (scenario(*ASKED), {"correctness", "quality", "clarity"}),
        (scenario(answer=AnswerSpec(code="sql")), {"correctness"}),
        (scenario("explanation", answer=AnswerSpec(code="sql")), {"correctness", "clarity"}),
        (scenario(answer=AnswerSpec()), {"correctness", "clarity"}),
        (scenario(category="documentation", given="def f(): return 1"), {"correctness", "clarity"}),
    ],
)
def test_the_default_rubric_weighs_what_is_asked_for(one: Scenario, weighed: set[str]) -> None:
    assert rubric.weights(one) == {name: rules.TOTAL[name] for name in rules.TOTAL if name in weighed}


def test_an_own_rubric() -> None:
    one = Scenario(suite="s", id="x", prompt={"en": "?"}, review=(), rubric={"clarity": 2.0})
    score, _ = rubric.score(one, "en", "Paris is the capital of France.", Perfect())
    assert (score.correctness, score.clarity, score.total) == (None, 10, 10)
    weighed = Scenario(suite="s", id="x", prompt={"en": "?"}, rubric={"clarity": 2.0, "correctness": 1.0})
    assert rubric.score(weighed, "en", "Paris is the capital of France.", Perfect())[0].total is None
