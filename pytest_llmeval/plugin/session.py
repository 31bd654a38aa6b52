"""The recorder: on the controller, it collects records, has them judged and publishes the run.

Records arrive on test reports, in this process or through xdist, so a worker that dies takes only its running
cell with it. All files are written here, each once and atomically.
"""

from __future__ import annotations

from contextlib import contextmanager, nullcontext, suppress
from functools import cached_property
from typing import TYPE_CHECKING, Any

import pytest

from pytest_llmeval.errors import BaselineError
from pytest_llmeval.language import ngettext

from . import ending, options, unselected

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

    from pytest_llmeval.model import Record, Run, Verdict

    from .context import Context
    from .resume import Log

LAST_FAILED = "cache/lastfailed"
_LONGEST = 1000
"""Characters that the run file keeps of why a test failed."""


class Recorder:
    """One run's records, and what becomes of them."""

    def __init__(self, context: Context) -> None:
        self.context = context
        self.plain_records: dict[tuple[str, str], dict[str, Any]] = {}
        """By endpoint and cell key; the samples of all attempts of a rerun cell together."""
        self.answers: list[dict[str, Any]] = []
        self.asked_by_tests: dict[str, dict[str, Any]] = {}
        """Cell key -> the plain scenario of a question that an ``llm`` test asked."""
        self.places: dict[str | None, tuple[str, int]] = {}
        """Node id of a cell, or of an ``llm`` test -> file, relative to the rootdir, and line (0-based)."""
        self.done: set[str] = set()
        """Node ids of the tests that passed."""
        self.failures: dict[str, str] = {}
        """Node id of a test that failed -> why, in its first words."""
        self.not_measurable: set[tuple[str, str]] = set()
        """Cells that their endpoint can never be asked: a cold start of a server that is not ours."""
        self.was_stopped = False
        """Whether the cost ceiling left out a cell, or some of its rounds."""
        self.was_faulted = False
        """Whether this machine could not score or record what a cell was answered."""
        self.late: set[tuple[str, str]] = set()
        """Cells that were not asked, or not to their end, because the run's time was over."""
        self.unselected = 0
        self.was_interrupted = False
        self.was_refused = False
        """Whether the run can't be resumed: nothing of it is published."""
        self.run: Run | None = None
        self.notes: list[str] = []
        self.unwritten: list[str] = []
        """What could not be written, a sentence each."""
        self.cells_behind: dict[str, tuple[str, ...]] = {}
        """Node id of a verdict's report -> the node ids of the cells behind it."""

    # -- collecting ----------------------------------------------------------------------------------------

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Take in what a cell's report carries."""
        payload: dict[str, Any] | None = getattr(report, "llmeval", None)
        if report.when == "call" and self.context.asked:
            self._note_end(report)
        if payload is not None:
            path, line, _ = report.location
            self.places[report.nodeid] = (path, line or 0)
            self.keep(payload)
            self.log.note(report, payload)
        elif unselected.is_told(report):
            self.unselected += 1

    def _note_end(self, report: pytest.TestReport) -> None:
        """How a test ended; of one that is run again its last attempt."""
        self.failures.pop(report.nodeid, None)
        if report.passed:
            self.done.add(report.nodeid)
        elif report.failed:
            crash = getattr(report.longrepr, "reprcrash", None)
            said = crash.message if crash is not None else str(report.longrepr)
            self.failures[report.nodeid] = said.removeprefix("Failed: ")[:_LONGEST]

    def keep(self, payload: dict[str, Any]) -> None:
        """Add records and answers; a cell that comes again adds its samples."""
        for record in payload["records"]:
            key = (record["endpoint"], "/".join((record["suite"], record["scenario"], record["language"])))
            if known := self.plain_records.get(key):
                known["samples"] += record["samples"]
                known["load"] = known.get("load", []) + record.get("load", [])
            else:
                self.plain_records[key] = record
        self.answers += payload["answers"]
        self.asked_by_tests |= payload.get("scenarios", {})
        self.was_stopped |= payload.get("stopped", False)
        self.was_faulted |= payload.get("faulted", False)
        if "late" in payload:
            endpoint, cell = payload["late"]
            self.late.add((endpoint, cell))
        if "not_measurable" in payload:
            endpoint, cell = payload["not_measurable"]
            self.not_measurable.add((endpoint, cell))

    @cached_property
    def log(self) -> Log:
        """The journal."""
        from .resume import Log

        return Log(self.context)

    def check_resumed(self, changed_cells: Sequence[str], endpoints: Iterable[str]) -> None:
        """Raises ``pytest.UsageError`` where what is resumed would not be one run."""
        try:
            self.log.check(changed_cells, endpoints)
        except pytest.UsageError:
            self.was_refused = True
            raise

    # -- the run -------------------------------------------------------------------------------------------

    @contextmanager
    def around(self, session: pytest.Session) -> Iterator[None]:
        """Round pytest's run loop: prepare before it, publish after it, however it ends."""
        if self.context.asked and not session.config.option.collectonly:
            self._prepare(session)
        try:
            with ending.as_ctrl_c() if self.context.asked else nullcontext():
                try:
                    yield
                except KeyboardInterrupt as ended:
                    if type(ended) is KeyboardInterrupt:  # not what pytest makes of ``-x``
                        self._hear_workers()
                    raise
        except KeyboardInterrupt:
            self.was_interrupted = True
            self._publish(session)
            raise
        except BaseException:
            self._publish(session)
            raise
        else:
            self._publish(session)
            self._refuse_unwritten()
            self._refuse_unasked()
        finally:
            self.context.close()

    def _prepare(self, session: pytest.Session) -> None:
        from . import preparation

        preparation.prepare(self.context)
        if self.context.unfinished is None:
            return
        for attempts in self.context.unfinished.cells.values():
            for cell in attempts:
                self.keep(cell.payload)
        if not session.config.pluginmanager.hasplugin("dsession"):  # else its workers collect
            from .exclusive import endpoints

            self.check_resumed(self.context.changed_cells, endpoints(session.items))

    def _hear_workers(self) -> None:
        """What those were in the middle of that the same Ctrl-C reached. A second one waits for nobody."""
        if "desk_server" not in self.context.__dict__:
            return
        with suppress(KeyboardInterrupt):
            self.context.desk_server.wait()
        for payload in self.context.desk_server.interrupted:
            self.keep(payload)

    def _publish(self, session: pytest.Session) -> None:
        if self.was_refused or session.config.option.collectonly or self.context.is_copied:
            return
        if self.context.unfinished is not None:
            self.log.show_again(session)
        if not (self.plain_records or self.late):
            return
        from . import publish, verdicts

        self.run = publish.build_run(self, session)
        try:
            if not self.was_interrupted:
                self.run = publish.judged(self, self.run, session)
        finally:  # whatever happens, and before anything is told: the terminal may be gone
            publish.write(self, self.run)
        if not self.was_interrupted:
            verdicts.report(self, session)
            self.notes += publish.update_baselines(self, self.run)
        publish.write_markdown(self, self.run)
        publish.write_html(self, self.run)
        cut_off = self.was_interrupted or session.shouldfail or session.shouldstop
        with self.kept(self.context.folder):
            lacking = self.was_stopped or self.was_faulted or self.late or self.unwritten
            self.log.end(whole=not (cut_off or lacking))
        publish.benchmark(self, self.run)
        hook = session.config.hook
        for record in self.run.cells:
            hook.pytest_llmeval_record(config=session.config, record=record)
        hook.pytest_llmeval_report(config=session.config, run=self.run)

    @contextmanager
    def kept(self, path: Path) -> Iterator[None]:
        """Round the writing of a file: one that can't be written costs no other, and the run is red."""
        try:
            yield
        except BaselineError as error:
            self.unwritten.append(str(error))
        except OSError as error:
            self.unwritten.append(f"{path}: can't be written: {error.strerror or error}")

    def _refuse_unwritten(self) -> None:
        if self.unwritten:
            raise pytest.UsageError("\n".join(dict.fromkeys(self.unwritten)))

    def _refuse_unasked(self) -> None:
        """A gate must not be green for nothing."""
        if (sentence := self.unasked()) and self.context.settings.strict:
            raise pytest.UsageError(f"--llm-strict: {sentence}")

    def unasked(self) -> str | None:
        """Why no cell was asked, where pytest itself does not say it."""
        if self.unselected:
            return f"{self.unselected} skipped: {unselected.REASON}"
        if not self.context.asked or not self.context.settings.candidates:
            return None
        view, settings = self.context.view, self.context.settings
        if sentence := view.unspoken(settings.prompt_languages):
            return sentence
        others = len(view.elsewhere) + len(view.tests_elsewhere)
        if others and not self._expected() and not view.tests.keys() - view.tests_elsewhere:
            return ngettext(
                "nothing is left for shard {shard}: {count} cell or test is all there is to split",
                "nothing is left for shard {shard}: {count} cells or tests are all there is to split",
                others,
                shard=settings.shard,
            )
        return None

    def left_out(self) -> bool:
        """Whether something of the suites in view was not run: that is no evidence about the whole.

        Of a shard: something that no other shard runs either.
        """
        view = self.context.view
        if (
            self.was_stopped
            or self.was_faulted
            or self.late
            or self._expected() - set(self.plain_records) - self.not_measurable
            or view.functions - view.finished(self.done | view.tests_elsewhere)
        ):
            return True
        if options.narrowed(self.context.config, view) & {module for module, _ in view.functions}:
            return True
        return not self.context.everything and view.has_more_files()

    def _expected(self) -> set[tuple[str, str]]:
        """Endpoint and key of every cell of the scenario files in view that this shard has."""
        view, settings = self.context.view, self.context.settings
        wanted = settings.prompt_languages
        cells = {key for key in view.cells if not wanted or key.rpartition("/")[2] in wanted}
        return {
            (endpoint.name, key)
            for endpoint in settings.candidates
            for key in cells
            if f"{endpoint.name} {key}" not in view.elsewhere
        }

    @property
    def records(self) -> tuple[Record, ...]:
        """All records so far, in a stable order."""
        from pytest_llmeval import wire
        from pytest_llmeval.model import Record

        return tuple(wire.build(self.plain_records[key], Record) for key in sorted(self.plain_records))

    @property
    def red(self) -> tuple[Verdict, ...]:
        """The verdicts that fail the build, as far as ``--llm-strict`` and ``--llm-fail-inconclusive`` go."""
        return self.run.red if self.run else ()

    # -- the end -------------------------------------------------------------------------------------------

    def say(self, reporter: pytest.TerminalReporter) -> None:
        """The table, the sentences, and GitHub's annotations."""
        if self.run is None:
            if sentence := self.unasked():
                reporter.write_line(f"llmeval: {sentence}")
            return
        from . import github, publish

        publish.say(self, self.run, reporter)
        github.annotate(self, reporter)

    def mend_last_failed(self) -> None:
        """``--lf`` can't run a verdict: replace the verdicts' ids by the cells behind them."""
        cache = getattr(self.context.config, "cache", None)
        if not self.cells_behind or cache is None:
            return
        failed: dict[str, bool] = cache.get(LAST_FAILED, {})
        mended = {nodeid: True for nodeid in failed if nodeid not in self.cells_behind}
        for nodeid in failed:
            mended.update(dict.fromkeys(self.cells_behind.get(nodeid, ()), True))
        cache.set(LAST_FAILED, mended)
