"""The same program written differently: what tests must not notice. Pure.

Tests that look at the code instead of calling it, or that fail whenever they run again, give themselves away
on it: they fail, though nothing that the code does has changed.
"""

from __future__ import annotations

import ast

from pytest_llmeval.score import source

_ROUTINES = (ast.FunctionDef, ast.AsyncFunctionDef)
_BINDING = (
    ast.ClassDef,
    *_ROUTINES,
    ast.ExceptHandler,
    ast.alias,
    ast.MatchAs,
    ast.MatchStar,
    ast.MatchMapping,
)
_BY_NAME = ("locals", "vars", "eval", "exec")
_SUFFIX = "_disguised"


def of(code: str) -> str | None:
    """The program with other names for its functions' local variables, one of them new.

    None for what does not parse.
    """
    tree = source.parse(source.normalise(code)).tree
    if tree is None:
        return None
    methods = [child for node in tree.body if isinstance(node, ast.ClassDef) for child in node.body]
    for node in [*tree.body, *methods]:
        if isinstance(node, _ROUTINES):
            _rename(node)
            node.body.insert(1 if ast.get_docstring(node) else 0, _unused())
    return ast.unparse(ast.fix_missing_locations(tree)) + "\n"


def _rename(routine: ast.FunctionDef | ast.AsyncFunctionDef) -> None:
    """Rename what the routine assigns, where its names are nothing but names."""
    inside = list(ast.walk(routine))[1:]
    names = [node for node in inside if isinstance(node, ast.Name)]
    if any(isinstance(node, ast.ClassDef) for node in inside) or any(one.id in _BY_NAME for one in names):
        return
    taken = {node.arg for node in inside if isinstance(node, ast.arg)}
    for node in inside:
        if isinstance(node, ast.Global | ast.Nonlocal):
            taken |= set(node.names)
        elif isinstance(node, _BINDING):
            taken |= {getattr(node, field, None) or "" for field in ("name", "asname", "rest")}
    assigned = {one.id for one in names if isinstance(one.ctx, ast.Store)} - taken
    for one in names:
        if one.id in assigned:
            one.id += _SUFFIX


def _unused() -> ast.stmt:
    return ast.Assign([ast.Name(f"nothing{_SUFFIX}", ast.Store())], ast.Constant(None))
