"""Cells in an HTML report: the worst in a table, and of these each with all that is known of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from pytest_llmeval.language import _, ngettext
from pytest_llmeval.model import SCORES

from . import cell as words
from . import cells as rows
from . import grid
from .chapters import Field, Heading, Line, Said, Table, said_of, tone_of
from .page import MAX_CELLS, place

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from pytest_llmeval.model import Record, Run, Sample

    from .cells import Row
    from .page import Cell, Given, Page

MAX_ROWS = 1000
"""Cells of a run that its table has: the worst."""
MAX_CHARACTERS = 20_000
"""Of one text."""
MAX_SAMPLES = 60
"""Of a cell's table."""
_SECONDS = ("ttft_s", "latency_s")
_MILLISECONDS = ("tpot_s", "gap_p50_s", "gap_p99_s", "gap_max_s")


class Text(NamedTuple):
    """A text as it came. ``left_out`` says what is not shown of it, ``folded`` hides it behind its title."""

    title: str
    text: str
    left_out: str = ""
    folded: bool = False


class Answer(NamedTuple):
    """One of a cell's answers with its scores."""

    title: str
    texts: Sequence[Text]
    scores: Sequence[tuple[str, str]] = ()
    parts: str = ""
    reasons: Sequence[str] = ()


class Section(NamedTuple):
    """A cell. ``brief`` stands beside its title, ``unknown`` for what is not there."""

    id: str
    title: str
    brief: str
    tone: str
    failures: Sequence[str]
    verdicts: Sequence[Said]
    asked: str
    question: Sequence[Text]
    unknown: Sequence[str]
    answers: Sequence[Answer]
    samples: Table


class Chapter(NamedTuple):
    """All cells: a table a run, and sections."""

    title: str
    notes: Sequence[str]
    tables: Sequence[Table]
    sections: Sequence[Section]


def chosen(runs: Iterable[Run]) -> list[tuple[Run, Record]]:
    """The cells that get a section: what failed, then what regressed, then by the lowest score and speed."""
    every = [(row, run) for run in runs for row in rows.rows(run)]
    every.sort(key=lambda pair: pair[0].badness)
    return [(run, row.record) for row, run in every[:MAX_CELLS] if row.record is not None]


def chapter(page: Page) -> Chapter:
    """Of all runs."""
    several = len(page.runs) > 1
    places = page.places
    sections = [_section(place(number), one, several) for number, one in enumerate(page.cells)]
    count = sum(len(run.cells) for run in page.runs)
    tables = [_table(run, rows.rows(run), places) for run in page.runs if run.cells]
    return Chapter(
        title=ngettext("{count} cell, the worst first", "{count} cells, the worst first", count),
        notes=list(_notes(page, tables, count)),
        tables=tables,
        sections=sections,
    )


def _notes(page: Page, tables: Sequence[Table], count: int) -> Iterator[str]:
    """What is not shown."""
    listed = sum(len(table.rows) for table in tables)
    if listed < count:
        yield _("The {listed} worst of {count} cells are listed.", listed=listed, count=count)
    if len(page.cells) < count:
        yield _(
            "{shown} of them are shown with their answers: what failed or regressed, then the lowest scores. "
            "The run file has all.",
            shown=len(page.cells),
        )


def _table(run: Run, every: Sequence[Row], places: Mapping[tuple[str, str, str], str]) -> Table:
    shown = every[:MAX_ROWS]
    headings, texts = rows.columns(every, shown, run)
    lines = []
    for number, row in enumerate(shown):
        fields = [Field(texts[name][number], figure=name not in grid.LEAST) for name in headings]
        link = "" if row.record is None else places.get((run.id, row.record.endpoint, row.record.key), "")
        lines.append(Line(fields, tone="bad" if row.style else "", link=link))
    titles = [Heading(*heading, figure=name not in grid.LEAST) for name, heading in headings.items()]
    return Table(_("Run {run}", run=run.id), titles, lines)


# -- one cell -----------------------------------------------------------------------------------------------


def _section(id_: str, one: Cell, several: bool) -> Section:
    record = one.record
    told = [v for v in one.run.verdicts if v.cell == record.key and v.endpoint == record.endpoint]
    failures = words.failures(record)
    red = failures or any(map(one.run.is_red, told))
    title = _("{cell} on {endpoint}", cell=record.key, endpoint=record.endpoint)
    tones = [tone_of(verdict.verdict) for verdict in told]
    return Section(
        id=id_,
        title=f"{title} ({one.run.id})" if several else title,
        brief=", ".join(_brief(record)),
        tone="bad" if red else "warn" if "warn" in tones else "",
        failures=[_cut(failure)[0] for failure in failures],
        verdicts=[said_of(verdict) for verdict in told],
        asked=_("Asked"),
        question=list(_question(one)),
        unknown=list(_unknown(one)),
        answers=[_answer(record, given) for given in one.answers],
        samples=_samples(record),
    )


def _brief(record: Record) -> Iterator[str]:
    failed = sum(not sample.ok for sample in record.samples)
    if failed:
        yield _("{failed} of {count} requests failed", failed=failed, count=len(record.samples))
    known = [(name, value) for name in SCORES if (value := record.figure(name)) is not None]
    yield from (f"{_(name)} {grid.points(value)}" for name, value in known[:1])
    if (speed := record.figure("output_tps")) is not None:
        yield f"{grid.digits(speed)} tok/s"


def _question(one: Cell) -> Iterator[Text]:
    asked = one.question
    if asked is None:
        return
    if asked.system:
        yield _text(_("System"), asked.system)
    yield _text(_("Prompt") if asked.system or asked.suffix else "", asked.prompt)
    if asked.suffix:
        yield _text(_("What follows the gap"), asked.suffix)


def _unknown(one: Cell) -> Iterator[str]:
    if one.question is None:
        yield _("The prompt is not in the run file, and no scenario file here has it as it was asked.")
    if not one.answers and any(sample.answer_sha256 for sample in one.record.samples):
        yield _("Its answers were not kept beside the run file, or are not here.")


def _answer(record: Record, given: Given) -> Answer:
    """Of identical answers, all of which have the same scores."""
    numbers = ", ".join(str(number + 1) for number in given.rounds)
    title = ngettext(
        "Answer of round {rounds}", "Answer of rounds {rounds}", len(given.rounds), rounds=numbers
    )
    texts = [_text("", given.text)]
    if given.code is not None and given.code.strip() != given.text.strip():
        texts.append(_text(_("The code that was found in it"), given.code)._replace(folded=True))
    if given.reasoning:
        texts.append(_text(_("Reasoning"), given.reasoning)._replace(folded=True))
    sample = next((one for one in record.samples if one.answer_sha256 == given.sha256), None)
    if sample is None:
        return Answer(title, texts)
    reasons = list(dict.fromkeys(sample.reasons))
    if sample.score is None:
        return Answer(title, texts, reasons=reasons)
    score = sample.score
    reasons += [
        _("{score} was not computed: {why}", score=name, why=why) for name, why in score.absent.items()
    ]
    known = [(name, value) for name in SCORES if (value := getattr(score, name)) is not None]
    parts = ", ".join(f"{name} {value:.4g}" for name, value in score.parts.items())
    return Answer(
        title,
        texts,
        scores=[(_(name), grid.points(value)) for name, value in known],
        parts=_("parts: {parts}", parts=parts) if parts else "",
        reasons=reasons,
    )


def _text(title: str, text: str) -> Text:
    shown, left_out = _cut(text)
    return Text(title, shown, left_out)


def _cut(text: str) -> tuple[str, str]:
    more = len(text) - MAX_CHARACTERS
    if more <= 0:
        return text, ""
    return text[:MAX_CHARACTERS], ngettext(
        "… and {count} more character", "… and {count} more characters", more
    )


def _samples(record: Record) -> Table:
    """A line a request, as many columns as have figures."""
    shown = record.samples[:MAX_SAMPLES]
    figures = {
        name: [_written(name, getattr(sample, name)) for sample in shown]
        for name in (*_SECONDS, *_MILLISECONDS, "output_tps", "prompt_tokens", "completion_tokens")
    }
    figures = {name: texts for name, texts in figures.items() if set(texts) != {grid.ABSENT}}
    headings = [Heading(_("round"), figure=False), *(_heading(name) for name in figures)]
    headings.append(Heading(_("ended"), figure=False))
    lines = []
    for number, sample in enumerate(shown):
        name = str(sample.round + 1) if sample.request is None else f"{sample.round + 1}.{sample.request + 1}"
        fields = [Field(name, figure=False), *(Field(texts[number]) for texts in figures.values())]
        fields.append(Field(_ended(sample), figure=False))
        lines.append(Line(fields, tone="" if sample.ok else "bad"))
    count = len(record.samples)
    caption = ngettext("{count} request", "{count} requests", count)
    if count > len(shown):
        caption = _("the first {shown} of {count} requests", shown=len(shown), count=count)
    return Table(caption, headings, lines)


def _heading(name: str) -> Heading:
    known = {
        "ttft_s": ("TTFT", "s"),
        "latency_s": (_("latency"), "s"),
        "tpot_s": ("TPOT", "ms"),
        "gap_p50_s": (_("gap p50"), "ms"),
        "gap_p99_s": (_("gap p99"), "ms"),
        "gap_max_s": (_("longest gap"), "ms"),
        "output_tps": (_("speed"), "tok/s"),
        "prompt_tokens": (_("prompt"), "tok"),
        "completion_tokens": (_("answer"), "tok"),
    }
    return Heading(*known[name])


def _written(name: str, value: float | None) -> str:
    if value is None:
        return grid.ABSENT
    if name in _MILLISECONDS:
        return grid.digits(1e3 * value)
    return str(value) if name.endswith("_tokens") else grid.digits(value)


def _ended(sample: Sample) -> str:
    """How, and why its timings do not count."""
    parts = [sample.error.kind if sample.error else sample.finish_reason or ""]
    if sample.void is not None:
        parts.append(_("void: {why}", why=sample.void))
    if sample.confirms:
        parts.append(_("asked once more"))
    return ", ".join(part for part in parts if part) or grid.ABSENT
