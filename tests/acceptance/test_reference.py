"""Two endpoints asked in turn, and one compared with the other, through real pytest runs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import mock_server
import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

WARM_UP = "Say hello."
SHORT = {"Write add": "def add(a, b): pass", "add(a, b)": "def add(a, b): pass", "인사": "안녕하세요!"}
GAP_S = 0.1
"""Wide, so that a busy machine's lag is no reason to doubt it; the answers are short instead."""


@pytest.fixture
def pair(answering: Callable[..., str], second_answering: Callable[..., str]) -> Callable[..., Any]:
    """The URLs of an endpoint and of its reference. ``pair(slower=2)``: with such gaps, and short answers."""

    def start(slower: float | None = None) -> tuple[str, str]:
        if slower is None:
            return answering(), second_answering()
        new = answering(gap_s=GAP_S * slower, answers=SHORT)
        return new, second_answering(gap_s=GAP_S, answers=SHORT)

    return start


def options(new: str, old: str) -> list[str]:
    return [f"--llm-endpoint=new={new}", f"--llm-reference=old={old}"]


def order(new: str, old: str) -> list[tuple[str, str]]:
    """``(N or O, the prompt)`` of every measured request, in the order in which they arrived."""
    asked = [
        (entry["received_ns"], who, entry["body"]["messages"][-1]["content"])
        for who, url in (("N", new), ("O", old))
        for entry in mock_server.log(url)
        if "messages" in (entry["body"] or {})
    ]
    return [(who, prompt) for _, who, prompt in sorted(asked) if prompt != WARM_UP]


def test_a_slower_endpoint_is_red_without_any_baseline(project: Any, pair: Callable[..., Any]) -> None:
    new, old = pair(slower=2)
    result = project.pytest(*options(new, old), "--llm-rounds=2", "--llm-confirm=1")
    assert result.ret == 1
    result.stdout.fnmatch_lines(
        [
            "llmeval: new, each in turn with old · 2 rounds, * no baselines · false alarms ≤ 2%",
            "FAILED llmeval/new::output_tps - mine on new is * % slower than old (*, asked in turn; *",
        ]
    )
    assert result.parseoutcomes()["passed"] == 3, "an item a cell, not one of the reference"
    run = project.last_run()
    assert run["reference"] == "old"
    cells = {(one["endpoint"], one["scenario"], one["language"]) for one in run["cells"]}
    assert len(cells) == len(run["cells"]) == 6
    assert {one["against"] for one in run["cells"][-1]["samples"]} == {"new"}
    asked = order(new, old)
    assert "".join(who for who, _ in asked) == 3 * "NOON" + 3 * "NO", "the rounds, and those that confirm"
    for of_cell in (asked[start : start + 4] for start in range(0, 12, 4)):
        assert len({prompt for _, prompt in of_cell}) == 1, "nothing else is asked meanwhile"
    assert not (project.path / "baselines").exists()


def test_an_unchanged_endpoint_is_green_and_both_are_shown(project: Any, pair: Callable[..., Any]) -> None:
    result = project.pytest(*options(*pair()), "-v")
    assert result.ret == 0, result.stdout.str()
    shown = result.stdout.str()
    table = shown[shown.index("= llmeval =") :].splitlines()
    names = [line.split()[1] for line in table if line.startswith(("add/", "greet/"))]
    assert names == ["new", "old"] * 3, "each beside its reference"
    assert any(line.startswith("3 cells") and "old" in line and "reference" in line for line in table)
    assert "asked in turn" in shown


def test_a_reference_that_fails_is_named(project: Any, pair: Callable[..., Any]) -> None:
    new, old = pair()
    mock_server.control(old, error_after=3)
    result = project.pytest(*options(new, old), "--llm-rounds=1")
    assert result.ret == 1
    result.stdout.fnmatch_lines(
        ["FAILED *add*new-en* - *the reference old: interrupted: mock mid-stream error*"]
    )
    assert result.parseoutcomes()["failed"] == 3
    result = project.pytest(f"--llm-endpoint=new={new}", "--llm-reference=old=http://127.0.0.1:9")
    result.assert_outcomes(failed=3)
    assert "the reference old: connect" in result.stdout.str()
    assert {one["endpoint"] for one in project.last_run()["cells"]} == {"old"}, "alone it would say nothing"
    result = project.pytest(f"--llm-reference=old={new}", "--llm-endpoint=new=http://127.0.0.1:9")
    result.assert_outcomes(failed=3)
    assert "the reference" not in result.stdout.str().partition("short test summary")[2]


def test_several_endpoints_have_one_reference(project: Any, pair: Callable[..., Any]) -> None:
    new, old = pair()
    third = f"--llm-endpoint=slow={new}"
    result = project.pytest(*options(new, old), third, "--llm-rounds=2", "--llm-confirm=0", "-k", "add")
    assert result.parseoutcomes()["passed"] == 4
    cells = {(one["endpoint"], one["language"]): one for one in project.last_run()["cells"]}
    assert len(cells) == 6
    against = [one["against"] for one in cells["old", "en"]["samples"]]
    assert sorted(against) == ["new", "new", "slow", "slow"]
    compared = {one["endpoint"] for one in project.last_run()["verdicts"] if one["metric"] == "clarity"}
    assert compared == {"new", "slow"}


LOAD = """\
scenarios:
- {id: many, prompt: {en: Write add.}, load: {concurrency: 2, requests: 4}}
- {id: start, prompt: {en: Start.}, cold: true}
"""


def test_batches_of_a_load_alternate_and_a_cold_start_needs_servers_of_ours(
    project: Any, pair: Callable[..., Any]
) -> None:
    (project.path / "suites" / "mine.eval.yaml").write_text(LOAD, encoding="utf-8")
    new, old = pair()
    result = project.pytest(*options(new, old), "--llm-rounds=2", "-rs")
    outcomes = result.parseoutcomes()
    assert (outcomes["passed"], outcomes["skipped"]) == (1, 1), result.stdout.str()
    assert "a cold start is measured on a server that the run itself starts" in result.stdout.str()
    assert "".join(who for who, _ in order(new, old)) == "NNNNOOOOOOOONNNN"
    batches = {one["endpoint"]: one["load"] for one in project.last_run()["cells"]}
    assert [(one["round"], one["against"]) for one in batches["old"]] == [(0, "new"), (1, "new")]


def test_what_was_asked_in_turn_enters_no_baseline(project: Any, pair: Callable[..., Any]) -> None:
    given = options(*pair())
    result = project.pytest(*given, "--llm-update-baselines")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    assert "no session of a baseline" in result.stderr.str()
