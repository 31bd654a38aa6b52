"""``llmeval suite check``: sound suites pass, mistakes are sentences with file and line."""

from __future__ import annotations

import json

import pytest

from pytest_llmeval import shipped

SUITE = """\
scenarios:
- id: half
  prompt: {en: "Write half(n)."}
  answer: {code: python, requires: [half(n)]}
  reference: |
    def half(n):
        return n // 2
  checks:
  - {call: half(9), equals: 4}
- id: capital
  prompt: {en: "What is the capital of France?"}
  checks: [{contains: Paris}]
- id: hello
  prompt: {en: Hi.}
"""


@pytest.fixture
def suite(folder_of_runs):
    (folder_of_runs.path / "x.eval.yaml").write_text(SUITE)
    return folder_of_runs


def test_a_sound_suite_passes_and_each_scenario_says_what_was_tried(suite) -> None:
    said = suite.llmeval("suite", "check")
    assert (said.code, said.err) == (0, "")
    half, capital, hello, summary = said.out.splitlines()
    assert half.startswith("x.eval.yaml:2 half: 1 right answer, correctness 10.0, quality 10.0, ")
    assert half.endswith(" wrong variants noticed")
    assert capital == "x.eval.yaml:10 capital: checks, and no reference to try them on"
    assert hello == "x.eval.yaml:13 hello: nothing tells right answers from wrong ones"
    assert summary == "3 scenarios, 0 mistakes"


def test_mistakes_are_told_with_file_and_line(suite) -> None:
    (suite.path / "x.eval.yaml").write_text(SUITE.replace("equals: 4", "equals: 5"))
    (suite.path / "y.eval.yaml").write_text("scenarios:\n- idd: x\n")
    (suite.path / "z.eval.yaml").write_text("select: {from: x.eval.yaml, ids: [half]}\n")
    said = suite.llmeval("suite", "check", ".")
    assert said.code == 1
    broken, half = said.err.splitlines()[0], said.err.splitlines()[-1]
    assert broken.startswith("y.eval.yaml:2: ")
    assert half.startswith(
        "x.eval.yaml:2 half: reference: scores 0.0 for correctness, not 9.5: `half` fails on"
    )
    assert said.out.splitlines()[-1] == "3 scenarios, 2 mistakes"
    assert "half: WRONG" in said.out


def test_an_id_that_two_files_have_is_one_mistake(suite) -> None:
    for name in ("y", "z"):
        hello = f"suite: x\nscenarios:\n- id: {'hello' if name == 'y' else 'other'}\n  prompt: {{en: Hi.}}\n"
        (suite.path / f"{name}.eval.yaml").write_text(hello)
    said = suite.llmeval("suite", "check")
    assert said.code == 1
    assert said.err.count("suite x has the id hello already") == 1
    assert said.out.splitlines()[-1] == "4 scenarios, 1 mistake"


def test_variants_that_nothing_notices_are_named_on_demand(suite) -> None:
    text = SUITE.replace("n // 2", "n // 2 if n > 1 else 0")
    (suite.path / "x.eval.yaml").write_text(text + "# checks of no use at the edge\n")
    said = suite.llmeval("suite", "check", "-v")
    assert "  not noticed: line 2: " in said.out


def test_a_file_of_problems_is_tried_where_it_is_named(suite) -> None:
    problem = {
        "task_id": "Own/0",
        "prompt": 'def half(n):\n    """Half of a number, rounded down."""\n',
        "entry_point": "half",
        "test": "def check(candidate):\n    assert candidate(9) == 4\n    assert candidate(2) == 1\n",
        "canonical_solution": "    return n // 2\n",
    }
    wrong = problem | {"task_id": "Own/1", "canonical_solution": "    return n\n"}
    (suite.path / "own.jsonl").write_text("".join(json.dumps(one) + "\n" for one in (problem, wrong)))
    said = suite.llmeval("suite", "check", "own.jsonl")
    assert said.code == 1
    assert said.out.splitlines()[0].startswith("own.jsonl:1 own-0: 1 right answer, correctness 10.0, ")
    assert said.err.startswith("own.jsonl:2 own-1: reference: scores 0.0 for correctness, not 9.5: ")
    assert "2 scenarios, 1 mistake" in said.out
    assert "own-0" not in suite.llmeval("suite", "check").out, "only where it is named"


def test_every_shipped_suite_is_sound_and_its_vectors_are_fresh(folder_of_runs) -> None:
    said = folder_of_runs.llmeval("suite", "check", *shipped.names())
    assert said.err == ""
    assert said.code == 0
    said = folder_of_runs.llmeval("suite", "freeze", "--check", *shipped.names())
    assert (said.code, said.err) == (0, "")
