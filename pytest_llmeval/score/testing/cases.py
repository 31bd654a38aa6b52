"""Finds the cases of tests, and runs one. Its text is part of the sandboxed program.

As pytest finds them: functions ``test…``, classes ``Test…``, fixtures by the names of parameters, functions
``setup_…`` and ``teardown_…``; the classes of unittest are run by unittest. What is set up for a module or a
class lives as long as these and is not torn down.
"""

from __future__ import annotations

import sys

from . import assertions, fixtures

TYPE_CHECKING = False  # importing typing costs more than all of this
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from typing import Any

    Case = tuple[str, Callable[[], object]]
    """What it is called, and what runs it."""

_MOST_CASES = 500


def of(module: Any, name: str) -> Iterator[Case]:
    """The cases of one name of the tests' module: a function, or a class."""
    namespace = vars(module)
    test = namespace.get(name)
    known = _fixtures(vars(fixtures)) | _fixtures(namespace)
    if not isinstance(test, type):
        if callable(test) and _mark(test, "fixture_name") is None:
            yield from _parametrized(name, test, known, _Scope(module))
    elif "unittest" in sys.modules and issubclass(test, sys.modules["unittest"].TestCase):
        yield from _of_unittest(name, test)
    elif name.startswith("Test") and not _mark(test, "left_out"):
        scope = _Scope(module, test)
        for method in [one for one in dir(test) if one.startswith("test") and callable(getattr(test, one))]:
            own = known | _fixtures(vars(test))
            yield from _parametrized(f"{name}.{method}", getattr(test, method), own, scope)


class _Scope:
    """Where tests stand, a module and perhaps a class of it, and what was set up for them already."""

    def __init__(self, module: Any, owner: Any = None) -> None:
        self.module = module
        self.owner = owner
        self.waiting = [("setup_module", module), ("setup_class", owner)]

    def set_up(self) -> None:
        """What module and class need, once."""
        while self.waiting:
            name, of_what = self.waiting.pop(0)
            _call_hook(of_what, name, of_what)


def _fixtures(namespace: Mapping[str, Any]) -> dict[str, Any]:
    marked = {_mark(one, "fixture_name"): one for one in namespace.values()}
    return {name: one for name, one in marked.items() if name is not None}


def _mark(test: object, name: str) -> Any:
    """What a decorator of the stand-in left on a function or a class; None without it."""
    return getattr(test, "__dict__", {}).get(name)


def _of_unittest(name: str, test: Any) -> Iterator[Case]:
    import unittest

    for check in ("assertEqual", "assertIn"):
        method = getattr(unittest.TestCase, check)
        if method.__name__ == check:
            setattr(unittest.TestCase, check, assertions.watching(method))

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


def _parametrized(name: str, test: Any, known: dict[str, Any], scope: _Scope) -> Iterator[Case]:
    """One case for every combination of its parameters, those of its class and of its fixtures."""
    if _mark(test, "left_out"):
        return
    sets = [*(_mark(scope.owner, "parameters") or []), *(_mark(test, "parameters") or [])]
    for wanted in _wanted(test):
        params = _mark(known.get(wanted), "params")
        sets += [[(str(value), {f"{wanted}.param": value}) for value in params]] if params is not None else []
    combined: list[tuple[str, dict[str, Any]]] = [("", {})]
    for one in sets:
        combined = [(f"{told}-{more}", {**values, **own}) for told, values in combined for more, own in one]
    for told, values in combined[:_MOST_CASES]:
        shown = f"{name}[{assertions.cut(told[1:])}]" if sets else name
        yield shown, lambda values=values: _Call(known, values, scope).run(test)  # type: ignore[misc]  # no type for its default


class _Call:
    """One case being run: the fixtures that it has asked for, and what is to be done after it."""

    def __init__(self, known: dict[str, Any], values: dict[str, Any], scope: _Scope) -> None:
        self.known = known
        self.values = values
        self.scope = scope
        self.instance = None if scope.owner is None else scope.owner()
        self.after: list[Callable[[], object]] = []

    def run(self, test: Any) -> None:
        """Raises what the test raises."""
        where, each = (self.scope.module, "function") if self.instance is None else (self.instance, "method")
        try:
            self.scope.set_up()
            _call_hook(where, f"setup_{each}", test)
            self.after.append(lambda: _call_hook(where, f"teardown_{each}", test))
            for name, one in self.known.items():
                if one.autouse:
                    self.value(name)
            outcome = self.called(test, "")
            if hasattr(outcome, "__await__"):
                import asyncio

                asyncio.run(outcome)
        finally:
            for end in reversed(self.after):
                end()

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
            if name not in self.known:
                raise LookupError(f"the fixture {name!r} is not known here")
            self.values[name] = self.called(self.known[name], name)
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


def _call_hook(owner: Any, name: str, about: object) -> None:
    """Call ``setup_…`` or ``teardown_…`` where there is one, with what it is about if it takes that."""
    hook = getattr(owner, name, None)
    if callable(hook):
        bound = getattr(hook, "__self__", None) is not None
        hook(*([about] if len(_wanted(hook)) > bound else []))
