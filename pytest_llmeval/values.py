"""Kinds of values that people write: in YAML, in TOML, in the environment, on the command line.

Every kind says in words what it expects, so that a message never has to guess.
"""

from __future__ import annotations

import difflib
import json
import math
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

SLUG_PATTERN = re.compile(r"(?!\.+\Z)[a-z0-9._-]{1,100}")
"""Ids become pytest node ids, keys of baselines and file names: short, portable, never ``.`` or ``..``."""


@dataclass(frozen=True)
class Kind:
    """One kind of value.

    ``accept`` takes a typed value (of a YAML or TOML file) and returns it normalised; ``read`` takes the text
    of an option or a variable. Both raise ``ValueError`` where the value is not ``expected``.
    """

    expected: str
    accept: Callable[[object], Any]
    read: Callable[[str], Any]


def text_kind(expected: str, pattern: re.Pattern[str] | None = None) -> Kind:
    """A string that is not blank, matched whole by ``pattern`` where there is one."""

    def accept(value: object) -> str:
        if not isinstance(value, str) or not value.strip():
            raise ValueError(expected)
        if pattern is not None and not pattern.fullmatch(value):
            raise ValueError(expected)
        return value

    return Kind(expected, accept, accept)


def whole_kind(minimum: int, *, or_: int | None = None, why: str = "") -> Kind:
    """A whole number of at least ``minimum``, or exactly ``or_``, which means ``why``."""
    expected = f"a whole number of at least {minimum}"
    if or_ is not None:
        expected += f", or {or_} for {why}"

    def accept(value: object) -> int:
        if not isinstance(value, int) or isinstance(value, bool) or (value < minimum and value != or_):
            raise ValueError(expected)
        if value.bit_length() > 63:
            raise ValueError(expected)
        return value

    return Kind(expected, accept, lambda text: accept(int(_ascii_number(text))))


def number_kind(minimum: float = -math.inf, maximum: float = math.inf, *, above: bool = False) -> Kind:
    """A finite number from ``minimum`` (excluded with ``above``) to ``maximum``."""
    bounds = [f"above {minimum:g}" if above else f"of at least {minimum:g}"] if minimum > -math.inf else []
    if maximum < math.inf:
        bounds.append(f"at most {maximum:g}")
    expected = " ".join(["a number", " and ".join(bounds)]).strip()

    def accept(value: object) -> float:
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not _finite(value):
            raise ValueError(expected)
        if value > maximum or value < minimum or (above and value == minimum):
            raise ValueError(expected)
        return float(value)

    return Kind(expected, accept, lambda text: accept(float(_ascii_number(text))))


def choice_kind(*choices: str) -> Kind:
    """One of a few words."""
    expected = alternatives(choices)

    def accept(value: object) -> str:
        if not isinstance(value, str) or value not in choices:
            raise ValueError(expected)
        return value

    return Kind(expected, accept, accept)


def _switch() -> Kind:
    expected = "true or false"
    words = {"1": True, "true": True, "yes": True, "0": False, "false": False, "no": False}

    def accept(value: object) -> bool:
        if not isinstance(value, bool):
            raise ValueError(expected)  # noqa: TRY004 - one error for every wrong value
        return value

    def read(text: str) -> bool:
        try:
            return words[text.strip().lower()]
        except KeyError:
            raise ValueError(expected) from None

    return Kind(expected, accept, read)


TEXT = text_kind("a text that is not empty")
SLUG = text_kind("a slug of up to 100 of the characters a-z 0-9 . _ -", SLUG_PATTERN)
LANGUAGE = text_kind("a language code of two lower-case letters, like en or ko", re.compile("[a-z]{2}"))
SWITCH = _switch()
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
    if isinstance(value, int) and not isinstance(value, bool) and value.bit_length() > 200:
        return "a number far too large"
    is_plain = isinstance(value, (str, bool, int, float))
    written = json.dumps(value, ensure_ascii=False) if is_plain else str(value)
    written = "".join(char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in written)
    return written if len(written) <= limit else written[: limit - 1] + "…"


def alternatives(words: Iterable[str]) -> str:
    """``a, b or c``."""
    *first, last = words
    return f"{', '.join(first)} or {last}" if first else last


def did_you_mean(word: object, known: Iterable[str]) -> str:
    """``did you mean X?``, or the list of what is known."""
    known = list(known)
    close = difflib.get_close_matches(str(word)[:100], known, n=1)
    return f"did you mean {close[0]}?" if close else f"known are {', '.join(known)}"


def _finite(value: float) -> bool:
    try:
        return math.isfinite(value)
    except OverflowError:  # an int beyond every float
        return False


def _ascii_number(text: str) -> str:
    """``int`` and ``float`` also take ``1_000`` and digits of every script; people's numbers are ASCII."""
    if not re.fullmatch(r"\s*[+-]?[0-9.]+(?:[eE][+-]?[0-9]+)?\s*", text) or len(text) > 100:
        raise ValueError(text)
    return text
