"""Answers are executed: right ones score 10, wrong ones say why, none does anything outside the sandbox."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    Answering = Callable[..., str]

SUITE = """\
scenarios:
- id: add
  category: algorithm
  prompt: {en: "Write add(a, b)."}
  answer: {code: python, requires: ["add(a, b)"]}
  checks:
  - {call: "add(2, 3)", equals: 5}
  - {call: "add('a', 'b')", equals: ab}
  - {call: "add(1, None)", raises: TypeError}
  - {call: "add(-1, 1)", equals: 0}
"""
FLOORED = f"{SUITE}  floor: {{correctness: 8}}\n"
RIGHT = "def add(a, b):\n    return a + b\n"
NO_SANDBOX = """\
from pytest_llmeval.score.sandbox import choice
choice.missing = lambda way: f"there is no {way.name} here"
"""


@pytest.fixture
def executing(project: Any, answering: Answering) -> Callable[..., pytest.RunResult]:
    """Run the suite against a server whose every answer is this code."""
    (project.path / "suites" / "mine.eval.yaml").write_text(SUITE, encoding="utf-8")

    def run(code: str, *arguments: str) -> pytest.RunResult:
        url = answering(answers={"Write add": f"Here is the function:\n```python\n{code}```\n"})
        result: pytest.RunResult = project.pytest(f"--llm-endpoint={url}", "--llm-rounds=1", *arguments)
        return result

    return run


def sample(project: Any) -> dict[str, Any]:
    (cell,) = project.last_run()["cells"]
    (one,) = cell["samples"]
    return dict(one)


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0)
        yield server


def was_reached(listener: socket.socket) -> bool:
    try:
        listener.accept()[0].close()
    except BlockingIOError:
        return False
    return True


@pytest.mark.workers
def test_a_right_answer(project: Any, executing: Callable[..., pytest.RunResult]) -> None:
    (project.path / "suites" / "mine.eval.yaml").write_text(FLOORED)
    result = executing(RIGHT)
    result.assert_outcomes(passed=1)
    score = sample(project)["score"]
    assert score["correctness"] == 10
    assert (score["parts"]["checks"], score["parts"]["checks_passed"]) == (4, 4)
    weighted = 6 * score["correctness"] + 3 * score["quality"]
    assert score["total"] == pytest.approx(weighted / 9, abs=0.001), "nothing was asked for in words"
    assert sample(project).get("reasons", []) == []
    assert project.last_run()["sandbox"] in ("landlock", "bubblewrap")
    result.stdout.fnmatch_lines(["*correct*quality*clarity*total*", "*add/en*10.0*"])


def test_a_floor_on_correctness_fails_the_cell_with_the_reasons(
    project: Any, executing: Callable[..., pytest.RunResult]
) -> None:
    (project.path / "suites" / "mine.eval.yaml").write_text(FLOORED)
    result = executing("def add(a, b):\n    return a\n")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        ["*correctness is 0, under the scenario's floor of 8*", "*`add` fails on `2, 3`: returned 2; 5 was*"]
    )


def test_nothing_is_executed_outside_the_sandbox(
    project: Any, executing: Callable[..., pytest.RunResult], listener: socket.socket
) -> None:
    trace, port = project.path / "trace", listener.getsockname()[1]
    code = (
        "import pathlib, subprocess\nfrom contextlib import suppress\nfrom socket import create_connection\n"
        "def attack():\n"
        f"    with suppress(Exception):\n        pathlib.Path({str(trace)!r}).write_text('x')\n"
        f"    with suppress(Exception):\n        subprocess.run(['touch', {str(trace)!r}])\n"
        f"    with suppress(Exception):\n        create_connection(('127.0.0.1', {port}), 1)\n"
        "attack()\n"
        "def add(a, b):\n    attack()\n    return a + b\n"
    )
    executing(code).assert_outcomes(passed=1)
    assert sample(project)["score"]["correctness"] == 10, "it fails to harm, and adds"
    assert not trace.exists()
    assert not was_reached(listener)
    result = executing(code, "--llm-sandbox=none")
    assert trace.exists(), "the attack is real"
    assert was_reached(listener)
    assert project.last_run()["sandbox"] == "none"
    result.stdout.fnmatch_lines(["llmeval: *without a sandbox*", "*sandbox*none: answers were executed*"])


def test_an_answer_without_its_function_is_not_executed_at_all(
    project: Any, executing: Callable[..., pytest.RunResult]
) -> None:
    trace = project.path / "trace"
    executing(f"open({str(trace)!r}, 'w').close()\n", "--llm-sandbox=none").assert_outcomes(passed=1)
    assert sample(project)["score"]["correctness"] == 0
    assert project.last_run()["sandbox"] is None
    assert not trace.exists()


def test_without_a_sandbox_nothing_is_executed_and_strict_is_red(
    project: Any, executing: Callable[..., pytest.RunResult]
) -> None:
    (project.path / "conftest.py").write_text(NO_SANDBOX)
    trace = project.path / "trace"
    code = f"open({str(trace)!r}, 'w').close()\n{RIGHT}"
    why = "generated code is not run: there is no landlock here; there is no bubblewrap here"
    result = executing(code)
    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines([f"correctness *not computed in 1 cell: {why}"])
    score = sample(project)["score"]
    assert "correctness" not in score
    assert "total" not in score
    assert score["absent"] == {"correctness": why}
    assert score["quality"] > 5
    result = executing(code, "--llm-strict")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines([f"*correctness was not computed, which --llm-strict asks for: {why}*"])
    assert not trace.exists()


def test_a_kind_that_is_not_known(project: Any, executing: Callable[..., pytest.RunResult]) -> None:
    result = executing(RIGHT, "--llm-sandbox=docker")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    assert "--llm-sandbox" in result.stderr.str() + result.stdout.str()


def test_a_suite_that_llmeval_wrote_runs(project: Any, answering: Answering) -> None:
    assert project.llmeval("suite", "new", "billing").ret == 0
    right = "```python\ndef average(numbers):\n    return sum(numbers) / len(numbers)\n```\n"
    url = answering(answers={"average(numbers)": right})
    result = project.pytest(f"--llm-endpoint={url}", "--llm-rounds=1", "suites/billing.eval.yaml")
    assert result.ret == 0
    cells = project.last_run()["cells"]
    assert [cell["language"] for cell in cells] == ["en", "ko"]
    for cell in cells:
        assert cell["samples"][0]["score"]["correctness"] == pytest.approx(20 / 3, abs=0.01)
