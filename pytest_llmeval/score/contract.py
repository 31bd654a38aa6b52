"""Does the code define what was asked for, callable as asked, with a body? Read from the syntax tree alone.

Parameters are compared by how many positional arguments a call may pass and by the names of keyword-only
ones; other names are free.
"""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from pytest_llmeval import requirement

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from pytest_llmeval.requirement import Requirement

Definition = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef


def unmet(tree: ast.Module, requires: Iterable[str]) -> tuple[str, ...]:
    """What is missing, one sentence per unmet requirement; empty when the contract is met."""
    names = bindings(tree)
    classes = [node for node in ast.walk(tree) if isinstance(node, ast.ClassDef)]
    inherited = {base.id for node in classes for base in node.bases if isinstance(base, ast.Name)}
    reasons = []
    for text in requires:
        try:
            wanted = requirement.read(text)
        except ValueError as error:
            reasons.append(str(error))
            continue
        reason = _missing(wanted, names) or _unfit(wanted, names[wanted.owner or wanted.name], inherited)
        if reason is not None and reason not in reasons:
            reasons.append(reason)
    return tuple(reasons)


def required_names(requires: Iterable[str]) -> frozenset[str]:
    """The module-level names that the requirements speak of."""
    found = set()
    for text in requires:
        try:
            wanted = requirement.read(text)
        except ValueError:
            continue
        found.add(wanted.owner or wanted.name)
    return frozenset(found)


def bindings(tree: ast.Module) -> dict[str, ast.stmt]:
    """Module-level names and the statement that binds each last, also inside ``if``, ``try`` and ``with``."""
    return {name: statement for statement in _statements(tree.body) for name in _bound(statement)}


def definitions(tree: ast.Module) -> dict[str, Definition]:
    """Module-level functions and classes by name."""
    return {name: node for name, node in bindings(tree).items() if isinstance(node, Definition)}


def is_stub(node: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    """Whether the body does nothing: a docstring, ``pass``, ``...``, ``raise NotImplementedError``."""
    return all(_idle(statement) for statement in node.body)


def _missing(wanted: Requirement, names: dict[str, ast.stmt]) -> str | None:
    """Why nothing of the name and kind is there."""
    name = wanted.owner or wanted.name
    found = names.get(name)
    if found is None:
        return f"`{name}` is not defined"
    if isinstance(found, ast.Import | ast.ImportFrom):
        return f"`{name}` is imported, not defined"
    a_class = isinstance(found, ast.ClassDef)
    if not a_class and (wanted.owner or wanted.kind == "class"):
        return f"`{name}` is not a class"
    if a_class and not wanted.owner and wanted.kind == "function":
        return f"`{name}` is a class; a function was asked for"
    return None


def _unfit(wanted: Requirement, found: ast.stmt, inherited: set[str]) -> str | None:
    """Why what is there can't be called as wanted, or does nothing."""
    if isinstance(found, ast.ClassDef):
        if wanted.owner:
            return _unfit_method(wanted, found, inherited)
        return _stub_in(found, inherited) or _misfit(wanted, _constructor(found), bound=True)
    if isinstance(found, ast.FunctionDef | ast.AsyncFunctionDef):
        if is_stub(found):
            return f"`{wanted.name}` is a stub: its body does nothing"
        return _misfit(wanted, found.args, bound=False)
    if isinstance(found, ast.Assign | ast.AnnAssign) and isinstance(found.value, ast.Lambda):
        return _misfit(wanted, found.value.args, bound=False)
    return None  # bound to a value whose signature only running it can tell


def _unfit_method(wanted: Requirement, owner: ast.ClassDef, inherited: set[str]) -> str | None:
    shown = f"`{owner.name}.{wanted.name}`"
    for node in _statements(owner.body):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name == wanted.name:
            if is_stub(node) and owner.name not in inherited:
                return f"{shown} is a stub: its body does nothing"
            marks = [mark.id for mark in node.decorator_list if isinstance(mark, ast.Name)]
            return (
                None if "property" in marks else _misfit(wanted, node.args, bound="staticmethod" not in marks)
            )
        if wanted.name in _bound(node):
            return None
    return None if owner.bases else f"{shown} is not defined"


def _misfit(wanted: Requirement, has: ast.arguments | None, *, bound: bool) -> str | None:
    """Why a call as wanted does not fit the parameters; ``bound``: the first one is ``self``."""
    if wanted.call is None or has is None:
        return None
    called = len(wanted.call.posonlyargs) + len(wanted.call.args)
    offered = len(has.posonlyargs) + len(has.args) - (1 if bound else 0)
    needed = offered - len(has.defaults)
    passed = {argument.arg for argument in wanted.call.kwonlyargs}
    accepted = {argument.arg for argument in has.args + has.kwonlyargs}
    defaults = zip(has.kwonlyargs, has.kw_defaults, strict=True)
    demanded = {argument.arg for argument, default in defaults if default is None}
    fits = needed - len(passed & {a.arg for a in has.args}) <= called
    fits = fits and (called <= offered or has.vararg is not None)
    if fits and demanded <= passed and (passed <= accepted or has.kwarg is not None):
        return None
    if bound and offered < 0:
        return f"`{wanted.name}` has no `self`; `{wanted.text}` was asked for"
    return f"`{wanted.name}({ast.unparse(has)})` can't be called as `{wanted.text}`"


def _stub_in(node: ast.ClassDef, inherited: set[str]) -> str | None:
    """A method of the class that does nothing. Base classes of others, abstract and dunder methods may."""
    if node.name in inherited:
        return None
    for method in node.body:
        if not isinstance(method, ast.FunctionDef | ast.AsyncFunctionDef) or not is_stub(method):
            continue
        marks = {ast.unparse(mark).rpartition(".")[2] for mark in method.decorator_list}
        if not marks & {"abstractmethod", "overload"} and not method.name.startswith("__"):
            return f"`{node.name}.{method.name}` is a stub: its body does nothing"
    if not node.bases and not node.decorator_list and all(_idle(statement) for statement in node.body):
        return f"`{node.name}` is a stub: its body is empty"
    return None


def _constructor(node: ast.ClassDef) -> ast.arguments | None:
    """The parameters of the class's own ``__init__``; None where only running it can tell."""
    for method in node.body:
        if isinstance(method, ast.FunctionDef) and method.name == "__init__":
            return method.args
    if node.bases or node.decorator_list or node.keywords:
        return None
    return requirement.parameters("(self)")


def _statements(body: Iterable[ast.stmt]) -> Iterator[ast.stmt]:
    """The statements of one scope in order, those inside ``if``, ``try``, ``with`` and loops included."""
    waiting = list(body)[::-1]
    while waiting:
        statement = waiting.pop()
        yield statement
        if isinstance(statement, Definition):
            continue
        for child in reversed(list(ast.iter_child_nodes(statement))):
            if isinstance(child, ast.stmt):
                waiting.append(child)
            elif isinstance(child, ast.ExceptHandler | ast.match_case):
                waiting.extend(reversed(child.body))


def _bound(statement: ast.stmt) -> Iterator[str]:
    """The names that one statement binds in its own scope."""
    if isinstance(statement, Definition):
        yield statement.name
    elif isinstance(statement, ast.Import | ast.ImportFrom):
        for alias in statement.names:
            yield alias.asname or alias.name.partition(".")[0]
    else:
        for child in ast.iter_child_nodes(statement):
            if isinstance(child, ast.expr):
                for node in ast.walk(child):
                    if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
                        yield node.id


def _idle(statement: ast.stmt) -> bool:
    if isinstance(statement, ast.Pass):
        return True
    if isinstance(statement, ast.Expr):
        return isinstance(statement.value, ast.Constant)
    if isinstance(statement, ast.Raise) and statement.exc is not None:
        raised = statement.exc.func if isinstance(statement.exc, ast.Call) else statement.exc
        return isinstance(raised, ast.Name) and raised.id == "NotImplementedError"
    return False
