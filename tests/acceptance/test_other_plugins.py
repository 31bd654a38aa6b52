"""Beside pytest-rerunfailures and pytest-timeout; ``tests/e2e/test_plugins.py`` has the other plugins."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

FLAKY = """\
from pathlib import Path

def test_flaky(llm):
    llm.ask("Say hello.", id="hello")
    seen = Path("seen").exists()
    Path("seen").touch()
    assert seen
"""
HANGING = """\
import time

def test_hanging(llm):
    llm.ask("Say hello.", id="hello")
    time.sleep(30)

def test_next(llm):
    llm.ask("Say hello.", id="hello")
"""


@pytest.mark.workers
def test_a_rerun_is_one_cell_with_the_samples_of_both(project: Any, answering: Callable[..., str]) -> None:
    (project.path / "test_mine.py").write_text(FLAKY)
    arguments = (
        f"--llm-endpoint=box={answering()}",
        "--llm-rounds=1",
        "-prerunfailures",
        "--reruns=1",
        "test_mine.py",
    )
    result = project.pytest(*arguments)
    result.stdout.fnmatch_lines(["*1 passed, 1 rerun*"])
    [cell] = project.last_run()["cells"]
    assert [sample["ok"] for sample in cell["samples"]] == [True, True]


def test_a_time_limit_fails_the_test_and_not_the_run(project: Any, answering: Callable[..., str]) -> None:
    (project.path / "test_mine.py").write_text(HANGING)
    arguments = (
        f"--llm-endpoint=box={answering()}",
        "--llm-rounds=1",
        "-ptimeout",
        "--timeout=4",
        "test_mine.py",
    )
    result = project.pytest(*arguments)
    result.assert_outcomes(passed=1, failed=1)
    result.stdout.fnmatch_lines(["*Timeout*"])
    names = [cell["scenario"] for cell in project.last_run()["cells"]]
    assert names == ["test_hanging-hello", "test_next-hello"]
