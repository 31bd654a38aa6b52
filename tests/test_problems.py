"""HumanEval-style JSONL: scenarios of its problems, and every mistake with its line."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_llmeval import problems
from pytest_llmeval.errors import ScenarioError
from pytest_llmeval.values import SLUG_PATTERN

PROMPT = """\
from math import ceil


def half(x):
    return x / 2


def double(x):
    '''Twice x, as in \\d.'''
"""
DOUBLE = {
    "task_id": "Own/Double 1",
    "prompt": PROMPT,
    "entry_point": "double",
    "test": "def check(candidate):\n    assert candidate(2) == 4\n    assert candidate(half(3)) == 3\n",
    "canonical_solution": "    return 2 * x\n",
    "more": [1],
}


def written(folder: Path, *lines: Any, name: str = "Own set.jsonl") -> Path:
    path = folder / name
    texts = [line if isinstance(line, str) else json.dumps(line) for line in lines]
    data = "".join(f"{text}\n" for text in texts).encode()
    path.write_bytes(gzip.compress(data) if path.suffix == ".gz" else data)
    return path


@pytest.mark.parametrize("name", ["Own set.jsonl", "Own set.jsonl.gz"])
def test_a_problem_is_a_scenario(tmp_path: Path, name: str) -> None:
    path = written(tmp_path, "", DOUBLE, DOUBLE | {"task_id": "Own/2", "canonical_solution": None}, name=name)
    suite = problems.load(path, root=tmp_path)
    assert (suite.name, suite.path) == ("own-set.jsonl", str(path))
    assert problems.is_suite(suite.name)
    one, other = suite.scenarios
    assert (one.suite, one.id, one.line, one.path) == ("own-set.jsonl", "own-double-1", 2, str(path))
    assert (other.id, other.line, other.reference) == ("own-2", 3, None)
    assert one.category == "code-completion"
    assert one.answer.requires == ("double",)
    assert f"```python\n{PROMPT}```" in one.prompt["en"]
    assert "candidate" not in one.prompt["en"]
    assert one.is_executed


@pytest.mark.filterwarnings("ignore:invalid escape sequence")
def test_reference_and_tests_run_together(tmp_path: Path) -> None:
    (scenario,) = problems.load(written(tmp_path, DOUBLE)).scenarios
    assert scenario.reference is not None
    assert scenario.tests is not None
    namespace: dict[str, Any] = {}
    exec(scenario.reference, namespace)
    exec(scenario.tests, namespace)
    namespace["test_double"]()
    namespace["double"] = lambda x: x
    with pytest.raises(AssertionError):
        namespace["test_double"]()


def test_tests_bring_what_stands_before_the_function(tmp_path: Path) -> None:
    (scenario,) = problems.load(written(tmp_path, DOUBLE)).scenarios
    namespace: dict[str, Any] = {"double": lambda x: 2 * x}
    exec(scenario.tests or "", namespace)
    namespace["test_double"]()


def test_a_prompt_may_end_before_any_body(tmp_path: Path) -> None:
    (scenario,) = problems.load(written(tmp_path, DOUBLE | {"prompt": "def double(x):\n"})).scenarios
    assert scenario.given == "def double(x):\n"


def without(key: str) -> dict[str, Any]:
    return {name: value for name, value in DOUBLE.items() if name != key}


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("{", "the line is no problem: Input data was truncated"),
        ("[1]", "the line is no problem: Expected `object`, got `array`"),
        ('{"task_id": "\\ud800"}', "the line is no problem"),
        (without("task_id"), "missing required field `task_id`"),
        (without("test"), "missing required field `test`"),
        (DOUBLE | {"prompt": 1}, "Expected `str`, got `int` - at `$.prompt`"),
        (DOUBLE | {"prompt": "def double(x:\n"}, "prompt: is no Python: "),
        (DOUBLE | {"entry_point": "triple"}, 'prompt: defines no function "triple"'),
        (DOUBLE | {"test": "def check(:\n"}, "test: is no Python"),
        (DOUBLE | {"test": "assert double(2) == 4\n"}, "test: defines no function check(candidate)"),
        (DOUBLE | {"task_id": "///"}, 'task_id: "///" makes no id'),
        (DOUBLE | {"task_id": "own/double-1"}, "the id own-double-1 is that of line 1 already"),
    ],
)
def test_a_mistake_is_told_with_its_line(tmp_path: Path, line: Any, words: str) -> None:
    path = written(tmp_path, DOUBLE, "", line)
    with pytest.raises(ScenarioError) as caught:
        problems.load(path, root=tmp_path)
    assert (caught.value.path, caught.value.line) == (Path(path.name), 3)
    assert words in caught.value.what


@pytest.mark.parametrize("data", [b"", b"\n \n", b"\xff\n", b"\x1f\x8b broken"])
@pytest.mark.parametrize("name", ["x.jsonl", "x.jsonl.gz"])
def test_a_file_that_holds_no_problems(tmp_path: Path, data: bytes, name: str) -> None:
    (tmp_path / name).write_bytes(data)
    with pytest.raises(ScenarioError):
        problems.load(tmp_path / name)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ScenarioError, match="can't be read"):
        problems.load(tmp_path / "x.jsonl")


def test_a_bomb_is_not_unpacked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(problems, "MAX_BYTES", 1 << 20)
    path = written(tmp_path, " " * (2 << 20), name="x.jsonl.gz")
    with pytest.raises(ScenarioError, match="holds more than 1 MB"):
        problems.load(path)


@given(st.text())
def test_any_task_id_makes_an_id_or_is_refused(text: str) -> None:
    found = problems._slug(text)
    assert SLUG_PATTERN.fullmatch(found) or len(found) > 100 or not found.strip(".")
