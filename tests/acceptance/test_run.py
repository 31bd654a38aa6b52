"""A run against a server: ids, run file, answers, table, exit codes; the same with and without workers."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

ADD_EN = "suites/mine.eval.yaml::add[default-en]"


@pytest.mark.workers
def test_a_run_measures_scores_and_keeps_every_cell(project: Any, answering: Callable[..., str]) -> None:
    result = project.pytest(f"--llm-endpoint={answering()}", "-v")
    assert result.ret == 0
    result.assert_outcomes(passed=3)
    result.stdout.fnmatch_lines(["llmeval: default · 3 rounds*", "*TTFT*TPOT*speed*quality*"])
    run = project.last_run()
    assert run["schema"] == "llmeval-run/1"
    assert run["complete"] is True
    assert sorted((cell["suite"], cell["scenario"], cell["language"]) for cell in run["cells"]) == [
        ("mine", "add", "en"),
        ("mine", "add", "ko"),
        ("mine", "greet", "ko"),
    ]
    assert run["endpoints"]["default"]["model"] == "mock"
    for cell in run["cells"]:
        assert [sample["round"] for sample in cell["samples"]] == [0, 1, 2]
        for sample in cell["samples"]:
            assert sample["ok"] is True
            assert sample["tokens_from"] == "usage"
            assert 0.005 < sample["ttft_s"] < 1
            assert sample["output_tps"] > 0
    by_scenario = {cell["scenario"]: cell for cell in run["cells"]}
    score = by_scenario["add"]["samples"][0]["score"]
    assert score["quality"] > 5
    assert score["parts"]
    assert "quality" not in by_scenario["greet"]["samples"][0].get("score", {})
    assert {verdict["verdict"] for verdict in run["verdicts"]} == {"new"}


def test_what_is_written_where(project: Any, answering: Callable[..., str]) -> None:
    url = f"--llm-endpoint=mine={answering()}"
    project.pytest(url, "--llm-rounds=1", "--llm-json=out/run.json", "--junitxml=junit.xml")
    run = json.loads((project.path / "out" / "run.json").read_text(encoding="utf-8"))
    assert list(run["endpoints"]) == ["mine"]
    xml = (project.path / "junit.xml").read_text(encoding="utf-8")
    assert 'name="llm_ttft_s"' in xml
    assert 'name="llm_quality"' in xml
    folder = project.path / ".llmeval"
    assert (folder / ".gitignore").read_text() == "*\n"
    (answers,) = folder.glob("runs/*/answers.jsonl")
    lines = [json.loads(line) for line in answers.read_text(encoding="utf-8").splitlines()]
    assert {line["cell"] for line in lines} == {"mine/add/en", "mine/add/ko", "mine/greet/ko"}
    assert any("안녕하세요" in line["text"] for line in lines)
    answers.unlink()
    project.pytest(url, "--llm-rounds=1", "--llm-no-answers")
    assert not list(folder.glob("runs/*/answers.jsonl"))


def test_cells_are_selected_by_keyword_marker_and_language(
    project: Any, answering: Callable[..., str]
) -> None:
    url = f"--llm-endpoint={answering()}"
    rounds = "--llm-rounds=1"
    project.pytest(url, rounds, "-k", "greet").assert_outcomes(passed=1, deselected=2)
    project.pytest(url, rounds, "-m", "mini").assert_outcomes(passed=2, deselected=1)
    project.pytest(url, rounds, "--llm-prompt-language=ko").assert_outcomes(passed=2)
    project.pytest(url, rounds, ADD_EN).assert_outcomes(passed=1)


@pytest.mark.workers
def test_two_endpoints_double_the_cells(project: Any, answering: Callable[..., str]) -> None:
    url = answering()
    result = project.pytest(f"--llm-endpoint=a={url}", f"--llm-endpoint=b={url}/v1", "--llm-rounds=1")
    result.assert_outcomes(passed=6)
    assert {cell["endpoint"] for cell in project.last_run()["cells"]} == {"a", "b"}


@pytest.mark.workers
def test_without_an_endpoint_cells_are_skipped_with_a_sentence(project: Any) -> None:
    result = project.pytest()
    assert result.ret == 0
    result.assert_outcomes(skipped=3)
    result.stdout.fnmatch_lines(["llmeval: 3 skipped: no endpoint was named: add --llm-endpoint=URL*"])


@pytest.mark.workers
def test_ci_without_an_endpoint_is_wrong_usage(project: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CI", "true")
    result = project.pytest()
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    assert "no endpoint was named" in result.stderr.str() + result.stdout.str()


def test_the_environment_names_an_endpoint(
    project: Any, answering: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LLMEVAL_ENDPOINT", answering())
    monkeypatch.setenv("LLMEVAL_ROUNDS", "1")
    project.pytest().assert_outcomes(passed=3)


def test_the_project_file_configures_endpoints(project: Any, answering: Callable[..., str]) -> None:
    (project.path / "llmeval.toml").write_text(f'rounds = 1\n[endpoints.box]\nurl = "{answering()}"\n')
    project.pytest("--llm-endpoint=box").assert_outcomes(passed=3)


@pytest.mark.workers
def test_nothing_of_ones_own_runs_the_smoke_suite(project: Any, answering: Callable[..., str]) -> None:
    (project.path / "suites" / "mine.eval.yaml").unlink()
    result = project.pytest(f"--llm-endpoint={answering()}", "--llm-rounds=1", "-v")
    result.assert_outcomes(passed=4)
    result.stdout.fnmatch_lines(["*llmeval-suites/smoke/smoke.eval.yaml::*"])


@pytest.mark.workers
def test_a_named_suite_runs_alone(project: Any, answering: Callable[..., str]) -> None:
    (project.path / "test_other.py").write_text("def test_other():\n    assert False\n")
    result = project.pytest(f"--llm-endpoint={answering()}", "--llm-rounds=1", "--llm-suite=smoke")
    result.assert_outcomes(passed=4)
    assert {cell["suite"] for cell in project.last_run()["cells"]} == {"smoke"}


def test_a_named_suite_joins_what_is_named(project: Any, answering: Callable[..., str]) -> None:
    result = project.pytest(f"--llm-endpoint={answering()}", "--llm-rounds=1", "--llm-suite=smoke", "suites")
    result.assert_outcomes(passed=7)


@pytest.mark.workers
def test_benchmark_has_every_cell(project: Any, answering: Callable[..., str]) -> None:
    result = project.pytest(f"--llm-endpoint={answering()}", "--benchmark-json=bench.json")
    assert result.ret == 0
    result.stdout.fnmatch_lines(["*benchmark*llmeval latency*", "*llmeval per_token*"])
    benchmarks = json.loads((project.path / "bench.json").read_text())["benchmarks"]
    assert sorted(one["fullname"] for one in benchmarks) == sorted(
        f"suites/mine.eval.yaml::{cell}::{series}"
        for cell in ("add[default-en]", "add[default-ko]", "greet[default-ko]")
        for series in ("latency", "per_token")
    )
    (one,) = [bench for bench in benchmarks if bench["fullname"] == f"{ADD_EN}::per_token"]
    (cell,) = [cell for cell in project.last_run()["cells"] if cell["language"] == "en"]
    rates = [sample["output_tps"] for sample in cell["samples"]]
    assert one["stats"]["rounds"] == 3
    assert one["stats"]["median"] == pytest.approx(1 / sorted(rates)[1], rel=1e-6)
    assert one["extra_info"]["ttft_s"] > 0


@pytest.mark.workers
def test_the_same_ids_run_again_by_last_failed(project: Any, answering: Callable[..., str]) -> None:
    url = answering(status=500, error={"error": {"message": "out of memory", "type": "server_error"}})
    result = project.pytest(f"--llm-endpoint={url}", "--llm-rounds=1", "-k", "add and en")
    result.assert_outcomes(failed=1, deselected=2 * (project.workers == 0))
    answering()
    project.pytest(f"--llm-endpoint={url}", "--llm-rounds=1", "--lf").assert_outcomes(passed=1)
    assert len(project.last_run()["cells"]) == 1
