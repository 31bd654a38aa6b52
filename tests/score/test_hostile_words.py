"""Texts made to hold a reader up: every one ends at once, with a score."""

import time

import pytest

from pytest_llmeval.model import ProseCheck, ReviewCheck, Scenario
from pytest_llmeval.score import clarity, docstrings, outline, rubric
from pytest_llmeval.score.analysis import Analysis
from pytest_llmeval.score.scorers import sql
from pytest_llmeval.score.scorers.protocol import Answer

LONG = 60_000
HOSTILE = {
    "spaces": " " * LONG + "x",
    "dashes": "-" * LONG + "x",
    "dashes alone": "-" * LONG,
    "dots": "." * LONG + "x",
    "lines without words": "a" + "\n" * LONG + "b",
    "lines of one letter": "a\n" * LONG,
    "a cell of underscores": "| " + "_" * LONG,
    "an error of underscores": "- " + "_" * LONG,
    "an item and spaces": "- `a`" + " " * LONG + "x",
    "underscores": "_" * LONG + "!",
    "stars": "*" * LONG + "x",
    "hashes": "# " + "#" * LONG + "x",
    "bold": "**" * (LONG // 2) + "x",
    "bars": "|" * LONG + "x",
    "parentheses": "a(" + "(" * LONG,
    "names": "a, " * (LONG // 3) + "!",
    "bullets": "- a\n" * (LONG // 4),
    "numbers": "1. line 5\n" * (LONG // 10),
    "headings": "# a\n" * (LONG // 4),
    "pages": "```markdown\n" * (LONG // 12),
    "fences": "```\n" * (LONG // 4),
    "digits": "7 " * (LONG // 2),
    "lines": "line" + " " * LONG,
    "sentences": "Queue. " * (LONG // 7),
    "fields": ":param " * (LONG // 7),
}
SCENARIOS = (
    Scenario(
        suite="s",
        id="review",
        prompt={"en": "?"},
        review=(ReviewCheck(defect="d", line=5, words=(("a",), ("queue",))),),
    ),
    Scenario(
        suite="s",
        id="design",
        prompt={"en": "?"},
        prose_checks=(
            ProseCheck(section=("a",)),
            ProseCheck(component=("queue*",)),
            ProseCheck(lacks=("b",)),
        ),
    ),
    Scenario(
        suite="s",
        id="page",
        category="documentation",
        prompt={"en": "?"},
        given="def a(queue):\n    if queue:\n        raise ValueError\n    return 1\n",
    ),
)


class Nobody:
    """Nothing here is analysed."""

    def analyse(self, code: str) -> Analysis:
        raise AssertionError(code)


@pytest.mark.parametrize("name", HOSTILE)
def test_every_text_ends_at_once(name: str) -> None:
    text = HOSTILE[name]
    started = time.process_time()
    for scenario in SCENARIOS:
        score, _ = rubric.score(scenario, "en", text, Nobody())
        assert score.correctness is not None
        rubric.score(scenario, "en", f"## a\n{text}", Nobody())
    docstrings.read(text)
    docstrings.read(f"Args:\n    {text}\n    Returns:\n{text}")
    docstrings.read(f"Raises:\n    {text}")
    outline.sections(outline.read(text))
    clarity.of(SCENARIOS[0], Answer(text, "def a(): ..."))
    assert time.process_time() - started < 5, "seconds of CPU time"


@pytest.mark.parametrize("comment", ["-" * LONG, "/* " * LONG + "*/", "/* */" * LONG + " -- " * LONG])
def test_a_query_of_much_comment_is_read_at_once(comment: str) -> None:
    started = time.process_time()
    assert sql.bare(f"SELECT 1 {comment}\nFROM t; -- all\n;").split() == ["SELECT", "1", "FROM", "t"]
    assert time.process_time() - started < 5, "seconds of CPU time"
