"""Baselines and verdicts through real pytest runs."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ET
from typing import TYPE_CHECKING, Any

import pytest

from pytest_llmeval import cli

if TYPE_CHECKING:
    from collections.abc import Callable

UPDATE = "--llm-update-baselines"


def baseline(project: Any, name: str = "default") -> dict[str, Any]:
    data: dict[str, Any] = json.loads(
        (project.path / "baselines" / f"{name}.json").read_text(encoding="utf-8")
    )
    return data


@pytest.mark.workers
def test_update_writes_a_baseline_that_the_next_run_is_green_against(
    project: Any, answering: Callable[..., str]
) -> None:
    url = f"--llm-endpoint={answering()}"
    first = project.pytest(url, UPDATE)
    assert first.ret == 0
    first.stdout.fnmatch_lines(["*default*session*"])
    data = baseline(project)
    assert data["schema"] == "llmeval-baseline/1"
    (session,) = data["epochs"][0]["sessions"]
    assert set(session["cells"]) == {"mine/add/en", "mine/add/ko", "mine/greet/ko"}
    assert len(session["cells"]["mine/add/en"]["samples"]["output_tps"]) == 3
    text = (project.path / "baselines" / "default.json").read_text(encoding="utf-8")
    assert text.endswith("}\n")
    assert str(project.path) not in text
    second = project.pytest(url)
    assert second.ret == 0
    verdicts = {(one["metric"], one.get("cell")): one["verdict"] for one in project.last_run()["verdicts"]}
    assert verdicts["output_tps", None] in ("ok", "inconclusive", "improved")
    project.pytest(url, UPDATE)
    assert len(baseline(project)["epochs"][0]["sessions"]) == 2


@pytest.mark.alone
@pytest.mark.workers
def test_a_collapse_is_red_with_a_sentence_that_says_what_to_do(
    project: Any, answering: Callable[..., str]
) -> None:
    url = answering(gap_s=0.005)
    project.pytest(f"--llm-endpoint=box={url}", UPDATE)
    before = baseline(project, "box")
    answering(gap_s=0.012)
    result = project.pytest(f"--llm-endpoint=box={url}", UPDATE, "--junitxml=junit.xml")
    assert result.ret == 1
    result.stdout.fnmatch_lines(["llmeval: box may have lost; before it is red, * measured once more*"])
    result.stdout.fnmatch_lines(["FAILED llmeval/box::output_tps - *box*slower*"])
    assert "llmeval baseline accept" in result.stdout.str()
    assert baseline(project, "box") == before, "a red run must not enter the baseline"
    cases = ET.parse(project.path / "junit.xml").getroot().iter("testcase")
    failures = {case.get("name"): case.find("failure") for case in cases}
    failed = [failure for failure in failures.values() if failure is not None]
    assert failed
    assert any("slower" in (failure.get("message") or "") + (failure.text or "") for failure in failed)
    verdict = next(
        one for one in project.last_run()["verdicts"] if one["metric"] == "output_tps" and not one.get("cell")
    )
    assert verdict["verdict"] == "regressed"
    assert verdict["effect"] < -0.4
    assert verdict["confirmed"] is True


@pytest.mark.alone
def test_last_failed_after_a_verdict_runs_its_cells(project: Any, answering: Callable[..., str]) -> None:
    url = answering(gap_s=0.005)
    project.pytest(f"--llm-endpoint=box={url}", UPDATE)
    answering(gap_s=0.012)
    project.pytest(f"--llm-endpoint=box={url}")
    result = project.pytest(f"--llm-endpoint=box={url}", "--lf")
    assert len(project.last_run()["cells"]) == 3
    assert "no previously failed" not in result.stdout.str()


def test_a_vanished_scenario_is_missing_and_a_deselected_one_is_not(
    project: Any, answering: Callable[..., str]
) -> None:
    url = f"--llm-endpoint={answering()}"
    project.pytest(url, UPDATE)
    partial = project.pytest(url, UPDATE, "-k", "greet")
    assert partial.ret == 0
    assert "the run is partial" in " ".join(partial.stdout.str().split())
    assert len(baseline(project)["epochs"][0]["sessions"]) == 1
    assert project.pytest(url, "--llm-prompt-language=ko").ret == 0
    assert project.pytest(url, "suites/mine.eval.yaml::greet[default-ko]").ret == 0
    suite = project.path / "suites" / "mine.eval.yaml"
    text = suite.read_text(encoding="utf-8")
    suite.write_text(text[: text.index("- id: greet")], encoding="utf-8")
    result = project.pytest(url)
    assert result.ret == 1
    assert "mine/greet/ko" in result.stdout.str()
    assert any(one["verdict"] == "missing" for one in project.last_run()["verdicts"])


def test_a_scenario_of_another_file_is_not_missing_when_one_file_runs(
    project: Any, answering: Callable[..., str]
) -> None:
    other = project.path / "suites" / "other.eval.yaml"
    other.write_text("suite: mine\nscenarios:\n- id: more\n  prompt: {en: Write add again.}\n")
    url = f"--llm-endpoint={answering()}"
    project.pytest(url, UPDATE)
    assert len(baseline(project)["epochs"][0]["sessions"][0]["cells"]) == 4
    assert project.pytest(url, "suites/mine.eval.yaml").ret == 0
    other.unlink()
    assert project.pytest(url, "suites/mine.eval.yaml").ret == 1


def test_a_changed_prompt_is_stale_and_red_only_under_strict(
    project: Any, answering: Callable[..., str]
) -> None:
    url = f"--llm-endpoint={answering()}"
    project.pytest(url, UPDATE)
    suite = project.path / "suites" / "mine.eval.yaml"
    text = suite.read_text(encoding="utf-8")
    suite.write_text(text.replace("Write add(a, b).", "Write add(a, b) please."), encoding="utf-8")
    assert project.pytest(url).ret == 0
    stale = [one for one in project.last_run()["verdicts"] if one["verdict"] == "stale"]
    assert stale
    assert project.pytest(url, "--llm-strict").ret == 1


@pytest.mark.workers
def test_a_corrupt_baseline_stops_the_run_before_it_costs_anything(
    project: Any, answering: Callable[..., str]
) -> None:
    url = f"--llm-endpoint={answering()}"
    project.pytest(url, UPDATE)
    path = project.path / "baselines" / "default.json"
    broken = path.read_text(encoding="utf-8")[:-20]
    path.write_text(broken, encoding="utf-8")
    result = project.pytest(url, UPDATE)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    assert "baselines/default.json" in result.stdout.str() + result.stderr.str()
    assert path.read_text(encoding="utf-8") == broken


def test_a_floor_fails_its_own_cell(project: Any, answering: Callable[..., str]) -> None:
    suite = project.path / "suites" / "mine.eval.yaml"
    suite.write_text(
        suite.read_text(encoding="utf-8").replace("tags: [mini]", "tags: [mini]\n  floor: {output_tps: 1e6}"),
        encoding="utf-8",
    )
    result = project.pytest(f"--llm-endpoint={answering()}", "--llm-rounds=1")
    result.assert_outcomes(failed=2, passed=1)
    result.stdout.fnmatch_lines(["FAILED*add*output_tps is*under the scenario's floor of 1e+06*"])


def test_collect_only_judges_and_writes_nothing(project: Any, answering: Callable[..., str]) -> None:
    result = project.pytest(f"--llm-endpoint={answering()}", "--collect-only", "-q")
    assert result.ret == 0
    assert not (project.path / ".llmeval").exists()


def test_the_commands_find_the_last_run(
    project: Any,
    answering: Callable[..., str],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """What each of them does is tried on runs of plain numbers: ``tests/cli``."""
    project.pytest(f"--llm-endpoint={answering()}")
    monkeypatch.chdir(project.path)
    capsys.readouterr()
    assert cli.main(["baseline", "update"]) == 0
    assert len(baseline(project)["epochs"][0]["sessions"]) == 1
    assert cli.main(["baseline", "update"]) == 1, "it holds that run"
    assert cli.main(["judge"]) == 0
    assert "default" in capsys.readouterr().out
