"""Keys: plain texts to whoever sends them, blotted out of whatever is shown or kept.

A server may repeat a key (``Incorrect API key provided: sk-…``), a traceback may show a header. Looked for is
the key as it is, percent-encoded, escaped for JSON, Python or HTML, as hexadecimal digits, and in base64
wherever in it the key begins, as in ``Authorization: Basic``. Keys of fewer than eight characters are words
of many answers: they are looked for only behind words that a key follows.
"""

from __future__ import annotations

import base64
import html
import itertools
import re
from typing import TYPE_CHECKING, Any

from . import whole
from .servertable import NO_KEYS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

BLOT = "[key]"
"""What stands in a key's place."""
SHORTEST = 8
"""Characters of a key that is looked for wherever it stands."""
_FOLLOWED_BY_KEYS = ("[Bb]earer ", "[Bb]earer%20", "key provided: ")
"""How servers repeat a header; OpenAI's refusal."""


class Secret(str):
    """A key. It is a plain text to whoever sends it, and nothing to whoever prints a traceback."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "'***'"


class Blotter:
    """Puts ``BLOT`` where a key stands, in any of its forms. False where there is none to look for."""

    def __init__(self, keys: Iterable[str]) -> None:
        keys = set(keys)
        longest_first = sorted(
            {key for key in keys if len(key) >= SHORTEST}, key=lambda key: (-len(key), key)
        )
        forms = [form for key in longest_first for form in _forms(key)]
        short = sorted(key for key in keys if len(key) < SHORTEST and key not in NO_KEYS)
        pattern = "|".join([*forms, *map(_short_pattern, short)])
        self._in_text = re.compile(pattern) if pattern else None
        self._in_bytes = re.compile(pattern.encode()) if pattern else None

    def __bool__(self) -> bool:
        return self._in_text is not None

    def __repr__(self) -> str:
        return "Blotter('***')"

    def text(self, text: str) -> str:
        """The text without the keys."""
        return self._in_text.sub(BLOT, text) if self._in_text else text

    def data(self, data: bytes) -> bytes:
        """The bytes without the keys."""
        return self._in_bytes.sub(BLOT.encode(), data) if self._in_bytes else data

    def pieces(self, pieces: Sequence[str]) -> list[str]:
        """As many pieces, whose joined text is without the keys, wherever these were cut."""
        whole = "".join(pieces)
        found = [one.span() for one in self._in_text.finditer(whole)] if self._in_text else []
        if not found:
            return list(pieces)
        ends = list(itertools.accumulate(map(len, pieces)))
        starts = [0, *ends[:-1]]
        return ["".join(_left(whole, found, *place)) for place in zip(starts, ends, strict=True)]

    def file(self, path: Path) -> None:
        """Rewrite a file whose lines hold a key; leave any other, and one that is not there, as it is."""
        if not self or not path.exists():
            return
        with path.open("rb") as lines:
            if all(self.data(line) == line for line in lines):
                return
        with path.open("rb") as lines:
            whole.write(path, map(self.data, lines))

    def value(self, value: Any) -> Any:
        """The same of every text in plain data, keys of mappings too."""
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, dict):
            return {self.value(key): self.value(item) for key, item in value.items()}
        if isinstance(value, (list, tuple)):
            return type(value)(map(self.value, value))
        return value


def _left(whole: str, found: Sequence[tuple[int, int]], start: int, end: int) -> Iterator[str]:
    """What is left of a stretch: the blot stands where a key begins."""
    for key_start, key_end in found:
        if key_end <= start or key_start >= end:
            continue
        yield whole[start : max(start, key_start)]
        if key_start >= start:
            yield BLOT
        start = min(key_end, end)
    yield whole[start:end]


def _forms(key: str) -> Iterator[str]:
    """Patterns of the key as it is, as hexadecimal digits, and in base64 wherever in it the key begins."""
    yield _spelled(key)
    yield f"(?i:{key.encode().hex()})"
    for before in range(3):  # bytes before it in a group of three; a character holds six bits
        encoded = base64.b64encode(bytes(before) + key.encode()).decode()
        own = encoded[-(-before * 8 // 6) : (before + len(key.encode())) * 8 // 6]
        yield _spelled(own)
        yield _spelled(own.translate(str.maketrans("+/", "-_")))


def _spelled(text: str) -> str:
    """A pattern of the text, each character as it is, or as URLs, JSON, Python and HTML write it."""
    return "".join(char if char.isascii() and char.isalnum() else _escaped(char) for char in text)


def _escaped(char: str) -> str:
    wide = char.encode("utf-16-be")
    forms = [
        "".join(rf"\\+u{wide[at : at + 2].hex()}" for at in range(0, len(wide), 2)),
        "".join(f"%{byte:02x}" for byte in char.encode()),
        f"&#0*{ord(char)};",
        f"&#x0*{ord(char):x};",
        *([html.escape(char)] if html.escape(char) != char else []),
    ]
    slashes = {"\\": r"\\+", "/": r"\\*/", "'": r"\\*'", '"': r'\\*"'}
    return f"(?:{slashes.get(char) or re.escape(char)}|(?i:{'|'.join(forms)}))"


def _short_pattern(key: str) -> str:
    before = "|".join(f"(?<={words})" for words in _FOLLOWED_BY_KEYS)
    return f"(?:{before}){re.escape(key)}(?![0-9A-Za-z])"
