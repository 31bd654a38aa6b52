"""What the assertions of tests were rewritten to (``written``). Its text is part of the sandboxed program.

What equals everything equals nothing: an object of the subject's own passes no comparison that it would pass
with anything at all.
"""

from __future__ import annotations

TYPE_CHECKING = False  # importing typing costs more than all of this
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from typing import Any

_MOST_TEXT = 160
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


class Subject:
    """``modules``: what the tests import the code under test as."""

    modules: tuple[str, ...] = ()


def compare(operator: str, left: Any, right: Any, text: str, message: Callable[[], object] | None) -> None:
    """``assert left operator right``, told with both values."""
    passed = bool(_OPERATORS[operator](left, right))
    if passed and operator in ("==", "in"):
        passed = not _equals_everything(left, right)
    if not passed:
        told = f": {message()}" if message is not None else f": {_shown(left)} {operator} {_shown(right)}"
        raise AssertionError(f"`{text}`{told}")


def holds(value: object, text: str, message: Callable[[], object] | None) -> None:
    """``assert value``."""
    if not value:
        told = f": {message()}" if message is not None else f": {_shown(value)}"
        raise AssertionError(f"`{text}`{told}")


def watching(check: Callable[..., None]) -> Callable[..., None]:
    """The same method of ``TestCase``, for which what equals everything equals nothing."""

    def watched(case: Any, first: object, second: object, msg: object = None) -> None:
        check(case, first, second, msg)
        if _equals_everything(first, second):
            case.fail(case._formatMessage(msg, f"{_shown(first)} equals everything"))  # noqa: SLF001

    return watched


def cut(text: str) -> str:
    """The text in one line that is short enough to be read."""
    text = " ".join(text.split())
    return text if len(text) <= _MOST_TEXT else f"{text[: _MOST_TEXT - 1]}…"


def _equals_everything(*values: object) -> bool:
    """Whether an object of the subject's own is among them that also equals what it has never seen."""
    return any(_is_equal(one, object()) for one in _own_objects(values, 5))


def _own_objects(values: Iterable[object], depth: int) -> Iterator[object]:
    """Those of classes of the subject, also in plain collections."""
    for value in values:
        if type(value).__module__ in ("solution", *Subject.modules):
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


def _shown(value: object) -> str:
    return cut(repr(value))
