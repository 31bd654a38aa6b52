"""The journal of this run, and taking up one that broke off.

On the controller. A finished test goes to the journal when its report arrives; a resumed run keeps what its
journal has, leaves those tests out of the collection, and shows their reports again when it ends, so that
exit code, JUnit and ``--lf`` are those of one run. Nothing is asked before it is sure that nothing changed.
"""

from __future__ import annotations

import hashlib
import time
from typing import TYPE_CHECKING, Any

import pytest

from pytest_llmeval import __version__, hashes, journal, provenance, settings, wire
from pytest_llmeval.errors import EndpointError, ResumeError
from pytest_llmeval.journal import Asked, Cell, Journal, Opening, Reopening
from pytest_llmeval.judge import promises
from pytest_llmeval.model import Part
from pytest_llmeval.report import safe
from pytest_llmeval.score.analyser import Analyser

from . import exclusive

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from pytest_llmeval.journal import Unfinished
    from pytest_llmeval.model import Facts
    from pytest_llmeval.settings import Settings

    from .context import Context

SHARED = ("rounds", "rounds_given", "warmup", "timeout_s", "sandbox", "reference", "shard")
"""Settings that must be the same in every part of a run."""
PHASES = ("setup", "call", "teardown")
AFRESH = "start a new run, without --llm-resume, or put back what changed"


def find(context: Context) -> Unfinished:
    """The run to take up. Raises ``pytest.UsageError`` where there is none, or it was asked otherwise."""
    try:
        path = journal.find(context.folder / "runs", context.settings.resume or "")
        told = journal.read(path)
    except ResumeError as error:
        raise pytest.UsageError(str(error)) from None
    _refuse(told, journal.changes(told.opening.asked, asked(context.settings)))
    return told


def asked(chosen: Settings) -> Asked:
    """What every part of the run must share."""
    return Asked(
        plugin=__version__,
        host=provenance.host(),
        analysers=Analyser.versions(),
        options={name: getattr(chosen, name) for name in SHARED},
        endpoints={endpoint.name: wire.plain(endpoint) for endpoint in chosen.endpoints},
    )


def _refuse(told: Unfinished, changed: Sequence[str]) -> None:
    if changed:
        more = f" (and {len(changed) - 5} more)" if len(changed) > 5 else ""
        raise pytest.UsageError(
            f"run {told.opening.run} can't be resumed, it would not be one run: "
            f"{safe.line('; '.join(changed[:5]))}{more}\n  -> {AFRESH}"
        )


# -- what was collected, in every process ------------------------------------------------------------------


def leave_out(context: Context, items: list[pytest.Item]) -> None:
    """Take finished tests out of the collection, and remember which of them would be asked otherwise now."""
    finished = context.finished
    now = {item.nodeid: identity_of(item, context) for item in items if item.nodeid in finished}
    context.changed_cells = journal.changed_cells(finished, now)
    items[:] = [item for item in items if item.nodeid not in finished]


def tell(context: Context, items: Iterable[pytest.Item]) -> None:
    """A worker says what changed, and whom the rest asks."""
    context.remote_desk.tell_resumed(context.changed_cells, exclusive.endpoints(items))


def identity_of(item: pytest.Item, context: Context) -> dict[str, str]:
    """What a test asks, as hashes by name."""
    from .items import ScenarioItem

    if not isinstance(item, ScenarioItem) or item.endpoint is None:
        return _identity_of_test(item.path)
    scenario, endpoint = item.scenario, item.endpoint
    sampling = settings.sampling(context.settings, scenario, endpoint)
    return {
        "prompt": hashes.prompt_sha256(scenario, item.language),
        "parameters": hashes.parameters_sha256(
            temperature=sampling.temperature or 0.0,
            seed=sampling.seed,
            max_tokens=sampling.max_tokens,
            load=scenario.load,
            cold=scenario.cold,
            form=endpoint.form,
        ),
        "checks": hashes.checks_sha256(scenario),
    }


def _identity_of_test(path: Any) -> dict[str, str]:
    """Of a test with the ``llm`` fixture: what it asks is in its module."""
    return {"module": hashlib.sha256(path.read_bytes()).hexdigest()}


# -- on the controller -------------------------------------------------------------------------------------


class Log:
    """The journal as the recorder writes it: from the first cell on, to the end of a run that is whole."""

    def __init__(self, context: Context) -> None:
        self.context = context
        self._journal: Journal | None = None
        self._is_full = False
        self._began_s = round(context.began_unix - context.started_unix, 3)

    def check(self, changed_cells: Sequence[str], endpoints: Iterable[str]) -> None:
        """Before a resumed run asks anything. Raises ``pytest.UsageError`` where it would not be one run.

        ``endpoints``: those that are still to be asked.
        """
        told = self.context.unfinished
        if told is None or self._journal is not None:
            return
        _refuse(told, changed_cells)
        for name in endpoints:
            if name in told.facts:
                _refuse(told, self._changed_facts(name, told.facts[name]))
        self._journal = self._opened(told)

    def _changed_facts(self, name: str, then: Facts) -> list[str]:
        desk = self.context.local_desk
        try:
            now = desk.open(name).facts
        except EndpointError as error:
            raise pytest.UsageError(safe.block(f"the run can't be resumed yet: {error}")) from None
        finally:
            desk.drop()
        return [f"endpoint {name}: {changed}" for changed in promises.changed_facts(then, now)]

    def _opened(self, told: Unfinished) -> Journal:
        try:
            opened = Journal(told.path, told.opening, keep_bytes=told.size_bytes)
        except ResumeError as error:
            raise pytest.UsageError(str(error)) from None
        opened.write(Reopening(at_s=self._began_s))
        return opened

    def note(self, report: pytest.TestReport, payload: dict[str, Any]) -> None:
        """Write down what a finished test learned. One that cost or time cut off is not finished, nor one
        whose answers this machine could not score or record.

        A run whose journal can't be written goes on: it only can't be taken up behind that place.
        """
        unfinished = payload.keys() & {"stopped", "late", "faulted"}
        if not payload["records"] or unfinished or self._is_full:
            return
        try:
            self._note(report, payload)
        except OSError as error:
            self._is_full = True
            assert self.context.recorder is not None
            where = self.context.folder
            self.context.recorder.unwritten.append(
                f"{where}: the journal can't be written: {error.strerror}; the rest of the run is not in it"
            )

    def _note(self, report: pytest.TestReport, payload: dict[str, Any]) -> None:
        context = self.context
        if self._journal is None:
            opening = Opening(
                run=context.run_id, started_unix=context.started_unix, asked=asked(context.settings)
            )
            self._journal = Journal(context.run_folder / journal.FILE, opening)
        told = context.config.hook.pytest_report_to_serializable(config=context.config, report=report)
        for name in ("llmeval", "node"):  # what the payload has, and the worker, who is gone by then
            told.pop(name, None)
        names = {record["endpoint"] for record in payload["records"]}
        self._journal.write(
            Cell(
                nodeid=report.nodeid,
                at_s=self._now_s(),
                final=report.outcome in ("passed", "failed", "skipped"),
                identity=self._identity(report.nodeid, payload["records"][0]),
                facts={name: facts for name, facts in context.local_desk.facts.items() if name in names},
                payload=payload,
                report=wire.plain(told),
            )
        )

    def _identity(self, nodeid: str, record: dict[str, Any]) -> dict[str, str]:
        path = self.context.config.rootpath / nodeid.partition("::")[0]
        if path.suffix == ".py":
            return _identity_of_test(path)
        return {name: record[f"{name}_sha256"] for name in ("prompt", "parameters", "checks")}

    def _now_s(self) -> float:
        return round(time.time() - self.context.started_unix, 3)

    @property
    def facts(self) -> dict[str, Facts]:
        """What every endpoint is, also where only the part before was asked."""
        told = self.context.unfinished
        return (told.facts if told else {}) | self.context.local_desk.facts

    @property
    def parts(self) -> tuple[Part, ...]:
        """Of the run as it will be published; none where it is in one piece."""
        told = self.context.unfinished
        if told is None:
            return ()
        return (*told.parts, Part(started_s=self._began_s, finished_s=self._now_s()))

    def show_again(self, session: pytest.Session) -> None:
        """Emit the reports of the tests that finished before the run broke off."""
        told = self.context.unfinished
        if told is None:
            return
        for attempts in told.cells.values():
            session.testscollected += 1
            for cell in attempts:
                _emit(session.config, cell)

    def end(self, *, whole: bool) -> None:
        """Of a run that is whole nothing is left to resume; of another one the journal stays."""
        if self._journal is not None and whole:
            self._journal.remove()
        elif self._journal is not None:
            self._journal.close()


def _emit(config: pytest.Config, cell: Cell) -> None:
    hook = config.hook
    data = dict(cell.report)
    if isinstance(data["longrepr"], list):  # a skip's place and reason: JSON has no tuples
        data["longrepr"] = tuple(data["longrepr"])
    report: pytest.TestReport = hook.pytest_report_from_serializable(config=config, data=data)
    path, line, name = report.location
    location = (path, line, name)
    hook.pytest_runtest_logstart(nodeid=report.nodeid, location=location)
    for when in PHASES:
        if when == report.when:
            hook.pytest_runtest_logreport(report=report)
        elif when != "call":  # it has none where its setup asked and failed
            hook.pytest_runtest_logreport(report=_passed(report, when))
    hook.pytest_runtest_logfinish(nodeid=report.nodeid, location=location)


def _passed(of: pytest.TestReport, when: Any) -> pytest.TestReport:
    """The phase before or after a call: what it did is not kept."""
    return pytest.TestReport(
        nodeid=of.nodeid,
        location=of.location,
        keywords=of.keywords,
        outcome="passed",
        longrepr=None,
        when=when,
        duration=0.0,
    )
