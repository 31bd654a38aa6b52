"""Executed checks and tests of Python code: call, compare, tell what went wrong.

Results of checks are compared here, not in the sandbox, as leniently as YAML forces it and no more: a list
stands for a tuple too, and in any order for a set; numbers compare by value, floats to nine digits; a bool is
no number. Tests compare in the sandbox, so code that reaches into the program there is not tested.
"""

from __future__ import annotations

import ast
import builtins
import math
from typing import TYPE_CHECKING

from pytest_llmeval.errors import UnscorableError
from pytest_llmeval.score.sandbox.protocol import Broken, Opaque, Raised, Result
from pytest_llmeval.score.testing import trial, written

from .protocol import Marks

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_llmeval.model import Check, Scenario
    from pytest_llmeval.score.sandbox.protocol import Sandbox

    from .protocol import Answer, Means

_SHOWN_FAILURES = 5
_SHOWN_TEXT = 100


def score(scenario: Scenario, answer: Answer, means: Means) -> Marks:
    """The share of the checks and the tests that pass, times ten."""
    failures = run(answer.code, scenario.checks, means.sandbox) if scenario.checks else []
    parts = counted(failures) if scenario.checks else {}
    if scenario.tests is not None:
        tested = test(answer.code, scenario.tests, means.sandbox)
        parts |= {"tests": len(tested), "tests_passed": tested.count(None)}
        failures += tested
    return Marks(round(10 * failures.count(None) / len(failures), 3), parts, reasons=told(failures))


def run(code: str, checks: Sequence[Check], sandbox: Sandbox) -> list[str | None]:
    """What each check does wrong, None where nothing. Raises ``SandboxError`` when it can't be run at all."""
    results = sandbox.run(code, tuple(check.call for check in checks))
    return [failure(check, result) for check, result in zip(checks, results, strict=True)]


def test(code: str, tests: str, sandbox: Sandbox) -> list[str | None]:
    """What each case of the tests says against the code, None where nothing. At least one.

    Code that reaches into the program that tests it passes none. Raises ``UnscorableError`` for tests that
    can't be run.
    """
    try:
        readable = written.read(tests)
    except ValueError as error:
        raise UnscorableError(f"the scenario's tests can't be run: {error}") from error
    inside, changed = written.reaches_inside(code), written.changes_modules(code)
    if inside is not None or changed is not None:
        what = f"changes `{changed}`" if inside is None else f"reaches for `{inside}`"
        return [f"the code {what}, which is the program's that tests it: it is not tested"]
    verdicts = trial.verdicts(sandbox, code, readable)
    if not verdicts:
        raise UnscorableError("the scenario's tests hold no test")
    return [None if one.why is None else f"`{one.name}` fails: {one.why}" for one in verdicts]


def counted(failures: Sequence[str | None]) -> dict[str, float]:
    """The parts: how many checks there were, and how many passed."""
    return {"checks": len(failures), "checks_passed": failures.count(None)}


def told(failures: Sequence[str | None]) -> tuple[str, ...]:
    """The first few of them, each once."""
    reasons = tuple(dict.fromkeys(why for why in failures if why is not None))
    if len(reasons) <= _SHOWN_FAILURES:
        return reasons
    return (*reasons[:_SHOWN_FAILURES], f"and {len(reasons) - _SHOWN_FAILURES} more fail")


def failure(check: Check, result: Result) -> str | None:
    """What is wrong with a check's result, in words; None if nothing is."""
    wanted = f"{check.raises} should be raised" if check.raises else f"{_shown(check.equals)} was expected"
    failing = _failing(check.call.strip())
    if isinstance(result, Broken):
        return f"the program {result.reason}" if result.whole else f"{failing}: {result.reason}"
    if isinstance(result, Raised):
        if check.raises is not None and check.raises.rpartition(".")[2] in result.names:
            return None
        name = result.names[0] if result.names else "an error"
        text = f"{name}: {_cut(result.text)}" if result.text else name
        return f"{failing}: raised {text}; {wanted}"
    if check.raises is None and same(result.value, check.equals):
        return None
    return f"{failing}: returned {_shown(result.value)}; {wanted}"


def same(value: object, expected: object) -> bool:
    """Whether a returned value is what a YAML value describes."""
    if isinstance(value, bool) or isinstance(expected, bool):
        return value is expected
    if isinstance(value, int | float) and isinstance(expected, int | float):
        return _same_number(value, expected)
    if isinstance(expected, list) and isinstance(value, list | tuple):
        return len(value) == len(expected) and all(map(same, value, expected))
    if isinstance(expected, list) and isinstance(value, set | frozenset):
        pairs = [[same(one, item) for item in expected] for one in value]
        return len(value) == len(expected) and all(map(any, [*pairs, *zip(*pairs, strict=True)]))
    if isinstance(expected, dict) and isinstance(value, dict):
        return value.keys() == expected.keys() and all(same(value[key], expected[key]) for key in expected)
    return type(value) is type(expected) and value == expected


def _same_number(value: float, expected: float) -> bool:
    if value == expected:
        return True
    if isinstance(value, int) and isinstance(expected, int):
        return False
    try:
        return math.isclose(value, expected, rel_tol=1e-9, abs_tol=1e-12)
    except OverflowError:  # an int beyond every float
        return False


def _failing(call: str) -> str:
    """``f(2, 3)`` as "`f` fails on `2, 3`"; whatever is not a function of the answer's, called, as it is."""
    try:
        called = ast.parse(call, mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        called = None
    match called:
        case ast.Call(func=ast.Name(id=name)) if call.startswith(f"{name}(") and not hasattr(builtins, name):
            given = call[len(name) + 1 : -1].strip()
            return f"`{name}` fails on `{_cut(given)}`" if given else f"`{name}()` fails"
        case _:
            return f"`{_cut(call)}` fails"


def _shown(value: object) -> str:
    return _cut(value.text if isinstance(value, Opaque) else repr(value))


def _cut(text: str) -> str:
    text = " ".join(text.split())
    return text if len(text) <= _SHOWN_TEXT else f"{text[: _SHOWN_TEXT - 1]}…"
