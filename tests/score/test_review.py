"""Reviews: which findings an answer has, what they are about, and what a list of everything is worth."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_llmeval.model import ReviewCheck, Scenario
from pytest_llmeval.score import outline
from pytest_llmeval.score.scorers import review
from pytest_llmeval.score.scorers.protocol import Answer, Marks, Means

DEFECTS = (
    ReviewCheck(defect="the last page is lost", line=5, words=(("last", "마지막"), ("page", "페이지"))),
    ReviewCheck(defect="SQL can be injected", line=12, words=(("inject*", "인젝션"),)),
    ReviewCheck(defect="the file stays open", line=20, words=(("close*", "닫*"), ("file", "파일"))),
)
CLEAN = (ReviewCheck(clean=("No defects", "결함 없음")),)
RIGHT = """\
- Line 5: the last page is left out.
- Line 12: SQL injection.
- Line 20: the file is never closed.
"""


def scored(text: str, checks: tuple[ReviewCheck, ...] = DEFECTS) -> Marks:
    scenario = Scenario(suite="s", id="x", prompt={"en": "?"}, review=checks)
    return review.score(scenario, Answer(text), Means(None))  # type: ignore[arg-type]  # nothing is analysed


def found(text: str) -> list[str]:
    return review.findings(outline.read(text))


@pytest.mark.parametrize(
    "text",
    [
        "- one\n- two\n- three",
        "Intro:\n\n1. one\n   - why\n2. two\n3. three\n\n## Summary\n\nAll in all.",
        "1. **one**\n- line: 5\n- why: so\n\n2. **two**\n- line: 6\n3. **three**",
        "### 1. one\n- a\n- b\n### 2. two\n- c\n### 3. three\nText.",
        "**Issue 1: one**\ntext\n\n**Issue 2: two**\ntext\n\n**Issue 3: three**\ntext",
        "| line | what |\n|---|---|\n| 1 | one |\n| 2 | two |\n| 3 | three |",
        "One is this.\n\nTwo is that.\n\nThree is so.",
        "One is this. Two is that. Three is so.",
        "**문제 1**: one\n\n**문제 2**: two\n\n**문제 3**: three",
    ],
)
def test_findings_as_models_list_them(text: str) -> None:
    assert len(found(text)) == 3


def test_a_finding_holds_what_is_nested_in_it() -> None:
    assert found("1. **Off by one**\n   - Line: 5\n   - Fix: add 1\n2. other") == [
        "**Off by one**\nLine: 5\nFix: add 1",
        "other",
    ]


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("Line 7: x", {7}),
        ("**Lines 5-7**", {5, 6, 7}),
        ("(line 3 and 9)", {3, 9}),
        ("L12", {12}),
        ("7번째 줄에서", {7}),
        ("줄 7:", {7}),
        ("줄 번호 7", {7}),
        ("3~4행", {3, 4}),
        ("5줄", {5}),
        ("lines 1-40", {1, 40}),
        ("returns 7 pages", set()),
        ("inline 3", set()),
    ],
)
def test_the_lines_of_a_finding(text: str, lines: set[int]) -> None:
    assert review.lines(text) == lines


@pytest.mark.parametrize(
    ("finding", "about"),
    [
        ("the last page is missing", True),
        ("마지막 페이지가 빠집니다", True),
        ("Line 7: the last one is lost", True),
        ("Line 8: the last one is lost", False),
        ("Line 5: the page has a bad name", False),
        ("Line 5: bad name", False),
    ],
)
def test_what_a_finding_is_about(finding: str, about: bool) -> None:
    assert review.is_about(finding, DEFECTS[0]) is about


def test_a_whole_review() -> None:
    marks = scored(RIGHT)
    assert (marks.correctness, marks.reasons) == (10, ())
    assert marks.parts == {"defects": 3, "defects_found": 3, "findings": 3, "recall": 10, "precision": 10}


def test_one_finding_more_is_free_and_the_others_cost() -> None:
    assert scored(RIGHT + "- no type hints").correctness == 10
    marks = scored(RIGHT + "- no type hints\n- no docstring\n- no tests\n- no comments\n")
    assert marks.correctness == pytest.approx(20 * 0.5 / 1.5, abs=0.001)
    assert marks.reasons == ("4 of 7 findings are about no defect",)


def test_what_is_not_found_is_told() -> None:
    marks = scored("- Line 12: SQL injection.")
    assert marks.correctness == pytest.approx(20 / 3 / (4 / 3), abs=0.001)
    assert marks.reasons == (
        "line 5: that the last page is lost is not found",
        "line 20: that the file stays open is not found",
    )


def test_a_finding_finds_one_defect() -> None:
    everything = "the last page is lost, SQL injection, the file is never closed"
    assert scored(f"- {everything}").parts["defects_found"] == 1
    spread = "\n".join(f"- Line {n}: {everything}" for n in range(1, 25))
    assert scored(spread).parts["defects_found"] == 3
    assert (scored(spread).correctness or 0) < 3


def test_pairs_are_as_many_as_there_can_be() -> None:
    both = "- SQL injection, and the last page is lost"
    assert scored(f"{both}\n- SQL injection").parts["defects_found"] == 2
    assert scored(f"- SQL injection\n{both}").parts["defects_found"] == 2


@pytest.mark.parametrize(
    ("text", "worth"),
    [
        ("No defects.", 10),
        ("I checked every line.\n\nNo defects!", 10),
        ("결함 없음", 10),
        ("No defects.\n\n- but line 3 is slow", 5),
        ("No defects.\n- a\n- b\n- c", 2.5),
        ("- line 3 is wrong", 0),
        ("It is fine.", 0),
        ("", 0),
    ],
)
def test_clean_code(text: str, worth: float) -> None:
    assert scored(text, CLEAN).correctness == worth


def test_no_defects_is_no_answer_where_there_are_some() -> None:
    assert scored("No defects.").correctness == 0


@given(st.text(alphabet=st.sampled_from("#*-|1.) \nline5줄:last page")))
def test_any_text_is_scored(text: str) -> None:
    assert 0 <= (scored(text).correctness or 0) <= 10
    assert 0 <= (scored(text, CLEAN).correctness or 0) <= 10
