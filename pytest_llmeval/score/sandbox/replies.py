"""What a child tells -> results. Every line comes from a process that may lie: anything odd is ``Broken``."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from .protocol import Broken, Opaque, Raised, Returned

if TYPE_CHECKING:
    from collections.abc import Callable

    from .protocol import Result

_DECODE: dict[str, Callable[..., object]] = {
    "NoneType": lambda _: None,
    "bool": bool,
    "int": int,
    "float": float,
    "complex": complex,
    "str": str,
    "bytes": bytes.fromhex,
    "list": lambda items: [_value(item) for item in items],
    "tuple": lambda items: tuple(_value(item) for item in items),
    "set": lambda items: {_value(item) for item in items},
    "frozenset": lambda items: frozenset(_value(item) for item in items),
    "dict": lambda pairs: {_value(key): _value(item) for key, item in pairs},
    "other": lambda name, shown: Opaque(str(name), str(shown)),
}


def refusal(line: bytes) -> str | None:
    """Why a child can't keep its program, from its first line; None if it can. No program has run by then."""
    try:
        kind, *why = json.loads(line)
    except (ValueError, TypeError):
        return "its first line can't be read"
    return None if kind == "guarded" else str(why[0] if why else kind)


def result(line: bytes) -> Result | None:
    """The result that a line tells; None for the line that says that the program is loaded."""
    try:
        kind, *content = json.loads(line)
        if kind == "loaded":
            return None
        if kind == "returned":
            return Returned(_value(content[0]))
        if kind == "raised":
            return Raised(tuple(map(str, content[0])), str(content[1]))
    except (
        ValueError,
        TypeError,
        KeyError,
        IndexError,
        ArithmeticError,
        RecursionError,
        MemoryError,
        AttributeError,
    ):
        pass
    return Broken("told a result that can't be read")


def unloaded(why: Result) -> Broken:
    """The result of every call of a program that did not load."""
    if isinstance(why, Raised):
        text = " ".join(why.text.split())
        return Broken(f"did not load: {': '.join([*why.names[:1], text])}", whole=True)
    return Broken(f"did not load: it {why.reason}" if isinstance(why, Broken) else "did not load", whole=True)


def _value(tagged: Any) -> object:
    kind, *content = tagged
    return _DECODE[kind](*content)
