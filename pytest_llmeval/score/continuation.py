"""An answer that goes on with code which its prompt began -> the whole program, whatever the answer repeats.

A function is begun where the given code ends with one that has no body yet. Models answer with the whole
function, often without the imports and helpers that stand before it, or with the body alone, as models that
complete texts do.
"""

from __future__ import annotations

import ast
import textwrap
from typing import TYPE_CHECKING, NamedTuple

from . import contract, extract, pieces, source
from .extract import Extraction
from .pieces import Piece

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_INDENT = "    "
_ANY_BODY = f"\n{_INDENT}pass\n"


class _Begun(NamedTuple):
    """The given code: what stands before its last function, and that one's name and head."""

    before: list[Piece]
    name: str
    head: str


def completed(given: str, text: str, found: Extraction, requires: Sequence[str]) -> Extraction:
    """What was ``found`` in the answer, completed by the given code; unchanged where that begins nothing."""
    begun = _begun(source.normalise(given))
    if begun is None:
        return found
    own = pieces.read(found.code) if found.code is not None else None
    if own is None or begun.name not in own.names:
        own = _continued(begun.head, begun.name, [block.text for block in found.blocks] or [_said(text)])
    if own is None:
        return found
    return Extraction(pieces.program([*begun.before, own], requires), None, found.blocks)


def _begun(given: str) -> _Begun | None:
    tree = source.parse(given).tree or source.parse(given + _ANY_BODY).tree
    if tree is None or not tree.body:
        return None
    *before, last = tree.body
    if not isinstance(last, ast.FunctionDef | ast.AsyncFunctionDef) or not _is_begun(last):
        return None
    lines = given.split("\n")
    first = min([last.lineno, *(mark.lineno for mark in last.decorator_list)])
    helpers = [Piece(ast.unparse(node), ast.Module([node], [])) for node in before]
    return _Begun(helpers, last.name, "\n".join(lines[first - 1 :]).rstrip() + "\n")


def _continued(head: str, name: str, bodies: Sequence[str]) -> Piece | None:
    """The function with the first of the texts, the last one first, that is a body for it."""
    for body in reversed(bodies):
        for reading in _indented(body):
            piece = pieces.read(head + reading)
            if piece is not None and _does_something(piece, name):
                return piece
    return None


def _indented(body: str) -> Iterator[str]:
    """As it is; as a block of its own; with a first line that has lost its indentation."""
    yield body
    yield textwrap.indent(textwrap.dedent(body), _INDENT)
    yield _INDENT + body.lstrip()


def _does_something(piece: Piece, name: str) -> bool:
    """Whether the function does: to define others alone is the answer to another question."""
    found = contract.definitions(piece.tree).get(name)
    return isinstance(found, ast.FunctionDef | ast.AsyncFunctionDef) and not _is_begun(found)


def _is_begun(function: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    """Whether its body is yet to come, behind its docstring and its imports."""
    return contract.is_stub(function) or all(map(_is_aside, function.body))


def _is_aside(node: ast.stmt) -> bool:
    if isinstance(node, ast.Expr):
        return isinstance(node.value, ast.Constant)
    return isinstance(node, contract.Definition | ast.Import | ast.ImportFrom)


def _said(text: str) -> str:
    return extract.spoken(source.normalise(text))[0]
