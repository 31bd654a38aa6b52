"""Regular expressions: what must match as a whole, what must not, tried by ``re`` in the sandbox.

``correctness`` is ten times the share of right texts that match times the share of wrong ones that do not:
``.*`` is worth nothing. Neither is a pattern that is not done with a text within the time limit of a call.
"""

from __future__ import annotations

import ast
import re
from math import prod
from typing import TYPE_CHECKING

from pytest_llmeval.score import source
from pytest_llmeval.score.sandbox.protocol import Broken, Returned

from .protocol import Marks

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_llmeval.model import PatternCheck, Scenario

    from .protocol import Answer, Means

_PROGRAM = """\
import re
try:
    pattern, error = re.compile({pattern!r}), ""
except (re.error, OverflowError, RecursionError) as problem:
    pattern, error = None, str(problem)
def matches(text):
    return pattern.fullmatch(text) is not None
"""
_SLASHES = re.compile(r"/(?P<body>.+)/(?P<flags>[a-z]*)", re.DOTALL)
_FLAGS = {
    **dict.fromkeys(("A", "ASCII", "a"), "a"),
    **dict.fromkeys(("I", "IGNORECASE", "i"), "i"),
    **dict.fromkeys(("M", "MULTILINE", "m"), "m"),
    **dict.fromkeys(("S", "DOTALL", "s"), "s"),
    **dict.fromkeys(("X", "VERBOSE", "x"), "x"),
}
"""As attributes of ``re`` and as letters; others, like ``g``, are about searching."""
_SHOWN_FAILURES = 5
_SHOWN_TEXT = 80


def score(scenario: Scenario, answer: Answer, means: Means) -> Marks:
    """Try every text of the scenario's ``patterns``."""
    found = pattern(answer.code)
    if found is None:
        return Marks(0.0, reasons=("the answer does not hold one pattern, but several or none",))
    calls = ("error", *(f"matches({check.text!r})" for check in scenario.patterns))
    compiled, *results = means.sandbox.run(_PROGRAM.format(pattern=found), calls)
    if compiled != Returned(""):
        why = compiled.value if isinstance(compiled, Returned) else "its compilation had no end"
        return Marks(0.0, reasons=(f"the pattern does not compile: {why}",))
    tried = list(zip(scenario.patterns, results, strict=True))
    endless = [check for check, result in tried if isinstance(result, Broken)]
    if endless:
        return Marks(
            0.0, reasons=(f"the pattern does not get done with {_shown(endless[0].text)}: it backtracks",)
        )
    passed = [(check, result == Returned(check.matches)) for check, result in tried]
    shares = {kind: share for kind in ("matches", "rejects") if (share := _share(passed, kind)) is not None}
    parts = {"checks": float(len(passed)), "checks_passed": float(sum(right for _, right in passed))}
    parts |= {kind: round(10 * share, 3) for kind, share in shares.items()}
    wrong = [_told(check) for check, right in passed if not right]
    if len(wrong) > _SHOWN_FAILURES:
        wrong[_SHOWN_FAILURES:] = [f"and {len(wrong) - _SHOWN_FAILURES} more texts"]
    return Marks(round(10 * prod(shares.values()), 3), parts, reasons=tuple(wrong))


def pattern(code: str) -> str | None:
    """The one pattern in an answer: bare, between slashes, or as a piece of Python uses it."""
    text = code.strip()
    patterns = set(_used(text))
    if patterns:
        return patterns.pop() if len(patterns) == 1 else None
    slashes = _SLASHES.fullmatch(text)
    if slashes is not None:
        return _flagged(slashes["body"], slashes["flags"])
    return text if text and "\n" not in text else None


def _used(code: str) -> Iterator[str]:
    """Strings that Python gives to functions of ``re``, else those that it names, else lone ones."""
    tree = source.parse(code).tree
    if tree is None:
        return
    named = {
        target.id: node.value.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant)
        for target in node.targets
        if isinstance(target, ast.Name) and isinstance(node.value.value, str)
    }
    given = [call for call in ast.walk(tree) if isinstance(call, ast.Call) and call.args and _is_of_re(call)]
    for call in given:
        match call.args[0]:
            case ast.Constant(value=str(text)):
                yield _flagged(text, _flags(call))
            case ast.Name(id=name) if name in named:
                yield _flagged(named[name], _flags(call))
    if not given:
        stated = [node.value for node in tree.body if isinstance(node, ast.Expr)]
        strings = [
            one.value for one in stated if isinstance(one, ast.Constant) and isinstance(one.value, str)
        ]
        yield from named.values() or strings


def _is_of_re(call: ast.Call) -> bool:
    function = call.func
    return isinstance(function, ast.Attribute) and ast.unparse(function.value) in ("re", "regex")


def _flags(call: ast.Call) -> list[str]:
    """The flags of ``re`` that a call names."""
    return [node.attr for node in ast.walk(call) if isinstance(node, ast.Attribute) and node is not call.func]


def _flagged(body: str, flags: list[str] | str) -> str:
    letters = "".join(dict.fromkeys(_FLAGS[flag] for flag in flags if flag in _FLAGS))
    return f"(?{letters}){body}" if letters else body


def _share(passed: list[tuple[PatternCheck, bool]], kind: str) -> float | None:
    own = [right for check, right in passed if check.matches is (kind == "matches")]
    return sum(own) / len(own) if own else None


def _told(check: PatternCheck) -> str:
    return f"the pattern {'should' if check.matches else 'must not'} match {_shown(check.text)}"


def _shown(text: str) -> str:
    shown = repr(text)
    return f"`{shown if len(shown) <= _SHOWN_TEXT else f'{shown[: _SHOWN_TEXT - 1]}…'}`"
