"""The cells of a run that asked many at once: what the system gave to all together. A line each."""

from __future__ import annotations

from statistics import median
from typing import TYPE_CHECKING

from pytest_llmeval.language import N_, _

from . import cells, grid, safe
from .grid import Column, digits

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.console import RenderableType

    from pytest_llmeval.model import Load, Record, Run

COLUMNS = (
    Column("load_tps", N_("all"), "tok/s", digits),
    Column("request_rps", N_("done"), "/s", digits),
    Column("goodput_rps", N_("goodput"), "/s", digits, always=False),
    Column("ttft_p50_s", "TTFT", "p50 s", digits),
    Column("ttft_p99_s", "TTFT", "p99 s", digits),
    Column("queue_p99_s", N_("queue"), "p99 s", digits, always=False),
    Column("fairness", N_("fair"), "of 1", digits),
)
"""Each a field of ``model.Load``."""


def table(run: Run, width: int) -> Iterator[RenderableType]:
    """Load cells by endpoint and load: medians over their batches, void ones left out; then ``sentences``."""
    from rich.text import Text

    headings, texts = columns(run)
    if texts["cell"]:
        yield grid.drawn(headings, texts, width)
        for said in sentences(run):
            yield Text(said, style="dim")


def columns(run: Run) -> tuple[dict[str, tuple[str, str]], dict[str, list[str]]]:
    """Two-line headings and texts by column; no texts where no cell asked many at once."""
    records = _records(run)
    figures = [_figures(record) for record in records]
    suite = cells.common_suite(run)
    headings = {"cell": (_("under load"), "")}
    texts = {"cell": [safe.line(record.key).removeprefix(suite) for record in records]}
    if len({record.endpoint for record in run.cells}) > 1:
        headings["endpoint"] = (_("endpoint"), "")
        texts["endpoint"] = [safe.line(record.endpoint) for record in records]
    headings["asked"] = (_("at once"), "")
    texts["asked"] = [_asked(record.load[0]) for record in records]
    for column in COLUMNS:
        if column.always or any(one[column.name] is not None for one in figures):
            headings[column.name] = (_(column.heading), column.unit)
            texts[column.name] = [column.text(one[column.name]) for one in figures]
    return headings, texts


def sentences(run: Run) -> Iterator[str]:
    """Which batches are void and why, and where this client itself would end."""
    records = _records(run)
    for record in records:
        reasons = [batch.void for batch in record.load if batch.void is not None]
        if reasons:
            yield _(
                "{cell} on {endpoint}: void in {void} of {count} batches: {why}",
                cell=safe.line(record.key),
                endpoint=safe.line(record.endpoint),
                void=len(reasons),
                count=len(record.load),
                why=safe.line(reasons[0]),
            )
    known = [
        (batch.client_busy, batch.client_ceiling_tps)
        for record in records
        for batch in record.load
        if batch.client_busy is not None and batch.client_ceiling_tps is not None
    ]
    if known:
        busy, ceiling_tps = max(known)
        yield _(
            "this client was busy {share} of the time at most; one process of it does {rate} tokens/s "
            "or more here",
            share=f"{busy:.0%}",
            rate=f"{ceiling_tps:,.0f}",
        )


def _records(run: Run) -> list[Record]:
    return sorted((one for one in run.cells if one.load), key=_place)


def _place(record: Record) -> tuple[object, ...]:
    load = record.load[0]
    return record.endpoint, load.rate or 0.0, load.concurrency or 0, record.key


def _figures(record: Record) -> dict[str, float | None]:
    batches = [batch for batch in record.load if batch.void is None]
    found: dict[str, float | None] = {}
    for column in COLUMNS:
        known = [value for batch in batches if (value := getattr(batch, column.name)) is not None]
        found[column.name] = median(known) if known else None
    return found


def _asked(load: Load) -> str:
    """``16``, or ``2/s`` in an open loop."""
    return f"{load.concurrency}" if load.rate is None else f"{load.rate:g}/s"
