"""``llmeval probe``: against the mock, and against nothing."""

from __future__ import annotations

import tomllib
from typing import TYPE_CHECKING

import mock_server
import ollama_standin

from pytest_llmeval import cli

if TYPE_CHECKING:
    from pathlib import Path

    import pytest


def test_it_says_what_a_server_is_and_prints_its_section(
    mock: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert cli.main(["probe", mock]) == 0
    told, _, section = capsys.readouterr().out.partition("\n\n")
    assert "vllm 0.0-mock" in told
    assert "32,768 tokens" in told
    assert "tok/s over 24 tokens" in told
    pasted = tomllib.loads(section)
    assert pasted == {"endpoints": {"mock": {"kind": "openai", "url": mock, "model": "mock"}}}
    (tmp_path / "llmeval.toml").write_text(section)
    assert cli.main(["probe", "mock"]) == 0


def test_a_key_is_named_and_never_printed(
    mock: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("LLMEVAL_API_KEY", "sk-canary-123456")
    assert cli.main(["probe", mock]) == 0
    out = capsys.readouterr().out
    assert 'api_key_env = "LLMEVAL_API_KEY"' in out
    assert "canary" not in out


def test_a_failing_answer_and_no_server_are_told_apart(
    mock: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    mock_server.control(mock, status=500, error={"error": {"message": "out of memory"}})
    assert cli.main(["probe", mock]) == 1
    assert "out of memory" in capsys.readouterr().out
    assert cli.main(["probe", "http://127.0.0.1:1"]) == 2
    assert "is the server running" in capsys.readouterr().err
    assert cli.main(["probe", "local"]) == 2


def test_ollama_gets_its_own_kind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    with ollama_standin.running() as (url, _):
        assert cli.main(["probe", url]) == 0
        told, _, section = capsys.readouterr().out.partition("\n\n")
        assert "ollama 0.12.1" in told
        assert tomllib.loads(section) == {
            "endpoints": {"qwen-latest": {"kind": "ollama", "url": url, "model": "qwen:latest"}}
        }
        (tmp_path / "llmeval.toml").write_text(section)
        assert cli.main(["probe", "qwen-latest"]) == 0
        assert tomllib.loads(capsys.readouterr().out.partition("\n\n")[2]) == tomllib.loads(section)


def test_a_function_and_a_service_are_probed_by_their_names(
    mock: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "probed_app.py").write_text("def answer(prompt):\n    yield from prompt.split()\n")
    written = f"""\
[endpoints.app]
kind = "function"
call = "probed_app:answer"

[endpoints.flow]
kind = "http"
url = "{mock}/v1/chat/completions"
request = {{ "a b" = [1, true], messages = "{{messages}}", stream = true, model = "{{model}}" }}
text = "choices.0.delta.content"
model = "mock"
"""
    (tmp_path / "llmeval.toml").write_text(written)
    for name in ("app", "flow"):
        assert cli.main(["probe", name]) == 0
        told, _, section = capsys.readouterr().out.partition("\n\n")
        assert "speed" in told
        assert tomllib.loads(section)["endpoints"][name] == tomllib.loads(written)["endpoints"][name]
    assert cli.main(["probe", "local"]) == 2


def test_what_is_no_url_is_told_without_naming_an_option(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert cli.main(["probe", "localhost:8000"]) == 2
    error = capsys.readouterr().err
    assert error == 'llmeval: "localhost:8000" is no endpoint\n  -> is it a URL? http://localhost:8000\n'
