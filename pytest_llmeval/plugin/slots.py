"""Measuring slots: how many cells of a run may be asked at once, however many workers there are."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from pytest_llmeval.language import ngettext

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pytest_llmeval.model import Endpoint
    from pytest_llmeval.settings import Settings

LOCAL = "local"


def turn_name(endpoint: Endpoint) -> str:
    """Whose turn its cells take. Engines that we start ourselves share this machine's cores, so one turn."""
    return LOCAL if endpoint.kind == "local" else endpoint.name


def count(settings: Settings) -> int:
    """Of all endpoints together. A group has those of one endpoint; with a reference each cell takes two."""
    by_turn: dict[str, int] = {}
    for endpoint in settings.candidates:
        group = endpoint.server.exclusive if endpoint.server else None
        turn = f"group {group}" if group else turn_name(endpoint)
        by_turn[turn] = max(by_turn.get(turn, 0), endpoint.concurrency)
    total = sum(by_turn.values())
    if settings.reference is not None:
        total = min(total, settings.endpoint(settings.reference).concurrency)
    return total


def while_scoring(settings: Settings) -> dict[str, int]:
    """What a worker holds while it scores: turn -> its slots. Else nothing: its own streams are over.

    The embedded engine computes on the cores that the analysis would take from it, which no lag of a client
    would show; so neither runs beside the other.
    """
    local = [endpoint.concurrency for endpoint in settings.endpoints if endpoint.kind == "local"]
    return {LOCAL: max(local)} if local else {}


def workers(specs: Iterable[str]) -> int:
    """How many workers xdist's ``--tx`` asks for: ``2*popen`` is two."""
    counts = (re.match(r"(\d+)\*", spec) for spec in specs)
    return sum(int(many[1]) if many else 1 for many in counts)


def warning(settings: Settings, specs: Iterable[str]) -> str | None:
    """What the header says where there are more workers than slots."""
    there, slots = workers(specs), count(settings)
    if there <= slots:
        return None
    said = ngettext(
        "{workers} workers take turns at {count} measuring slot (the endpoints' concurrency); a worker "
        "without one scores what it was answered, or waits",
        "{workers} workers take turns at {count} measuring slots (the endpoints' concurrency); a worker "
        "without one scores what it was answered, or waits",
        slots,
        workers=there,
    )
    return f"llmeval: {said}"
