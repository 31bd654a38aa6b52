"""Code to simplify: what it does must stay, and it must be simpler than before.

``correctness`` is 0 where a check fails, else ``2 + 8 · simpler``: keeping everything as it was is worth 2.
``simpler`` compares three figures of the answer with those of the given code and of the reference, which is
somebody's good refactoring: the cyclomatic complexity of the most complex function, that of all functions
together, and the number of statements. In each in which the reference is below the given code, the answer has
its share of that reduction, from 0 to 1; ``simpler`` is the mean of the shares.
"""

from __future__ import annotations

import ast
import functools
from statistics import fmean
from typing import TYPE_CHECKING

from pytest_llmeval.errors import UnscorableError
from pytest_llmeval.score import source

from . import python
from .protocol import Marks

if TYPE_CHECKING:
    from pytest_llmeval.model import Scenario
    from pytest_llmeval.score.analysis import Analysis

    from .protocol import Analyses, Answer, Means

_KEPT = 2.0
"""The worth of code that does the same and is no simpler."""
_TOLD = {
    "worst_complexity": "the cyclomatic complexity of the most complex function",
    "all_complexity": "the cyclomatic complexity of all functions together",
    "statements": "the number of statements",
}
_HIDING = ("exec", "eval", "compile")
"""Functions that run code which no figure counts."""


def fits(scenario: Scenario) -> bool:
    """Whether the scenario has what this needs: code, a refactoring of it, and checks of what it does."""
    return scenario.given is not None and scenario.reference is not None and bool(scenario.checks)


def score(scenario: Scenario, answer: Answer, means: Means) -> Marks:
    """Run the checks, then compare the answer's figures with those of the given code and the reference."""
    failures = python.run(answer.code, scenario.checks, means.sandbox)
    parts = python.counted(failures)
    if any(failures):
        return Marks(0.0, parts, reasons=("the code does not do what it did", *python.told(failures)))
    own = figures(means.analyser.analyse(answer.code))
    before, after = (_known(means.analyser, code or "") for code in (scenario.given, scenario.reference))
    compared = [name for name in before if after[name] < before[name]]
    if not compared:
        raise UnscorableError("the scenario's reference is no simpler than its given code")
    if own is None or _hides(answer.code):
        return Marks(_KEPT, parts, reasons=("the code can't be measured, or hides code in texts",))
    shares = {name: _share(own[name], before[name], after[name]) for name in compared}
    parts |= {name: float(figure) for name, figure in own.items()} | {
        "simpler": round(fmean(shares.values()), 3)
    }
    reasons = tuple(
        f"{_TOLD[name]} is {own[name]}; it was {before[name]}, and {after[name]} is possible"
        for name in compared
        if shares[name] < 1
    )
    return Marks(round(_KEPT + (10 - _KEPT) * fmean(shares.values()), 3), parts, reasons=reasons)


def figures(analysis: Analysis) -> dict[str, int] | None:
    """How complex code is; None where that could not be told."""
    complexities = [one.complexity for one in analysis.routines]
    if analysis.failure is not None or not complexities:
        return None
    return {
        "worst_complexity": max(complexities),
        "all_complexity": sum(complexities),
        "statements": analysis.statements,
    }


def _share(own: int, before: int, after: int) -> float:
    return min(1.0, max(0.0, (before - own) / (before - after)))


def _hides(code: str) -> bool:
    tree = source.parse(source.normalise(code)).tree
    return tree is None or any(isinstance(node, ast.Name) and node.id in _HIDING for node in ast.walk(tree))


@functools.lru_cache(maxsize=128)
def _known(analyser: Analyses, code: str) -> dict[str, int]:
    """The figures of a scenario's own code, once for all answers."""
    known = figures(analyser.analyse(code))
    if known is None:
        raise UnscorableError("the scenario's given code or its reference can't be measured")
    return known
