"""The one text of a baseline: keys sorted, floats short, one line a list of samples; a diff reads well."""

from __future__ import annotations

import json
import math
import re
from typing import TYPE_CHECKING, Any

import msgspec

if TYPE_CHECKING:
    from .sessions import Baseline

DIGITS = 6
"""Significant digits of a float: finer than any noise, and the same on every machine."""
_STEP = re.compile(r"\.([A-Za-z_]\w*)|\[(\d+)\]|\[\.\.\.\]")
_BETWEEN = " \t\r\n,:"


def dumps(baseline: Baseline) -> bytes:
    """The file's bytes. Raises ``ValueError`` for a figure that is not finite."""
    lines: list[str] = []
    _put(msgspec.to_builtins(baseline), lines, "", "")
    return ("\n".join(lines) + "\n").encode()


def _put(value: Any, lines: list[str], indent: str, before: str, after: str = "") -> None:
    """Append the lines of one value; what is flat is one line."""
    if isinstance(value, dict) and value:
        lines.append(f"{indent}{before}{{")
        items = sorted((key, item) for key, item in value.items() if item is not None)
        for number, (key, item) in enumerate(items, 1):
            comma = "," if number < len(items) else ""
            _put(item, lines, indent + " ", f"{json.dumps(key, ensure_ascii=False)}: ", comma)
        lines.append(f"{indent}}}{after}")
    elif isinstance(value, (list, tuple)) and any(isinstance(item, (dict, list)) for item in value):
        lines.append(f"{indent}{before}[")
        for number, item in enumerate(value, 1):
            _put(item, lines, indent + " ", "", "," if number < len(value) else "")
        lines.append(f"{indent}]{after}")
    else:
        lines.append(f"{indent}{before}{_flat(value)}{after}")


def _flat(value: Any) -> str:
    if isinstance(value, (list, tuple)):
        return f"[{', '.join(map(_flat, value))}]"
    if isinstance(value, float):
        if not math.isfinite(value):
            raise ValueError(f"{value} is no figure")
        return f"{value + 0.0:.{DIGITS}g}"  # -0.0 would be read back as 0
    return json.dumps(value, ensure_ascii=False)


def line_of(data: bytes, path: str) -> int:
    """The line (1-based) of the value at ``path``, as msgspec writes it: ``$.epochs[0].facts``.

    As far as the path can be followed: msgspec does not name the keys of mappings, and writes ``[...]``.
    """
    text = data.decode(errors="replace")
    position = _skip(text, 0)
    for step in _STEP.finditer(path):
        found = _inside(text, position, step[1] if step[1] is not None else step[2] and int(step[2]))
        if found is None:
            break
        position = found
    return text.count("\n", 0, position) + 1


def _skip(text: str, position: int) -> int:
    while text[position : position + 1] and text[position] in _BETWEEN:
        position += 1
    return position


def _inside(text: str, position: int, wanted: str | int | None) -> int | None:
    """Where the member of that key or index of the object or array at ``position`` begins."""
    if wanted is None or text[position : position + 1] not in ("{", "["):
        return None
    decode = json.JSONDecoder(strict=False).raw_decode
    is_object = text[position] == "{"
    position, index = position + 1, 0
    try:
        while True:
            position = _skip(text, position)
            if text[position] in "}]":
                return None
            key: str | int = index
            if is_object:
                key, position = decode(text, position)
                position = _skip(text, position)
            if key == wanted:
                return position
            _, position = decode(text, position)
            index += 1
    except (ValueError, IndexError):
        return None
