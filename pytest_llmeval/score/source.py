"""Source text of a model, read without trusting it: newlines, size limits, parsing, comments.

Everything here is pure and bounded. The limits keep ``ast``, radon and pylint inside their own: 50,000
functions hold pylint for 46 s, a sum of 900 terms exhausts astroid's stack.
"""

from __future__ import annotations

import ast
import io
import re
import threading
import tokenize
import warnings
from typing import NamedTuple

MAX_BYTES = 64 * 1024
MAX_LINES = 2_000
MAX_NODES = 5_000
MAX_DEPTH = 200
"""Levels of the syntax tree; hand-written code stays below 50."""

_PRAGMA = re.compile(r"\bpylint\s*:", re.IGNORECASE)
_CODING = re.compile(r"coding[:=]", re.IGNORECASE)  # PEP 263, on the first two lines only
_quiet = threading.Lock()


class Parsed(NamedTuple):
    """A syntax tree, or why there is none (one of the two is None)."""

    tree: ast.Module | None
    reason: str | None


class Stripped(NamedTuple):
    """One program twice: without its pragmas, and without any comment."""

    quiet: str
    bare: str


def normalise(text: str) -> str:
    """The text with ``\\n`` newlines, without byte order marks, lone surrogates as U+FFFD."""
    text = text.lstrip("\ufeff").replace("\r\n", "\n").replace("\r", "\n")
    return text if text.isascii() else text.encode("utf-8", "surrogatepass").decode("utf-8", "replace")


def parse(code: str) -> Parsed:
    """The syntax tree of normalised code, or the reason why it is not analysed."""
    reason = too_much(code)
    if reason is not None:
        return Parsed(None, reason)
    try:
        tree = _silently(code)
    except SyntaxError as error:
        reason = f"the code does not parse: line {error.lineno or 1}: {error.msg}"
    except (RecursionError, MemoryError):
        reason = "the code is nested too deeply to parse"
    except ValueError as error:  # what a text can't encode
        reason = f"the code does not parse: {error}"
    else:
        reason = _too_large(tree)
    return Parsed(tree, None) if reason is None else Parsed(None, reason)


def without_comments(code: str) -> Stripped:
    """The code without pragmas, and without any comment; line numbers are kept.

    A pragma steers an analyser (``pylint: …``) or claims an encoding. Comments are found by tokenizing, so
    that a ``#`` in a string stays. Raises ``tokenize.TokenError`` or ``SyntaxError``.
    """
    if "#" not in code:
        return Stripped(code, code)
    quiet = code.split("\n")
    bare = quiet.copy()
    for token in tokenize.generate_tokens(io.StringIO(code).readline):
        if token.type != tokenize.COMMENT:
            continue
        row, column = token.start
        bare[row - 1] = bare[row - 1][:column].rstrip()
        if _PRAGMA.search(token.string) or (row <= 2 and _CODING.search(token.string)):
            quiet[row - 1] = bare[row - 1]
    return Stripped("\n".join(quiet), "\n".join(bare))


def _silently(code: str) -> ast.Module:
    """``ast.parse`` without its warnings, which a test run's filters turn into SyntaxErrors.

    ``catch_warnings`` changes the process; the lock keeps our own threads from undoing each other's change.
    """
    with _quiet, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return ast.parse(code)


def too_much(code: str) -> str | None:
    """Which limit the text itself breaks, before anything reads it."""
    size = len(code.encode("utf-8", "surrogatepass"))
    if size > MAX_BYTES:
        return f"the code is too long to analyse: {size // 1024} KB, the limit is {MAX_BYTES // 1024} KB"
    lines = code.count("\n") + 1
    if lines > MAX_LINES:
        return f"the code is too long to analyse: {lines:,} lines, the limit is {MAX_LINES:,}"
    return "the code contains null bytes" if "\0" in code else None


def _too_large(tree: ast.Module) -> str | None:
    """Which limit on nodes or depth the tree breaks. Walks level by level: no recursion."""
    level: list[ast.AST] = [tree]
    nodes = depth = 0
    while level:
        nodes += len(level)
        depth += 1
        if nodes > MAX_NODES:
            return f"the code is too large to analyse: over {MAX_NODES:,} syntax nodes"
        if depth > MAX_DEPTH:
            return f"the code is nested too deeply to analyse: over {MAX_DEPTH} levels"
        level = _children(level)
    return None


def _children(level: list[ast.AST]) -> list[ast.AST]:
    """The nodes below these, as ``ast.iter_child_nodes`` finds them for one, in half the time."""
    found: list[ast.AST] = []
    for node in level:
        for field in node._fields:
            value = getattr(node, field, None)
            if isinstance(value, ast.AST):
                found.append(value)
            elif isinstance(value, list):
                found += [item for item in value if isinstance(item, ast.AST)]
    return found
