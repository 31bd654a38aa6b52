"""Record and Run <-> plain dict: the only form that crosses a process or a file.

execnet and JSON both refuse lone surrogates, which a model can emit; they become U+FFFD here. A type that
msgspec does not know (``Path``, ``settings.Secret``) travels as its text.
"""

from __future__ import annotations

from typing import Any, TypeVar

import msgspec

T = TypeVar("T")

# Reading bytes as JSON: what is no UTF-8, and too deep, msgspec tells by errors of Python's own.
UNREADABLE = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)


def plain(value: Any) -> Any:
    """dicts, lists, str, int, float, bool and None only; execnet and JSON both carry it."""
    return _clean(msgspec.to_builtins(value, enc_hook=str))


def build(data: Any, kind: type[T]) -> T:
    """The struct behind ``plain``'s output. Unknown fields are ignored (a newer minor version wrote them).

    Raises ``msgspec.ValidationError`` with the path of the wrong field.
    """
    try:
        return msgspec.convert(data, kind, dec_hook=lambda custom, written: custom(written))
    except UnicodeEncodeError as error:  # in a key, which msgspec looks up as UTF-8
        raise msgspec.ValidationError(f"a key that is no text: {error.object!r}") from None


def _clean(value: Any) -> Any:
    if isinstance(value, str):
        return text(value)
    if isinstance(value, dict):
        return {_clean(key): _clean(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_clean(item) for item in value]
    return value


def text(value: str) -> str:
    """The same text without lone surrogates."""
    return value if value.isascii() else value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
