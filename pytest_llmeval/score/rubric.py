"""Extraction, contract and analysis -> the scores of one answer, with parts and reasons.

``quality`` is 6 parts pylint, 3 parts complexity, 1 part maintainability (``rules.WEIGHTS``), 0 for code that
does not meet its contract: static figures separate working from broken code, not good from better.

* pylint: ``10·exp(−3·(3e + w + 0.5r + 0.2c) / size)``. The saturating form behaves on short answers, where
  pylint's own formula ranges from 10 to −70. ``size`` counts the statements of the definitions that the
  answer needs, those of one shape once, at most 25 a function and at least 10 in all: unused code and
  padding add nothing to it.
* complexity: ``10 / (1 + ((worst − 5) / 10)²)`` of the most complex function; up to 5 costs nothing, 15 half.
* maintainability: ``10·(1 − exp(−MI / 12))`` of radon's index without comments: only wrecks lose here.

``correctness`` is the share of its checks that an answer passes: code is executed (``scorers.python``), prose
is read (``scorers.prose``). ``total`` weighs the three (``rules.TOTAL``) and is absent where one of them is.
"""

from __future__ import annotations

import ast
import math
from typing import TYPE_CHECKING, NamedTuple, Protocol

from pytest_llmeval.errors import SandboxError
from pytest_llmeval.model import Scenario, Score

from . import contract, extract, rules, source
from .sandbox.protocol import Unusable
from .scorers import language as languages
from .scorers import prose, python

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from pytest_llmeval.model import Check

    from .analysis import Analysis, Finding
    from .sandbox.protocol import Sandbox

_NO_SANDBOX = Unusable(SandboxError("there is no sandbox to execute the answer in"))
_SHOWN_FINDINGS = 5
_SHOWN_TEXT = 160


class Done(NamedTuple):
    """What executing came to: ``correctness`` with its parts and reasons, or why it is ``absent``."""

    correctness: float | None = None
    parts: dict[str, float] = {}  # noqa: RUF012 - never changed
    reasons: tuple[str, ...] = ()
    absent: dict[str, str] = {}  # noqa: RUF012


class Analyses(Protocol):
    """What scores need of an ``Analyser``."""

    def analyse(self, code: str) -> Analysis:
        """The figures of one snippet."""
        ...


def score(
    scenario: Scenario,
    language: str,
    text: str,
    analyser: Analyses,
    sandbox: Sandbox | None = None,
    *,
    cut_off: bool = False,
) -> tuple[Score, tuple[str, ...]]:
    """Score one answer; ``language`` is the prompt's. Returns the score and why it is not higher.

    A bad answer is a low score. Where a sandbox is wanted and there is none, nothing is executed, and
    ``Score.absent`` says why. Raises ``AnalyserError`` only when no answer could be analysed at all.
    """
    parts: dict[str, float] = {}
    clarity, unclear = _clarity(text, language, parts)
    wanted = scenario.answer.code
    if wanted is None:
        correctness, checked, wrong = prose.score(scenario.prose_checks, text, cut_off=cut_off)
        return Score(correctness=correctness, clarity=clarity, parts=checked | parts), (*wrong, *unclear)
    requires = scenario.answer.requires
    found = extract.code(text, language=wanted, requires=requires)
    if wanted != "python":
        reasons = unclear if found.reason is None else (found.reason, *unclear)
        return Score(clarity=clarity, parts=parts), reasons
    broken = (found.reason or "",) if found.code is None else unmet(found.code, requires)
    if found.code is None or broken:
        done, worth, reasons = Done(correctness=0.0 if scenario.checks else None), 0.0, broken
    else:
        done = _executed(scenario.checks, found.code, sandbox)
        worth, quality_parts, findings = quality(found.code, requires, analyser)
        parts |= done.parts | quality_parts
        reasons = (*done.reasons, *findings)
    return (
        Score(
            total=_total(done.correctness, worth, clarity),
            correctness=done.correctness,
            quality=worth,
            clarity=clarity,
            parts=parts,
            absent=done.absent,
        ),
        (*reasons, *unclear),
    )


def unmet(code: str, requires: Iterable[str]) -> tuple[str, ...]:
    """Why the code is worth nothing before it is analysed or executed; empty if it has a chance."""
    return _read(code, tuple(requires))[1]


def quality(
    code: str, requires: Iterable[str], analyser: Analyses
) -> tuple[float, dict[str, float], tuple[str, ...]]:
    """``(quality, parts, reasons)`` of Python code, 0-10. Only code that meets its contract is analysed."""
    requires = tuple(requires)
    tree, broken = _read(code, requires)
    if tree is None or broken:
        return 0.0, {}, broken
    analysis = analyser.analyse(code)
    if analysis.failure is not None:
        return 0.0, {}, (analysis.failure,)
    return judged(analysis, tree, requires)


def judged(
    analysis: Analysis, tree: ast.Module, requires: Iterable[str] = ()
) -> tuple[float, dict[str, float], tuple[str, ...]]:
    """``(quality, parts, reasons)`` of code that meets its contract, from what was analysed."""
    needed = _needed(contract.definitions(tree), contract.required_names(requires))
    routines = [one for one in analysis.routines if one.name.partition(".")[0] in needed]
    worst = max(routines, key=lambda one: one.complexity, default=None)
    scored = [finding for finding in analysis.findings if finding.symbol not in rules.UNSCORED]
    parts = {
        "pylint": lint_score(scored, _size(needed.values())),
        "complexity": complexity_score(worst.complexity if worst else 1),
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
    if worst is not None and worst.complexity > rules.SIMPLE:
        reasons.append(
            f"`{worst.name}` (line {worst.line}) has a cyclomatic complexity of {worst.complexity}; "
            f"up to {rules.SIMPLE} costs nothing"
        )
    return (
        round(total, 3),
        {name: round(value, 3) for name, value in parts.items()} | plain,
        tuple(reasons),
    )


def lint_score(findings: Iterable[Finding], size: int) -> float:
    """0-10 from the weight of the findings over ``size`` statements."""
    weight = sum(rules.PENALTIES[finding.severity] for finding in findings)
    return 10 * math.exp(-rules.STEEPNESS * weight / max(size, rules.SMALLEST))


def complexity_score(worst: int) -> float:
    """0-10 from the cyclomatic complexity of the most complex function."""
    return 10 / (1 + (max(0, worst - rules.SIMPLE) / (2 * rules.SIMPLE)) ** 2)


def maintainability_score(index: float) -> float:
    """0-10 from radon's maintainability index, 0-100."""
    return 10 * (1 - math.exp(-index / rules.MAINTAINABLE))


def _read(code: str, requires: tuple[str, ...]) -> tuple[ast.Module | None, tuple[str, ...]]:
    """The syntax tree, and why the code does not meet its contract."""
    tree, reason = source.parse(source.normalise(code))
    if tree is None:
        return None, (reason or "",)
    return tree, contract.unmet(tree, requires) or _nothing(tree)


def _executed(checks: Sequence[Check], code: str, sandbox: Sandbox | None) -> Done:
    """The share of the checks that pass; nothing where there are none, or nothing to run them in."""
    if not checks:
        return Done()
    try:
        executed = python.execute(code, checks, sandbox or _NO_SANDBOX)
    except SandboxError as error:
        told = f"correctness is not computed: {error.what}"
        return Done(reasons=(told,), absent={"correctness": error.what})
    parts = {"checks": float(len(checks)), "checks_passed": float(executed.passed)}
    return Done(round(executed.correctness, 3), parts, executed.reasons)


def _total(correctness: float | None, quality: float, clarity: float | None) -> float | None:
    """Ten at most; absent when one of its parts is."""
    shares = rules.TOTAL
    values = {"correctness": correctness, "quality": quality, "clarity": clarity}
    weighted = [shares[name] * value for name, value in values.items() if value is not None]
    return round(sum(weighted) / sum(shares.values()), 3) if len(weighted) == len(values) else None


def _clarity(text: str, language: str, parts: dict[str, float]) -> tuple[float | None, tuple[str, ...]]:
    """Whether the language was kept, where the prose is enough to tell."""
    kept, reason = languages.kept(extract.prose(text), language)
    if kept is None:
        return None, ()
    parts["language"] = 10.0 if kept else 0.0
    return parts["language"], (reason,) if reason else ()


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
