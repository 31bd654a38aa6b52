"""Where a run is told beside the terminal: in the job's summary, and as HTML with what only the run knew."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import pytest

TEST = """\
def test_it(llm):
    llm.ask("Write add for a test.", requires=["add(a, b)"])
"""


def test_the_run_in_the_steps_summary_and_as_html(
    project: Any, answering: Callable[..., str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    summary = tmp_path / "summary.md"
    summary.write_text("of the step before\n")
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(summary))
    (project.path / "test_mine.py").write_text(TEST)
    result = project.pytest(
        f"--llm-endpoint=box={answering()}",
        "--llm-rounds=1",
        "--llm-html=out/report.html",
        "--llm-no-answers",
        "-kadd or test_it",
    )
    assert result.ret == 0
    said = summary.read_text()
    assert said.startswith("of the step before\n### llmeval: ")
    assert "- **box** " in said
    text = (project.path / "out" / "report.html").read_text(encoding="utf-8")
    assert text.startswith("<!doctype html>")
    assert "add(a, b)를 작성해 줘." in text, "the prompt of a scenario file"
    assert "Write add for a test." in text, "that of a question which no file has"
    assert "Its answers were not kept" in text
    assert "Here it is." not in text
