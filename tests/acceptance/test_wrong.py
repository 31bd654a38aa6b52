"""Wrong things: each a plain sentence and a sensible exit code, nothing lost."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Any

import fault_server
import mock_server
import pytest

if TYPE_CHECKING:
    from collections.abc import Callable


def output(result: pytest.RunResult) -> str:
    return result.stdout.str() + result.stderr.str()


@pytest.mark.workers
def test_no_server(project: Any) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    result = project.pytest(f"--llm-endpoint=http://127.0.0.1:{port}")
    assert result.ret == 1
    result.assert_outcomes(failed=3)
    assert f"127.0.0.1:{port}" in output(result)
    assert "is the server running" in output(result)
    assert "Traceback" not in output(result)
    run = project.last_run()
    assert {cell["samples"][0]["error"]["kind"] for cell in run["cells"]} == {"connect"}


def test_wrong_model_lists_what_there_is(project: Any, answering: Callable[..., str]) -> None:
    result = project.pytest(f"--llm-endpoint={answering()}", "--llm-model=qwen")
    assert result.ret == 1
    assert "qwen" in output(result)
    assert "mock" in output(result)
    assert "Traceback" not in output(result)


def test_several_models_are_listed(project: Any, answering: Callable[..., str]) -> None:
    url = answering(models=("small", "large"))
    result = project.pytest(f"--llm-endpoint={url}")
    assert result.ret == 1
    assert "--llm-model=" in output(result)
    assert "small" in output(result)
    project.pytest(f"--llm-endpoint={url}", "--llm-model=large", "--llm-rounds=1").assert_outcomes(passed=3)


def test_http_500_fails_every_cell_with_the_servers_words(
    project: Any, answering: Callable[..., str]
) -> None:
    url = answering(status=500, error={"error": {"message": "CUDA out of memory", "type": "server_error"}})
    result = project.pytest(f"--llm-endpoint={url}", "--llm-rounds=2")
    assert result.ret == 1
    result.assert_outcomes(failed=3)
    result.stdout.fnmatch_lines(["FAILED suites/mine.eval.yaml::add*http_5xx (HTTP 500)*CUDA out of memory*"])
    assert "Traceback" not in output(result)
    assert not any(sample["ok"] for cell in project.last_run()["cells"] for sample in cell["samples"])


def test_endpoints_that_go_wrong_leave_the_others_alone(project: Any, answering: Callable[..., str]) -> None:
    with fault_server.running() as faulty:
        bad = ("resets-in-the-stream", "headers-without-end", "429-in-html", "a-gzip-bomb")
        result = project.pytest(
            f"--llm-endpoint=good={answering()}",
            *(f"--llm-endpoint={name}={faulty}/{name}" for name in bad),
            "--llm-model=mock",
            "--llm-rounds=1",
        )
    result.assert_outcomes(passed=3, failed=3 * len(bad))
    assert "Traceback" not in output(result)
    for cell in project.last_run()["cells"]:
        (sample,) = cell["samples"]
        assert sample["ok"] == (cell["endpoint"] == "good")
        assert ("ttft_s" in sample) == sample["ok"]


def test_a_stream_that_breaks_keeps_its_partial_answer(project: Any, answering: Callable[..., str]) -> None:
    result = project.pytest(f"--llm-endpoint={answering(close_after=3)}", "--llm-rounds=1")
    assert result.ret == 1
    result.stdout.fnmatch_lines(["*interrupted*"])
    for cell in project.last_run()["cells"]:
        assert cell["samples"][0]["error"]["kind"] == "interrupted"
        assert cell["samples"][0]["partial_tokens"] > 0


@pytest.mark.workers
def test_a_yaml_mistake_names_file_and_line(project: Any, answering: Callable[..., str]) -> None:
    (project.path / "suites" / "mine.eval.yaml").write_text(
        "scenarios:\n- id: a\n  prompt: {en: hi}\n  promt: x\n"
    )
    result = project.pytest(f"--llm-endpoint={answering()}")
    assert result.ret in (pytest.ExitCode.INTERRUPTED, pytest.ExitCode.TESTS_FAILED)
    assert "mine.eval.yaml:4" in output(result)
    assert "promt" in output(result)
    assert "Traceback" not in output(result)


def test_a_wrong_project_file_is_told_where_nobody_is_asked_too(project: Any) -> None:
    (project.path / "llmeval.toml").write_text("rounds = 0\n")
    (project.path / "test_own.py").write_text("def test_own(llm):\n    assert llm\n")
    result = project.pytest()
    result.assert_outcomes(errors=2)
    lines = [
        line for line in output(result).splitlines() if line.startswith("llmeval.toml:1: rounds: expected")
    ]
    assert len(lines) == 2
    assert "pytest_llmeval" not in output(result)


@pytest.mark.parametrize(
    ("arguments", "toml", "words"),
    [
        (["--llm-endpoint=nope"], "", "nope"),
        (["--llm-endpoint=box"], "[endpoints.box]\nurl = 'http://a'\nmodle = 'x'\n", "llmeval.toml:3"),
        (["--llm-endpoint=local", "--llm-suite=smok"], "", "there is no shipped suite 'smok'"),
        (["--llm-endpoint=http://a", "--llm-json=suites"], "", "suites is a folder"),
    ],
    ids=["option", "project-file", "suite", "place"],
)
def test_what_is_wrong_usage(project: Any, arguments: list[str], toml: str, words: str) -> None:
    (project.path / "llmeval.toml").write_text(toml)
    result = project.pytest(*arguments)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    assert words in output(result)
    assert "Traceback" not in output(result)
    assert not (project.path / ".llmeval" / "runs").exists()


def test_ctrl_c_in_a_stream_keeps_what_there_is_and_judges_nothing(
    project: Any, answering: Callable[..., str]
) -> None:
    url = answering(gap_s=0.2, answers={}, tokens=100)
    command = [sys.executable, "-m", "pytest", f"--llm-endpoint={url}", "--llm-rounds=1", "--llm-warmup=0"]
    with subprocess.Popen(
        command,
        cwd=project.path,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
        start_new_session=True,
    ) as process:
        deadline = time.monotonic() + 60
        while not any(len(one["sent_ns"]) > 2 for one in mock_server.log(url)):
            assert time.monotonic() < deadline, "it never streamed"
            time.sleep(0.05)
        process.send_signal(signal.SIGINT)
        text, _ = process.communicate(timeout=30)
    assert process.returncode == pytest.ExitCode.INTERRUPTED
    assert "nothing was judged" in text
    assert "Traceback" not in text
    run = project.last_run()
    assert run["complete"] is False
    assert run.get("verdicts", []) == []
    (cell,) = run["cells"]
    assert cell["samples"][-1]["error"]["kind"] == "interrupted"
    assert cell["samples"][-1]["partial_tokens"] > 0
