"""A scenario's ``checks:`` -> what is executed on code, or read in prose; every mistake with its line."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Literal

from . import values
from .model import Check, ProseCheck

if TYPE_CHECKING:
    from .lined import Node, Reader

_CODE = ("call", "equals", "raises")
_UNITS: tuple[Literal["words", "sentences", "characters"], ...] = ("words", "sentences", "characters")
_PROSE = ("contains", *_UNITS)
_EXCEPTION = values.text_kind("the name of an exception, like ValueError", re.compile(r"[A-Za-z_][\w.]*"))
_LENGTH = values.whole_kind(1)


def of_code(reader: Reader, node: Node | None) -> tuple[Check, ...]:
    """The checks of an answer that is code: calls. Raises ``ScenarioError``."""
    return tuple(_call(reader, item) for item in reader.items(node, "checks")) if node else ()


def of_prose(reader: Reader, node: Node | None) -> tuple[ProseCheck, ...]:
    """The checks of an answer in prose: texts that it holds, and its length. Raises ``ScenarioError``."""
    if node is None:
        return ()
    for item in reader.items(node, "checks"):
        if isinstance(item.value, dict) and not item.value.keys().isdisjoint(_CODE):
            what = "checks run code, and this answer has none"
            reader.fail(what, node.key_line, "add answer: {code: python}")
    return tuple(_prose(reader, item) for item in reader.items(node, "checks"))


def _call(reader: Reader, node: Node) -> Check:
    fields = reader.fields(node, "a check of code", _CODE)
    if "call" not in fields or ("equals" in fields) == ("raises" in fields):
        example = 'like {call: "f(2, 3)", equals: 5} or {call: f(None), raises: TypeError}'
        reader.fail("a check is a call: with either equals: or raises:", node.line, example)
    return Check(
        call=reader.value(fields["call"], "call", values.TEXT),
        equals=fields["equals"].plain() if "equals" in fields else None,
        raises=reader.optional(fields, "raises", _EXCEPTION, None),
    )


def _prose(reader: Reader, node: Node) -> ProseCheck:
    fields = reader.fields(node, "a check of prose", _PROSE)
    if len(fields) != 1:
        example = "like {contains: Paris} or {words: [20, 60]}"
        reader.fail(f"a check of prose is one of {values.alternatives(_PROSE)}", node.line, example)
    if "contains" in fields:
        return ProseCheck(contains=_texts(reader, fields["contains"]))
    (unit,) = (unit for unit in _UNITS if unit in fields)
    bounds = fields[unit]
    if not isinstance(bounds.value, list):
        return ProseCheck(unit=unit, least=1, most=reader.value(bounds, unit, _LENGTH))
    lengths = reader.listed(bounds, unit, _LENGTH)
    if len(lengths) != 2 or lengths[0] > lengths[1]:
        reader.wrong(bounds, unit, "the most, or the least and the most, like [20, 60]")
    return ProseCheck(unit=unit, least=lengths[0], most=lengths[1])


def _texts(reader: Reader, node: Node) -> tuple[str, ...]:
    """One text, or several of which one is enough."""
    if not isinstance(node.value, list):
        return (reader.value(node, "contains", values.TEXT),)
    texts = reader.listed(node, "contains", values.TEXT)
    if not texts:
        reader.wrong(node, "contains", "one text or several")
    return texts
