"""What finished before a run broke off is shown again: as the reports of one run."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from pytest_llmeval import wire
from pytest_llmeval.journal import Cell
from pytest_llmeval.plugin.resume import Log

if TYPE_CHECKING:
    from collections.abc import Callable


@pytest.fixture
def shown(pytester: pytest.Pytester) -> Callable[..., list[tuple[str, str, str]]]:
    """``shown(*reports)`` -> node id, phase and outcome of every report that is emitted for them."""
    config = pytester.parseconfig("-pno:cacheprovider")
    emitted: list[Any] = []

    def pytest_runtest_logreport(report: Any) -> None:
        emitted.append(report)

    config.pluginmanager.register(SimpleNamespace(pytest_runtest_logreport=pytest_runtest_logreport))

    def show(*reports: pytest.TestReport) -> list[tuple[str, str, str]]:
        plain = config.hook.pytest_report_to_serializable
        told = {
            report.nodeid: (
                Cell(
                    nodeid=report.nodeid,
                    at_s=1.0,
                    final=True,
                    identity={},
                    facts={},
                    payload={},
                    report=wire.plain(plain(config=config, report=report)),
                ),
            )
            for report in reports
        }
        context: Any = SimpleNamespace(
            unfinished=SimpleNamespace(cells=told), began_unix=2.0, started_unix=1.0
        )
        session: Any = SimpleNamespace(config=config, testscollected=0)
        Log(context).show_again(session)
        assert session.testscollected == len(reports)
        return [(one.nodeid, one.when, one.outcome) for one in emitted]

    return show


def report(nodeid: str, when: Any, outcome: Any, longrepr: Any = None) -> pytest.TestReport:
    return pytest.TestReport(nodeid, ("t.py", 0, "x"), {}, outcome, longrepr, when)


def test_a_test_has_three_phases(shown: Any) -> None:
    skip = ("t.py", 3, "Skipped: too late")
    assert shown(report("a", "call", "failed", "0 > 7"), report("b", "call", "skipped", skip)) == [
        ("a", "setup", "passed"),
        ("a", "call", "failed"),
        ("a", "teardown", "passed"),
        ("b", "setup", "passed"),
        ("b", "call", "skipped"),
        ("b", "teardown", "passed"),
    ]


def test_one_whose_fixture_asked_in_vain_has_no_call(shown: Any) -> None:
    assert shown(report("a", "setup", "failed", "http_5xx")) == [
        ("a", "setup", "failed"),
        ("a", "teardown", "passed"),
    ]
