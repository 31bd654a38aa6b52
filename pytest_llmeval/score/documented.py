"""Where an answer documents what the given code offers: in docstrings of the same code, or on a page."""

from __future__ import annotations

import ast
import re
from typing import TYPE_CHECKING

from . import extract, fences, interfaces, phrases, source

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .interfaces import Interface

_TITLE = re.compile(r"\s{0,3}(?:(?P<marks>#{1,6})\s+(?P<title>.*)|(?P<bold>(?:\*\*|__)`?\w.*(?:\*\*|__))\s*)")


def in_code(code: str) -> dict[str, str]:
    """The docstring of each interface of the code, by name."""
    tree = source.parse(code).tree
    return {one.name: one.docstring or "" for one in interfaces.of(tree)} if tree is not None else {}


def changed(given: str, code: str) -> str | None:
    """What an answer changed besides docstrings; None where nothing."""
    before, after = (_definitions(text) for text in (given, code))
    for name, text in before.items():
        if name not in after:
            return f"`{name}` is missing: only docstrings may be added"
        if after[name] != text:
            where = f"`{name}`" if name else "the code outside functions and classes"
            return f"{where} was changed: only docstrings may be added"
    added = next((name for name in after if name not in before), None)
    return None if added is None else f"`{added}` was added: only docstrings may be"


def _definitions(code: str) -> dict[str, str]:
    """Dotted name -> the code of each function, class head and, as ``""``, of all the rest."""
    tree = source.parse(code).tree
    if tree is None:
        return {}
    found: dict[str, str] = {}

    def walk(body: Sequence[ast.stmt], prefix: str) -> str:
        rest = []
        for node in body:
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                found[prefix + node.name] = ast.dump(node)
            elif isinstance(node, ast.ClassDef):
                inside = walk(node.body, f"{prefix}{node.name}.")
                head = [*node.bases, *node.keywords, *node.decorator_list]
                found[prefix + node.name] = ";".join([*map(ast.dump, head), inside])
            else:
                rest.append(ast.dump(node))
        return ";".join(rest)

    found[""] = walk(interfaces.without_docstrings(tree).body, "")
    return found


def on_page(text: str, wanted: Sequence[Interface]) -> dict[str, str]:
    """The text below the heading that names each interface, up to the next heading of its level."""
    answer, nothing = extract.spoken(source.normalise(text))
    found: dict[str, list[str]] = {}
    current, level = None, 0
    for line in [] if nothing is not None else fences.outside(answer).split("\n"):
        title = _TITLE.fullmatch(line)
        if title is not None:
            depth = len(title["marks"] or "") or 7
            named = [
                one.name
                for one in wanted
                if phrases.holds(title["title"] or title["bold"], one.name.rpartition(".")[2])
            ]
            if named:
                current, level = named[0], depth
                found.setdefault(current, [])
                continue
            if depth <= level and title["marks"]:
                current = None
        if current is not None:
            found[current].append(line)
    return {name: "\n".join(lines) for name, lines in found.items()}
