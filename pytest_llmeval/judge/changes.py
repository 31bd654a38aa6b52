"""What changed in a baseline, as a reviewer reads it in a pull request: Markdown, one row a metric."""

from __future__ import annotations

from statistics import fmean, median, pstdev
from typing import TYPE_CHECKING

from pytest_llmeval.language import N_, _, ngettext

from . import sentences
from .metrics import METRICS, Metric
from .promises import changed_facts
from .sessions import asked_otherwise, checked_otherwise

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from .sessions import Baseline, Session


def diff(old: Baseline | None, new: Baseline, shown: Callable[[str], str] = str) -> str:
    """Sessions, facts and cells that came and went, then every metric's level before and after.

    A level is the mean over cells of a cell's value (median of timings, mean of scores), the mean over the
    sessions of the current epoch; its spread is the standard deviation of these sessions. ``shown`` makes
    what a server told, or a file names, fit for the place where it is read.
    """
    title = _("Baseline of {endpoint}", endpoint=new.endpoint)
    lines = [f"### {shown(title)}", "", *(f"- {shown(line)}" for line in _news(old, new)), ""]
    headings = (_("metric"), _("cells"), _("before"), _("now"), _("change"), _("spread of sessions"))
    lines += [f"| {' | '.join(headings)} |", "|---|---:|---:|---:|---:|---:|"]
    for metric in METRICS.values():
        row = _row(metric, old.sessions if old else (), new.sessions)
        if row:
            lines.append(f"| {' | '.join((metric.name, *row))} |")
    return "\n".join(lines) + "\n"


def _news(old: Baseline | None, new: Baseline) -> list[str]:
    """One line for whatever is not a figure."""
    before = {session.run for session in old.sessions} if old else set()
    added = [session for session in new.sessions if session.run not in before]
    gone = before - {session.run for session in new.sessions}
    news = [
        ngettext(
            "{count} session added: {names}",
            "{count} sessions added: {names}",
            len(added),
            names=sentences.names([_named(one) for one in added]),
        )
    ]
    if gone:
        began = old and len(new.epochs) > len(old.epochs)
        why = _("a new level began") if began else _("no longer kept")
        news.append(
            ngettext("{count} session left ({why})", "{count} sessions left ({why})", len(gone), why=why)
        )
    if facts := changed_facts(old.facts if old else None, new.facts):
        news.append(_("the endpoint changed: {facts}", facts=", ".join(facts)))
    cells = (old.cells if old else {}, new.cells)
    for template, keys in (
        (N_("cells new: {names}"), sorted(cells[1].keys() - cells[0].keys())),
        (N_("cells removed: {names}"), sorted(cells[0].keys() - cells[1].keys())),
        (N_("cells asked otherwise: {names}"), asked_otherwise(*cells)),
        (N_("cells checked otherwise: {names}"), checked_otherwise(*cells)),
    ):
        if keys:
            news.append(_(template, names=sentences.names(keys)))
    return news


def _named(session: Session) -> str:
    if not session.commit:
        return session.run
    return _("{run} at {commit}", run=session.run, commit=session.commit[:10])


def _row(metric: Metric, old: Sequence[Session], new: Sequence[Session]) -> tuple[str, ...] | None:
    """Cells, level before, level now, change, spread; over the cells that both have, if there are any."""
    now = _cells(metric, new)
    if not now:
        return None
    both = now & _cells(metric, old)
    after = _levels(metric, new, both or now)
    before = _levels(metric, old, both)
    level = fmean(after)
    spread = pstdev(after) / (abs(level) or 1.0 if metric.scale == "ratio" else 1.0)
    cells = (f"{len(now)}", f"{fmean(before):.4g}" if before else "–", f"{level:.4g}")
    change = "–"
    if before:
        base = fmean(before)
        moved = level / base - 1 if metric.scale == "ratio" and base else level - base
        change = ("+" if moved >= 0 else "−") + sentences.amount(metric, moved, digits=2)
    return (*cells, change, sentences.amount(metric, spread, digits=2) if len(after) > 1 else "–")


def _cells(metric: Metric, sessions: Sequence[Session]) -> set[str]:
    return {key for one in sessions for key, cell in one.cells.items() if cell.samples.get(metric.name)}


def _levels(metric: Metric, sessions: Sequence[Session], cells: set[str]) -> list[float]:
    """The level of each session that has figures of any of these cells."""
    centre = median if metric.timing else fmean
    found = []
    for session in sessions:
        values = [
            centre(cell.samples[metric.name])
            for key, cell in session.cells.items()
            if key in cells and cell.samples.get(metric.name)
        ]
        if values:
            found.append(fmean(values))
    return found
