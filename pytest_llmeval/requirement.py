"""What an answer's code must define, as people write signatures -> what that asks for.

``fib``, ``fib(n)``, ``merge(a, b, *, reverse)``, ``class LRUCache``, ``class LRUCache(capacity)``,
``LRUCache.get(key)``.
"""

from __future__ import annotations

import ast
from typing import NamedTuple

EXPECTED = "a name or a signature, like fib(n), class Stack or Stack.push(item)"


class Requirement(NamedTuple):
    """One requirement. ``owner``: the class of a method. ``call``: what a call will pass, if said."""

    text: str
    kind: str  # "class", "function", or "any" where only a name was given
    owner: str | None
    name: str
    call: ast.arguments | None


def read(text: str) -> Requirement:
    """Read one requirement. Raises ``ValueError`` that says how to write it."""
    words = text.strip().removesuffix(":").removeprefix("async ").strip()
    kind = "class" if words.startswith("class ") else "function" if words.startswith("def ") else "any"
    signature = words.removeprefix("class ").removeprefix("def ").strip()
    dotted, bracket, _ = signature.partition("(")
    owner, _, name = dotted.strip().rpartition(".")
    call = parameters(signature[len(dotted) :]) if bracket else None
    if not name.isidentifier() or (owner and not owner.isidentifier()) or (bracket and call is None):
        raise ValueError(f"{text!r} is not a requirement; write {EXPECTED}")
    if kind == "any" and (call is not None or owner):
        kind = "function"
    return Requirement(text.strip(), kind, owner or None, name, call)


def parameters(signature: str) -> ast.arguments | None:
    """The parameters in ``"(a, b)"``, with or without ``-> …``; None if that is not a signature."""
    try:
        node = ast.parse(f"def _{signature}: pass").body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None
    only = node[0] if len(node) == 1 else None
    return only.args if isinstance(only, ast.FunctionDef) else None
