"""The end of a run on a terminal: what each endpoint is, one line a cell, worst first, and the verdicts."""

from __future__ import annotations

import io
import math
from statistics import fmean, median
from typing import TYPE_CHECKING, NamedTuple

from pytest_llmeval.model import SCORES, Record, Run, Verdict

from . import beside, costs, fit, safe

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from rich.console import RenderableType

MAX_ROWS = 40
"""Cells that are shown without ``verbose``."""
ABSENT = "–"
_STYLES = {
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
_ORDER = list(_STYLES)


class Column(NamedTuple):
    """A figure's column: its heading, its unit, and how a value is written."""

    metric: str
    heading: str
    unit: str
    written: Callable[[float], str]
    always: bool = True


def _digits(value: float) -> str:
    """Three significant digits, never an exponent."""
    decimals = 3 if value < 0.9995 else 2 if value < 9.995 else 1 if value < 99.95 else 0
    return f"{value:.{decimals}f}"


def _points(value: float) -> str:
    return f"{value:.1f}"


COLUMNS = (
    Column("ttft_s", "TTFT", "s", _digits),
    Column("tpot_s", "TPOT", "ms", lambda value: _digits(value * 1e3)),
    Column("output_tps", "speed", "tok/s", _digits),
    Column("latency_s", "latency", "s", _digits, always=False),
    Column("correctness", "correct", "/10", _points, always=False),
    Column("quality", "quality", "/10", _points),
    Column("clarity", "clarity", "/10", _points, always=False),
    Column("total", "total", "/10", _points, always=False),
)


class Row(NamedTuple):
    """One line of the table. ``badness`` sorts: the smallest is the worst."""

    badness: tuple[object, ...]
    cell: str
    endpoint: str
    figures: dict[str, float | None]
    note: str
    style: str
    failed: bool = False

    def text(self, name: str) -> str:
        """What stands in a column."""
        if name in fit.LEAST:
            return str(getattr(self, name))
        value = self.figures[name]
        return ABSENT if value is None else next(one for one in COLUMNS if one.metric == name).written(value)


def table(run: Run, *, width: int, color: bool, verbose: bool = False) -> str:
    """Endpoints, cells and verdicts, lines ended by a newline and of at most ``width`` (70 and more) columns.

    Timings are medians over a cell's good rounds, scores means; an endpoint's line has the median and mean of
    its cells. Without ``verbose`` the best cells of a long run are left out, and kept promises only named.
    """
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
    parts = (
        _facts(run, verbose=verbose),
        _grid(run, width, verbose=verbose),
        _sentences(run.verdicts, verbose=verbose),
    )
    texts = []
    for part in parts:
        with console.capture() as capture:
            console.print(Group(*part), end="")
        texts.append("".join(f"{line.rstrip()}\n" for line in capture.get().splitlines()))
    return "\n".join(filter(None, texts))


def rows(run: Run, *, verbose: bool = False) -> list[Row]:
    """One row a cell: failed ones, regressed ones, then by the lowest score, then by the lowest speed.

    A reference's row stands below those that are compared with it.
    """
    verdicts: dict[tuple[str, str | None], list[Verdict]] = {}
    for verdict in run.verdicts:
        verdicts.setdefault((verdict.endpoint, verdict.cell), []).append(verdict)
    found = [_row(record, verdicts.get((record.endpoint, record.key), []), verbose) for record in run.cells]
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


def _row(record: Record, verdicts: Sequence[Verdict], verbose: bool) -> Row:
    figures = {column.metric: record.figure(column.metric) for column in COLUMNS}
    failed = any(not sample.ok for sample in record.samples)
    red = any(verdict.red for verdict in verdicts)
    scores = [score for metric in SCORES if (score := figures.get(metric)) is not None]
    speed = figures["output_tps"]
    worth = (min(scores, default=math.inf), math.inf if speed is None else speed)
    return Row(
        badness=(not failed, not red, *worth, record.endpoint, record.key),
        cell=safe.line(record.key),
        endpoint=safe.line(record.endpoint),
        figures=figures,
        note=", ".join([*_judged(verdicts), *_rounds(record, verbose)]),
        style="red" if failed or red else "",
        failed=failed,
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
        "cut off": [one.finish_reason == "length" for one in samples],
        "void": [one.void is not None for one in samples],
    }
    for what, hits in happened.items():
        if any(hits):
            yield what if all(hits) else f"{what} {sum(hits)}/{len(hits)}"
    answers = {one.answer_sha256 for one in samples}
    if verbose and len(samples) > 1 and len(answers) == 1 and None not in answers:
        yield f"{len(samples)} identical rounds"


def _total(endpoint: str, every: Sequence[Row], run: Run) -> Row:
    """The line of a whole endpoint."""
    own = [row for row in every if row.endpoint == endpoint]
    figures: dict[str, float | None] = {}
    for column in COLUMNS:
        known = [value for row in own if (value := row.figures[column.metric]) is not None]
        figures[column.metric] = (fmean if column.metric in SCORES else median)(known) if known else None
    whole = [one for one in run.verdicts if one.cell is None and safe.line(one.endpoint) == endpoint]
    failed = sum(row.failed for row in own)
    cost = [f"cost {costs.written(run.costs[endpoint])}"] if costs.are_shown(run, endpoint) else []
    role = ["reference"] if run.reference is not None and endpoint == safe.line(run.reference) else []
    note = ", ".join([*role, *([f"{failed} failed"] if failed else []), *_judged(whole), *cost])
    style = "bold red" if any(one.red for one in whole) else "bold"
    return Row((), f"{len(own)} cell{'s' * (len(own) != 1)}", endpoint, figures, note, style)


# -- the three parts ---------------------------------------------------------------------------------------


def _facts(run: Run, *, verbose: bool) -> Iterator[RenderableType]:
    """A line an endpoint: what it says it is, and what was seen beside its answers.

    Then what is odd about how they were executed, and with ``verbose`` what could not be seen.
    """
    lines = []
    for name, facts in sorted(run.endpoints.items()):
        window = f"{facts.context_window:,} tokens of context" if facts.context_window else None
        told = (facts.server, facts.model, facts.quantization, window, *beside.seen(run, name))
        known = [safe.line(one) for one in told if one]
        lines.append((name, "bold", " · ".join(known) or facts.kind))
        if verbose:
            lines += [("", "", f"no telemetry of {why}") for why in beside.absent(run, name)]
    yield from _pairs([*lines, *_execution(run)])


def _execution(run: Run) -> Iterator[tuple[str, str, str]]:
    """That answers were executed without protection; scores that could not be computed, and why."""
    if run.sandbox == "none":
        yield "sandbox", "red", "none: answers were executed without protection (--llm-sandbox=none)"
    cells: dict[tuple[str, str], set[tuple[str, str]]] = {}
    for record in run.cells:
        for score in (sample.score for sample in record.samples if sample.score is not None):
            for absent in score.absent.items():
                cells.setdefault(absent, set()).add((record.endpoint, record.key))
    for (metric, why), which in cells.items():
        where = f"{len(which)} cell{'s' * (len(which) != 1)}"
        yield metric, "yellow", f"not computed in {where}: {safe.line(why)}"


def _grid(run: Run, width: int, *, verbose: bool) -> Iterator[RenderableType]:
    """A line a cell, worst first, then a line an endpoint."""
    from rich import box
    from rich.table import Table
    from rich.text import Text

    every = rows(run, verbose=verbose)
    if not every:
        return
    shown = every if verbose else every[:MAX_ROWS]
    reference = safe.line(run.reference or "")
    names = sorted({row.endpoint for row in every}, key=lambda name: (name == reference, name))
    totals = [_total(name, every, run) for name in names]
    headings, texts = _texts(every, [*shown, *totals], run)
    fit.to_width(headings, texts, width)
    grid = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, fit.GAP - 1, 0, 0))
    for name, (heading, below) in headings.items():
        title = Text.assemble((heading, "bold"), "\n", (below, "dim"))
        grid.add_column(title, justify="left" if name in fit.LEAST else "right", no_wrap=True)
    for number, row in enumerate([*shown, *totals]):
        cells = (Text(column[number]) for column in texts.values())
        grid.add_row(*cells, style=row.style, end_section=number == len(shown) - 1)
    yield grid
    if len(shown) < len(every):
        yield Text(f"… and {len(every) - len(shown)} better cells (-v shows all)", style="dim")


def _texts(
    every: Sequence[Row], lines: Sequence[Row], run: Run
) -> tuple[dict[str, tuple[str, str]], dict[str, list[str]]]:
    """Two-line headings and texts by column. What all lines share stands in a heading, or nowhere."""
    suites = {safe.line(record.suite) for record in run.cells}
    suite = suites.pop() if len(suites) == 1 else ""
    headings = {"cell": ("cell", f"of {suite}" if suite else "")}
    if len({row.endpoint for row in every}) > 1:
        headings["endpoint"] = ("endpoint", "")
    for column in COLUMNS:
        if column.always or any(row.figures[column.metric] is not None for row in every):
            headings[column.metric] = (column.heading, column.unit)
    if any(row.note for row in lines):
        headings["note"] = ("note", "")
    texts = {name: [row.text(name) for row in lines] for name in headings}
    if suite:
        texts["cell"] = [text.removeprefix(f"{suite}/") for text in texts["cell"]]
    return headings, texts


def _sentences(verdicts: Sequence[Verdict], *, verbose: bool) -> Iterator[RenderableType]:
    """Every verdict's sentence once, the gravest first; kept promises are only named without ``verbose``."""
    told = sorted(verdicts, key=lambda verdict: _ORDER.index(verdict.verdict))
    sentences = {one.sentence: one.verdict for one in told if verbose or _is_news(one)}
    if not verbose:
        kept = [one for one in told if one.verdict == "ok"]
        for endpoint in dict.fromkeys(one.endpoint for one in kept):
            metrics = dict.fromkeys(one.metric for one in kept if one.endpoint == endpoint)
            sentences[f"{endpoint}: {', '.join(metrics)}"] = "ok"
    yield from _pairs([(name, _STYLES[name], safe.block(sentence)) for sentence, name in sentences.items()])


def _is_news(verdict: Verdict) -> bool:
    """Whether its sentence is worth a line: something moved, or seemed to until it was measured once more."""
    return verdict.verdict != "ok" or verdict.confirmed is False


def _pairs(pairs: Sequence[tuple[str, str, str]]) -> Iterator[RenderableType]:
    """Words with what is said of them, ``(word, style, text)``, the texts aligned and wrapped."""
    from rich.table import Table
    from rich.text import Text

    if not pairs:
        return
    grid = Table.grid(padding=(0, fit.GAP, 0, 0))
    grid.add_column(no_wrap=True, max_width=24)
    grid.add_column(overflow="fold")
    for word, style, text in pairs:
        grid.add_row(Text(safe.line(word), style=style), Text(text))
    yield grid
