"""How many tokens an answer may take, so that prompt and answer fit the context window. Pure.

The failure that this prevents: a prompt of 21,924 tokens with ``max_tokens`` 32,768 is refused by a server
with a window of 32,768, though the answer would have been short.
"""

from __future__ import annotations

import functools
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

AS_MUCH_AS_FITS = -1
MARGIN = 16
"""Tokens kept free: chat templates differ by a few from what was counted."""
LEAST = 256
"""Never less is asked for: an estimate that leaves less room is more often too high than right, and a server
that refuses says the numbers (``corrected``)."""

_TEMPLATE = 32
_PER_MESSAGE = 8
_LETTERS_A_TOKEN = 4
_REMEMBERED = 128
"""Texts. An agent's prompt takes 20 ms, in which no other stream of this process is read: once is enough."""
_PIECES = re.compile(r"[A-Za-z]+|\n[ \t\n]*|[ \t]{2,}|[^\sA-Za-z\x80-\U0010ffff]|([\x80-\U0010ffff]+)")


def estimate_tokens(texts: Iterable[str]) -> int:
    """Tokens that a chat prompt of these messages will hardly exceed.

    Too high rather than too low: 1.2 to 1.6 times what the tokenizers of Qwen 2.5 and SmolLM2 count in
    English prose, code and JSON (``tests/measure/test_budget.py``). Letters count by four, digits and signs
    one each. A character beyond ASCII counts one less than its UTF-8 bytes: two for a Hangul syllable, of
    which Qwen makes one token, and a tokenizer that never saw Korean three.
    """
    return _TEMPLATE + sum(_PER_MESSAGE + _estimate(text) for text in texts)


def least_tokens(texts: Iterable[str]) -> int:
    """Tokens that a prompt of these messages will hardly fall below, to tell that a server has read less.

    One for every eight visible ASCII characters (English prose has one for four to five), one for every two
    others (Korean has about one for each).
    """
    return sum(_least(text) for text in texts)


@functools.lru_cache(maxsize=_REMEMBERED)
def _least(text: str) -> int:
    visible = "".join(text.split())
    beyond_ascii = 0 if visible.isascii() else sum(not character.isascii() for character in visible)
    return (len(visible) - beyond_ascii) // 8 + beyond_ascii // 2


@functools.lru_cache(maxsize=_REMEMBERED)
def _estimate(text: str) -> int:
    tokens = 0
    for piece in _PIECES.finditer(text):
        beyond_ascii = piece[1]
        if beyond_ascii:
            tokens += len(beyond_ascii.encode("utf-8", "surrogatepass")) - len(beyond_ascii)
        else:
            tokens += -(-(piece.end() - piece.start()) // _LETTERS_A_TOKEN)
    return tokens


def max_tokens(asked: int | None, *, window: int | None, prompt_tokens: int) -> int | None:
    """``min(asked, window - prompt - margin)``; None: send no limit.

    ``asked`` is `AS_MUCH_AS_FITS`, None for no limit, or a number of at least 1. Without a known window it is
    taken as it is, and as much as fits is left to the server.
    """
    if asked is None or window is None:
        return None if asked == AS_MUCH_AS_FITS else asked
    room = max(window - prompt_tokens - MARGIN, min(LEAST, window - 1))
    return room if asked == AS_MUCH_AS_FITS else min(asked, room)


def corrected(asked: int | None, *, window: int | None, prompt_tokens: int | None) -> int | None:
    """What to ask for after a server refused and told its numbers; None: nothing would fit, or no numbers."""
    if asked is None or window is None or prompt_tokens is None:
        return None
    room = window - prompt_tokens - 1
    if room < 1:
        return None
    return room if asked == AS_MUCH_AS_FITS else min(asked, room)
