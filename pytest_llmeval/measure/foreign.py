"""JSON that somebody else wrote, whatever it is -> values; never an error, never more than is worth it. Pure.

A server may send anything: numbers of 400 digits, 100,000 brackets, NaN, lone surrogates, 64 MB of ``[],``,
which Python would hold in 1.4 GB.
"""

from __future__ import annotations

import json
import math
from typing import Any

from pytest_llmeval import wire

MOST_BYTES = 8 * 1024 * 1024
"""Of one JSON text: a hundred times the longest answer of a model. More is not decoded."""
MOST_TOKENS = 1_000_000_000
"""A count beyond this, or below 0, is no count."""
LONGEST_NAME = 200
"""Characters kept of a name that a server gives: its model, its version, why it stopped."""
LONGEST_ID = 1000
"""Characters of what a server calls a model; a longer one is none."""
NOTHING = object()
"""What `decoded` says of bytes that are no JSON."""


def decoded(data: bytes) -> Any:
    """The value as Python's own ``json`` takes it (NaN, lone surrogates, a torn letter); else `NOTHING`."""
    if len(data) > MOST_BYTES:
        return NOTHING
    try:
        return json.loads(data.decode("utf-8-sig", "replace"))
    except (ValueError, RecursionError):
        return NOTHING


def shown(value: Any) -> str:
    """Any decoded value as text for a message: a text as it is, other values as JSON."""
    if isinstance(value, str):
        return value
    try:
        return json.dumps(value, ensure_ascii=False)
    except (RecursionError, TypeError, ValueError):  # too deep, `NOTHING`, a number of 5,000 digits
        return "(what can't be shown)"


def is_number(value: Any) -> bool:
    """Whether it is a finite number that fits into a float."""
    if not isinstance(value, int | float) or isinstance(value, bool):
        return False
    try:
        return math.isfinite(value)
    except OverflowError:
        return False


def count(value: Any) -> int | None:
    """A whole number that may be one of tokens, else None."""
    valid = isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= MOST_TOKENS
    return value if valid else None


def name(value: Any) -> str | None:
    """A text that is not empty, cut to what a name may be; else None."""
    return value[:LONGEST_NAME] if isinstance(value, str) and value else None


def identifier(value: Any) -> str | None:
    """What can be sent back as the name of a model, as it is; None for any other value."""
    if not isinstance(value, str) or not 0 < len(value) <= LONGEST_ID or wire.text(value) != value:
        return None
    return value
