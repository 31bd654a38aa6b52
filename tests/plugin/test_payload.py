"""What a test learned goes to the controller once, on the last report that is sure to come."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from pytest_llmeval.errors import CeilingError, OutOfTimeError
from pytest_llmeval.plugin import payload

LEARNED: dict[str, Any] = {"records": [], "answers": []}


@pytest.mark.parametrize(
    ("when", "outcome", "ships"),
    [
        ("setup", "passed", False),
        ("setup", "failed", True),
        ("setup", "skipped", True),
        ("call", "passed", True),
        ("call", "failed", True),
        ("teardown", "passed", False),
        ("teardown", "failed", False),
    ],
)
def test_it_travels_on_one_report(when: Any, outcome: Any, ships: bool) -> None:
    item: Any = SimpleNamespace(stash=pytest.Stash())
    report = pytest.TestReport("t::x", ("t", 0, "x"), {}, outcome, None, when)
    payload.attach(item, report)
    assert not hasattr(report, "llmeval"), "it asked nobody"
    item.stash[payload.KEY] = LEARNED
    payload.attach(item, report)
    assert getattr(report, "llmeval", None) == (LEARNED if ships else None)


def test_what_a_ceiling_ended() -> None:
    assert payload.left_out(OutOfTimeError("over"), "box", "s/a/en") == {"late": ["box", "s/a/en"]}
    assert payload.left_out(CeilingError("spent"), "box", "s/a/en") == {"stopped": True}
