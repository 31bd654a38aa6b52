"""The words of an HTML report, chapter by chapter: what its template shows, before it is made safe."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from pytest_llmeval.language import _, ngettext

from . import cells as rows
from . import compare, costs, grid, passing, terminal, underload
from . import headline as summary

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from pytest_llmeval.model import Run, Verdict

    from .compare import Side
    from .page import Page

MAX_SCORES = 400
"""Cells whose scores are set side by side: those that differ most."""
_OF_COLOUR = {"red": "bad", "yellow": "warn", "green": "good"}


class Heading(NamedTuple):
    """Of a column; ``below`` stands under it. ``figure``: to the right."""

    text: str
    below: str = ""
    figure: bool = True


class Field(NamedTuple):
    """One place of a table."""

    text: str
    best: bool = False
    figure: bool = True


class Line(NamedTuple):
    """A table's line. ``tone``: its class; ``link``: the id that its first field leads to."""

    fields: Sequence[Field]
    tone: str = ""
    link: str = ""


class Table(NamedTuple):
    """The first column names the lines."""

    caption: str
    headings: Sequence[Heading]
    rows: Sequence[Line]


class Said(NamedTuple):
    """A sentence and the word that it stands under. ``link``: the id of its cell's section."""

    name: str
    text: str
    tone: str = ""
    link: str = ""


class Opening(NamedTuple):
    """What comes first."""

    title: str
    tone: str
    headline: str
    lines: Sequence[str]
    contents: str


class Verdicts(NamedTuple):
    """What the gate says; ``every`` holds kept promises, too, below a line ``folded``.

    ``see``: the text of links to cells.
    """

    title: str
    see: str
    lines: Sequence[Said]
    folded: str
    every: Sequence[Said]


class Comparison(NamedTuple):
    """Endpoints side by side."""

    title: str
    sentences: Sequence[str]
    tables: Sequence[Table]
    folded: Table | None
    facts: Sequence[tuple[str, str]]


def sides(page: Page) -> list[Side]:
    """The endpoints of all runs."""
    return compare.sides(page.runs)


def tone_of(verdict: str) -> str:
    """The class of a verdict's name."""
    return _OF_COLOUR.get(rows.VERDICTS.get(verdict, ""), "")


# -- what comes first ---------------------------------------------------------------------------------------


def opening(page: Page) -> Opening:
    """The verdict on the run; of several runs, that on each."""
    lines = [_about(run) for run in page.runs]
    told = [summary.of(run) for run in page.runs]
    if len(page.runs) == 1:
        tone, headline = told[0]
    else:
        headline = ngettext(
            "{count} endpoint side by side", "{count} endpoints side by side", len(sides(page))
        )
        tone = min((one.tone for one in told), key=summary.TONES.index)
        lines = [f"{line}: {one.text}" for line, one in zip(lines, told, strict=True)]
    return Opening(
        title=f"llmeval: {headline}",
        tone=tone,
        headline=headline,
        lines=lines,
        contents=_("Contents"),
    )


def _about(run: Run) -> str:
    """When, where and of what."""
    parts = [_("Run {run}", run=run.id), run.started.replace("T", " ").replace("Z", " UTC")]
    cpus = ngettext("{count} CPU", "{count} CPUs", run.host.cpus)
    parts.append(", ".join([run.host.os, cpus, *run.host.gpus]))
    if run.commit is not None:
        commit = run.commit.id[:10]
        changed = _("commit {commit} with changes", commit=commit)
        parts.append(changed if run.commit.dirty else _("commit {commit}", commit=commit))
    if run.reference is not None:
        parts.append(_("each in turn with {reference}", reference=run.reference))
    return " · ".join(part for part in parts if part)


def verdicts(page: Page) -> Verdicts:
    """What moved, the gravest first; all of them folded."""
    places = page.places
    said, every, told = [], [], 0
    for run in page.runs:
        linked = [
            said_of(one, places.get((run.id, one.endpoint, one.cell or ""), "")) for one in run.verdicts
        ]
        of_text = {one.text: one for one in reversed(linked)}
        every += linked
        news = [
            of_text.get(text) or Said(name, text, tone_of(name))
            for text, name in terminal.told(run.verdicts, verbose=False)
        ]
        told += len(news)
        behind_bad = max((number for number, one in enumerate(news, 1) if one.tone == "bad"), default=0)
        said += [*news[:behind_bad], *_failed_tests(run, places), *news[behind_bad:]]
    return Verdicts(
        title=_("Verdicts"),
        see=_("see its answers"),
        lines=said,
        folded=ngettext("{count} promise in all", "All {count} promises", len(every)),
        every=every if len(every) > told else [],
    )


def _failed_tests(run: Run, places: Mapping[tuple[str, str, str], str]) -> Iterator[Said]:
    """Cells below a floor, or whose test failed, though all requests were answered; the first of many."""
    failed = [one for one in run.cells if one.failed_though_answered]
    for record in failed[: terminal.MAX_ALIKE]:
        who = _("{cell} on {endpoint}", cell=record.key, endpoint=record.endpoint)
        why = (record.failure or "").partition("\n")[0]
        link = places.get((run.id, record.endpoint, record.key), "")
        yield Said(_("failed"), f"{who}: {why}", "bad", link)
    if more := len(failed[terminal.MAX_ALIKE :]):
        yield Said(_("failed"), ngettext("{count} more test", "{count} more tests", more), "bad")


def said_of(verdict: Verdict, link: str = "") -> Said:
    """One verdict's line. ``link``: the id of its cell's section, where there is one."""
    tone = "" if verdict.metric == terminal.FACTS else tone_of(verdict.verdict)
    return Said(verdict.verdict, verdict.sentence, tone, link)


# -- endpoints ----------------------------------------------------------------------------------------------


def comparison(page: Page) -> Comparison:
    """Who wins what; measured figures and mean scores as lines, the best in bold."""
    of = sides(page)
    several = len(of) > 1
    tables = []
    if measured := compare.figures(of):
        caption = _("Measured; the best of a line in bold") if several else _("Measured")
        tables.append(_side_by_side(caption, _("metric"), of, measured))
    if means := compare.means(of):
        caption = _("Scores of 10, over the cells that all have") if several else _("Scores of 10")
        tables.append(_side_by_side(caption, _("metric"), of, means))
    tables += [table for run in page.runs if (table := _under_load(run, len(page.runs) > 1)) is not None]
    rated = compare.scores(of)
    folded = None
    if several and rated:
        left_out = len(rated) - MAX_SCORES
        caption = _("Scores by cell, those that differ most first")
        if left_out > 0:
            caption = _("Scores of the {count} cells that differ most", count=MAX_SCORES)
        folded = _side_by_side(caption, _("cell"), of, rated[:MAX_SCORES])
    return Comparison(
        title=ngettext("The endpoint", "{count} endpoints side by side", len(of)),
        sentences=page.sentences if several else (),
        tables=tables,
        folded=folded,
        facts=list(_facts(page)),
    )


def _side_by_side(caption: str, what: str, of: Sequence[Side], lines: Sequence[compare.Line]) -> Table:
    headings = [Heading(what, figure=False), *(Heading(side.endpoint, side.run_id) for side in of)]
    return Table(
        caption,
        headings,
        [
            Line([Field(line.label), *(Field(text, at in line.best) for at, text in enumerate(line.texts))])
            for line in lines
        ],
    )


def _under_load(run: Run, several: bool) -> Table | None:
    """What the system gave to all of many at once; None where nobody asked so."""
    headings, texts = underload.columns(run)
    if not texts["cell"]:
        return None
    figures = [name not in grid.LEAST for name in headings]
    titles = [Heading(*heading, figure) for heading, figure in zip(headings.values(), figures, strict=True)]
    lines = [
        Line([Field(text, figure=figure) for text, figure in zip(line, figures, strict=True)])
        for line in zip(*texts.values(), strict=True)
    ]
    caption = _("What the system gave to all requests together")
    return Table(f"{caption} ({run.id})" if several else caption, titles, lines)


def _facts(page: Page) -> Iterator[tuple[str, str]]:
    """What the endpoints say they are, and what else is to be known of a run."""
    for run in page.runs:
        for name in sorted(run.endpoints):
            yield name, terminal.what_it_is(run, name)
        for line in underload.sentences(run):
            yield _("under load"), line
        for line in passing.told(run):
            yield "pass@k", line
        if cost := costs.in_all(run, None, stopped=False):
            yield _("cost"), cost
        if run.sandbox == "none":
            yield "sandbox", _("none: answers were executed without protection")


# -- what comes last ----------------------------------------------------------------------------------------


def closing(page: Page) -> list[str]:
    """How to read it."""
    lines = [
        _(
            "Timings are medians over a cell's good rounds, taken at the client's socket; scores are means. "
            "An endpoint's figure is the median over its cells, of scores the mean. A figure that was not "
            "measured is shown as {absent}.",
            absent=grid.ABSENT,
        ),
        _("What models and servers said is shown as text; characters without a shape are made visible."),
    ]
    for run in page.runs:
        made = {"run": run.id, "version": run.plugin}
        if run.analysers is None:
            lines.append(_("Run {run} was made by pytest-llmeval-suite {version}.", **made))
        else:
            lines.append(
                _(
                    "Run {run} was made by pytest-llmeval-suite {version}; pylint {pylint} and radon {radon} "
                    "analysed its code.",
                    pylint=run.analysers.pylint,
                    radon=run.analysers.radon,
                    **made,
                )
            )
    return lines
