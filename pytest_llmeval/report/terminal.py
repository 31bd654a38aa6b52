"""The end of a run on a terminal: what each endpoint is, one line a cell, worst first, and the verdicts."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from pytest_llmeval.language import _, ngettext

from . import beside, cells, grid, passing, safe, underload

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from rich.console import RenderableType

    from pytest_llmeval.model import Run, Verdict, VerdictName

FACTS = "facts"
"""The metric of what an endpoint is: a change of it is kept, and explains whatever else is said."""
MAX_ALIKE = 5
"""Verdicts on one metric that are told without ``verbose``: a server that is down fails every cell."""


def table(run: Run, *, width: int, color: bool, verbose: bool = False, brief: bool = False) -> str:
    """Endpoints, cells and verdicts, lines ended by a newline and of at most ``width`` (70 and more) columns.

    Timings are medians over a cell's good rounds, scores means; an endpoint's line has the median and mean of
    its cells. Without ``verbose`` the best cells of a long run are left out, and kept promises only named;
    ``brief`` has a line for each endpoint and none for cells.
    """
    parts = (
        _facts(run, verbose=verbose),
        cells.table(run, width, verbose=verbose, brief=brief),
        underload.table(run, width),
        _pairs([("pass@k", "bold", line) for line in passing.told(run)]),
        _sentences(run.verdicts, verbose=verbose),
    )
    texts = [grid.text(part, width, color=color) for part in parts]
    return "\n".join(filter(None, texts))


def joined(parts: Sequence[str], width: int) -> str:
    """``a · b · c`` in lines of at most ``width`` columns, as far as no part alone is longer."""
    from rich.cells import cell_len

    lines = [parts[0]]
    for part in parts[1:]:
        longer = f"{lines[-1]} · {part}"
        if cell_len(longer) <= width:
            lines[-1] = longer
        else:
            lines.append(f"  {part}")
    return "\n".join(lines)


# -- what stands before and after the tables ----------------------------------------------------------------


def _facts(run: Run, *, verbose: bool) -> Iterator[RenderableType]:
    """A line an endpoint: what it says it is, and what was seen beside its answers.

    Then what is odd about how they were executed, and with ``verbose`` what could not be seen.
    """
    lines = []
    for name in sorted(run.endpoints):
        lines.append((name, "bold", what_it_is(run, name)))
        if verbose:
            lines += [("", "", _("no telemetry of {why}", why=why)) for why in beside.absent(run, name)]
    yield from _pairs([*lines, *_execution(run)])


def what_it_is(run: Run, endpoint: str) -> str:
    """``vllm 0.32.0 · a-model · awq · 32,768 tokens of context · up in 31 s``, as far as it is known."""
    facts = run.endpoints[endpoint]
    tokens = f"{facts.context_window:,}" if facts.context_window else ""
    window = _("{tokens} tokens of context", tokens=tokens) if tokens else None
    known = (facts.server, facts.model, facts.quantization, window, *beside.seen(run, endpoint))
    return " · ".join(safe.line(one) for one in known if one) or facts.kind


def _execution(run: Run) -> Iterator[tuple[str, str, str]]:
    """That answers were executed without protection; scores that could not be computed, and why."""
    if run.sandbox == "none":
        told = _("none: answers were executed without protection (--llm-sandbox=none)")
        yield _("sandbox"), "red", told
    cells: dict[tuple[str, str], set[tuple[str, str]]] = {}
    for record in run.cells:
        for score in (sample.score for sample in record.samples if sample.score is not None):
            for absent in score.absent.items():
                cells.setdefault(absent, set()).add((record.endpoint, record.key))
    for (metric, why), which in cells.items():
        told = ngettext(
            "not computed in {count} cell: {why}",
            "not computed in {count} cells: {why}",
            len(which),
            why=safe.line(why),
        )
        yield metric, "yellow", told


def _sentences(verdicts: Sequence[Verdict], *, verbose: bool) -> Iterator[RenderableType]:
    yield from _pairs(
        [(name, cells.VERDICTS[name], safe.block(text)) for text, name in told(verdicts, verbose=verbose)]
    )


def told(verdicts: Sequence[Verdict], *, verbose: bool) -> list[tuple[str, VerdictName]]:
    """Every verdict's sentence once: what an endpoint is now, where that changed, then the gravest first.

    Without ``verbose`` kept promises are only named, and of many that are alike the first are told.
    """
    order = list(cells.VERDICTS)
    ranked = sorted(verdicts, key=lambda verdict: order.index(verdict.verdict))
    sentences: dict[str, VerdictName] = {}
    alike: Counter[tuple[VerdictName, str]] = Counter()
    for one in ranked:
        if one.sentence not in sentences and (verbose or _is_news(one)):
            alike[one.verdict, one.metric] += 1
            if verbose or alike[one.verdict, one.metric] <= MAX_ALIKE:
                sentences[one.sentence] = one.verdict
    for (verdict, metric), count in alike.items():
        if not verbose and count > MAX_ALIKE:
            more = _("{count} more like these: {metric}", count=count - MAX_ALIKE, metric=metric)
            sentences[more] = verdict
    if not verbose:
        kept = [one for one in ranked if one.verdict == "ok" and one.metric != FACTS]
        for endpoint in dict.fromkeys(one.endpoint for one in kept):
            metrics = dict.fromkeys(one.metric for one in kept if one.endpoint == endpoint)
            sentences[f"{endpoint}: {', '.join(metrics)}"] = "ok"
    changed = {one.sentence for one in verdicts if one.metric == FACTS}
    return sorted(sentences.items(), key=lambda said: (said[0] not in changed, order.index(said[1])))


def _is_news(verdict: Verdict) -> bool:
    """Whether its sentence is worth a line: something changed or moved, or seemed to until it was measured
    once more.
    """
    return verdict.verdict != "ok" or verdict.metric == FACTS or verdict.confirmed is False


def _pairs(pairs: Sequence[tuple[str, str, str]]) -> Iterator[RenderableType]:
    """Words with what is said of them, ``(word, style, text)``, the texts aligned and wrapped."""
    from rich.table import Table
    from rich.text import Text

    if not pairs:
        return
    table = Table.grid(padding=(0, grid.GAP, 0, 0))
    table.add_column(no_wrap=True, max_width=24)
    table.add_column(overflow="fold")
    for word, style, text in pairs:
        table.add_row(Text(safe.line(word), style=style), Text(text))
    yield table
