"""Runs tests in the sandbox. Its text is part of the program, with that of the modules that it imports.

Every run has a fresh copy of the code under test (the *subject*) and of the tests. A test that is skipped has
not passed. One that does not end is ended by a timer of CPU time.
"""

from __future__ import annotations

import builtins
import signal
import sys

from . import assertions, cases

TYPE_CHECKING = False  # importing typing costs more than all of this
if TYPE_CHECKING:
    from collections.abc import Callable
    from types import CodeType, ModuleType
    from typing import Any


class OutOfTime(BaseException):
    """The timer has run out."""


class _Job:
    """What ``prepare`` was told."""

    stand_in: CodeType
    subjects: tuple[CodeType, ...]
    tests: CodeType
    limit_s: float


def prepare(
    stand_in: str, subjects: tuple[str, ...], tests: str, modules: tuple[str, ...], limit_s: float
) -> None:
    """``subjects``: variants of the code under test; ``modules``: what the tests import it as.

    ``limit_s``: CPU seconds of one test.
    """
    _Job.stand_in = compile(stand_in, "pytest.py", "exec", dont_inherit=True)
    _Job.subjects = tuple(compile(one, "solution.py", "exec", dont_inherit=True) for one in subjects)
    _Job.tests = compile(tests, "tests.py", "exec", dont_inherit=True)
    assertions.Subject.modules, _Job.limit_s = modules, limit_s
    signal.signal(signal.SIGPROF, _out_of_time)


def outcomes(number: int, name: str) -> list[tuple[str, str | None]]:
    """The cases of one test, function or class, on one subject: what each is called and why it fails."""
    module, why = _loaded(number)
    if why is not None:
        return [(name, why)]
    return [(case, _failure(run)) for case, run in cases.of(module, name)]


def noticed(number: int, names: tuple[str, ...]) -> str | None:
    """The first case that fails on a subject; None if all pass."""
    module, why = _loaded(number)
    if why is not None:
        return why
    for name in names:
        for case, run in cases.of(module, name):
            if _failure(run) is not None:
                return case
    return None


class _Checks:
    """What assertions were rewritten to."""

    compare = staticmethod(assertions.compare)
    holds = staticmethod(assertions.holds)


def _loaded(number: int) -> tuple[ModuleType, str | None]:
    """A fresh subject and fresh tests: the module of these, and why they can't be loaded."""
    names = assertions.Subject.modules or ("solution",)
    subject, pytest, module = (type(sys)(name) for name in (names[0], "pytest", "test_solution"))
    exec(_Job.stand_in, pytest.__dict__)  # noqa: S102

    def load() -> None:
        sys.modules.update(dict.fromkeys(("solution", *names), subject))
        exec(_Job.subjects[number], subject.__dict__)  # noqa: S102
        sys.modules.update(dict.fromkeys(("solution", *names), subject), pytest=pytest, test_solution=module)
        vars(module).update(_own(subject), __llmeval__=_Checks)
        exec(_Job.tests, module.__dict__)  # noqa: S102

    why = _failure(load)
    return module, None if why is None else f"did not load: {why}"


def _own(subject: ModuleType) -> dict[str, Any]:
    """Its names, for tests that forget to import them; never one that stands for something else there."""
    return {
        name: value
        for name, value in vars(subject).items()
        if name not in vars(builtins) and name[:2] != "__"
    }


def _failure(run: Callable[[], object]) -> str | None:
    """Why it fails, within the time it has; None if it passes."""
    signal.setitimer(signal.ITIMER_PROF, _Job.limit_s, _Job.limit_s)
    try:
        try:
            run()
        finally:
            signal.setitimer(signal.ITIMER_PROF, 0)
    except OutOfTime:
        return f"it needed more than {_Job.limit_s:g} s of CPU time"
    except AssertionError as error:
        return assertions.cut(str(error)) or "an assertion fails"
    except BaseException as error:  # noqa: BLE001 - SystemExit too is a failure
        return f"raised {type(error).__name__}: {assertions.cut(str(error))}".removesuffix(": ")
    return None


def _out_of_time(*_: object) -> None:
    raise OutOfTime
