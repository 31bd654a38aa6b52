"""Where the run as Markdown goes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import pytest


def test_a_file_or_the_steps_summary(
    project: Any, answering: Callable[..., str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    summary = tmp_path / "summary.md"
    summary.write_text("of the step before\n")
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(summary))
    arguments = (f"--llm-endpoint=box={answering()}", "--llm-rounds=1")
    assert project.pytest(*arguments).ret == 0
    said = summary.read_text()
    assert said.startswith("of the step before\n### llmeval: ")
    assert "- **box** " in said
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(tmp_path))
    result = project.pytest(*arguments)
    assert result.ret == 0
    result.stdout.fnmatch_lines(["no summary for GitHub: *: Is a directory"])
    comment = tmp_path / "comment.md"
    assert project.pytest(*arguments, f"--llm-markdown={comment}").ret == 0
    assert comment.read_text().startswith("### llmeval: ")
