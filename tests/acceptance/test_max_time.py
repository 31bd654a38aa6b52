"""A run that may not take long: what comes first, what is cut off, and what that means."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

UPDATE = "--llm-update-baselines"
LATE = """\
import types, time
from pytest_llmeval.plugin import bench

def pytest_runtest_setup(item):
    if {late!r} in item.name:
        bench.time = types.SimpleNamespace(monotonic=lambda: time.monotonic() + 3600)
"""


def make_late(project: Any, item: str) -> None:
    """An hour has passed when the item begins."""
    (project.path / "conftest.py").write_text(LATE.format(late=item))


def time_verdicts(project: Any) -> list[dict[str, Any]]:
    return [one for one in project.last_run()["verdicts"] if one["metric"] == "time"]


@pytest.mark.workers
@pytest.mark.parametrize("strict", [False, True])
def test_what_is_cut_off_is_named_and_red_under_strict(
    project: Any, answering: Callable[..., str], *, strict: bool
) -> None:
    """``add`` in Korean is the second of its category: it comes after ``greet``."""
    url = f"--llm-endpoint=box={answering()}"
    project.pytest(url, UPDATE)
    make_late(project, "add[box-ko]")
    more = ["--llm-strict"] if strict else ["--no-llm-strict"]
    result = project.pytest(url, "--llm-max-time=30m", UPDATE, "-rfs", *more)
    assert result.ret == (1 if strict else 0), result.stdout.str()
    result.stdout.fnmatch_lines(["SKIPPED*the 30m of --llm-max-time are over*"])
    run = project.last_run()
    assert run["cut_off"] == {"box": ["mine/add/ko"]}
    assert run["complete"] is False
    assert [cell["scenario"] for cell in run["cells"]] == ["add", "greet"]
    (verdict,) = time_verdicts(project)
    assert verdict["sentence"] == "1 cell of box was cut off by --llm-max-time=30m: mine/add/ko"
    assert "the run is partial" in result.stdout.str()
    if strict:
        result.stdout.fnmatch_lines(["FAILED llmeval/box::time - 1 cell of box was cut off*"])


def test_the_other_cells_come_first_and_in_their_order(project: Any, answering: Callable[..., str]) -> None:
    url = f"--llm-endpoint=box={answering()}"
    result = project.pytest(url, "--llm-max-time=30m", "-v", "--llm-rounds=1")
    lines = [line.partition(" ")[0] for line in result.stdout.lines if "PASSED" in line]
    assert [line.partition("::")[2] for line in lines] == ["add[box-en]", "greet[box-ko]", "add[box-ko]"]
    assert "at most 30m" in result.stdout.str()
    assert time_verdicts(project) == []


def test_a_run_of_which_nothing_was_in_time_is_published(project: Any, answering: Callable[..., str]) -> None:
    make_late(project, "box")
    result = project.pytest(f"--llm-endpoint=box={answering()}", "--llm-max-time=30m", "--llm-strict")
    assert result.ret == 1
    assert project.last_run()["cells"] == []
    assert len(project.last_run()["cut_off"]["box"]) == 3


def test_no_round_begins_when_the_time_is_over(project: Any, answering: Callable[..., str]) -> None:
    """Of 200 rounds of a fifth of a second, the cell keeps those that there was time for."""
    url = answering(ttft_s=0.2)
    more = ("--llm-max-time=6s", "--llm-rounds=200", "-k", "greet", "-rs")
    result = project.pytest(f"--llm-endpoint=box={url}", *more)
    result.stdout.fnmatch_lines(["SKIPPED*the 6s of --llm-max-time are over*"])
    (cell,) = project.last_run()["cells"]
    assert 1 <= len(cell["samples"]) <= 30
    assert project.last_run()["cut_off"] == {"box": ["mine/greet/ko"]}
