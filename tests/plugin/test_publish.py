"""What the controller writes of a run, and what it says where it can't."""

from __future__ import annotations

from contextlib import nullcontext
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from pytest_llmeval.model import Host, Run
from pytest_llmeval.plugin import publish
from pytest_llmeval.settings import Settings

if TYPE_CHECKING:
    from pathlib import Path

RUN = Run(
    id="r", started="", finished="", complete=True, plugin="0", host=Host(cpus=1, os="", python=""),
)  # fmt: skip


def written(**known: Any) -> list[str]:
    """Write Markdown under these settings; the notes that the terminal shows."""
    recorder: Any = SimpleNamespace(
        context=SimpleNamespace(settings=Settings(**known)), notes=[], kept=lambda _path: nullcontext()
    )
    publish.write_markdown(recorder, RUN)
    notes: list[str] = recorder.notes
    return notes


def test_the_steps_summary_is_appended_to_and_may_be_out_of_reach(tmp_path: Path) -> None:
    summary = tmp_path / "summary.md"
    summary.write_text("before\n")
    assert written(step_summary=summary) == []
    assert summary.read_text().startswith("before\n### llmeval: ")
    assert written(step_summary=tmp_path) == [f"no summary for GitHub: {tmp_path}: Is a directory"]
    assert written() == []


def test_a_summary_that_is_full_is_left_as_it_is(tmp_path: Path) -> None:
    summary = tmp_path / "summary.md"
    summary.write_text("x" * (1 << 20))
    assert written(step_summary=summary) == []
    assert summary.stat().st_size == 1 << 20


def test_a_file_that_was_asked_for_is_instead_of_the_summary(tmp_path: Path) -> None:
    assert written(step_summary=tmp_path / "summary.md", markdown=tmp_path / "out" / "run.md") == []
    assert (tmp_path / "out" / "run.md").read_text().startswith("### llmeval: ")
    assert not (tmp_path / "summary.md").exists()
