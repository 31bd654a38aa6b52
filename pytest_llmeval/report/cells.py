"""A run's cells on a terminal: one line each, worst first, then one an endpoint."""

from __future__ import annotations

import math
from statistics import fmean, median
from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple

from pytest_llmeval.language import N_, _, ngettext
from pytest_llmeval.model import SCORES

from . import costs, grid, rounds, safe
from .grid import Column, digits, points

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from rich.console import RenderableType

    from pytest_llmeval.model import Record, Run, Verdict

MAX_ROWS = 10
"""Cells that are shown without ``verbose``, the worst."""
MAX_RED = 40
"""As long as they failed or are red, so many."""
LEAST_SPREAD = 0.05
"""Points; less is not to be seen at one decimal."""
VERDICTS = {
    "regressed": "red",
    "missing": "red",
    "stale": "yellow",
    "inconclusive": "yellow",
    "improved": "green",
    "new": "",
    "not run": "",
    "ok": "green",
}
"""Every verdict in the order of its weight, and its colour."""
_ORDER = list(VERDICTS)


COLUMNS = (
    Column("ttft_s", "TTFT", "s", digits),
    Column("tpot_s", "TPOT", "ms", lambda value: digits(value * 1e3)),
    Column("output_tps", N_("speed"), "tok/s", digits),
    Column("latency_s", N_("latency"), "s", digits, always=False),
    Column("correctness", N_("correct"), "/10", points, always=False),
    Column("quality", N_("quality"), "/10", points),
    Column("clarity", N_("clarity"), "/10", points, always=False),
    Column("total", N_("total"), "/10", points, always=False),
    Column("cold_start_s", N_("cold"), "s", digits, always=False),
)


class Row(NamedTuple):
    """One line of the table. ``badness`` sorts: the smallest is the worst. ``record``: a cell's own."""

    badness: tuple[object, ...]
    cell: str
    endpoint: str
    figures: dict[str, float | None]
    note: str
    style: str
    failed: bool = False
    spread: Mapping[str, float] = MappingProxyType({})
    record: Record | None = None

    def text(self, name: str) -> str:
        """What stands in a column: a figure with its spread over the rounds, where that shows."""
        if name in grid.LEAST:
            return str(getattr(self, name))
        text = next(one for one in COLUMNS if one.name == name).text(self.figures[name])
        spread = self.spread.get(name, 0.0)
        return f"{text}±{points(spread)}" if spread >= LEAST_SPREAD else text


def table(run: Run, width: int, *, verbose: bool, brief: bool = False) -> Iterator[RenderableType]:
    """Cells and endpoints. Without ``verbose`` the best of many cells are left out; ``brief``: all cells."""
    from rich.text import Text

    every = rows(run, verbose=verbose)
    if not every:
        return
    shown = every if verbose else [] if brief else every[: _worth_a_line(every)]
    lines = [*shown, *totals(every, run)]
    headings, texts = columns(every, lines, run)
    yield grid.drawn(headings, texts, width, styles=[row.style for row in lines], rule_after=len(shown))
    if len(shown) < len(every) and not brief:
        left_out = ngettext(
            "… and {count} better cell (-v shows all)",
            "… and {count} better cells (-v shows all)",
            len(every) - len(shown),
        )
        yield Text(left_out, style="dim")
    for said in (rounds.void(run), rounds.identical(run)):
        if said:
            yield Text(said, style="dim")


def _worth_a_line(rows: Sequence[Row]) -> int:
    """How many of the worst are shown."""
    red = max((number for number, row in enumerate(rows, 1) if row.style), default=0)
    return max(MAX_ROWS, min(MAX_RED, red))


def rows(run: Run, *, verbose: bool = False) -> list[Row]:
    """One row a cell: failed ones, regressed ones, then by the lowest score, then by the lowest speed.

    A reference's row stands below those that are compared with it.
    """
    verdicts: dict[tuple[str, str | None], list[Verdict]] = {}
    for verdict in run.verdicts:
        verdicts.setdefault((verdict.endpoint, verdict.cell), []).append(verdict)
    found = [
        _row(run, record, verdicts.get((record.endpoint, record.key), []), verbose) for record in run.cells
    ]
    found.sort(key=lambda row: row.badness)
    if run.reference is None:
        return found
    reference = safe.line(run.reference)
    by_cell: dict[str, list[Row]] = {}
    for row in found:
        by_cell.setdefault(row.cell, []).append(row)
    cells = sorted(by_cell.values(), key=lambda of_cell: _worst(of_cell, reference))
    return [row for of_cell in cells for row in sorted(of_cell, key=lambda row: row.endpoint == reference)]


def _worst(rows: Sequence[Row], reference: str) -> tuple[object, ...]:
    """The badness of a cell's candidates; a reference that was asked alone counts for them."""
    return min(row.badness for row in rows if row.endpoint != reference or len(rows) == 1)


def _row(run: Run, record: Record, verdicts: Sequence[Verdict], verbose: bool) -> Row:
    figures = {column.name: record.figure(column.name) for column in COLUMNS}
    red = any(map(run.is_red, verdicts))
    scores = [score for metric in SCORES if (score := figures.get(metric)) is not None]
    speed = figures["output_tps"]
    worth = (min(scores, default=math.inf), math.inf if speed is None else speed)
    return Row(
        badness=(not record.failed, not red, *worth, record.endpoint, record.key),
        cell=safe.line(record.key),
        endpoint=safe.line(record.endpoint),
        figures=figures,
        note=", ".join([*_judged(verdicts), *_rounds(record, verbose)]),
        style="red" if record.failed or red else "",
        failed=record.failed,
        spread=record.spread,
        record=record,
    )


def _judged(verdicts: Sequence[Verdict]) -> Iterator[str]:
    """The verdicts that set a line apart: not the first run's ``new``, nor what was kept or not run."""
    for name in _ORDER[: _ORDER.index("new")]:
        metrics = [verdict.metric for verdict in verdicts if verdict.verdict == name]
        if metrics:
            yield f"{name}: {' '.join(metrics)}"


def _rounds(record: Record, verbose: bool) -> Iterator[str]:
    """What happened in the rounds, with how many of how many where not in all."""
    samples = record.samples
    kinds: list[str | None] = [one.error.kind if one.error else None for one in samples]
    happened = {
        **{kind: [other == kind for other in kinds] for kind in kinds if kind},
        _("failed"): [record.failure is not None and not any(kinds)],
        _("cut off"): [one.finish_reason == "length" for one in samples],
        _("void"): [one.void is not None for one in samples],
    }
    for what, hits in happened.items():
        if any(hits):
            yield what if all(hits) else f"{what} {sum(hits)}/{len(hits)}"
    answers = {one.answer_sha256 for one in samples}
    if verbose and len(samples) > 1 and len(answers) == 1 and None not in answers:
        yield _("{count} identical rounds", count=len(samples))


def totals(every: Sequence[Row], run: Run) -> list[Row]:
    """A line for each whole endpoint, that of a reference last."""
    reference = safe.line(run.reference or "")
    names = sorted({row.endpoint for row in every}, key=lambda name: (name == reference, name))
    return [_total(name, every, run) for name in names]


def _total(endpoint: str, every: Sequence[Row], run: Run) -> Row:
    """The line of a whole endpoint."""
    own = [row for row in every if row.endpoint == endpoint]
    figures: dict[str, float | None] = {}
    for column in COLUMNS:
        known = [value for row in own if (value := row.figures[column.name]) is not None]
        figures[column.name] = (fmean if column.name in SCORES else median)(known) if known else None
    whole = [one for one in run.verdicts if one.cell is None and safe.line(one.endpoint) == endpoint]
    failed = sum(row.failed for row in own)
    cost = [costs.told(run.costs[endpoint])] if costs.are_shown(run, endpoint) else []
    role = [_("reference")] if run.reference is not None and endpoint == safe.line(run.reference) else []
    failures = [_("{count} failed", count=failed)] if failed else []
    note = ", ".join([*role, *failures, *_judged(whole), *cost])
    style = "bold red" if any(map(run.is_red, whole)) else "bold"
    return Row((), ngettext("{count} cell", "{count} cells", len(own)), endpoint, figures, note, style)


def columns(
    every: Sequence[Row], lines: Sequence[Row], run: Run
) -> tuple[dict[str, tuple[str, str]], dict[str, list[str]]]:
    """Two-line headings and texts by column. What all lines share stands in a heading, or nowhere."""
    suite = common_suite(run)
    headings = {"cell": (_("cell"), _("of {suite}", suite=suite.removesuffix("/")) if suite else "")}
    if len({row.endpoint for row in every}) > 1:
        headings["endpoint"] = (_("endpoint"), "")
    for column in COLUMNS:
        if column.always or any(row.figures[column.name] is not None for row in every):
            headings[column.name] = (_(column.heading), column.unit)
    if any(row.note for row in lines):
        headings["note"] = (_("note"), "")
    texts = {name: [row.text(name) for row in lines] for name in headings}
    texts["cell"] = [text.removeprefix(suite) for text in texts["cell"]]
    return headings, texts


def common_suite(run: Run) -> str:
    """What all cell keys begin with, the suite and a slash; else nothing."""
    suites = {safe.line(record.suite) for record in run.cells}
    return f"{suites.pop()}/" if len(suites) == 1 else ""
