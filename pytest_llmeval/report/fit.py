"""Columns of a table, made to fit a width."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

GAP = 2
"""Columns of the screen between two of the table's."""
COMFORT = {"cell": 24, "endpoint": 12, "note": 20}
"""Widths of the text columns for which figures are left out."""
LEAST = {"cell": 16, "endpoint": 8, "note": 8}
"""Widths of the text columns below which nothing is cut."""
LEFT_OUT = ("latency_s", "clarity", "tpot_s", "total")
"""Figures that go when the width runs out, in this order: latency depends on the answer's length, TPOT is the
inverse of the speed, the total a mean of its neighbours."""


def to_width(headings: dict[str, tuple[str, str]], texts: dict[str, list[str]], width: int) -> None:
    """Leave figures out and cut texts, the widest column first, until a line takes at most ``width``."""
    from rich.cells import cell_len

    widths = {name: max(map(cell_len, (*headings[name], *texts[name]))) for name in texts}

    def excess(limits: Mapping[str, int]) -> int:
        return (
            sum(min(needed, limits.get(name, needed)) + GAP for name, needed in widths.items()) - GAP - width
        )

    for name in LEFT_OUT:
        if name in widths and excess(COMFORT) > 0:
            del widths[name], texts[name], headings[name]
    while excess({}) > 0:
        widest = max(texts.keys() & LEAST, key=lambda name: (widths[name] - LEAST[name], name))
        if widths[widest] <= LEAST[widest]:
            break
        widths[widest] -= 1
    for name in texts.keys() & LEAST:
        headings[name] = (headings[name][0], _cut(headings[name][1], widths[name], keep_end=False))
        texts[name] = [_cut(text, widths[name], keep_end=name == "cell") for text in texts[name]]


def _cut(text: str, width: int, *, keep_end: bool) -> str:
    """The text in at most ``width`` columns; a cell's own name stands at the end of its key."""
    from rich.cells import cell_len

    if cell_len(text) <= width:
        return text
    while cell_len(text) > width - 1:
        text = text[1:] if keep_end else text[:-1]
    return f"…{text}" if keep_end else f"{text}…"
