"""Confirm before red: after the loop the controller measures suspected cells once more.

Whatever keeps it from doing so is no error of the run: the verdicts stand, and the reason is told with them.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from msgspec import structs

from pytest_llmeval import scenarios, wire
from pytest_llmeval.errors import LLMEvalError
from pytest_llmeval.language import N_, _, ngettext
from pytest_llmeval.model import Scenario, cell_key, suite_of
from pytest_llmeval.report import cell as cell_text

from . import payload

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pytest_llmeval import evaluate
    from pytest_llmeval.model import Endpoint

    from .context import Context
    from .session import Recorder

MOST_CELLS = 40
"""Of an endpoint: enough for any verdict, and a bound where hundreds are suspected."""

INTERRUPTED = N_("measuring once more was interrupted")


class _UnconfirmedError(Exception):
    """Why cells of an endpoint can't be measured once more, for people."""


def measure(recorder: Recorder, suspects: Mapping[str, Sequence[str]]) -> dict[str, str]:
    """Measure suspected cells (by endpoint, those to begin with first) and keep their samples.

    Takes no longer than the run has taken so far. Returns endpoint -> why some were not measured.
    """
    here = recorder.context
    until = time.monotonic() + here.ran_s
    unconfirmed: dict[str, str] = {}
    for endpoint in here.settings.endpoints:
        cells = suspects.get(endpoint.name, ())
        if not cells:
            continue
        if _(INTERRUPTED) in unconfirmed.values():
            unconfirmed[endpoint.name] = _(INTERRUPTED)
            continue
        try:
            _refuse(here, endpoint)
            _tell(here, endpoint.name, len(cells[:MOST_CELLS]))
            _measure(recorder, endpoint, cells, until)
        except (_UnconfirmedError, LLMEvalError) as error:
            unconfirmed[endpoint.name] = str(error).splitlines()[0]
        except KeyboardInterrupt:  # it ends the waiting; what was measured is judged
            unconfirmed[endpoint.name] = _(INTERRUPTED)
        finally:
            here.desk.drop()
    return unconfirmed


def _tell(here: Context, endpoint: str, cells: int) -> None:
    reporter: Any = here.config.pluginmanager.getplugin("terminalreporter")
    if reporter is not None and here.config.option.verbose >= 0:
        reporter.ensure_newline()
        if here.config.get_terminal_writer().width_of_current_line:  # dots of workers, which it doesn't count
            reporter.write_line("")
        said = ngettext(
            "{endpoint} may have lost; before it is red, {count} cell is measured once more, {rounds} each",
            "{endpoint} may have lost; before it is red, {count} cells are measured once more, {rounds} each",
            cells,
            endpoint=endpoint,
            rounds=ngettext("{count} round", "{count} rounds", here.settings.confirm),
        )
        reporter.write_line(f"llmeval: {said}")


def _refuse(here: Context, endpoint: Endpoint) -> None:
    """Raises ``_UnconfirmedError`` where the controller is not who the cells were measured by."""
    if here.is_spread:
        raise _UnconfirmedError(_("it was measured by workers on other machines"))
    if endpoint.kind == "replay":
        raise _UnconfirmedError(_("a recording can't be asked once more"))


def _measure(recorder: Recorder, endpoint: Endpoint, cells: Sequence[str], until: float) -> None:
    for number, cell in enumerate(cells):
        if number == MOST_CELLS or (number and time.monotonic() > until):
            raise _UnconfirmedError(
                _("only {number} of {count} cells were measured once more", number=number, count=len(cells))
            )
        recorder.keep(payload.of([_again(recorder, endpoint, cell)]))


def _again(recorder: Recorder, endpoint: Endpoint, cell: str) -> evaluate.Outcome:
    """More rounds of a cell, numbered after those that it has."""
    here, record = recorder.context, recorder.plain_records[endpoint.name, cell]
    language = cell.rpartition("/")[2]
    outcome = here.bench.run(
        endpoint,
        _scenario(recorder, cell),
        language,
        nodeid=record.get("nodeid"),
        rounds=here.settings.confirm,
    )
    if outcome.interrupted:
        raise KeyboardInterrupt
    if outcome.faults:
        raise _UnconfirmedError(outcome.faults[0])
    if outcome.record.prompt_sha256 != record["prompt_sha256"]:
        raise _UnconfirmedError(_("the prompt of {cell} changed while the run was under way", cell=cell))
    for one in outcome.both:
        if not any(sample.ok for sample in one.record.samples):
            raise _UnconfirmedError(cell_text.failure(one.record.samples[0]))
    return _after(1 + max(sample["round"] for sample in record["samples"]), outcome)


def _after(rounds: int, outcome: evaluate.Outcome) -> evaluate.Outcome:
    """The outcome with its rounds numbered from ``rounds`` on, and marked for what they are."""
    record = outcome.record
    samples = (
        structs.replace(sample, round=rounds + sample.round, confirms=True) for sample in record.samples
    )
    load = (structs.replace(batch, round=rounds + batch.round) for batch in record.load)
    answers = (structs.replace(answer, round=rounds + answer.round) for answer in outcome.answers)
    return structs.replace(
        outcome,
        record=structs.replace(record, samples=tuple(samples), load=tuple(load)),
        answers=tuple(answers),
        stopped=None,
        reference=_after(rounds, outcome.reference) if outcome.reference else None,
    )


def _scenario(recorder: Recorder, cell: str) -> Scenario:
    """What was asked: of the suite's files, else as its ``llm`` test told. Raises ``ScenarioError``."""
    if plain := recorder.asked_by_tests.get(cell):
        return wire.build(plain, Scenario)
    here, language = recorder.context, cell.rpartition("/")[2]
    for path in (path for path, suite in here.view.files.items() if suite == suite_of(cell)):
        for scenario in scenarios.load(Path(path), root=here.config.rootpath).scenarios:
            if language in scenario.prompt and cell_key(scenario.suite, scenario.id, language) == cell:
                return scenario
    raise _UnconfirmedError(_("the scenario of {cell} was removed while the run was under way", cell=cell))
