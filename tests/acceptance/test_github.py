"""A run on GitHub Actions: failures are annotations at their lines, and nothing else is a command."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

HOSTILE = "::error file=x::boo\n  ::stop-commands::t\nsay ##[group]x\n::add-mask::a\n"
SUITE = """\
scenarios:
- id: shout
  prompt: {en: Shout.}
  answer: {code: python}
  floor: {quality: 8}
"""
TEST = """\
def test_shout(llm):
    answer = llm.ask("Shout.", id="shout")
    print(answer.text)
    assert "::error::" in answer.text
"""


@pytest.fixture
def on_github(project: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A project below the root of its repository, whose model answers in commands."""
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    monkeypatch.setenv("GITHUB_WORKSPACE", str(project.path.parent))
    (project.path / "suites" / "mine.eval.yaml").write_text(SUITE)
    (project.path / "test_mine.py").write_text(TEST)
    return project


@pytest.mark.workers
def test_failures_are_annotated_and_answers_are_no_commands(
    on_github: Any, answering: Callable[..., str]
) -> None:
    url = answering(answers={"Shout": HOSTILE})
    result = on_github.pytest(f"--llm-endpoint=box={url}", "--llm-rounds=1")
    result.assert_outcomes(failed=2)
    printed = result.outlines + result.errlines
    folder = on_github.path.name
    commands = sorted(line for line in printed if line.lstrip().startswith("::") or "##[" in line)
    assert [line.partition("::")[2].partition(",title")[0] for line in commands] == [
        f"error file={folder}/suites/mine.eval.yaml,line=2",
        f"error file={folder}/test_mine.py,line=1",
    ], commands
    assert "quality" in commands[0]
    assert "AssertionError" in commands[1] or "assert" in commands[1]
    assert any("∷stop-commands::t" in line for line in printed), "it was printed, and harmless"


def test_broken_promises_come_first_and_are_counted(on_github: Any, answering: Callable[..., str]) -> None:
    (on_github.path / "llmeval.toml").write_text("[policy.output_tps]\nfloor = 1000000\n")
    scenarios = [
        f"- {{id: s{number}, prompt: {{en: Shout.}}, floor: {{quality: 8}}, answer: {{code: python}}}}"
        for number in range(12)
    ]
    (on_github.path / "suites" / "mine.eval.yaml").write_text("\n".join(["scenarios:", *scenarios]))
    (on_github.path / "test_mine.py").unlink()
    result = on_github.pytest(
        f"--llm-endpoint=box={answering(answers={'Shout': HOSTILE})}", "--llm-rounds=1", "--llm-confirm=0"
    )
    commands = [line for line in result.outlines if line.startswith("::")]
    folder = on_github.path.name
    assert commands[0].startswith(
        f"::error file={folder}/llmeval.toml,line=1,title=llmeval/box%3A%3Aoutput_tps::"
    )
    assert len(commands) == 10
    assert commands[-1] == "::error title=llmeval::4 more failures: see the summary"
