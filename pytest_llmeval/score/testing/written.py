"""Tests as written -> as they are run: assertions tell their values, imports find the subject. Pure.

The code under test is one module, whatever the tests call it: every module that they import and that is no
part of the standard library is taken for it. Code under test that the tests hold a copy of is taken out:
they are to test the one that they are given.
"""

from __future__ import annotations

import ast
import sys
from typing import TYPE_CHECKING, NamedTuple

from pytest_llmeval.score import contract, source

if TYPE_CHECKING:
    from collections.abc import Container, Iterator

_SUBJECT = "solution"
_KNOWN = frozenset(sys.stdlib_module_names) | {"pytest"}
_OPERATORS: dict[type[ast.cmpop], str] = {
    ast.Eq: "==",
    ast.NotEq: "!=",
    ast.Lt: "<",
    ast.LtE: "<=",
    ast.Gt: ">",
    ast.GtE: ">=",
    ast.Is: "is",
    ast.IsNot: "is not",
    ast.In: "in",
    ast.NotIn: "not in",
}
_IMPORTS = (ast.Import, ast.ImportFrom)
_MAINS = ("unittest.main", "pytest.main", "main")
_INSIDE = frozenset(
    {
        "__builtins__", "__closure__", "__code__", "__globals__", "__subclasses__", "_exit", "_getframe",
        "ag_frame", "builtins", "cr_frame", "ctypes", "currentframe", "f_back", "f_builtins", "f_globals",
        "f_locals", "gc", "getsource", "gi_frame", "settrace", "setprofile", "tb_frame",
    }
)  # fmt: skip


class Tests(NamedTuple):
    """``code`` to run, ``names`` of its functions and classes that may be tests, and the ``modules`` that it
    knows the subject by.
    """

    code: str
    names: tuple[str, ...]
    modules: tuple[str, ...]


def read(code: str, subject: Container[str] = ()) -> Tests:
    """Tests ready to run. ``subject``: names that the code under test defines. Raises ``ValueError``."""
    parsed = source.parse(source.normalise(code))
    if parsed.tree is None:
        raise ValueError(parsed.reason)
    tree = parsed.tree
    tree.body = [node for node in tree.body if not _is_main(node) and not _is_copy(node, subject)]
    modules = tuple(dict.fromkeys(_strangers(tree)))
    names = tuple(
        name
        for name, node in contract.bindings(tree).items()
        if isinstance(node, ast.ClassDef) or (name.startswith("test") and not isinstance(node, _IMPORTS))
    )
    return Tests(ast.unparse(ast.fix_missing_locations(_Rewrite().visit(tree))), names, modules)


def without_assertions(code: str) -> str:
    """The same tests, which call what they called and assert nothing."""
    tree = source.parse(source.normalise(code)).tree
    return "" if tree is None else ast.unparse(ast.fix_missing_locations(_Silence().visit(tree)))


def reaches_inside(code: str) -> str | None:
    """What code uses to look into the program that runs it; None if nothing is seen."""
    return next((name for node in _nodes(code) for name in _mentioned(node) if name in _INSIDE), None)


def changes_modules(code: str) -> str | None:
    """What code sets in a module that it imports, from where others would use it; None if nothing is seen."""
    nodes = _nodes(code)
    imported = {name for node in nodes if isinstance(node, _IMPORTS) for name in _imported(node)}
    for node in nodes:
        match node:
            case ast.Attribute(ctx=ast.Store()) if _root(node) in imported:
                return ast.unparse(node)
            case ast.Call(func=ast.Name(id="setattr"), args=[owner, *_]) if _root(owner) in imported:
                return ast.unparse(node)
    return None


def _root(node: ast.expr) -> str:
    """The name that a dotted one begins with."""
    return ast.unparse(node).partition(".")[0]


def _nodes(code: str) -> tuple[ast.AST, ...]:
    tree = source.parse(source.normalise(code)).tree
    return () if tree is None else tuple(ast.walk(tree))


def _imported(node: ast.Import | ast.ImportFrom) -> list[str]:
    return [one.asname or one.name.partition(".")[0] for one in node.names]


def _mentioned(node: ast.AST) -> tuple[str, ...]:
    match node:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return (name,)
        case ast.Import(names=names) | ast.ImportFrom(names=names):
            module = getattr(node, "module", None) or ""
            return (*(part for alias in names for part in alias.name.split(".")), *module.split("."))
    return ()


def _is_main(node: ast.stmt) -> bool:
    """A call at module level that runs all tests."""
    match node:
        case ast.Expr(value=ast.Call(func=function)):
            return ast.unparse(function) in _MAINS
    return False


def _is_copy(node: ast.stmt, subject: Container[str]) -> bool:
    return isinstance(node, contract.Definition) and node.name in subject


def _strangers(tree: ast.Module) -> Iterator[str]:
    """Modules that are imported and not known, by their full names."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (one.name for one in node.names if _is_stranger(one.name))
        elif isinstance(node, ast.ImportFrom) and not node.level and _is_stranger(node.module or ""):
            yield node.module or ""


def _is_stranger(module: str) -> bool:
    return module.partition(".")[0] not in _KNOWN


class _Rewrite(ast.NodeTransformer):
    """Assertions to calls that tell the values; dotted and relative imports to plain ones."""

    def visit_Assert(self, node: ast.Assert) -> ast.stmt:
        if node.msg is not None and any(isinstance(one, ast.Await | ast.Yield) for one in ast.walk(node.msg)):
            return node
        text = ast.Constant(ast.unparse(node.test))
        message: ast.expr = ast.Constant(None)
        if node.msg is not None:
            nothing = ast.arguments([], [], None, [], [], None, [])
            message = ast.Lambda(nothing, node.msg)
        match node.test:
            case ast.Compare(left=left, ops=[operator], comparators=[right]):
                given = [ast.Constant(_OPERATORS[type(operator)]), left, right, text, message]
                return _call("compare", given)
        return _call("holds", [node.test, text, message])

    def visit_ImportFrom(self, node: ast.ImportFrom) -> ast.stmt:
        if node.level or ("." in (node.module or "") and _is_stranger(node.module or "")):
            return ast.ImportFrom(_SUBJECT, node.names, 0)
        return node

    def visit_Import(self, node: ast.Import) -> ast.stmt:
        return ast.Import(
            [
                ast.alias(_SUBJECT, one.asname or one.name.partition(".")[0])
                if "." in one.name and _is_stranger(one.name)
                else one
                for one in node.names
            ]
        )


class _Silence(ast.NodeTransformer):
    """Assertions to their expressions, ``with …raises(…)`` to whatever happens in it."""

    def visit_Assert(self, node: ast.Assert) -> ast.stmt:
        return ast.Expr(node.test)

    def visit_With(self, node: ast.With) -> ast.stmt:
        expecting = any("aises" in ast.unparse(item.context_expr) for item in node.items)
        self.generic_visit(node)
        if not expecting:
            return node
        handler = ast.ExceptHandler(ast.Name("BaseException", ast.Load()), None, [ast.Pass()])
        return ast.Try(node.body, [handler], [], [])

    def visit_Call(self, node: ast.Call) -> ast.expr:
        self.generic_visit(node)
        if isinstance(node.func, ast.Attribute) and node.func.attr.startswith("assert"):
            return ast.Tuple(node.args, ast.Load())
        return node


def _call(name: str, given: list[ast.expr]) -> ast.stmt:
    function = ast.Attribute(ast.Name("__llmeval__", ast.Load()), name, ast.Load())
    return ast.Expr(ast.Call(function, given, []))
