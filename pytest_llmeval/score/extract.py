"""Answer text -> the code in it, or the reason why there is none.

Order of trust: fenced blocks, HTML ``<code>``, a JSON object with a string of code, then the bare text.
Among Python blocks the last one that defines what is required wins (a debugging answer shows the broken code
first), together with the blocks whose names it uses.
"""

from __future__ import annotations

import ast
import builtins
import html
import json
import re
import textwrap
from typing import TYPE_CHECKING, Any, NamedTuple

from . import contract, fences, source

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from .fences import Block

_ALIASES = {
    "python": {"python", "py", "python3", "py3", "pycon", "ipython", "ipython3", "sage"},
    "sql": {"sql", "sqlite", "sqlite3", "postgresql", "postgres", "mysql"},
    "regex": {"regex", "regexp", "re"},
}
_THINK = re.compile(r"\s*<(think|thinking|reasoning)>", re.IGNORECASE)
_UNTHINK = re.compile(r"^[ \t]*</(?:think|thinking|reasoning)>", re.IGNORECASE | re.MULTILINE)
_CODE_LINE = re.compile(
    r"(?:def|class|async def|import|from|if|for|while|try|except|else|elif|finally|with|return|raise)\b"
    r"|[@#)\]}]"
    r"|[A-Za-z_][\w.\[\]'\"]*(?:\s*[-+*/|&]?=|\s*:\s*\w+\s*=|\()"
    r"|\s|$"
)
_INLINE = re.compile(r"`([^`\n]+)`")
_START = re.compile(r"(?:def|class|async def|import|from)\b|@\w")
_ACTIONS = (ast.Call, ast.Await)
_TRIMS = 12
_MOST_PIECES = 64
_MOST_CHARACTERS = 512 * 1024
_NAMES = frozenset(dir(builtins)) | {"__name__", "__file__", "__doc__"}


class Extraction(NamedTuple):
    """``code`` or the ``reason`` why there is none (one of the two is None), and every fenced block seen."""

    code: str | None
    reason: str | None
    blocks: tuple[Block, ...] = ()


class _Piece(NamedTuple):
    text: str
    tree: ast.Module


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
    if not any(block.text.strip() for block in blocks):
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
        closing = f"</{opening[1]}>".lower()
        at = text.lower().find(closing, opening.end())
        if at < 0:
            return "", f"the answer ends inside <{opening[1]}>: no answer was given"
        text = text[at + len(closing) :]
    elif end is not None:
        text = text[end.end() :]
    if not text.strip():
        return "", "the answer is empty after its reasoning"
    return text, None


def _whole(language: str, text: str) -> bool:
    if language in _ALIASES["python"]:
        return _piece(text) is not None
    return fences.holds_no_fence(language, text)


# -- Python ------------------------------------------------------------------------------------------------


def _fenced(blocks: tuple[Block, ...], requires: Sequence[str]) -> Extraction:
    filled = [block for block in blocks if block.text.strip()]
    candidates = [block for block in filled if block.language in _ALIASES["python"] or not block.language]
    read = [(block, _piece(block.text)) for block in (candidates or filled)[-_MOST_PIECES:]]
    pieces = [piece for _, piece in read if piece is not None and _says_something(piece)]
    broken = [block for block, piece in read if piece is None and block in candidates]
    if any(contract.definitions(piece.tree) for piece in pieces) or (pieces and not broken):
        return Extraction(_assemble(pieces, requires), None, blocks)
    for block in filled:
        inner = _wrapped(block.text, requires) if block.language in ("json", "html") else None
        if inner is not None:
            return inner._replace(blocks=blocks)
    if broken:
        tagged = [block for block in broken if block.language]
        return Extraction(None, _broken((tagged or broken)[-1]), blocks)
    if candidates:
        return Extraction(None, "the answer's code blocks hold values, not code", blocks)
    return Extraction(None, f"the answer has only {_listed(filled)} code; Python was asked for", blocks)


def _assemble(pieces: list[_Piece], requires: Sequence[str]) -> str:
    """The pieces that make up the answer, in the order of the text."""
    names = contract.required_names(requires)
    defining = [piece for piece in pieces if contract.definitions(piece.tree)]
    chosen = (
        [piece for piece in defining if not contract.unmet(piece.tree, requires)][-1:]
        or [piece for piece in pieces if names & contract.bindings(piece.tree).keys()]
        or defining
        or pieces
    )
    while True:
        known = {name for piece in chosen for name in contract.bindings(piece.tree)}
        missing = set().union(*(_free_names(piece.tree) for piece in chosen)) - known
        helping = [piece for piece in pieces if missing & contract.bindings(piece.tree).keys()]
        if not helping:
            return "\n\n".join(piece.text.strip("\n") for piece in pieces if piece in chosen) + "\n"
        chosen = [*chosen, helping[-1]]


def _piece(text: str) -> _Piece | None:
    """The text as Python, prompts and common indentation taken off if need be; None if it does not parse."""
    if text.lstrip().startswith(">>> "):
        text = _without_prompts(text)
    for reading in (text, textwrap.dedent(text)):
        tree = source.parse(reading).tree
        if tree is not None:
            return _Piece(reading, tree)
        if reading[:1] not in (" ", "\t", "\n"):
            break
    return None


def _without_prompts(text: str) -> str:
    lines = text.split("\n")
    return "\n".join(line.lstrip()[4:] for line in lines if line.lstrip().startswith((">>> ", "... ")))


def _says_something(piece: _Piece) -> bool:
    """Whether the code does more than state values: ``55``, ``None`` and ``yes`` are output or prose."""
    return any(not isinstance(node, ast.Expr) or isinstance(node.value, _ACTIONS) for node in piece.tree.body)


def _free_names(tree: ast.Module) -> set[str]:
    """Names that the code reads and binds nowhere."""
    read: set[str] = set()
    bound: set[str] = set()
    for node in ast.walk(tree):
        match node:
            case ast.Name(id=name, ctx=ast.Load()):
                read.add(name)
            case ast.Name(id=name) | ast.arg(arg=name):
                bound.add(name)
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
                bound.add(name)
            case (
                ast.ExceptHandler(name=str(name))
                | ast.MatchAs(name=str(name))
                | ast.MatchStar(name=str(name))
            ):
                bound.add(name)
            case ast.alias(name=name, asname=alias):
                bound.add(alias or name.partition(".")[0])
    return read - bound - _NAMES


def _broken(block: Block) -> str:
    reason = source.parse(block.text).reason or "the code does not parse"
    if not block.closed:
        reason += "; its code block is never closed: the answer was probably cut off"
    return reason


# -- without a fence ---------------------------------------------------------------------------------------


def _unfenced(answer: str, blocks: tuple[Block, ...], requires: Sequence[str]) -> Extraction:
    wrapped = _wrapped(answer, requires)
    if wrapped is not None:
        return wrapped
    piece = _piece(answer) or _among_prose(answer)
    if piece is not None and _says_something(piece):
        return Extraction(_ended(piece.text), None, blocks)
    if blocks:
        return Extraction(None, "the answer's code blocks are empty", blocks)
    began = " ".join(answer.split())
    began = began if len(began) <= 60 else began[:59] + "…"
    return Extraction(None, f"the answer has no code: it begins “{began}”")


def _wrapped(answer: str, requires: Sequence[str]) -> Extraction | None:
    """Code inside HTML or JSON, fenced once more or bare."""
    for text in (*_html(answer), *_json(answer)):
        inner = fences.scan(text, _whole)
        if any(block.text.strip() for block in inner):
            return _fenced(inner, requires)
        piece = _piece(text)
        if piece is not None and _says_something(piece):
            return Extraction(_ended(piece.text), None)
    return None


def _among_prose(answer: str) -> _Piece | None:
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
        piece = _piece("\n".join(lines[start:end]))
        if piece is not None:
            return piece
        end -= 1
        while end > start and lines[end - 1].strip() and lines[end - 1][:1].isspace():
            end -= 1
    return None


def _html(answer: str) -> Iterator[str]:
    """The contents of ``<code>`` and ``<pre>`` elements, entities resolved, as one text each kind."""
    lowered = answer.lower()
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


def _json(answer: str) -> Iterator[str]:
    """The strings of a JSON object that is the whole answer, longest first."""
    if not answer.lstrip().startswith(("{", "[")):
        return
    try:
        value: Any = json.loads(answer)
    except (ValueError, RecursionError):
        return
    level, found = [value], []
    while level:
        found += [item for item in level if isinstance(item, str)]
        level = [
            child
            for item in level
            for child in (item.values() if isinstance(item, dict) else item if isinstance(item, list) else ())
        ]
    yield from sorted(found, key=len, reverse=True)[:3]


def _ended(text: str) -> str:
    return text.strip("\n") + "\n"


# -- other languages ---------------------------------------------------------------------------------------


def _verbatim(answer: str, blocks: tuple[Block, ...], language: str) -> Extraction:
    """Code that is not read here: the last block of that language, one inline span, or all that was said."""
    names = _ALIASES.get(language, {language})
    filled = [block for block in blocks if block.text.strip()]
    tagged = [block for block in filled if block.language in names]
    untagged = [block for block in filled if not block.language]
    if tagged or untagged:
        return Extraction(_ended((tagged or untagged)[-1].text), None, blocks)
    if filled:
        return Extraction(
            None, f"the answer has only {_listed(filled)} code; {language} was asked for", blocks
        )
    inline = _INLINE.findall(answer)
    return Extraction(_ended(inline[0].strip() if len(inline) == 1 else answer.strip()), None, blocks)


def _listed(blocks: list[Block]) -> str:
    return ", ".join(sorted({block.language for block in blocks}))
