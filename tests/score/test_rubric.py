"""Scores: what they are made of, the order they put answers in, and what gaming does not change."""

import ast
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_llmeval.model import AnswerSpec, Scenario, Score
from pytest_llmeval.score import quality, rubric, rules
from pytest_llmeval.score.analyser import Analyser
from pytest_llmeval.score.analysis import Analysis, Finding

GOOD = '''def merge(left, right):
    """Merge two sorted lists into one."""
    merged = []
    i = j = 0
    while i < len(left) and j < len(right):
        if left[i] <= right[j]:
            merged.append(left[i])
            i += 1
        else:
            merged.append(right[j])
            j += 1
    return merged + left[i:] + right[j:]
'''
SLOPPY = """import os, sys
def merge(left, right, seen=[]):
    x = 1
    try:
        result = list(left)
        for n in range(len(right)):
            result.append(right[n])
        result.sort()
        if seen == None:
            print(undefined_name)
        return result
    except:
        pass
"""


@pytest.fixture(scope="module")
def analyser() -> Iterator[Analyser]:
    with Analyser(cpu_s=2) as warm:
        yield warm


def scenario(code: str | None = "python", *requires: str) -> Scenario:
    return Scenario(suite="s", id="x", prompt={"en": "?"}, answer=AnswerSpec(code=code, requires=requires))


def fenced(code: str) -> str:
    return f"Here is the function:\n\n```python\n{code}```\n"


def scored(analyser: Analyser, code: str, *requires: str) -> tuple[Score, tuple[str, ...]]:
    return rubric.score(
        scenario("python", *(requires or ("merge(left, right)",))), "en", fenced(code), analyser
    )


def worth(analyser: Analyser, code: str, *requires: str) -> float:
    found = scored(analyser, code, *requires)[0].quality
    assert found is not None
    return found


class Never:
    """An analyser that must not be asked."""

    def analyse(self, code: str) -> Analysis:
        raise AssertionError(f"asked to analyse {code!r}")


def test_a_score_has_its_parts_and_its_reasons(analyser: Analyser) -> None:
    score, reasons = scored(analyser, SLOPPY)
    assert score.quality is not None
    assert 0 < score.quality < 8
    assert {
        "pylint",
        "complexity",
        "maintainability",
        "pylint_plain",
        "cyclomatic_worst",
    } <= score.parts.keys()
    expected = sum(rules.WEIGHTS[name] * score.parts[name] for name in rules.WEIGHTS) / sum(
        rules.WEIGHTS.values()
    )
    assert score.quality == pytest.approx(expected, abs=0.002)
    assert reasons[0] == "line 10: Undefined variable 'undefined_name' (undefined-variable)"
    assert any("and " in reason and "more findings" in reason for reason in reasons)


def test_good_code_is_close_to_ten_with_nothing_to_complain_of(analyser: Analyser) -> None:
    score, reasons = scored(analyser, GOOD)
    assert score.quality is not None
    assert score.quality > 9.5
    assert reasons == ()
    assert score.clarity == 10
    assert score.correctness is None
    assert score.total is None


def test_formatting_is_reported_but_not_scored(analyser: Analyser) -> None:
    ugly = GOOD.replace("    merged = []", "    merged = []   ").removesuffix("\n") + "  # " + "x" * 120
    assert worth(analyser, ugly) == worth(analyser, GOOD)
    parts = [scored(analyser, code)[0].parts for code in (ugly, GOOD)]
    assert parts[0]["pylint_plain"] < parts[1]["pylint_plain"]


def test_complexity_is_said_in_words(analyser: Analyser) -> None:
    branches = "".join(f"    if x == {n}:\n        return {n + 1}\n" for n in range(20))
    score, reasons = scored(analyser, f"def f(x):\n{branches}    return 0\n", "f(x)")
    assert score.parts["cyclomatic_worst"] == 21
    assert "`f` (line 1) has a cyclomatic complexity of 21; up to 5 costs nothing" in reasons
    assert score.parts["complexity"] == pytest.approx(10 / (1 + 1.6**2), abs=0.001)


def branches(count: int) -> str:
    """A function of that cyclomatic complexity."""
    tests = "".join(f"    if x == {n}:\n        return {n + 1}\n" for n in range(count - 1))
    return f"def f(x):\n{tests}    return 0\n"


@pytest.mark.parametrize(("reference", "free"), [(2, 3), (7, 7), (None, 5)])
def test_complexity_is_judged_by_the_reference(analyser: Analyser, reference: int | None, free: int) -> None:
    known = None if reference is None else branches(reference)
    at_limit, thrice = (quality.of(branches(n), ["f(x)"], analyser, known) for n in (free, 3 * free))
    assert at_limit.parts["complexity"] == 10
    assert thrice.parts["complexity"] == 5
    assert (
        f"`f` (line 1) has a cyclomatic complexity of {3 * free}; up to {free} costs nothing"
        in thrice.reasons
    )


def test_a_reference_that_is_no_python_judges_nothing(analyser: Analyser) -> None:
    assert quality.of(branches(5), ["f(x)"], analyser, "## A document").parts["complexity"] == 10


def test_the_idioms_of_fixtures_are_no_mistakes(analyser: Analyser) -> None:
    code = """
import pytest

@pytest.fixture
def account():
    return [1]

@pytest.fixture
def empty(account):
    account.clear()

def test_it(account):
    assert account

def test_other(account, empty):
    assert account == []
"""
    assert quality.of(code, [], analyser).reasons == ()
    assert quality.of(code.replace("@pytest.fixture\n", ""), [], analyser).reasons != ()


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "the answer is empty"),
        ("I can't help with that.", "the answer has no code: it begins “I can't help with that.”"),
        (
            fenced("def merge(left, right):\n    return (\n"),
            "the code does not parse: line 2: '(' was never closed",
        ),
        (fenced("def combine(a, b):\n    return a\n"), "`merge` is not defined"),
        (fenced("def merge(a):\n    return a\n"), "`merge(a)` can't be called as `merge(left, right)`"),
        (fenced('def merge(left, right):\n    """I\'m sorry, I can\'t."""\n'), "`merge` is a stub"),
        (fenced("def merge(left, right):\n    pass  # TODO\n"), "`merge` is a stub"),
        (fenced("# nothing here\n"), "the answer's code blocks hold values, not code"),
        (fenced("x = 1\n" * 3_000), "the code is too long to analyse: 3,000 lines"),
        (fenced("x = '\0'\n"), "the code contains null bytes"),
    ],
)
def test_what_breaks_the_contract_is_worth_nothing(text: str, reason: str) -> None:
    score, reasons = rubric.score(scenario("python", "merge(left, right)"), "en", text, Never())
    assert score.quality == 0
    assert reasons[0].startswith(reason)


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        ("x = 1\nprint(x)\n", "the code defines no function and no class"),
        ("import os\nos.getcwd()\n", "the code defines no function and no class"),
        (
            "def f():\n    ...\ndef g():\n    raise NotImplementedError\n",
            "`f` is a stub: its body does nothing",
        ),
    ],
)
def test_code_without_requirements_must_still_define_something(code: str, reason: str) -> None:
    score, reasons = rubric.score(scenario(), "en", fenced(code), Never())
    assert score.quality == 0
    assert reasons[0] == reason


def gamed() -> dict[str, str]:
    pads = "".join(f"PAD_{n} = {n}\n" for n in range(300))
    local = "".join(f"    pad = {n}\n" for n in range(300)) + "    print(pad)\n"
    helpers = "".join(f"\n\ndef helper_{n}(value):\n    return value + {n}\n" for n in range(100))
    head, body = SLOPPY.split("    x = 1\n")
    return {
        "pragma": "# pylint: disable=all\n" + SLOPPY,
        "pragma inside": SLOPPY.replace("x = 1", "x = 1  # pylint: disable=all"),
        "skip-file": "# pylint: skip-file\n" + SLOPPY,
        "comments": "# A comment.\n" * 200 + SLOPPY,
        "docstring": '"""' + "All is well. " * 200 + '"""\n' + SLOPPY,
        "assignments": SLOPPY + pads,
        "assignments inside": f"{head}{local}    x = 1\n{body}",
        "helpers": SLOPPY + helpers,
        "cookie": "# coding: utf-7\n" + SLOPPY,
    }


@pytest.mark.parametrize("name", gamed())
def test_gaming_does_not_lift_a_score_over_the_honest_good_one(analyser: Analyser, name: str) -> None:
    honest, lifted = worth(analyser, SLOPPY), worth(analyser, gamed()[name])
    assert lifted <= honest + 0.5
    assert lifted < worth(analyser, GOOD) - 2


@pytest.mark.parametrize(
    "name", ["pragma", "pragma inside", "skip-file", "comments", "assignments", "helpers", "cookie"]
)
def test_what_is_not_needed_lifts_nothing_at_all(analyser: Analyser, name: str) -> None:
    assert worth(analyser, gamed()[name]) <= worth(analyser, SLOPPY) + 0.01


class Failing:
    """An analyser that ends at its limits."""

    def analyse(self, code: str) -> Analysis:
        return Analysis(failure="the analysers took too long for this code and were stopped")


def test_code_that_can_not_be_analysed_scores_zero_with_its_reason() -> None:
    score, reasons = rubric.score(scenario(), "en", fenced(GOOD), Failing())
    assert score.quality == 0
    assert reasons[0] == "the analysers took too long for this code and were stopped"


def test_prose_has_no_quality(analyser: Analyser) -> None:
    score, reasons = rubric.score(scenario(None), "ko", "안녕하세요! 만나서 반갑습니다.", Never())
    assert (score.quality, score.clarity, score.total, reasons) == (None, 10, None, ())
    score, reasons = rubric.score(scenario(None), "ko", "你好!很高兴见到你。", Never())
    assert score.clarity == 0
    assert reasons == ("the answer should be Korean, but 8 of its 8 letters are Chinese",)


def test_code_in_other_languages_has_no_quality_yet() -> None:
    score, reasons = rubric.score(scenario("sql"), "en", "```sql\nSELECT 1;\n```", Never())
    assert (score.quality, reasons) == (None, ())
    score, reasons = rubric.score(scenario("sql"), "en", "", Never())
    assert reasons == ("the answer is empty",)


def test_a_code_answer_also_keeps_the_language(analyser: Analyser) -> None:
    text = f"这是一个合并两个有序列表的函数。\n```python\n{GOOD}```\n"
    score, reasons = rubric.score(scenario("python", "merge(a, b)"), "ko", text, analyser)
    assert score.quality is not None
    assert score.quality > 9.5
    assert score.clarity == 0
    assert "Chinese" in reasons[-1]


FINDINGS = st.builds(
    Finding,
    st.sampled_from(["error", "warning", "refactor", "convention"]),
    st.sampled_from(["undefined-variable", "unused-variable", "line-too-long"]),
    st.integers(1, 99),
    st.text(max_size=300),
)


@given(st.lists(FINDINGS, max_size=30), FINDINGS, st.integers(0, 500))
def test_a_finding_never_lifts_a_score(findings: list[Finding], more: Finding, size: int) -> None:
    before, after = quality.lint_score(findings, size), quality.lint_score([*findings, more], size)
    assert 0 <= after < before <= 10 or after == before == 0


@given(st.integers(1, 400), st.floats(0, 100))
def test_parts_stay_between_zero_and_ten(worst: int, index: float) -> None:
    assert 0 < quality.complexity_score(worst + 1) <= quality.complexity_score(worst) <= 10
    assert 0 <= quality.maintainability_score(index) <= 10


@given(st.lists(FINDINGS, max_size=12))
def test_reasons_are_single_short_lines(findings: list[Finding]) -> None:
    analysis = Analysis(findings=tuple(findings), statements=2)
    _, _, reasons = quality.judged(analysis, ast.parse("def f():\n    return 1\n"))
    assert all("\n" not in reason and len(reason) < 240 for reason in reasons)
