"""Regular expressions: found in every shape of answer, tried in the sandbox, never in this process."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_llmeval.model import AnswerSpec, PatternCheck, Scenario
from pytest_llmeval.score import rubric
from pytest_llmeval.score.analysis import Analysis
from pytest_llmeval.score.sandbox import choice
from pytest_llmeval.score.scorers import regex

SANDBOX = choice.usable()
needs_sandbox = pytest.mark.skipif(isinstance(SANDBOX, choice.Unusable), reason="no sandbox here")
DATE = r"\d{4}-\d{2}-\d{2}"
SCENARIO = Scenario(
    suite="s",
    id="date",
    prompt={"en": "?"},
    answer=AnswerSpec(code="regex"),
    patterns=(
        PatternCheck(text="2024-02-29"),
        PatternCheck(text="1999-12-31"),
        PatternCheck(text="24-02-29", matches=False),
        PatternCheck(text="2024-02-29x", matches=False),
        PatternCheck(text="", matches=False),
        PatternCheck(text="2024/02/29", matches=False),
    ),
)


class Nobody:
    """No regular expression is analysed."""

    def analyse(self, code: str) -> Analysis:
        raise AssertionError(code)


@pytest.mark.parametrize(
    ("code", "found"),
    [
        (DATE, DATE),
        (f"  {DATE}\n", DATE),
        (f"^{DATE}$", f"^{DATE}$"),
        (f"/{DATE}/g", DATE),
        (f"/{DATE}/i", f"(?i){DATE}"),
        (f'r"{DATE}"', DATE),
        (f'pattern = r"{DATE}"\n', DATE),
        (f'import re\nre.compile(r"{DATE}")\n', DATE),
        (f'import re\npattern = r"{DATE}"\ntext = "x"\nprint(re.fullmatch(pattern, text))\n', DATE),
        (f'import re\np = re.compile(r"{DATE}", re.I | re.VERBOSE)\n', f"(?ix){DATE}"),
        ('import re\nre.compile(r"a" r"b")\n', "ab"),
        ('import re\nre.compile("a")\nre.compile("b")\n', None),
        ("a|b", "a|b"),
        ("", None),
        ("one\ntwo (", None),
    ],
)
def test_the_pattern_of_an_answer(code: str, found: str | None) -> None:
    assert regex.pattern(code) == found


@given(st.text())
def test_any_text_is_a_pattern_or_none(code: str) -> None:
    assert regex.pattern(code) is None or code.strip()


def scored(text: str) -> tuple[float | None, tuple[str, ...]]:
    score, reasons = rubric.score(SCENARIO, "en", text, Nobody(), SANDBOX)
    assert score.quality is None
    return score.correctness, reasons


@needs_sandbox
@pytest.mark.parametrize(
    "text",
    [
        f"```regex\n^{DATE}$\n```",
        f"Use this:\n```\n{DATE}\n```\nIt matches dates.",
        f"The pattern is `{DATE}`.",
        f'```python\nimport re\npattern = re.compile(r"{DATE}")\n```',
        f'```regex\n{DATE}\n```\nIn Python:\n```python\nimport re\nre.fullmatch(pattern, "x")\n```',
    ],
)
def test_a_right_pattern(text: str) -> None:
    assert scored(text) == (10, ())


@needs_sandbox
def test_a_pattern_is_worth_what_it_matches_times_what_it_rejects() -> None:
    assert scored("```\n.*\n```")[0] == 0
    assert scored("```\n\\d*[-/]?\\d*[-/]?\\d*\n```") == (
        2.5,
        (
            "the pattern must not match `'24-02-29'`",
            "the pattern must not match `''`",
            "the pattern must not match `'2024/02/29'`",
        ),
    )
    assert scored("```\n2.*9\n```") == (
        2.5,
        (
            "the pattern should match `'1999-12-31'`",
            "the pattern must not match `'24-02-29'`",
            "the pattern must not match `'2024/02/29'`",
        ),
    )


@needs_sandbox
@pytest.mark.parametrize(
    ("pattern", "reason"),
    [
        ("[0-9", "the pattern does not compile: unterminated character set"),
        ("(a", "the pattern does not compile: missing )"),
        (r"(\d+)*(-\d+)*(\d*)*(\w*)*(\w*)*x*z", "the pattern does not get done with"),
    ],
)
def test_what_is_no_pattern_is_worth_nothing(pattern: str, reason: str) -> None:
    long = PatternCheck(text="1" * 200)
    scenario = Scenario(
        suite="s", id="x", prompt={"en": "?"}, answer=AnswerSpec(code="regex"), patterns=(long,)
    )
    score, (why, *_) = rubric.score(scenario, "en", f"```\n{pattern}\n```", Nobody(), SANDBOX)
    assert score.correctness == 0
    assert why.startswith(reason)


def test_without_a_sandbox_no_pattern_is_tried() -> None:
    score, reasons = rubric.score(SCENARIO, "en", f"`{DATE}`", Nobody())
    assert score.correctness is None
    assert "correctness" in score.absent
    assert reasons[0].startswith("correctness is not computed")
