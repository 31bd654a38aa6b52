"""``llmeval baseline rescore``: the answers that are kept, scored by today's rules and checks."""

from __future__ import annotations

import json
import sys
from functools import cached_property
from typing import TYPE_CHECKING

from pytest_llmeval import evaluate, hashes, runfile, scenarios, shipped
from pytest_llmeval.errors import BaselineError, LLMEvalError, RunFileError, ScenarioError
from pytest_llmeval.judge import baselines, sessions
from pytest_llmeval.language import _
from pytest_llmeval.model import cell_key
from pytest_llmeval.report import safe
from pytest_llmeval.score.analyser import Analyser
from pytest_llmeval.score.sandbox import choice

from . import place
from .suite import files

if TYPE_CHECKING:
    import argparse
    from collections.abc import Mapping
    from pathlib import Path

    from pytest_llmeval.judge import Baseline
    from pytest_llmeval.judge.sessions import CellFigures, Session
    from pytest_llmeval.model import Record, Scenario
    from pytest_llmeval.score.sandbox.protocol import Sandbox


def run(options: argparse.Namespace) -> int:
    """Score every session anew whose answers are all kept, and say of the others why not.

    Exits with 1 where scores of a session stay as they are though they are not today's.
    """
    folder = place.promises(options)[0]
    known = baselines.load_all(folder)
    names = options.endpoint or sorted(known)
    for name in names:
        if name not in known:
            hint = f"there are: {', '.join(sorted(known))}" if known else "llmeval baseline update makes one"
            raise BaselineError(f"{name} has no baseline", where=str(folder), hint=hint)
    if not names:
        print(place.no_baseline(folder))
        return 0
    stale = False
    with Analyser() as analyser:
        again = _Again(place.root(), analyser, choice.usable(options.sandbox))
        for name in names:
            scored, why_not = again.baseline(known[name])
            print(safe.block(baselines.rescore(folder, name, scored, again.rules, why_not)))
            stale |= bool(why_not)
    return 1 if stale else 0


class _NotScoredError(Exception):
    """Why a session keeps the scores that it has, for people."""


class _Again:
    """Scores what was answered in earlier runs of the project at ``root``."""

    def __init__(self, root: Path, analyser: Analyser, sandbox: Sandbox) -> None:
        self.rules = sessions.scoring_by(analyser.versions())
        self._root = root
        self._analyser = analyser
        self._sandbox = sandbox

    def baseline(self, baseline: Baseline) -> tuple[dict[str, dict[str, CellFigures]], dict[str, str]]:
        """Run id -> cell -> its figures with new scores; and run id -> why a session can't be scored anew."""
        scored, why_not = {}, {}
        waiting = [one for one in baseline.sessions if not self._is_current(one)]
        for number, session in enumerate(waiting, 1):
            if sys.stderr.isatty():
                print(f"{baseline.endpoint}: session {number} of {len(waiting)}", end="\r", file=sys.stderr)
            try:
                scored[session.run] = self._session(baseline.endpoint, session)
            except (_NotScoredError, LLMEvalError) as error:
                why_not[session.run] = str(error).splitlines()[0]
        return scored, why_not

    def _is_current(self, session: Session) -> bool:
        """Whether it has the scores of today's rules and checks already."""
        if session.fingerprints.scoring != self.rules:
            return False
        return all(
            key in self._scenarios and cell.checks_sha256 == hashes.checks_sha256(self._scenarios[key])
            for key, cell in session.cells.items()
        )

    def _session(self, endpoint: str, session: Session) -> dict[str, CellFigures]:
        folder = self._root / ".llmeval" / "runs" / session.run
        try:
            run = runfile.load(folder / "run.json")
        except RunFileError as error:
            raise _NotScoredError(_("its run is not kept")) from error
        texts = _answers(folder / "answers.jsonl", endpoint)
        records = {record.key: record for record in sessions.records(run, endpoint)}
        return {
            key: self._cell(key, cell, records.get(key), texts.get(key, {}))
            for key, cell in session.cells.items()
        }

    def _cell(
        self, key: str, cell: CellFigures, record: Record | None, texts: Mapping[str, str]
    ) -> CellFigures:
        scenario = self._scenarios.get(key)
        if scenario is None:
            raise _NotScoredError(_("no scenario file yields {cell}", cell=key))
        if hashes.prompt_sha256(scenario, key.rpartition("/")[2]) != cell.prompt_sha256:
            raise _NotScoredError(_("{cell} has another prompt now", cell=key))
        if record is None:
            raise _NotScoredError(_("its run does not have {cell}", cell=key))
        if not {one.answer_sha256 for one in record.samples if one.ok and one.answer_sha256} <= texts.keys():
            raise _NotScoredError(_("an answer of {cell} is not kept", cell=key))
        record = evaluate.rescored(record, scenario, texts, self._analyser, self._sandbox)
        scores = (sample.score for sample in record.samples if sample.score is not None)
        absent = {metric: why for score in scores for metric, why in score.absent.items()}
        for metric in absent.keys() & cell.samples.keys():
            raise _NotScoredError(f"{metric} of {key}: {absent[metric]}")
        return sessions.cell_figures(record)

    @cached_property
    def _scenarios(self) -> dict[str, Scenario]:
        """Cell key -> its scenario, of the project and of the shipped suites; a broken file yields none."""
        found: dict[str, Scenario] = {}
        of_shipped = [path for name in shipped.names() for path in shipped.files(name)]
        for path in (*of_shipped, *files.below(self._root)):
            try:
                suite = scenarios.load(path, root=self._root)
            except ScenarioError:
                continue
            for scenario in suite.scenarios:
                found |= {cell_key(scenario.suite, scenario.id, one): scenario for one in scenario.prompt}
        return found


def _answers(path: Path, endpoint: str) -> dict[str, dict[str, str]]:
    """Cell -> hash of an answer -> its text. Raises ``_NotScoredError`` where answers are not kept."""
    found: dict[str, dict[str, str]] = {}
    try:
        with path.open(encoding="utf-8") as lines:
            for line in map(json.loads, lines):
                if line["endpoint"] == endpoint:
                    found.setdefault(line["cell"], {})[evaluate.sha256(line["text"])] = line["text"]
    except (OSError, ValueError, KeyError, TypeError):
        raise _NotScoredError(_("its answers are not kept")) from None
    return found
