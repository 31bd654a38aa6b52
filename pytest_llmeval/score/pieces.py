"""Pieces of Python in an answer: read each one, and put together those that belong together."""

from __future__ import annotations

import ast
import builtins
import textwrap
from typing import TYPE_CHECKING, NamedTuple

from . import contract, source

if TYPE_CHECKING:
    from collections.abc import Sequence

_ACTIONS = (ast.Call, ast.Await)
_NAMES = frozenset(dir(builtins)) | {"__name__", "__file__", "__doc__"}


class Piece(NamedTuple):
    """A text that parses, and what it says."""

    text: str
    tree: ast.Module

    @property
    def names(self) -> set[str]:
        """The module-level names that it binds."""
        return set(contract.bindings(self.tree))

    @property
    def defines(self) -> bool:
        """Whether a function or a class is among them."""
        return bool(contract.definitions(self.tree))

    @property
    def says_something(self) -> bool:
        """Whether it does more than state values: ``55``, ``None`` and ``yes`` are output or prose."""
        return any(
            not isinstance(node, ast.Expr) or isinstance(node.value, _ACTIONS) for node in self.tree.body
        )


def read(text: str) -> Piece | None:
    """The text as Python, prompts and common indentation taken off if need be; None if it does not parse."""
    if text.lstrip().startswith(">>> "):
        text = _without_prompts(text)
    for reading in (text, textwrap.dedent(text)):
        tree = source.parse(reading).tree
        if tree is not None:
            return Piece(reading, tree)
        if reading[:1] not in (" ", "\t", "\n"):
            break
    return None


def program(pieces: Sequence[Piece], requires: Sequence[str]) -> str:
    """The pieces (at least one) that make up the answer, in the order of the text.

    The last one that defines what is required wins: a debugging answer shows the broken code first. With it
    come the pieces whose names it uses.
    """
    bound = [piece.names for piece in pieces]
    read = [_free_names(piece.tree) for piece in pieces]
    chosen = {pieces.index(piece) for piece in _answering(pieces, requires)}
    helping = [*chosen]
    while helping:
        missing = set().union(*(read[at] for at in chosen)).difference(*(bound[at] for at in chosen))
        helping = [at for at, names in enumerate(bound) if missing & names]
        chosen.update(helping[-1:])
    return "\n\n".join(pieces[at].text.strip("\n") for at in sorted(chosen)) + "\n"


def _answering(pieces: Sequence[Piece], requires: Sequence[str]) -> list[Piece]:
    """The piece that meets the contract, else all that contribute to it, else all that define anything."""
    defining = [piece for piece in pieces if piece.defines]
    meeting = [piece for piece in defining if not contract.unmet(piece.tree, requires)]
    required = contract.required_names(requires)
    return meeting[-1:] or [piece for piece in pieces if required & piece.names] or defining or list(pieces)


def _without_prompts(text: str) -> str:
    lines = text.split("\n")
    return "\n".join(line.lstrip()[4:] for line in lines if line.lstrip().startswith((">>> ", "... ")))


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
