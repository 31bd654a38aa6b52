"""Finds and runs tests in the sandbox. Its text is part of the program: it imports nothing of this package.

Every run has a fresh copy of the code under test (the *subject*) and of the tests. They are found as pytest
does: functions ``test…``, classes ``Test…``, fixtures by the names of parameters; the classes of unittest are
run by unittest. A test that is skipped has not passed. One that does not end is ended by a timer of CPU time.
"""

from __future__ import annotations

import builtins
import signal
import sys

TYPE_CHECKING = False  # importing typing costs more than all of this
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from types import CodeType, ModuleType
    from typing import Any

    _Case = tuple[str, Callable[[], object]]
    """What it is called, and what runs it."""

_MOST_TEXT = 160
_MOST_CASES = 500
_OPERATORS: dict[str, Callable[[Any, Any], Any]] = {
    "==": lambda left, right: left == right,
    "!=": lambda left, right: left != right,
    "<": lambda left, right: left < right,
    "<=": lambda left, right: left <= right,
    ">": lambda left, right: left > right,
    ">=": lambda left, right: left >= right,
    "is": lambda left, right: left is right,
    "is not": lambda left, right: left is not right,
    "in": lambda left, right: left in right,
    "not in": lambda left, right: left not in right,
}


class OutOfTime(BaseException):
    """The timer has run out."""


class _Job:
    """What ``prepare`` was told."""

    stand_in: CodeType
    subjects: tuple[CodeType, ...]
    tests: CodeType
    modules: tuple[str, ...]
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
    _Job.modules, _Job.limit_s = modules, limit_s
    signal.signal(signal.SIGPROF, _out_of_time)


def outcomes(number: int, name: str) -> list[tuple[str, str | None]]:
    """The cases of one test, function or class, on one subject: what each is called and why it fails."""
    namespace, why = _loaded(number)
    if why is not None:
        return [(name, why)]
    return [(case, _failure(run)) for case, run in _cases(namespace, name)]


def noticed(number: int, names: tuple[str, ...]) -> str | None:
    """The first case that fails on a subject; None if all pass."""
    namespace, why = _loaded(number)
    if why is not None:
        return why
    for name in names:
        for case, run in _cases(namespace, name):
            if _failure(run) is not None:
                return case
    return None


def compare(operator: str, left: Any, right: Any, text: str, message: Callable[[], object] | None) -> None:
    """``assert left operator right``, told with both values. What equals everything equals nothing."""
    passed = bool(_OPERATORS[operator](left, right))
    if passed and operator in ("==", "in"):
        passed = not _equals_everything(left, right)
    if not passed:
        told = f": {message()}" if message is not None else f": {_shown(left)} {operator} {_shown(right)}"
        raise AssertionError(f"`{text}`{told}")


def _equals_everything(*values: object) -> bool:
    """Whether an object of the subject's own is among them that also equals what it has never seen."""
    return any(_is_equal(one, object()) for one in _own_objects(values, 5))


def _own_objects(values: Iterable[object], depth: int) -> Iterator[object]:
    """Those of classes of the subject, also in plain collections."""
    for value in values:
        if type(value).__module__ in ("solution", *_Job.modules):
            yield value
        elif depth and isinstance(value, dict):
            yield from _own_objects([*value.keys(), *value.values()], depth - 1)
        elif depth and isinstance(value, (list, tuple, set, frozenset)):
            yield from _own_objects(value, depth - 1)


def _is_equal(one: object, other: object) -> bool:
    try:
        return bool(one == other)
    except Exception:  # noqa: BLE001 - an honest one may want another of its kind
        return False


def holds(value: object, text: str, message: Callable[[], object] | None) -> None:
    """``assert value``."""
    if not value:
        told = f": {message()}" if message is not None else f": {_shown(value)}"
        raise AssertionError(f"`{text}`{told}")


class _Checks:
    """What assertions were rewritten to."""

    compare = staticmethod(compare)
    holds = staticmethod(holds)


def _loaded(number: int) -> tuple[dict[str, Any], str | None]:
    """A fresh subject and fresh tests: their namespace, and why they can't be loaded."""
    names = _Job.modules or ("solution",)
    subject, pytest, module = (type(sys)(name) for name in (names[0], "pytest", "test_solution"))
    exec(_Job.stand_in, pytest.__dict__)  # noqa: S102

    def load() -> None:
        sys.modules[names[0]] = subject
        exec(_Job.subjects[number], subject.__dict__)  # noqa: S102
        sys.modules.update(dict.fromkeys(("solution", *names), subject), pytest=pytest, test_solution=module)
        vars(module).update(_own(subject), __llmeval__=_Checks)
        exec(_Job.tests, module.__dict__)  # noqa: S102

    why = _failure(load)
    return module.__dict__, None if why is None else f"did not load: {why}"


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
        return _cut(str(error)) or "an assertion fails"
    except BaseException as error:  # noqa: BLE001 - SystemExit too is a failure
        return f"raised {type(error).__name__}: {_cut(str(error))}".removesuffix(": ")
    return None


def _cases(namespace: dict[str, Any], name: str) -> Iterator[_Case]:
    """The cases of one name of the tests."""
    test = namespace.get(name)
    fixtures = _fixtures(vars(sys.modules["pytest"])) | _fixtures(namespace)
    if not isinstance(test, type):
        if callable(test) and _mark(test, "fixture_name") is None:
            yield from _parametrized(name, test, fixtures)
    elif "unittest" in sys.modules and issubclass(test, sys.modules["unittest"].TestCase):
        yield from _of_unittest(name, test)
    elif name.startswith("Test") and not _mark(test, "left_out"):
        for method in [one for one in dir(test) if one.startswith("test") and callable(getattr(test, one))]:
            yield from _parametrized(
                f"{name}.{method}", getattr(test, method), fixtures | _fixtures(vars(test)), test
            )


def _fixtures(namespace: Mapping[str, Any]) -> dict[str, Any]:
    marked = {_mark(one, "fixture_name"): one for one in namespace.values()}
    return {name: one for name, one in marked.items() if name is not None}


def _mark(test: object, name: str) -> Any:
    """What a decorator of the stand-in left on a function or a class; None without it."""
    return getattr(test, "__dict__", {}).get(name)


def _watching(check: Callable[..., None]) -> Callable[..., None]:
    """The same method of ``TestCase``, for which what equals everything equals nothing."""

    def watched(case: Any, first: object, second: object, msg: object = None) -> None:
        check(case, first, second, msg)
        if _equals_everything(first, second):
            case.fail(case._formatMessage(msg, f"{_shown(first)} equals everything"))  # noqa: SLF001

    return watched


def _of_unittest(name: str, test: Any) -> Iterator[_Case]:
    import unittest

    for check in ("assertEqual", "assertIn"):
        method = getattr(unittest.TestCase, check)
        if method.__name__ == check:
            setattr(unittest.TestCase, check, _watching(method))

    def run(case: Any) -> None:
        result = unittest.TestResult()
        unittest.TestSuite([case]).run(result)
        for _, told in [*result.errors, *result.failures]:
            raise AssertionError(told.strip().rpartition("\n")[2])
        if result.unexpectedSuccesses or result.skipped:
            raise AssertionError("it was skipped" if result.skipped else "it was expected to fail")

    for method in unittest.TestLoader().getTestCaseNames(test):
        case = test(method)
        yield f"{name}.{method}", lambda case=case: run(case)  # type: ignore[misc]  # no type for its default


def _parametrized(name: str, test: Any, fixtures: dict[str, Any], owner: Any = None) -> Iterator[_Case]:
    """One case for every combination of its parameters, those of its class and of its fixtures."""
    if _mark(test, "left_out"):
        return
    sets = [*(_mark(owner, "parameters") or []), *(_mark(test, "parameters") or [])]
    for wanted in _wanted(test):
        params = _mark(fixtures.get(wanted), "params")
        sets += [[(str(value), {f"{wanted}.param": value}) for value in params]] if params is not None else []
    combined: list[tuple[str, dict[str, Any]]] = [("", {})]
    for one in sets:
        combined = [(f"{told}-{more}", {**values, **own}) for told, values in combined for more, own in one]
    for told, values in combined[:_MOST_CASES]:
        shown = f"{name}[{_cut(told[1:])}]" if sets else name
        yield shown, lambda values=values: _Call(fixtures, values, owner).run(test)  # type: ignore[misc]  # no type for its default


class _Call:
    """One case being run: the fixtures that it has asked for, and what is to be done after it."""

    def __init__(self, fixtures: dict[str, Any], values: dict[str, Any], owner: Any) -> None:
        self.fixtures = fixtures
        self.values = values
        self.instance = None if owner is None else owner()
        self.after: list[Callable[[], object]] = []

    def run(self, test: Any) -> None:
        try:
            getattr(self.instance, "setup_method", _nothing)()
            for name, one in self.fixtures.items():
                if one.autouse:
                    self.value(name)
            outcome = self.called(test, "")
            if hasattr(outcome, "__await__"):
                import asyncio

                asyncio.run(outcome)
        finally:
            for end in reversed(self.after):
                end()
            getattr(self.instance, "teardown_method", _nothing)()

    def called(self, function: Any, name: str) -> Any:
        """The result of a test or a fixture, called with what it asks for."""
        wanted = _wanted(function)
        bound = () if self.instance is None or wanted[:1] != ("self",) else (self.instance,)
        return function(*bound, *(self.value(one, name) for one in wanted[len(bound) :]))

    def value(self, name: str, asking: str = "") -> Any:
        """The value of a parameter or a fixture; a fixture's own ``request`` knows its ``param``."""
        if name == "request":
            request = _Request()
            request.param = self.values.get(f"{asking}.param")
            return request
        if name not in self.values:
            if name not in self.fixtures:
                raise LookupError(f"the fixture {name!r} is not known here")
            self.values[name] = self.called(self.fixtures[name], name)
            if hasattr(self.values[name], "send"):
                steps = self.values[name]
                self.values[name] = next(steps)
                self.after.append(lambda: next(steps, None))
        return self.values[name]


class _Request:
    param: Any = None


def _wanted(function: Any) -> tuple[str, ...]:
    """The names of the parameters without a default."""
    code = getattr(function, "__code__", None)
    if code is None:
        return ()
    return tuple(code.co_varnames[: code.co_argcount - len(function.__defaults__ or ())])


def _nothing() -> None:
    """Where a class has nothing to do before or after its tests."""


def _out_of_time(*_: object) -> None:
    raise OutOfTime


def _shown(value: object) -> str:
    return _cut(repr(value))


def _cut(text: str) -> str:
    text = " ".join(text.split())
    return text if len(text) <= _MOST_TEXT else f"{text[: _MOST_TEXT - 1]}…"
