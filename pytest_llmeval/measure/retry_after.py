"""When a server that refuses says to come back: ``Retry-After`` (RFC 9110, section 10.2.3). Pure."""

from __future__ import annotations

from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

STATUSES = frozenset({429, 503, 529})
"""Refused before anything was done, and not for ever. 529: a cloud's word for overloaded."""
MOST = 2
"""So often at most is a refused request sent again."""


def wait_s(header: str | None, now: datetime) -> float | None:
    """Seconds to wait, from a number or a date; None where there is neither."""
    text = (header or "").strip()
    if text.isascii() and text.isdigit() and len(text) < 10:
        return float(text)
    try:
        at = parsedate_to_datetime(text)
    except (ValueError, TypeError, OverflowError, IndexError):
        return None
    return max(0.0, (at.replace(tzinfo=at.tzinfo or UTC) - now).total_seconds())
