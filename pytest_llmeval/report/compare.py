"""Endpoints side by side: a column each, metrics and scores as lines, the best of a line in bold."""

from __future__ import annotations

from statistics import fmean, median
from typing import TYPE_CHECKING, NamedTuple

from pytest_llmeval.language import N_, _, ngettext
from pytest_llmeval.model import SCORES, Cost

from . import beside, costs, grid, markup, safe

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from rich.console import RenderableType
    from rich.table import Table

    from pytest_llmeval.model import Record, Run

MAX_SCORES = 40
"""Scenarios that a terminal shows: those in which the endpoints differ most."""
_WIDEST_LABEL, _WIDEST_NAME = 28, 16


class Side(NamedTuple):
    """One endpoint in one run. ``run_id`` stands with its name where another run has the same endpoint."""

    endpoint: str
    run: Run
    run_id: str = ""

    @property
    def name(self) -> str:
        """``awq``, or ``awq (20261121T034501Z-3f9c)``."""
        return f"{self.endpoint} ({self.run_id})" if self.run_id else self.endpoint

    @property
    def records(self) -> dict[str, Record]:
        """By cell."""
        return {one.key: one for one in self.run.cells if one.endpoint == self.endpoint}


class Line(NamedTuple):
    """One line of a table: a text for each side, and which of them are the best."""

    label: str
    texts: tuple[str, ...]
    best: frozenset[int] = frozenset()


def sides(runs: Sequence[Run]) -> list[Side]:
    """Every endpoint of every run that answered anything, as the runs come."""
    found = [Side(name, run) for run in runs for name in sorted({record.endpoint for record in run.cells})]
    names = [side.endpoint for side in found]
    return [side._replace(run_id=side.run.id if names.count(side.endpoint) > 1 else "") for side in found]


# -- the lines ----------------------------------------------------------------------------------------------


class _Figure(NamedTuple):
    """A metric of cells; an endpoint's is the median over them. ``sign`` -1: less is better."""

    metric: str
    label: str
    sign: int


_FIGURES = (
    _Figure("ttft_s", N_("TTFT, s"), -1),
    _Figure("latency_s", N_("latency, s"), -1),
    _Figure("output_tps", N_("speed, tok/s"), 1),
    _Figure("load_tps", N_("speed under load, tok/s"), 1),
)


def figures(of: Sequence[Side]) -> list[Line]:
    """Metrics with a value on any side. Over the cells that all sides have that have the metric at all."""
    if not of:
        return []
    lines = [_line(_("cold start, s"), [_cold_start_s(side) for side in of], grid.digits, -1)]
    lines += [
        _line(_(one.label), _over_shared_cells(of, one.metric), grid.digits, one.sign) for one in _FIGURES
    ]
    for metric, called in beside.MEMORY.items():
        lines.append(
            _line(
                _("{memory}, GiB", memory=_(called)),
                [peak_gib(side, metric) for side in of],
                grid.digits,
                -1,
            )
        )
    used = [_mean(side, "gpu_utilization") for side in of]
    lines.append(
        _line(_("GPU utilisation, %"), [None if x is None else 100 * x for x in used], grid.digits, 0)
    )
    lines.append(_cost(of))
    return [line for line in lines if set(line.texts) != {grid.ABSENT}]


def scores(of: Sequence[Side]) -> list[Line]:
    """A line a cell with its ``total``, those that differ most first."""
    every = [side.records for side in of]
    keys = sorted({key for records in every for key in records})
    totals = {key: [_figure(records.get(key), "total") for records in every] for key in keys}
    totals = {key: values for key, values in totals.items() if set(values) != {None}}

    def difference(key: str) -> float:
        known = [value for value in totals[key] if value is not None]
        return max(known) - min(known)

    ranked = sorted(totals, key=lambda key: (-difference(key), key))
    return [_line(safe.line(key), totals[key], grid.points, 1) for key in ranked]


def means(of: Sequence[Side]) -> list[Line]:
    """The mean of each score, over the cells that all sides have."""
    lines = [
        _line(_("mean {score}", score=_(score)), _over_shared_cells(of, score), grid.points, 1)
        for score in SCORES
    ]
    return [line for line in lines if set(line.texts) != {grid.ABSENT}]


def _line(label: str, values: Sequence[float | None], written: Callable[[float], str], sign: int) -> Line:
    """The best are those that read as the best; none where all read the same."""
    texts = tuple(grid.ABSENT if value is None else written(value) for value in values)
    known = [sign * value for value in values if value is not None]
    if not sign or len(known) < 2:
        return Line(label, texts)
    best = texts[[None if value is None else sign * value for value in values].index(max(known))]
    which = frozenset(number for number, text in enumerate(texts) if text == best)
    return Line(label, texts, which if len(which) < len(known) else frozenset())


def _figure(record: Record | None, metric: str) -> float | None:
    return None if record is None else record.figure(metric)


def _over_shared_cells(of: Sequence[Side], metric: str) -> list[float | None]:
    known = [
        {key: value for key, record in side.records.items() if (value := record.figure(metric)) is not None}
        for side in of
    ]
    shared = set.intersection(*(set(values) for values in known if values)) if any(known) else set()
    centre = fmean if metric in SCORES else median
    return [centre([values[key] for key in shared]) if values and shared else None for values in known]


def _cold_start_s(side: Side) -> float | None:
    server = side.run.servers.get(side.endpoint)
    if server is not None:
        return server.cold_start_s
    known = [record.figure("cold_start_s") for record in side.records.values()]
    starts = [value for value in known if value is not None]
    return median(starts) if starts else None


def peak_gib(side: Side, metric: str) -> float | None:
    """The most memory that was seen on one side, of a metric of ``beside.MEMORY``."""
    telemetry = side.run.telemetry.get(side.endpoint)
    peaks = telemetry.peak | telemetry.steps.get("peak", {}) if telemetry is not None else {}
    return peaks[metric] / beside.GIB if metric in peaks else None


def _mean(side: Side, metric: str) -> float | None:
    telemetry = side.run.telemetry.get(side.endpoint)
    return telemetry.mean.get(metric) if telemetry is not None else None


def _cost(of: Sequence[Side]) -> Line:
    """Of the cells that all have, since other questions cost something else; nothing where all is free."""
    every = [side.records for side in of]
    shared = set.intersection(*map(set, every))
    paid = [[cost for key in shared if (cost := records[key].cost) is not None] for records in every]
    sums = [sum(costs_, Cost()) if costs_ else None for costs_ in paid]
    if not any(one is not None and (one.amount or one.unknown) for one in sums):
        return Line(_("cost"), (grid.ABSENT,) * len(of))
    texts = tuple(grid.ABSENT if one is None else costs.written(one) for one in sums)
    if any(one is not None and one.unknown for one in sums):
        return Line(_("cost"), texts)
    return _line(_("cost"), [None if one is None else one.amount for one in sums], costs.amount, -1)


# -- drawn --------------------------------------------------------------------------------------------------


def text(of: Sequence[Side], sentences: Sequence[str], *, width: int, color: bool) -> str:
    """For a terminal, in at most ``width`` (40 and more) columns; more sides than fit go below."""
    from rich.text import Text

    rated = scores(of)
    shown = [*rated[:MAX_SCORES], *means(of)]
    parts: list[RenderableType] = []
    for title, lines in ((_("measured"), figures(of)), (_("score, of 10"), shown)):
        for table in _tables(title, of, lines, width) if lines else ():
            parts += [table, ""]
    if left_out := len(rated[MAX_SCORES:]):
        said = ngettext(
            "… and {count} cell that differs less", "… and {count} cells that differ less", left_out
        )
        parts += [Text(said, style="dim"), ""]
    parts += [Text(safe.line(sentence)) for sentence in sentences]
    return grid.text(parts, width, color=color)


def _tables(title: str, of: Sequence[Side], lines: Sequence[Line], width: int) -> Iterator[Table]:
    from rich import box
    from rich.cells import cell_len
    from rich.table import Table
    from rich.text import Text

    label = min(_WIDEST_LABEL, max(cell_len(line.label) for line in [Line(title, ()), *lines]))
    names = [(safe.line(side.endpoint), safe.line(side.run_id)) for side in of]
    most = max(cell_len(one) for pair in names for one in pair)
    most = max(min(_WIDEST_NAME, most), *(cell_len(text) for line in lines for text in line.texts))
    at_once = max(1, (width - label) // (most + grid.GAP))
    for first in range(0, len(of), at_once):
        table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, grid.GAP - 1, 0, 0))
        table.add_column(Text(title, style="dim"), no_wrap=True, max_width=label)
        numbers = range(first, min(first + at_once, len(of)))
        for number in numbers:
            heading = "\n".join(grid.cut(one, most, keep_end=True) for one in names[number] if one)
            table.add_column(Text(heading, style="bold"), justify="right", no_wrap=True)
        for line in lines:
            texts = [Text(line.texts[at], style="bold" if at in line.best else "") for at in numbers]
            table.add_row(Text(grid.cut(line.label, label, keep_end=True)), *texts)
        yield table


def document(of: Sequence[Side], sentences: Sequence[str]) -> str:
    """As Markdown: what it comes to, then what was measured; the scores by cell folded."""
    said = [f"- {markup.inline(sentence)}" for sentence in sentences]
    opening, closing = markup.folded(_("Scores by cell, those that differ most first"))
    rated = scores(of)
    cells = [*opening, *_rows(of, rated), *closing] if rated else []
    return "\n".join([*said, "", *_rows(of, [*figures(of), *means(of)]), "", *cells])


def _rows(of: Sequence[Side], lines: Sequence[Line]) -> list[str]:
    rows = []
    for line in lines:
        texts = [f"**{text}**" if at in line.best else text for at, text in enumerate(line.texts)]
        rows.append([markup.inline(line.label), *texts])
    return markup.table(["", *(markup.inline(side.name) for side in of)], rows)
