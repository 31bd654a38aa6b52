"""Text that a model, a server or a file name brought, made safe to print.

A terminal obeys escape sequences, and bidirectional or zero-width characters show something else than what is
there. None of them is dropped silently: a reader sees that something stood there.
"""

from __future__ import annotations

import unicodedata

_REPLACEMENT = "\N{REPLACEMENT CHARACTER}"
_LINE_ENDS = "\n\r\v\f\x1c\x1d\x1e\x85\u2028\u2029"


def line(text: str) -> str:
    """One line: line ends and tabs become a space each."""
    return "".join(" " if char == "\t" or char in _LINE_ENDS else _shown(char) for char in text).strip()


def block(text: str) -> str:
    """Several lines, ended by ``\\n``; tabs stay."""
    return "\n".join(
        "".join(char if char == "\t" else _shown(char) for char in one) for one in text.splitlines()
    )


def _shown(char: str) -> str:
    """Itself, or what stands for a character without a shape of its own: ``␛`` for an escape, else U+FFFD.

    ``Cc`` are controls, ``Cf`` formats (bidirectional, zero-width, tags), ``Cs`` lone surrogates.
    """
    if char.isascii():
        return char if char.isprintable() else chr(0x2400 + ord(char)) if char != "\x7f" else "␡"
    return _REPLACEMENT if unicodedata.category(char) in ("Cc", "Cf", "Cs") else char
