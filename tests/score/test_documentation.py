"""Documentation is worth what it says of the given code, and nothing where the code was changed."""

import pytest

from pytest_llmeval.model import AnswerSpec, Scenario, Score
from pytest_llmeval.score import rubric
from pytest_llmeval.score.analysis import Analysis

GIVEN = """\
def share(cents, people):
    if people < 1:
        raise ValueError("nobody")
    return cents // people


def clear(store):
    store.clear()
"""
SHARE = '''def share(cents, people):
    """Tell what everybody pays.

    Args:
        cents: The whole amount of the bill.
        people: How many friends pay together.

    Returns:
        The rounded amount for each friend.

    Raises:
        ValueError: If fewer than one friend pays.
    """
    if people < 1:
        raise ValueError("nobody")
    return cents // people
'''
CLEAR = '''

def clear(store):
    """Throw everything away.

    Args:
        store: What holds the entries.
    """
    store.clear()
'''
WHOLE = SHARE + CLEAR


class Nobody:
    """Documentation needs no analyser."""

    def analyse(self, code: str) -> Analysis:
        raise AssertionError(code)


def scored(code: str, language: str = "en") -> tuple[Score, tuple[str, ...]]:
    scenario = Scenario(
        suite="s",
        id="x",
        category="documentation",
        prompt={"en": "?", "ko": "?"},
        given=GIVEN,
        answer=AnswerSpec(code="python", requires=("share(cents, people)",)),
    )
    return rubric.score(scenario, language, f"```python\n{code}```\n", Nobody())


def test_everything_is_said() -> None:
    score, reasons = scored(WHOLE)
    assert (score.correctness, score.clarity, score.total, reasons) == (10, 10, 10, ())
    assert score.quality is None, "the code is not the answer's own"
    assert set(score.parts) == {"coverage", "parameters", "returns", "raises", "language"}


@pytest.mark.parametrize(
    ("old", "new", "worth", "reason"),
    [
        ("How many friends pay together.", "The people.", 9, "`share`: nothing is said of `people` but"),
        ("people: How many friends pay together.", "count: How many pay.", 7.5, "`share` has no parameter"),
        ("The rounded amount for each friend.", "int", 9, "`share`: of what it returns nothing"),
        ("ValueError: If fewer than one friend pays.", "KeyError: If so.", 8.571, "`share`: that it raises"),
        ("If fewer than one friend pays.", "If an error occurs.", 9, "`share`: when it raises"),
        ("Tell what everybody pays.", "Share.", 9, "what is said of `share` says no more than its name"),
        ("Throw everything away.", "", 8.571, "`clear` is not documented: nothing says what it does"),
    ],
)  # fmt: skip
def test_what_is_missing_is_told(old: str, new: str, worth: float, reason: str) -> None:
    assert old in WHOLE
    score, reasons = scored(WHOLE.replace(old, new))
    assert score.correctness == worth
    assert any(one.startswith(reason) for one in reasons), reasons


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        (WHOLE.replace("//", "/"), "`share` was changed: only docstrings may be added"),
        (WHOLE.replace("cents, people)", "cents: int, people: int)"), "`share` was changed"),
        (SHARE, "`clear` is missing: only docstrings may be added"),
        (WHOLE + "\n\nprint(share(6, 3))\n", "the code outside functions and classes was changed"),
        (WHOLE + "\n\ndef extra():\n    return 1\n", "`extra` was added"),
    ],
)
def test_changed_code_is_worth_nothing(code: str, reason: str) -> None:
    score, (first, *_) = scored(code)
    assert score.correctness == 0
    assert first.startswith(reason)


def test_another_language_is_worth_half() -> None:
    score, reasons = scored(WHOLE, "ko")
    assert (score.correctness, score.parts["language"]) == (5, 0)
    assert "`share`: the answer should be Korean" in reasons[0]


def test_exceptions_of_what_it_calls_are_no_lies_but_a_list_of_all_is() -> None:
    errors = ["KeyError", "OSError", "TypeError", "IndexError"]
    worths = []
    for names in (errors[:2], errors):
        more = "".join(f"\n        {name}: If that happens somewhere." for name in names)
        found, _ = scored(WHOLE.replace("one friend pays.", "one friend pays." + more))
        worths.append(found.correctness)
    assert worths == [10, 7.778]


def test_a_repeated_docstring_counts_once() -> None:
    text = SHARE.split('"""')[1]
    score, reasons = scored(SHARE + CLEAR.replace(CLEAR.split('"""')[1], text))
    assert reasons[0] == "`clear`: what is said is said of `share` already"
    assert score.correctness == 7.143


PAGE = """\
# Sharing

## `share(cents, people)`

Tells what everybody pays. It raises a `ValueError` if fewer than one friend pays.

| Parameter | Meaning |
|---|---|
| `cents` | the whole bill |
| `people` | how many friends pay |

**Returns** the rounded amount for each.

## clear

Throws everything away. `store` is what holds the entries.

## License

MIT. The share of `store` is not said here.
"""


def page(text: str) -> Score:
    scenario = Scenario(suite="s", id="x", category="documentation", prompt={"en": "?"}, given=GIVEN)
    return rubric.score(scenario, "en", text, Nobody())[0]


def test_a_page_in_markdown() -> None:
    assert page(PAGE).correctness == 9.429, "a parameter in a sentence counts 0.6 of one in a list"
    assert page(f"````markdown\n{PAGE}````").correctness == 9.429
    assert page(PAGE.replace("## clear", "")).correctness == 7.143
    assert page("").correctness == 0
    assert page("share cents people ValueError clear store").correctness == 0


def test_a_sentence_about_a_method_may_name_what_its_class_is_about() -> None:
    given = "class TokenBucket:\n    def wait_time(self):\n        return 1\n"
    scenario = Scenario(suite="s", id="x", category="documentation", prompt={"en": "?"}, given=given)
    told = "## TokenBucket\nLimits how often callers act.\n## wait_time\nReturns {} until there are tokens.\n"
    full = rubric.score(scenario, "en", told.format("the seconds"), Nobody())[0]
    assert full.correctness == 10
    poor = rubric.score(
        scenario, "en", "## TokenBucket\nThe token bucket.\n## wait_time\nWait time.\n", Nobody()
    )
    assert poor[1][:2] == (
        "what is said of `TokenBucket` says no more than its name",
        "what is said of `TokenBucket.wait_time` says no more than its name",
    )
