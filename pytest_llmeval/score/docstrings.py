"""The text of a docstring, or of a section in Markdown -> what it says of a function.

Google, NumPy and reST styles, lists and tables, with English and Korean headings; whatever stands under no
heading is prose. The parsers on the package index know English headings only.
"""

from __future__ import annotations

import inspect
import re
from typing import Literal, NamedTuple

from . import outline

_Kind = Literal["parameters", "returns", "raises", "prose", "other"]
_HEADINGS: dict[_Kind, str] = {
    "parameters": "args|arguments|parameters|parameter|params|keyword args|keyword arguments|other parameters"
    "|매개변수|매개 변수|파라미터|인자|인수|입력",
    "returns": "returns|return|return value|return values|yields|yield"
    "|반환|반환값|반환 값|반환하는 값|리턴|리턴값|리턴 값|결과|생성|생성하는 값|yield하는 값|yield 값",
    "raises": "raises|raise|exceptions|exception|errors|throws"
    "|예외|발생 예외|발생하는 예외|발생 가능한 예외|예외 발생|예외 처리|오류",
    "prose": "description|summary|overview|설명|개요|기능|요약",
    "other": "examples|example|note|notes|attributes|attribute|see also|warning|warnings|usage"
    "|예|예시|예제|사용 예|사용 예시|참고|참고 사항|속성|주의|비고",
}
_KINDS: dict[str, _Kind] = {word: kind for kind, words in _HEADINGS.items() for word in words.split("|")}
_WORDS = "|".join(sorted(_KINDS, key=len, reverse=True))
_HEADING = re.compile(
    rf"(?P<indent>\s*+)(?:[#>+\-\s]|\*(?=\s))*+(?P<mark>[*_`]*+)(?P<word>{_WORDS})"
    r"(?P<closed>[*_`]*+)\s*+(?P<colon>[:：]?)[*_`]*+(?P<rest>.*)",
    re.IGNORECASE,
)
_FIELD = re.compile(r"\s*:(?P<what>[a-z]+)(?P<of>(?:\s[^:]*)?):(?P<rest>.*)")
_FIELDS: dict[str, _Kind] = {
    **dict.fromkeys(("param", "parameter", "arg", "argument", "key", "keyword"), "parameters"),
    **dict.fromkeys(("return", "returns", "yield", "yields"), "returns"),
    **dict.fromkeys(("raise", "raises", "except", "exception"), "raises"),
}
_NAMES = r"[A-Za-z_][\w.]*+(?:[`*]*+\s*+,\s*+[`*]*+[A-Za-z_][\w.]*+)*+"
_ENTRY = re.compile(
    rf"(?P<indent>\s*+)(?:[-*+•]\s++|\d+[.)]\s++)?+[`*]*+(?P<names>{_NAMES})[`*]*+"
    r"\s*+(?:\([^()]*+(?:\([^()]*+\)[^()]*+)*+\)|\[[^\]]*+\])?[`*]*+\s*+(?:(?:[:：–—]|(?<=\s)-)(?P<rest>.*))?"
)
_LISTED = re.compile(
    r"\s*+[-*+•]\s++(?:`|\*\*`?)(?P<name>[A-Za-z_]\w*+)(?:`?\*\*|`)\s*+(?:\([^()]*+\)\s*+)?[:：–—-](?P<rest>.*)"
)
"""An item that names something in code, without a heading above the list."""
_ROW = re.compile(r"\s*+\|\s*+[`*_]*+(?P<names>[A-Za-z][\w.]*+)[`*_]*+\s*+\|(?P<rest>.*)")
_RAISED = re.compile(
    r"(?P<indent>\s*+)(?:[-*+•]\s++|\d++[.)]\s++)?+[`*_]*+"
    r"(?P<names>(?:\w++\.)*[A-Z]\w*+)[`*_]*+(?P<rest>.*)"
)


class Said(NamedTuple):
    """``prose``: all that stands under no heading. ``parameters`` and ``raises``: name -> what is said of it.

    ``returns`` is None where nothing is under such a heading.
    """

    prose: str
    parameters: dict[str, str]
    returns: str | None
    raises: dict[str, str]


def read(text: str) -> Said:
    """Never raises; linear in the text."""
    reader = _Reader()
    lines = inspect.cleandoc(text).split("\n")
    for number, line in enumerate(lines):
        following = lines[number + 1] if number + 1 < len(lines) else ""
        reader.take(line, underlined=outline.is_rule(following))
    return reader.said()


class _Reader:
    """The lines of one text, one after another."""

    def __init__(self) -> None:
        self.kind: _Kind = "prose"
        self.at = 0
        self.numpy = False
        self.indent: int | None = None
        self.names: tuple[str, ...] = ()
        self.found: dict[_Kind, dict[str, list[str]]] = {"parameters": {}, "raises": {}}
        self.returned: list[str] | None = None
        self.prose: list[str] = []

    def said(self) -> Said:
        parameters, raises = (
            {name: " ".join(lines).strip() for name, lines in self.found[kind].items() if name != "None"}
            for kind in ("parameters", "raises")
        )
        returned = None if self.returned is None else " ".join(self.returned).strip()
        return Said("\n".join(self.prose), parameters, returned, raises)

    def take(self, line: str, *, underlined: bool) -> None:
        """``underlined``: a rule follows, as below the headings of NumPy's style and of tables."""
        if outline.is_rule(line):
            return
        if underlined and "|" in line:
            self._table(line)
            return
        field = _FIELD.fullmatch(line)
        heading = _HEADING.fullmatch(line)
        if field is not None:
            self._field(field)
        elif heading is not None and self._opens(heading, underlined=underlined):
            self._open(_KINDS[heading["word"].lower()], len(heading["indent"]), numpy=underlined)
            if rest := heading["rest"].strip(" *_"):
                self._below(rest)
        elif line.lstrip().startswith("#"):
            self._open("prose")
            self.prose.append(line)
        else:
            self._below(line)

    def _opens(self, heading: re.Match[str], *, underlined: bool) -> bool:
        """Whether a line that begins with a heading's word is one: not inside what stands under another."""
        if self.kind != "prose" and len(heading["indent"]) > self.at:
            return False
        alone = not heading["rest"].strip()
        marked = bool(heading["mark"] and heading["closed"])
        return bool(heading["colon"]) or marked or (alone and (underlined or heading[0].lstrip()[0] == "#"))

    def _table(self, head: str) -> None:
        """What the rows of a table are about, by the first cell of its head."""
        word = head.strip(" |").partition("|")[0].strip(" *_`").lower()
        kind = _KINDS.get(word)
        if kind is None and self.kind == "prose" and word in {"name", "이름"}:
            kind = "parameters"
        if kind is not None:
            self._open(kind)

    def _open(self, kind: _Kind, at: int = 0, *, numpy: bool = False) -> None:
        self.kind, self.at, self.numpy, self.indent, self.names = kind, at, numpy, None, ()
        if kind == "returns" and self.returned is None:
            self.returned = []

    def _field(self, field: re.Match[str]) -> None:
        """``:param int n: how many``."""
        self._open(_FIELDS.get(field["what"], "other"))
        named = field["of"].split()
        if self.kind in self.found and named:
            self.names = (named[-1].lstrip("*").rpartition(".")[2],)
            self._enter(field["rest"])
            self.indent = -1  # only a new field ends this one
        elif self.kind == "returns":
            self._below(field["rest"])

    def _below(self, line: str) -> None:
        """A line under the heading that is open."""
        if self.kind == "prose" and (listed := _LISTED.fullmatch(line)) is not None:
            kind: _Kind = "raises" if listed["name"][0].isupper() else "parameters"
            self.found[kind].setdefault(listed["name"], []).append(listed["rest"].strip())
        elif self.kind == "prose":
            self.prose.append(line)
        elif self.kind == "returns":
            assert self.returned is not None
            self.returned.append(line.strip())
        elif self.kind in self.found and line.strip():
            entry = self._entry(line)
            if entry is not None:
                self.indent = len(entry["indent"]) if "indent" in entry.groupdict() else 0
                self.names = tuple(_bare(name) for name in entry["names"].split(","))
                self._enter("" if self.numpy else entry["rest"] or "")
            elif self.names:
                self._enter(line)
            else:
                self.prose.append(line)

    def _entry(self, line: str) -> re.Match[str] | None:
        """Where a new entry begins: not further in than the first one."""
        if self.indent is not None and len(line) - len(line.lstrip()) > self.indent:
            return None
        row = _ROW.fullmatch(line)
        if row is not None:
            return row
        if self.kind == "raises":
            return _RAISED.fullmatch(line)
        entry = _ENTRY.fullmatch(line)
        return entry if entry is not None and (self.numpy or entry["rest"] is not None) else None

    def _enter(self, text: str) -> None:
        for name in self.names:
            self.found[self.kind].setdefault(name, []).append(text.strip(" |*:：–—-"))


def _bare(name: str) -> str:
    return name.strip(" `*").rpartition(".")[2]
