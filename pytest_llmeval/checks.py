"""A scenario's ``checks:`` -> what is executed of an answer, or read in it; every mistake with its line."""

from __future__ import annotations

import ast
import re
from typing import TYPE_CHECKING, Any, Literal

from . import values
from .model import Check, PatternCheck, ProseCheck, QueryCheck, ReviewCheck

if TYPE_CHECKING:
    from .lined import Node, Reader

_CODE = ("call", "equals", "raises")
_PATTERN = ("matches", "rejects")
_QUERY = ("insert", "rows")
_UNITS: tuple[Literal["words", "sentences", "characters"], ...] = ("words", "sentences", "characters")
_TEXTS = ("contains", "lacks", "section", "component")
_PROSE = (*_TEXTS, *_UNITS)
_REVIEW = ("defect", "clean")
_EXCEPTION = values.text_kind("the name of an exception, like ValueError", re.compile(r"[A-Za-z_][\w.]*"))
_LENGTH = values.whole_kind(1)


def _any_text(value: object) -> str:
    if not isinstance(value, str):
        raise values.UnexpectedError("a text", value)
    return value


def _expression(value: object) -> str:
    try:
        ast.parse(str(values.TEXT.accept(value)).strip(), mode="eval")
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        raise values.UnexpectedError(_IS_EXPRESSION, value) from None
    return str(value)


_IS_EXPRESSION = "a Python expression, like f(2, 3)"
_EXPRESSION = values.Kind(_IS_EXPRESSION, _expression, _expression)
_ANY_TEXT = values.Kind("a text", _any_text, _any_text)


def read(reader: Reader, fields: dict[str, Node], code: str | None) -> dict[str, Any]:
    """The checks as fields of ``Scenario``, by what the answer is: prose, or code in a language.

    Raises ``ScenarioError``.
    """
    node = fields.get("checks")
    if code is None:
        review = of_review(reader, node)
        return {"review": review} if review else {"prose_checks": of_prose(reader, node)}
    if code == "regex":
        return {"patterns": of_patterns(reader, node)}
    if code == "sql":
        return {"queries": of_queries(reader, node, has_reference="reference" in fields)}
    if node is not None and code != "python":
        what = f"checks: answers in {code} can't be executed; Python, regex and SQL can"
        reader.fail(what, node.key_line, "leave the checks out, or ask for another code:")
    return {"checks": of_code(reader, node)}


def of_code(reader: Reader, node: Node | None) -> tuple[Check, ...]:
    """The checks of an answer that is code: calls. Raises ``ScenarioError``."""
    return tuple(_call(reader, item) for item in reader.items(node, "checks")) if node else ()


def of_patterns(reader: Reader, node: Node | None) -> tuple[PatternCheck, ...]:
    """Texts that a regular expression must match, or must not. Raises ``ScenarioError``."""
    return tuple(_pattern(reader, item) for item in reader.items(node, "checks")) if node else ()


def of_queries(reader: Reader, node: Node | None, *, has_reference: bool) -> tuple[QueryCheck, ...]:
    """Databases and the rows that are right on them. Raises ``ScenarioError``."""
    items = reader.items(node, "checks") if node else []
    return tuple(_query(reader, item, has_reference=has_reference) for item in items)


def of_prose(reader: Reader, node: Node | None) -> tuple[ProseCheck, ...]:
    """The checks of an answer in prose: texts that it holds, and its length. Raises ``ScenarioError``."""
    if node is None:
        return ()
    for item in reader.items(node, "checks"):
        if isinstance(item.value, dict) and not item.value.keys().isdisjoint(_CODE):
            what = "checks run code, and this answer has none"
            reader.fail(what, node.key_line, "add answer: {code: python}")
    return tuple(_prose(reader, item) for item in reader.items(node, "checks"))


def of_review(reader: Reader, node: Node | None) -> tuple[ReviewCheck, ...]:
    """The defects that a review must find, or how it says that there are none. Raises ``ScenarioError``.

    None where no check is of that kind.
    """
    items = reader.items(node, "checks") if node else []
    if not any(isinstance(item.value, dict) and item.value.keys() & {*_REVIEW} for item in items):
        return ()
    checks = tuple(_review(reader, item) for item in items)
    if len(checks) > 1 and any(check.clean for check in checks):
        assert node is not None
        what = "code is clean or has defects: clean: is a review's only check"
        reader.fail(what, node.key_line, "keep one of the two kinds")
    return checks


def _call(reader: Reader, node: Node) -> Check:
    fields = reader.fields(node, "a check of code", _CODE)
    if "call" not in fields or ("equals" in fields) == ("raises" in fields):
        example = 'like {call: "f(2, 3)", equals: 5} or {call: f(None), raises: TypeError}'
        reader.fail("a check is a call: with either equals: or raises:", node.line, example)
    return Check(
        call=reader.value(fields["call"], "call", _EXPRESSION),
        equals=fields["equals"].plain() if "equals" in fields else None,
        raises=reader.optional(fields, "raises", _EXCEPTION, None),
    )


def _pattern(reader: Reader, node: Node) -> PatternCheck:
    fields = reader.fields(node, "a check of a regular expression", _PATTERN)
    if len(fields) != 1:
        example = "like {matches: 2024-02-29} or {rejects: 2024-2-29}; quote what looks like a number"
        reader.fail("a check of a regular expression is one of matches or rejects", node.line, example)
    ((kind, text),) = fields.items()
    return PatternCheck(text=reader.value(text, kind, _ANY_TEXT), matches=kind == "matches")


def _query(reader: Reader, node: Node, *, has_reference: bool) -> QueryCheck:
    fields = reader.fields(node, "a check of a query", _QUERY)
    if "insert" not in fields or not ("rows" in fields or has_reference):
        example = "like {insert: \"INSERT INTO t VALUES (1, 'a')\", rows: [[1, a]]}"
        what = "a check of a query inserts, and says the rows unless the scenario has a reference:"
        reader.fail(what, node.line, example)
    return QueryCheck(
        insert=reader.value(fields["insert"], "insert", values.TEXT),
        rows=tuple(_row(reader, row) for row in reader.items(fields["rows"], "rows"))
        if "rows" in fields
        else None,
    )


def _row(reader: Reader, node: Node) -> tuple[Any, ...]:
    if not isinstance(node.value, list) or any(isinstance(one.value, (list, dict)) for one in node.value):
        reader.wrong(node, "rows", "a list of values for each row, like [[1, Ann], [2, null]]")
    return tuple(one.plain() for one in node.value)


def _prose(reader: Reader, node: Node) -> ProseCheck:
    fields = reader.fields(node, "a check of prose", _PROSE)
    if len(fields) != 1:
        example = "like {contains: Paris} or {words: [20, 60]}"
        reader.fail(f"a check of prose is one of {values.alternatives(_PROSE)}", node.line, example)
    ((kind, bounds),) = fields.items()
    if kind in _TEXTS:
        texts: dict[str, Any] = {kind: _texts(reader, bounds, kind)}
        return ProseCheck(**texts)
    unit = next(unit for unit in _UNITS if unit == kind)
    if not isinstance(bounds.value, list):
        return ProseCheck(unit=unit, least=1, most=reader.value(bounds, unit, _LENGTH))
    lengths = reader.listed(bounds, unit, _LENGTH)
    if len(lengths) != 2 or lengths[0] > lengths[1]:
        reader.wrong(bounds, unit, "the most, or the least and the most, like [20, 60]")
    return ProseCheck(unit=unit, least=lengths[0], most=lengths[1])


def _review(reader: Reader, node: Node) -> ReviewCheck:
    if isinstance(node.value, dict) and "clean" in node.value:
        fields = reader.fields(node, "a check of a review", ("clean",))
        return ReviewCheck(clean=_texts(reader, fields["clean"], "clean"))
    fields = reader.fields(node, "a check of a review", ("defect", "line", "words"))
    if len(fields) != 3:
        example = "like {defect: drops the last page, line: 7, words: [[last, final], [page, row]]}"
        reader.fail("a check of a review has defect:, line: and words:", node.line, example)
    groups = reader.items(fields["words"], "words")
    if not groups:
        reader.wrong(fields["words"], "words", "a list of groups, like [[last, final], [page, row]]")
    return ReviewCheck(
        defect=reader.value(fields["defect"], "defect", values.TEXT),
        line=reader.value(fields["line"], "line", _LENGTH),
        words=tuple(_texts(reader, group, "words") for group in groups),
    )


def _texts(reader: Reader, node: Node, key: str) -> tuple[str, ...]:
    """One text, or several of which one is enough."""
    if not isinstance(node.value, list):
        return (reader.value(node, key, values.TEXT),)
    texts = reader.listed(node, key, values.TEXT)
    if not texts:
        reader.wrong(node, key, "one text or several")
    return texts
