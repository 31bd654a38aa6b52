"""Scenario files that almost fit: refused in words, or every answer to their scenarios has a score.

Each example is one of the shipped files with values altered, beside the files that it names, an answer, and
what a sandbox makes of that.
"""

from __future__ import annotations

import copy
import json
import tempfile
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec
from fuzz_mutations import altered, either, mutated, seeds

from pytest_llmeval import evaluate, hashes, lined, scenarios, wire
from pytest_llmeval.errors import ScenarioError
from pytest_llmeval.score import rubric
from pytest_llmeval.score.analysis import Analysis, Routine
from pytest_llmeval.score.sandbox.protocol import DEFAULT, Broken, Limits, Opaque, Raised, Result, Returned

if TYPE_CHECKING:
    from random import Random

    from pytest_llmeval.model import Scenario

SUITES = Path(__file__).parents[1] / "suites"
RESULTS: tuple[Result, ...] = (
    *map(Returned, (None, True, 1, 0.5, "a", [], [1], [(1, None)], [("t", "why"), ("u", None)], {"a": (1,)})),
    *(Returned(Opaque("A", "<A>")), Raised(("ValueError", "Exception"), "why"), Raised((), "")),
    *(Broken("took too long"), Broken("did not load", whole=True), Broken("was not tried", tried=False)),
)
CODE = "def f(x):\n    return x\n"
ANSWERS = (
    "",
    "No defects.",
    f"Here:\n\n```python\n{CODE}```\n",
    "```sql\nSELECT 1\n```",
    "`^a+$`",
    "1. line 5: the last window is missed\n2. x",
    "# Title\n\n## Context\n\n- a: b\n",
)


class Case(NamedTuple):
    """``data`` is the file, of the suite in ``folder``; ``results`` what the sandbox says, by turns."""

    folder: str
    data: bytes
    answer: str
    results: tuple[Result, ...]


class Told:
    """A sandbox that runs nothing and replies what it was told to."""

    name = "told"

    def __init__(self, results: tuple[Result, ...]) -> None:
        self._results = results

    def run(self, code: str, calls: tuple[str, ...], limits: Limits = DEFAULT) -> tuple[Result, ...]:  # noqa: ARG002
        """As many as there are calls."""
        return tuple(self._results[number % len(self._results)] for number in range(len(calls)))


class Clean:
    """An analyser without complaints."""

    def analyse(self, code: str) -> Analysis:  # noqa: ARG002
        """The same of every snippet."""
        return Analysis(
            statements=2, routines=(Routine("f", 1, 1, 2),), maintainability=90.0, pylint_score=9.0
        )


@cache
def _shipped() -> tuple[tuple[str, Any], ...]:
    paths = sorted(SUITES.glob("*/*.eval.yaml"))
    return tuple((path.parent.name, lined.load(path).plain()) for path in paths)


def make(chance: Random) -> Case:
    """One example. JSON is YAML."""
    folder, document = chance.choice(_shipped())
    few = (
        {**document, "scenarios": chance.sample(every, min(2, len(every)))}
        if (every := document.get("scenarios"))
        else document
    )
    by_values = altered(lambda _: copy.deepcopy(few))
    data = either(by_values, by_values, mutated(seeds("yaml")))(chance)
    results = tuple(chance.choice(RESULTS) for _ in range(chance.randint(1, 4)))
    return Case(folder, data, chance.choice(ANSWERS), results)


def check(case: Case) -> None:
    """What can be read can be asked, told apart by its hashes, and scored."""
    with tempfile.TemporaryDirectory(prefix="llmeval-fuzz-") as name:
        folder = Path(name) / case.folder
        folder.mkdir()
        for shipped in (SUITES / case.folder).iterdir():
            if shipped.suffix != ".yaml":
                (folder / shipped.name).symlink_to(shipped)
        path = folder / "a.eval.yaml"
        path.write_bytes(case.data)
        try:
            suite = scenarios.load(path)
        except ScenarioError as error:
            str(error).encode()
            return
        for scenario in suite.scenarios:
            _scored(scenario, case)


def _scored(scenario: Scenario, case: Case) -> None:
    hashes.checks_sha256(scenario)
    json.dumps(wire.plain(scenario))
    for language in scenario.prompt:
        hashes.prompt_sha256(scenario, language)
        cell = evaluate.Cell(
            endpoint="e", scenario=scenario, language=language, parameters=scenario.parameters
        )
        msgspec.json.encode(cell.request())
        score, reasons = rubric.score(scenario, language, case.answer, Clean(), Told(case.results))
        for figure in (score.total, score.correctness, score.quality, score.clarity):
            assert figure is None or 0 <= figure <= 10, score
        assert all(len(reason) <= rubric.LONGEST_REASON for reason in reasons)
