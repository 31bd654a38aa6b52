"""What an HTML report is made of, gathered from every wing: runs, answers, scenario files, baselines.

A run file has neither prompts nor answers. A prompt comes from the scenario file that its cell's node id
names, where its hash is still the one that was asked; an answer from the lines that are kept beside the run.
"""

from __future__ import annotations

import importlib.util
import json
from typing import TYPE_CHECKING, Any

from . import compare, evaluate, hashes, problems, scenarios, shipped, trends
from .errors import LLMEvalError, UsageError
from .language import _
from .model import cell_key
from .report import html, sections
from .report.compare import sides
from .report.page import Cell, Given, Page, Question
from .score import rubric

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    from .judge import Baseline
    from .model import Policy, Record, Run, Scenario
    from .report.page import Trend

Answers = dict[tuple[str, str, str], list[dict[str, Any]]]
"""Run id, endpoint and cell -> lines of ``answers.jsonl``."""


def check_extra(asked_by: str) -> None:
    """Raises ``UsageError`` where the packages that draw a report are not installed."""
    missing = [name for name in html.NEEDS if importlib.util.find_spec(name) is None]
    if missing:
        raise UsageError(
            f"a report is drawn with {' and '.join(html.NEEDS)}; not installed: {', '.join(missing)}",
            where=asked_by,
            hint="pip install 'pytest-llmeval-suite[report]'",
        )


def gathered(
    runs: Sequence[Run],
    *,
    root: Path,
    answers: Mapping[str, Iterable[Mapping[str, Any]]],
    baselines: Mapping[str, Baseline] | None = None,
    policy: Policy | None = None,
    asked: Mapping[str, Scenario] | None = None,
) -> Page:
    """A page about runs. ``answers``: run id -> lines; ``asked``: cell -> a scenario that no file has."""
    chosen = sections.chosen(runs)
    texts = _texts(chosen, answers)
    known = _Scenarios(root, asked or {})
    found, untold = _trends(runs, baselines, policy)
    of = sides(runs)
    return Page(
        runs=runs,
        sentences=compare.told(of) if len(of) > 1 else (),
        trends=found,
        untold=untold,
        cells=[_cell(run, record, known, texts) for run, record in chosen],
    )


def lines(path: Path) -> Iterator[dict[str, Any]]:
    """The lines of an ``answers.jsonl``; none where it is not there, or none that can be read."""
    try:
        with path.open(encoding="utf-8") as file:
            for line in map(json.loads, file):
                if isinstance(line, dict):
                    yield line
    except (OSError, ValueError, RecursionError):
        return


def _texts(
    chosen: Iterable[tuple[Run, Record]], answers: Mapping[str, Iterable[Mapping[str, Any]]]
) -> Answers:
    """The lines of the chosen cells only: those of a large run do not all fit into memory."""
    texts: Answers = {(run.id, record.endpoint, record.key): [] for run, record in chosen}
    for run, of_run in answers.items():
        for line in of_run:
            kept = texts.get((run, str(line.get("endpoint")), str(line.get("cell"))))
            if kept is not None:
                kept.append(dict(line))
    return texts


def _trends(
    runs: Iterable[Run], baselines: Mapping[str, Baseline] | None, policy: Policy | None
) -> tuple[list[Trend], list[str]]:
    """The trends of every endpoint of every run, and why some have none."""
    if baselines is None:
        return [], []
    found, untold = [], []
    for run in runs:
        if run.reference is not None or run.interrupted:
            continue
        for name in sorted({record.endpoint for record in run.cells}):
            baseline = baselines.get(name)
            own = list(trends.of(baseline, run, policy)) if baseline else []
            found += own
            if not own:
                untold.append(
                    _("{endpoint} has no sessions in a baseline to be shown beside.", endpoint=name)
                )
    return found, list(dict.fromkeys(untold))


# -- one cell -----------------------------------------------------------------------------------------------


def _cell(run: Run, record: Record, known: _Scenarios, texts: Answers) -> Cell:
    scenario = known.of(record)
    rounds: dict[tuple[str, str], list[int]] = {}
    for line in texts[run.id, record.endpoint, record.key]:
        text, reasoning, number = line.get("text"), line.get("reasoning"), line.get("round")
        if isinstance(text, str) and isinstance(reasoning, str) and isinstance(number, int):
            rounds.setdefault((text, reasoning), []).append(number)
    return Cell(
        run=run,
        record=record,
        question=None if scenario is None else _question(scenario, record.language),
        answers=tuple(
            Given(
                text, reasoning, evaluate.sha256(text), tuple(sorted(set(of_text))),
                code=None if scenario is None else _code(scenario, record.language, text),
            )
            for (text, reasoning), of_text in rounds.items()
        ),
    )  # fmt: skip


def _question(scenario: Scenario, language: str) -> Question:
    return Question(scenario.prompt[language], scenario.system, scenario.suffix)


def _code(scenario: Scenario, language: str, text: str) -> str | None:
    found = rubric.extracted(scenario, evaluate.whole(scenario, language, text))
    return None if found is None else found.code


class _Scenarios:
    """The scenarios of a project, read from the files that are asked for."""

    def __init__(self, root: Path, asked: Mapping[str, Scenario]) -> None:
        self._root = root
        self._asked = asked
        self._files: dict[str, dict[str, Scenario]] = {}

    def of(self, record: Record) -> Scenario | None:
        """What the record's cell was asked; None where no file has it, or has it otherwise now."""
        scenario = self._asked.get(record.key)
        if scenario is None and record.nodeid is not None:
            place = record.nodeid.partition("::")[0]
            if place not in self._files:
                self._files[place] = self._read(place)
            scenario = self._files[place].get(record.key)
        if scenario is None or hashes.prompt_sha256(scenario, record.language) != record.prompt_sha256:
            return None
        return scenario

    def _read(self, place: str) -> dict[str, Scenario]:
        """Cell key -> scenario, of one file."""
        path = self._root / place
        if place.startswith(f"{shipped.PREFIX}/"):
            path = shipped.folder() / place.removeprefix(f"{shipped.PREFIX}/")
        try:
            form = problems if problems.are_in(path) else scenarios
            suite = form.load(path, root=self._root)
        except (LLMEvalError, OSError):
            return {}
        return {
            cell_key(one.suite, one.id, language): one for one in suite.scenarios for language in one.prompt
        }
