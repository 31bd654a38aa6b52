"""Code that no fence marks: in HTML elements, in the strings of a JSON object, in lines among prose."""

from __future__ import annotations

import html
import json
import re
import string
from typing import TYPE_CHECKING, Any

from . import pieces

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .pieces import Piece

_CODE_LINE = re.compile(
    r"(?:def|class|async def|import|from|if|for|while|try|except|else|elif|finally|with|return|raise)\b"
    r"|[@#)\]}]"
    r"|[A-Za-z_][\w.\[\]'\"]*(?:\s*[-+*/|&]?=|\s*:\s*\w+\s*=|\()"
    r"|\s|$"
)
_START = re.compile(r"(?:def|class|async def|import|from)\b|@\w")
_LOWER = str.maketrans(string.ascii_uppercase, string.ascii_lowercase)
"""``str.lower`` makes two characters of ``İ``: places in its text are not those of the answer."""
_TRIMS = 12
_STRINGS = 3


def elements(answer: str) -> Iterator[str]:
    """The contents of ``<code>`` and ``<pre>`` elements, entities resolved, as one text each kind."""
    lowered = answer.translate(_LOWER)
    for tag in ("code", "pre"):
        found = []
        at = lowered.find(f"<{tag}")
        while at >= 0:
            begin = lowered.find(">", at)
            end = lowered.find(f"</{tag}>", begin)
            if begin < 0 or end < 0:
                break
            found.append(html.unescape(answer[begin + 1 : end]))
            at = lowered.find(f"<{tag}", end)
        if found:
            yield "\n".join(found)


def strings(answer: str) -> Iterator[str]:
    """The longest strings of a JSON value that is the whole answer, longest first."""
    if not answer.lstrip().startswith(("{", "[")):
        return
    try:
        value: Any = json.loads(answer)
    except (ValueError, RecursionError):
        return
    level, found = [value], []
    while level:
        found += [item for item in level if isinstance(item, str)]
        level = [child for item in level for child in _children(item)]
    yield from sorted(found, key=len, reverse=True)[:_STRINGS]


def among_prose(answer: str) -> Piece | None:
    """The first run of lines that look like code, its tail trimmed block by block until it parses."""
    lines = answer.split("\n")
    start = next((number for number, line in enumerate(lines) if _START.match(line)), None)
    if start is None:
        return None
    end = start
    while end < len(lines) and _CODE_LINE.match(lines[end]):
        end += 1
    for _ in range(_TRIMS):
        if end <= start:
            return None
        piece = pieces.read("\n".join(lines[start:end]))
        if piece is not None:
            return piece
        end -= 1
        while end > start and lines[end - 1].strip() and lines[end - 1][:1].isspace():
            end -= 1
    return None


def _children(item: Any) -> list[Any]:
    if isinstance(item, dict):
        return list(item.values())
    return item if isinstance(item, list) else []
