"""A red verdict is a failing test report of its own, at the line of the promise that was broken."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from pytest_llmeval.judge.canonical import dumps
from pytest_llmeval.judge.sessions import Baseline, CellFigures, Epoch
from pytest_llmeval.judge.sessions import Session as BaselineSession
from pytest_llmeval.model import Facts, Record, Sample, Verdict
from pytest_llmeval.plugin import verdicts
from pytest_llmeval.settings import Settings

if TYPE_CHECKING:
    from pathlib import Path

NODEID = "mine.eval.yaml::a[box-en]"
LONGER = "mine.eval.yaml::a-longer[box-en]"


def verdict(metric: str = "output_tps", **known: Any) -> Verdict:
    fixed: dict[str, Any] = {
        "endpoint": "box",
        "verdict": "regressed",
        "sentence": f"{metric} fell\n  -> look",
    }
    return Verdict(**fixed | known, metric=metric)


def record(scenario: str, nodeid: str | None, endpoint: str = "box", *failed: Sample) -> Record:
    return Record(
        endpoint=endpoint,
        suite="mine",
        scenario=scenario,
        language="en",
        category="",
        prompt_sha256="",
        parameters_sha256="",
        samples=failed,
        nodeid=nodeid,
    )


class Session:
    """pytest's, as far as reports need it: ``log`` is every hook that was called."""

    def __init__(self) -> None:
        self.testscollected = 2
        self.log: list[tuple[str, Any]] = []
        names = ("pytest_runtest_logstart", "pytest_runtest_logreport", "pytest_runtest_logfinish")
        hook = SimpleNamespace(**{name: self._logging(name) for name in names})
        self.config = SimpleNamespace(hook=hook)

    def _logging(self, name: str) -> Any:
        def call(**arguments: Any) -> None:
            self.log.append((name, arguments.get("report") or arguments["nodeid"]))

        return call

    @property
    def reports(self) -> list[pytest.TestReport]:
        return [what for name, what in self.log if name == "pytest_runtest_logreport"]


@pytest.fixture
def emitted(tmp_path: Path) -> Any:
    """``emitted(*verdicts) -> (recorder, session)`` of a run with these red verdicts.

    It asked two cells of ``box``, and one of them of ``slow``; a request of each of those of ``box`` failed,
    of the longer one only when it was measured once more.
    """

    def emit(*red: Verdict) -> tuple[Any, Session]:
        context = SimpleNamespace(
            config=SimpleNamespace(rootpath=tmp_path),
            settings=Settings(baselines=tmp_path / "baselines"),
        )
        records = (
            record("a", NODEID, "box", Sample(round=0, at_s=0.0, ok=False)),
            record("a-longer", LONGER, "box", Sample(round=3, at_s=0.0, ok=False, confirms=True)),
            record("a", "mine.eval.yaml::a[slow-en]", "slow"),
            record("a", None, "reference", Sample(round=3, at_s=0.0, ok=False, confirms=True)),
        )
        recorder: Any = SimpleNamespace(red=red, records=records, context=context, cells_behind={})
        recorder.places = {NODEID: ("mine.eval.yaml", 1), LONGER: ("mine.eval.yaml", 3)}
        session: Any = Session()
        verdicts.report(recorder, session)
        return recorder, session

    return emit


def test_a_verdict_is_a_whole_test_that_failed(emitted: Any) -> None:
    _, session = emitted(verdict())
    assert [name for name, _ in session.log] == [
        "pytest_runtest_logstart",
        *["pytest_runtest_logreport"] * 3,
        "pytest_runtest_logfinish",
    ]
    assert [(one.when, one.outcome) for one in session.reports] == [
        ("setup", "passed"),
        ("call", "failed"),
        ("teardown", "passed"),
    ]
    assert {one.nodeid for one in session.reports} == {"llmeval/box::output_tps"}
    assert session.testscollected == 3, "or the progress of pytest passes 100 %"


def test_its_text_is_the_sentence_and_nothing_else(emitted: Any) -> None:
    _, session = emitted(verdict())
    failed = session.reports[1]
    assert failed.longreprtext == "output_tps fell\n  -> look"
    assert str(failed.longrepr) == "output_tps fell\n  -> look"
    crash = failed.longrepr.reprcrash
    assert crash.message == "output_tps fell", "what the short summary has room for"
    assert failed.keywords["llmeval"]


def test_a_failed_request_has_failed_its_own_item_already(emitted: Any) -> None:
    recorder, session = emitted(verdict(verdicts.ERRORS, cell="mine/a/en"))
    assert session.log == []
    assert recorder.cells_behind == {}
    assert session.testscollected == 2


def test_a_request_that_failed_when_it_was_measured_once_more_has_no_item_to_fail(emitted: Any) -> None:
    _, session = emitted(verdict(verdicts.ERRORS, cell="mine/a-longer/en"))
    assert [one.nodeid for one in session.reports if one.failed] == [f"{LONGER}::errors"]


def test_nothing_red_is_nothing_said(emitted: Any) -> None:
    assert emitted()[1].log == []


def test_a_cells_verdict_stands_at_its_scenario(emitted: Any) -> None:
    recorder, session = emitted(verdict("quality", cell="mine/a-longer/en"))
    failed = session.reports[1]
    assert failed.nodeid == "mine.eval.yaml::a-longer[box-en]::quality"
    assert failed.location[:2] == ("mine.eval.yaml", 3)
    assert failed.longrepr.reprcrash.lineno == 4, "editors count from 1"
    assert recorder.cells_behind == {failed.nodeid: ("mine.eval.yaml::a-longer[box-en]",)}


def test_an_endpoints_verdict_is_behind_all_of_its_cells(emitted: Any) -> None:
    recorder, _ = emitted(verdict())
    assert recorder.cells_behind == {
        "llmeval/box::output_tps": (NODEID, "mine.eval.yaml::a-longer[box-en]"),
    }
    recorder, _ = emitted(verdict(endpoint="slow"))
    assert recorder.cells_behind == {"llmeval/slow::output_tps": ("mine.eval.yaml::a[slow-en]",)}


@pytest.mark.parametrize("endpoint", ["box", "slow"])
def test_a_cells_verdict_is_that_of_its_own_endpoint(emitted: Any, endpoint: str) -> None:
    _, session = emitted(verdict("quality", cell="mine/a/en", endpoint=endpoint))
    assert session.reports[1].nodeid == f"mine.eval.yaml::a[{endpoint}-en]::quality"


def test_a_missing_cell_has_an_id_of_its_own_and_nothing_to_run_again(emitted: Any) -> None:
    recorder, session = emitted(verdict("cells", cell="mine/gone/en", verdict="missing"))
    assert session.reports[1].nodeid == "llmeval/box::mine/gone/en::cells"
    assert recorder.cells_behind == {"llmeval/box::mine/gone/en::cells": ()}
    assert session.reports[1].location[:2] == ("baselines/box.json", 0)


def test_a_missing_cell_stands_at_the_latest_session_that_has_it(emitted: Any, tmp_path: Path) -> None:
    cell = CellFigures(prompt_sha256="p", parameters_sha256="q")
    cells = {"mine/gone/en": cell, "mine/gone/en-or-not/en": cell}
    sessions = tuple(BaselineSession(run=f"r{number}", date="d", cells=cells) for number in range(2))
    epoch = Epoch(facts=Facts(kind="openai"), sessions=sessions)
    text = dumps(Baseline(endpoint="box", epochs=(epoch,))).decode()
    (tmp_path / "baselines").mkdir()
    (tmp_path / "baselines" / "box.json").write_text(text)
    (tmp_path / "llmeval.toml").write_text("[policy]\n")
    _, session = emitted(verdict("cells", cell="mine/gone/en", verdict="missing"))
    path, line, _ = session.reports[1].location
    assert path == "baselines/box.json"
    lines = text.splitlines()
    assert lines[line].strip().startswith('"mine/gone/en":')
    assert not any(one.strip().startswith('"mine/gone/en":') for one in lines[line + 1 :])


def test_what_a_reference_did_is_seen_again_in_the_cells_of_the_others(emitted: Any) -> None:
    recorder, session = emitted(verdict(verdicts.ERRORS, cell="mine/a/en", endpoint="reference"))
    assert session.reports[1].nodeid == "llmeval/reference::mine/a/en::errors"
    again = (NODEID, "mine.eval.yaml::a[slow-en]")
    assert recorder.cells_behind == {"llmeval/reference::mine/a/en::errors": again}
    assert session.reports[1].location[:2] == ("mine.eval.yaml", 1)


@pytest.mark.parametrize(
    ("text", "place"),
    [
        (None, ("mine.eval.yaml", 1)),
        ("rounds = 2\n", ("mine.eval.yaml", 1)),
        ("rounds = 2\n[policy]\nalpha = 0.1\n", ("llmeval.toml", 1)),
        ("[policy]\n[policy.output_tps]\n", ("llmeval.toml", 1)),
        ("[policy.output_tps]\n[policy.endpoints.box.output_tps]\n", ("llmeval.toml", 1)),
        ("[policy]\noutput_tps = {floor = 20}\n", ("llmeval.toml", 1)),
        ("[policy.ttft_s]\n", ("mine.eval.yaml", 1)),
        ("[policy.endpoints.other.output_tps]\n", ("mine.eval.yaml", 1)),
    ],
)
def test_an_endpoints_verdict_stands_at_its_policy_or_first_scenario(
    emitted: Any, tmp_path: Path, text: str | None, place: tuple[str, int]
) -> None:
    if text is not None:
        (tmp_path / "llmeval.toml").write_text(text)
    _, session = emitted(verdict())
    assert session.reports[1].location[:2] == place


def test_the_policy_may_stand_in_pyproject(emitted: Any, tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text("[tool.llmeval]\nrounds = 2\n[tool.llmeval.policy.output_tps]\n")
    _, session = emitted(verdict())
    assert session.reports[1].location[:2] == ("pyproject.toml", 2)


def test_a_baseline_outside_the_project_is_named_by_its_whole_path(emitted: Any, tmp_path: Path) -> None:
    recorder, session = emitted()
    recorder.context.settings = Settings(baselines=tmp_path.parent / "promises")
    recorder.red = (verdict("cells", cell="mine/gone/en", verdict="missing"),)
    verdicts.report(recorder, session)
    assert session.reports[1].location[0] == str(tmp_path.parent / "promises" / "box.json")
