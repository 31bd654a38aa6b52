"""Suspected cells are measured once more before anything is red, through real pytest runs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = pytest.mark.alone
UPDATE = "--llm-update-baselines"
SLOW_S, QUICK_S = 0.012, 0.004
AFTER_THE_LAST_CELL = """\
import json, urllib.request

CELLS = {cells}
done = set()

def pytest_runtest_logreport(report):
    if report.when == "teardown":
        done.add(report.nodeid)
        if len(done) == CELLS:
            change = json.dumps({change}).encode()
            urllib.request.urlopen(urllib.request.Request("{url}/control", data=change), timeout=10)
"""
FIXTURE = "def test_add(llm):\n    assert llm.ask('Write add(a, b).', requires=['add(a, b)']).text\n"


def whole(project: Any) -> dict[str, Any]:
    """The verdict on the endpoint's speed."""
    verdicts = project.last_run()["verdicts"]
    (found,) = [one for one in verdicts if one["metric"] == "output_tps" and not one.get("cell")]
    verdict: dict[str, Any] = found
    return verdict


def then(project: Any, url: str, change: dict[str, Any], *, cells: int = 3) -> None:
    """Change the mock when the last cell is done."""
    text = AFTER_THE_LAST_CELL.format(cells=cells, change=change, url=url)
    (project.path / "conftest.py").write_text(text)


@pytest.mark.workers
def test_a_server_that_was_slow_for_a_while_is_not_red(project: Any, answering: Callable[..., str]) -> None:
    url = answering(gap_s=QUICK_S)
    assert project.pytest(f"--llm-endpoint=box={url}", UPDATE).ret == 0
    answering(gap_s=SLOW_S)
    then(project, url, {"gap_s": QUICK_S})
    result = project.pytest(f"--llm-endpoint=box={url}", "--llm-rounds=1", "--llm-confirm=9")
    verdict = whole(project)
    assert result.ret == 0, result.stdout.str()
    assert verdict["confirmed"] is False
    assert verdict["sentence"] in " ".join(result.stdout.str().split()), "said, though it is green"
    samples = project.last_run()["cells"][0]["samples"]
    assert [sample["round"] for sample in samples] == list(range(10))
    assert [sample.get("confirms", False) for sample in samples] == [False] + [True] * 9
    answers = (project.path / project_answers(project)).read_text(encoding="utf-8").splitlines()
    assert len(answers) == 30


def project_answers(project: Any) -> str:
    run = project.last_run()["id"]
    return f".llmeval/runs/{run}/answers.jsonl"


def test_the_first_look_decides_without_a_second_and_where_the_server_is_gone(
    project: Any, answering: Callable[..., str]
) -> None:
    url = answering(gap_s=QUICK_S)
    project.pytest(f"--llm-endpoint=box={url}", UPDATE)
    answering(gap_s=SLOW_S)
    result = project.pytest(f"--llm-endpoint=box={url}", "--llm-confirm=0")
    assert "confirmed" not in whole(project)
    assert "once more" not in result.stdout.str()
    assert result.ret == 1
    then(project, url, {"status": 503})
    result = project.pytest(f"--llm-endpoint=box={url}")
    assert "not confirmed: " in whole(project)["sentence"]
    assert result.ret == 1
    assert "503" in project.last_run()["unconfirmed"]["box"]
    assert all(len(cell["samples"]) == 3 for cell in project.last_run()["cells"])


def test_a_question_of_a_test_is_asked_once_more_too(project: Any, answering: Callable[..., str]) -> None:
    (project.path / "suites" / "mine.eval.yaml").unlink()
    (project.path / "test_mine.py").write_text(FIXTURE)
    url = answering(gap_s=QUICK_S)
    project.pytest(f"--llm-endpoint=box={url}", UPDATE)
    answering(gap_s=SLOW_S)
    result = project.pytest(f"--llm-endpoint=box={url}")
    assert whole(project)["confirmed"] is True
    assert result.ret == 1
    assert len(project.last_run()["cells"][0]["samples"]) == 6
