"""Code to mend: what the given code gets wrong must be right now, what it gets right must stay so.

``correctness`` is ten times the share of the checks that the given code fails and that pass now, times the
share of the others that still pass: an unchanged answer is worth nothing, and neither is one that mends
everything by breaking the rest. ``focus``, a part of ``clarity``, is ten for up to twice the lines that the
reference changes, and falls with every line more: a rewrite is no fix.
"""

from __future__ import annotations

import ast
import difflib
import functools
from typing import TYPE_CHECKING

from pytest_llmeval.errors import UnscorableError
from pytest_llmeval.score import source

from . import python
from .protocol import Marks

if TYPE_CHECKING:
    from pytest_llmeval.model import Scenario
    from pytest_llmeval.score.sandbox.protocol import Result, Sandbox

    from .protocol import Answer, Means

_LEAST_ALLOWED = 4
"""Changed lines that never cost anything."""


def fits(scenario: Scenario) -> bool:
    """Whether the scenario has what this needs: code to mend, and checks."""
    return scenario.given is not None and bool(scenario.checks) and scenario.tests is None


def score(scenario: Scenario, answer: Answer, means: Means) -> Marks:
    """Run the checks on the answer and on the given code; ``UnscorableError`` where that passes all."""
    given = scenario.given or ""
    calls = tuple(check.call for check in scenario.checks)
    before = zip(scenario.checks, _results(means.sandbox, given, calls), strict=True)
    wrong = [python.failure(check, result) is not None for check, result in before]
    if not any(wrong):
        raise UnscorableError("the given code passes all checks: there is nothing to mend")
    failures = python.run(answer.code, scenario.checks, means.sandbox)
    mended = [why for why, was_wrong in zip(failures, wrong, strict=True) if was_wrong]
    kept = [why for why, was_wrong in zip(failures, wrong, strict=True) if not was_wrong]
    shares = [part.count(None) / len(part) for part in (mended, kept) if part]
    correctness = 10 * shares[0] * (shares[1] if kept else 1)
    parts = {
        **python.counted(failures),
        "to_mend": len(mended),
        "mended": mended.count(None),
        "broken": len(kept) - kept.count(None),
    }
    reasons = [f"what worked before is broken: {why}" for why in kept if why] + [why for why in mended if why]
    focus, rewritten = _focus(scenario, answer.code) if mended.count(None) else (0.0, ())
    told = python.told(reasons)
    if not mended.count(None):
        told = ("nothing that the given code gets wrong is mended", *told)
    return Marks(round(correctness, 3), parts, {"focus": focus}, (*told, *rewritten))


def changed_lines(before: str, after: str) -> int:
    """Lines that differ, of two programs without their comments, docstrings, layout and examples of use."""
    one, other = ([line for line in _plain(code).splitlines() if line] for code in (before, after))
    blocks = difflib.SequenceMatcher(a=one, b=other, autojunk=False).get_opcodes()
    return sum(max(i2 - i1, j2 - j1) for kind, i1, i2, j1, j2 in blocks if kind != "equal")


def _focus(scenario: Scenario, code: str) -> tuple[float, tuple[str, ...]]:
    """0-10 from how much was changed, and the sentence that says so."""
    given = scenario.given or ""
    needed = changed_lines(given, scenario.reference) if scenario.reference is not None else 0
    allowed = max(_LEAST_ALLOWED, 2 * needed)
    changed = changed_lines(given, code)
    if changed <= allowed:
        return 10.0, ()
    return round(10 * allowed / changed, 3), (f"{changed} lines are changed; up to {allowed} cost nothing",)


def _plain(code: str) -> str:
    """The program printed anew from its syntax tree."""
    tree = source.parse(source.normalise(code)).tree
    if tree is None:
        return code
    tree.body = [node for node in tree.body if not isinstance(node, ast.Expr | ast.If)]
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) and ast.get_docstring(
            node
        ):
            node.body = node.body[1:] or [ast.Pass()]
    return ast.unparse(tree)


@functools.lru_cache(maxsize=64)
def _results(sandbox: Sandbox, given: str, calls: tuple[str, ...]) -> tuple[Result, ...]:
    """What the given code does, once for all answers."""
    return sandbox.run(given, calls)
