"""HumanEval-style JSONL: named on the command line it is a suite, wherever and however it runs."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    Answering = Callable[..., str]

BEGUN = "from typing import List\n\n\ndef evens(numbers: List[int]) -> List[int]:\n    'Even ones.'\n"
PROBLEMS = [
    {
        "task_id": "Own/0",
        "prompt": BEGUN,
        "entry_point": "evens",
        "canonical_solution": "    return [n for n in numbers if n % 2 == 0]\n",
        "test": "def check(candidate):\n    assert candidate([1, 2]) == [2]\n",
    },
    {
        "task_id": "Own/1",
        "prompt": 'def longest(words):\n    """The longest of the words, the first of several."""\n',
        "entry_point": "longest",
        "test": "def check(candidate):\n    assert candidate(['a', 'bb', 'cc']) == 'bb'\n",
    },
]
EVENS = "```python\ndef evens(n: List[int]) -> List[int]:\n    return [m for m in n if m % 2 == 0]\n```"
LONGEST = "```python\n    return max(words, key=len)\n```"
LAST = "```python\ndef longest(words):\n    return sorted(words, key=len)[-1]\n```"


def prepared(project: Any, answering: Answering) -> Callable[..., pytest.RunResult]:
    """Runs problems with scripted answers; the project has no other suite."""
    (project.path / "suites" / "mine.eval.yaml").unlink()
    path = project.path / "Own.jsonl"
    path.write_text("".join(json.dumps(one) + "\n" for one in PROBLEMS), encoding="utf-8")

    def run(*arguments: str, longest: str = LONGEST, **behaviour: Any) -> pytest.RunResult:
        url = answering(answers={"evens": EVENS, "longest": longest}, **behaviour)
        result: pytest.RunResult = project.pytest(f"--llm-endpoint=mock={url}", "--llm-rounds=1", *arguments)
        return result

    return run


@pytest.fixture
def running(project: Any, answering: Answering) -> Callable[..., pytest.RunResult]:
    """See ``prepared``."""
    return prepared(project, answering)


def correctness(project: Any) -> dict[str, float]:
    return {
        cell["scenario"]: cell["samples"][0]["score"]["correctness"] for cell in project.last_run()["cells"]
    }


@pytest.mark.workers
def test_problems_are_cells(project: Any, running: Callable[..., pytest.RunResult]) -> None:
    result = running("Own.jsonl", "-v", longest=LAST)
    result.assert_outcomes(passed=2)
    result.stdout.fnmatch_lines(["*Own.jsonl::own-0[[]mock-en[]]*"])
    result.stdout.fnmatch_lines(["pass@k*own.jsonl on mock: pass@1 50.0 % (2 cells)"])
    assert correctness(project) == {"own-0": 10, "own-1": 0}
    cells = {cell["scenario"]: cell for cell in project.last_run()["cells"]}
    assert cells["own-0"]["suite"] == "own.jsonl"
    assert "candidate(['a', 'bb', 'cc']) == 'bb'" in cells["own-1"]["samples"][0]["reasons"][0]


def test_k_node_ids_and_lf_select(project: Any, running: Callable[..., pytest.RunResult]) -> None:
    running("Own.jsonl", status=500).assert_outcomes(failed=2)
    running("Own.jsonl", "--lf", "-k", "own-1 and mock").assert_outcomes(passed=1, deselected=1)
    assert correctness(project) == {"own-1": 10}, "its answer is the body running"
    running("Own.jsonl::own-0[mock-en]").assert_outcomes(passed=1)
    assert correctness(project) == {"own-0": 10}


def test_a_folder_that_holds_such_a_file_has_no_suite(running: Callable[..., pytest.RunResult]) -> None:
    assert "own-0" not in running(".", "--collect-only", "-q").stdout.str()


def test_a_bad_line_is_told(project: Any, running: Callable[..., pytest.RunResult]) -> None:
    with (project.path / "Own.jsonl").open("a") as file:
        file.write('{"task_id": "Own/2"}\n')
    result = running("Own.jsonl")
    assert result.ret == pytest.ExitCode.INTERRUPTED
    result.stdout.fnmatch_lines(["*Own.jsonl:3: the line is no problem: *missing required field `prompt`*"])
