"""Small wrong variants of a program: what good tests and good checks must notice. Pure and deterministic.

One mutant differs in one place: a comparison, a boolean, an operator, a constant, a negated condition, a
statement left out, a value not returned, two arguments swapped, a function replaced by its counterpart.
What can't matter is left alone: docstrings, annotations, decorators, messages of exceptions, what is printed,
and what runs only as a script. A mutant may still be equivalent to the program in ways that only executing it
tells.
"""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING, NamedTuple

from . import source

if TYPE_CHECKING:
    from collections.abc import Iterator

MOST = 60
_SHOWN_TEXT = 60

_COMPARISONS: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
}
_SHARP = (ast.Eq, ast.NotEq, ast.In, ast.NotIn, ast.Is, ast.IsNot)
"""Comparisons whose counterpart is their negation."""
_OPERATORS: dict[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Add,
    ast.Div: ast.Mult,
    ast.FloorDiv: ast.Div,
    ast.Mod: ast.FloorDiv,
    ast.Pow: ast.Mult,
    ast.BitAnd: ast.BitOr,
    ast.BitOr: ast.BitAnd,
    ast.LShift: ast.RShift,
    ast.RShift: ast.LShift,
}
_PAIRS = (
    ("min", "max"),
    ("any", "all"),
    ("startswith", "endswith"),
    ("lower", "upper"),
    ("lstrip", "rstrip"),
    ("removeprefix", "removesuffix"),
    ("append", "extend"),
    ("union", "intersection"),
    ("ceil", "floor"),
)
_COUNTERPARTS = {one: other for pair in _PAIRS for one, other in (pair, pair[::-1])}
_SYMMETRIC = ("min", "max", "gcd", "lcm", "isclose", "zip", "print")
_LEFT_OUT = (ast.AugAssign, ast.Raise, ast.Break, ast.Continue, ast.Delete)
_UNSEEN = ("annotation", "returns", "decorator_list", "type_params", "exc", "cause", "msg", "format_spec")
"""Fields whose content no caller should depend on; ``exc``: the exception's name and message."""


class Mutant(NamedTuple):
    """A whole program, and what was changed in it. ``line``: 1-based, of the original."""

    code: str
    line: int
    change: str

    def __str__(self) -> str:
        return f"line {self.line}: {self.change}"


class _Place(NamedTuple):
    """Where a node hangs: ``owner.field``, or one ``item`` of it."""

    owner: ast.AST
    field: str
    item: int | None
    node: ast.AST

    def put(self, node: ast.AST) -> None:
        if self.item is None:
            setattr(self.owner, self.field, node)
        else:
            getattr(self.owner, self.field)[self.item] = node


def of(code: str, most: int = MOST) -> tuple[Mutant, ...]:
    """Distinct mutants in the order of the source; where there are more than ``most``, as many evenly spread.

    None of code that does not parse. They are printed from the syntax tree: comments and layout are lost.
    """
    tree = source.parse(source.normalise(code)).tree
    if tree is None:
        return ()
    program = ast.unparse(tree) + "\n"
    found = {mutant.code: mutant for mutant in _mutants(tree) if mutant.code != program}
    distinct = sorted(found.values(), key=lambda mutant: mutant.line)
    if len(distinct) <= most:
        return tuple(distinct)
    return tuple(distinct[number * len(distinct) // most] for number in range(most))


def _mutants(tree: ast.Module) -> Iterator[Mutant]:
    for place in list(_places(tree)):
        before = ast.unparse(place.node)
        for replacement in _replacements(place):
            place.put(ast.copy_location(replacement, place.node))
            code = ast.unparse(tree)
            place.put(place.node)
            after = "" if isinstance(replacement, ast.Pass) else ast.unparse(replacement)
            yield Mutant(code + "\n", getattr(place.node, "lineno", 1), _told(before, after))


def _places(node: ast.AST) -> Iterator[_Place]:
    """Every expression and statement below that may be changed, in order."""
    for field, value in ast.iter_fields(node):
        if field in _UNSEEN:
            continue
        children = value if isinstance(value, list) else [value]
        for index, child in enumerate(children):
            if not isinstance(child, ast.AST) or _is_unseen(child):
                continue
            if isinstance(child, ast.expr | ast.stmt):
                yield _Place(node, field, index if isinstance(value, list) else None, child)
            yield from _places(child)


def _is_unseen(node: ast.AST) -> bool:
    """Whether no caller can tell: a docstring, an import, a script's main part, what is printed."""
    match node:
        case ast.Import() | ast.ImportFrom() | ast.Expr(value=ast.Constant()):
            return True
        case ast.Expr(value=ast.Call(func=ast.Name(id="print"))):
            return True
        case (
            ast.If(test=ast.Compare(left=ast.Name(id="__name__"))) | ast.If(test=ast.Name(id="TYPE_CHECKING"))
        ):
            return True
        case ast.Assign(targets=[ast.Name(id="__all__")]):
            return True
    return False


def _replacements(place: _Place) -> Iterator[ast.expr | ast.stmt]:
    match place.node:
        case ast.stmt() as statement:
            yield from _statement(statement)
        case ast.Constant() as constant:
            yield from _constant(constant, place)
        case ast.expr() as expression:
            yield from _expression(expression)
    if place.field == "test" and isinstance(place.node, ast.expr) and _is_open(place.node):
        yield ast.UnaryOp(ast.Not(), place.node)


def _statement(node: ast.stmt) -> Iterator[ast.stmt]:
    match node:
        case ast.Return(value=ast.expr() as value) if ast.unparse(value) != "None":
            yield ast.Return(ast.Constant(None))
        case ast.AugAssign(target=target, op=op, value=value) if type(op) in _OPERATORS:
            yield ast.AugAssign(target, _OPERATORS[type(op)](), value)
    if isinstance(node, _LEFT_OUT) or _is_effect(node):
        yield ast.Pass()


def _is_effect(node: ast.stmt) -> bool:
    """Whether it works on what was there before: a call for its effect, an item or attribute set."""
    match node:
        case ast.Expr(value=ast.Call() | ast.Await()):
            return True
        case ast.Assign(targets=[ast.Subscript() | ast.Attribute()]):
            return True
    return False


def _expression(node: ast.expr) -> Iterator[ast.expr]:
    match node:
        case ast.Compare(left=left, ops=ops, comparators=comparators):
            for index, op in enumerate(ops):
                swapped = [*ops[:index], _COMPARISONS[type(op)](), *ops[index + 1 :]]
                yield ast.Compare(left, swapped, comparators)
        case ast.BoolOp(op=op, values=values):
            yield ast.BoolOp(ast.Or() if isinstance(op, ast.And) else ast.And(), values)
        case ast.BinOp(left=left, op=op, right=right) if type(op) in _OPERATORS:
            yield ast.BinOp(left, _OPERATORS[type(op)](), right)
        case ast.UnaryOp(op=ast.Not() | ast.USub(), operand=operand) if not isinstance(operand, ast.Constant):
            yield operand
        case ast.Call(func=function, args=arguments, keywords=keywords):
            name = function.id if isinstance(function, ast.Name) else getattr(function, "attr", "")
            if len(arguments) > 1 and name not in _SYMMETRIC:
                yield ast.Call(function, [arguments[1], arguments[0], *arguments[2:]], keywords)
        case ast.Name(id=name, ctx=ast.Load()) if name in _COUNTERPARTS:
            yield ast.Name(_COUNTERPARTS[name], ast.Load())
        case ast.Attribute(value=value, attr=name, ctx=ast.Load()) if name in _COUNTERPARTS:
            yield ast.Attribute(value, _COUNTERPARTS[name], ast.Load())


def _constant(node: ast.Constant, place: _Place) -> Iterator[ast.Constant]:
    if isinstance(place.owner, ast.While | ast.JoinedStr):
        return  # an endless loop, a piece of a text
    match node.value:
        case bool(value):
            yield ast.Constant(not value)
        case int(value):
            yield ast.Constant(value + 1)
            if value not in (0, 1):
                yield ast.Constant(value - 1)
        case float(value):
            yield ast.Constant(value + 1)
        case str(value):
            yield ast.Constant("" if value else "mutant")
        case bytes(value):
            yield ast.Constant(b"" if value else b"mutant")


def _is_open(test: ast.expr) -> bool:
    """Whether its negation is not among the other mutants already."""
    match test:
        case ast.Compare(ops=[op]):
            return not isinstance(op, _SHARP)
        case ast.UnaryOp(op=ast.Not()) | ast.Constant():
            return False
    return True


def _told(before: str, after: str) -> str:
    """``"`a < b` -> `a <= b`"``. Of long ones the part in which they differ."""
    before, after = (" ".join(text.split()) for text in (before, after))
    pairs = zip(before, after, strict=False)
    same = next((at for at, (one, other) in enumerate(pairs) if one != other), 0)
    skipped = max(0, same - _SHOWN_TEXT // 2) if max(len(before), len(after)) > _SHOWN_TEXT else 0
    shown = [f"`{'…' if skipped else ''}{_cut(text[skipped:])}`" for text in (before, after)]
    return " -> ".join(shown) if after else f"{shown[0]} left out"


def _cut(text: str) -> str:
    return text if len(text) <= _SHOWN_TEXT else f"{text[: _SHOWN_TEXT - 1]}…"
