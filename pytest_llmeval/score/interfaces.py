"""What code offers to its callers, read from the syntax tree: what its documentation has to say."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_Function = ast.FunctionDef | ast.AsyncFunctionDef
CONSTRUCTOR = "__init__"


class Interface(NamedTuple):
    """One public class, function or method, by its dotted name.

    ``parameters`` without ``self`` and ``cls``; ``returns``: it returns or yields a value (a property's value
    is said by its summary); ``raises``: the names of exceptions that its own body raises, in order.
    """

    name: str
    is_class: bool = False
    parameters: tuple[str, ...] = ()
    returns: bool = False
    raises: tuple[str, ...] = ()
    docstring: str | None = None

    @property
    def is_constructor(self) -> bool:
        """Whether what it does is its class's to say."""
        return self.name.endswith(f".{CONSTRUCTOR}")


def of(tree: ast.Module) -> tuple[Interface, ...]:
    """The public interfaces of a module in order; methods follow their class.

    A constructor without parameters of its own, and a class without methods, leave nothing to say.
    """
    found: list[Interface] = []
    for node in tree.body:
        if isinstance(node, _Function) and not node.name.startswith("_"):
            found.append(_function(node, node.name))
        elif isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
            methods = list(_methods(node))
            if methods:
                found += [Interface(node.name, is_class=True, docstring=ast.get_docstring(node)), *methods]
    return tuple(found)


def without_docstrings(tree: ast.Module) -> ast.Module:
    """The tree without any docstring; a body that was nothing else is ``pass``. Changes the tree."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | _Function) and ast.get_docstring(node) is not None:
            node.body = node.body[1:] or [ast.Pass()]
    return tree


def _methods(owner: ast.ClassDef) -> Iterator[Interface]:
    for node in owner.body:
        if isinstance(node, _Function) and (node.name == CONSTRUCTOR or not node.name.startswith("_")):
            method = _function(node, f"{owner.name}.{node.name}")
            if not method.is_constructor or method.parameters or method.raises:
                yield method


def _function(node: _Function, name: str) -> Interface:
    marks = {ast.unparse(mark) for mark in node.decorator_list}
    parameters = _parameters(node.args)
    if "." in name and "staticmethod" not in marks:
        parameters = parameters[1:]
    return Interface(
        name,
        parameters=parameters,
        returns=not marks & {"property", "cached_property", "functools.cached_property"} and _returns(node),
        raises=tuple(dict.fromkeys(_raised(node))),
        docstring=ast.get_docstring(node),
    )


def _parameters(arguments: ast.arguments) -> tuple[str, ...]:
    positional = [*arguments.posonlyargs, *arguments.args]
    rest = [one for one in (arguments.vararg, *arguments.kwonlyargs, arguments.kwarg) if one is not None]
    return tuple(one.arg for one in [*positional, *rest])


def _returns(node: _Function) -> bool:
    for inner in _own(node.body):
        if isinstance(inner, ast.Yield | ast.YieldFrom):
            return True
        if isinstance(inner, ast.Return) and not (
            inner.value is None or (isinstance(inner.value, ast.Constant) and inner.value.value is None)
        ):
            return True
    return False


def _raised(node: _Function) -> Iterator[str]:
    """Exceptions by name; what is raised again from a variable is not told here."""
    for inner in _own(node.body):
        if isinstance(inner, ast.Raise) and inner.exc is not None:
            raised = inner.exc.func if isinstance(inner.exc, ast.Call) else inner.exc
            name = ast.unparse(raised).rpartition(".")[2]
            if name[:1].isupper():
                yield name


def _own(body: Sequence[ast.AST]) -> Iterator[ast.AST]:
    """The nodes of one function in order, without those of functions and classes inside it."""
    for node in body:
        if not isinstance(node, _Function | ast.ClassDef | ast.Lambda):
            yield node
            yield from _own(list(ast.iter_child_nodes(node)))
