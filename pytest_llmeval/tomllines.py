"""At which line a TOML file says something: its parser keeps none, and a message without one is a search.

Headers and keys are looked for line by line, so what stands inside of a text of many lines may be taken for
one; a message is then a few lines off.
"""

from __future__ import annotations

import re


def exactly(text: str, key: tuple[str, ...]) -> int | None:
    """The line (1-based) that writes ``key``, a path of names; None where none does."""
    depth, line = _nearest(text, key)
    return line if depth == len(key) else None


def nearest(text: str, key: tuple[str, ...]) -> int | None:
    """The same, else that of the nearest table above it that has a line of its own."""
    return _nearest(text, key)[1]


def _nearest(text: str, key: tuple[str, ...]) -> tuple[int, int | None]:
    """How many names of ``key`` the best line has, and that line."""
    table: tuple[str, ...] = ()
    best, best_line = 0, None
    for number, line in enumerate(text.splitlines(), 1):
        if match := re.match(r"\s*\[\s*([^\[\]]+?)\s*\]", line):
            here = table = _parts(match[1])
        elif match := re.match(r"""\s*([\w."'\- ]+?)\s*=""", line):
            here = (*table, *_parts(match[1]))
        else:
            continue
        if len(here) > best and here == key[: len(here)]:
            best, best_line = len(here), number
    return best, best_line


def _parts(dotted: str) -> tuple[str, ...]:
    return tuple(
        part.strip("\"' ") for part in re.findall(r"""[^."']+|"[^"]*"|'[^']*'""", dotted) if part.strip()
    )
