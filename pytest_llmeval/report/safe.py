"""Text that a model, a server or a file name brought, made safe to print.

A terminal obeys escape sequences, and bidirectional or zero-width characters show something else than what is
there. None of them is dropped silently: a reader sees that something stood there. GitHub's runner obeys
commands in what a step prints, such as ``::add-mask::``; they get another sign for their colons.
"""

from __future__ import annotations

import re
import unicodedata

_REPLACEMENT = "\N{REPLACEMENT CHARACTER}"
_LINE_ENDS = "\n\r\v\f\x1c\x1d\x1e\x85\u2028\u2029"
_COMMANDS = (
    "add-mask|add-matcher|add-path|debug|echo|end-?group|error|group|internal-set-repo-path|notice|"
    "remove-matcher|save-state|set-env|set-output|stop-commands|warning"
)
_COMMAND = re.compile(rf"(?m)^([^\S\n]*)::|::(?=(?:{_COMMANDS})\b)", re.IGNORECASE)
"""At the start of a line, after blanks, any: a token that resumes commands is one too. Elsewhere those that
the runner knows: where a line is wrapped, another begins.
"""
_OLD_COMMAND = "##["
"""This one is obeyed anywhere in a line."""


def line(text: str) -> str:
    """One line: line ends and tabs become a space each."""
    if not text.isprintable():
        text = "".join(" " if char == "\t" or char in _LINE_ENDS else _shown(char) for char in text)
    return _disarmed(text).strip()


def block(text: str) -> str:
    """Several lines, ended by ``\\n``; tabs stay."""
    return _disarmed(visible(text))


def visible(text: str) -> str:
    """The same where no runner reads it, so that code stays as it is: in a page."""
    return "\n".join(map(_clean, text.splitlines()))


def _clean(text: str) -> str:
    """A line, with its tabs; nothing that can be printed is changed."""
    if text.isprintable():
        return text
    return "".join(char if char == "\t" else _shown(char) for char in text)


def _disarmed(text: str) -> str:
    """Without the commands of GitHub's runner (``ActionCommand`` of actions/runner)."""
    if "::" not in text and _OLD_COMMAND not in text:
        return text
    return _COMMAND.sub("\\1\N{PROPORTION}", text).replace(_OLD_COMMAND, "## [")


def _shown(char: str) -> str:
    """Itself, or what stands for a character without a shape of its own: ``␛`` for an escape, else U+FFFD.

    ``Cc`` are controls, ``Cf`` formats (bidirectional, zero-width, tags), ``Cs`` lone surrogates; the last
    two of a plane are no characters, and no XML may hold those of the first.
    """
    if char.isascii():
        return char if char.isprintable() else chr(0x2400 + ord(char)) if char != "\x7f" else "␡"
    is_shapeless = unicodedata.category(char) in ("Cc", "Cf", "Cs") or ord(char) & 0xFFFE == 0xFFFE
    return _REPLACEMENT if is_shapeless else char
