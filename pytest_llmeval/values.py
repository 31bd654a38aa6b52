"""Kinds of values that people write: in YAML, in TOML, in the environment, on the command line.

Every kind says in words what it expects, so that a message never has to guess.
"""

from __future__ import annotations

import difflib
import json
import math
import os
import re
from dataclasses import dataclass, field
from itertools import chain
from pathlib import PurePath
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

_LONGEST_NAME_BYTES = 255
_LONGEST_PATH_BYTES = 2000
"""Systems take 4,096, with slashes and the folder before it."""
SLUG_PATTERN = re.compile(r"(?!\.+$)[a-z0-9._-]{1,100}")
"""Ids become pytest node ids, keys of baselines and file names: short, portable, never ``.`` or ``..``."""


class UnexpectedError(ValueError):
    """``expected …, got …``: a value that is not what its kind expects."""

    def __init__(self, expected: str, value: object) -> None:
        super().__init__(f"expected {expected}, got {shown(value)}")


@dataclass(frozen=True)
class Kind:
    """One kind of value.

    ``accept`` takes a typed value (of a YAML or TOML file) and returns it normalised; ``read`` takes the text
    of an option or a variable. Both raise ``UnexpectedError``. ``schema``: a JSON Schema of what ``accept``
    takes, as far as one can say it: it refuses nothing that ``accept`` does not.
    """

    expected: str
    accept: Callable[[object], Any]
    read: Callable[[str], Any]
    schema: dict[str, Any] = field(default_factory=dict, compare=False)


def text_kind(expected: str, pattern: re.Pattern[str] | None = None) -> Kind:
    """A string that is not blank, matched whole by ``pattern`` where there is one."""

    def accept(value: object) -> str:
        if not isinstance(value, str) or not value.strip():
            raise UnexpectedError(expected, value)
        if pattern is not None and not pattern.fullmatch(value):
            raise UnexpectedError(expected, value)
        return value

    whole = r"\S" if pattern is None else f"^(?:{pattern.pattern})$"
    return Kind(expected, accept, accept, {"type": "string", "pattern": whole})


def whole_kind(minimum: int, *, most: int | None = None, or_: int | None = None, why: str = "") -> Kind:
    """A whole number from ``minimum`` to ``most`` (63 bits), or exactly ``or_``, which means ``why``."""
    expected = f"a whole number of at least {minimum}"
    if most is not None:
        expected += f" and at most {most}"
    if or_ is not None:
        expected += f", or {or_} for {why}"

    def accept(value: object) -> int:
        if not isinstance(value, int) or isinstance(value, bool) or value.bit_length() > 63:
            raise UnexpectedError(expected, value)
        outside = value < minimum or (most is not None and value > most)
        if outside and value != or_:
            raise UnexpectedError(expected, value)
        return value

    def read(text: str) -> int:
        return accept(int(text) if re.fullmatch(r"[+-]?[0-9]{1,30}", text.strip()) else text)

    schema: dict[str, Any] = {"type": "integer", "minimum": minimum}
    if most is not None:
        schema["maximum"] = most
    if or_ is not None:
        schema = {"anyOf": [schema, {"const": or_}]}
    return Kind(expected, accept, read, schema)


def number_kind(minimum: float = -math.inf, maximum: float = math.inf, *, above: bool = False) -> Kind:
    """A finite number from ``minimum`` (excluded with ``above``) to ``maximum``."""
    bounds = [f"above {minimum:g}" if above else f"of at least {minimum:g}"] if minimum > -math.inf else []
    if maximum < math.inf:
        bounds.append(f"at most {maximum:g}")
    expected = " ".join(["a number", " and ".join(bounds)]).strip()

    def accept(value: object) -> float:
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not _is_finite(value):
            raise UnexpectedError(expected, value)
        if value > maximum or value < minimum or (above and value == minimum):
            raise UnexpectedError(expected, value)
        return float(value)

    def read(text: str) -> float:
        is_number = re.fullmatch(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?", text.strip())
        return accept(float(text) if is_number else text)

    schema: dict[str, Any] = {"type": "number"}
    if minimum > -math.inf:
        schema["exclusiveMinimum" if above else "minimum"] = minimum
    if maximum < math.inf:
        schema["maximum"] = maximum
    return Kind(expected, accept, read, schema)


def duration_kind() -> Kind:
    """A time above 0, in seconds: a number of them, or a text like 90s, 10m or 1h30m."""
    expected = "a time like 90s, 10m or 1h30m"
    number = number_kind(0, above=True)

    def accept(value: object) -> float:
        if isinstance(value, str):
            return read(value)
        try:
            return float(number.accept(value))
        except UnexpectedError:
            raise UnexpectedError(expected, value) from None

    def read(text: str) -> float:
        parts = re.fullmatch(r"(?:([0-9.]+)h)?(?:([0-9.]+)m)?(?:([0-9.]+)s?)?", text.strip())
        try:
            amounts = [float(part) if part else 0.0 for part in parts.groups()] if parts else []
            return float(number.accept(sum(a * b for a, b in zip(amounts, (3600, 60, 1), strict=False))))
        except ValueError:
            raise UnexpectedError(expected, text) from None

    return Kind(expected, accept, read, {"anyOf": [number.schema, {"type": "string", "pattern": "[1-9]"}]})


def duration(seconds: float) -> str:
    """As ``duration_kind`` reads it: ``1h30m``, ``10m``, ``2.5s``."""
    hours, rest = divmod(seconds, 3600)
    minutes, left = divmod(rest, 60)
    parts = ((hours, "h"), (minutes, "m"), (left, "s"))
    return "".join(f"{amount:g}{unit}" for amount, unit in parts if amount)


def shard_kind() -> Kind:
    """Which part of a run, of how many."""
    expected = "a shard like 2/5, the second of five"

    def accept(value: object) -> str:
        number, _, of = value.partition("/") if isinstance(value, str) else ("", "", "")
        if not (re.fullmatch("[1-9][0-9]{0,5}", number) and re.fullmatch("[1-9][0-9]{0,5}", of)):
            raise UnexpectedError(expected, value)
        if int(number) > int(of):
            raise UnexpectedError(expected, value)
        return f"{number}/{of}"

    return Kind(expected, accept, lambda text: accept(text.strip()), {"type": "string", "pattern": "/"})


def choice_kind(*choices: str) -> Kind:
    """One of a few words."""
    expected = alternatives(json.dumps(choice) for choice in choices)

    def accept(value: object) -> str:
        if not isinstance(value, str) or value not in choices:
            raise UnexpectedError(expected, value)
        return value

    return Kind(expected, accept, accept, {"enum": list(choices)})


def list_kind(item: Kind, *, split: bool = True) -> Kind:
    """One or several of a kind: a list, or a text with commas; texts of a list split too, with ``split``."""

    def accept(value: object) -> tuple[Any, ...]:
        parts = value if isinstance(value, (list, tuple)) else [value]
        read_each = (
            read(part) if split and isinstance(part, str) else (item.accept(part),) for part in parts
        )
        return tuple(chain.from_iterable(read_each))

    def read(text: str) -> tuple[Any, ...]:
        return tuple(item.read(part.strip()) for part in text.split(","))

    one = {"type": "string"} if split else item.schema  # a text with commas is several
    return Kind(item.expected, accept, read, {"anyOf": [one, {"type": "array", "items": one}]})


def _path() -> Kind:
    text = text_kind("a path", re.compile(r"[^\0]+"))

    def accept(value: object) -> str:
        path: str = text.accept(value)
        try:
            lengths = [len(os.fsencode(part)) for part in PurePath(path).parts]
        except UnicodeEncodeError:  # half a surrogate pair
            raise UnexpectedError(text.expected, value) from None
        if sum(lengths) > _LONGEST_PATH_BYTES or max(lengths, default=0) > _LONGEST_NAME_BYTES:
            raise UnexpectedError("a path that a file can have", value)
        return path

    return Kind(text.expected, accept, accept, text.schema)


def _switch() -> Kind:
    expected = "true or false"
    words = {"1": True, "true": True, "yes": True, "0": False, "false": False, "no": False}

    def accept(value: object) -> bool:
        if not isinstance(value, bool):
            raise UnexpectedError(expected, value)
        return value

    def read(text: str) -> bool:
        return accept(words.get(text.strip().lower(), text))

    return Kind(expected, accept, read, {"type": "boolean"})


TEXT = text_kind("a text that is not empty")
SLUG = text_kind("a slug of up to 100 of the characters a-z 0-9 . _ -", SLUG_PATTERN)
LANGUAGE = text_kind("a language code of two lower-case letters, like en or ko", re.compile("[a-z]{2}"))
SWITCH = _switch()
PATH = _path()
TEMPERATURE = number_kind(0)
SEED = whole_kind(0)
MAX_TOKENS = whole_kind(1, or_=-1, why="as much as fits")


def shown(value: object, limit: int = 60) -> str:
    """The value in a message: as a person wrote it, roughly, in one line."""
    if value is None:
        return "nothing"
    if isinstance(value, dict):
        return "a mapping"
    if isinstance(value, (list, tuple)):
        return "a list"
    if isinstance(value, int) and value.bit_length() > 200:
        return "a number far too large"
    is_plain = isinstance(value, (str, bool, int, float))
    written = json.dumps(value, ensure_ascii=False) if is_plain else str(value)
    written = "".join(char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in written)
    return written if len(written) <= limit else written[: limit - 1] + "…"


def apart(value: float, other: float) -> str:
    """The value in as few digits, three or more, as tell it from the other: 9.96 is not ``10``."""
    told = (f"{value:.{digits}g}" for digits in range(3, 17))
    return next((text for text in told if text != f"{other:g}"), repr(value))


def alternatives(words: Iterable[str]) -> str:
    """``a, b or c``."""
    *first, last = words
    return f"{', '.join(first)} or {last}" if first else last


def close_to(word: object, known: Iterable[str]) -> str | None:
    """The known word that was probably meant."""
    close = difflib.get_close_matches(str(word)[:100], list(known), n=1)
    return close[0] if close else None


def did_you_mean(word: object, known: Iterable[str]) -> str:
    """``did you mean X?``, or the list of what is known."""
    known = list(known)
    close = close_to(word, known)
    return f"did you mean {close}?" if close else f"known are {', '.join(known)}"


def _is_finite(value: float) -> bool:
    try:
        return math.isfinite(value)
    except OverflowError:  # an int beyond every float
        return False
