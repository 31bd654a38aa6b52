"""Runs tests in the sandbox: each test of one subject, or all tests against many variants of it."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from pytest_llmeval.score.sandbox.protocol import Broken, Limits, Raised, Returned

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_llmeval.score.sandbox.protocol import Result, Sandbox

    from .written import Tests

_PROGRAM = """\
import sys
package = sys.modules["llmeval"] = type(sys)("llmeval")
for name, text in {modules!r}.items():
    module = type(sys)("llmeval." + name)
    module.__spec__ = type(sys.__spec__)(module.__name__, None)
    setattr(package, name, module)
    exec(compile(text, name + ".py", "exec", dont_inherit=True), module.__dict__)
del sys.modules["llmeval"]
__llmeval__ = package.runner
__llmeval__.prepare({stand_in!r}, {subjects!r}, {tests!r}, {names!r}, {limit_s!r})
"""
_MODULES = ("assertions", "fixtures", "cases", "runner")
"""What the program consists of, in this order: each imports those before it."""
_TEST_S = 0.5
_VARIANT_S = 0.25
_LIMITS = Limits(call_s=10.0)
"""Wall seconds of a call; the timer of CPU time inside is the first to end a test."""


class Verdict(NamedTuple):
    """One case of a test and why it fails; None if it passes."""

    name: str
    why: str | None


def verdicts(sandbox: Sandbox, subject: str, tests: Tests) -> list[Verdict]:
    """What every case of the tests says of the subject. Raises ``SandboxError``."""
    calls = tuple(f"__llmeval__.outcomes(0, {name!r})" for name in tests.names)
    results = sandbox.run(_program((subject,), tests, _TEST_S), calls, _LIMITS)
    return [
        verdict for name, result in zip(tests.names, results, strict=True) for verdict in _read(name, result)
    ]


def noticed(sandbox: Sandbox, subjects: Sequence[str], tests: Tests) -> list[str | None]:
    """For every subject the first case that fails on it; None where all pass, or none was tried any more.

    Raises ``SandboxError``.
    """
    calls = tuple(f"__llmeval__.noticed({number}, {tests.names!r})" for number in range(len(subjects)))
    results = sandbox.run(_program(tuple(subjects), tests, _VARIANT_S), calls, _LIMITS)
    return [_first(result) for result in results]


def _program(subjects: tuple[str, ...], tests: Tests, limit_s: float) -> str:
    return _PROGRAM.format(
        modules={name: _text(f"{name}.py") for name in _MODULES},
        stand_in=_text("stand_in.py"),
        subjects=subjects,
        tests=tests.code,
        names=tests.modules,
        limit_s=limit_s,
    )


@functools.cache
def _text(name: str) -> str:
    return Path(__file__).with_name(name).read_text(encoding="utf-8")


def _read(name: str, result: Result) -> list[Verdict]:
    """The verdicts of one name; what the program says is not trusted to have the right form."""
    match result:
        case Returned(value=list(items)):
            pairs = [item for item in items if isinstance(item, tuple) and len(item) == 2]
            return [Verdict(str(case), None if why is None else str(why)) for case, why in pairs]
        case Broken(reason=reason):
            return [Verdict(name, f"it {reason}")]
        case Raised(names=names, text=text):
            return [Verdict(name, f"raised {': '.join([*names[:1], text])}")]
    return [Verdict(name, "its outcome can't be read")]


def _first(result: Result) -> str | None:
    match result:
        case Returned(value=None) | Broken(tried=False):
            return None
        case Returned(value=value):
            return str(value)
        case Broken(reason=reason):
            return reason
    return result.names[0] if result.names else "an error"
