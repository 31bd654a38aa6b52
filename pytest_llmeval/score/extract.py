"""Answer text -> the code in it, or the reason why there is none.

Order of trust: fenced blocks, HTML ``<code>``, a JSON object with a string of code, then the bare text.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from . import fences, pieces, source, unfenced

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .fences import Block

_ALIASES = {
    "python": {"python", "py", "python3", "py3", "pycon", "ipython", "ipython3", "sage"},
    "sql": {"sql", "sqlite", "sqlite3", "postgresql", "postgres", "mysql"},
    "regex": {"regex", "regexp", "re"},
}
_ALSO = {"regex": {"text", "txt", "plaintext", *_ALIASES["python"]}}
"""Languages whose blocks may hold the one asked for."""
_WRAPPERS = ("json", "html")
_THINK = re.compile(r"\s*<(think|thinking|reasoning)>", re.IGNORECASE)
_UNTHINK = re.compile(r"^[ \t]*</(?:think|thinking|reasoning)>", re.IGNORECASE | re.MULTILINE)
_INLINE = re.compile(r"`([^`\n]+)`")
_MOST_PIECES = 64
_MOST_CHARACTERS = 512 * 1024
_SHOWN = 60
_EMPTY = "the answer's code blocks are empty"


class Extraction(NamedTuple):
    """``code`` or the ``reason`` why there is none (one of the two is None), and every fenced block seen."""

    code: str | None
    reason: str | None
    blocks: tuple[Block, ...] = ()


def code(text: str, *, language: str = "python", requires: Sequence[str] = ()) -> Extraction:
    """The code of an answer. ``requires``: the names or signatures (``contract``) that it should define.

    Never raises; the work is linear in the text but for a bounded number of parses.
    """
    answer, reason = spoken(source.normalise(text))
    if reason is not None:
        return Extraction(None, reason)
    blocks = fences.scan(answer, _whole)
    if language != "python":
        return _verbatim(answer, blocks, language)
    if not _filled(blocks):
        return _unfenced(answer, blocks, requires)
    return _fenced(blocks, requires)


def prose(text: str) -> str:
    """The words of an answer: without reasoning, code blocks, inline code and URLs."""
    answer, reason = spoken(source.normalise(text))
    if reason is not None:
        return ""
    words = _INLINE.sub(" ", fences.outside(answer))
    return re.sub(r"https?://\S+|<[^<>\n]{1,200}>", " ", words).strip()


def spoken(text: str) -> tuple[str, str | None]:
    """The answer without its reasoning, and why nothing is left of it.

    Reasoning stands at the start; some templates put the opening tag into the prompt, so that only the
    closing one comes back. A tag in the middle of code stays.
    """
    if not text.strip():
        return "", "the answer is empty"
    if len(text) > _MOST_CHARACTERS:
        return "", f"the answer is too long to read: {len(text) // 1024:,} KB, the limit is 512 KB"
    end = _UNTHINK.search(text)
    opening = _THINK.match(text)
    if opening is not None:
        closing = re.compile(f"</{opening[1]}>", re.IGNORECASE).search(text, opening.end())
        if closing is None:
            return "", f"the answer ends inside <{opening[1]}>: no answer was given"
        text = text[closing.end() :]
    elif end is not None:
        text = text[end.end() :]
    if not text.strip():
        return "", "the answer is empty after its reasoning"
    return text, None


# -- Python ------------------------------------------------------------------------------------------------


def _fenced(blocks: Sequence[Block], requires: Sequence[str]) -> Extraction:
    """From blocks of which at least one is not empty."""
    filled = _filled(blocks)
    asked = [block for block in filled if block.language in _ALIASES["python"] or not block.language]
    read = [(block, pieces.read(block.text)) for block in (asked or filled)[-_MOST_PIECES:]]
    useful = [piece for _, piece in read if piece is not None and piece.says_something]
    broken = [block for block, piece in read if piece is None and block in asked]
    if any(piece.defines for piece in useful) or (useful and not broken):
        return Extraction(pieces.program(useful, requires), None, tuple(blocks))
    inner = _in_blocks(filled, requires) or Extraction(None, _why_none(filled, asked, broken))
    return inner._replace(blocks=tuple(blocks))


def _in_blocks(filled: Sequence[Block], requires: Sequence[str]) -> Extraction | None:
    """Code inside the HTML or JSON of a block."""
    for block in filled:
        if block.language in _WRAPPERS and (inner := _wrapped(block.text, requires)) is not None:
            return inner
    return None


def _why_none(filled: Sequence[Block], asked: Sequence[Block], broken: Sequence[Block]) -> str:
    """Why these blocks hold no code: ``asked`` could be Python, ``broken`` of them do not parse."""
    if broken:
        tagged = [block for block in broken if block.language]
        return _broken((tagged or broken)[-1])
    if asked:
        return "the answer's code blocks hold values, not code"
    return f"the answer has only {_listed(filled)} code; Python was asked for"


def _broken(block: Block) -> str:
    reason = source.parse(block.text).reason or "the code does not parse"
    if not block.closed:
        reason += "; its code block is never closed: the answer was probably cut off"
    return reason


def _unfenced(answer: str, blocks: tuple[Block, ...], requires: Sequence[str]) -> Extraction:
    wrapped = _wrapped(answer, requires)
    if wrapped is not None:
        return wrapped
    piece = pieces.read(answer) or unfenced.among_prose(answer)
    if piece is not None and piece.says_something:
        return Extraction(_ended(piece.text), None, blocks)
    if blocks:
        return Extraction(None, _EMPTY, blocks)
    began = " ".join(answer.split())
    began = began if len(began) <= _SHOWN else f"{began[: _SHOWN - 1]}…"
    return Extraction(None, f"the answer has no code: it begins “{began}”")


def _wrapped(answer: str, requires: Sequence[str]) -> Extraction | None:
    """Code inside HTML or JSON, fenced once more or bare."""
    for text in (*unfenced.elements(answer), *unfenced.strings(answer)):
        inner = fences.scan(text, _whole)
        if _filled(inner):
            return _fenced(inner, requires)
        piece = pieces.read(text)
        if piece is not None and piece.says_something:
            return Extraction(_ended(piece.text), None)
    return None


def _whole(language: str, text: str) -> bool:
    if language in _ALIASES["python"]:
        return pieces.read(text) is not None
    return fences.holds_no_fence(language, text)


# -- other languages ---------------------------------------------------------------------------------------


def _verbatim(answer: str, blocks: tuple[Block, ...], language: str) -> Extraction:
    """Code that is not read here: the last block of that language, one inline span, or all that was said."""
    filled = _filled(blocks)
    for names in (_ALIASES.get(language, {language}), {""}, _ALSO.get(language, set())):
        tagged = [block for block in filled if block.language in names]
        if tagged:
            return Extraction(_ended(tagged[-1].text), None, blocks)
    if filled:
        return Extraction(
            None, f"the answer has only {_listed(filled)} code; {language} was asked for", blocks
        )
    if blocks:
        return Extraction(None, _EMPTY, blocks)
    inline = [span.strip() for span in _INLINE.findall(answer) if span.strip()]
    return Extraction(_ended(inline[0] if len(inline) == 1 else answer.strip()), None, blocks)


def _filled(blocks: Sequence[Block]) -> list[Block]:
    return [block for block in blocks if block.text.strip()]


def _listed(blocks: Sequence[Block]) -> str:
    return ", ".join(sorted({block.language for block in blocks}))


def _ended(text: str) -> str:
    return text.strip("\n") + "\n"
