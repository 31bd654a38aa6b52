"""One process or several workers: the same run. ``benchmarks/parity.py`` tries every arrangement."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import parity
import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

pytest.importorskip("xdist")


def test_a_run_comes_to_the_same_in_workers(project: Any, mock: str) -> None:
    parity.mock_server.control(mock, answers=parity.ANSWERS)
    seen = []
    for number, arrangement in enumerate(("-n0", "-n2 --dist=worksteal")):
        folder = project.path / str(number) / "project"
        parity.project(folder, mock)
        seen.append(parity.outcome(folder, arrangement, stop=False))
    alone, workers = seen
    assert alone.exit_codes == [1, 1], "a cell is below its floor"
    assert alone.refused, "so the run was not appended to the baselines"
    assert len(alone.run["cells"]) == 8
    assert len(alone.last_failed) == 2
    assert alone.run["complete"] is True
    reruns = [len(cell["samples"]) for cell in alone.run["cells"] if cell["scenario"] == "wrong"]
    assert reruns == [2, 2], "both attempts"
    assert parity.unlike(workers, alone) == []
    assert [len(sessions) for sessions in alone.baselines.values()] == [1, 1]
    assert len(alone.benchmark) >= 8
    assert alone.judge[1]


def test_a_worker_that_dies_takes_its_running_cell_alone(project: Any, answering: Callable[..., str]) -> None:
    (project.path / "test_own.py").write_text(
        "import os, signal\n\n"
        "def test_dies(llm):\n"
        "    llm.ask('Write add(a, b).', id='fatal')\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    project.workers = 2
    result = project.pytest(f"--llm-endpoint={answering()}", "--llm-rounds=1")
    assert result.ret == 1
    result.assert_outcomes(passed=3, failed=1)
    result.stdout.fnmatch_lines(
        [
            "llmeval: default *",
            "llmeval: 2 workers take turns at 1 measuring slot *",
            "worker 'gw?' crashed while running 'test_own.py::test_dies[[]default]'",
        ]
    )
    run = project.last_run()
    assert len(run["cells"]) == 3
    assert run["complete"] is False
