"""Tables of figures on a terminal, made to fit a width."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from rich.console import RenderableType
    from rich.table import Table

ABSENT = "–"

GAP = 2
"""Columns of the screen between two of the table's."""
COMFORT = {"cell": 24, "endpoint": 12, "note": 20}
"""Widths of the text columns for which figures are left out."""
LEAST = {"cell": 16, "endpoint": 8, "note": 8}
"""Widths of the text columns below which nothing is cut."""
LEFT_OUT = ("latency_s", "clarity", "tpot_s", "total", "request_rps", "ttft_p50_s")
"""Figures that go when the width runs out, in this order: latency depends on the answer's length, TPOT is the
inverse of the speed, the total a mean of its neighbours; under load, goodput and p99 say more."""


class Column(NamedTuple):
    """A figure's column: its heading, to be translated, its unit, and how a value is written."""

    name: str
    heading: str
    unit: str
    written: Callable[[float], str]
    always: bool = True

    def text(self, value: float | None) -> str:
        """What stands in it."""
        return ABSENT if value is None else self.written(value)


def digits(value: float) -> str:
    """Three significant digits, never an exponent."""
    decimals = 3 if value < 0.9995 else 2 if value < 9.995 else 1 if value < 99.95 else 0
    return f"{value:.{decimals}f}"


def points(value: float) -> str:
    """A score."""
    return f"{value:.1f}"


def text(parts: Iterable[RenderableType], width: int, *, color: bool) -> str:
    """The parts below each other, no blanks at lines' ends. Neither terminal nor environment are asked."""
    from rich.console import Console, Group

    console = Console(
        file=io.StringIO(),
        width=width,
        height=100,  # with the width: nothing is asked of the terminal
        force_terminal=color,
        color_system="standard" if color else None,
        legacy_windows=False,
        _environ={},
    )
    with console.capture() as capture:
        console.print(Group(*parts), end="")
    return "".join(f"{line.rstrip()}\n" for line in capture.get().splitlines())


def drawn(
    headings: dict[str, tuple[str, str]],
    texts: dict[str, list[str]],
    width: int,
    *,
    styles: Sequence[str] = (),
    rule_after: int | None = None,
) -> Table:
    """Two-line headings and texts by column, as a table of at most ``width`` columns of the screen.

    ``styles``: a line's, where there are any; ``rule_after``: the number of lines above a rule.
    """
    from rich import box
    from rich.table import Table
    from rich.text import Text

    to_width(headings, texts, width)
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, GAP - 1, 0, 0))
    for name, (heading, below) in headings.items():
        title = Text.assemble((heading, "bold"), "\n", (below, "dim"))
        table.add_column(title, justify="left" if name in LEAST else "right", no_wrap=True)
    for number, line in enumerate(zip(*texts.values(), strict=True)):
        style = styles[number] if styles else None
        table.add_row(*map(Text, line), style=style, end_section=number + 1 == rule_after)
    return table


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
        headings[name] = (headings[name][0], cut(headings[name][1], widths[name], keep_end=False))
        texts[name] = [cut(text, widths[name], keep_end=name == "cell") for text in texts[name]]


def cut(text: str, width: int, *, keep_end: bool) -> str:
    """The text in at most ``width`` columns; a cell's own name stands at the end of its key."""
    from rich.cells import cell_len

    if cell_len(text) <= width:
        return text
    while cell_len(text) > width - 1:
        text = text[1:] if keep_end else text[:-1]
    return f"…{text}" if keep_end else f"{text}…"
