"""What static analysis says of code that meets its contract -> ``quality``, with parts and reasons.

``quality`` is 6 parts pylint, 3 parts complexity, 1 part maintainability (``rules.WEIGHTS``), 0 for code that
does not meet its contract: static figures separate working from broken code, not good from better.

* pylint: ``10·exp(−3·(3e + w + 0.5r + 0.2c) / size)``. The saturating form behaves on short answers, where
  pylint's own formula ranges from 10 to −70. ``size`` counts the statements of the definitions that the
  answer needs, those of one shape once, at most 25 a function and at least 10 in all: unused code and
  padding add nothing to it.
* complexity: ``10 / (1 + ((worst − free) / (2·free))²)`` of the most complex function: ``free`` costs
  nothing, three times as much half. It is the reference's worst, at least 3; without one, 5.
* maintainability: ``10·(1 − exp(−MI / 12))`` of radon's index without comments: only wrecks lose here.
"""

from __future__ import annotations

import ast
import functools
import math
from typing import TYPE_CHECKING, NamedTuple

from . import contract, rules, source

if TYPE_CHECKING:
    from collections.abc import Iterable

    from .analysis import Analysis, Finding, Routine
    from .scorers.protocol import Analyses

_SHOWN_FINDINGS = 5
_SHOWN_TEXT = 160


class Quality(NamedTuple):
    """0-10, the parts that it was made of, and why it is not higher."""

    score: float
    parts: dict[str, float]
    reasons: tuple[str, ...]


def unmet(code: str, requires: Iterable[str]) -> tuple[str, ...]:
    """Why the code is worth nothing before it is analysed or executed; empty if it has a chance."""
    return _read(code, tuple(requires))[1]


def of(code: str, requires: Iterable[str], analyser: Analyses, reference: str | None = None) -> Quality:
    """The quality of Python code. Only code that meets its contract is analysed.

    ``reference``: a right answer; its complexity is the measure of the answer's.
    """
    requires = tuple(requires)
    tree, broken = _read(code, requires)
    if tree is None or broken:
        return Quality(0.0, {}, broken)
    analysis = analyser.analyse(code)
    if analysis.failure is not None:
        return Quality(0.0, {}, (analysis.failure,))
    return judged(analysis, tree, requires, free=_free(analyser, reference))


def judged(
    analysis: Analysis, tree: ast.Module, requires: Iterable[str] = (), *, free: int = rules.SIMPLE
) -> Quality:
    """The quality of code that meets its contract, from what was analysed.

    ``free``: the cyclomatic complexity that costs nothing.
    """
    needed = _needed(contract.definitions(tree), contract.required_names(requires))
    worst = most_complex(one for one in analysis.routines if one.name.partition(".")[0] in needed)
    idioms = _idioms(tree)
    scored = [
        finding
        for finding in analysis.findings
        if finding.symbol not in rules.UNSCORED and (finding.symbol, finding.text) not in idioms
    ]
    parts = {
        "pylint": lint_score(scored, _size(needed.values())),
        "complexity": complexity_score(worst.complexity if worst else 1, free),
        "maintainability": maintainability_score(analysis.maintainability or 0.0),
    }
    total = sum(rules.WEIGHTS[name] * parts[name] for name in rules.WEIGHTS) / sum(rules.WEIGHTS.values())
    plain: dict[str, float] = {
        "pylint_plain": round(analysis.pylint_score or 0.0, 2),
        "cyclomatic_worst": worst.complexity if worst else 1,
        "findings": len(scored),
        "statements": analysis.statements,
    }
    reasons = [_told(finding) for finding in _heaviest(scored)[:_SHOWN_FINDINGS]]
    if len(scored) > _SHOWN_FINDINGS:
        reasons.append(f"and {len(scored) - _SHOWN_FINDINGS} more findings of pylint")
    if worst is not None and worst.complexity > free:
        reasons.append(
            f"`{worst.name}` (line {worst.line}) has a cyclomatic complexity of {worst.complexity}; "
            f"up to {free} costs nothing"
        )
    rounded = {name: round(value, 3) for name, value in parts.items()}
    return Quality(round(total, 3), rounded | plain, tuple(reasons))


def _idioms(tree: ast.Module) -> set[tuple[str, str]]:
    """What pylint finds wrong and tests have to do: a parameter has the name of a fixture, used or not."""
    fixtures = {
        name: node.lineno
        for name, node in contract.definitions(tree).items()
        if any("fixture" in ast.unparse(mark) for mark in node.decorator_list)
    }
    shadowed = {
        ("redefined-outer-name", f"Redefining name {name!r} from outer scope (line {node})")
        for name, node in fixtures.items()
    }
    return shadowed | {("unused-argument", f"Unused argument {name!r}") for name in fixtures}


def most_complex(routines: Iterable[Routine]) -> Routine | None:
    """The function or method of the highest cyclomatic complexity."""
    return max(routines, key=lambda one: one.complexity, default=None)


def lint_score(findings: Iterable[Finding], size: int) -> float:
    """0-10 from the weight of the findings over ``size`` statements."""
    weight = sum(rules.PENALTIES[finding.severity] for finding in findings)
    return 10 * math.exp(-rules.STEEPNESS * weight / max(size, rules.SMALLEST))


def complexity_score(worst: int, free: int = rules.SIMPLE) -> float:
    """0-10 from the cyclomatic complexity of the most complex function; up to ``free`` costs nothing."""
    return 10 / (1 + (max(0, worst - free) / (2 * free)) ** 2)


def maintainability_score(index: float) -> float:
    """0-10 from radon's maintainability index, 0-100."""
    return 10 * (1 - math.exp(-index / rules.MAINTAINABLE))


@functools.lru_cache(maxsize=256)
def _free(analyser: Analyses, reference: str | None) -> int:
    """The complexity that costs nothing: that of the reference, where it is Python."""
    if reference is None or source.parse(source.normalise(reference)).tree is None:
        return rules.SIMPLE
    worst = most_complex(analyser.analyse(reference).routines)
    return rules.SIMPLE if worst is None else max(rules.SIMPLEST, worst.complexity)


def _read(code: str, requires: tuple[str, ...]) -> tuple[ast.Module | None, tuple[str, ...]]:
    """The syntax tree, and why the code does not meet its contract."""
    tree, reason = source.parse(source.normalise(code))
    if tree is None:
        return None, (reason or "",)
    return tree, contract.unmet(tree, requires) or _nothing(tree)


def _nothing(tree: ast.Module) -> tuple[str, ...]:
    """Why there is nothing to judge: no definition, or none that does anything."""
    definitions = contract.definitions(tree)
    if not definitions:
        return ("the code defines no function and no class",)
    functions = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
    if functions and all(contract.is_stub(node) for node in functions):
        return tuple(
            f"`{node.name}` is a stub: its body does nothing" for node in functions[:_SHOWN_FINDINGS]
        )
    return ()


def _needed(
    definitions: dict[str, contract.Definition], required: frozenset[str]
) -> dict[str, contract.Definition]:
    """The required definitions and those that they use, directly or not; all where none is required."""
    waiting = [name for name in definitions if not required or name in required]
    needed: dict[str, contract.Definition] = {}
    while waiting:
        name = waiting.pop()
        if name in needed:
            continue
        needed[name] = definitions[name]
        used = {node.id for node in ast.walk(definitions[name]) if isinstance(node, ast.Name)}
        waiting.extend(used & definitions.keys())
    return needed or definitions


def _size(definitions: Iterable[ast.AST]) -> int:
    """Statements in the definitions, at most ``LARGEST_ROUTINE`` of each function or class body.

    Simple statements of the same shape (``a = 1``, ``b = 2``) count once in each.
    """
    shapes: dict[int, set[tuple[object, ...]]] = {}
    waiting = [(node, 0) for node in definitions]
    while waiting:
        node, owner = waiting.pop()
        if isinstance(node, ast.stmt):
            simple = not hasattr(node, "body")
            shape = tuple(map(type, ast.walk(node))) if simple else (id(node),)
            shapes.setdefault(owner, set()).add(shape)
        inside = id(node) if isinstance(node, contract.Definition) else owner
        waiting.extend((child, inside) for child in ast.iter_child_nodes(node))
    return sum(min(len(distinct), rules.LARGEST_ROUTINE) for distinct in shapes.values())


def _heaviest(findings: Iterable[Finding]) -> list[Finding]:
    return sorted(findings, key=lambda finding: (-rules.PENALTIES[finding.severity], finding.line))


def _told(finding: Finding) -> str:
    text = " ".join(finding.text.split())
    text = text if len(text) <= _SHOWN_TEXT else f"{text[: _SHOWN_TEXT - 1]}…"
    return f"line {finding.line}: {text} ({finding.symbol})"
