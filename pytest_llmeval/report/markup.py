"""GitHub's Markdown around text that a model, a server or a file name brought: it is shown, never obeyed.

Characters with a meaning become entities, which start no markup (CommonMark 0.31, 2.5). What GitHub links
after that (``@name``, ``#12``, ``www.``, ``https://``) is parted by a zero-width space.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from . import safe

if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Sequence

_MEANINGFUL = re.compile(r"[\\`*_{}\[\]<>#|~&$!@^]")
_LINKED = re.compile(r"(?<=[@#])|(?<=:)(?=//)|(?<=www)(?=\.)|(?<=GH-)", re.IGNORECASE)
_APART = "\N{ZERO WIDTH SPACE}"
_FENCE = re.compile("`{3,}")


def inline(text: str) -> str:
    """One line that reads as the text does, also in a table's cell. Not for the start of a line."""
    apart = _LINKED.sub(_APART, safe.line(text))
    return _MEANINGFUL.sub(lambda found: f"&#{ord(found[0])};", apart)


def fenced(text: str) -> str:
    """The lines as a block of code, which nothing in them ends."""
    shown = safe.block(text)
    fence = "`" * (1 + max(map(len, _FENCE.findall(shown)), default=2))
    return f"{fence}text\n{shown}\n{fence}\n"


def table(
    headings: Sequence[str], rows: Iterable[Sequence[str]], *, texts: Container[int] = (0,)
) -> list[str]:
    """The lines of a table of Markdown; the columns ``texts`` (0-based) to the left, figures to the right."""
    rules = [":--" if number in texts else "--:" for number in range(len(headings))]
    return ["| " + " | ".join(cells) + " |" for cells in (headings, rules, *rows)]


def folded(title: str) -> tuple[list[str], list[str]]:
    """The lines before and after what is shown on a click."""
    return ["<details>", f"<summary>{title}</summary>", ""], ["", "</details>", ""]
