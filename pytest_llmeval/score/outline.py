"""The structure of an answer in Markdown: headings, the items of its lists, rows of tables, paragraphs.

Only what a reader of the page sees as structure counts; models set headings in bold or end them with a colon,
so these are headings too. Code blocks are left out.
"""

from __future__ import annotations

import re
from typing import Literal, NamedTuple

from . import fences

_HEADING = re.compile(r"\s{0,3}(?P<marks>#{1,6})\s+(?P<text>.*)")
_BOLD = re.compile(r"\s*(\*\*|__)(?P<text>(?:(?!\1).)+)\1\s*+[:：]?\s*+")
_LABEL = re.compile(r"\s{0,3}(?P<text>[^\s*\-|][^:：.]{0,59})[:：]\s*")
_NUMBER = re.compile(r"(?P<indent>\s*)\**\d{1,3}[.)](?:\*\*)?\s+(?P<text>.*)")
_BULLET = re.compile(r"(?P<indent>\s*)[-*+•]\s+(?P<text>.*)")
_ROW = re.compile(r"\s*\|(?P<text>.*)\|\s*")
_BELOW = 7
"""The level of headings without ``#``: below all others."""

Kind = Literal["heading", "number", "bullet", "row", "text"]


class Part(NamedTuple):
    """One piece of a text. ``level``: of a heading, 1-7; of an item, its indentation in columns."""

    kind: Kind
    text: str
    level: int = 0


class Section(NamedTuple):
    """A heading and the text below it, headings of a lower level included."""

    title: str
    body: str


def read(text: str) -> tuple[Part, ...]:
    """The parts in order; a part's text goes on over its lines until a blank one or the next part."""
    parts: list[Part] = []
    texts: list[list[str]] = []
    fresh = True
    lines = fences.outside(text).split("\n")
    for number, line in enumerate(lines):
        following = lines[number + 1] if number + 1 < len(lines) else ""
        if not line.strip() or is_rule(line):
            fresh = True
        elif is_rule(following) and "|" in line:
            fresh = True  # the head of a table
        else:
            part = _part(line, alone=fresh and not following.strip()) or (
                fresh and Part("text", line.strip())
            )
            if part:
                parts.append(part)
                texts.append([part.text])
            else:
                texts[-1].append(line.strip())
            fresh = parts[-1].kind == "heading"
    return tuple(part._replace(text="\n".join(text)) for part, text in zip(parts, texts, strict=True))


def sections(parts: tuple[Part, ...]) -> tuple[Section, ...]:
    """Every heading with what stands below it; a number before a title in bold makes it no item."""
    bodies: list[tuple[Part, list[str]]] = []
    open_: list[tuple[Part, list[str]]] = []
    for part in map(_titled, parts):
        if part.kind == "heading":
            open_ = [one for one in open_ if one[0].level < part.level]
        for _, body in open_:
            body.append(part.text)
        if part.kind == "heading":
            open_.append((part, []))
            bodies.append(open_[-1])
    return tuple(Section(heading.text, "\n\n".join(body)) for heading, body in bodies)


def is_rule(line: str) -> bool:
    """Whether a line is drawn, below the head of a table, under a title or between paragraphs."""
    drawn = line.strip()
    return len(drawn) > 2 and ("--" in drawn or "==" in drawn) and not drawn.strip("-=|: \t")


def _part(line: str, *, alone: bool) -> Part | None:
    """The part that a line begins; None where it goes on with the one before. ``alone``: blanks around it."""
    if found := _HEADING.fullmatch(line):
        return Part("heading", _plain(found["text"]), len(found["marks"]))
    if found := _BOLD.fullmatch(line):
        return Part("heading", _plain(found["text"]), _BELOW)
    for kind, pattern in (("number", _NUMBER), ("bullet", _BULLET)):
        if found := pattern.fullmatch(line):
            return Part("number" if kind == "number" else "bullet", found["text"].strip(), _columns(found))
    if found := _ROW.fullmatch(line):
        return Part("row", found["text"].replace("|", " ").strip())
    if found := _LABEL.fullmatch(line):
        return Part("heading", _plain(found["text"]), _BELOW) if alone or len(found["text"]) < 30 else None
    return None


def _titled(part: Part) -> Part:
    title = _BOLD.fullmatch(part.text) if part.kind == "number" else None
    return part if title is None else Part("heading", _plain(title["text"]), _BELOW)


def _columns(item: re.Match[str]) -> int:
    return len(item["indent"].expandtabs(4))


def _plain(title: str) -> str:
    return title.strip(" #*_`:：")
