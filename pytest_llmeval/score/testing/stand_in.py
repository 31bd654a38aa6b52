"""What tests use of pytest, as the module ``pytest`` of a sandboxed program.

Its text is part of the program: it imports nothing of this package, and pytest itself would cost a second.
Known are ``raises``, ``approx``, ``fixture`` (with ``yield``, ``params`` and ``autouse``), ``param``,
``skip``, ``fail`` and ``mark``, of whose marks ``parametrize``, ``skip``, ``skipif`` and ``xfail`` mean
something: what the last three mark is left out.
"""

from __future__ import annotations

TYPE_CHECKING = False  # importing typing costs more than all of this
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import Any


class Skipped(BaseException):
    """The test gives up."""


class Failed(AssertionError):
    """The test says that it fails."""


def __getattr__(name: str) -> Any:
    raise AttributeError(f"pytest.{name} is not known here")


def skip(reason: str = "", **_: object) -> None:
    """Give the test up."""
    raise Skipped(reason)


def fail(reason: str = "", **_: object) -> None:
    """Fail the test."""
    raise Failed(reason)


class Raised:
    """What ``raises`` yields."""

    type: Any = None
    value: Any = None

    def match(self, pattern: str) -> bool:
        """Fail unless the pattern is found in the exception's text."""
        import re

        if re.search(pattern, str(self.value)) is None:
            raise Failed(f"{pattern!r} is not in {str(self.value)!r}")
        return True


class _Raises:
    def __init__(self, expected: Any, match: str | None) -> None:
        self.expected = expected
        self.pattern = match
        self.raised = Raised()

    def __enter__(self) -> Raised:
        return self.raised

    def __exit__(self, kind: Any, error: Any, _: object) -> bool:
        if kind is None:
            names = self.expected if isinstance(self.expected, tuple) else (self.expected,)
            raise Failed(f"{' or '.join(one.__name__ for one in names)} was not raised")
        if not issubclass(kind, self.expected):
            return False
        self.raised.type, self.raised.value = kind, error
        if self.pattern is not None:
            self.raised.match(self.pattern)
        return True


def raises(expected_exception: Any, *call: Any, match: str | None = None, **named: Any) -> Any:
    """A context that fails unless that is raised in it; or the same of a call."""
    context = _Raises(expected_exception, match)
    if not call:
        return context
    function, *given = call
    with context as raised:
        function(*given, **named)
    return raised


class approx:  # noqa: N801 - its name
    """Equal to numbers nearby, also within lists, tuples and dicts. ``abs`` alone leaves ``rel`` out."""

    def __init__(
        self,
        expected: Any,
        rel: float | None = None,
        abs: float | None = None,  # noqa: A002 - its name
        nan_ok: bool = False,
    ) -> None:
        self.expected, self.nan_ok = expected, nan_ok
        self.rel = rel if rel is not None else 1e-6 if abs is None else 0.0
        self.abs = 1e-12 if abs is None else abs

    def __repr__(self) -> str:
        return f"approx({self.expected!r})"

    __hash__ = None  # type: ignore[assignment]  # as mutable as what it holds

    def __eq__(self, other: object) -> bool:
        return self._near(other, self.expected)

    def _near(self, value: Any, expected: Any) -> bool:
        if isinstance(expected, dict):
            return (
                isinstance(value, dict)
                and value.keys() == expected.keys()
                and all(self._near(value[key], expected[key]) for key in expected)
            )
        if isinstance(expected, list | tuple):
            return (
                isinstance(value, list | tuple)
                and len(value) == len(expected)
                and all(map(self._near, value, expected))
            )
        if isinstance(expected, bool):
            return value is expected
        try:
            if value == expected or (self.nan_ok and value != value and expected != expected):  # noqa: PLR0124
                return True
            allowed = max(self.abs, self.rel * abs(expected))
            return allowed < float("inf") and bool(abs(value - expected) <= allowed)
        except (TypeError, OverflowError):
            return False


class _Parameters:
    """One set of values with its name."""

    def __init__(self, values: tuple[Any, ...], name: str) -> None:
        self.values, self.name = values, name


def param(*values: Any, id: str | None = None, **_: object) -> _Parameters:  # noqa: A002
    """One set of values of ``parametrize``."""
    return _Parameters(values, id or "-".join(map(repr, values)))


class _Mark:
    """``mark.name``, as a decorator with or without arguments; ``what`` it does with the test."""

    def __init__(self, what: Callable[..., Any]) -> None:
        self._what = what

    def __call__(self, *given: Any, **named: Any) -> Any:
        if len(given) == 1 and not named and (isinstance(given[0], type) or hasattr(given[0], "__code__")):
            return self._what()(given[0])
        return self._what(*given, **named)


class _Marks:
    def __getattr__(self, name: str) -> _Mark:
        return _Mark(_MARKS.get(name, _kept))


mark = _Marks()


def _kept(*_: object, **__: object) -> Callable[[Any], Any]:
    return lambda test: test


def _left_out(*_: object, **__: object) -> Callable[[Any], Any]:
    def leave_out(test: Any) -> Any:
        test.left_out = True
        return test

    return leave_out


def _skipif(condition: object = False, **_: object) -> Callable[[Any], Any]:
    return _left_out() if condition else _kept()


def _parametrize(
    argnames: Any, argvalues: Iterable[Any], ids: Any = None, **_: object
) -> Callable[[Any], Any]:
    names = argnames.split(",") if isinstance(argnames, str) else argnames
    names = [name.strip() for name in names if name.strip()]
    is_plain = (
        isinstance(argnames, str) and len(names) == 1
    )  # each value is the parameter's, no tuple of them
    sets = []
    for number, value in enumerate(argvalues):
        one = value if isinstance(value, _Parameters) else param(*((value,) if is_plain else value))
        name = ids[number] if isinstance(ids, list | tuple) else one.name
        sets.append((str(name), dict(zip(names, one.values, strict=True))))

    def parametrize(test: Any) -> Any:
        test.parameters = [*getattr(test, "parameters", []), sets]
        return test

    return parametrize


_MARKS: dict[str, Callable[..., Any]] = {
    "parametrize": _parametrize,
    "skip": _left_out,
    "skipif": _skipif,
    "xfail": _left_out,
}


def fixture(
    *given: Any, params: Any = None, autouse: bool = False, name: str | None = None, **_: object
) -> Any:
    """Mark a function as what tests may ask for by its name."""

    def mark_it(function: Any) -> Any:
        function.fixture_name = name or function.__name__
        function.autouse, function.params = autouse, params
        return function

    return mark_it(given[0]) if given else mark_it
