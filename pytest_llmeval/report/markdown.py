"""A run as GitHub's Markdown: the verdict first, then a line an endpoint, the cells and failures folded."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_llmeval.language import _, ngettext

from . import cell, cells, costs, grid, headline, markup, passing, terminal, underload

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from pytest_llmeval.model import Record, Run

SUMMARY_BYTES = 1 << 20
"""What GitHub takes of a job step's summary."""
COMMENT_BYTES = 65_536
"""A comment may have so many characters; nothing has more characters than bytes."""
_MARKS = {"bad": "🔴", "warn": "🟡", "": "⚪", "good": "🟢"}
_LONGEST = 2000
"""Characters that are shown of a cell's failures; a server's page of HTML is no message."""


def document(run: Run, limit: int = SUMMARY_BYTES, *, brief: bool = False) -> str:
    """The run in at most ``limit`` bytes of UTF-8: what does not fit is left out, the best cells first.

    ``brief``: without the lines of all cells and of kept promises.
    """
    left_out = f"\n*{_('Not all of it fits here: the run file has the rest.')}*\n"
    room = limit - len(left_out.encode())
    kept: list[str] = []
    is_whole = True
    for part in _parts(run, brief=brief):
        text, whole = _within(part, room)
        kept.append(text)
        room -= len(text.encode())
        is_whole = is_whole and whole
    if is_whole:
        return "".join(kept)
    return "".join([*kept, left_out]) if room >= 0 else ""


def comment(run: Run, name: str, links: Sequence[str] = ()) -> str:
    """The run in brief as a comment that ``mark(name)`` finds again. ``links``: Markdown, to the rest."""
    opened = f"{mark(name)}\n"
    closed = f"\n<sub>{' · '.join(links)}</sub>\n" if links else ""
    room = COMMENT_BYTES - len((opened + closed).encode())
    return f"{opened}{document(run, room, brief=True)}{closed}"


def mark(name: str) -> str:
    """What a comment on a pull request begins with, unseen; ``name`` (a slug) tells several gates apart."""
    return f"<!-- llmeval: {name} -->"


class _Part:
    """``lines`` between what opens and closes them; from the end they may be left out."""

    def __init__(self, before: Sequence[str], lines: Sequence[str], after: Sequence[str] = ()) -> None:
        self.before = _text(before)
        self.lines = [_text([line]) for line in lines]
        self.after = _text(after)


def _within(part: _Part, room: int) -> tuple[str, bool]:
    """As many of the lines as there is room for, and whether these are all."""
    room -= len((part.before + part.after).encode())
    fitting: list[str] = []
    for line in part.lines:
        room -= len(line.encode())
        if room < 0:
            break
        fitting.append(line)
    text = "".join([part.before, *fitting, part.after]) if fitting else ""
    return text, len(fitting) == len(part.lines)


def _text(lines: Sequence[str]) -> str:
    return "".join(f"{line}\n" for line in lines)


def _parts(run: Run, *, brief: bool) -> Iterator[_Part]:
    tone, verdict = headline.of(run)
    yield _Part([], [f"### llmeval: {_MARKS[tone]} {verdict}", ""])
    said = [
        f"- **{name}** {markup.inline(text)}" for text, name in terminal.told(run.verdicts, verbose=False)
    ]
    yield _Part([], said, [""])
    every = cells.rows(run)
    totals = cells.totals(every, run)
    yield _Part(*_table(*cells.columns(every, totals, run)), [""])
    yield _Part(
        *_table(*underload.columns(run)),
        ["", *(f"- {markup.inline(one)}" for one in underload.sentences(run)), ""],
    )
    about = [
        f"- **{markup.inline(name)}** {markup.inline(terminal.what_it_is(run, name))}"
        for name in sorted(run.endpoints)
    ]
    about += [f"- pass@k {markup.inline(line)}" for line in passing.told(run)]
    if line := costs.in_all(run, None, stopped=False):
        about.append(f"- {markup.inline(line)}")
    yield _Part([], about, [""])
    failed = [record for record in run.cells if record.failed]
    title = ngettext("{count} cell failed", "{count} cells failed", len(failed))
    yield _folded(title, [], [_failed(record) for record in failed])
    if brief:
        return
    title = ngettext("{count} cell, the worst first", "{count} cells, the worst first", len(every))
    yield _folded(title, *_table(*cells.columns(every, every, run)))
    sentences = [f"- **{one.verdict}** {markup.inline(one.sentence)}" for one in run.verdicts]
    yield _folded(ngettext("{count} promise", "{count} promises", len(sentences)), [], sentences)


def _table(
    headings: Mapping[str, tuple[str, str]], texts: Mapping[str, Sequence[str]]
) -> tuple[list[str], list[str]]:
    """The head of a table with the terminal's columns, and its lines."""
    titles = [" ".join(filter(None, map(markup.inline, heading))) for heading in headings.values()]
    rows = zip(*([markup.inline(text) for text in column] for column in texts.values()), strict=True)
    lines = markup.table(titles, rows, texts=[at for at, name in enumerate(headings) if name in grid.LEAST])
    return lines[:2], lines[2:]


def _folded(title: str, head: Sequence[str], lines: Sequence[str]) -> _Part:
    opening, closing = markup.folded(title)
    return _Part([*opening, *head], lines, closing)


def _failed(record: Record) -> str:
    """A cell with what went wrong in it, each sentence once."""
    said = "\n".join(cell.failures(record))
    shown = said if len(said) <= _LONGEST else f"{said[:_LONGEST]}…"
    key, endpoint = markup.inline(record.key), markup.inline(record.endpoint)
    return f"**{_('{what} on {endpoint}', what=key, endpoint=endpoint)}**\n\n{markup.fenced(shown)}"
