"""Queries: what they return on small databases, told by SQLite in the sandbox.

``correctness`` is ten times the share of databases on which the answer returns the rows that are wanted: the
check's, or those of the scenario's reference. Rows count in any order unless the reference orders them,
floats by nine digits, names of columns not at all. SQLite's authorizer lets a query read and no more.
"""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING, Any

from pytest_llmeval.errors import UnscorableError
from pytest_llmeval.score.sandbox.protocol import Broken, Raised, Returned

from .protocol import Marks

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_llmeval.model import Scenario
    from pytest_llmeval.score.sandbox.protocol import Result

    from .protocol import Answer, Means

Rows = list[tuple[Any, ...]]

_PROGRAM = """\
import itertools, sqlite3
allowed = {{sqlite3.SQLITE_SELECT, sqlite3.SQLITE_READ, sqlite3.SQLITE_FUNCTION, sqlite3.SQLITE_RECURSIVE}}
class {setup_error}(Exception):
    pass
def rows(setup, query):
    database = sqlite3.connect(":memory:")
    try:
        database.executescript(setup)
    except sqlite3.Error as error:
        raise {setup_error}(str(error)) from None
    database.commit()
    database.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, 100_000)
    allow, deny = sqlite3.SQLITE_OK, sqlite3.SQLITE_DENY
    database.set_authorizer(lambda action, *_: allow if action in allowed else deny)
    rounds = itertools.count()
    database.set_progress_handler(lambda: next(rounds) > {rounds}, {steps})
    cursor = database.execute(query)
    if cursor.description is None:
        raise sqlite3.ProgrammingError("it is no query")
    return cursor.fetchmany({most})
"""
_SETUP_ERROR = "SetupError"
_STEPS = 10_000
_ROUNDS = 500
"""Of ``_STEPS`` instructions of SQLite's machine each: about a tenth of a second in all."""
_MOST_ROWS = 1_000
_INTERRUPTED = "interrupted"
"""What SQLite says when its progress handler ends a query."""
_COMMENT_OR_TEXT = re.compile(
    r"""(?P<comment>--[^\n]*+|/\*.*?(?:\*/|\Z))|'[^']*+'|"[^"]*+"|`[^`]*+`|\[[^\]]*+\]""", re.DOTALL
)
_INNERMOST = re.compile(r"\([^()]*+\)")
_ORDER = re.compile(r"\border\s+by\b", re.IGNORECASE)
_SHOWN_ROWS = 3
_SHOWN_TEXT = 100


def score(scenario: Scenario, answer: Answer, means: Means) -> Marks:
    """Ask the answer, and the reference where there is one, on every database of the scenario."""
    checks, reference = scenario.queries, scenario.reference
    setups = [f"{scenario.given or ''}\n;\n{check.insert}" for check in checks]
    results = _ask(setups, bare(answer.code), means)
    wanted = [list(check.rows or ()) for check in checks]
    if reference is not None:
        told = _ask(setups, reference, means)
        wanted = [
            wanted[place] if check.rows is not None else _rows(told[place], place)
            for place, check in enumerate(checks)
        ]
    ordered = reference is not None and is_ordered(reference)
    wrong = [
        None if why is None else f"the query fails on the {_nth(place)} database: {why}"
        for place, (result, rows) in enumerate(zip(results, wanted, strict=True))
        for why in [failure(result, rows, ordered=ordered)]
    ]
    passed = wrong.count(None)
    reasons = tuple(why for why in wrong if why is not None)
    parts = {"checks": len(checks), "checks_passed": passed}
    return Marks(round(10 * passed / len(checks), 3), parts, reasons=reasons)


def is_ordered(query: str) -> bool:
    """Whether the outermost query orders its rows: what stands in parentheses orders others."""
    outer, inner = _COMMENT_OR_TEXT.sub(" ", query), ""
    while outer != inner:
        outer, inner = _INNERMOST.sub(" ", outer), outer
    return _ORDER.search(outer) is not None


def bare(query: str) -> str:
    """The query without comments, and without what ends it."""
    told = _COMMENT_OR_TEXT.sub(lambda found: " " if found["comment"] else found[0], query)
    return told.rstrip("; \t\r\n\f\v")


def failure(result: Result, wanted: Sequence[Sequence[Any]], *, ordered: bool) -> str | None:
    """What is wrong with a query's result, in words; None if nothing is."""
    if isinstance(result, Returned):
        return _difference(_plain(result), [tuple(row) for row in wanted], ordered=ordered)
    if isinstance(result, Broken):
        return f"it {result.reason}"
    return "it does not end" if result.text == _INTERRUPTED else f"the database says: {_cut(result.text)}"


def _ask(setups: Sequence[str], query: str, means: Means) -> tuple[Result, ...]:
    """The result on each database. Raises ``UnscorableError`` where one of them can't be made."""
    program = _PROGRAM.format(rounds=_ROUNDS, steps=_STEPS, most=_MOST_ROWS + 1, setup_error=_SETUP_ERROR)
    results = means.sandbox.run(program, tuple(f"rows({setup!r}, {query!r})" for setup in setups))
    for place, result in enumerate(results):
        if isinstance(result, Raised) and result.names[:1] == (_SETUP_ERROR,):
            what = f"the scenario's {_nth(place)} database can't be made: {result.text}"
            raise UnscorableError(what)
    return results


def _rows(result: Result, place: int) -> Rows:
    """What the reference returned. Raises ``UnscorableError``: without it nothing can be told."""
    if isinstance(result, Returned):
        return _plain(result)
    why = result.text if isinstance(result, Raised) else result.reason
    raise UnscorableError(f"the scenario's reference fails on its {_nth(place)} database: {why}")


def _plain(result: Returned) -> Rows:
    rows = result.value if isinstance(result.value, list) else []
    return [tuple(row) if isinstance(row, (list, tuple)) else (row,) for row in rows]


def _difference(found: Rows, wanted: Rows, *, ordered: bool) -> str | None:
    """How the rows differ from those wanted; None if they do not."""
    if len(found) > _MOST_ROWS:
        return f"it returns more than {_MOST_ROWS:,} rows; {len(wanted)} were expected"
    if found and wanted and len(found[0]) != len(wanted[0]):
        return f"it returns {len(found[0])} columns; {len(wanted[0])} were expected"
    mine, theirs = [*map(_key, found)], [*map(_key, wanted)]
    have, need = Counter(mine), Counter(theirs)
    if have == need:
        return "the rows are right, their order is not" if ordered and mine != theirs else None
    told = f"it returns {len(found)} rows; {len(wanted)} were expected"
    for what, rows, keys, others in (("missing", wanted, need, have), ("too many", found, have, need)):
        odd = [row for row in rows if keys[_key(row)] > others[_key(row)]]
        told += f"; {what}: {_shown(odd)}" if odd else ""
    return told


def _key(row: Sequence[Any]) -> tuple[object, ...]:
    """What makes two rows the same: of a float nine digits; 2.0 is 2, and true is 1, as SQLite has it."""
    return tuple(
        f"{value:.9g}"
        if isinstance(value, float) and not value.is_integer()
        else str(int(value))
        if isinstance(value, int | float)
        else (type(value), value)
        for value in row
    )


def _shown(rows: Rows) -> str:
    shown = ", ".join(str(row) for row in list(dict.fromkeys(rows))[:_SHOWN_ROWS])
    return _cut(shown) if len(rows) <= _SHOWN_ROWS else f"{_cut(shown)} …"


def _nth(place: int) -> str:
    return {0: "1st", 1: "2nd", 2: "3rd"}.get(place, f"{place + 1}th")


def _cut(text: str) -> str:
    text = " ".join(text.split())
    return text if len(text) <= _SHOWN_TEXT else f"{text[: _SHOWN_TEXT - 1]}…"
