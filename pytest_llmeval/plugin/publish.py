"""What the controller does with a run's records: judge, write, hand to pytest-benchmark, update, say."""

from __future__ import annotations

import datetime as dt
import json
import shutil
import time
from typing import TYPE_CHECKING, Any

from msgspec import structs

from pytest_llmeval import __version__, judge, provenance, runfile, shards, shipped, wire
from pytest_llmeval.judge import baselines
from pytest_llmeval.language import _, ngettext
from pytest_llmeval.measure import price
from pytest_llmeval.measure.telemetry import steps, summary
from pytest_llmeval.model import Run, Scenario, Shard, Telemetry, score_spread
from pytest_llmeval.report import costs, markdown, safe, terminal
from pytest_llmeval.score.analyser import Analyser
from pytest_llmeval.score.sandbox import choice

from . import confirmation, options

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    import pytest

    from pytest_llmeval.model import Record
    from pytest_llmeval.settings import Settings

    from .session import Recorder


def build_run(recorder: Recorder, session: pytest.Session) -> Run:
    """The run as its file has it, not judged yet."""
    context = recorder.context
    records = tuple(_summed_up(record, recorder.failures) for record in recorder.records)
    known = [key for baseline in context.baselines.values() for key in baseline.cells]
    selection = context.view.selection(
        known,
        everything=not recorder.was_interrupted and context.everything,
        narrowed=options.narrowed(context.config, context.view),
        shipped=shipped.names(),
        done=recorder.done,
        records=records,
    )
    whole = (
        not recorder.was_interrupted
        and not session.shouldfail
        and not session.shouldstop
        and not recorder.left_out()
    )
    return Run(
        id=context.run_id,
        started=_utc(context.started_unix),
        finished=_utc(time.time()),
        interrupted=recorder.was_interrupted,
        reference=context.settings.reference,
        complete=whole and context.settings.shard is None,
        plugin=__version__,
        host=provenance.host(),
        analysers=Analyser.versions(),
        sandbox=_sandbox(context.settings, records),
        commit=provenance.commit(context.config.rootpath),
        parts=recorder.log.parts,
        shard=_shard(context.settings, whole=whole),
        endpoints=recorder.log.facts,
        selection=selection,
        cells=records,
        telemetry=_telemetry(records, context.local_desk.memory_steps),
        servers=context.local_desk.servers,
        costs=price.of_records(records),
        max_time_s=context.settings.max_time_s,
        cut_off={
            name: tuple(sorted(key for endpoint, key in recorder.late if endpoint == name))
            for name in sorted({late[0] for late in recorder.late})
        },
        strict=context.settings.strict,
        fail_inconclusive=context.settings.fail_inconclusive,
    )


def _shard(settings: Settings, *, whole: bool) -> Shard | None:
    if settings.shard is None:
        return None
    number, of = shards.read(settings.shard)
    return Shard(number=number, of=of, whole=whole)


def _sandbox(settings: Settings, records: Iterable[Record]) -> str | None:
    """What checks were executed in, as every process of the run chose it; None where none were."""
    scores = [sample.score for record in records for sample in record.samples]
    if not any(score is not None and "checks" in score.parts for score in scores):
        return None
    return choice.usable(settings.sandbox).name


def _telemetry(
    records: Iterable[Record], memory_steps: Mapping[str, dict[str, dict[str, float]]]
) -> dict[str, Telemetry]:
    """By endpoint: over its cells, with the memory of a server of ours while it came up."""
    windows: dict[str, list[Telemetry]] = {name: [] for name in memory_steps}
    for record in records:
        if record.telemetry is not None:
            windows.setdefault(record.endpoint, []).append(record.telemetry)
    return {
        name: steps.with_steps(
            summary.of_cells(of_cells) or Telemetry(wall_s=0.0), memory_steps.get(name, {})
        )
        for name, of_cells in windows.items()
    }


def _summed_up(record: Record, failures: Mapping[str, str]) -> Record:
    """With what follows from all of its samples, those of every attempt of a cell that was run again, and
    why its test failed (node id -> its first words).
    """
    priced = any(sample.cost is not None for sample in record.samples)
    return structs.replace(
        record,
        cost=price.of_samples(record.samples) if priced else None,
        spread=score_spread(record.samples),
        failure=failures.get(record.nodeid or ""),
    )


def judged(recorder: Recorder, run: Run, session: pytest.Session) -> Run:
    """The run with its verdicts, and with what was measured once more before any of them is red."""
    settings = recorder.context.settings
    known = recorder.context.baselines
    verdicts = judge.judge_run(known, run, settings.policy)
    if verdicts.suspects and settings.confirm:
        unconfirmed = confirmation.measure(recorder, verdicts.suspects)
        run = structs.replace(build_run(recorder, session), unconfirmed=unconfirmed)
        verdicts = judge.judge_run(known, run, settings.policy)
    return structs.replace(run, verdicts=verdicts.lines)


def update_baselines(recorder: Recorder, run: Run) -> list[str]:
    """Append this run to the baselines where asked to; what happened, a sentence an endpoint."""
    settings = recorder.context.settings
    if not settings.update_baselines:
        return []
    said: list[str] = []
    with recorder.kept(settings.baselines):
        said += baselines.update(settings.baselines, run, settings.policy)
    return said


def write(recorder: Recorder, run: Run) -> None:
    """Run file, answers and ``last-run.json``."""
    context = recorder.context
    text = runfile.dump(run)
    if context.settings.answers:
        answers = context.run_folder / "answers.jsonl"
        with recorder.kept(answers):
            runfile.write(answers, _answers(recorder))
    if context.settings.json is not None:
        with recorder.kept(context.settings.json):
            runfile.write(context.settings.json, text)
    path = context.run_folder / "run.json"
    where = path.relative_to(context.config.rootpath).as_posix()
    with recorder.kept(path):
        runfile.write(path, text)
        runfile.write(context.folder / "last-run.json", json.dumps({"run": where}) + "\n")


def write_markdown(recorder: Recorder, run: Run) -> None:
    """The file that was asked for, else a part of the job step's summary."""
    settings = recorder.context.settings
    if settings.markdown is not None:
        with recorder.kept(settings.markdown):
            runfile.write(settings.markdown, markdown.document(run, markdown.COMMENT_BYTES))
        return
    if settings.step_summary is None:
        return
    try:
        taken = settings.step_summary.stat().st_size if settings.step_summary.exists() else 0
        with settings.step_summary.open("a", encoding="utf-8", newline="\n") as summary:
            summary.write(markdown.document(run, max(0, markdown.SUMMARY_BYTES - taken)))
    except OSError as error:
        recorder.notes.append(
            _("no summary for GitHub: {path}: {why}", path=settings.step_summary, why=error.strerror)
        )


def write_html(recorder: Recorder, run: Run) -> None:
    """The report that was asked for, beside the baselines as they were before this run."""
    settings = recorder.context.settings
    if settings.html is None:
        return
    from pytest_llmeval import dossier
    from pytest_llmeval.report import html

    page = dossier.gathered(
        [run],
        root=recorder.context.config.rootpath,
        answers={run.id: recorder.answers if settings.answers else ()},
        baselines=recorder.context.baselines,
        policy=settings.policy,
        asked={key: wire.build(one, Scenario) for key, one in recorder.asked_by_tests.items()},
    )
    with recorder.kept(settings.html):
        runfile.write(settings.html, html.document(page))


def _answers(recorder: Recorder) -> str:
    def place(line: dict[str, Any]) -> tuple[str, str, int, int]:
        return line["endpoint"], line["cell"], line["round"], line.get("request", 0)

    lines = sorted(recorder.answers, key=place)
    return "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines)


def benchmark(recorder: Recorder, run: Run) -> None:
    """Every cell in pytest-benchmark's table and files."""
    from . import benchmark as adapter

    adapter.feed(recorder.context.config, run)


def say(recorder: Recorder, run: Run, reporter: pytest.TerminalReporter) -> None:
    """The table, the verdicts that matter, what was written."""
    verbose: Any = recorder.context.config.option.verbose
    if verbose < -1:
        return
    reporter.write_sep("=", "llmeval")
    table = terminal.table(
        run,
        width=shutil.get_terminal_size().columns,
        color=reporter.hasmarkup,
        verbose=verbose > 0,
        brief=verbose < 0,
    )
    for row in table.rstrip("\n").split("\n"):  # pytest escapes a text whole where a letter can't be shown
        reporter.write_line(row)
    ceiling = recorder.context.settings.max_cost
    if line := costs.in_all(run, ceiling, stopped=recorder.was_stopped):
        reporter.write_line(line)
    for note in recorder.notes:
        reporter.write_line(safe.block(note))
    if recorder.was_interrupted:
        for line in recorder.unwritten:
            reporter.write_line(safe.block(line))
        said = ngettext(
            "interrupted: {count} cell ran and is kept; nothing was judged",
            "interrupted: {count} cells ran and are kept; nothing was judged",
            len(run.cells),
        )
        reporter.write_line(said)


def _utc(unix: float) -> str:
    return dt.datetime.fromtimestamp(unix, dt.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
