"""Markdown text -> its fenced code blocks, by the rules of CommonMark 0.31 §4.5 and the habits of models.

Known here: backtick and tilde fences of any length, fences in lists and quotations (their indentation is
taken off), info strings, blocks that are never closed, fences inside blocks.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import NamedTuple

_FENCE = re.compile(
    r"(?P<quote>[ \t]*(?:>[ \t]?)*)"
    r"(?P<item>(?:[-*+]|\d{1,3}[.)])[ \t]+)?"
    r"(?P<mark>`{3,}|~{3,})"
    r"(?P<info>.*)"
)
_WORD = re.compile(r"[A-Za-z][A-Za-z0-9+#_]*")
_PAGES = ("markdown", "md")
_LATER_CLOSERS = 3
_NESTING = 3


class Block(NamedTuple):
    """One code block. ``language``: lower case, empty when not said. ``line``: 1-based, of its opening."""

    language: str
    text: str
    line: int
    closed: bool


class _Fence(NamedTuple):
    quotes: int
    indent: int
    mark: str
    info: str


Whole = Callable[[str, str], bool]
"""``(language, text)`` -> whether that text can stand as a block of its own (for code: whether it parses)."""


def holds_no_fence(_language: str, text: str) -> bool:
    """The plainest reading of whole."""
    return not any(_opening(line) for line in text.split("\n"))


def scan(text: str, whole: Whole = holds_no_fence) -> tuple[Block, ...]:
    """Every code block of ``text`` in order. Linear in the text's length, but for at most three looks ahead.

    ``whole`` settles what fences alone can't: a fence in the first column of a docstring ends the block for
    CommonMark; if the block is not whole there and is whole at one of the next closing fences, it goes on.
    """
    return tuple(_blocks(text.split("\n"), 1, whole, _NESTING))


def outside(text: str, nesting: int = _NESTING) -> str:
    """The text without its code blocks: what a person reads as prose. A block of Markdown is none of code."""
    lines = text.split("\n")
    kept: list[str] = []
    number = 0
    while number < len(lines):
        opening = _opening(lines[number])
        if opening is None:
            kept.append(lines[number])
            number += 1
        else:
            end = next(_closers(lines, number, opening), len(lines))
            if nesting and _language(opening.info) in _PAGES:
                kept += outside("\n".join(lines[number + 1 : end]), nesting - 1).split("\n")
            number = end + 1
    return "\n".join(kept)


def _blocks(lines: list[str], first: int, whole: Whole, nesting: int) -> Iterator[Block]:
    number = 0
    while number < len(lines):
        opening = _opening(lines[number])
        if opening is None:
            number += 1
            continue
        language = _language(opening.info)
        end, closed = _end(lines, number, opening, language, whole)
        body = [_dedent(line, opening) for line in lines[number + 1 : end]]
        yield from _unfold(Block(language, "\n".join(body), first + number, closed), whole, nesting)
        number = end + 1


def _end(lines: list[str], start: int, opening: _Fence, language: str, whole: Whole) -> tuple[int, bool]:
    """Where the block ends (a line index) and whether a fence closes it."""
    nearest: int | None = None
    for tried, closer in enumerate(_closers(lines, start, opening)):
        if nearest is None:
            nearest = closer
        if whole(language, "\n".join(_dedent(line, opening) for line in lines[start + 1 : closer])):
            return closer, True
        if tried == _LATER_CLOSERS:
            break
    return (len(lines), False) if nearest is None else (nearest, True)


def _unfold(block: Block, whole: Whole, nesting: int) -> Iterator[Block]:
    """The block; or, where it is not whole and holds fences itself, what lies before and in them."""
    lines = block.text.split("\n")
    inner = next((number for number, line in enumerate(lines) if _opening(line)), None)
    if inner is None or nesting == 0 or whole(block.language, block.text):
        yield block
        return
    before = "\n".join(lines[:inner])
    if before.strip() and whole(block.language, before):
        yield Block(block.language, before, block.line, closed=False)
    yield from _blocks(lines[inner:], block.line + 1 + inner, whole, nesting - 1)


def _opening(line: str) -> _Fence | None:
    found = _FENCE.match(line)
    if found is None or ("`" in found["mark"] and "`" in found["info"]):
        return None
    quotes = found["quote"].count(">")
    before = found["quote"].rpartition(">")[2] if quotes else found["quote"]
    if quotes:
        before = before[1:]
    return _Fence(quotes, len(before.expandtabs(4)) + len(found["item"] or ""), found["mark"], found["info"])


def _closers(lines: list[str], start: int, opening: _Fence) -> Iterator[int]:
    """Lines that close the block: the same mark, as long or longer, alone, at most three columns in."""
    for number in range(start + 1, len(lines)):
        line = _unquoted(lines[number], opening.quotes)
        mark = line.strip()
        if not mark.startswith(opening.mark) or mark.strip(opening.mark[0]):
            continue
        if len(line[: line.index(mark)].expandtabs(4)) <= opening.indent + 3:
            yield number


def _dedent(line: str, opening: _Fence) -> str:
    line = _unquoted(line, opening.quotes)
    if not opening.indent:
        return line
    line = line.expandtabs(4) if line[:1] == "\t" else line
    return line[min(opening.indent, len(line) - len(line.lstrip(" "))) :]


def _unquoted(line: str, quotes: int) -> str:
    for _ in range(quotes):
        bare = line.lstrip(" ")
        if not bare.startswith(">"):
            break
        line = bare[1:].removeprefix(" ")
    return line


def _language(info: str) -> str:
    """``python`` from ``Python title="a.py"``, ``{.python}``, ``python:a.py`` or ``language-python``."""
    found = _WORD.search(info.replace("language-", "").replace("lang-", ""))
    return found[0].lower() if found else ""
