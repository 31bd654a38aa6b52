"""What a test learned, on its way to the controller: records and answers, plain, on the test's report.

pytest-xdist carries whatever attribute a report has, so that what is finished survives its worker.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from pytest_llmeval.errors import CeilingError, OutOfTimeError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pytest_llmeval import evaluate

KEY = pytest.StashKey[dict[str, Any]]()
"""On an item: its payload so far."""


def of(outcomes: Iterable[evaluate.Outcome]) -> dict[str, Any]:
    """Records, and answers as the lines of ``answers.jsonl``.

    Of what a ceiling ended it carries what ``left_out`` tells; ``faulted``: this machine could not score or
    record all of it.
    """
    from pytest_llmeval import wire

    outcomes = list(outcomes)
    kept = [one for outcome in outcomes for one in outcome.both]
    ended = [(one.stopped, one.record.endpoint, one.record.key) for one in outcomes if one.stopped]
    return {
        "records": [wire.plain(outcome.record) for outcome in kept],
        "answers": [wire.plain(line) for outcome in kept for line in outcome.lines],
        **(left_out(*ended[-1]) if ended else {}),
        **({"faulted": True} if any(one.faults for one in outcomes) else {}),
    }


def left_out(error: CeilingError, endpoint: str, key: str) -> dict[str, Any]:
    """What a payload has of a cell that was not asked, or not to its end: ``stopped`` by the cost ceiling,
    or ``late``.
    """
    return {"late": [endpoint, key]} if isinstance(error, OutOfTimeError) else {"stopped": True}


def attach(item: pytest.Item, report: pytest.TestReport) -> None:
    """Ship it once: on the ``call`` report, or on that of a ``setup`` in which a fixture asked and failed."""
    learned = item.stash.get(KEY, None)
    is_last = report.when == "call" or (report.when == "setup" and not report.passed)
    if learned is not None and is_last:
        report.llmeval = learned  # type: ignore[attr-defined]  # any attribute travels
