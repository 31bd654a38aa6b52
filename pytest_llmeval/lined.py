"""YAML with lines: the one loader for files that people write, and typed values out of what it read.

A stricter YAML than PyYAML's: plain scalars as in YAML 1.2 (``no`` is a text, say a language, not ``False``),
and no tags, anchors, aliases or duplicate keys, which hide from a reader what a file says. Lines are counted
as editors count them: libyaml takes U+2028 and U+0085 for line ends too, so its indexes are recounted.
"""

from __future__ import annotations

import math
import re
from bisect import bisect_right
from typing import TYPE_CHECKING, Any, NamedTuple, NoReturn

import yaml

from . import values
from .errors import ScenarioError
from .values import UnexpectedError, shown

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from .values import Kind

MAX_DEPTH = 32
"""Nesting that no scenario needs; libyaml itself gives up at 1,000."""
MAX_DIGITS = 1_000

_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_UNPRINTABLE = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_INT = re.compile(r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_NOT_FINITE = re.compile(r"[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)")
_WORDS = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL")),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}


class Node(NamedTuple):
    """A value and its line (1-based): a scalar, a list of nodes, or a dict of nodes by their scalar keys.

    ``key_line`` is the line of its key, where it has one.
    """

    value: Any
    line: int
    key_line: int = 0

    def plain(self) -> Any:
        """The value alone, all the way down."""
        if isinstance(self.value, dict):
            return {key: node.plain() for key, node in self.value.items()}
        if isinstance(self.value, list):
            return [node.plain() for node in self.value]
        return self.value


def load(path: Path, *, shown_path: Path | None = None) -> Node:
    """The file's one document. Raises ``ScenarioError`` with path and line, and nothing else."""
    name = shown_path or path
    try:
        data = path.read_bytes()
    except OSError as error:
        raise ScenarioError(f"can't be read: {error.strerror or error}", path=name) from error
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ScenarioError(
            f"byte {error.start} is not UTF-8",
            path=name,
            line=data.count(b"\n", 0, error.start) + 1,
            hint="save the file as UTF-8",
        ) from None
    return _Document(text, name).root()


class Reader:
    """Takes typed values out of a tree; every mistake is a ``ScenarioError`` with its line.

    ``path`` is the file's as messages show it; ``what`` names the key that holds a node.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def fields(self, node: Node, what: str, known: Iterable[str]) -> dict[str, Node]:
        """The mapping's entries, all of them known."""
        if not isinstance(node.value, dict):
            known = list(known)
            self.wrong(node, what, f"a mapping with the keys {values.alternatives(known)}")
        for key, entry in node.value.items():
            if key not in known:
                hint = values.did_you_mean(key, known)
                self.fail(f"{what} has no key {values.shown(key)}", entry.key_line, hint)
        entries: dict[str, Node] = node.value
        return entries

    def items(self, node: Node, what: str) -> list[Node]:
        """The nodes of a list."""
        if not isinstance(node.value, list):
            self.wrong(node, what, "a list")
        nodes: list[Node] = node.value
        return nodes

    def listed(self, node: Node | None, what: str, kind: Kind) -> tuple[Any, ...]:
        """The values of a list, all of one kind; none where there is no node."""
        return tuple(self.value(item, what, kind) for item in self.items(node, what)) if node else ()

    def optional(self, fields: dict[str, Node], key: str, kind: Kind, default: Any, where: str = "") -> Any:
        """The value of one of a mapping's ``fields``, or the default."""
        return self.value(fields[key], where + key, kind) if key in fields else default

    def value(self, node: Node, what: str, kind: Kind) -> Any:
        """The node's value as its kind takes it."""
        try:
            return kind.accept(node.value)
        except UnexpectedError as wrong:
            unquoted = isinstance(node.value, (bool, int, float)) and kind is values.TEXT
            self.fail(f"{what}: {wrong}", node.line, "quote it to make it a text" if unquoted else None)

    def wrong(self, node: Node, what: str, expected: str) -> NoReturn:
        """Fail with ``expected …, got …``."""
        self.fail(f"{what}: {UnexpectedError(expected, node.value)}", node.line)

    def fail(self, what: str, line: int, hint: str | None = None) -> NoReturn:
        """Fail at a line of the file."""
        raise ScenarioError(what, path=self.path, line=line, hint=hint) from None


class _Document:
    """One text on its way through libyaml's events."""

    def __init__(self, text: str, path: Path) -> None:
        self.path = path
        self.text = text
        self.last = len(text.rstrip())
        self.line_ends = [match.start() for match in re.finditer("\n", text)]

    def root(self) -> Node:
        if bad := _UNPRINTABLE.search(self.text):
            code = ord(bad[0])
            hint = f'write it as "\\u{code:04x}" between double quotes'
            self.fail(f"the character U+{code:04X} is not allowed", bad.start(), hint)
        events: Iterator[Any] = yaml.parse(self.text, Loader=_LOADER)
        try:
            return self._document(events)
        except yaml.MarkedYAMLError as error:
            mark = error.problem_mark or error.context_mark
            self.fail(*self._explained(error, mark.index if mark else 0))
        except yaml.YAMLError as error:
            self.fail(str(error).splitlines()[0], 0)

    def fail(self, what: str, index: int, hint: str | None = None) -> NoReturn:
        raise ScenarioError(what, path=self.path, line=self.line(index), hint=hint) from None

    def line(self, index: int) -> int:
        """The line (1-based) of the character at ``index``; past the end: the last line with any text."""
        return bisect_right(self.line_ends, min(index, self.last) - 1) + 1

    def _explained(self, error: yaml.MarkedYAMLError, index: int) -> tuple[str, int, str | None]:
        start = self.text.rfind("\n", 0, index) + 1
        indentation = re.match(r"[ \t]*", self.text[start:])
        if indentation and "\t" in indentation[0]:
            return "a tab in the indentation", index, "YAML takes spaces only"
        problem = " ".join(filter(None, (error.context, error.problem)))
        hint = None
        if error.problem and "mapping values are not allowed" in error.problem:
            hint = 'a text that holds ": " needs quotes, or | and a line of its own'
        return f"not YAML: {problem}", index, hint

    def _document(self, events: Iterator[Any]) -> Node:
        roots: list[Node] = []
        for event in (event for event in events if hasattr(event, "anchor")):
            if roots:
                self.fail(
                    "a second document starts here", event.start_mark.index, "remove the --- between them"
                )
            roots.append(self._node(event, events, depth=1))
        return roots[0] if roots else Node(None, 1)

    def _node(self, event: Any, events: Iterator[Any], depth: int) -> Node:
        index = event.start_mark.index
        if event.anchor is not None:
            self.fail(
                f"the anchor or alias {shown(event.anchor)} is not allowed",
                index,
                "write the value out where it is needed",
            )
        if event.tag is not None:
            self.fail(
                f"the tag {shown(event.tag)} is not allowed",
                index,
                "quotes make a text; nothing else needs a tag",
            )
        if depth > MAX_DEPTH:
            self.fail(f"nested more than {MAX_DEPTH} deep", index)
        value: object
        if isinstance(event, yaml.ScalarEvent):
            value = self._plain_scalar(event.value, index) if event.implicit[0] else event.value
        elif isinstance(event, yaml.SequenceStartEvent):
            value = self._items(events, depth)
        else:
            value = self._mapping(events, depth)
        return Node(value, self.line(index))

    def _items(self, events: Iterator[Any], depth: int) -> list[Node]:
        items = []
        while not isinstance(event := next(events), yaml.SequenceEndEvent):
            items.append(self._node(event, events, depth + 1))
        return items

    def _mapping(self, events: Iterator[Any], depth: int) -> dict[Any, Node]:
        entries: dict[Any, Node] = {}
        while not isinstance(event := next(events), yaml.MappingEndEvent):
            index = event.start_mark.index
            key = self._node(event, events, depth + 1)
            if isinstance(key.value, (dict, list)):
                self.fail("a key can't be a list or a mapping", index, "write a plain word, then a colon")
            value = self._node(next(events), events, depth + 1)
            if key.value in entries:
                first = f"is on line {entries[key.value].key_line} already"
                self.fail(f"the key {shown(key.value)} {first}", index, "keep one of them")
            entries[key.value] = value._replace(key_line=key.line)
        return entries

    def _plain_scalar(self, text: str, index: int) -> object:
        if text in _WORDS:
            return _WORDS[text]
        if _INT.fullmatch(text) or _FLOAT.fullmatch(text):
            return self._number(text, index)
        if _NOT_FINITE.fullmatch(text):
            self.fail(f"{text} is not a finite number", index, "quote it if a text is meant")
        return text

    def _number(self, text: str, index: int) -> int | float:
        if _INT.fullmatch(text) and len(text) <= MAX_DIGITS:
            return int(text, 0) if text[:2] in ("0o", "0x") else int(text)
        number = float(text) if len(text) <= MAX_DIGITS else math.inf
        if math.isinf(number):
            self.fail("this number is far too large", index, "quote it if a text is meant")
        return number
