"""Where verdicts stand in what pytest tells: its summary, its JUnit file, what it runs again."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

UPDATE = "--llm-update-baselines"
GAP_S = 0.1
"""Wide, so that a busy machine's lag is no reason to doubt it; the answer is short instead."""
ANSWER = {"Write add": "def add(a, b): return a + b"}
TESTS = """\
import pytest


def test_nothing():
    pass


def test_add(llm):
    assert "def add" in llm.ask("Write add(a, b).", id="first").text
"""
SUITE = "scenarios:\n- id: add\n  prompt: {en: Write add.}\n"


def test_a_verdict_on_a_test_stands_at_that_test(project: Any, answering: Callable[..., str]) -> None:
    (project.path / "suites" / "mine.eval.yaml").unlink()
    (project.path / "test_mine.py").write_text(TESTS)
    given = (
        f"--llm-endpoint=box={answering(gap_s=GAP_S, answers=ANSWER)}",
        "--llm-rounds=2",
        "--llm-warmup=0",
        "--llm-confirm=0",
    )
    assert project.pytest(*given, UPDATE).ret == 0
    answering(gap_s=2 * GAP_S, answers=ANSWER)
    result = project.pytest(*given, "-rA", "--junitxml=junit.xml", "-ojunit_family=xunit1")
    assert result.ret == 1
    outcomes = result.parseoutcomes()
    assert (outcomes["passed"], outcomes["failed"]) == (2, 1)
    sentence = (
        "test_mine.py on box is * % slower than its baseline (95 % interval *, 1 session; this gate sees *"
    )
    result.stdout.fnmatch_lines(
        ["PASSED test_mine.py::test_add?box?", f"FAILED llmeval/box::output_tps - {sentence}"]
    )
    (case,) = [
        one
        for one in ET.parse(project.path / "junit.xml").getroot().iter("testcase")
        if one.find("failure") is not None
    ]
    assert (case.get("file"), case.get("line")) == ("test_mine.py", "7"), "JUnit counts lines from 0"
    assert "slower than its baseline" in (case.find("failure").get("message") or "")  # type: ignore[union-attr]
    again = project.pytest(*given, "--lf")
    assert [one["scenario"] for one in project.last_run()["cells"]] == ["test_add-first"]
    assert again.parseoutcomes()["passed"] == 1, "and nothing else"


def test_what_the_gate_cannot_tell_is_red_where_that_is_asked_for(
    project: Any, answering: Callable[..., str]
) -> None:
    (project.path / "llmeval.toml").write_text(
        "rounds = 2\nwarmup = 0\n\n[policy]\n\n[policy.output_tps]\nallowance = 0.05\n"
    )
    (project.path / "suites" / "mine.eval.yaml").write_text(SUITE)
    url = f"--llm-endpoint=box={answering(gap_s=GAP_S, answers=ANSWER)}"
    assert project.pytest(url, UPDATE).ret == 0
    asked = project.pytest(
        url, "--llm-fail-inconclusive", UPDATE, "--junitxml=junit.xml", "-ojunit_family=xunit1"
    )
    assert asked.ret == 1
    asked.stdout.fnmatch_lines(
        ["FAILED llmeval/box::output_tps - *but 1 session can't tell less than a collapse*"]
    )
    assert "session" in asked.stdout.str(), "more sessions are what it lacks"
    cases = ET.parse(project.path / "junit.xml").getroot().iter("testcase")
    places = {
        one.get("name"): (one.get("file"), one.get("line"))
        for one in cases
        if one.find("failure") is not None
    }
    assert places["output_tps"] == ("llmeval.toml", "5")
    assert "latency_s" not in places, "nobody gates it"
